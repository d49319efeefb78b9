/* SPDX-License-Identifier: Apache-2.0 */
#include "fleet/pace.h"

#define PIECE_MIN 1024u /* of libcurl */
#define IDLE_MS	  1000u

unsigned pace_piece(uint64_t bandwidth)
{
	uint64_t quarter = bandwidth / 4;

	if (bandwidth == 0 || quarter > PACE_PIECE_MAX)
		return PACE_PIECE_MAX;
	return quarter > PIECE_MIN ? (unsigned)quarter : PIECE_MIN;
}

/* What a server was slow with for a second is not made up for by what comes behind it. */
uint32_t pace_wait(struct pace *p, size_t len, uint64_t now_ms)
{
	uint64_t due;

	if (p->bandwidth == 0)
		return 0;
	due = p->begin_ms + p->bytes * 1000 / p->bandwidth;
	if (p->begin_ms == 0 || due + IDLE_MS < now_ms) {
		p->begin_ms = now_ms;
		p->bytes = 0;
	}
	p->bytes += len;
	due = p->begin_ms + p->bytes * 1000 / p->bandwidth;
	return due > now_ms ? (uint32_t)(due - now_ms) : 0;
}
