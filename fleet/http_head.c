/* SPDX-License-Identifier: Apache-2.0 */
#include "fleet/http_head.h"

#include "lib/bytes.h"

#include <curl/curl.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#define HEADS_MAX 32768u /* bytes of one answer */
#define VALUE_MAX 255	 /* of what is read here */
#define UNIT	  "bytes "

static void refuse(struct http_answer *a, const char *text)
{
	if (a->error[0] == '\0')
		snprintf(a->error, sizeof(a->error), "%s", text);
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* The value of this header without the blanks around it. false: it is another one. */
static bool take_value(char value[VALUE_MAX + 1], const char *line, size_t len, const char *name)
{
	size_t at = strlen(name);

	if (len <= at || strncasecmp(line, name, at) != 0 || line[at] != ':')
		return false;
	at++;
	while (at < len && is_blank(line[at]))
		at++;
	while (len > at && is_blank(line[len - 1]))
		len--;
	snprintf(value, VALUE_MAX + 1, "%.*s", len - at < VALUE_MAX ? (int)(len - at) : VALUE_MAX,
		 line + at);
	return true;
}

/* Those of older hawkBits have no quotes, so that any word is one; it goes back as it came. */
static void take_etag(struct http_answer *a, const char *value, bool weak)
{
	size_t len = strlen(value);

	for (size_t i = 0; i < len; i++)
		if (value[i] <= ' ' || value[i] > '~')
			return;
	if ((weak || strncasecmp(value, "W/", 2) != 0) && len <= HTTP_ETAG_MAX)
		memcpy(a->etag, value, len + 1);
}

/* FIRST-LAST/TOTAL, where TOTAL may be a star. */
static bool read_range(uint64_t *from, uint64_t *total, char *text)
{
	const char *first = strsep(&text, "-"), *last = text != NULL ? strsep(&text, "/") : NULL;
	uint64_t to;

	*total = UINT64_MAX;
	return text != NULL && bytes_decimal(from, first, UINT64_MAX - 1) == KB_OK &&
	       bytes_decimal(&to, last, UINT64_MAX - 1) == KB_OK && *from <= to &&
	       (strcmp(text, "*") == 0 ||
		(bytes_decimal(total, text, UINT64_MAX - 1) == KB_OK && to < *total));
}

/* Of anything else, it is not known where its bytes belong. */
static void take_range(struct http_answer *a, char *value)
{
	if (strncasecmp(value, UNIT, strlen(UNIT)) != 0 ||
	    !read_range(&a->from, &a->total, value + strlen(UNIT)))
		a->from = a->total = UINT64_MAX;
}

static void begin_head(struct http_head *h, const char *line, size_t len)
{
	const char *blank = memchr(line, ' ', len);

	h->answer->etag[0] = '\0';
	h->answer->from = h->answer->total = h->answer->length = UINT64_MAX;
	h->answer->ranges = false;
	h->made = h->again = 0;
	h->success = blank != NULL && (size_t)(blank - line) + 1 < len && blank[1] == '2';
	h->ended = false;
}

/* 0: it is none; digits are seconds from now on. */
static int64_t read_date(const char *value)
{
	time_t date = value[0] < '0' || value[0] > '9' ? curl_getdate(value, NULL) : 0;

	return date > 0 ? (int64_t)date : 0;
}

static void look_at_line(struct http_head *h, const char *line, size_t len)
{
	struct http_answer *a = h->answer;
	char value[VALUE_MAX + 1];

	if (take_value(value, line, len, "ETag"))
		take_etag(a, value, h->weak);
	else if (take_value(value, line, len, "Content-Range"))
		take_range(a, value);
	else if (take_value(value, line, len, "Accept-Ranges"))
		a->ranges = strcasecmp(value, "bytes") == 0;
	else if (take_value(value, line, len, "Date"))
		h->made = read_date(value);
	else if (take_value(value, line, len, "Retry-After"))
		h->again = read_date(value);
	else if (h->success && !h->unread && take_value(value, line, len, "Content-Encoding") &&
		 value[0] != '\0' && strcasecmp(value, "identity") != 0)
		refuse(a, "the server packs its answer, which was not asked for");
}

bool http_head_take(struct http_head *h, const char *line, size_t len)
{
	size_t text = len;

	h->bytes += len;
	if (h->bytes > HEADS_MAX)
		refuse(h->answer, "headers without end");
	while (text > 0 && is_blank(line[text - 1]))
		text--;
	if (len >= 5 && strncmp(line, "HTTP/", 5) == 0)
		begin_head(h, line, len);
	else if (text == 0)
		h->ended = true;
	else if (!h->ended)
		look_at_line(h, line, len);
	return h->answer->error[0] == '\0';
}
