/* SPDX-License-Identifier: Apache-2.0 */
/* What has to hold of every image, and what has to come of it. */
#pragma once

#include "tests/sim/filecut_image.h"
#include "tests/sim/filecut_run.h"

/* What was promised by the time of a cut. */
struct filecut_check_rule {
	struct filecut_image_state before; /* what the state said when the verb began */
	struct filecut_image_state first;  /* and before another one, that was killed */
	enum filecut_run_verb verb;
	bool ended; /* it returned, and with this: */
	int code;
	bool lied; /* a flush of the state was acknowledged, and was none: see filecut_check.c */
	uint32_t damaged; /* blob that the staged file was to begin with; 0: it was whole */
};

/* Of the image alone. NULL: it holds; else what does not, until the next call. */
const char *filecut_check_image(const struct filecut_image *im,
				const struct filecut_check_rule *rule);

/* Of what the verb said: it claims success just when its exit code does. NULL or what is wrong. */
const char *filecut_check_said(enum filecut_run_verb v, int code, const char *said);

/*
 * Of what the verb, run on the image `from` without a cut and with this exit code, made of it: the
 * image `to`. NULL or what is wrong.
 */
const char *filecut_check_end(const struct filecut_image *from, const struct filecut_image *to,
			      enum filecut_run_verb v, int code);
