/* SPDX-License-Identifier: Apache-2.0 */
#include "fleet/url.h"

#include <curl/curl.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

struct origin {
	char *scheme, *host, *port;
};

static void free_origin(struct origin *o)
{
	curl_free(o->scheme);
	curl_free(o->host);
	curl_free(o->port);
	*o = (struct origin){ NULL, NULL, NULL };
}

static bool split_origin(struct origin *o, const char *url)
{
	CURLU *u = curl_url();
	bool ok;

	*o = (struct origin){ NULL, NULL, NULL };
	if (u == NULL)
		return false;
	ok = curl_url_set(u, CURLUPART_URL, url, 0) == CURLUE_OK &&
	     curl_url_get(u, CURLUPART_SCHEME, &o->scheme, 0) == CURLUE_OK &&
	     curl_url_get(u, CURLUPART_HOST, &o->host, 0) == CURLUE_OK &&
	     curl_url_get(u, CURLUPART_PORT, &o->port, CURLU_DEFAULT_PORT) == CURLUE_OK;
	curl_url_cleanup(u);
	if (!ok)
		free_origin(o);
	return ok;
}

/* false also where one is not known. */
static bool same_word(const char *a, const char *b)
{
	return a != NULL && b != NULL && strcasecmp(a, b) == 0;
}

static bool has_scheme(const char *url, const char *scheme)
{
	struct origin o;
	bool same = split_origin(&o, url) && same_word(o.scheme, scheme);

	free_origin(&o);
	return same;
}

bool url_is_secure(const char *url)
{
	return has_scheme(url, "https");
}

bool url_is_http(const char *url)
{
	return has_scheme(url, "http") || url_is_secure(url);
}

bool url_same_origin(const char *a, const char *b)
{
	struct origin one, two;
	bool same = split_origin(&one, a);

	same = split_origin(&two, b) && same && same_word(one.scheme, two.scheme) &&
	       same_word(one.host, two.host) && same_word(one.port, two.port);
	free_origin(&one);
	free_origin(&two);
	return same;
}

bool url_resolve(char out[URL_MAX + 1], const char *base, const char *ref)
{
	CURLU *u = curl_url();
	char *whole = NULL;
	bool ok = u != NULL && curl_url_set(u, CURLUPART_URL, base, 0) == CURLUE_OK &&
		  curl_url_set(u, CURLUPART_URL, ref, 0) == CURLUE_OK &&
		  curl_url_get(u, CURLUPART_URL, &whole, 0) == CURLUE_OK &&
		  snprintf(out, URL_MAX + 1, "%s", whole) <= URL_MAX && url_is_http(out);

	if (!ok)
		out[0] = '\0';
	curl_free(whole);
	curl_url_cleanup(u);
	return ok;
}

void url_origin(char *out, size_t size, const char *url)
{
	struct origin o;

	if (split_origin(&o, url))
		snprintf(out, size, "%s://%s:%s", o.scheme, o.host, o.port);
	else
		snprintf(out, size, "an address that cannot be read");
	free_origin(&o);
}

bool url_is_id(const char *text)
{
	static const char ok[] =
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-+,";
	size_t len = strspn(text, ok);

	return text[len] == '\0' && len > 0 && len <= URL_ID_MAX && strcmp(text, ".") != 0 &&
	       strcmp(text, "..") != 0;
}
