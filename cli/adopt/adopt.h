/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `keelboot adopt`: from an installed Debian to slots (docs/decisions/0081). First it
 * looks, and decides; then it tells, and asks; only then it writes. The initramfs is made last:
 * until it is, the system boots as before.
 */
#pragma once

#include "cli/device/device.h"
#include "initramfs/prober/prober.h"

#define ADOPT_PROBLEMS_MAX 16
#define ADOPT_TEXT_LEN	   320
#define ADOPT_FIX_LEN	   1024
#define ADOPT_WORDS_LEN	   288 /* more than a place of a mount */
/* what to do about adopt_in_use() */
#define ADOPT_END_USE	   "end that (umount, swapoff), and take its line out of /etc/fstab"
/* what to do about a state of another installation, on a partition that is named twice */
#define ADOPT_ERASE                                                                               \
	"take another partition; or look what it is (keelboot --state %s state show), and if no " \
	"installation needs it, fill it with zeroes: blkdiscard -z %s"
#define ADOPT_MIB (UINT64_C(1) << 20)

enum adopt_role {
	ADOPT_ROOT, /* the system that runs: slot a */
	ADOPT_STATE,
	ADOPT_SLOT_B,
	ADOPT_DATA,
	ADOPT_OVERLAY, /* without one, what is written to the root goes into memory */
	ADOPT_BOOT,    /* kernel and initramfs, which serve both slots */
	ADOPT_ROLES,
};

/* What keeps the system from being adopted, and what to do about it. */
struct adopt_problem {
	char text[ADOPT_TEXT_LEN], fix[ADOPT_FIX_LEN];
	/* the fix is commands for a shell, a line each; else advice */
	bool commands;
};

/* What makes the initramfs. */
struct adopt_generator {
	/* its package here; a file of our glue; the initramfs, before the kernel's version */
	const char *package, *glue, *image;
	/* lists what is in an initramfs; makes all of them */
	const char *list;
	const char *make[6];
};

struct adopt {
	struct device_options *opts;
	/* before /proc, /sys, /dev, /etc; "" */
	const char *sys_root;
	/* --key, --data, --from; NULL */
	const char *key, *data, *from;
	char compatible[CONF_NAME_MAX + 1];
	const char *version, *sequence;
	bool dry_run, yes, commands;

	/* what there is */
	struct prober_answer disk;
	/* "/dev/vda"; "" when root lies on no disk that could be found */
	char disk_path[64];
	/* file system of the root, and what it takes, in bytes */
	char root_fstype[32];
	uint64_t used;
	/* where data is mounted; "" */
	char data_mount[CONF_PATH_MAX + 1];
	const struct prober_part *role[ADOPT_ROLES];
	/* it is missing, and the commands of adopt_check_partitions() make it */
	bool will_be[ADOPT_ROLES];
	const struct adopt_generator *generator;
	char kernel[128];

	/* what was done before */
	bool configured, has_state, has_bundle, in_initramfs;
	/* there is a system.conf, and it is not one that adopt made for these partitions */
	bool conf_unfit;
	/* the state's partition has the record of another installation; something, but no record */
	bool state_foreign, state_lost;

	unsigned n;
	struct adopt_problem problem[ADOPT_PROBLEMS_MAX];
};

/* adopt_mounts.c: path below sys_root. */
void adopt_path(const struct adopt *ad, char out[DEVICE_PATH_MAX], const char *path);
/* A line of mountinfo that matters here. */
struct adopt_mount {
	unsigned major, minor;
	char place[256], fstype[32];
	/* of the file system; "/": all of it, else a folder that is bound to the place */
	char root[256];
};
/* What is mounted on a place, or where a partition is mounted, all of it if it is anywhere; false:
 * nothing, nowhere. */
bool adopt_mount_at(const struct adopt *ad, const char *place, struct adopt_mount *m);
bool adopt_mount_of(const struct adopt *ad, const struct prober_part *part, struct adopt_mount *m);

/* What a partition holds. */
enum adopt_content {
	ADOPT_BLANK,	   /* nothing that libblkid knows, so it may be written to */
	ADOPT_FILE_SYSTEM, /* one file system that the boot can mount */
	ADOPT_RECORD,	   /* a state of Keelboot, and nothing else */
	ADOPT_OTHER,	   /* only a person can say whether somebody needs it */
};
enum adopt_content adopt_content(const struct prober_part *part);
/* The same for a person, behind a name: "holds zfs_member". */
void adopt_content_words(const struct prober_part *part, char out[ADOPT_WORDS_LEN]);
/* Whether it is mounted, or the kernel keeps it for another use: "is mounted on /srv". */
bool adopt_in_use(const struct adopt *ad, const struct prober_part *part,
		  char out[ADOPT_WORDS_LEN]);
/* The problem that a partition, which should become `what`, holds something that may be needed. */
void adopt_foreign(struct adopt *ad, const struct prober_part *part, const char *what);

/* What a person has to do, and what commands do. */
void adopt_problem(struct adopt *ad, const char *advice, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
void adopt_missing(struct adopt *ad, const char *commands, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* The GPT label of each role's partition. */
extern const char *const adopt_label[ADOPT_ROLES];
/* Finds root and disk, and gives each partition its role. What is wrong becomes a problem. */
void adopt_look(struct adopt *ad);
/* What is missing, and the commands that make it; needs what adopt_look() found. */
void adopt_check(struct adopt *ad);
/* The commands that make the partitions that are missing. */
void adopt_check_partitions(struct adopt *ad);
/* Those that fill them: /boot, data, and the overlay. */
void adopt_check_file_systems(struct adopt *ad);
/* How large slot b must be for the image of this root. */
uint64_t adopt_image_size(const struct adopt *ad);
/* How much must be free on data: the image, and twice the bundle, while that is put together. One
 * of Debian is compressed to a third. Later the bundle of a release lies beside that of the one
 * before. */
uint64_t adopt_data_room(const struct adopt *ad);

/* Looks for the generator, and whether Keelboot is in the initramfs of each kernel. */
void adopt_look_at_initramfs(struct adopt *ad);
/* From now on nobody else puts Keelboot into it: a file in /boot, which both slots have and no
 * bundle, says to the glue that the rest is not made yet. Reported. */
enum kb_err adopt_hold_initramfs(const struct adopt *ad) KB_MUST_CHECK;
/* Makes it, and looks that Keelboot is in it. Reported. */
enum kb_err adopt_make_initramfs(struct adopt *ad) KB_MUST_CHECK;

/* Whether there is a system.conf that adopt made for these partitions: then it stays, and says what
 * the device is called. Any other is a problem. */
void adopt_look_at_conf(struct adopt *ad);
/* Writes system.conf, and the public key if there is none. Reported. */
enum kb_err adopt_write_conf(struct adopt *ad) KB_MUST_CHECK;

/* Whether the key signs, and whether this device trusts what it signs, or is going to. Else a
 * problem. */
void adopt_check_key(struct adopt *ad);
/* Has the device trust the key, if it trusts none. Reported. */
enum kb_err adopt_write_key(const struct adopt *ad) KB_MUST_CHECK;

/* What is wrong with compatible=, version= or sequence= of the first bundle; NULL: nothing. By the
 * rules of `bundle create`. */
const char *adopt_bundle_wrong(const char *key, const char *value);
/* The first bundle, of the root as it runs. Reported. */
enum kb_err adopt_make_bundle(struct adopt *ad) KB_MUST_CHECK;
void adopt_bundle_path(const struct adopt *ad, char out[DEVICE_PATH_MAX]);

void adopt_print(const struct adopt *ad);
/* What is missing, as a script for sh; false: some of it needs a person, which is reported. */
bool adopt_print_commands(const struct adopt *ad);
