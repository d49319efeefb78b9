/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is known of the last reset: the watchdog's status, the boot loader's word in the device
 * tree or the command line, crash records in pstore, and a cookie in memory. The cookie outlives a
 * warm reset but not a power cut. docs/STATE.md has the table of what follows from it.
 *
 * Records are text of a kernel that was about to die, and a firmware's variables: nothing of them
 * is believed but a known first line.
 */
#pragma once

#include "initramfs/watchdog/wdt.h"
#include "lib/tail.h"
#include "selector/reset.h"

#define EVIDENCE_PSTORE	     "/sys/fs/pstore"
#define EVIDENCE_KEEP	     "/run/keelboot/crash" /* copies of the records, for the system */
#define EVIDENCE_LOADER	     "/proc/device-tree/chosen/reset-source"
#define EVIDENCE_RECORDS_MAX 128
#define EVIDENCE_KEEP_MAX    (256u << 10) /* bytes of all copies: /run is memory */

struct evidence {
	struct reset_evidence ev;
	/* of all panics in pstore together; 0: there are none */
	uint64_t ps;
	/* bytes of the copies */
	size_t kept;
	/* the last lines of the panic, and of the console before the reset; empty: none */
	struct tail panic, console;
	/* there is a memory for it */
	bool cookie_there;
	/* and it held one */
	bool cookie_found;
	/* There is a memory for a mark, evidence_mark(); and that of the boot before is there: the
	 * kernel that it started did not take it away. */
	bool can_mark, marked;
	/* of crashes, survived ones too, and shutdowns */
	unsigned nrecords;
	char record[EVIDENCE_RECORDS_MAX][64];
};

/*
 * Asks the watchdog and the device tree, reads pstore (mounting it, if it has a back-end), and
 * looks for the cookie, which is left anew. `cookie=` of conf: "auto", the kernel's own
 * (/dev/pmsg0, or the console in ramoops); "off"; or /dev/mtdN of the type "ram". With
 * bootstatus=ignore the watchdog is not asked. line: keelboot.reset=, or ""; the device tree goes
 * before it. Never fails: what cannot be read says nothing.
 *
 * Whoever deletes an old record of ramoops' pmsg or console empties the memory that this boot
 * writes to, too. systemd-pstore would, with the new cookie in it. So these are deleted here, with
 * a copy in EVIDENCE_KEEP, before the cookie is left.
 */
void evidence_gather(struct evidence *e, const struct wdt *w, const struct conf *conf,
		     const char *line);

/*
 * Compares that with what the state knows, and completes e->ev: a panic counts that s->ps has not
 * seen; a missing cookie counts where s->warm tells that it was found once. Changes s in memory
 * only. PURE.
 */
void evidence_weigh(struct evidence *e, struct state *s);

/*
 * Leaves a mark in memory, before another kernel is started: its init deletes it, since it gathers
 * evidence, too. One that dies earlier leaves it, where nothing else reports that; but so does one
 * that has no driver for that memory.
 */
void evidence_mark(const struct evidence *e);

/* Instead of that, where another kernel started this one: it has weighed what the hardware said of
 * the reset before, and there was none since. PURE. */
void evidence_of_no_reset(struct evidence *e);

/* The watchdog fired though the shutdown was announced: either it hung, or the driver restarts the
 * machine by the watchdog. It counts as clean. s as before reset_settle(). PURE. */
bool evidence_is_doubtful(const struct evidence *e, const struct state *s);

/* Deletes the records that were read: to be called when what they meant is written. */
void evidence_forget(const struct evidence *e);

/* Adds to ev what the boot loader calls the reset, in barebox's words: "POR", "WDG", … Others say
 * nothing. PURE. */
void evidence_boot_loader(struct reset_evidence *ev, const char *source);

/* Which part of a panic's record that is, by its first line; 1: the newest, 0: of no panic. PURE.
 */
unsigned evidence_panic_part(const char *text);
