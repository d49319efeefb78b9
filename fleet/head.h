/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The begin of a bundle that comes as a whole: header, signature, manifest and index are verified
 * in the file, by the process with rights, before the rest is fetched. Nothing of that is noted:
 * each contact that goes on with a download looks at what is here first.
 */
#pragma once

#include "fleet/facts.h"
#include "fleet/files.h"
#include "update/wire/reader_header.h"

struct head {
	/* set by the caller: those of the contact; the release that it must hold, "": any */
	const struct files *files;
	struct monitor *monitor;
	struct action *a;
	const char *release;
	/* result: a facts_exit */
	int code;
	/* inside: how many bytes are here when it is looked at next; 0: it was not, yet */
	uint64_t due;
};

/* What is wrong with the header of a bundle of this size, for a person; NULL: nothing, and *h is
 * it. */
const char *head_read(struct reader_header *h, const uint8_t raw[READER_HEADER_LEN], uint64_t size);
/* What was here is gone. */
void head_forget(struct head *h);
/* So many bytes of it are here. false: it is refused, or cannot be looked at; why says it, and
 * h->code how. */
bool head_take(struct head *h, uint64_t have, char why[FACTS_TEXT_MAX + 1]);
