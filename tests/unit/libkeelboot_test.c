/* SPDX-License-Identifier: Apache-2.0 */
/* The library for programs of others, with a command of the test's own: a shell script. With the
 * real one: tests/test_library.py. */
#include "libkeelboot/keelboot_program.h"
#include "lib/os.h"
#include "tests/unit/folder.h"
#include "tests/unit/raw.h"

#include <pthread.h>
#include <sys/syscall.h>

static struct keelboot *kb;

/* The clock is so much later as soon as a program has been started. */
static time_t later_s;
static unsigned looks;

int clock_gettime(clockid_t clock, struct timespec *t)
{
	int result = raw_clock(clock, t);

	if (++looks > 2)
		t->tv_sec += later_s;
	return result;
}

static time_t seconds(void)
{
	struct timespec t;

	assert_int_equal(raw_clock(CLOCK_MONOTONIC, &t), 0);
	return t.tv_sec;
}

static void set_up(void)
{
	folder_make();
	assert_int_equal(keelboot_new(&kb), 0);
}

static void tear_down(void)
{
	keelboot_free(kb);
	folder_remove();
}

/* The command is this script from now on. */
static void command_is(const char *script)
{
	folder_put("keelboot", strf("#!/bin/sh\n%s\n", script));
	assert_int_equal(chmod(folder_at("keelboot"), 0755), 0);
	assert_int_equal(keelboot_set_program(kb, folder_at("keelboot")), 0);
}

/* It prints this as its status, and ends so. */
static void status_is(const char *json, int code)
{
	command_is(strf("cat <<'END'\n%s\nEND\nexit %d", json, code));
}

static const char *written(const char *name)
{
	static char text[4096];

	OK(os_read_file(folder_at(name), text, sizeof(text), NULL));
	return text;
}

#define SLOTS                                                                                     \
	"\"slots\": [{\"slot\": \"a\", \"state\": \"good\", \"version\": \"1.0\", \"tries\": 3, " \
	"\"sequence\": 10, \"reason\": \"\"}, {\"slot\": \"b\", \"state\": \"trial\", "           \
	"\"version\": \"2.0\", \"tries\": 2, \"sequence\": 18446744073709551615, "                \
	"\"reason\": \"\"}]"

TEST(nothing_is_known_before_the_first_look)
{
	uint64_t sequence;

	EQUAL((keelboot_booted_slot(kb), -ENODATA), (keelboot_on_trial(kb), -ENODATA),
	      (keelboot_slot_count(kb), -ENODATA), (keelboot_pending(kb), -ENODATA),
	      (keelboot_next_slot(kb), -ENODATA), (keelboot_slot_version(kb, 'a'), ""),
	      (keelboot_booted_tier(kb), ""), (keelboot_error(kb), ""));
	EQUAL((keelboot_slot_sequence(kb, 'a', &sequence), -ENODATA),
	      (keelboot_slot_state(kb, KEELBOOT_BOOTED), -ENODATA));
	assert_null(keelboot_warning(kb, 0));
}

TEST(a_trial_is_told_with_its_tries)
{
	uint64_t sequence = 0;

	status_is("{\"schema\": 1, \"booted\": {\"slot\": \"b\", \"tier\": \"normal\", "
		  "\"reason\": \"a: no mount\", \"status\": \"trial\"}, \"next\": \"b\", " SLOTS
		  ", \"staged\": null, \"warnings\": [\"one\", \"two\"]}",
		  0);
	assert_int_equal(keelboot_refresh(kb), 0);
	EQUAL((keelboot_booted_slot(kb), 'b'), (keelboot_on_trial(kb), 1),
	      (keelboot_slot_count(kb), 2), (keelboot_slot_tries(kb, KEELBOOT_BOOTED), 2),
	      (keelboot_slot_version(kb, KEELBOOT_BOOTED), "2.0"),
	      (keelboot_booted_tier(kb), "normal"), (keelboot_booted_reason(kb), "a: no mount"),
	      (keelboot_pending(kb), KEELBOOT_PENDING_NOTHING));
	EQUAL((keelboot_slot_state(kb, 'a'), KEELBOOT_SLOT_GOOD),
	      (keelboot_slot_state(kb, 'c'), -ENODATA), (keelboot_slot_version(kb, 'c'), ""),
	      (keelboot_warning(kb, 1), "two"));
	assert_null(keelboot_warning(kb, 2));
	assert_int_equal(keelboot_slot_sequence(kb, 'b', &sequence), 0);
	assert_true(sequence == UINT64_MAX);
}

TEST(what_a_reboot_changes_is_pending)
{
	const char *staged =
		"{\"schema\": 1, \"booted\": {\"slot\": \"a\"}, \"next\": \"%s\", " SLOTS
		", \"staged\": {\"next\": \"%s\"}}";

	status_is(strf(staged, "a", "install"), 0);
	assert_int_equal(keelboot_refresh(kb), 0);
	assert_int_equal(keelboot_pending(kb), KEELBOOT_PENDING_INSTALL);
	status_is(strf(staged, "a", "skip"), 0);
	assert_int_equal(keelboot_refresh(kb), 0);
	EQUAL((keelboot_pending(kb), KEELBOOT_PENDING_NOTHING), (keelboot_on_trial(kb), 0));
	status_is(strf(staged, "b", "forget"), 0);
	assert_int_equal(keelboot_refresh(kb), 0);
	EQUAL((keelboot_pending(kb), KEELBOOT_PENDING_SLOT), (keelboot_next_slot(kb), 'b'));
}

TEST(without_rights_this_boot_is_known_and_the_slots_are_not)
{
	status_is("{\"schema\": 1, \"booted\": {\"slot\": \"b\", \"status\": \"trial\", "
		  "\"version\": \"2.0\"}, \"next\": null, \"slots\": [], \"warnings\": []}",
		  1);
	assert_int_equal(keelboot_refresh(kb), 0);
	EQUAL((keelboot_booted_slot(kb), 'b'), (keelboot_on_trial(kb), 1),
	      (keelboot_slot_count(kb), -ENODATA), (keelboot_pending(kb), -ENODATA),
	      (keelboot_slot_version(kb, KEELBOOT_BOOTED), "2.0"),
	      (keelboot_slot_version(kb, 'b'), ""));
}

TEST(an_answer_of_another_kind_is_refused_and_the_facts_stay)
{
	static const char *const odd[] = {
		"echo '{\"schema\": 2}'",
		"echo '{\"booted\": {}}'",
		"echo '[1]'",
		"echo nonsense",
		"echo '{\"schema\": 1, \"slots\": ['",
		":",
		"while :; do echo '{\"schema\": 1, \"a\":'; cat /bin/sh; done",
		"exit 9",
	};

	status_is("{\"schema\": 1, \"booted\": {\"slot\": \"b\"}, " SLOTS "}", 0);
	assert_int_equal(keelboot_refresh(kb), 0);
	for (size_t i = 0; i < KB_ARRAY_LEN(odd); i++) {
		command_is(odd[i]);
		assert_int_equal(keelboot_refresh(kb), -EPROTO);
		assert_string_not_equal(keelboot_error(kb), "");
		assert_int_equal(keelboot_booted_slot(kb), 'b');
	}
}

TEST(members_of_other_types_are_not_known)
{
	status_is("{\"schema\": 1, \"booted\": [], \"next\": 7, \"slots\": {\"slot\": 1}, "
		  "\"staged\": \"x\", \"warnings\": 3}",
		  0);
	assert_int_equal(keelboot_refresh(kb), 0);
	EQUAL((keelboot_booted_slot(kb), -ENODATA), (keelboot_slot_count(kb), -ENODATA),
	      (keelboot_next_slot(kb), -ENODATA));
	status_is(
		"{\"schema\": 1, \"booted\": {\"slot\": \"bb\"}, \"slots\": [1, {\"slot\": \"a\", "
		"\"state\": \"rusty\", \"tries\": \"x\", \"sequence\": 1.5}], \"warnings\": [1]}",
		0);
	assert_int_equal(keelboot_refresh(kb), 0);
	EQUAL((keelboot_booted_slot(kb), -ENODATA), (keelboot_slot_count(kb), 2),
	      (keelboot_slot_state(kb, 'a'), KEELBOOT_SLOT_UNKNOWN),
	      (keelboot_slot_tries(kb, 'a'), -ENODATA));
}

TEST(an_exit_code_is_an_error_number)
{
	static const struct {
		int code, err;
	} each[] = {
		{ 0, 0 },	 { 1, -EIO },	     { 2, 1 },	    { 3, -EINVAL },
		{ 5, -EBADMSG }, { 6, -EOPNOTSUPP }, { 7, -EBUSY }, { 99, -EPROTO },
	};

	for (size_t i = 0; i < KB_ARRAY_LEN(each); i++) {
		command_is(strf("echo keelboot: because >&2; exit %d", each[i].code));
		assert_int_equal(keelboot_unstage(kb), each[i].err);
		assert_string_equal(keelboot_error(kb),
				    each[i].code == 0 ? "" : "keelboot: because");
	}
	command_is("exit 1");
	assert_int_equal(keelboot_unstage(kb), -EIO);
	assert_non_null(strstr(keelboot_error(kb), "exit code 1"));
	command_is("kill -9 $$");
	assert_int_equal(keelboot_unstage(kb), -ECHILD);
	assert_non_null(strstr(keelboot_error(kb), "signal 9"));
}

TEST(a_command_that_is_missing_or_no_program_is_told)
{
	assert_int_equal(keelboot_set_program(kb, "keelboot"), -EINVAL);
	assert_int_equal(keelboot_set_program(kb, folder_at("none")), 0);
	assert_int_equal(keelboot_refresh(kb), -ENOENT);
	assert_non_null(strstr(keelboot_error(kb), "not installed"));
	folder_put("data", "\x7f");
	assert_int_equal(chmod(folder_at("data"), 0755), 0);
	assert_int_equal(keelboot_set_program(kb, folder_at("data")), 0);
	assert_int_equal(keelboot_refresh(kb), -ENOEXEC);
	assert_int_equal(chmod(folder_at("data"), 0644), 0);
	assert_int_equal(keelboot_refresh(kb), -EACCES);
}

TEST(words_reach_the_command_as_they_are)
{
	static const char *const options[] = { "--state", "my disk.img", NULL };

	command_is(strf("printf '%%s|' \"$@\" >%s", folder_at("words")));
	assert_int_equal(keelboot_set_options(kb, options), 0);
	assert_int_equal(keelboot_mark_bad(kb, 'b', "--no; $(reboot)"), 0);
	assert_string_equal(written("words"),
			    "--state|my disk.img|mark|bad|b|--reason=--no; $(reboot)|");
	assert_int_equal(keelboot_set_options(kb, NULL), 0);
	assert_int_equal(keelboot_mark_good(kb, KEELBOOT_BOOTED), 0);
	assert_string_equal(written("words"), "mark|good|booted|");
	assert_int_equal(keelboot_stage(kb, "--force", NULL, NULL), 0);
	assert_string_equal(written("words"), "stage|--progress=json|--|--force|");
	EQUAL((keelboot_mark_good(kb, 1), -EINVAL), (keelboot_mark_bad(kb, -5, ""), -EINVAL));
	EQUAL((keelboot_mark_good(kb, 'h'), 0), (keelboot_mark_good(kb, 'i'), -EINVAL));
	EQUAL((keelboot_mark_bad(kb, 'z', ""), -EINVAL), (keelboot_mark_good(kb, 'A'), -EINVAL));
}

/* A program without rights must not lend its environment to one that has them. */
TEST(environment_descriptors_and_signals_stay_with_the_application)
{
	struct sigaction ignored = { .sa_handler = SIG_IGN }, usual = { .sa_handler = SIG_DFL };
	/* One of the two that glibc keeps for itself: what started the application ignores it. */
	const unsigned long kernel_ignored[8] = { 1 };
	sigset_t all, before;

	command_is(
		strf("env >%s; ls /proc/self/fd >%s; grep Sig /proc/self/status >%s; head -c1 >%s",
		     folder_at("env"), folder_at("fds"), folder_at("sig"), folder_at("in")));
	setenv("LD_BIND_NOT", "1", 1);
	assert_true(open("/dev/null", O_RDONLY) >= 0);
	sigaction(SIGUSR1, &ignored, NULL);
	syscall(SYS_rt_sigaction, 33, kernel_ignored, NULL, NSIG / 8);
	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, &before);
	assert_int_equal(keelboot_unstage(kb), 0);
	sigprocmask(SIG_SETMASK, &before, NULL);
	sigaction(SIGUSR1, &usual, NULL);
	unsetenv("LD_BIND_NOT");
	assert_null(strstr(written("env"), "LD_BIND_NOT"));
	assert_non_null(strstr(written("env"), "PATH=/usr/sbin"));
	/* 3 is what ls reads. */
	assert_string_equal(written("fds"), "0\n1\n2\n3\n");
	assert_non_null(strstr(written("sig"), "SigBlk:\t0000000000000000"));
	assert_non_null(strstr(written("sig"), "SigIgn:\t0000000000000000"));
	assert_string_equal(written("in"), "");
}

/* Of real applications: a daemon without standard descriptors, one that ignores SIGCHLD, and one
 * whose main loop waits for every child. In a child, which must not lose what cmocka says. */
static int closed_descriptors(void)
{
	for (int fd = 0; fd < 3; fd++)
		close(fd);
	return keelboot_refresh(kb) == 0 && keelboot_booted_slot(kb) == 'b' &&
			       fcntl(0, F_GETFD) == -1 && fcntl(2, F_GETFD) == -1
		       ? 0
		       : 1;
}

static int ignored_children(void)
{
	signal(SIGCHLD, SIG_IGN);
	if (keelboot_refresh(kb) != 0 || keelboot_booted_slot(kb) != 'b')
		return 1;
	command_is("echo keelboot: busy >&2; exit 7");
	return keelboot_unstage(kb) == -EBUSY ? 0 : 2;
}

static void wait_for_all(int sig)
{
	while (waitpid(-1, NULL, WNOHANG) > 0)
		;
}

static int waited_children(void)
{
	signal(SIGCHLD, wait_for_all);
	for (int i = 0; i < 20; i++)
		if (keelboot_refresh(kb) != 0)
			return 1;
	command_is("exit 7");
	return keelboot_unstage(kb) == -EBUSY ? 0 : 2;
}

TEST(real_applications_close_and_ignore_and_wait_for_all)
{
	static int (*const each[])(void) = { closed_descriptors, ignored_children,
					     waited_children };

	for (size_t i = 0; i < KB_ARRAY_LEN(each); i++) {
		pid_t pid;

		status_is("{\"schema\": 1, \"booted\": {\"slot\": \"b\"}}", 0);
		pid = fork();
		if (pid == 0)
			_exit(each[i]());
		assert_int_equal(test_exit_code(pid), 0);
	}
}

struct seen {
	unsigned calls, stop_at;
	uint64_t done, total;
	char phase[16];
};

static int look(void *data, const char *phase, uint64_t done, uint64_t total)
{
	struct seen *s = data;

	s->done = done;
	s->total = total;
	snprintf(s->phase, sizeof(s->phase), "%s", phase);
	return ++s->calls == s->stop_at;
}

TEST(a_bundle_is_staged_with_progress)
{
	struct seen s = { 0 };

	command_is(
		"echo '{\"schema\":1,\"event\":\"progress\",\"phase\":\"copy\",\"done\":5,\"total\":9}'\n"
		"printf '{\"schema\":1,\"event\":\"pro'; sleep 0.1\n"
		"echo 'gress\",\"phase\":\"verify\",\"done\":9,\"total\":9}'\n"
		"echo '{\"schema\":1,\"event\":\"result\",\"exit\":0,\"error\":null}'");
	assert_int_equal(keelboot_stage(kb, "x.keel", look, &s), 0);
	EQUAL((s.calls, 2), (s.phase, "verify"), (s.done, 9), (s.total, 9));
	command_is(
		"echo lots of words >&2\n"
		"echo '{\"schema\":1,\"event\":\"result\",\"exit\":5,\"error\":\"no key signed it\"}'\n"
		"exit 5");
	assert_int_equal(keelboot_stage(kb, "x.keel", NULL, NULL), -EBADMSG);
	assert_string_equal(keelboot_error(kb), "no key signed it");
}

/* Also when it prints nothing; and what it started does not keep us. */
TEST(staging_ends_on_request)
{
	struct seen s = { .stop_at = 1 };

	command_is(strf("trap 'echo ended >%s; exit 1' TERM; sleep 60 & wait", folder_at("end")));
	assert_int_equal(keelboot_stage(kb, "x.keel", look, &s), -ECANCELED);
	EQUAL((s.calls, 1), (written("end"), "ended\n"));
}

/* It is asked to end, and when it does not, it is made to. */
TEST(a_command_that_hangs_is_ended)
{
	static const char *const words[] = { "status", NULL };
	const struct keelboot_program p = { .words = words, .timeout_s = 1 };
	time_t begin = seconds();
	int code;

	command_is(strf("echo $$ >%s; trap '' TERM; exec sleep 60", folder_at("pid")));
	assert_int_equal(keelboot_program_run(kb, &p, &code), -ETIMEDOUT);
	assert_int_equal(code, -1);
	assert_in_range(seconds() - begin, 4, 30);
	/* Process 1 takes its end, when it comes to it. */
	for (int i = 0; i < 1000 && kill((pid_t)strtol(written("pid"), NULL, 10), 0) == 0; i++)
		usleep(10000);
	assert_int_equal(kill((pid_t)strtol(written("pid"), NULL, 10), 0), -1);
}

/* As behind a disk that hangs: nothing that it does is seen. */
TEST(a_command_that_stands_still_is_ended)
{
	static const char *const words[] = { "stage", NULL };
	const struct keelboot_program p = { .words = words, .idle_s = 2 };
	time_t begin = seconds();
	int code;

	command_is("exec sleep 60");
	assert_int_equal(keelboot_program_run(kb, &p, &code), -ETIMEDOUT);
	assert_non_null(strstr(keelboot_error(kb), "was ended: it stood still"));
	assert_in_range(seconds() - begin, 1, 30);
}

TEST(a_command_that_works_slowly_is_not)
{
	static const char *const words[] = { "stage", NULL };
	const struct keelboot_program p = { .words = words, .idle_s = 2 };
	int code;

	command_is(strf("for i in 1 2 3 4 5 6 7 8 9 10; do echo x >>%s; sleep 0.5; done",
			folder_at("slow")));
	assert_int_equal(keelboot_program_run(kb, &p, &code), 0);
	assert_int_equal(code, 0);
}

static int good_later(time_t seconds)
{
	looks = 0;
	later_s = seconds;
	return keelboot_mark_good(kb, 'b');
}

static int bad_later(time_t seconds)
{
	looks = 0;
	later_s = seconds;
	return keelboot_mark_bad(kb, 'b', NULL);
}

/* A commit deletes for a minute what was kept of the data: that is no failure. */
TEST(a_commit_has_more_time_than_it_takes)
{
	command_is("sleep 0.6");
	EQUAL((good_later(90), 0), (good_later(170), 0), (good_later(200), -ETIMEDOUT));
	EQUAL((bad_later(50), 0), (bad_later(90), -ETIMEDOUT));
	later_s = 0;
}

/* The command waits for the lock before the commit, and once more behind it. */
TEST(the_time_to_wait_for_others_comes_on_top)
{
	static const char *const words[] = { "--wait", "300", NULL };
	static const char *const one_word[] = { "--wait=300", NULL };
	static const char *const none[] = { "--wait", NULL };

	command_is("sleep 0.6");
	assert_int_equal(keelboot_set_options(kb, words), 0);
	EQUAL((good_later(700), 0), (bad_later(600), 0), (good_later(800), -ETIMEDOUT));
	assert_int_equal(keelboot_set_options(kb, one_word), 0);
	EQUAL((good_later(700), 0), (good_later(800), -ETIMEDOUT));
	assert_int_equal(keelboot_set_options(kb, none), 0);
	EQUAL((good_later(170), 0), (good_later(200), -ETIMEDOUT));
	later_s = 0;
}

TEST(what_the_command_leaves_running_is_not_waited_for)
{
	time_t begin = seconds();
	pid_t left;

	command_is(strf("setsid sleep 300 & echo $! >%s; exit 7", folder_at("pid")));
	assert_int_equal(keelboot_unstage(kb), -EBUSY);
	assert_in_range(seconds() - begin, 0, 10);
	left = (pid_t)strtol(written("pid"), NULL, 10);
	assert_true(left > 1);
	assert_int_equal(kill(left, SIGKILL), 0); /* it runs still */
}

static void *look_often(void *data)
{
	struct keelboot *mine = data;
	int bad = 0;

	for (int i = 0; i < 20; i++)
		bad += keelboot_refresh(mine) != 0 || keelboot_booted_slot(mine) != 'b';
	return bad == 0 ? NULL : mine;
}

TEST(two_threads_have_two_handles)
{
	struct keelboot *other;
	pthread_t thread[2];
	void *bad;

	status_is("{\"schema\": 1, \"booted\": {\"slot\": \"b\"}}", 0);
	assert_int_equal(keelboot_new(&other), 0);
	assert_int_equal(keelboot_set_program(other, folder_at("keelboot")), 0);
	assert_int_equal(pthread_create(&thread[0], NULL, look_often, kb), 0);
	assert_int_equal(pthread_create(&thread[1], NULL, look_often, other), 0);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(pthread_join(thread[i], &bad), 0);
		assert_null(bad);
	}
	keelboot_free(other);
	keelboot_free(NULL);
}

TEST_MAIN("libkeelboot", .set_up = set_up, .tear_down = tear_down)
