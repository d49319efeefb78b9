/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every way in which something can fail, and what that means for the boot.
 *
 * The rule behind the right-hand column: an update may fail, a slot may fail, the boot may not.
 */
#pragma once

#define KB_MUST_CHECK __attribute__((warn_unused_result))

enum kb_err {
	KB_OK = 0,     /* nothing failed */
	KB_EIO,	       /* a device failed: next candidate, or the update is dropped */
	KB_ENODEV,     /* a device did not appear in time: not the slot's fault, no charge */
	KB_ETIMEDOUT,  /* something took too long: as if it had failed */
	KB_EINVAL,     /* an argument or a setting is out of range: the default is used */
	KB_EFORMAT,    /* data is not what its format says: never trusted, never fatal */
	KB_EBLANK,     /* all zeroes or all ones: never written, not damaged */
	KB_ENEWER,     /* written by a newer Keelboot: only the frozen core is used */
	KB_ESIG,       /* no key that we accept signed this: drop the update, boot on */
	KB_EDIGEST,    /* bytes differ from their signed hash: drop the update, boot on */
	KB_ECOMPAT,    /* made for another device: ignore the bundle */
	KB_ESEED,      /* only what differs from a version that is not here: ignore the bundle */
	KB_EDOWNGRADE, /* below the floor, or not newer than what runs: ignore the bundle */
	KB_EAHEAD,     /* a sequence that would keep all later releases out: ignore the bundle */
	KB_EREJECTED,  /* this release failed here before: ignore the bundle */
	KB_EAPPLIED,   /* this release is installed or was applied: nothing to do */
	KB_EWAITS,     /* its slot lost its trust and waits for a chance: not now */
	KB_EBUDGET,    /* too many automatic installs, or failures of this copy: ignore it */
	KB_EREBUILT,   /* the state was lost, and no slot has proved itself since: ignore it */
	KB_ENOTARGET,  /* no slot may be overwritten: ignore the bundle */
	KB_ENOSPC,     /* does not fit: ignore the bundle; a log is cut short */
	KB_EBUSY,      /* another process holds the lock or the device: try again */
	KB_EMEMBER,    /* it belongs to a RAID array: never written, as if it were missing */
	KB_EAMBIGUOUS, /* two partitions have this name: neither is taken */
	KB_ESTALE,     /* the token is not that of the attempt under way: refuse the verdict */
	KB_ECHILD,     /* a helper crashed or broke its protocol: as if there were no update */
	KB_EMOUNT,     /* a file system would not mount: next candidate */
	KB_ECHECK,     /* a check rejected a slot: next candidate */
	KB_EEXEC,      /* a program could not start: next candidate; for the real init: reboot */
	KB_ENOENT,     /* a file is missing: nothing to do */
	KB_EPERM,      /* the kernel refused it: as KB_EIO */
	KB_ENOCAND,    /* no slot can be booted: rescue */
	KB_ENOMEM,     /* a tool of the host has no memory: process 1 takes none */
};

/* One lower-case English phrase for an error, never NULL; made to stand behind "unable to X: ". */
const char *err_text(enum kb_err err);

/* What an error of a file in a FAT, which others use, means, and what to do; made to stand behind
 * "X cannot be written: ". NULL: the disk fails, as for a partition. */
const char *err_fat_text(enum kb_err err);

/* The enum kb_err that fits an errno value best; KB_EIO when none does. */
enum kb_err err_errno(int errnum);

/* Returns from the calling function when x failed. */
#define TRY(x)                              \
	do {                                \
		enum kb_err try_err_ = (x); \
		if (try_err_ != KB_OK)      \
			return try_err_;    \
	} while (0)
