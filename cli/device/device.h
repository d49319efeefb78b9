/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The device that the command works on: its configuration, what init left in the run folder, the
 * state partition. Everything that fails here is reported on standard error, with the way out.
 */
#pragma once

#include "cli/output/args.h"
#include "cli/device/device_content.h"
#include "cli/device/device_range.h"
#include "lib/conf.h"
#include "selector/plan.h"
#include "selector/store.h"

#define DEVICE_RUN_DIR	    "/run/keelboot"
#define DEVICE_PATH_MAX	    512
#define DEVICE_ROOT_MAX	    (2 * DEVICE_PATH_MAX)
#define DEVICE_PARTS_MAX    (CONF_SLOTS_MAX * CONF_CLASSES_MAX)
#define DEVICE_LOCK_WAIT_MS 10000

/* A partition of a slot, named on the command line or by init. */
struct device_part {
	int8_t slot;
	char cls[CONF_NAME_MAX + 1];
	char path[DEVICE_PATH_MAX];
};

/* The global options. */
struct device_options {
	/* --state; NULL: look for it */
	const char *state;
	/* --conf-root; "" */
	const char *conf_root;
	/* --run-dir */
	const char *run_dir;
	/* --offset, --size: where the state lies in `state`; size 0: all */
	uint64_t offset, size;
	/* --wait */
	unsigned lock_wait_ms;
	/* --slot */
	unsigned nparts;
	struct device_part part[DEVICE_PARTS_MAX];
};

struct device {
	const struct device_options *opts;
	struct conf conf;
	/* there is a system.conf */
	bool conf_found;

	/* what init left; run_found: the running system was booted by Keelboot */
	bool run_found;
	/* why the initramfs of a distribution went on without Keelboot; "": it did not */
	char aside[96];
	/* of what is there, and cannot be read */
	enum kb_err run_err;
	/* slot, or STATE_NONE */
	int booted;
	uint64_t token;
	/* by what the disk is known again; "" when not known */
	char diskid[STATE_STR_MAX + 1];
	/* which it is; another that may as well be it, or "" */
	char disk[64], equal[64];
	/* the slot whose pair runs, and what starts the pairs: "grub /dev/vda2"; STATE_NONE and ""
	 * where init saw none */
	int pair;
	char loader[DEVICE_PATH_MAX];
	/* why it starts no other one: a word of selector/pair.h, or "" */
	char pair_word[16];
	/* the data partition; "" when init did not see it */
	char data_path[DEVICE_PATH_MAX];
	unsigned nparts;
	struct device_part part[DEVICE_PARTS_MAX];

	/* of the state partition: what init saw; after device_open_to_read() what was opened */
	char state_path[DEVICE_PATH_MAX];
	/* only after device_open_to_read() */
	struct bdev_file file;
	struct device_range range;
	/* the whole file, or the range of it */
	struct bdev *dev;
	struct store store;
	enum store_finding finding;
	/* only when STORE_LOST */
	struct device_content content;
	/* only when STORE_FOUND */
	struct state state;
};

/* Options that nobody gave. */
void device_options_default(struct device_options *o);

/*
 * args_next() for a verb: global options are taken into o on the way; what else it returns is the
 * verb's. a->tables[0] is the verb's own table.
 */
int device_options_next(struct args *a, struct device_options *o);

/*
 * The folder that an option of that name says, absolute: what runs below it has another working
 * folder. whole: room for it, which out may point to. KB_EINVAL, which it has reported: too long.
 */
enum kb_err device_options_root(const char *option, const char *text, char whole[DEVICE_ROOT_MAX],
				const char **out) KB_MUST_CHECK;

/* Reads configuration and run folder. Absence of either is no error; opts is kept. */
void device_init(struct device *d, const struct device_options *opts);

/*
 * Opens the state partition for reading, and loads the state. d->finding tells what was there.
 * KB_ENOENT: no partition; KB_EPERM, KB_EINVAL (too small), KB_EIO. d is closed after a failure.
 */
enum kb_err device_open_to_read(struct device *d) KB_MUST_CHECK;

/* As device_open_to_read(), for writing: takes the lock between writers first (KB_EBUSY). */
enum kb_err device_open_to_write(struct device *d) KB_MUST_CHECK;

/* As device_open_to_write(), and a valid record must be there: KB_EBLANK, KB_EIO otherwise. */
enum kb_err device_open_to_change(struct device *d) KB_MUST_CHECK;

void device_close(struct device *d);

/*
 * Tells why there is no state to work on, and what to do about it: KB_EBLANK, KB_EIO. KB_OK when a
 * valid record was found.
 */
enum kb_err device_need_state(const struct device *d) KB_MUST_CHECK;

/* Tells that what is in d->content is no state partition, and what to name instead: `also` ends the
 * message. */
void device_report_content(const struct device *d, const char *also);

/*
 * The slot that "booted", "other" or a letter means. KB_EINVAL, which it has reported: no such
 * slot, or it cannot be known which.
 */
enum kb_err device_slot(const struct device *d, const char *name, int *slot) KB_MUST_CHECK;

/* KB_ENOTARGET, which it has reported, when two disks are alike and nothing says which is the
 * device's: what is installed could be on the one that does not boot next time. */
enum kb_err device_may_install(const struct device *d) KB_MUST_CHECK;

/* The partition of a class in a slot, with the file in it if it is one, "/dev/vda1:/EFI/x.efi":
 * from
 * --slot, from init, by system.conf. KB_ENOENT, unreported. */
enum kb_err device_slot_path(const struct device *d, int slot, const char *cls,
			     char path[DEVICE_PATH_MAX]) KB_MUST_CHECK;

/* Slots that hold something bootable, as far as the state tells. */
choose_mask device_whole(const struct state *s);

/* Slots that run, or whose pair does, or that have a partition that is mounted. */
choose_mask device_mounted(const struct device *d);

/* Something else lies where the data partition is to be mounted. False too where there is none. */
bool device_data_is_elsewhere(const struct device *d);

/* The slot that an orderly reboot takes, staged updates aside; STATE_NONE: none can be booted.
 * proves: a good slot whose attempt is open proves itself by it, since it has reported. */
int device_next_boot(const struct state *s, bool proves);

/* Adds an event with the slot's version and sequence. Failing costs a warning; what it returns is
 * for whoever relies on the event. */
enum kb_err device_history(struct device *d, enum history_kind kind, int slot, const char *reason,
			   const char *detail);

/* The same about the release of another event, which may have left its slot: with its kind, slot,
 * version and sequence. */
enum kb_err device_history_for(struct device *d, const struct history_event *of, const char *reason,
			       const char *detail);

/* The same about a release that is in no slot. */
void device_history_release(struct device *d, enum history_kind kind, const struct plan_release *r,
			    const char *reason, const char *detail);

/* Saves d->state, which is read back. Tells a failure. */
enum kb_err device_save(struct device *d) KB_MUST_CHECK;

/* "slot b (2.0)", or "slot b" when its version is not known. */
void device_slot_text(const struct state *s, int slot, char *out, size_t size);
