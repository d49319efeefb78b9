/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a server answers to keelboot-fleet, byte by byte, through the distribution's libcurl. The
 * first byte chooses what is asked for; END ends an answer and its connection, so that a redirect
 * is followed to the next one. All connections are socket pairs: curl_easy_perform() of
 * fleet/http.c is fuzz_perform() here (fuzz.mk).
 */
#include "fleet/http.h"
#include "fleet/polling.h"
#include "tests/fuzz/fuzz.h"

#include <curl/curl.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#define END	    0x1e
#define SERVER	    "http://server.example"
#define HAVE	    5u
#define TAKE_MAX    4096u
#define ANSWERS_MAX 16 /* five redirects, each of which may find that its connection was closed */

CURLcode fuzz_perform(CURL *curl);

static struct fuzz_in answers;
static int ends[ANSWERS_MAX], nends;
/* by who asked: the head is refused; it was seen */
static bool refuses, headed;
static size_t taken;

/* ---------------------------------------------------------------- the server */

static void send_answer(int fd)
{
	const uint8_t *end = answers.left > 0 ? memchr(answers.p, END, answers.left) : NULL;
	size_t len = end != NULL ? (size_t)(end - answers.p) : answers.left, got;
	const uint8_t *bytes = fuzz_take(&answers, len, &got);

	/* What does not fit into the pair is cut off, as a connection is. */
	if (got > 0 && send(fd, bytes, got, MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
		got = 0;
	fuzz_take(&answers, 1, &got);
	FUZZ_CHECK(shutdown(fd, SHUT_WR) == 0);
}

static curl_socket_t open_pair(void *data, curlsocktype purpose, struct curl_sockaddr *address)
{
	int pair[2];

	(void)data;
	(void)purpose;
	(void)address;
	if (nends == ANSWERS_MAX)
		return CURL_SOCKET_BAD;
	FUZZ_CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) == 0);
	send_answer(pair[1]);
	ends[nends++] = pair[1];
	return pair[0];
}

/* In the place of libc's, also for libcurl: what open_pair() gives is connected. */
int connect(int fd, const struct sockaddr *address, socklen_t len)
{
	(void)fd;
	(void)address;
	(void)len;
	return 0;
}

/* No name is looked up, and no file of certificates read. */
CURLcode fuzz_perform(CURL *curl)
{
	struct curl_slist *all = curl_slist_append(NULL, "::127.0.0.1:1");
	CURLcode code;

	curl_easy_setopt(curl, CURLOPT_OPENSOCKETFUNCTION, open_pair);
	curl_easy_setopt(curl, CURLOPT_CONNECT_TO, all);
	curl_easy_setopt(curl, CURLOPT_PROXY, "");
	curl_easy_setopt(curl, CURLOPT_CAINFO, NULL);
	curl_easy_setopt(curl, CURLOPT_CAPATH, NULL);
	code = curl_easy_perform(curl);
	curl_easy_setopt(curl, CURLOPT_CONNECT_TO, NULL);
	curl_slist_free_all(all);
	return code;
}

/* The token goes to the server alone. */
static void check_request(int fd)
{
	static char text[1 << 16];
	ssize_t n = recv(fd, text, sizeof(text) - 1, MSG_DONTWAIT);

	text[n > 0 ? n : 0] = '\0';
	FUZZ_CHECK(strstr(text, "secret") == NULL ||
		   strcasestr(text, "\r\nHost: server.example\r\n") != NULL);
	close(fd);
}

/* ---------------------------------------------------------------- what is asked */

static bool take_head(void *data, struct http_answer *a)
{
	(void)data;
	FUZZ_CHECK(!headed && a->status >= 200 && a->status <= 299);
	headed = true;
	if (!refuses)
		return true;
	snprintf(a->error, sizeof(a->error), "not this one");
	return false;
}

static bool take_bytes(void *data, struct http_answer *a, const void *bytes, size_t len)
{
	(void)data;
	FUZZ_CHECK(headed && bytes != NULL && len > 0 && a->error[0] == '\0');
	taken += len;
	return taken <= TAKE_MAX;
}

static void check_answer(const struct http_answer *a, bool whole)
{
	struct polling p = { .sleep_s = 300, .retry_after_s = a->retry_after_s };

	FUZZ_CHECK(whole == (a->error[0] == '\0') || taken > TAKE_MAX);
	FUZZ_CHECK(fuzz_ended(a->error, sizeof(a->error)));
	FUZZ_CHECK(fuzz_printable(a->etag, sizeof(a->etag)));
	FUZZ_CHECK(a->total == UINT64_MAX || a->from < a->total);
	FUZZ_CHECK(!http_is_other(a, a->etag));
	FUZZ_CHECK(taken == 0 || (a->status >= 200 && a->status <= 299));
	FUZZ_CHECK(polling_wait(&p) <= 86400);
}

/* Whatever libcurl ends with has one line, or none. */
static void check_words(void)
{
	for (int code = 0; code < 128; code++) {
		const char *why = http_why(code, code % 2 == 0, code % 3 == 0);

		FUZZ_CHECK(strlen(why) < 80 && strchr(why, '\n') == NULL);
	}
}

static struct http_request choose(char which)
{
	struct http_request r = {
		.method = "GET", .url = SERVER "/a", .head = take_head, .take = take_bytes
	};

	r.download = which == 'd' || which == 'r' || which == 'h';
	r.file = which == 'f';
	if (which == 'f')
		r.if_none_match = "\"x\"";
	if (which == 'p') {
		r.method = "POST";
		r.body = "{}";
	}
	if (which == 'r') {
		r.from = HAVE;
		r.if_range = "\"x\"";
	}
	return r;
}

void fuzz_one(const uint8_t *data, size_t size)
{
	struct http_config c = { .server = SERVER,
				 .authorization = "Authorization: TargetToken secret",
				 .token_key = "",
				 .timeout_s = 2 };
	struct http_request r;
	struct http_answer a;
	bool whole;

	if (size == 0)
		return;
	FUZZ_CHECK(http_start());
	answers = (struct fuzz_in){ data + 1, size - 1 };
	nends = 0;
	headed = false;
	refuses = data[0] == 'h';
	taken = 0;
	r = choose((char)data[0]);
	if (data[0] == 'f')
		http_keep(&c);
	whole = http_run(&c, &r, &a);
	if (c.kept != NULL)
		http_drop(&c);
	check_answer(&a, whole);
	check_words();
	while (nends > 0)
		check_request(ends[--nends]);
}
