/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the kernel command line says. PURE.
 *
 * Words are split and unquoted as the kernel does it ('"' groups, and is removed around a value),
 * '-' and '_' are the same in names, what follows a bare "--" is init's. keys.md lists every key; a
 * test keeps it equal to cmdline_keys. Nothing here can fail: a bad value means the default, and a
 * warning that names it.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CMDLINE_MAX	     4096
#define CMDLINE_READ_SIZE    4098 /* for /proc/cmdline: its newline, or a byte too many; NUL */
#define CMDLINE_TEXT_MAX     255
#define CMDLINE_TOKEN_MAX    63
#define CMDLINE_RESET_MAX    8
#define CMDLINE_PATH_MAX     127 /* of a device: as system.conf has it */
#define CMDLINE_WARNINGS_MAX 8
#define CMDLINE_MARK_LEN     8	 /* of a key: its digits */
#define CMDLINE_MARKS_MAX    143 /* of 16 keys, with commas between them */

#define CMDLINE_BASE_KEYS "keelboot.base-keys"

enum cmdline_source { /* bits of keelboot.sources= */
		      CMDLINE_SOURCE_NONE = 0,
		      CMDLINE_SOURCE_DATA = 1,
		      CMDLINE_SOURCE_USB = 2,
		      CMDLINE_SOURCE_SD = 4,
		      CMDLINE_SOURCE_RAW = 8,
		      CMDLINE_SOURCE_ALL = 15,
};

enum cmdline_log {
	CMDLINE_LOG_INFO = 0,
	CMDLINE_LOG_DEBUG,
	CMDLINE_LOG_QUIET, /* decisions and problems */
};

/* How the boot loader came to start this kernel. */
enum cmdline_start {
	CMDLINE_START_PLAIN = 0,
	CMDLINE_START_COUNTED, /* it counts starts, until it hears that one came up */
	CMDLINE_START_INSTEAD, /* of its preset, whose kernel did not come up */
	CMDLINE_START_ONCE,    /* it was asked for this one */
	CMDLINE_START_UNSAVED, /* it would count them, and cannot write its store */
};

struct cmdline {
	/* keelboot.* */
	/* keelboot.enable=0 boots root= untouched */
	bool enable;
	/* keelboot.slot=a: 0..7 for this boot only, uncounted; -1 */
	int slot;
	/* keelboot.pair=a: 0..7, the slot whose kernel the boot loader started; -1 */
	int pair;
	/* keelboot.pair=a,counted */
	enum cmdline_start start;
	/* keelboot.sources= */
	unsigned sources;
	/* keelboot.timeout=; 0: as system.conf says */
	uint32_t timeout_s;
	/* keelboot.watchdog=DEVICE|off or DEVICE,SECONDS; "" and 0: as system.conf says */
	char watchdog[CMDLINE_PATH_MAX + 1];
	uint32_t watchdog_timeout_s;
	/* keelboot.log= */
	enum cmdline_log log;
	bool has_log;
	/* keelboot.reset-data=: a text; "" none */
	char reset_data[CMDLINE_TOKEN_MAX + 1];
	/* keelboot.reset=: "POR", "WDG", … as barebox says it; "": nobody says */
	char reset[CMDLINE_RESET_MAX + 1];
	/* keelboot.loader=: the version of the boot loader, as it says it; "": it does not */
	char loader[CMDLINE_TOKEN_MAX + 1];
	/* keelboot.base-keys=: "1a2b3c4d,5e6f7a8b", or "none"; "": the first kernel does not say it
	 */
	char base_keys[CMDLINE_MARKS_MAX + 1];
	/* keelboot.shell=: only an initramfs for debugging has one */
	bool shell;
	/* the kernel's own */
	char root[CMDLINE_TEXT_MAX + 1];
	char rootfstype[CMDLINE_TEXT_MAX + 1];
	char rootflags[CMDLINE_TEXT_MAX + 1];
	/* rw was the last of ro and rw */
	bool rw;
	/* init=; "" : default */
	char init[CMDLINE_TEXT_MAX + 1];
	/* panic= seconds; 0 when absent */
	int panic;
	bool has_panic;

	unsigned nwarnings;
	char warning[CMDLINE_WARNINGS_MAX][CMDLINE_TEXT_MAX + 1];
};

struct cmdline_key {
	const char *name;
	/* what is accepted, as keys.md has it; "" for a bare word */
	const char *values;
	/* "" when there is none */
	const char *def;
	/* one sentence */
	const char *meaning;
	/* Stores value, NULL when there was no '=', or, when it is bad, the default. False: it was
	 * bad. */
	bool (*set)(struct cmdline *c, const char *value);
};

/* Every key that is read; ended by a NULL name. */
extern const struct cmdline_key cmdline_keys[];

/*
 * Reads text, which need not come from a friend. Anything may be in it, of any length; what stands
 * behind CMDLINE_MAX bytes, with the word that is cut there, is ignored with a warning. Of several
 * values for one key the last one counts, even if it is bad. The text of a warning may hold any
 * bytes of the command line: log_line() makes it safe to print.
 */
void cmdline_parse(struct cmdline *c, const char *text);

/*
 * The same for a device that does not trust its command line: only the keys in `heeded`, "all",
 * "none", or names with commas between them ([system] command-line= of system.conf), are read. The
 * others of cmdline_keys keep their defaults, and are named in a warning.
 */
void cmdline_parse_heeded(struct cmdline *c, const char *text, const char *heeded);

/* Leaves of text what cmdline_parse() reads of it: at most CMDLINE_MAX bytes, and no half word.
 * True: there was more. */
bool cmdline_cut(char *text);

/* Reads the value of keelboot.pair=, "a,counted"; NULL: it has none. False: it is no such value,
 * and *slot -1. */
bool cmdline_read_pair(const char *value, int *slot, enum cmdline_start *start);

/* Whether the list `heeded` names the key, which need not end after len bytes. */
bool cmdline_is_heeded(const char *heeded, const char *name, size_t len);

/* Whether one of cmdline_keys has this name, which need not end after len bytes. */
bool cmdline_is_key(const char *name, size_t len);
