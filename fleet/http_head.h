/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What of an answer's head is read here, line by line, as libcurl hands it over. It reads the rest:
 * the status, Location, Retry-After in seconds.
 */
#pragma once

#include "fleet/http.h"

struct http_head {
	struct http_answer *answer;
	/* a weak ETag will do: it says nothing about bytes, but a file may be the same */
	bool weak;
	/* nobody reads its body, however that is packed */
	bool unread;
	/* a 2xx: another one has a status, and that counts, however its body is packed */
	bool success;
	/* its empty line was there: the next lines are another head, or come behind the body */
	bool ended;
	/* by its Date; by a Retry-After that is a date: seconds since 1970, 0: none */
	int64_t made, again;
	size_t bytes;
};

/* Takes one line, with its end. false: answer->error says why this answer is rejected. */
bool http_head_take(struct http_head *h, const char *line, size_t len);
