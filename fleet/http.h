/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One request and its answer, over libcurl. A server may be hostile: headers, time and the number
 * of redirects are bounded here; who takes the body bounds that. Nothing is unpacked. Of a body
 * that nobody takes, or of an error, a bounded part is read: it has a status, and that counts.
 *
 * The token goes to the origin of `server` only. A redirect to another origin is followed for a
 * download and for a file that is signed, without the token, and never from https to http.
 */
#pragma once

#include "fleet/url.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HTTP_ETAG_MAX  127
#define HTTP_ERROR_MAX 255

struct http_pem {
	char *text;
	size_t len;
};

struct http_config {
	/* whose origin gets the token and the certificate */
	const char *server;
	/* "Authorization: …"; "": none */
	const char *authorization;
	/* PEM, in memory: who asks may have no rights to read the files; NULL: none */
	struct http_pem ca, certificate, key;
	/* the key is in a token: its "pkcs11:…"; "": it is not */
	const char *token_key;
	/* the token refused the PIN, and no request tries it; is set where that happens. NULL: no
	 * token */
	bool *pin_refused;
	/* of a whole answer; of a download: how long it may crawl */
	unsigned timeout_s;
	/* bytes of a download in a second; 0: as many as come */
	uint64_t bandwidth;
	/* what keeps connections between requests, of http_keep(); NULL: each has one of its own */
	void *kept;
};

struct http_answer {
	/* 0: no answer came */
	int status;
	/* "": none */
	char etag[HTTP_ETAG_MAX + 1];
	/* it sends parts of that file, by its own words */
	bool ranges;
	/* where the bytes of a 206 begin; UINT64_MAX: it does not say */
	uint64_t from;
	/* how many bytes the whole of it has, as a 206 says; UINT64_MAX: it does not */
	uint64_t total;
	/* how many bytes the body has, as the head of a 2xx says; UINT64_MAX: it does not */
	uint64_t length;
	/* what the server asks for; 0: nothing */
	uint64_t retry_after_s;
	/* why the answer is missing or not whole; "": it is whole */
	char error[HTTP_ERROR_MAX + 1];
};

struct http_request {
	/* "GET", "POST" or "PUT" */
	const char *method, *url;
	/* JSON; NULL: none */
	const char *body;
	bool download;
	/* a file of a web server, of any type, which may lie on another host: it is signed */
	bool file;
	/* of the file that is here: 304 says that it is still the one; NULL: none is */
	const char *if_none_match;
	/* how many bytes are here already, of this ETag; 0: none */
	uint64_t from;
	const char *if_range;
	/* the first byte that is not wanted; 0: all are */
	uint64_t to;
	/* Is called with the head of an answer 2xx, before its first byte; then with its bytes.
	 * false ends it, and may leave a reason in a->error. Either may be NULL. */
	bool (*head)(void *data, struct http_answer *a);
	bool (*take)(void *data, struct http_answer *a, const void *bytes, size_t len);
	void *data;
};

/* Once, before all else. false: no memory. */
bool http_start(void);

/* From here on to http_drop(), connections stay open for the next request. */
void http_keep(struct http_config *c);
void http_drop(struct http_config *c);

/* What libcurl's code says to a person; "": no more than libcurl's own words. in_head: the head of
 * the answer has begun, and not ended. download: what is fetched goes into a file. PURE. */
const char *http_why(int code, bool in_head, bool download);

/* Whether the head of a 206 names another file than the one of this ETag: a cache on the way may
 * pay no heed to If-Range. One of them that is "" says nothing. PURE. */
bool http_is_other(const struct http_answer *a, const char *etag);

/* It redirects to `where`. false: that is too long for next, which is "" then; a->error says so. */
bool http_leads(struct http_answer *a, const char *where, char next[URL_MAX + 1]);

/* true: an answer came, with whatever status, and whole where its body is taken. false: a->error
 * says why not. */
bool http_run(const struct http_config *c, const struct http_request *r, struct http_answer *a);
