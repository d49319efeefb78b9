/* SPDX-License-Identifier: Apache-2.0 */
/* The head of an answer, as libcurl hands it over; and what is no answer to what was asked. */
#include "fleet/http_head.h"
#include "fleet/page.h"
#include "tests/unit/test.h"

static struct http_answer answer;
static struct http_head head;

static bool take(const char *line)
{
	return http_head_take(&head, line, strlen(line));
}

static void begin(bool weak)
{
	answer = (struct http_answer){ .from = UINT64_MAX, .total = UINT64_MAX };
	head = (struct http_head){ .answer = &answer, .weak = weak };
	assert_true(take("HTTP/1.1 206 Partial Content\r\n"));
}

TEST(the_head_of_a_part_is_read)
{
	begin(false);
	assert_true(take("etag:  \"x\" \t\r\n") && take("Accept-Ranges: bytes\r\n"));
	assert_true(take("CONTENT-RANGE: bytes 5-9/10\r\n") && take("\r\n"));
	assert_string_equal(answer.etag, "\"x\"");
	assert_true(answer.ranges);
	assert_int_equal(answer.from, 5);
	assert_int_equal(answer.total, 10);
	assert_true(take("HTTP/1.1 200 OK\r\n"));
	assert_string_equal(answer.etag, "");
	assert_false(answer.ranges);
	assert_true(answer.from == UINT64_MAX && answer.total == UINT64_MAX);
}

TEST(a_weak_etag_is_one_of_a_file_only)
{
	begin(false);
	assert_true(take("ETag: W/\"x\"\r\n") && take("ETag: two words\r\n"));
	assert_string_equal(answer.etag, "");
	begin(true);
	assert_true(take("ETag: W/\"x\"\r\n"));
	assert_string_equal(answer.etag, "W/\"x\"");
}

TEST(a_range_that_is_none_says_nothing)
{
	static const char *const none[] = {
		"bytes -5-9/10",
		"bytes 9-5/10",
		"bytes 5-10/10",
		"bytes 5",
		"bytes 5-",
		"bytes 5-9",
		"bytes 5-9/",
		"bytes 5-9/x",
		"bytes 5-9/10x",
		"bytes 5-9/-1",
		"bytes +5-9/10",
		"bytes */10",
		"items 5-9/10",
		"5-9/10",
		"bytes 18446744073709551621-18446744073709551625/18446744073709551626",
		"bytes 5-9/18446744073709551616",
		"",
	};
	char line[128];

	for (size_t i = 0; i < KB_ARRAY_LEN(none); i++) {
		begin(false);
		snprintf(line, sizeof(line), "Content-Range: %s\r\n", none[i]);
		assert_true(take("Content-Range: bytes 0-1/2\r\n") && take(line));
		if (answer.from != UINT64_MAX || answer.total != UINT64_MAX)
			fail_msg("%s", line);
	}
}

TEST(the_end_of_a_range_may_be_unknown)
{
	begin(false);
	assert_true(take("Content-Range: Bytes 5-9/*\r\n"));
	assert_int_equal(answer.from, 5);
	assert_true(answer.total == UINT64_MAX);
}

TEST(what_comes_behind_the_body_says_nothing)
{
	begin(false);
	assert_true(take("ETag: \"x\"\r\n") && take("\r\n"));
	assert_true(take("ETag: \"y\"\r\n") && take("Content-Range: bytes 1-2/3\r\n"));
	assert_string_equal(answer.etag, "\"x\"");
	assert_true(answer.from == UINT64_MAX);
}

TEST(a_packed_answer_is_refused_however_far_its_word_is)
{
	static char line[2048];

	begin(false);
	assert_true(take("Content-Encoding: identity\r\n") && take("Content-Encoding:\r\n"));
	snprintf(line, sizeof(line), "Content-Encoding: %*s\r\n", 1024, "gzip");
	assert_false(take(line));
	assert_string_equal(answer.error, "the server packs its answer, which was not asked for");
}

TEST(what_an_error_is_packed_with_hides_no_status)
{
	static const char *const status[] = { "HTTP/1.1 429 Too Many Requests\r\n",
					      "HTTP/1.1 410 Gone\r\n", "HTTP/1.1 502\r\n",
					      "HTTP/2 302 \r\n" };

	for (size_t i = 0; i < KB_ARRAY_LEN(status); i++) {
		begin(false);
		assert_true(take(status[i]) && take("Content-Encoding: gzip\r\n"));
	}
	assert_true(take("HTTP/2 200 \r\n"));
	assert_false(take("Content-Encoding: br\r\n"));
}

TEST(nor_does_it_of_what_nobody_reads)
{
	begin(false);
	head.unread = true;
	assert_true(take("Content-Encoding: gzip\r\n"));
}

static struct http_answer with_length(int status, uint64_t length)
{
	return (struct http_answer){ .status = status, .length = length };
}

TEST(a_page_has_another_length_than_the_bundle)
{
	struct http_answer page = with_length(200, 300), larger = with_length(200, 5000),
			   bundle = with_length(200, 4096), part = with_length(206, 300),
			   unknown = with_length(200, UINT64_MAX);

	assert_true(page_is_announced(&page, 4096) && page_is_announced(&larger, 4096));
	assert_string_equal(page.error, "the server sends 300 of 4096 bytes: "
					"a page is in the place of the bundle");
	assert_false(page_is_announced(&bundle, 4096) || page_is_announced(&part, 4096) ||
		     page_is_announced(&unknown, 4096));
	assert_false(page_is_possible(&bundle, 4096) || page_is_possible(&part, 4096));
	assert_true(page_is_possible(&unknown, 4096) && page_is_possible(&page, 4096));
}

TEST(a_page_without_a_length_begins_otherwise)
{
	static const char *const pages[] = { "<!doctype html>", "<", "KEEL", "KEELCHAN",
					     "KEELBNDX" };
	struct http_answer a;

	a = with_length(200, UINT64_MAX);
	assert_false(page_is_begun(&a, "KEELBNDL and more", 17) || page_is_begun(&a, "KE", 2));
	for (size_t i = 0; i < KB_ARRAY_LEN(pages); i++) {
		bool part = strcmp(pages[i], "KEEL") == 0;

		a = with_length(200, UINT64_MAX);
		assert_true(page_is_begun(&a, pages[i], strlen(pages[i])) != part);
	}
}

TEST(a_head_without_end_is_refused)
{
	int lines = 0;

	begin(false);
	while (take("X-Filler: 0123456789\r\n"))
		assert_true(++lines < 32768 / 20);
	assert_string_equal(answer.error, "headers without end");
}

TEST_MAIN("http", .quiet = true)
