/* SPDX-License-Identifier: Apache-2.0 */
/* The prober's two processes, with a libblkid that crashes and hangs where a test wants it.
 * prober_blkid_test.c has the real one. */
#include "initramfs/prober.c"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>

enum mood { FINE, CRASH, HANG, SCRIBBLE, TELL };

static enum mood table_mood, part_mood[PROBER_PARTS_MAX + 1];
static unsigned nparts;

static void be(enum mood mood)
{
	if (mood == CRASH) {
		signal(SIGSEGV, SIG_DFL); /* not the sanitizer's */
		raise(SIGSEGV);
	}
	while (mood == HANG)
		pause();
}

void prober_blkid_table(int fd, const char *dev, struct prober_answer *a)
{
	(void)fd;
	snprintf(a->whole.dev, sizeof(a->whole.dev), "%s", dev);
	snprintf(a->table, sizeof(a->table), "gpt");
	a->n = nparts;
	for (unsigned i = 0; i < nparts; i++)
		a->part[i] = (struct prober_part){ .number = i + 1, .start = i + 1, .size = 1 };
	be(table_mood);
	if (table_mood == SCRIBBLE)
		a->n = 0xffffffff;
}

void prober_blkid_part(int fd, struct prober_part *part)
{
	(void)fd;
	snprintf(part->fstype, sizeof(part->fstype), "ext4");
	if (part_mood[part->number] == TELL)
		snprintf(part->label, sizeof(part->label), "%d %d %d", (int)getuid(),
			 (int)getegid(), getgroups(0, NULL));
	be(part_mood[part->number]);
}

static struct prober_answer a;

static uint64_t look(unsigned budget_ms)
{
	uint64_t start = os_now_ms();

	prober_look(-1, "/dev/x", budget_ms, &a);
	assert_int_equal(a.magic, PROBER_MAGIC);
	return os_now_ms() - start;
}

static int all_fine(void **state)
{
	(void)state;
	table_mood = FINE;
	memset(part_mood, 0, sizeof(part_mood));
	nparts = 4;
	return 0;
}

/* Partition `number` is the only one without a file system. */
static void assert_all_but(unsigned number)
{
	assert_int_equal(a.n, nparts);
	assert_string_equal(a.table, "gpt");
	for (unsigned i = 0; i < a.n; i++) {
		bool hit = i + 1 == number;

		assert_string_equal(a.part[i].fstype, hit ? "" : "ext4");
		assert_int_equal(a.part[i].flags, hit ? PROBER_PART_UNREADABLE : 0);
	}
}

static void every_partition_is_looked_at(void **state)
{
	(void)state;
	look(4000);
	assert_all_but(0);
	nparts = PROBER_PARTS_MAX;
	look(4000);
	assert_all_but(0);
}

static void a_crash_in_one_partition_hides_no_other(void **state)
{
	(void)state;
	for (unsigned i = 1; i <= 4; i++) {
		all_fine(state);
		part_mood[i] = CRASH;
		look(4000);
		assert_all_but(i);
	}
}

static void a_hang_in_one_partition_costs_a_part_of_the_time(void **state)
{
	(void)state;
	part_mood[2] = HANG;
	assert_in_range(look(2000), 400, 1500);
	assert_all_but(2);
}

static void hangs_everywhere_stay_within_the_budget(void **state)
{
	(void)state;
	for (unsigned i = 1; i <= 64; i++)
		part_mood[i] = HANG;
	nparts = 64;
	assert_in_range(look(400), 300, 1500);
	assert_int_equal(a.n, 64);
	for (unsigned i = 0; i < 64; i++) {
		assert_string_equal(a.part[i].fstype, "");
		assert_int_equal(a.part[i].flags, PROBER_PART_UNREADABLE);
	}
}

static void crashes_everywhere_still_give_the_table(void **state)
{
	(void)state;
	for (unsigned i = 1; i <= 64; i++)
		part_mood[i] = CRASH;
	nparts = 64;
	look(4000);
	assert_int_equal(a.n, 64);
}

static void a_table_that_crashes_or_hangs_is_unreadable(void **state)
{
	static const enum mood moods[] = { CRASH, HANG };

	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		table_mood = moods[i];
		look(400);
		assert_int_equal(a.n, 0);
		assert_string_equal(a.table, "");
		assert_true(a.flags & PROBER_TABLE_UNREADABLE);
	}
}

static void a_worker_that_was_taken_over_cannot_claim_more_than_fits(void **state)
{
	(void)state;
	table_mood = SCRIBBLE;
	look(1000);
	assert_true(a.n <= PROBER_PARTS_MAX);
}

static void what_a_stranger_wrote_is_read_as_nobody(void **state)
{
	size_t got = 0;
	int fds[2];
	ssize_t n;
	pid_t pid;

	(void)state;
	if (geteuid() != 0)
		skip();
	nparts = 1;
	part_mood[1] = TELL;
	assert_int_equal(pipe(fds), 0);
	pid = fork();
	if (pid == 0) {
		char *argv[] = { (char *)"keelboot-prober", (char *)"/dev/null", NULL };
		int out = fcntl(fds[1], F_DUPFD, 10);

		dup2(out, ANSWER_FD);
		_exit(prober_main(2, argv));
	}
	close(fds[1]);
	memset(&a, 0, sizeof(a));
	while (got < sizeof(a) && (n = read(fds[0], (char *)&a + got, sizeof(a) - got)) > 0)
		got += (size_t)n;
	close(fds[0]);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	assert_int_equal(got, PROBER_ANSWER_LEN(1));
	assert_string_equal(a.part[0].label, "65534 65534 0");
}

static void wrong_usage_exits_with_3(void **state)
{
	char *argv[] = { (char *)"keelboot-prober", (char *)"/x", (char *)"soon", NULL };

	(void)state;
	assert_int_equal(prober_main(1, argv), 3);
	assert_int_equal(prober_main(3, argv), 3);
	argv[1] = (char *)"/nonexistent";
	assert_int_equal(prober_main(2, argv), 1);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup(f, all_fine)
	const struct CMUnitTest tests[] = {
		T(every_partition_is_looked_at),
		T(a_crash_in_one_partition_hides_no_other),
		T(a_hang_in_one_partition_costs_a_part_of_the_time),
		T(hangs_everywhere_stay_within_the_budget),
		T(crashes_everywhere_still_give_the_table),
		T(a_table_that_crashes_or_hangs_is_unreadable),
		T(a_worker_that_was_taken_over_cannot_claim_more_than_fits),
		T(what_a_stranger_wrote_is_read_as_nobody),
		T(wrong_usage_exits_with_3),
	};

	return cmocka_run_group_tests_name("prober", tests, NULL, NULL);
}
