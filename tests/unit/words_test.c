/* SPDX-License-Identifier: Apache-2.0 */
#include "selector/words.h"

#include "tests/unit/store_disk.h"
#include "tests/unit/test.h"

static struct state s;

/* ---------------------------------------------------------------- the tail of a text */

static struct tail tail;

static void is_tail(const char *text)
{
	assert_int_equal(tail.len, strlen(text));
	assert_memory_equal(tail.text, text, tail.len);
}

static void add_lines(unsigned first, unsigned last)
{
	char line[16];

	for (unsigned i = first; i <= last; i++)
		tail_add(&tail, line, (size_t)snprintf(line, sizeof(line), "line %04u\n", i));
}

TEST(the_last_whole_lines_are_kept)
{
	memset(&tail, 0, sizeof(tail));
	add_lines(1, 360); /* TAIL_MAX bytes */
	assert_int_equal(tail.len, TAIL_MAX);
	assert_false(tail.cut);
	add_lines(361, 361);
	EQUAL((tail.len, TAIL_MAX), (tail.cut, true));
	assert_memory_equal(tail.text, "line 0002\n", 10);
	tail_add(&tail, "x", 1);
	assert_memory_equal(tail.text, "line 0003\n", 10);
}

TEST(of_a_long_text_the_end_is_kept_from_a_line_on)
{
	static char text[3 * TAIL_MAX];

	memset(&tail, 0, sizeof(tail));
	memset(text, 'a', sizeof(text));
	tail_add(&tail, text, sizeof(text));
	EQUAL((tail.len, TAIL_MAX), (tail.cut, true));
	text[sizeof(text) - 6] = '\n';
	tail_add(&tail, text, sizeof(text));
	is_tail("aaaaa");
	tail_add(&tail, text, TAIL_MAX); /* without any line's end */
	assert_int_equal(tail.len, TAIL_MAX);
}

TEST(only_plain_text_is_kept)
{
	memset(&tail, 0, sizeof(tail));
	tail_add(&tail, "a\x1b[2J\tb\0\r\xc3\xa9\n", 12);
	is_tail("a?[2J\tb????\n");
}

/* ---------------------------------------------------------------- cells */

static struct words made(uint64_t token, const char *text)
{
	struct words w = { .slot = 1,
			   .token = token,
			   .kind = WORDS_CHECK,
			   .time = 1700000000,
			   .sequence = 30,
			   .version = "3.0" };

	tail_add(&w.tail, text, strlen(text));
	return w;
}

TEST(a_piece_is_read_as_it_was_written)
{
	struct words w = made(UINT64_MAX, "text=a\nkind=panic\n\nno newline"), is;

	w.n = 17;
	w.tail.cut = true;
	words_encode(&w, 5, cell_bytes);
	OK(words_decode(&is, 5, cell_bytes));
	EQUAL((is.n, 17), (is.slot, 1), (is.token, UINT64_MAX), (is.kind, WORDS_CHECK),
	      (is.time, 1700000000), (is.sequence, 30), (is.version, "3.0"), (is.tail.cut, true));
	tail = is.tail;
	is_tail("text=a\nkind=panic\n\nno newline");
	FAILS(words_decode(&is, 6, cell_bytes), KB_EFORMAT);
	cell_bytes[80] ^= 1;
	FAILS(words_decode(&is, 5, cell_bytes), KB_EFORMAT);
	memset(cell_bytes, 0xff, sizeof(cell_bytes));
	FAILS(words_decode(&is, 5, cell_bytes), KB_EBLANK);
}

TEST(the_largest_piece_fits)
{
	static char text[TAIL_MAX + 1];
	struct words w, is;

	memset(text, 'x', TAIL_MAX);
	w = made(UINT64_MAX, text);
	w.n = w.time = w.sequence = UINT64_MAX;
	memset(w.version, 'v', STATE_STR_MAX);
	words_encode(&w, 127, cell_bytes);
	OK(words_decode(&is, 127, cell_bytes));
	EQUAL((is.tail.len, TAIL_MAX), (is.tail.text[TAIL_MAX - 1], 'x'), (is.n, UINT64_MAX));
}

/* ---------------------------------------------------------------- the ring */

static uint64_t told[STORE_WORDS_CELLS];
static uint64_t tokens[STORE_WORDS_CELLS];
static unsigned ntold;

static bool tell(void *ctx, const struct words *w)
{
	(void)ctx;
	told[ntold] = w->n;
	tokens[ntold++] = w->token;
	return true;
}

static void read_all(struct cut_disk *d)
{
	load(d, &s);
	ntold = 0;
	store_words_read(&st, tell, NULL);
}

/* One of a trial: its version is that number. */
static enum kb_err try_add(unsigned trial, uint64_t token)
{
	struct words w = made(token, "why");

	snprintf(w.version, sizeof(w.version), "%u", trial);
	return store_words_add(&st, &w);
}

static void add_words(unsigned trial, uint64_t first, uint64_t last)
{
	load(&disk, &s);
	for (uint64_t token = first; token <= last; token++)
		OK(try_add(trial, token));
}

TEST(pieces_are_told_in_their_order)
{
	save_mark(&disk, 1);
	read_all(&disk);
	assert_int_equal(ntold, 0);
	add_words(1, 1, 3);
	read_all(&disk);
	EQUAL((ntold, 3), (told[0], 1), (told[2], 3), (tokens[0], 1), (tokens[2], 3));
}

TEST(a_trial_has_64_kib_of_which_the_oldest_goes_first)
{
	add_words(1, 1, 3);
	add_words(2, 10, 10 + 2 * STORE_WORDS_TRIAL);
	read_all(&disk);
	EQUAL((ntold, 3 + STORE_WORDS_TRIAL), (tokens[0], 1), (tokens[2], 3),
	      (tokens[3], 10 + STORE_WORDS_TRIAL + 1),
	      (tokens[ntold - 1], 10 + 2 * STORE_WORDS_TRIAL));
}

TEST(the_oldest_trial_makes_room)
{
	for (unsigned trial = 1; trial <= 9; trial++)
		add_words(trial, 100 * trial, 100 * trial + STORE_WORDS_TRIAL - 1);
	read_all(&disk);
	EQUAL((ntold, STORE_WORDS_CELLS), (tokens[0], 200), (told[0], 17),
	      (tokens[ntold - 1], 900 + STORE_WORDS_TRIAL - 1));
}

TEST(the_same_piece_of_the_same_attempt_is_not_written_twice)
{
	struct words w = made(9, "why");

	add_words(1, 8, 9);
	load(&disk, &s);
	memcpy(w.version, "1", 2);
	OK(store_words_add(&st, &w));
	assert_int_equal(w.n, 2);
	w.kind = WORDS_PANIC;
	OK(store_words_add(&st, &w));
	assert_int_equal(w.n, 3);
	tail_add(&w.tail, "!", 1);
	OK(store_words_add(&st, &w));
	assert_int_equal(w.n, 4);
}

TEST(garbage_is_left_out_and_written_over)
{
	add_words(1, 1, 3);
	bdev_sim_scribble(&disk, STORE_WORDS, (uint64_t)STORE_WORDS_CELLS * WORDS_CELL, 7);
	read_all(&disk);
	assert_int_equal(ntold, 0);
	add_words(1, 4, 5);
	read_all(&disk);
	EQUAL((ntold, 2), (told[0], 1), (tokens[1], 5));
}

TEST(what_cannot_be_read_is_left_out)
{
	add_words(1, 1, 3);
	kill_bytes(&disk, 0, STORE_WORDS + WORDS_CELL, WORDS_CELL, READS);
	read_all(&disk);
	EQUAL((ntold, 2), (told[0], 1), (told[1], 3));
	add_words(1, 4, 4);
	read_all(&disk);
	EQUAL((ntold, 3), (told[2], 4));
	kill_bytes(&disk, 0, STORE_WORDS, (uint64_t)STORE_WORDS_CELLS * WORDS_CELL, READS);
	load(&disk, &s);
	FAILS(try_add(1, 5), KB_EIO);
}

TEST(a_cut_costs_the_piece_and_the_one_below_it)
{
	add_words(1, 1, STORE_WORDS_TRIAL);
	for (unsigned cut = 1; cut <= 2; cut++)
		for (uint64_t seed = 0; seed < SEEDS; seed++) {
			bdev_sim_copy(&trial_disk, &disk);
			load(&trial_disk, &s);
			trial_disk.own.cut_at = cut;
			FAILS(try_add(1, 99), KB_EIO);
			bdev_sim_cut(&trial_disk, seed);
			read_all(&trial_disk);
			assert_in_range(ntold, STORE_WORDS_TRIAL - 1, STORE_WORDS_TRIAL);
			assert_int_equal(tokens[1],
					 ntold == STORE_WORDS_TRIAL && tokens[0] == 1 ? 2 : 3);
		}
}

TEST(a_number_that_has_no_next_one_begins_anew)
{
	struct words w = made(7, "forged");

	w.n = UINT64_MAX;
	words_encode(&w, 9, cell_bytes);
	OK(bdev_write(&disk.bdev, STORE_WORDS + 9 * WORDS_CELL, cell_bytes, WORDS_CELL));
	add_words(1, 1, 1);
	read_all(&disk);
	EQUAL((ntold, 1), (told[0], 1), (tokens[0], 1));
}

TEST(a_state_that_is_made_anew_has_none)
{
	save_mark(&disk, 1);
	add_words(1, 1, 3);
	load(&disk, &s);
	OK(store_erase(&st));
	read_all(&disk);
	assert_int_equal(ntold, 0);
}

TEST(an_event_says_which_record_was_the_newest)
{
	static struct history_event e;

	save_mark(&disk, 1);
	load(&disk, &s);
	OK(store_history_add(&st, &(struct history_event){ .kind = HISTORY_BAD }));
	OK(bdev_read(&disk.bdev, STORE_HISTORY, cell_bytes, HISTORY_CELL));
	OK(history_decode(&e, cell_bytes));
	EQUAL((e.record, s.seq), (e.n, 1));
}

static void set_up(void)
{
	bdev_sim_init(&disk, STORE_MIN_SIZE);
	bdev_sim_init(&trial_disk, STORE_MIN_SIZE);
}

static void tear_down(void)
{
	cut_disk_free(&disk);
	cut_disk_free(&trial_disk);
}

TEST_MAIN("words", .set_up = set_up, .tear_down = tear_down)
