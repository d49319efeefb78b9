/* SPDX-License-Identifier: Apache-2.0 */
/* Brings the bundle of an action here: what no slot has of it, or all of it, as [fleet] partial=
 * says. */
#pragma once

#include "fleet/contact.h"
#include "fleet/fetch.h"

struct bring {
	/* for a person, unless it is here */
	char why[ACTION_WHY_MAX + 1];
	/* what the server asks for */
	uint64_t retry_after_s;
	/* a facts_exit: what Keelboot says of its index, where that is the end of it */
	int code;
};

/* Goes on where an earlier contact ended, or begins; b: results. */
enum fetch_end bring_bundle(struct contact *c, const struct offer *o, struct bring *b);
/* A slot has changed since parts were fetched: they come anew, and if that was so before, all of it
 * does, unless partial=require. false: it was fetched anew often enough. */
bool bring_anew(struct contact *c);
