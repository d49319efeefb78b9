/* SPDX-License-Identifier: Apache-2.0 */
/* What is left to a process that gave up its privileges: it tells through the decoder's socket. */
#include "lib/os_worker.h"
#include "update/decoder/decoder_limits.h"
#include "update/wire/decoder_wire.h"

#include "tests/unit/child.h"
#include "tests/unit/raw.h"

#define STRAY_FD 7

struct report {
	enum kb_err err;
	int dumpable, death_signal, no_new_privs, stray, groups;
	bool root_empty;
	struct rlimit limit[7];
	char status[3000];
};

static const struct {
	int what;
	rlim_t at_most;
} limits[] = {
	{ RLIMIT_AS, 64u << 20 }, { RLIMIT_CPU, 3600 }, { RLIMIT_FSIZE, 0 },   { RLIMIT_NPROC, 0 },
	{ RLIMIT_CORE, 0 },	  { RLIMIT_NOFILE, 5 }, { RLIMIT_MEMLOCK, 0 },
};

static void look(struct report *r)
{
	int fd;

	prctl(PR_GET_PDEATHSIG, &r->death_signal);
	r->dumpable = prctl(PR_GET_DUMPABLE);
	r->no_new_privs = prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0);
	r->stray = fcntl(STRAY_FD, F_GETFD);
	r->groups = getgroups(0, NULL);
	for (size_t i = 0; i < KB_ARRAY_LEN(limits); i++)
		getrlimit((__rlimit_resource_t)limits[i].what, &r->limit[i]);
	r->root_empty = access("/proc", F_OK) < 0 && errno == ENOENT;
	close(1); /* there is no place for another one */
	fd = openat(0, "status", O_RDONLY);
	if (fd < 0 || read(fd, r->status, sizeof(r->status) - 1) < 0)
		r->status[0] = '\0';
}

/* In a child, which was root in all but its user id if keep_caps; given: it has a seed. */
static void give_up(struct report *r, bool keep_caps, bool given)
{
	int fds[2];
	pid_t pid;

	memset(r, 0, sizeof(*r));
	pid = fork_with_pipe(fds);
	if (pid == 0) {
		int out = fcntl(fds[1], F_DUPFD, 20), any = open("/dev/null", O_RDWR);
		int self = open("/proc/self", O_RDONLY | O_DIRECTORY);

		if (keep_caps)
			prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0);
		dup2(self, 0); /* its way to look at itself, from behind an empty root */
		dup2(any, STRAY_FD);
		dup2(any, OS_WORKER_SHARED);
		dup2(out, OS_WORKER_SOCK);
		close(OS_WORKER_GIVEN);
		if (given)
			dup2(any, OS_WORKER_GIVEN);
		r->err = decoder_limits_privileges();
		look(r);
		if (write(OS_WORKER_SOCK, r, sizeof(*r)) < 0)
			_exit(1);
		_exit(0);
	}
	EQUAL((read_to_end(fds[0], r, sizeof(*r), 30000), sizeof(*r)), (test_exit_code(pid), 0));
	OK(r->err);
	close(fds[0]);
}

TEST(nothing_is_left)
{
	struct report r;

	give_up(&r, false, false);
	EQUAL((r.dumpable, 0), (r.no_new_privs, 1), (r.death_signal, SIGKILL), (r.stray, -1));
	for (size_t i = 0; i < KB_ARRAY_LEN(limits); i++) {
		assert_true(r.limit[i].rlim_cur <= limits[i].at_most);
		assert_true(r.limit[i].rlim_max <= limits[i].at_most);
	}
	if (geteuid() != 0)
		return;
	EQUAL((r.root_empty, true), (r.groups, 0));
	EQUAL((status_number(r.status, "\nUid:\t", 10), 65532));
	EQUAL((status_number(r.status, "\nGid:\t", 10), 65532));
}

TEST(a_seed_is_one_descriptor_more)
{
	struct report r;

	give_up(&r, false, true);
	for (size_t i = 0; i < KB_ARRAY_LEN(limits); i++)
		assert_true(r.limit[i].rlim_max <=
			    limits[i].at_most + (limits[i].what == RLIMIT_NOFILE));
}

/* A change of user does not always take them along. */
TEST(capabilities_go_by_themselves)
{
	struct report r;

	if (geteuid() != 0)
		skip();
	for (int keep = 0; keep < 2; keep++) {
		give_up(&r, keep, false);
		assert_no_capabilities(r.status);
	}
}

/* Its exit status says what it made of that: 0 KB_OK, 1 KB_EPERM. */
static int without(int nr, int kind, enum kb_err (*give_up_now)(void))
{
	return IN_CHILD(refuse_call(nr, kind, EACCES) ? give_up_now() == KB_EPERM : 9);
}

TEST(what_cannot_be_given_up_ends_it)
{
	static const struct {
		int nr, kind;
	} calls[] = {
		{ SYS_prctl, PR_SET_NO_NEW_PRIVS },
		{ SYS_prctl, PR_CAPBSET_DROP },
		{ SYS_prctl, PR_SET_DUMPABLE },
		{ SYS_prctl, PR_SET_PDEATHSIG },
		{ SYS_chroot, 0 },
		{ RAW_SETGROUPS, 0 },
		{ RAW_SETRESGID, 0 },
		{ RAW_SETRESUID, 0 },
		{ SYS_capset, 0 },
		{ SYS_prlimit64, 0 },
	};

	if (geteuid() != 0)
		skip();
	assert_int_equal(without(SYS_getpid, 0, decoder_limits_privileges), 0);
	for (size_t i = 0; i < KB_ARRAY_LEN(calls); i++)
		assert_int_equal(without(calls[i].nr, calls[i].kind, decoder_limits_privileges), 1);
	assert_int_equal(without(SYS_prctl, PR_SET_SECCOMP, decoder_limits_syscalls), 1);
	assert_int_equal(without(SYS_prctl, PR_GET_SECCOMP, decoder_limits_syscalls), 1);
}

TEST_MAIN("decoder_limits", .quiet = true)
