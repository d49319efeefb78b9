/* SPDX-License-Identifier: Apache-2.0 */
#include "fleet/answer_rules.h"

#include <stddef.h>

#define LAST  999
#define ODD   "nothing that this program understands"
#define ERROR "it has an error"

/* The first one counts. docs/FLEET.md has the same rows (tests/fleet/test_fleet_rules.py). */
static const struct answer_rule rules[] = {
	{ 200, 299, CLIENT_OK, BUNDLE_LATER, REPORT_TAKEN, ABOUT_THIS, NULL },
	{ 300, 399, CLIENT_LATER, BUNDLE_LATER, REPORT_KEPT, ABOUT_ALL, ODD },
	{ 401, 401, CLIENT_LATER, BUNDLE_REFUSED, REPORT_KEPT, ABOUT_ALL,
	  "it does not accept this device's token or certificate (401); see [fleet] token-file=, certificate=" },
	{ 403, 403, CLIENT_FORBIDDEN, BUNDLE_REFUSED, REPORT_KEPT, ABOUT_THIS,
	  "it forbids this device that (403)" },
	/* A proxy says so in passing, too. */
	{ 404, 404, CLIENT_MISSING, BUNDLE_REFUSED, REPORT_KEPT, ABOUT_THIS,
	  "it does not know this (404); see [fleet] tenant=, id=, channel=" },
	/* No server's word: what was to be said to it waits. */
	{ 407, 407, CLIENT_LATER, BUNDLE_LATER, REPORT_KEPT, ABOUT_ALL,
	  "a proxy on the way wants to know who asks (407)" },
	{ 408, 408, CLIENT_LATER, BUNDLE_LATER, REPORT_KEPT, ABOUT_ALL,
	  "it, or a proxy, had no time (408)" },
	{ 425, 425, CLIENT_LATER, BUNDLE_LATER, REPORT_KEPT, ABOUT_ALL,
	  "it, or a proxy, had no time (425)" },
	/* It may be about one action. Of a report: that is there already. */
	{ 409, 409, CLIENT_LATER, BUNDLE_REFUSED, REPORT_DROPPED, ABOUT_THIS,
	  "it is at odds with itself (409)" },
	/* Who asked for an action that is no more is not worth a line. */
	{ 410, 410, CLIENT_OVER, BUNDLE_NEVER, REPORT_DROPPED, ABOUT_THIS, NULL },
	{ 416, 416, CLIENT_REFUSED, BUNDLE_ANEW, REPORT_DROPPED, ABOUT_THIS, "it refuses that" },
	{ 429, 429, CLIENT_FULL, BUNDLE_LATER, REPORT_KEPT, ABOUT_ALL,
	  "too many requests, or a quota is used up (429)" },
	/* nginx says so to whom shows none that it accepts. */
	{ 400, 400, CLIENT_REFUSED, BUNDLE_REFUSED, REPORT_DROPPED, ABOUT_THIS,
	  "it refuses that (400); if it wants a certificate, see [fleet] certificate=" },
	{ 400, 499, CLIENT_REFUSED, BUNDLE_REFUSED, REPORT_DROPPED, ABOUT_THIS, "it refuses that" },
	/* Of a proxy, too: its server may have no answer to this request alone. */
	{ 502, 502, CLIENT_LATER, BUNDLE_LATER, REPORT_KEPT, ABOUT_EITHER, ERROR },
	{ 503, 503, CLIENT_LATER, BUNDLE_LATER, REPORT_KEPT, ABOUT_ALL, ERROR },
	{ 504, 504, CLIENT_LATER, BUNDLE_LATER, REPORT_KEPT, ABOUT_EITHER, ERROR },
	/* 500 may be about one action. */
	{ 500, 599, CLIENT_LATER, BUNDLE_LATER, REPORT_KEPT, ABOUT_THIS, ERROR },
	{ 0, 0, CLIENT_LATER, BUNDLE_LATER, REPORT_KEPT, ABOUT_EITHER, ODD },
	{ 1, LAST, CLIENT_LATER, BUNDLE_LATER, REPORT_KEPT, ABOUT_THIS, ODD },
};

const struct answer_rule *answer_rules_of(int status)
{
	const struct answer_rule *r = rules;

	while (r->last != LAST && (status < r->first || status > r->last))
		r++;
	return r;
}
