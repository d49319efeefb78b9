/* SPDX-License-Identifier: Apache-2.0 */
#include "fleet/parts.h"

#include "fleet/answer_rules.h"

#include <stdio.h>

enum parts_end parts_judge(struct parts *p, const struct http_answer *answer, bool whole)
{
	enum answer_bundle means = answer_rules_of(answer->status)->bundle;

	if (answer->retry_after_s > p->retry_after_s)
		p->retry_after_s = answer->retry_after_s;
	if (whole)
		snprintf(p->why, sizeof(p->why), "the server answers %d", answer->status);
	else if (p->why[0] == '\0')
		snprintf(p->why, sizeof(p->why), "%s", answer->error);
	if (!whole || means == BUNDLE_LATER || means == BUNDLE_ANEW)
		return PARTS_LATER;
	return means == BUNDLE_NEVER ? PARTS_NEVER : PARTS_REFUSED;
}

/* Of its head, nothing comes. */
enum parts_end parts_pause(struct parts *p)
{
	uint64_t head = p->form.range[0].at, size = p->a->size, have = 0;

	if (parts_are_begun(p->a)) {
		size = partial_form_size(&p->form) - head;
		have = p->have - head;
	}
	limits_explain(&p->limits, p->a, have, size, p->why);
	return PARTS_PAUSED;
}

bool parts_are_begun(const struct action *a)
{
	return a->parts == ACTION_PARTS && a->durable > 0 && a->etag[0] != '\0';
}
