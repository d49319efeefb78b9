/* SPDX-License-Identifier: Apache-2.0 */
#include "fleet/due.h"

#include "fleet/boot_id.h"
#include "fleet/monitor_link.h"
#include "fleet/polling.h"

#include "lib/bytes.h"
#include "lib/log.h"
#include "lib/os.h"

#include <string.h>

#define WAIT_MAX_S 86400u

static uint64_t hash_words(const char *text)
{
	return bytes_hash(BYTES_HASH_START, text, strlen(text));
}

static unsigned interval_of(const struct contact *c, unsigned said_s)
{
	uint64_t kept = c->conf->fleet_channel[0] == '\0' ? c->a.interval : 0;

	return polling_interval(c->conf->fleet_poll_s, (unsigned)kept, said_s);
}

unsigned due_wait(const struct contact *c)
{
	char boot[ACTION_BOOT_LEN + 1];
	uint64_t now = os_now_ms() / 1000, due = c->wait.due;
	struct polling p = { .sleep_s = interval_of(c, 0), .seed = hash_words(c->client.id) };

	if (due == 0 && p.sleep_s > DUE_TIMER_S && boot_id_read(boot)) {
		p.n = hash_words(boot);
		due = polling_first(&p);
	}
	/* No wait is longer than a day: that would be no note of ours. */
	return due > now && due - now <= WAIT_MAX_S ? (unsigned)(due - now) : 0;
}

void due_note(struct contact *c)
{
	struct monitor_order order = { .work = MONITOR_WAIT };
	struct monitor_result r;
	uint64_t now_ms = os_now_ms();
	struct polling p = { .sleep_s = interval_of(c, c->sleep_s),
			     .retry_after_s = c->retry_after_s,
			     .failures = c->failed ? (unsigned)c->wait.failures + 1 : 0,
			     .first = c->wait.due == 0 && c->wait.failures == 0,
			     .seed = hash_words(c->client.id),
			     .n = now_ms };
	unsigned wait = polling_wait(&p);

	order.wait.due = wait > DUE_TIMER_S ? now_ms / 1000 + wait : 0;
	order.wait.failures = p.failures;
	if (c->dry_run || (order.wait.due == c->wait.due && p.failures == c->wait.failures))
		return;
	c->wait = order.wait;
	monitor_do(&c->monitor, &order, &r, NULL, NULL);
	if (r.code != 0)
		log_warn("%s; so the server is asked each time that the timer starts", r.why);
}
