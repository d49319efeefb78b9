/* SPDX-License-Identifier: Apache-2.0 */
/*
 * system.conf: what this device is. Init in the initramfs and the command on the running system
 * read it once, from /etc/keelboot/system.conf or, without that, /usr/lib/keelboot/system.conf.
 * Then come the drop-ins system.conf.d/NAME.conf of both folders in the order of their names, each
 * overriding single keys; of two with one name, that of /etc counts.
 *
 * A bad value is ignored with a warning: what an earlier file or the default says stays. So is an
 * unknown key. Where a key decides what is trusted, a bad value is taken for the one that trusts
 * least, but for verify-slot=, whose strictest one boots nothing that has no manifest. Where it
 * decides what a fetch costs, for a small one. Where it decides which data is lost, it stops what
 * would lose it: conf_is_bad(). A bad file never stops a boot; `check-config` finds it before.
 *
 * The format is inih's: [section], key=value, '#' or ';' begins a comment line, " ;" a comment
 * behind a value. A line has at most CONF_LINE_MAX bytes.
 */
#pragma once

#include "lib/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CONF_SLOTS_MAX	      8
#define CONF_CLASS_LOADER     "loader" /* a class of bundles only: the boot loader is of no slot */
#define CONF_CLASSES_MAX      4	       /* partitions of a slot: "root" and up to three others */
#define CONF_NAME_MAX	      31
/* Of the name of a device, here and in a manifest, which has several, with commas between. */
#define CONF_COMPATIBLE_CHARS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-+"
#define CONF_SPEC_MAX	      127
#define CONF_PATH_MAX	      127
#define CONF_PATHS_MAX	      8	  /* in a list of paths */
#define CONF_PATHS_LEN	      171 /* of such a list, so that the line has room for its key */
#define CONF_URL_MAX	      149
#define CONF_SIZE_MAX	      11
#define CONF_COMMAND_MAX      175 /* bytes of a command for sh */
#define CONF_OMIT_MAX	      191 /* room for the name of each attribute */
#define CONF_OMIT_ALL	      "all"
#define CONF_LINE_MAX	      198
#define CONF_KEYS_MAX	      128
#define CONF_FILE_MAX	      65536 /* bytes; a larger file is not a configuration */
#define CONF_DROPINS_MAX      32

/*
 * How a partition is named: "PARTLABEL=x", "PARTUUID=x", "LABEL=x", "UUID=x", or a device path
 * "/dev/x". Only partitions of the chosen disk match the first four.
 */
typedef char conf_spec[CONF_SPEC_MAX + 1];

struct conf_class {
	/* class: "root", "boot", …; also the [image.NAME] of a bundle */
	char name[CONF_NAME_MAX + 1];
	/* or a file in it: conf_place.h */
	conf_spec part;
};

struct conf_slot {
	/* the class "root" is always among them */
	unsigned nclasses;
	struct conf_class cls[CONF_CLASSES_MAX];
};

/* File systems that a removable medium may be mounted with. */
enum conf_fs { CONF_FS_VFAT = 1, CONF_FS_EXFAT = 2 };
enum conf_media { CONF_MEDIA_USB = 1, CONF_MEDIA_SD = 2 };

/* Whether good slots are charged, too. */
enum conf_count {
	/* As never where the hardware reports both hangs and panics, else as always. */
	CONF_COUNT_AUTO,
	/* Two writes a boot, and a hang is noticed whatever the hardware. */
	CONF_COUNT_ALWAYS,
	CONF_COUNT_NEVER,
};

enum conf_verify {
	CONF_VERIFY_NEVER,
	CONF_VERIFY_BOOT,   /* trials, before each of their boots */
	CONF_VERIFY_ALWAYS, /* nothing but what dm-verity checks against a signed root hash */
};
enum conf_slots { CONF_SLOTS_READONLY, CONF_SLOTS_WRITABLE };

/* Whether the watchdog's report of the reset before is believed. */
enum conf_bootstatus {
	CONF_BOOTSTATUS_TRUST,
	CONF_BOOTSTATUS_IGNORE, /* its driver restarts the machine by it, and says "fired" */
};

/* How a snapshot of the data that belongs to a release is made. */
enum conf_data {
	CONF_DATA_AUTO, /* the best that the file system can */
	CONF_DATA_BTRFS,
	CONF_DATA_REFLINK,
	CONF_DATA_COPY,
	CONF_DATA_LVM,
};

/* What keelboot-fleet fetches of a bundle. */
enum conf_partial {
	CONF_PARTIAL_NO,      /* all of it */
	CONF_PARTIAL_AUTO,    /* what no slot has; all of it where the server sends no parts */
	CONF_PARTIAL_REQUIRE, /* what no slot has, or nothing */
};

/* What starts the pair of a slot, before Keelboot runs: selector/loader. */
enum conf_loader {
	CONF_LOADER_NONE,    /* nothing that Keelboot knows: there is one pair */
	CONF_LOADER_GRUB,    /* an environment block in a file, on a partition of its own */
	CONF_LOADER_UEFI,    /* the firmware itself: BootOrder, BootNext, an entry for each pair */
	CONF_LOADER_UBOOT,   /* U-Boot's redundant environment */
	CONF_LOADER_KEXEC,   /* init itself, in the one kernel that any boot loader starts: no store
			      */
	CONF_LOADER_SYSTEMD, /* systemd-boot: variables of UEFI, a file in its partition for each
				pair */
	CONF_LOADER_EFIBG,   /* EFI Boot Guard: two environments, each beside the file of a pair */
	CONF_LOADER_TRYBOOT, /* a Raspberry Pi's firmware: autoboot.txt, on a partition of its own
			      */
	CONF_LOADER_BAREBOX, /* barebox's bootchooser: its state, in a partition of its own */
	CONF_LOADERS,
};

/* What counts its starts by itself, and waits to hear of one that is fine: whatever starts the
 * kernel that nobody tries. */
enum conf_counter {
	CONF_COUNTER_NONE,
	CONF_COUNTER_UBOOT, /* bootcount, in its redundant environment */
};

/* Who feeds the watchdog once the real system runs. */
enum conf_handover {
	CONF_HANDOVER_SYSTEM,  /* the system; it counts until that opens it */
	CONF_HANDOVER_KEEPER,  /* the guardian, forever */
	CONF_HANDOVER_RELEASE, /* nobody: it is stopped before a good slot is started */
};

struct conf {
	/* [system] */
	/* what a bundle must be for */
	char compatible[CONF_NAME_MAX + 1];
	/* pins the disk: a glob over its path or id; "" ranks */
	char disk[CONF_SPEC_MAX + 1];
	/* the device's disk may be on USB */
	bool usb_disk;
	enum conf_count count;
	/* whether a slot's manifest is verified again */
	enum conf_verify verify_slot;
	/* may the running system write to its slot? */
	enum conf_slots slots;
	/* "auto", "off", "/dev/mtd0" */
	char cookie[CONF_PATH_MAX + 1];
	/* how long to wait for devices; default: 30 */
	uint32_t timeout_s;
	/* default: 300 */
	uint32_t commit_deadline_s;
	/* default: 600; 0: the report proves it */
	uint32_t stable_after_s;
	/* a trial is marked good only so long after its checks passed; default: 0 */
	uint32_t commit_after_s;
	/* default: 300 */
	uint32_t shutdown_deadline_s;
	/* boots of a trial: 1..9, default 3 */
	uint32_t tries;
	/* init of the root; default: "/sbin/init" */
	char init[CONF_PATH_MAX + 1];
	/* which of the kernel's keys are heeded; default: "all" */
	char command_line[CONF_SPEC_MAX + 1];

	/* [state] */
	/* default: "PARTLABEL=keelboot-state" */
	conf_spec state;

	/* [slot.a] … [slot.h]: keys are classes, values partitions */
	/* at least 1; slots are a, b, … without a gap */
	unsigned nslots;
	/* by a file; else the defaults a and b */
	bool slots_given;
	struct conf_slot slot[CONF_SLOTS_MAX];
	/* [system] root-filesystem=; "" means what the prober finds */
	char fstype[CONF_NAME_MAX + 1];
	char mount_options[CONF_SPEC_MAX + 1];
	/* what is above the read-only root: "off", "tmpfs", or the partition that keeps it */
	conf_spec overlay;
	/* of a tmpfs: "64M", "20%" */
	char overlay_size[CONF_SIZE_MAX + 1];

	/* [source.data] */
	bool data_enabled;
	/* default: "PARTLABEL=data" */
	conf_spec data_part;
	/* default: "ext4" */
	char data_fstype[CONF_NAME_MAX + 1];
	/* folder inside the data partition; default: "keelboot/stage" */
	char data_stage[CONF_PATH_MAX + 1];
	/* where the running system has it; default: "/data" */
	char data_mount[CONF_PATH_MAX + 1];
	/* of each source, and of `keelboot install`: yes */
	bool data_verify_first;

	/* [data] */
	/* on the data partition, what goes back with the release: "app,etc/network"; "" nothing */
	char data_paths[CONF_PATHS_LEN + 1];
	enum conf_data data_method;
	/* of a plain copy; default: 256 */
	uint32_t data_limit_mib;
	/* what a reset leaves: "keys,network" */
	char data_keep[CONF_PATHS_LEN + 1];
	/* folder of the slot that a reset copies to the data partition; "" none */
	char data_template[CONF_PATH_MAX + 1];
	/* bits of enum conf_media: media that may ask for a reset */
	unsigned data_reset_media;

	/* [source.raw] */
	bool raw_enabled;
	/* default: "PARTLABEL=keelboot-stage" */
	conf_spec raw_part;
	bool raw_verify_first;

	/* [source.media]: USB sticks and SD cards */
	/* bits of enum conf_media */
	unsigned media_enabled;
	/* default: 500 */
	uint32_t media_wait_ms;
	bool media_verify_first;
	/* bits of enum conf_fs */
	unsigned media_filesystems;

	/* [rescue] */
	/* default: 600 */
	uint32_t rescue_wait_s;

	/* [install] */
	/* apply is killed after so long without progress; default: 60 */
	uint32_t progress_deadline_s;
	/* for `keelboot install` */
	bool install_verify_first;
	/* by so much a bundle's sequence may be ahead; 0: without a bound */
	uint64_t max_jump;

	/* [watchdog] */
	/* "auto", "off", "/dev/watchdog0" */
	char watchdog[CONF_PATH_MAX + 1];
	/* default: 60 */
	uint32_t watchdog_timeout_s;
	enum conf_handover handover;
	enum conf_bootstatus bootstatus;

	/* [loader] */
	enum conf_loader loader;
	enum conf_counter loader_counter;
	/* GRUB, tryboot, barebox: a conf_spec; U-Boot, and its counter: a path; "" : see
	 * conf_loader_environment(), conf_loader_counter() */
	conf_spec loader_environment;
	/* barebox: "0x27031977:1024,a=system0:0:4,b=system1:8:12"; only the loader's store reads it
	 */
	conf_spec loader_layout;
	/* kexec, in the slot; "": one of the usual names. Its kernel's command line gets the words
	 * of the third */
	char loader_kernel[CONF_PATH_MAX + 1];
	char loader_initramfs[CONF_PATH_MAX + 1];
	char loader_words[CONF_PATH_MAX + 1];
	/* the eMMC whose boot areas are the two copies of the boot loader; "": it has one copy */
	char loader_copies[CONF_PATH_MAX + 1];

	/* [measure] */
	/* 8..15; 0: nothing is measured */
	uint32_t measure_pcr;
	/* a slot that cannot be measured is not entered */
	bool measure_required;

	/* [initramfs]: of a distribution, which calls keelboot-select */
	/* without a slot of ours nothing boots */
	bool required;
	/* a boot that fails ends at a prompt, not in a restart */
	bool prompt;
	/* default: 600 */
	uint32_t unlock_timeout_s;

	/* [hooks] */
	/* default: 10 */
	uint32_t hook_timeout_s;

	/* [health] */
	/* default: 60 */
	uint32_t health_timeout_s;
	/* of each program in migrate.d */
	uint32_t migrate_timeout_s;

	/* [guard]: of a system without slots */
	/* for sh; "": there is nothing to guard */
	char guard_bad[CONF_COMMAND_MAX + 1];
	/* for sh; "": nothing */
	char guard_good[CONF_COMMAND_MAX + 1];
	/* prints which deployment runs; "": it is found */
	char guard_deployment[CONF_COMMAND_MAX + 1];
	/* succeeds on a trial; "": every deployment that was not good yet is one */
	char guard_trial[CONF_COMMAND_MAX + 1];
	/* of each of these; default: 120 */
	uint32_t guard_timeout_s;

	/* [fleet]: of keelboot-fleet; lists are by white space */
	/* "https://updates.example.com", "https://example.com/stable.channel"; "" none */
	char fleet_server[CONF_URL_MAX + 1], fleet_channel[CONF_URL_MAX + 1],
		fleet_report[CONF_URL_MAX + 1];
	/* "name=value"; and a file with more, "": none */
	char fleet_attributes[CONF_SPEC_MAX + 1], fleet_attributes_file[CONF_PATH_MAX + 1];
	/* default: "DEFAULT"; "keelboot-fleet" */
	char fleet_tenant[CONF_NAME_MAX + 1], fleet_user[CONF_NAME_MAX + 1];
	/* of this device; "": what the file says, by default /etc/machine-id */
	char fleet_id[CONF_NAME_MAX + 1], fleet_id_file[CONF_PATH_MAX + 1];
	/* of this device, of all devices; "" none */
	char fleet_token_file[CONF_PATH_MAX + 1], fleet_gateway_token_file[CONF_PATH_MAX + 1];
	/* PEM, and the key as an URI, too; "": those of the system, and none */
	char fleet_ca_file[CONF_PATH_MAX + 1], fleet_certificate[CONF_PATH_MAX + 1],
		fleet_key[CONF_PATH_MAX + 1];
	/* the server's distribution set, whose version runs; "": it is not reported */
	char fleet_distribution[CONF_SPEC_MAX + 1];
	/* whether keelboot-fleet reboots what is staged */
	bool fleet_reboot;
	/* what that waits for, "": nothing: a time of the day, paths, a command for sh */
	char fleet_reboot_window[CONF_NAME_MAX + 1], fleet_reboot_inhibit[CONF_COMMAND_MAX + 1],
		fleet_reboot_consent[CONF_COMMAND_MAX + 1];
	/* a command for sh that confirms an action; "": the server does */
	char fleet_confirm[CONF_COMMAND_MAX + 1];
	/* attributes that are not sent, or CONF_OMIT_ALL */
	char fleet_omit[CONF_OMIT_MAX + 1];
	/* unless the server says another time, default: 300; default: 60 */
	uint32_t fleet_poll_s, fleet_timeout_s;
	enum conf_partial fleet_partial;
	/* bytes of bundles in a second, in a day, of each; 0: no limit */
	uint64_t fleet_bandwidth, fleet_daily_bytes, fleet_max_bytes;

	/* [keyring] */
	/* default: "/etc/keelboot/keys" */
	char keyring[CONF_PATH_MAX + 1];
	/* by different keys: 1..16 */
	uint32_t signatures_required;

	/* a line or a file is not understood: any key may be meant */
	bool lost;
	/* by the index in conf_keys[]: see conf_is_bad() */
	bool bad[CONF_KEYS_MAX];
};

/* Whether the last value that a file has for a key could not be read. member: of c, such as
 * c->data_keep. PURE. */
bool conf_is_bad(const struct conf *c, const void *member);

/* True for what can name a partition: see conf_spec. PURE. */
bool conf_value_is_spec(const char *value);

/*
 * One complaint about a file: for a person, or for `keelboot check-config`. line is 0 when it is
 * about the whole file. text may hold bytes of the file that are not printable.
 */
typedef void (*conf_warn_fn)(void *ctx, const char *file, int line, const char *text);

/* All defaults; two slots a and b with PARTLABEL=root-a and root-b. PURE. */
void conf_defaults(struct conf *c);

/*
 * Applies one of several texts to c, which conf_defaults() filled at some time. PURE. `file` is for
 * the messages; warn may be NULL. The first [slot.X] that any text has replaces the default slots;
 * later ones add to it key by key. Never fails: what is bad is warned of and ignored.
 * conf_parse_end() is due behind the last one.
 */
void conf_parse_file(struct conf *c, const char *text, const char *file, conf_warn_fn warn,
		     void *ctx);
/* Looks at the slots that all of them name: one without root=, or with a partition that has another
 * use, is left out with all behind it. PURE. */
void conf_parse_end(struct conf *c, const char *file, conf_warn_fn warn, void *ctx);

/* Both, of one text. PURE. */
void conf_parse(struct conf *c, const char *text, const char *file, conf_warn_fn warn, void *ctx);

/*
 * Defaults, then all files below root ("" or "/sysroot"). Missing files are fine: *found tells if
 * there was any. Warnings go to warn; NULL logs them.
 */
void conf_load(struct conf *c, const char *root, bool *found, conf_warn_fn warn, void *ctx);

/* What a partition is for already ("the state", "a slot", …), or NULL. PURE. */
const char *conf_use_of(const struct conf *c, const char *part);

/* The partition of a class in a slot, or NULL: also for a slot that there is not. */
const char *conf_slot_part(const struct conf *c, unsigned slot, const char *cls);

/* As system.conf has it: "grub"; and back. CONF_LOADERS: it is another word. */
const char *conf_loader_word(enum conf_loader loader);
enum conf_loader conf_loader_of(const char *word);

/* The loader's store is on a partition of its own, which is for nothing else. */
bool conf_loader_has_partition(const struct conf *c);

/* Where the loader's environment is: of GRUB, tryboot and barebox a conf_spec, of U-Boot the path
 * of fw_env.config(5), which has a default; else "". */
const char *conf_loader_environment(const struct conf *c);
/* The path of fw_env.config(5), for loader_counter; and whether system.conf names that. */
const char *conf_loader_counter(const struct conf *c);
bool conf_loader_has_counter(const struct conf *c);
