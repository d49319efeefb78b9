/* SPDX-License-Identifier: Apache-2.0 */
/* What is left to a process that gave up its privileges: it tells through the decoder's socket. */
#include "lib/os_worker.h"
#include "update/decoder/decoder_limits.h"
#include "update/wire/decoder_wire.h"

#include "tests/unit/test.h"

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>

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

/* In a child, which was root in all but its user id if keep_caps. */
static void give_up(struct report *r, bool keep_caps)
{
	int fds[2], status;
	size_t got = 0;
	ssize_t n;
	pid_t pid;

	memset(r, 0, sizeof(*r));
	assert_int_equal(pipe(fds), 0);
	pid = fork();
	if (pid == 0) {
		int out = fcntl(fds[1], F_DUPFD, 20), any = open("/dev/null", O_RDWR);
		int self = open("/proc/self", O_RDONLY | O_DIRECTORY);

		if (keep_caps)
			prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0);
		dup2(self, 0); /* its way to look at itself, from behind an empty root */
		dup2(any, STRAY_FD);
		dup2(any, OS_WORKER_SHARED);
		dup2(out, OS_WORKER_SOCK);
		r->err = decoder_limits_privileges();
		look(r);
		if (write(OS_WORKER_SOCK, r, sizeof(*r)) < 0)
			_exit(1);
		_exit(0);
	}
	close(fds[1]);
	while (got < sizeof(*r) && (n = read(fds[0], (char *)r + got, sizeof(*r) - got)) > 0)
		got += (size_t)n;
	close(fds[0]);
	EQUAL((waitpid(pid, &status, 0), pid), (got, sizeof(*r)), (r->err, KB_OK));
}

static unsigned long long in_status(const struct report *r, const char *key)
{
	const char *at = strstr(r->status, key);

	assert_non_null(at);
	return strtoull(at + strlen(key), NULL, 16);
}

TEST(nothing_is_left)
{
	struct report r;

	give_up(&r, false);
	EQUAL((r.dumpable, 0), (r.no_new_privs, 1), (r.death_signal, SIGKILL), (r.stray, -1));
	for (size_t i = 0; i < KB_ARRAY_LEN(limits); i++) {
		assert_true(r.limit[i].rlim_cur <= limits[i].at_most);
		assert_true(r.limit[i].rlim_max <= limits[i].at_most);
	}
	if (geteuid() != 0)
		return;
	EQUAL((r.root_empty, true), (r.groups, 0));
	EQUAL((in_status(&r, "\nUid:\t"), 0x65532), (in_status(&r, "\nGid:\t"), 0x65532));
}

/* A change of user does not always take them along. */
TEST(capabilities_go_by_themselves)
{
	static const char *const sets[] = { "\nCapInh:\t", "\nCapPrm:\t", "\nCapEff:\t",
					    "\nCapBnd:\t", "\nCapAmb:\t" };
	struct report r;

	if (geteuid() != 0)
		skip();
	for (int keep = 0; keep < 2; keep++) {
		give_up(&r, keep);
		for (size_t i = 0; i < KB_ARRAY_LEN(sets); i++)
			assert_true(in_status(&r, sets[i]) == 0);
	}
}

/* From now on the kernel refuses this call; of prctl only one kind, unless kind is 0. */
static bool refuse(int nr, int kind)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (unsigned)nr, 0, 3),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[0])),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (unsigned)kind, 0, kind == 0 ? 0 : 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EACCES),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog prog = { .len = KB_ARRAY_LEN(code), .filter = code };

	return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &prog, 0, 0) == 0;
}

/* Its exit status says what it made of that: 0 KB_OK, 1 KB_EPERM. */
static int without(int nr, int kind, enum kb_err (*give_up_now)(void))
{
	pid_t pid = fork();

	if (pid == 0) {
		if (!refuse(nr, kind))
			_exit(9);
		_exit(give_up_now() == KB_EPERM);
	}
	return test_exit_code(pid);
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
		{ SYS_setgroups, 0 },
		{ SYS_setresgid, 0 },
		{ SYS_setresuid, 0 },
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
