/* SPDX-License-Identifier: Apache-2.0 */
/* What `bundle inspect` found, and its two forms. */
#pragma once

#include "cli/bundle/bundle_open.h"
#include "cli/bundle/bundle_seeds.h"

#include <json-c/json.h>

#define BUNDLE_REPORT_FORMS READER_FORMS

struct bundle_report_encoding {
	/* counted below */
	bool readable;
	/* by form */
	uint32_t chunks[BUNDLE_REPORT_FORMS];
};

struct bundle_report {
	const struct bundle_open *b;
	/* of b: it says why something cannot be read */
	struct reader *r;
	/* older versions that a device may have */
	struct bundle_seeds *seeds;
	struct bundle_report_encoding enc[MANIFEST_ENCODINGS_MAX];
	struct reader_walk walk;
};

/* Reads the tables of an opened bundle. KB_EIO, KB_EDIGEST, KB_EFORMAT, which it has reported. */
enum kb_err bundle_report_collect(struct bundle_report *p, struct bundle_open *b,
				  struct bundle_seeds *seeds) KB_MUST_CHECK;

void bundle_report_text(const struct bundle_report *p);

/* Adds which release it is: size, release, compatible, processor, version, sequence, floor,
 * allow_downgrade. */
void bundle_report_json_release(json_object *o, const struct reader *r);

/* Prints it. KB_EIO. */
enum kb_err bundle_report_json(const struct bundle_report *p) KB_MUST_CHECK;
