/* SPDX-License-Identifier: Apache-2.0 */
#include "fleet/http.h"

#include "fleet/clock.h"
#include "fleet/http_head.h"
#include "fleet/http_session.h"
#include "fleet/pace.h"
#include "fleet/token.h"
#include "lib/os.h"
#include "lib/util.h"

#include <curl/curl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define UNREAD_MAX    65536u /* bytes of a body that nobody takes */
#define REDIRECTS_MAX 5
#define CONNECT_S     30L
#define CRAWL	      256L /* bytes in a second that a download has at least */

struct transfer {
	const struct http_request *r;
	struct http_answer *a;
	CURL *curl;
	struct pace pace;
	struct http_head head;
	/* bytes of a body that nobody takes, and until when they may come */
	size_t unread;
	uint64_t end_ms;
	/* the body was offered to head() */
	bool begun;
};

bool http_start(void)
{
	return curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK;
}

void http_keep(struct http_config *c)
{
	c->kept = curl_easy_init();
}

void http_drop(struct http_config *c)
{
	curl_easy_cleanup(c->kept);
	c->kept = NULL;
}

static const char pin_refused[] =
	"the token refused the PIN of the private key; it is not tried again until the file of the "
	"PIN or private-key= changes";

static void set_error(struct http_answer *a, const char *text)
{
	if (a->error[0] == '\0')
		snprintf(a->error, sizeof(a->error), "%s", text);
}

/* ---------------------------------------------------------------- an answer */

static size_t take_header(char *bytes, size_t size, size_t n, void *data)
{
	struct transfer *t = data;

	return http_head_take(&t->head, bytes, size * n) ? size * n : 0;
}

static int status_of(CURL *curl)
{
	long status = 0;

	curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
	return (int)status;
}

/* Its status is all that counts. */
static bool is_unread(const struct transfer *t)
{
	return t->a->status < 200 || t->a->status > 299 || t->r->take == NULL;
}

static bool is_enough(struct transfer *t, size_t len)
{
	t->unread += len;
	return t->unread > UNREAD_MAX || os_now_ms() >= t->end_ms;
}

static bool begin_body(struct transfer *t)
{
	curl_off_t length = -1;

	t->begun = true;
	if (curl_easy_getinfo(t->curl, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &length) == CURLE_OK &&
	    length >= 0)
		t->a->length = (uint64_t)length;
	return t->r->head == NULL || t->r->head(t->r->data, t->a);
}

static size_t take_body(char *bytes, size_t size, size_t n, void *data)
{
	struct transfer *t = data;
	size_t len = size * n;
	uint32_t wait_ms;

	t->a->status = status_of(t->curl);
	if (is_unread(t))
		return is_enough(t, len) ? 0 : len;
	if (!t->begun && !begin_body(t))
		return 0;
	if (!t->r->take(t->r->data, t->a, bytes, len))
		return 0;
	wait_ms = pace_wait(&t->pace, len, os_now_ms());
	/* What stays in the kernel keeps the server from sending more. */
	if (wait_ms > 0)
		os_sleep_ms(wait_ms);
	return len;
}

/* ---------------------------------------------------------------- one connection */

/* It outlives the transfer. false: this libcurl cannot; without that, it would trust others. */
static bool set_pem(CURL *curl, CURLoption option, const struct http_pem *pem)
{
	struct curl_blob blob = { .data = pem->text, .len = pem->len, .flags = CURL_BLOB_NOCOPY };

	return pem->text == NULL || curl_easy_setopt(curl, option, &blob) == CURLE_OK;
}

/* OpenSSL's engine reaches it; the key stays where it is. false: there is no such engine. */
static bool set_token_key(CURL *curl, const char *uri)
{
	return curl_easy_setopt(curl, CURLOPT_SSLENGINE, "pkcs11") == CURLE_OK &&
	       curl_easy_setopt(curl, CURLOPT_SSLKEYTYPE, "ENG") == CURLE_OK &&
	       curl_easy_setopt(curl, CURLOPT_SSLKEY, uri) == CURLE_OK;
}

/* Whom this device trusts; and who it is, which goes to the server alone. NULL, or why not. */
static const char *set_trust(CURL *curl, const struct http_config *c, const char *url)
{
	static const char no_blobs[] =
		"this libcurl takes no certificates from memory: build it with OpenSSL";
	bool ours = url_same_origin(c->server, url);

	/* The distribution's folder would count beside it. */
	if (c->ca.text != NULL)
		curl_easy_setopt(curl, CURLOPT_CAPATH, NULL);
	if (!set_pem(curl, CURLOPT_CAINFO_BLOB, &c->ca))
		return no_blobs;
	if (!ours)
		return NULL;
	if (c->pin_refused != NULL && *c->pin_refused)
		return pin_refused;
	if (c->token_key[0] != '\0' && !set_token_key(curl, c->token_key))
		return "OpenSSL finds no engine pkcs11, which private-key= needs: "
		       "install libengine-pkcs11-openssl";
	return set_pem(curl, CURLOPT_SSLCERT_BLOB, &c->certificate) &&
			       set_pem(curl, CURLOPT_SSLKEY_BLOB, &c->key)
		       ? NULL
		       : no_blobs;
}

static void set_range(CURL *curl, const struct http_request *r)
{
	char range[48];

	if (r->to > 0)
		snprintf(range, sizeof(range), "%" PRIu64 "-%" PRIu64, r->from, r->to - 1);
	else if (r->from > 0)
		snprintf(range, sizeof(range), "%" PRIu64 "-", r->from);
	else
		return;
	curl_easy_setopt(curl, CURLOPT_RANGE, range);
}

static void set_transfer(CURL *curl, const struct http_config *c, const struct http_request *r,
			 const char *url)
{
	curl_easy_setopt(curl, CURLOPT_URL, url);
	curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
	curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT,
			 c->timeout_s < CONNECT_S ? (long)c->timeout_s : CONNECT_S);
	curl_easy_setopt(curl, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
	curl_easy_setopt(curl, CURLOPT_USERAGENT, "keelboot-fleet/" KB_VERSION);
	if (r->download) {
		curl_easy_setopt(curl, CURLOPT_LOW_SPEED_LIMIT, CRAWL);
		curl_easy_setopt(curl, CURLOPT_LOW_SPEED_TIME, (long)c->timeout_s);
		curl_easy_setopt(curl, CURLOPT_BUFFERSIZE, (long)pace_piece(c->bandwidth));
	} else {
		curl_easy_setopt(curl, CURLOPT_TIMEOUT, (long)c->timeout_s);
		/* One request by HTTP/2 takes more bytes, and libcurl 7.88 ends its session. */
		curl_easy_setopt(curl, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
	}
	set_range(curl, r);
	if (r->body != NULL)
		curl_easy_setopt(curl, CURLOPT_POSTFIELDS, r->body);
	if (strcmp(r->method, "GET") != 0)
		curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, r->method);
}

static const char *choose_types(const struct http_request *r)
{
	return r->download || r->file ? "Accept: */*"
				      : "Accept: application/hal+json, application/json";
}

/* The token goes to the server alone; a proxy does not see it either. */
static struct curl_slist *add_token(const struct http_config *c, const char *url,
				    struct curl_slist *headers)
{
	if (c->authorization[0] == '\0' || !url_same_origin(c->server, url))
		return headers;
	return curl_slist_append(headers, c->authorization);
}

static struct curl_slist *make_headers(CURL *curl, const struct http_config *c,
				       const struct http_request *r, const char *url)
{
	char line[HTTP_ETAG_MAX + 24];
	struct curl_slist *headers = curl_slist_append(NULL, choose_types(r));

	if (r->body != NULL)
		headers = curl_slist_append(headers, "Content-Type: application/json");
	if (r->from > 0 && r->if_range != NULL && r->if_range[0] != '\0') {
		snprintf(line, sizeof(line), "If-Range: %s", r->if_range);
		headers = curl_slist_append(headers, line);
	}
	if (r->if_none_match != NULL && r->if_none_match[0] != '\0') {
		snprintf(line, sizeof(line), "If-None-Match: %s", r->if_none_match);
		headers = curl_slist_append(headers, line);
	}
	headers = curl_slist_append(headers, "Accept-Encoding: identity");
	headers = curl_slist_append(headers, "Expect:");
	headers = add_token(c, url, headers);
	curl_easy_setopt(curl, CURLOPT_HEADEROPT, (long)CURLHEADER_SEPARATE);
	curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
	return headers;
}

/* Its status came, and however the body ended, nobody would have taken it. */
static bool is_settled(const struct transfer *t)
{
	return t->head.ended && t->a->status >= 200 && is_unread(t);
}

/* libcurl counts from the clock of this device, which may be wrong by months. */
static uint64_t find_wait(const struct transfer *t)
{
	const struct http_head *h = &t->head;
	curl_off_t wait = 0;

	if (h->again > 0 && h->made > 0)
		return h->again > h->made ? (uint64_t)(h->again - h->made) : 0;
	if (h->again == 0 || clock_time() > 0)
		curl_easy_getinfo(t->curl, CURLINFO_RETRY_AFTER, &wait);
	return wait > 0 ? (uint64_t)wait : 0;
}

static bool finish(struct transfer *t, CURLcode code, const char *curl_says)
{
	struct http_answer *a = t->a;

	a->status = status_of(t->curl);
	a->retry_after_s = find_wait(t);
	/* An error also where the last header was the one that says so. */
	if (a->error[0] == '\0' && (code == CURLE_OK || is_settled(t)))
		return true;
	set_error(a, http_why(code, a->status > 0 && !t->head.ended, t->r->download));
	set_error(a, curl_says[0] != '\0' ? curl_says : curl_easy_strerror(code));
	return false;
}

/* A few of these lock a token. */
static void look_for_refusal(const struct http_config *c, struct http_answer *a)
{
	if (c->pin_refused == NULL || c->token_key == NULL || c->token_key[0] == '\0' ||
	    !token_refused_pin())
		return;
	*c->pin_refused = true;
	snprintf(a->error, sizeof(a->error), "%s", pin_refused);
}

static CURL *begin_curl(const struct http_config *c)
{
	return c->kept != NULL ? c->kept : curl_easy_init();
}

/* next: where it redirects to, or "". */
static bool run_once(const struct http_config *c, const struct http_request *r, const char *url,
		     struct http_answer *a, char next[URL_MAX + 1])
{
	struct transfer t = {
		.r = r,
		.a = a,
		.curl = begin_curl(c),
		.head = { .answer = a, .weak = r->file, .unread = r->take == NULL },
		.end_ms = os_now_ms() + c->timeout_s * 1000ull,
	};
	char curl_says[CURL_ERROR_SIZE] = "", *where = NULL;
	struct curl_slist *headers;
	const char *fault;
	bool whole = false;

	*a = (struct http_answer){ .from = UINT64_MAX, .total = UINT64_MAX, .length = UINT64_MAX };
	t.pace.bandwidth = r->download ? c->bandwidth : 0;
	next[0] = '\0';
	if (t.curl == NULL) {
		set_error(a, "no memory");
		return false;
	}
	http_session_share(t.curl);
	set_transfer(t.curl, c, r, url);
	headers = make_headers(t.curl, c, r, url);
	curl_easy_setopt(t.curl, CURLOPT_ERRORBUFFER, curl_says);
	curl_easy_setopt(t.curl, CURLOPT_HEADERFUNCTION, take_header);
	curl_easy_setopt(t.curl, CURLOPT_HEADERDATA, &t);
	curl_easy_setopt(t.curl, CURLOPT_WRITEFUNCTION, take_body);
	curl_easy_setopt(t.curl, CURLOPT_WRITEDATA, &t);
	fault = set_trust(t.curl, c, url);
	if (fault == NULL)
		whole = finish(&t, curl_easy_perform(t.curl), curl_says);
	else
		set_error(a, fault);
	if (!whole && fault == NULL)
		look_for_refusal(c, a);
	if (whole && a->status >= 300 && a->status <= 399 && a->status != 304 &&
	    curl_easy_getinfo(t.curl, CURLINFO_REDIRECT_URL, &where) == CURLE_OK && where != NULL)
		whole = http_leads(a, where, next);
	if (t.curl == c->kept)
		curl_easy_reset(t.curl);
	else
		curl_easy_cleanup(t.curl);
	curl_slist_free_all(headers);
	return whole;
}

/* ---------------------------------------------------------------- redirects */

static bool may_follow(const struct http_config *c, const struct http_request *r, const char *from,
		       const char *to, struct http_answer *a)
{
	char origin[160];

	url_origin(origin, sizeof(origin), to);
	if (strcmp(r->method, "GET") != 0)
		snprintf(a->error, sizeof(a->error),
			 "the server redirects a message to %s: not followed", origin);
	else if (!url_is_http(to) || (url_is_secure(from) && !url_is_secure(to)))
		snprintf(a->error, sizeof(a->error),
			 "the server redirects from https to %s: not followed", origin);
	else if (!r->download && !r->file && !url_same_origin(c->server, to))
		snprintf(
			a->error, sizeof(a->error),
			"the server redirects to another address: not followed; if that is the server, write server=%s",
			origin);
	return a->error[0] == '\0';
}

static bool run_to_end(const struct http_config *c, const struct http_request *r,
		       struct http_answer *a)
{
	char url[URL_MAX + 1], next[URL_MAX + 1];

	snprintf(url, sizeof(url), "%s", r->url);
	for (int i = 0; i <= REDIRECTS_MAX; i++) {
		if (!run_once(c, r, url, a, next))
			return false;
		if (next[0] == '\0')
			return true;
		if (!may_follow(c, r, url, next, a))
			return false;
		memcpy(url, next, sizeof(url));
	}
	set_error(a, "redirects without end");
	return false;
}

bool http_run(const struct http_config *c, const struct http_request *r, struct http_answer *a)
{
	bool whole = run_to_end(c, r, a);

	/* It has words of others: a redirect, a library of the system. */
	util_print_safe(a->error, sizeof(a->error), a->error);
	return whole;
}
