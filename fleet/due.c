/* SPDX-License-Identifier: Apache-2.0 */
#include "fleet/due.h"

#include "fleet/boot_id.h"
#include "fleet/polling.h"

#include "lib/bytes.h"
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
	uint64_t now = os_now_ms() / 1000, due = c->a.due;
	struct polling p = { .sleep_s = interval_of(c, 0), .seed = hash_words(c->client.id) };

	if (!boot_id_read(boot))
		return 0;
	if (strcmp(c->a.due_boot, boot) != 0) {
		p.n = hash_words(boot);
		due = p.sleep_s > DUE_TIMER_S ? polling_first(&p) : 0;
	}
	/* No wait is longer than a day: that would be no record of ours. */
	return due > now && due - now <= WAIT_MAX_S ? (unsigned)(due - now) : 0;
}

void due_note(struct contact *c)
{
	char boot[ACTION_BOOT_LEN + 1];
	uint64_t now_ms = os_now_ms(), due;
	struct polling p = { .sleep_s = interval_of(c, c->sleep_s),
			     .retry_after_s = c->retry_after_s,
			     .failures = c->failed ? (unsigned)c->a.failures + 1 : 0,
			     .seed = hash_words(c->client.id),
			     .n = now_ms };
	unsigned wait = polling_wait(&p);

	if (!boot_id_read(boot))
		return;
	due = wait > DUE_TIMER_S ? now_ms / 1000 + wait : 0;
	if (due == c->a.due && p.failures == c->a.failures)
		return;
	c->a.due = due;
	c->a.failures = p.failures;
	memcpy(c->a.due_boot, boot, sizeof(boot));
	contact_save(c);
}
