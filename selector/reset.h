/* SPDX-License-Identifier: Apache-2.0 */
/* Why the machine was reset, and what that means for the attempt before. PURE. */
#pragma once

#include "lib/conf.h"
#include "selector/state.h"

enum reset_cause {
	RESET_UNKNOWN, /* the hardware does not say */
	RESET_CLEAN,   /* an orderly reboot while an attempt was open */
	RESET_POWER,   /* power was cut or came back */
	RESET_CRASH,   /* panic or watchdog */
};

/* What the hardware and the kernel say. Absence means something only where `can_` says that it
 * could be reported. */
struct reset_evidence {
	/* nothing contradicts .clean of the state, as a crash record would */
	bool orderly;
	/* a crash record in pstore that the state has not seen (not of a survived oops) */
	bool crash_record;
	/* WDIOC_GETBOOTSTATUS has WDIOF_CARDRESET */
	bool watchdog_fired;
	/* the boot loader says so; see reset_classify() */
	bool loader_watchdog;
	/* WDIOF_POWERUNDER, or a power-on cause of the platform */
	bool power_cause;
	/* the ramoops cookie is gone though it survives a warm reset */
	bool cookie_lost;
	/* the driver announces WDIOF_CARDRESET */
	bool can_report_watchdog;
	/* pstore has a back-end */
	bool can_report_panic;
};

/*
 * The first that applies: CLEAN, CRASH by pstore, CRASH by watchdog, POWER, else UNKNOWN.
 *
 * Many a SoC reboots by its watchdog, and its boot loader calls every reboot that. So its word is
 * believed of an open attempt only, where it costs no more than UNKNOWN, and does not make an
 * orderly reboot any other: else a good slot would be left after three of them.
 */
enum reset_cause reset_classify(const struct state *s, const struct reset_evidence *ev);

/* True if good slots are charged as well. */
bool reset_charges_good_slots(enum conf_count count, const struct reset_evidence *ev);

/* "unknown", "clean", "power", "crash". */
const char *reset_name(enum reset_cause cause);

/*
 * Closes the attempt and the applies under way, if there are any, and counts what happened. Changes
 * s in memory only; the next charge writes it, so that a healthy boot writes nothing.
 *
 * An open trial gets its try back after POWER or CLEAN while it has grace. While the system runs,
 * a good slot's attempt stays open until verdict_proven(), its report alone does not close it: a
 * CRASH then adds a crash to the slot. With charge_good (reset_charges_good_slots()) each other
 * cause adds half of one, but POWER and CLEAN cost grace first: hardware that calls every reset a
 * power cut would else keep a slot that hangs forever. Without an open attempt a CRASH with no
 * apply under way is blamed on s->last. An apply under way gets its count back after POWER or
 * CLEAN, STATE_GRACE times. Any trial without tries becomes bad and its release rejected. `clean`
 * and `open` are cleared.
 */
void reset_settle(struct state *s, enum reset_cause cause, bool charge_good);

/*
 * The same where the attempt goes on (pair_arrived()): only the applies are closed. An attempt that
 * was handed to its own pair, and another one came up, is settled by reset_settle(): unless POWER
 * or CLEAN excuses it, and while there is grace, a good slot has crashed, and a trial's try is
 * spent.
 */
void reset_go_on(struct state *s, enum reset_cause cause);
