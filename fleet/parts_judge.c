/* SPDX-License-Identifier: Apache-2.0 */
#include "fleet/parts.h"

#include <stdio.h>

enum parts_end parts_judge(struct parts *p, const struct http_answer *answer, bool whole)
{
	int status = answer->status;

	if (answer->retry_after_s > p->retry_after_s)
		p->retry_after_s = answer->retry_after_s;
	if (whole)
		snprintf(p->why, sizeof(p->why), "the server answers %d", status);
	else if (p->why[0] == '\0')
		snprintf(p->why, sizeof(p->why), "%s", answer->error);
	if (!whole || status < 400 || status > 499 || status == 416 || status == 429)
		return PARTS_LATER;
	return status == 404 || status == 410 ? PARTS_NEVER : PARTS_REFUSED;
}

bool parts_are_begun(const struct action *a)
{
	return a->parts == 1 && a->durable > 0 && a->etag[0] != '\0';
}
