/* SPDX-License-Identifier: Apache-2.0 */
/* Why plan_accept() or plan_ahead() refuses a release, and what a person can do about it. PURE. */
#pragma once

#include "selector/plan.h"

#define REFUSED_TEXT_MAX 223 /* longest "why; what to do", without its NUL */

struct refused {
	const char *why;  /* a clause without its end; never NULL */
	const char *todo; /* NULL: nothing can be done */
};

/* What err means for release r, under the rules of mode and above floor. */
struct refused refused_why(const struct state *s, const struct plan_release *r, enum plan_mode mode,
			   uint64_t floor, enum kb_err err);

/* Both as one text, with more about the case behind the why; more may be "". */
void refused_text(char out[REFUSED_TEXT_MAX + 1], struct refused what, const char *more);
