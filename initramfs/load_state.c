/* SPDX-License-Identifier: Apache-2.0 */
#include "initramfs/load_state.h"

#include "initramfs/data_ready.h"
#include "initramfs/pairs.h"
#include "initramfs/settings.h"
#include "initramfs/watchdog.h"
#include "lib/log.h"

#include <string.h>

#define HANDOVER_MAX 256 /* bytes of a console's end in which it says that */

/* What the kernel says as the last thing where it hands over, even if it is quiet. The one that was
 * started has no ramoops then, or did not come so far. */
static bool is_of_handover(const struct boot *b, const struct tail *console)
{
	const char *says =
		b->pairs.role == ATTEMPT_BASE ? "Starting new kernel" : "reboot: Restarting system";
	size_t len = console->len < HANDOVER_MAX ? console->len : HANDOVER_MAX;

	return b->rec.ended_handed &&
	       memmem(console->text + console->len - len, len, says, strlen(says)) != NULL;
}

/* Before what they are about is written: then the records count as seen. A power cut in between
 * costs a second copy, which store_words_add() does without. The console also remembers a boot that
 * ended in order, which needs no words. */
static void keep_last_words(struct boot *b)
{
	const struct evidence *e = &b->evidence;

	if (e->ev.crash_record)
		record_words(&b->rec, WORDS_PANIC, &e->panic);
	else if ((b->rec.cause == RESET_CRASH || b->rec.cause == RESET_UNKNOWN) &&
		 !is_of_handover(b, &e->console))
		record_words(&b->rec, WORDS_CONSOLE, &e->console);
}

/* Nothing else reports a kernel that dies before its init: then good slots are counted. */
static void weigh_kernel(struct boot *b)
{
	struct evidence *e = &b->evidence;

	if (b->pairs.role != ATTEMPT_BASE)
		return;
	if (e->marked)
		log_notice("the kernel that was started last did not come up, or has no pstore");
	if (!e->can_mark || e->marked)
		e->ev.can_report_panic = false;
}

static void settle_attempt(struct boot *b)
{
	bool reset = b->pairs.role != ATTEMPT_BY_BASE;

	if (reset)
		evidence_weigh(&b->evidence, &b->rec.s);
	else
		evidence_of_no_reset(&b->evidence);
	weigh_kernel(b);
	if (evidence_is_doubtful(&b->evidence, &b->rec.s))
		log_notice(
			"watchdog: fired during an orderly shutdown: the shutdown hung, or the driver restarts by the watchdog; counted as clean");
	b->attempt.charge_good = reset_charges_good_slots(b->conf.count, &b->evidence.ev);
	record_settle(&b->rec, &b->evidence.ev, b->attempt.charge_good, b->pairs.running);
	b->attempt.arrived = b->rec.arrived && !settings_is_forced(b);
	if (reset && !settings_is_forced(b))
		keep_last_words(b);
}

void load_state(struct boot *b)
{
	pairs_find(b);
	evidence_gather(&b->evidence, &b->wdt, &b->conf, b->cmd.reset);
	b->rec.part.idle = watchdog_idle;
	b->rec.part.ctx = b;
	record_load(&b->rec, b->dev.state, b->conf.nslots, devices_mountable(&b->dev, &b->conf),
		    devices_seen(&b->dev, &b->conf));
	settle_attempt(b);
	data_ready_adopt(b);
	data_ready_ask(b);
}

void load_state_again(struct boot *b)
{
	b->attempt.no_fallback = 0; /* what failed may have been the disk */
	pairs_find(b);		    /* by its new names */
	if (record_return(&b->rec, b->dev.state, b->conf.nslots,
			  devices_mountable(&b->dev, &b->conf), devices_seen(&b->dev, &b->conf)))
		settle_attempt(b);
}
