/* SPDX-License-Identifier: Apache-2.0 */
#include "fleet/http.h"

#include <curl/curl.h>
#include <stdio.h>
#include <string.h>

#define TOO_LARGE 100 /* CURLE_TOO_LARGE, from libcurl 8.6 on */

const char *http_why(int code, bool in_head, bool download)
{
	switch (code) {
	case CURLE_OPERATION_TIMEDOUT:
		return download ? "too slow, or it stands still" : "no whole answer in time";
	case CURLE_GOT_NOTHING:
		return "the server closes the connection without an answer";
	case CURLE_UNSUPPORTED_PROTOCOL:
		return "what answers there does not speak HTTP: is the port right?";
	case CURLE_OUT_OF_MEMORY:
	case TOO_LARGE:
		/* libcurl stops at a header of 100 KiB */
		return in_head ? "headers without end" : "";
	default:
		return "";
	}
}

bool http_is_other(const struct http_answer *a, const char *etag)
{
	return a->etag[0] != '\0' && etag[0] != '\0' && strcmp(a->etag, etag) != 0;
}

/* Nobody is asked by a part of an address. */
bool http_leads(struct http_answer *a, const char *where, char next[URL_MAX + 1])
{
	char origin[160];

	if (snprintf(next, URL_MAX + 1, "%s", where) <= URL_MAX)
		return true;
	next[0] = '\0';
	url_origin(origin, sizeof(origin), where);
	snprintf(
		a->error, sizeof(a->error),
		"the server redirects to an address of %zu characters, %d at most are followed: %.120s",
		strlen(where), URL_MAX, origin);
	return false;
}
