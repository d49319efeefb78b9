/* SPDX-License-Identifier: Apache-2.0 */
/* The prober's two processes, with a libblkid that crashes and hangs where a test wants it.
 * prober_blkid_test.c has the real one. */
#include "initramfs/prober/prober.c"
#include "lib/cage.h"
#include "tests/unit/child.h"

enum mood { FINE, CRASH, HANG, SCRIBBLE, SYSCALL };

static enum mood table_mood, copy_mood, part_mood[PROBER_PARTS_MAX + 1];
static unsigned nparts;
static enum prober_types wanted;

/* A worker may not even sleep: what it does besides reading and computing is its end. */
static void be(enum mood mood)
{
	if (mood == CRASH)
		__builtin_trap();
	else if (mood == SYSCALL)
		(void)syscall(SYS_getpid);
	while (mood == HANG)
		__asm__ volatile("" ::: "memory");
}

void prober_blkid_table(int fd, const char *dev, struct prober_answer *a)
{
	snprintf(a->whole.dev, sizeof(a->whole.dev), "%s", dev);
	snprintf(a->table, sizeof(a->table), "gpt");
	a->n = nparts;
	for (unsigned i = 0; i < nparts; i++)
		a->part[i] = (struct prober_part){ .number = i + 1, .start = i + 1, .size = 1 };
	be(table_mood);
	if (table_mood == SCRIBBLE)
		a->n = 0xffffffff;
}

void prober_blkid_part(int fd, enum prober_types types, struct prober_part *part)
{
	assert_int_equal(types, wanted);
	snprintf(part->fstype, sizeof(part->fstype), "ext4");
	be(part_mood[part->number]);
}

bool prober_gpt_needs_backup(int fd, uint64_t size)
{
	be(copy_mood);
	return copy_mood == SCRIBBLE;
}

static struct prober_answer a;

static uint64_t look(unsigned budget_ms)
{
	uint64_t start = os_now_ms();

	prober_look(-1, "/dev/x", budget_ms, wanted, &a);
	assert_int_equal(a.magic, PROBER_MAGIC);
	return os_now_ms() - start;
}

#define EACH ~0u

static bool is_all_but(unsigned number)
{
	for (unsigned i = 0; i < a.n; i++)
		if ((a.part[i].fstype[0] == '\0') != (number == EACH || i + 1 == number))
			return false;
	return a.n == nparts;
}

/* Within this time, and with all partitions but this one (0, EACH), in spite of the little time
 * that each has: a busy machine may need more than one try. */
static void look_quickly(unsigned budget_ms, uint64_t least, uint64_t most, unsigned all_but)
{
	for (unsigned tries = 0; tries < 20; tries++) {
		uint64_t took = look(budget_ms);

		assert_true(took >= least);
		if (took <= most && is_all_but(all_but))
			return;
	}
	fail_msg("never within %u ms", (unsigned)most);
}

static void all_fine(void)
{
	table_mood = copy_mood = FINE;
	memset(part_mood, 0, sizeof(part_mood));
	nparts = 4;
}

/* Partition `number` is the only one without a file system. */
static void assert_all_but(unsigned number)
{
	EQUAL((a.n, nparts), (a.table, "gpt"));
	for (unsigned i = 0; i < a.n; i++) {
		bool hit = i + 1 == number;

		assert_string_equal(a.part[i].fstype, hit ? "" : "ext4");
		assert_int_equal(a.part[i].flags, hit ? PROBER_PART_UNREADABLE : 0);
	}
}

TEST(every_partition_is_looked_at)
{
	look(TEST_LONG_MS);
	assert_all_but(0);
	nparts = PROBER_PARTS_MAX;
	look(TEST_LONG_MS);
	assert_all_but(0);
}

TEST(each_partition_is_looked_at_for_the_types_that_were_asked_for)
{
	wanted = PROBER_EVERY;
	look(TEST_LONG_MS);
	assert_all_but(0);
	wanted = PROBER_BOOT;
}

TEST(a_crash_in_one_partition_hides_no_other)
{
	for (unsigned i = 1; i <= 4; i++) {
		all_fine();
		part_mood[i] = CRASH;
		look(TEST_LONG_MS);
		assert_all_but(i);
	}
}

TEST(the_copy_of_the_table_comes_last_and_costs_nothing_else)
{
	static const enum mood moods[] = { FINE, CRASH, HANG };

	for (unsigned i = 0; i < 3; i++) {
		copy_mood = moods[i];
		look_quickly(2000, 0, 1500, 0);
		assert_all_but(0);
		assert_int_equal(a.flags, 0);
	}
	copy_mood = SCRIBBLE; /* it says yes */
	look(2000);
	assert_all_but(0);
	assert_int_equal(a.flags, PROBER_GPT_BACKUP);
	all_fine();
	copy_mood = SCRIBBLE;
	table_mood = CRASH;
	look(2000);
	assert_int_equal(a.flags, PROBER_TABLE_UNREADABLE | PROBER_GPT_BACKUP);
}

TEST(a_hang_in_one_partition_costs_a_part_of_the_time)
{
	part_mood[2] = HANG;
	look_quickly(2000, 400, 1500, 2);
	assert_all_but(2);
}

TEST(hangs_everywhere_stay_within_the_budget)
{
	for (unsigned i = 1; i <= 64; i++)
		part_mood[i] = HANG;
	nparts = 64;
	look_quickly(400, 300, 1500, EACH);
	assert_int_equal(a.n, 64);
	for (unsigned i = 0; i < 64; i++)
		EQUAL((a.part[i].fstype, ""), (a.part[i].flags, PROBER_PART_UNREADABLE));
}

TEST(crashes_everywhere_still_give_the_table)
{
	for (unsigned i = 1; i <= 64; i++)
		part_mood[i] = CRASH;
	nparts = 64;
	look(TEST_LONG_MS);
	assert_int_equal(a.n, 64);
}

TEST(a_table_that_crashes_or_hangs_is_unreadable)
{
	static const enum mood moods[] = { CRASH, HANG };

	for (unsigned i = 0; i < 2; i++) {
		table_mood = moods[i];
		look(400);
		EQUAL((a.n, 0), (a.table, ""), ((a.flags & PROBER_TABLE_UNREADABLE) != 0, true));
	}
}

TEST(a_worker_that_was_taken_over_cannot_claim_more_than_fits)
{
	table_mood = SCRIBBLE;
	look(1000);
	assert_true(a.n <= PROBER_PARTS_MAX);
}

TEST(a_call_that_is_not_allowed_hides_no_other_partition)
{
	part_mood[3] = SYSCALL;
	look(TEST_LONG_MS);
	assert_all_but(3);
	table_mood = SYSCALL;
	look(TEST_LONG_MS);
	EQUAL((a.n, 0), ((a.flags & PROBER_TABLE_UNREADABLE) != 0, true));
}

/* The whole of a file of /proc/PID. */
static bool proc_read(pid_t pid, const char *file, char *buf, size_t size)
{
	return os_read_file(strf("/proc/%d/%s", (int)pid, file), buf, size, NULL) == KB_OK &&
	       buf[0] != '\0';
}

/* The child of a process that has one; within some seconds. */
static pid_t child_of(pid_t pid)
{
	const char *file = strf("task/%d/children", (int)pid);
	char text[64];

	for (int i = 0; i < 2000; i++) {
		if (proc_read(pid, file, text, sizeof(text)) && atoi(text) > 0)
			return (pid_t)atoi(text);
		os_sleep_ms(5);
	}
	return -1;
}

static void assert_caged(pid_t pid, bool filter)
{
	char status[4096];

	/* It is on its way into the cage. */
	for (int i = 0; i < 2000; i++) {
		assert_true(proc_read(pid, "status", status, sizeof(status)));
		if (status_number(status, "\nSeccomp:\t", 10) == (filter ? 2 : 0) &&
		    status_number(status, "\nUid:\t", 10) == CAGE_USER_PROBER)
			break;
		os_sleep_ms(5);
	}
	assert_int_equal(status_number(status, "\nUid:\t", 10), CAGE_USER_PROBER);
	assert_int_equal(status_number(status, "\nGid:\t", 10), CAGE_USER_PROBER);
	assert_int_equal(status_number(status, "\nNoNewPrivs:\t", 10), 1);
	assert_int_equal(status_number(status, "\nSeccomp:\t", 10), filter ? 2 : 0);
	assert_no_capabilities(status);
}

static unsigned open_files(pid_t pid)
{
	static char names[64][64];
	unsigned n = 0;

	OK(os_list(strf("/proc/%d/fd", (int)pid), names, 64, &n));
	return n;
}

static void assert_root_is_gone(pid_t pid)
{
	char to[256];

	OK(os_readlink(strf("/proc/%d/root", (int)pid), to, sizeof(to)));
	assert_non_null(strstr(to, "(deleted)"));
}

TEST(a_stranger_is_read_in_a_cage)
{
	int fds[2];
	pid_t pid, worker;

	if (geteuid() != 0)
		skip();
	nparts = 1;
	part_mood[1] = HANG;
	assert_int_equal(prctl(PR_SET_CHILD_SUBREAPER, 1), 0); /* the worker becomes ours */
	pid = fork_with_pipe(fds);
	if (pid == 0) {
		char *argv[] = { (char *)"keelboot-prober", (char *)"/dev/null", (char *)"60000",
				 NULL };
		int out = fcntl(fds[1], F_DUPFD, 10);

		dup2(out, ANSWER_FD);
		_exit(prober_main(3, argv));
	}
	worker = child_of(pid);
	assert_true(worker > 0);
	assert_caged(pid, false);
	assert_caged(worker, true);
	assert_root_is_gone(worker);
	assert_int_equal(open_files(worker), 2); /* the device, and where it says how far it is */
	kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	for (int i = 0; i < 2000 && waitpid(worker, NULL, WNOHANG) != worker; i++)
		os_sleep_ms(5);
	assert_true(kill(worker, 0) < 0); /* it does not outlive who asked */
	assert_int_equal(prctl(PR_SET_CHILD_SUBREAPER, 0), 0);
	close(fds[0]);
}

/* Its worker finds what a kernel without CONFIG_SECCOMP_FILTER finds. */
static bool lose_filters(void)
{
	return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
	       refuse_call(SYS_prctl, PR_SET_SECCOMP, EINVAL);
}

TEST_CHILD(a_kernel_without_filters_has_its_disks_read_nevertheless)
{
	must(lose_filters(), 2);
	part_mood[2] = SYSCALL; /* nobody minds there */
	prober_look(-1, "/dev/x", 20000, PROBER_BOOT, &a);
	must(a.n == 4 && strcmp(a.part[1].fstype, "ext4") == 0, 1);
}

/* In a child: its limits would stay, and LeakSanitizer opens files at the end. */
static int exit_of(int argc, char **argv)
{
	return IN_CHILD(prober_main(argc, argv));
}

TEST(wrong_usage_exits_with_3)
{
	char *argv[] = { (char *)"keelboot-prober", (char *)"/x", (char *)"soon", NULL };

	assert_int_equal(exit_of(1, argv), 3);
	assert_int_equal(exit_of(3, argv), 3);
	argv[1] = (char *)"/nonexistent";
	assert_int_equal(exit_of(2, argv), 1);
}

TEST_MAIN("prober", .set_up = all_fine)
