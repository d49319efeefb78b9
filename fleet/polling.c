/* SPDX-License-Identifier: Apache-2.0 */
#include "fleet/polling.h"

#include "lib/bytes.h"

#define WAIT_MIN_S    30u
#define WAIT_MAX_S    86400u
#define BACKOFF_MAX_S 3600u /* a poll that is rarer anyway stays as it is */
#define FIRST_MAX_S   3600u
#define DOUBLED_MAX   8u

/* Some number below n, of this device and this contact. */
static uint64_t some_below(const struct polling *p, uint64_t n)
{
	uint8_t bytes[16];

	bytes_put64(bytes, p->seed);
	bytes_put64(bytes + 8, p->n);
	/* The high half: the low one of FNV hardly differs between neighbours. */
	return n > 0 ? (bytes_hash(BYTES_HASH_START, bytes, sizeof(bytes)) >> 32) % n : 0;
}

static uint64_t clamp(uint64_t s)
{
	return s < WAIT_MIN_S ? WAIT_MIN_S : s > WAIT_MAX_S ? WAIT_MAX_S : s;
}

unsigned polling_interval(unsigned poll_s, unsigned kept_s, unsigned said_s)
{
	if (said_s > 0)
		return said_s;
	return kept_s > poll_s ? kept_s : poll_s;
}

bool polling_is_news(unsigned kept_s, unsigned said_s)
{
	unsigned less = kept_s < said_s ? kept_s : said_s, more = kept_s < said_s ? said_s : kept_s;

	return said_s > 0 && more - less > less / 4;
}

unsigned polling_wait(const struct polling *p)
{
	uint64_t sleep = clamp(p->sleep_s), most = sleep > BACKOFF_MAX_S ? sleep : BACKOFF_MAX_S;
	unsigned doubled = p->failures < DOUBLED_MAX ? p->failures : DOUBLED_MAX;
	uint64_t wait = sleep << doubled;

	wait = wait < most ? wait : most;
	if (p->first && sleep > FIRST_MAX_S)
		wait = FIRST_MAX_S + some_below(p, sleep - FIRST_MAX_S + 1);
	/* 90 % to 110 % of it; after failures, which all devices have at once, 50 % to 150 %. */
	else if (p->failures == 0)
		wait = wait - wait / 10 + some_below(p, wait / 5 + 1);
	else
		wait = wait / 2 + some_below(p, wait + 1);
	/* A server that is away may give all devices one time: a date. They come within an interval
	 * behind it. */
	if (p->retry_after_s > 0 && wait < p->retry_after_s)
		wait = p->retry_after_s + some_below(p, sleep + 1);
	return (unsigned)clamp(wait);
}

unsigned polling_first(const struct polling *p)
{
	uint64_t sleep = clamp(p->sleep_s);

	return (unsigned)some_below(p, sleep < FIRST_MAX_S ? sleep : FIRST_MAX_S);
}
