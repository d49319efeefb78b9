/* SPDX-License-Identifier: Apache-2.0 */
/* What the guardian hears of the kernel, and when it writes that. */
#include "tests/unit/test.h"

#include "initramfs/guardian/guardian_words.h"

#include <fcntl.h>
#include <sys/socket.h>

#define S(seconds) ((uint64_t)(seconds)*1000)

static struct guardian_words w;

static void set_up(void)
{
	memset(&w, 0, sizeof(w));
}

static void hears(const char *text)
{
	assert_int_equal(w.tail.len, strlen(text));
	assert_memory_equal(w.tail.text, text, w.tail.len);
}

TEST(records_become_lines_as_dmesg_shows_them)
{
	guardian_words_add(&w, "6,1,123456,-;usb 1-1: new device\n SUBSYSTEM=usb\n", S(1));
	guardian_words_add(&w, "12,2,61000000,-,caller=T1;app: \x1b[1m\xc3\xa9", S(1));
	hears("[    0.123456] usb 1-1: new device\n[   61.000000] app: ?[1m??\n");
	assert_false(w.urgent);
}

TEST(what_is_no_record_is_left_out)
{
	static const char *const bad[] = { "",	      "6",	   "6,1",	"6,1,5",
					   "6,1,5,-", "x,1,5,-;a", "6;1,5,-;a", "-6,1,5,-;a" };

	for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		guardian_words_add(&w, bad[i], S(1));
	assert_int_equal(w.tail.len, 0);
}

TEST(an_error_is_written_at_once_and_all_else_in_time)
{
	guardian_words_add(&w, "6,1,0,-;fine", S(10));
	assert_false(guardian_words_begin(&w, S(10)));
	assert_false(guardian_words_begin(&w, S(29)));
	assert_true(guardian_words_begin(&w, S(30)));
	guardian_words_forget(&w);
	assert_false(guardian_words_begin(&w, S(90))); /* nothing new */
	guardian_words_add(&w, "3,2,0,-;I/O error", S(91));
	assert_true(guardian_words_begin(&w, S(91)));
}

TEST(level_of_a_facility_counts_without_it)
{
	guardian_words_add(&w, "30,1,0,-;daemon: information", S(1)); /* 3 * 8 + 6 */
	assert_false(w.urgent);
	guardian_words_add(&w, "27,2,0,-;daemon: error", S(1));
	assert_true(w.urgent);
}

TEST(a_boot_writes_so_often_and_no_more)
{
	unsigned writes = 0;

	for (unsigned i = 0; i < 1000; i++) {
		guardian_words_add(&w, "0,1,0,-;a flood of errors", S(i));
		if (guardian_words_begin(&w, S(i)))
			writes++;
		guardian_words_forget(&w);
	}
	assert_int_equal(writes, GUARDIAN_WORDS_MAX);
}

/* A write that failed is tried again with the same lines. */
TEST(lines_stay_until_they_are_written)
{
	guardian_words_add(&w, "3,1,0,-;one", S(1));
	assert_true(guardian_words_begin(&w, S(1)));
	guardian_words_add(&w, "6,2,0,-;two", S(2));
	assert_true(guardian_words_begin(&w, S(2)));
	hears("[    0.000000] one\n[    0.000000] two\n");
}

TEST(the_log_is_read_to_its_end_and_never_waited_for)
{
	int fds[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, fds), 0);
	guardian_words_listen(&w, fds[0], S(1));
	assert_int_equal(w.tail.len, 0);
	assert_int_equal(write(fds[1], "6,1,0,-;one\n", 12), 12);
	assert_int_equal(write(fds[1], "6,2,0,-;two\n", 12), 12);
	guardian_words_listen(&w, fds[0], S(1));
	hears("[    0.000000] one\n[    0.000000] two\n");
	close(fds[1]);
	guardian_words_listen(&w, fds[0], S(1)); /* its end */
	close(fds[0]);
	guardian_words_listen(&w, fds[0], S(1)); /* and none at all */
}

TEST_MAIN("guardian_words", .set_up = set_up)
