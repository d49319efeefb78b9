/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How fast a download is taken. libcurl's own limit (CURLOPT_MAX_RECV_SPEED_LARGE) lets megabytes
 * pass first, and then stands still until the mean is right. PURE.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#define PACE_PIECE_MAX 65536u /* bytes that are taken at once */

struct pace {
	/* bytes in a second; 0: as many as come */
	uint64_t bandwidth;
	/* since when bytes are counted, in milliseconds, 0: not yet; and how many came since */
	uint64_t begin_ms, bytes;
};

/* How many bytes are best taken at once: no more than come in a quarter of a second, if libcurl
 * takes so few. */
unsigned pace_piece(uint64_t bandwidth);

/* How many milliseconds to wait now that so many bytes came. */
uint32_t pace_wait(struct pace *p, size_t len, uint64_t now_ms);
