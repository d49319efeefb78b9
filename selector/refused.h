/* SPDX-License-Identifier: Apache-2.0 */
/* Why plan_accept() or plan_ahead() refuses a release, and what a person can do about it. PURE. */
#pragma once

#include "selector/plan.h"

#define REFUSED_TEXT_MAX   223 /* longest "why; what to do", without its NUL */
#define REFUSED_SOURCE_MAX 95

struct refused {
	/* a clause without its end; never NULL */
	const char *why;
	/* NULL: nothing can be done */
	const char *todo;
};

/* What err means for release r (NULL: of none, for KB_ENEWER), under the rules of mode and above
 * floor. */
struct refused refused_why(const struct state *s, const struct plan_release *r, enum plan_mode mode,
			   uint64_t floor, enum kb_err err);

/* A source that is skipped: why, and what ends it. */
const char *refused_source(const struct state *s, enum state_source src,
			   char out[REFUSED_SOURCE_MAX + 1]);
const char *refused_source_remedy(const struct state *s, enum state_source src);

/* Both as one text, with more about the case behind the why; more may be "". */
void refused_text(char out[REFUSED_TEXT_MAX + 1], struct refused what, const char *more);
