/* SPDX-License-Identifier: Apache-2.0 */
/* The guardian's verdict on a state partition (a file here), also against somebody else's. */
#include "tests/unit/hurry.h"
#include "tests/unit/states.h"

#include "initramfs/guardian/guardian_record.h"
#include "selector/store.h"
#include "selector/verdict.h"

#include <sys/file.h>

#define ROUNDS 400
#define LAST   (ROUNDS + 24) /* with a lead of up to 0.8 s */

static char path[64];
static int fd = -1;
static struct guardian_attempt attempt;
static struct bdev_file file;
static enum store_finding found;
static struct state s;
static struct store st;

static void load(void)
{
	OK(bdev_file_from_fd(&file, fd));
	OK(store_load(&st, &file.bdev, &s, &found));
	assert_int_equal(found, STORE_FOUND);
}

/* A trial of slot b that is under way. */
static void set_up(void)
{
	struct state none;

	fd = memfd_create("state", MFD_CLOEXEC);
	assert_true(fd >= 0);
	snprintf(path, sizeof(path), "/proc/%d/fd/%d", (int)getpid(), fd);
	assert_int_equal(ftruncate(fd, STORE_MIN_SIZE), 0);
	states_trial(&s);
	s.open = 1;
	s.open_token = 0;
	OK(bdev_file_from_fd(&file, fd));
	OK(store_load(&st, &file.bdev, &none, &found));
	OK(store_save(&st, &s));
	attempt = (struct guardian_attempt){ .slot = 1, .token = s.open_token };
}

static void tear_down(void)
{
	close(fd);
}

static bool keep_event(void *ctx, const struct history_event *e)
{
	*(struct history_event *)ctx = *e;
	return false;
}

TEST(trial_becomes_bad_with_its_reason)
{
	struct history_event e = { .kind = HISTORY_STATE };

	assert_int_equal(guardian_record_look(fd, &attempt), GUARDIAN_OPEN);
	assert_int_equal(guardian_record_bad(fd, &attempt, 1234), GUARDIAN_RECORDED);
	load();
	EQUAL((s.slot[1].st, STATE_BAD), (s.slot[1].reason, "deadline"), (s.open, STATE_NONE));
	EQUAL((s.pref, 0), (state_is_rejected(&s, s.slot[1].release), true));
	OK(store_history_read(&st, 1, keep_event, &e));
	EQUAL((e.kind, HISTORY_BAD), (e.slot, 1), (e.time, 1234), (e.reason, "deadline"));
	assert_string_equal(e.detail, "guardian");
	assert_int_equal(guardian_record_look(fd, &attempt), GUARDIAN_CLOSED);
	assert_int_equal(guardian_record_bad(fd, &attempt, 1234), GUARDIAN_CLOSED);
}

static void good(void)
{
	bool committed;

	load();
	OK(verdict_good(&s, 1, s.open_token, 0, &committed));
	OK(store_save(&st, &s));
}

TEST(slot_that_is_good_now_is_told_from_a_bad_one)
{
	good();
	assert_int_equal(guardian_record_look(fd, &attempt), GUARDIAN_GOOD);
	assert_int_equal(guardian_record_bad(fd, &attempt, 0), GUARDIAN_GOOD);
	load();
	assert_int_equal(s.slot[1].st, STATE_GOOD);
	OK(verdict_bad(&s, 1, "user"));
	OK(store_save(&st, &s));
	assert_int_equal(guardian_record_look(fd, &attempt), GUARDIAN_CLOSED);
}

TEST(good_slot_proves_itself)
{
	uint64_t seq;

	assert_int_equal(guardian_record_proven(fd, &attempt), GUARDIAN_OPEN); /* on trial */
	good();
	load();
	assert_int_equal(s.open, 1);
	assert_int_equal(guardian_record_proven(fd, &attempt), GUARDIAN_GOOD);
	load();
	assert_int_equal(s.open, STATE_NONE);
	seq = s.seq;
	assert_int_equal(guardian_record_proven(fd, &attempt), GUARDIAN_GOOD);
	load();
	assert_true(s.seq == seq); /* it wrote nothing */
	OK(verdict_bad(&s, 1, "user"));
	OK(store_save(&st, &s));
	assert_int_equal(guardian_record_proven(fd, &attempt), GUARDIAN_CLOSED);
}

/* A slot that was booted as a last resort; nothing was counted. */
TEST(bad_slot_without_an_attempt_can_become_good)
{
	load();
	OK(verdict_bad(&s, 1, "user"));
	OK(store_save(&st, &s));
	attempt.token = 0;
	assert_int_equal(guardian_record_look(fd, &attempt), GUARDIAN_CLOSED);
	good();
	assert_int_equal(guardian_record_look(fd, &attempt), GUARDIAN_GOOD);
}

TEST(attempt_of_a_slot_that_is_not_there_is_not_good)
{
	load();
	attempt.slot = s.nslots;
	assert_int_equal(guardian_record_look(fd, &attempt), GUARDIAN_CLOSED);
}

TEST(other_attempt_is_left_alone)
{
	struct guardian_attempt other = attempt;
	uint64_t seq;

	load();
	seq = s.seq;
	other.token++;
	assert_int_equal(guardian_record_bad(fd, &other, 0), GUARDIAN_CLOSED);
	other = attempt;
	other.slot = 0;
	assert_int_equal(guardian_record_bad(fd, &other, 0), GUARDIAN_GOOD);
	load();
	assert_int_equal(s.seq, seq);
	s.slot[0].st = STATE_TRIAL; /* with the token of the one that is under way */
	OK(store_save(&st, &s));
	assert_int_equal(guardian_record_bad(fd, &other, 0), GUARDIAN_CLOSED);
	load();
	assert_int_equal(s.seq, seq + 1);
}

TEST(announced_shutdown_is_not_held_against_it)
{
	load();
	OK(verdict_clean(&s, 1, attempt.token));
	OK(store_save(&st, &s));
	assert_int_equal(guardian_record_look(fd, &attempt), GUARDIAN_CLEAN);
	assert_int_equal(guardian_record_bad(fd, &attempt, 0), GUARDIAN_CLEAN);
	load();
	assert_int_equal(s.slot[1].st, STATE_TRIAL);
}

TEST(unreadable_state_is_a_failure)
{
	int pipes[2], null = open("/dev/null", O_RDWR);

	assert_int_equal(pipe(pipes), 0);
	assert_int_equal(guardian_record_look(pipes[0], &attempt), GUARDIAN_FAILED);
	assert_int_equal(guardian_record_look(null, &attempt), GUARDIAN_FAILED);
	assert_int_equal(ftruncate(fd, 0), 0);
	assert_int_equal(ftruncate(fd, STORE_MIN_SIZE), 0);
	assert_int_equal(guardian_record_bad(fd, &attempt, 0), GUARDIAN_FAILED);
	close(null);
	close(pipes[0]);
	close(pipes[1]);
}

TEST(lock_is_given_back)
{
	int other = open(path, O_RDWR);

	assert_int_equal(guardian_record_bad(fd, &attempt, 0), GUARDIAN_RECORDED);
	assert_int_equal(flock(other, LOCK_EX | LOCK_NB), 0);
	close(other);
}

TEST(nothing_is_written_without_the_lock)
{
	int other = open(path, O_RDWR);

	assert_int_equal(flock(other, LOCK_EX), 0);
	hurry = true;
	assert_int_equal(guardian_record_bad(fd, &attempt, 0), GUARDIAN_FAILED);
	hurry = false;
	load();
	assert_int_equal(s.slot[1].st, STATE_TRIAL);
	close(other);
}

/* As `keelboot mark good` does it, in another process with a descriptor of its own. */
static int mark_good(volatile int *go, useconds_t delay)
{
	int own = open(path, O_RDWR);
	bool committed;
	enum kb_err err;

	while (!*go)
		;
	usleep(delay);
	if (own < 0 || store_lock(own, 5000) != KB_OK || bdev_file_from_fd(&file, own) != KB_OK ||
	    store_load(&st, &file.bdev, &s, &found) != KB_OK || found != STORE_FOUND)
		return 9;
	err = verdict_good(&s, 1, attempt.token, 0, &committed);
	if (err == KB_ESTALE)
		return 1;
	return err == KB_OK && committed && store_save(&st, &s) == KB_OK ? 0 : 9;
}

/* Who comes later, and by how much; who is first depends on the machine, so many ways are tried.
 * The last rounds, if they are needed, leave no doubt. */
static useconds_t lead(unsigned round)
{
	return round < ROUNDS ? round * 7 % 400 : 400u << (round - ROUNDS) / 2;
}

/* One of the two wins, both know which, and the state has the winner's word. */
TEST(verdict_that_races_has_one_winner)
{
	volatile int *go =
		mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	unsigned good = 0, bad = 0, round;

	for (round = 0; round < ROUNDS || ((good == 0 || bad == 0) && round < LAST); round++) {
		enum guardian_result result;
		int code;
		pid_t pid;

		set_up();
		*go = 0;
		pid = fork();
		if (pid == 0)
			_exit(mark_good(go, round % 2 == 0 ? lead(round) : 0));
		*go = 1;
		usleep(round % 2 == 0 ? 0 : lead(round));
		result = guardian_record_bad(fd, &attempt, 0);
		code = test_exit_code(pid);
		load();
		if (result == GUARDIAN_RECORDED) {
			EQUAL((code, 1), (s.slot[1].st, STATE_BAD), (s.pref, 0));
			assert_int_equal(s.open, STATE_NONE);
			bad++;
		} else {
			EQUAL((result, GUARDIAN_GOOD), (code, 0));
			EQUAL((s.slot[1].st, STATE_GOOD), (s.pref, 1));
			assert_int_equal(s.open, 1); /* it has yet to prove itself */
			good++;
		}
		tear_down();
	}
	munmap((void *)go, 4096);
	print_message("of %u races the command won %u, the guardian %u\n", round, good, bad);
	set_up();
	assert_true(good > 0 && bad > 0);
}

static bool keep_words(void *ctx, const struct words *w)
{
	*(struct words *)ctx = *w;
	return true;
}

static void heard(const char *text, enum guardian_result answer)
{
	static struct words got;
	struct tail tail = { .len = 0 };

	tail_add(&tail, text, strlen(text));
	assert_int_equal(guardian_record_words(fd, &attempt, &tail, 77), answer);
	load();
	store_words_read(&st, keep_words, &got);
	EQUAL((got.kind, WORDS_KERNEL), (got.slot, 1), (got.time, 77), (got.token, attempt.token));
	assert_string_equal(got.version, s.slot[1].version);
	assert_memory_equal(got.tail.text, text, strlen(text));
}

TEST(the_kernels_last_lines_are_those_of_the_trial)
{
	heard("one\n", GUARDIAN_OPEN);
	assert_int_equal(guardian_record_bad(fd, &attempt, 1234), GUARDIAN_RECORDED);
	heard("two\n", GUARDIAN_CLOSED);
}

TEST(a_good_slot_leaves_no_words)
{
	static struct words got;
	struct tail tail = { .len = 1, .text = "x" };

	good();
	assert_int_equal(guardian_record_words(fd, &attempt, &tail, 77), GUARDIAN_GOOD);
	load();
	store_words_read(&st, keep_words, &got);
	assert_int_equal(got.n, 0);
}

TEST_MAIN("guardian_record", .set_up = set_up, .tear_down = tear_down, .quiet = true)
