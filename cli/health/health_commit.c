/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/health/health.h"

#include "cli/guard/guard.h"
#include "cli/health/health_phase.h"
#include "cli/health/health_reject.h"
#include "cli/health/health_run.h"
#include "cli/output/output.h"
#include "cli/state/mark.h"
#include "lib/log.h"
#include "lib/os.h"
#include "lib/os_clock.h"

#include <inttypes.h>
#include <stdio.h>

#define AGAIN_MS 5000
#define READS	 5

/* In the clock of the deadline, which stands still while the machine sleeps. */
static void wait_awake(const struct device *d, uint32_t seconds)
{
	uint64_t until = os_clock_ms() + seconds * UINT64_C(1000), now;

	printf("The checks passed; they run again in %" PRIu32 " s (commit-after=).\n", seconds);
	(void)!output_flush();
	health_phase_wait(d, until);
	while ((now = os_clock_ms()) < until)
		os_sleep_ms(until - now < 1000 ? (unsigned)(until - now) : 1000);
	health_phase_end(d);
}

/* A person forced it, or the state could not be written: neither its data was migrated, nor could a
 * check have rejected it. */
static bool is_uncounted(const struct device *d)
{
	const struct state *s = &d->state;

	return d->finding == STORE_FOUND && d->booted < s->nslots && d->token == 0 &&
	       (s->slot[d->booted].st == STATE_TRIAL || s->slot[d->booted].st == STATE_BAD) &&
	       s->open == STATE_NONE;
}

/* wait: commit-after= is for this boot. What cannot be read is asked again: a trial is not good
 * before its time. KB_ESTALE, reported: this boot proves nothing. */
static enum kb_err find_wait(struct device *d, bool *wait)
{
	bool soaks = d->conf.commit_after_s != 0;
	enum kb_err err = KB_EIO;

	*wait = false;
	if (!d->run_found) {
		*wait = soaks && guard_on_trial(d);
		return KB_OK;
	}
	for (int i = 0; i < (soaks ? READS : 1) && (err = device_open_to_read(d)) != KB_OK; i++)
		os_sleep_ms(AGAIN_MS / READS);
	if (err != KB_OK)
		return err;
	*wait = soaks && health_is_unproven(d);
	err = is_uncounted(d) ? KB_ESTALE : KB_OK;
	device_close(d);
	if (err != KB_OK)
		log_warn(
			"slot %c is not marked good: this boot of it was not counted; boot it as it is chosen, or run keelboot mark good",
			state_slot_letter(d->booted));
	return err;
}

static int mark_good_here(const struct device *d)
{
	return d->run_found ? mark_good(d->opts, "booted") : guard_good(d->opts);
}

int health_commit(const struct device_options *o)
{
	static struct device d;
	enum kb_err err;
	bool wait;
	int code;

	device_init(&d, o);
	err = find_wait(&d, &wait);
	if (err != KB_OK)
		return err == KB_ESTALE ? OUTPUT_NOTHING : output_exit_code(err);
	if (wait) {
		wait_awake(&d, d.conf.commit_after_s);
		code = health_check(o);
		if (code != OUTPUT_OK)
			return code;
	}
	/* An install holds the lock for as long as it writes. The deadline ends the waiting. */
	while ((code = mark_good_here(&d)) == OUTPUT_BUSY)
		os_sleep_ms(AGAIN_MS);
	if (code == OUTPUT_OK)
		health_run_after(&d, "green.d");
	return code;
}
