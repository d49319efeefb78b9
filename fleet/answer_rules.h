/* SPDX-License-Identifier: Apache-2.0 */
/* What the status of an answer means to whoever asked: the table of docs/FLEET.md, in its order.
 * PURE. */
#pragma once

/* To who asked the server, or sent it a message (client.h). */
enum client_end {
	CLIENT_OK,
	CLIENT_SAME,	  /* 304: the file that is here is still the one */
	CLIENT_LATER,	  /* not reached, or nothing that can be read: at the next contact */
	CLIENT_FORBIDDEN, /* the same; or something on the way does not like what was sent */
	CLIENT_MISSING,
	CLIENT_OVER,
	CLIENT_FULL,	/* too many requests, or a quota */
	CLIENT_REFUSED, /* it will not take that */
};

/* To who fetches a bundle, and did not get it. */
enum answer_bundle {
	BUNDLE_LATER,	/* it passes by itself */
	BUNDLE_ANEW,	/* the same; what is here is no part of what the server has */
	BUNDLE_REFUSED, /* a person must do something, and may */
	BUNDLE_NEVER,	/* no retry mends it */
};

/* To who sends a report to [fleet] report=. */
enum answer_report {
	REPORT_TAKEN,
	REPORT_KEPT,	/* it is sent again */
	REPORT_DROPPED, /* it never will be taken, or it was before: each is sent once or more */
};

/* Which requests would be answered so. */
enum answer_about {
	ABOUT_THIS,
	ABOUT_ALL,
	ABOUT_EITHER, /* it may have taken a timeout; or the server has no answer to this one */
};

struct answer_rule {
	int first, last;
	enum client_end end;
	enum answer_bundle bundle;
	enum answer_report report;
	enum answer_about about;
	/* what a person reads behind "answers 404: "; NULL: nothing is said */
	const char *text;
};

/* status 0: no answer came, or no whole one. */
const struct answer_rule *answer_rules_of(int status);
