/* SPDX-License-Identifier: Apache-2.0 */
/* The guardian's hands: what it hears, what process 1 is, and processes with a limit. */
#include "tests/unit/child.h"
#include "tests/unit/folder.h"
#include "tests/unit/states.h"

#include "initramfs/guardian/guardian_linux.h"
#include "selector/store.h"

#include <sys/file.h>

static struct guardian_linux hands;
static enum guardian_result result;

static const struct guardian_ops *ops = &guardian_linux_ops;

static void put_state(void)
{
	static struct bdev_file file;
	enum store_finding found;
	struct state s, none;
	struct store st;

	assert_int_equal(ftruncate(GUARDIAN_FD_STATE, STORE_MIN_SIZE), 0);
	states_trial(&s);
	s.open = 1;
	OK(bdev_file_from_fd(&file, GUARDIAN_FD_STATE));
	OK(store_load(&st, &file.bdev, &none, &found));
	OK(store_save(&st, &s));
	hands.attempt = (struct guardian_attempt){ .slot = 1, .token = s.open_token };
}

static void set_up(void)
{
	sigset_t all;
	int fd;

	memset(&hands, 0, sizeof(hands));
	folder_make();
	folder_run("mkdir 1");
	folder_run("mkdir keelboot");
	fd = open(folder_at("state"), O_RDWR | O_CREAT, 0600);
	assert_true(fd >= 0);
	if (fd != GUARDIAN_FD_STATE) {
		assert_int_equal(dup2(fd, GUARDIAN_FD_STATE), GUARDIAN_FD_STATE);
		close(fd);
	}
	fd = open(folder, O_RDONLY | O_DIRECTORY);
	if (fd != GUARDIAN_FD_PROC) {
		assert_int_equal(dup2(fd, GUARDIAN_FD_PROC), GUARDIAN_FD_PROC);
		close(fd);
	}
	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, NULL);
}

static void tear_down(void)
{
	close(GUARDIAN_FD_STATE);
	close(GUARDIAN_FD_PROC);
	folder_remove();
}

static enum guardian_event hear(uint32_t ms)
{
	return ops->wait(&hands, ms, &result);
}

/* A child of somebody else may have ended too, which is nothing to us. */
static enum guardian_event hear_more_than_time(void)
{
	for (unsigned i = 0; i < 20; i++) {
		enum guardian_event e = hear(2000);

		if (e != GUARDIAN_TIME)
			return e;
	}
	return GUARDIAN_TIME;
}

TEST(signals_are_heard)
{
	assert_int_equal(hear(1), GUARDIAN_TIME);
	kill(getpid(), SIGUSR1);
	assert_int_equal(hear(5000), GUARDIAN_NUDGED);
	kill(getpid(), SIGUSR2);
	assert_int_equal(hear(5000), GUARDIAN_TOLD);
	kill(getpid(), SIGTERM);
	assert_int_equal(hear(5000), GUARDIAN_TOLD);
	folder_bytes("1/comm", "systemd-shutdow\n", 16); /* which tells nobody */
	assert_int_equal(hear(1), GUARDIAN_TOLD);
	folder_bytes("1/comm", "init\n", 5);
	assert_false(hands.words.urgent);
	kill(getpid(), SIGHUP);
	assert_int_equal(hear(5000), GUARDIAN_ASKED);
	assert_true(hands.words.urgent); /* no time to wait for more of them */
	kill(getpid(), SIGPWR);		 /* stays where it is */
	assert_int_equal(hear(1), GUARDIAN_TIME);
}

TEST(jobs_give_their_result)
{
	put_state();
	assert_true(ops->job(&hands, GUARDIAN_LOOK));
	EQUAL((hear_more_than_time(), GUARDIAN_DONE), (result, GUARDIAN_OPEN), (hands.job, 0));
	assert_true(ops->job(&hands, GUARDIAN_RECORD));
	EQUAL((hear_more_than_time(), GUARDIAN_DONE), (result, GUARDIAN_RECORDED));
	assert_true(ops->job(&hands, GUARDIAN_LOOK));
	EQUAL((hear_more_than_time(), GUARDIAN_DONE), (result, GUARDIAN_CLOSED));
}

static enum guardian_event ask(const char *script, enum guardian_step job)
{
	char text[128];

	snprintf(text, sizeof(text), "#!/bin/sh\n%s\n", script);
	folder_bytes("command", text, strlen(text));
	folder_run("chmod 755 command");
	hands.program = folder_at("command");
	assert_true(ops->job(&hands, job));
	return hear_more_than_time();
}

/* Where no slots are. Its exit code is the result, above the codes that a command has anyway. */
TEST(command_is_asked_for_the_verdict)
{
	EQUAL((ask("[ \"$*\" = 'guard look' ] && exit 17", GUARDIAN_LOOK), GUARDIAN_DONE),
	      (result, GUARDIAN_OPEN));
	EQUAL((ask("[ \"$*\" = 'guard deadline' ] && exit 21", GUARDIAN_RECORD), GUARDIAN_DONE),
	      (result, GUARDIAN_RECORDED));
	EQUAL((ask("exit 3", GUARDIAN_LOOK), GUARDIAN_DONE), (result, GUARDIAN_FAILED));
	EQUAL((ask("exit 22", GUARDIAN_LOOK), GUARDIAN_DONE), (result, GUARDIAN_FAILED));
	EQUAL((ask("kill -9 $$", GUARDIAN_LOOK), GUARDIAN_DONE), (result, GUARDIAN_FAILED));
	folder_bytes("1/cmdline", "init [6]\0\0\0", 11);
	EQUAL((ask("exit 21", GUARDIAN_RECORD), GUARDIAN_DONE), (result, GUARDIAN_CLEAN));
	hands.program = "/nonexistent";
	assert_true(ops->job(&hands, GUARDIAN_LOOK));
	EQUAL((hear_more_than_time(), GUARDIAN_DONE), (result, GUARDIAN_FAILED));
}

TEST(shutdown_of_process_1_is_seen_before_the_record)
{
	put_state();
	folder_bytes("1/cmdline", "init [6]\0\0\0", 11);
	assert_true(ops->job(&hands, GUARDIAN_RECORD));
	EQUAL((hear_more_than_time(), GUARDIAN_DONE), (result, GUARDIAN_CLEAN));
}

/* It has ended, and nobody has taken that in yet. */
static void await_end_of_job(void)
{
	siginfo_t ended;

	assert_int_equal(waitid(P_PID, (id_t)hands.job, &ended, WEXITED | WNOWAIT), 0);
}

TEST(signal_beside_the_end_of_a_job_is_not_lost)
{
	enum guardian_event first, second;

	put_state();
	assert_true(ops->job(&hands, GUARDIAN_LOOK));
	await_end_of_job();
	kill(getpid(), SIGUSR1);
	first = hear_more_than_time();
	second = hear_more_than_time();
	EQUAL((first, GUARDIAN_DONE), (second, GUARDIAN_NUDGED));
}

TEST(job_that_hangs_is_killed_and_leaves_no_lock)
{
	int other = open(folder_at("state"), O_RDWR);
	pid_t pid;

	put_state();
	assert_int_equal(flock(other, LOCK_EX), 0);
	assert_true(ops->job(&hands, GUARDIAN_RECORD));
	pid = hands.job;
	assert_int_equal(hear(300), GUARDIAN_TIME);
	ops->act(&hands, GUARDIAN_KILL);
	assert_int_equal(hands.job, 0);
	assert_int_equal(hear(20000), GUARDIAN_TIME); /* its end is no result */
	assert_int_equal(kill(pid, 0), -1);
	assert_int_equal(flock(GUARDIAN_FD_STATE, LOCK_UN), 0);
	close(other);
}

static void be_process_1(const char *comm, const char *title, size_t len)
{
	folder_bytes("1/comm", comm, strlen(comm));
	folder_bytes("1/cmdline", title, len);
}

static bool shutting_down(const char *comm, const char *title, size_t len)
{
	be_process_1(comm, title, len);
	return guardian_linux_shutting_down(GUARDIAN_FD_PROC);
}

TEST(process_1_on_its_way_down_is_known)
{
	assert_false(guardian_linux_shutting_down(GUARDIAN_FD_PROC));
	assert_false(shutting_down("systemd\n", "/sbin/init\0single", 17));
	assert_true(
		shutting_down("systemd-shutdow\n", "/lib/systemd/systemd-shutdown\0reboot", 36));
	assert_false(shutting_down("init\n", "init [2]\0\0\0", 11));
	assert_true(shutting_down("init\n", "init [6]\0\0\0", 11));
	assert_true(shutting_down("init\n", "init [0]\0\0\0", 11));
}

static bool powering_off(const char *comm, const char *title, size_t len)
{
	be_process_1(comm, title, len);
	return guardian_linux_powering_off(GUARDIAN_FD_PROC);
}

TEST(power_off_is_known_where_process_1_tells)
{
	static const char off[] = "/lib/systemd/systemd-shutdown\0poweroff\0--log-level\0006",
			  reboot[] = "/lib/systemd/systemd-shutdown\0reboot\0poweroff";

	assert_false(guardian_linux_powering_off(GUARDIAN_FD_PROC));
	assert_true(powering_off("init\n", "init [0]\0\0\0", 11));
	assert_false(powering_off("init\n", "init [6]\0\0\0", 11));
	assert_true(powering_off("systemd-shutdow\n", off, sizeof(off)));
	assert_false(powering_off("systemd-shutdow\n", reboot, sizeof(reboot)));
	assert_false(powering_off("systemd-shutdow\n", "systemd-shutdown", 16));
	assert_false(powering_off("init\n", "/sbin/init\0poweroff", 20));
}

static int reboot_signal(const char *comm)
{
	int run, sig;

	folder_bytes("1/comm", comm, strlen(comm));
	run = open(folder_at("keelboot"), O_RDONLY | O_DIRECTORY);
	sig = guardian_linux_reboot_signal(GUARDIAN_FD_PROC, run);
	close(run);
	return sig;
}

TEST(systemd_has_a_signal_of_its_own)
{
	EQUAL((reboot_signal("init\n"), SIGINT), (reboot_signal("systemd\n"), SIGRTMIN + 5));
	folder_run("mkdir systemd");
	assert_int_equal(reboot_signal("init\n"), SIGINT); /* our own drop-in makes that folder */
	folder_run("mkdir systemd/system");
	assert_int_equal(reboot_signal("init\n"), SIGRTMIN + 5);
}

/* In a child: its descriptors are places that nobody else has here. */
TEST(the_watchdog_is_stopped_only_where_that_is_asked)
{
	for (int release = 0; release < 2; release++) {
		char got[8] = "";
		int fds[2];
		pid_t pid = fork_with_pipe(fds);

		if (pid == 0) {
			dup2(fds[1], GUARDIAN_FD_WATCHDOG);
			ops->act(&hands, release ? GUARDIAN_RELEASE : GUARDIAN_END);
			_exit(0);
		}
		assert_int_equal(test_exit_code(pid), 0);
		EQUAL((read(fds[0], got, sizeof(got)), release), (got, release ? "V" : ""));
		close(fds[0]);
	}
}

TEST(signals_do_not_end_it)
{
	pid_t pid;

	pid = fork();
	if (pid == 0) {
		static const int sent[] = { SIGTERM, SIGHUP,  SIGINT, SIGUSR1,
					    SIGUSR2, SIGPIPE, SIGALRM };
		sigset_t none;

		sigemptyset(&none);
		sigprocmask(SIG_SETMASK, &none, NULL);
		guardian_linux_init(&(struct guardian_setup){ .log = LOG_LEVEL_ERR });
		for (size_t i = 0; i < sizeof(sent) / sizeof(sent[0]); i++)
			kill(getpid(), sent[i]);
		_exit(42);
	}
	assert_int_equal(test_exit_code(pid), 42);
}

TEST(time_goes_on)
{
	uint64_t before = ops->now_ms(&hands);

	usleep(20 * 1000);
	assert_true(ops->now_ms(&hands) >= before + 19);
}

TEST_MAIN("guardian_linux", .set_up = set_up, .tear_down = tear_down, .quiet = true)
