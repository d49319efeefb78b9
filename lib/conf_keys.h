/* SPDX-License-Identifier: Apache-2.0 */
/* The keys of system.conf, as parser, man page and tests read them. */
#pragma once

#include "lib/conf.h"

/* How the value of a key is written, and in what it is kept. */
enum conf_kind {
	CONF_KIND_BOOL,	       /* bool: yes, no, 1, 0, true, false */
	CONF_KIND_COUNT,       /* enum conf_count */
	CONF_KIND_HANDOVER,    /* enum conf_handover */
	CONF_KIND_BOOTSTATUS,  /* enum conf_bootstatus */
	CONF_KIND_VERIFY,      /* enum conf_verify */
	CONF_KIND_SLOTS,       /* enum conf_slots */
	CONF_KIND_DATA,	       /* enum conf_data */
	CONF_KIND_LOADER,      /* enum conf_loader */
	CONF_KIND_COUNTER,     /* enum conf_counter */
	CONF_KIND_PARTIAL,     /* enum conf_partial */
	CONF_KIND_NUMBER,      /* uint32_t */
	CONF_KIND_PCR,	       /* uint32_t: "none", which is 0, or a number */
	CONF_KIND_JUMP,	       /* uint64_t: "none", which is 0, or a number up to 2^63 - 1 */
	CONF_KIND_SECONDS,     /* uint32_t: "30" or "30s" */
	CONF_KIND_MS,	       /* uint32_t, milliseconds: "500ms", or seconds as above */
	CONF_KIND_BYTES,       /* uint64_t: 0, or min to 2^63 - 1; "64K", "10M", "2G": times 1024 */
	CONF_KIND_FS,	       /* unsigned, bits of enum conf_fs: "vfat,exfat", "none" */
	CONF_KIND_MEDIA,       /* unsigned, bits of enum conf_media: "yes", "no", "usb,sd" */
	CONF_KIND_TEXT,	       /* text, and so are all below: anything, also nothing */
	CONF_KIND_NAME,	       /* letters, digits, '.', '_', '-', '+', ',' */
	CONF_KIND_COMPATIBLE,  /* of CONF_COMPATIBLE_CHARS */
	CONF_KIND_PATH,	       /* absolute path without "..", */
	CONF_KIND_PATH_OR_NOT, /* or nothing */
	CONF_KIND_KEY,	       /* or nothing, or a key in a token: "pkcs11:..." */
	CONF_KIND_SUBPATH,     /* relative path without ".." */
	CONF_KIND_SUBPATHS,    /* such paths, commas between, none in another; also nothing */
	CONF_KIND_SPEC,	       /* conf_spec */
	CONF_KIND_STORE,       /* conf_spec, absolute path without "..", or nothing */
	CONF_KIND_URL,	       /* http:// or https://, a host, without user and query; or nothing */
	CONF_KIND_OVERLAY,     /* conf_spec, "tmpfs" or "off" */
	CONF_KIND_SIZE,	       /* as tmpfs has it: "64M", "1G", or up to "90%" of the memory */
	CONF_KIND_DEVICE,      /* "auto", "off", or a path below /dev */
};

struct conf_key {
	const char *section, *key;
	/* what is accepted, for a person: "SECONDS (1..3600)" */
	const char *values;
	/* as it would stand in a file; "" when there is none */
	const char *def;
	/* sentences for the man page; NULL in a program */
	const char *meaning;
	enum conf_kind kind;
	/* in struct conf */
	size_t offset;
	/* of numbers, in the unit that is kept; max of texts: bytes */
	uint32_t min, max;
	/* What a bad value is taken for, where it decides what is trusted; NULL: it is ignored. */
	const char *bad;
	/* What a bad value stops until it is mended; NULL: nothing. */
	const char *stops;
};

/* Every key but those of [slot.X]; ended by a NULL section. The man page is checked against it. */
extern const struct conf_key conf_keys[];

/* Reads value for key into c. KB_EINVAL leaves c as it was. PURE. */
enum kb_err conf_value_set(struct conf *c, const struct conf_key *key,
			   const char *value) KB_MUST_CHECK;
