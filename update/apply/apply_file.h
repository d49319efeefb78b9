/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One bundle onto one slot: opened, verified, accepted, written, recorded. What keelboot-apply does
 * for each file that it finds, and what `keelboot install` does for the file that it is given.
 *
 * The caller holds the store's lock and has loaded the state under it. Buffers are static: one job
 * at a time in a process.
 */
#pragma once

#include "lib/conf.h"
#include "lib/os_lend.h"
#include "selector/plan.h"
#include "selector/store.h"
#include "update/install/install.h"
#include "update/keys/keyring.h"

#define APPLY_FILE_PATH_MAX 127

/* A partition of a slot: its class ("root") and its device node or file; or a file in a partition,
 * "/dev/vda1:/EFI/x.efi". */
struct apply_part {
	char cls[CONF_NAME_MAX + 1];
	char path[APPLY_FILE_PATH_MAX + 1];
};

struct apply_slot {
	unsigned nparts;
	struct apply_part part[CONF_CLASSES_MAX];
};

struct apply_others;

struct apply_file_job {
	/* the bundle: an open descriptor, borrowed; its name for messages; raw: a device, on which
	 * anything may follow the bundle */
	int fd;
	const char *name;
	bool raw;

	/* the device */
	/* conf.compatible */
	const char *compatible;
	/* conf.loader_copies */
	const char *copies;
	/* loaded */
	const struct keyring *keys;
	struct store *store;
	struct state *state;
	struct apply_slot slot[STATE_SLOTS_MAX];
	/* never written: apply_apart.h; NULL: none are known */
	const struct apply_others *others;
	/* as preflight or the running system knows; 0xff if not known */
	choose_mask mountable;
	/* the running slot, and that of the pair that runs */
	choose_mask mounted;

	/* how */
	/* for the history */
	enum state_source source;
	enum plan_mode mode;
	/* only this slot may be the target; STATE_NONE: plan_accept()'s choice */
	int want;
	bool verify_first;
	/* a failure does not go into the history: apply_file_report_more() */
	bool unreported;
	/* system.conf: see plan_ahead() */
	uint64_t max_jump;
	/* of signed_floor_bound(): in PLAN_RESCUE no higher floor of the state is believed, and an
	 * install that is begun puts it right */
	uint64_t floor_bound;
	/* of the trial: system.conf; 0: STATE_TRIES */
	uint8_t tries;
	/* for files in partitions; NULL: none can be written */
	struct os_lend *lend;
	/* path of keelboot-helper; NULL: $KEELBOOT_HELPER, else its usual place */
	const char *helper;
	void (*progress)(void *ctx, enum install_phase phase, uint64_t done, uint64_t total);
	void *ctx;

	/* results */
	/* valid once `verified` */
	struct plan_release release;
	/* the bundle's signature was good; it has only what no slot had when it was fetched */
	bool verified, partial;
	/* or STATE_NONE */
	int target;
	/* for plan_install_begin(): what plan_back() said; 0 in rescue */
	uint64_t back;
	/* whose fault a failure was */
	enum install_blame blame;
	/* as in struct install */
	bool seed_changed;
	uint64_t bytes_written, bytes_skipped;
	/* these, too */
	int made_from;
	uint64_t delta_bytes;
	uint32_t came_whole;
	/* after a failure: what is wrong, for a person; never empty then */
	char why[MANIFEST_WHY];
};

#define APPLY_FILE_HELPER "/usr/lib/keelboot/keelboot-helper"

/*
 * Opens and verifies the bundle, looks whether it is for this device and would be installed now:
 * release, target. Writes nothing. Errors of reader_open() and plan_accept(), KB_ECOMPAT,
 * KB_ENOTARGET (want cannot be the target).
 */
enum kb_err apply_file_look(struct apply_file_job *job) KB_MUST_CHECK;

/*
 * apply_file_look() anew, then the install, and one event in the history when something was
 * written or tried. KB_OK: the state on disk says trial. KB_EAPPLIED: nothing to do, and nothing
 * was written. Other errors: as apply_file_look() and install_run(); KB_EBUSY: a partition of the
 * target is in use, or something else's, too.
 */
enum kb_err apply_file_install(struct apply_file_job *job) KB_MUST_CHECK;

/* One event for n more that failed: a stick full of damaged bundles is not to write its way through
 * the history at each boot. */
void apply_file_report_more(struct apply_file_job *job, unsigned n);

/* What an error of apply_file_look() and apply_file_install() means for a bundle that stays where
 * it is. */
enum apply_file_verdict {
	APPLY_FILE_KNOWN,  /* this release is installed, or was before */
	APPLY_FILE_NEVER,  /* this device will not accept it at a later boot either */
	APPLY_FILE_LATER,  /* a later boot may accept it */
	APPLY_FILE_FAILED, /* it could not be looked at, or not be installed */
};

enum apply_file_verdict apply_file_verdict(const struct apply_file_job *job, enum kb_err err);

/* True when an error is one that spends the budget of a staged copy: it did not verify, or could
 * not be read; or this boot cannot install it, since each such boot writes the state. What no copy
 * of the bundle could mend is none: see apply_file_verdict(). */
bool apply_file_copy_failed(const struct apply_file_job *job, enum kb_err err);
