/* SPDX-License-Identifier: Apache-2.0 */
/*
 * system.conf: what this device is. Read once, by init in the initramfs and by the command on the
 * running system, from /usr/lib/keelboot/system.conf, then /etc/keelboot/system.conf (which
 * replaces the former), then the drop-ins system.conf.d/NAME.conf of both folders in the order of
 * their names, each overriding single keys.
 *
 * A bad value is the default and a warning; an unknown key is a warning. A bad file never stops a
 * boot.
 */
#pragma once

#include "lib/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CONF_SLOTS_MAX	 8
#define CONF_CLASSES_MAX 4 /* partitions of a slot: "root" and up to three others */
#define CONF_NAME_MAX	 31
#define CONF_SPEC_MAX	 127
#define CONF_PATH_MAX	 127

/*
 * How a partition is named: "PARTLABEL=x", "PARTUUID=x", "LABEL=x", "UUID=x", or a device path
 * "/dev/x". Only partitions of the chosen disk match the first four.
 */
typedef char conf_spec[CONF_SPEC_MAX + 1];

struct conf_class {
	char name[CONF_NAME_MAX +
		  1]; /* class: "root", "boot", …; also the [image.NAME] of a bundle */
	conf_spec part;
};

struct conf_slot {
	unsigned nclasses;
	struct conf_class cls[CONF_CLASSES_MAX];
};

enum conf_count { CONF_COUNT_AUTO, CONF_COUNT_ALWAYS, CONF_COUNT_NEVER };

struct conf {
	/* [system] */
	char compatible[CONF_NAME_MAX + 1]; /* what a bundle has to be for */
	char disk[CONF_SPEC_MAX + 1]; /* pins the disk: a glob over the sysfs path; "" ranks */
	enum conf_count count;
	uint32_t timeout_s;	      /* how long to wait for devices; 30 */
	uint32_t commit_deadline_s;   /* 300 */
	uint32_t tries;		      /* boots of a trial: 1..9, default 3 */
	char init[CONF_PATH_MAX + 1]; /* init of the root; "/sbin/init" */
	/* [state] */
	conf_spec state; /* default "PARTLABEL=keelboot-state" */
	/* [slot.a] … [slot.h]: keys are classes, values partitions */
	unsigned nslots;
	struct conf_slot slot[CONF_SLOTS_MAX];
	char fstype[CONF_NAME_MAX +
		    1]; /* [system] root-filesystem=; "" means what the prober finds */
	char mount_options[CONF_SPEC_MAX + 1];
	/* [source.data] */
	bool data_enabled;
	conf_spec data_part;		     /* default "PARTLABEL=data" */
	char data_fstype[CONF_NAME_MAX + 1]; /* "ext4" */
	char data_stage[CONF_PATH_MAX + 1]; /* folder inside the data partition: "keelboot/stage" */
	char data_mount[CONF_PATH_MAX + 1]; /* where the running system has it: "/data" */
	/* [source.usb] */
	bool usb_enabled;
	uint32_t usb_settle_ms; /* 500 */
	bool verify_first;	/* [source.usb] verify-first=yes */
	/* [install] */
	uint32_t progress_deadline_s; /* apply is killed after so long without progress; 60 */
	/* [watchdog] */
	char watchdog[CONF_PATH_MAX + 1]; /* "/dev/watchdog0"; "off" */
	uint32_t watchdog_timeout_s;	  /* 60 */
	/* [hooks] */
	uint32_t hook_timeout_s; /* 10 */
	/* [keyring] */
	char keyring[CONF_PATH_MAX + 1]; /* "/etc/keelboot/keys" */
};

/* One complaint about a file: for a person, or for `keelboot check-config`. */
typedef void (*conf_warn_fn)(void *ctx, const char *file, int line, const char *text);

/* All defaults; two slots a and b with PARTLABEL=root-a and root-b. */
void conf_defaults(struct conf *c);

/*
 * Applies one text. `file` is for the messages. Slots: the first [slot.X] section seen in a text
 * replaces the default slots. Never fails: what is bad is warned of and ignored.
 */
void conf_parse(struct conf *c, const char *text, const char *file, conf_warn_fn warn, void *ctx);

/*
 * Defaults, then all files below root ("" or "/sysroot"). Missing files are fine: *found tells if
 * there was any. Warnings go to warn; NULL logs them.
 */
void conf_load(struct conf *c, const char *root, bool *found, conf_warn_fn warn, void *ctx);

/* The partition of a class in a slot, or NULL. */
const char *conf_slot_part(const struct conf *c, unsigned slot, const char *cls);
