/* SPDX-License-Identifier: Apache-2.0 */
/* What keelboot-apply can still do in its cage, and what kills it. Each case happens in a child. */
#include "update/apply/apply_cage.h"

#include "lib/cage.h"
#include "lib/os.h"
#include "update/install/decoder.h"
#include "update/decoder/decoder_main.h"
#include "update/apply/media.h"
#include "tests/unit/child.h"

#include <sys/socket.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <sys/mount.h>
#include <sys/prctl.h>

static void cage(void)
{
	must(apply_cage_enter() == KB_OK, 101);
}

/* ---------------------------------------------------------------- what kills */

static void call(const void *arg)
{
	const long *c = arg;

	cage();
	syscall(c[0], c[1], c[2], c[3], c[4], c[5], c[6]);
}

#define ROW(call)  { call },
#define FLAG(flag) [1 + CAGE_CLONE_FLAGS] = SIGCHLD | (flag)
#define SOCKET_ROWS(call)                                                                      \
	{ call, SYS_SOCKET }, { call, SYS_BIND }, { call, SYS_CONNECT }, { call, SYS_LISTEN }, \
		{ call, SYS_ACCEPT }, { call, SYS_ACCEPT4 }, { call, SYS_SENDMSG },
static const long deadly[][7] = {
	{ SYS_mount, 0, 0, 0, 0 },
	{ SYS_mount, 0, 0, 0, MS_BIND },
	{ SYS_mount, 0, 0, 0, MS_RDONLY },
	{ SYS_mount, 0, 0, 0, MS_REMOUNT | MS_RDONLY | MS_NODEV | MS_NOSUID | MS_NOEXEC },
	{ SYS_mount, 0, 0, 0, MS_RDONLY | MS_NODEV | MS_NOSUID },
	{ SYS_mount, 0, 0, 0, MS_REC | MS_SHARED },
	{ SYS_pivot_root },
	{ SYS_swapon },
	{ SYS_swapoff },
	{ SYS_open_tree },
	{ SYS_move_mount },
	{ SYS_fsopen },
	{ SYS_fsconfig },
	{ SYS_fsmount },
	{ SYS_fspick },
	{ SYS_mount_setattr },
	{ SYS_unshare, CLONE_NEWNS },
	{ SYS_setns },
	{ SYS_clone, FLAG(CLONE_NEWUSER) },
	{ SYS_clone, FLAG(CLONE_NEWNS) },
	{ SYS_clone, FLAG(CLONE_NEWPID) },
	{ SYS_clone, FLAG(CLONE_NEWCGROUP) },
	{ SYS_clone, FLAG(CLONE_NEWUTS) },
	{ SYS_clone, FLAG(CLONE_NEWIPC) },
	{ SYS_clone, FLAG(CLONE_NEWNET) },
	{ SYS_process_vm_readv },
	{ SYS_process_vm_writev },
	{ SYS_kcmp },
	{ SYS_pidfd_getfd },
	{ SYS_init_module },
	{ SYS_finit_module },
	{ SYS_delete_module },
	{ SYS_kexec_load },
	{ SYS_reboot },
	{ SYS_bpf },
	{ SYS_perf_event_open },
	{ SYS_userfaultfd },
	{ SYS_io_uring_setup },
	{ SYS_io_uring_enter },
	{ SYS_io_uring_register },
	{ SYS_add_key },
	{ SYS_request_key },
	{ SYS_keyctl },
	{ SYS_socket, AF_INET, SOCK_STREAM },
	{ SYS_socket, AF_NETLINK, SOCK_RAW },
	{ SYS_bind },
	{ SYS_connect },
	{ SYS_listen },
	{ SYS_accept4 },
	CAGE_SOCKETCALL(SOCKET_ROWS){ SYS_mknodat },
	CAGE_PROCESSOR(ROW){ SYS_open_by_handle_at },
	{ SYS_clock_settime },
	{ SYS_settimeofday },
	{ SYS_sethostname },
	{ SYS_setdomainname },
	{ SYS_personality },
	{ SYS_acct },
	{ SYS_quotactl },
	CAGE_X32(ROW, SYS_ptrace) CAGE_X32(ROW, SYS_getpid){ SYS_fanotify_init },
};

TEST(what_an_exploit_would_call_kills)
{
	for (size_t i = 0; i < KB_ARRAY_LEN(deadly); i++) {
		int status = end_of(call, deadly[i]);

		if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGSYS)
			fail_msg("call %ld (%#lx, …): status %#x", deadly[i][0], deadly[i][1],
				 (unsigned)status);
	}
}

TEST(tracing_kills)
{
	static const long ptrace_call[7] = { SYS_ptrace };

	if (CAGE_TRACED)
		skip();
	assert_killed(end_of(call, ptrace_call), SIGSYS);
}

/* 467 clones a mount and makes it writable; it came with Linux 6.15. */
TEST_CHILD(calls_of_later_kernels_are_absent)
{
	static const long later[] = { 451, 452, 457, 467, 600, 0x3fffffff };

	cage();
	for (unsigned i = 0; i < KB_ARRAY_LEN(later); i++)
		must(syscall(later[i], -1, "/proc", 1, 0, 0, 0) == -1 && errno == ENOSYS,
		     1 + (int)i);
	must(syscall(SYS_faccessat2, AT_FDCWD, "/proc", F_OK, 0) == 0, 99);
}

/* Is this program of the processor of the test? One of another would die in its filter at once. */
static bool is_of_this_processor(const char *program)
{
	enum { HEAD = 20 }; /* class, byte order, e_machine */
	char mine[HEAD], its[HEAD];
	int fd = open(TEST_SELF, O_RDONLY | O_CLOEXEC), other = open(program, O_RDONLY | O_CLOEXEC);
	bool both = read(fd, mine, HEAD) == HEAD && read(other, its, HEAD) == HEAD;

	close(fd);
	close(other);
	return both && memcmp(mine, its, 6) == 0 && memcmp(mine + 18, its + 18, 2) == 0;
}

/* A child, and whatever it starts, is in the cage too. */
static void exec_mount(const void *arg)
{
	cage();
	execl("/bin/sh", "sh", "-c", "unshare -m true 2>/dev/null; exit $?", NULL);
}

TEST(nobody_gets_out_by_another_program)
{
	static const char probe[] = "unshare -m true 2>/dev/null";

	int status;

	if (geteuid() != 0 || !is_of_this_processor("/bin/sh") || system(probe) != 0)
		skip();
	status = end_of(exec_mount, NULL); /* the shell, or its own end if it needs no child */
	assert_true(WIFSIGNALED(status) ? WTERMSIG(status) == SIGSYS
					: WEXITSTATUS(status) == 128 + SIGSYS);
}

/* ---------------------------------------------------------------- what is left */

static bool status_says(const char *line)
{
	char text[8192];

	return os_read_file("/proc/self/status", text, sizeof(text), NULL) == KB_OK &&
	       strstr(text, line) != NULL;
}

TEST_CHILD(rights_that_it_does_not_need_are_gone)
{
	struct rlimit r;

	cage();
	must(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1, 1);
	must(CAGE_TRACED || prctl(PR_GET_DUMPABLE) == 0, 2);
	must(getrlimit(RLIMIT_CORE, &r) == 0 && r.rlim_max == 0, 3);
	must(getrlimit(RLIMIT_NOFILE, &r) == 0 && r.rlim_max == 64, 4);
	must(CAGE_TRACED || (getrlimit(RLIMIT_AS, &r) == 0 && r.rlim_max == 512u << 20), 5);
	must(status_says("CapInh:\t0000000000000000\n"), 6);
	if (geteuid() ==
	    0) { /* SYS_ADMIN, SYS_CHROOT, SETPCAP, SETUID, SETGID, KILL, DAC_READ_SEARCH */
		must(status_says("CapPrm:\t00000000002401e4\n"), 7);
		must(status_says("CapEff:\t00000000002401e4\n"), 8);
		must(status_says("CapBnd:\t00000000002401e4\n"), 9);
	}
}

/* A program gets no right back by being root's. */
TEST_CHILD_IF(geteuid() == 0 && is_of_this_processor("/bin/grep"), nor_do_they_come_back_by_exec)
{
	cage();
	execl("/bin/grep", "grep", "-q", "CapEff:\t00000000002401e4", "/proc/self/status", NULL);
	must(false, 90);
}

/* Paths that the kernel starts as programs, and switches of all kinds, which are root's. */
TEST_CHILD_OF_ROOT(the_settings_of_the_kernel_are_only_to_read)
{
	static const char *const files[] = {
		"/proc/sys/kernel/core_pattern", "/proc/sys/kernel/hostname", "/proc/sysrq-trigger",
		"/proc/self/oom_score_adj",	 "/sys/kernel/mm/ksm/run",    "/sys/power/state"
	};

	cage();
	for (unsigned i = 0; i < KB_ARRAY_LEN(files); i++)
		must(open(files[i], O_WRONLY | O_CLOEXEC) < 0 &&
			     (errno == EROFS || errno == ENOENT),
		     1 + (int)i);
	must(access("/proc/sys/kernel/core_pattern", R_OK) == 0, 99);
}

/* Instead of os_root.c's. */
static const char *refused; /* a mount over this fails */

enum kb_err os_mount(const char *source, const char *target, const char *fstype,
		     unsigned long flags, const char *options)
{
	if (refused != NULL && strcmp(target, refused) == 0)
		return KB_EMOUNT;
	return mount(source, target, fstype, flags, options) == 0 ? KB_OK : KB_EMOUNT;
}

enum kb_err os_umount(const char *target)
{
	return umount2(target, MNT_DETACH) == 0 ? KB_OK : KB_EIO;
}

/* How a child ends that enters the cage, with this folder not mounted or not to be protected. */
static int enters(const char *unmounted, const char *unprotected)
{
	pid_t pid = fork();

	if (pid == 0) {
		must(unshare(CLONE_NEWNS) == 0, 98);
		must(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0, 98);
		must(unmounted == NULL || umount2(unmounted, MNT_DETACH) == 0, 99);
		refused = unprotected;
		_exit(apply_cage_enter() == KB_OK ? 0 : 1);
	}
	return test_exit_code(pid);
}

TEST(settings_that_could_be_written_keep_it_out)
{
	if (enters(NULL, NULL) != 0)
		skip(); /* it may not mount */
	assert_int_equal(enters(NULL, "/proc"), 1);
	assert_int_equal(enters(NULL, "/sys"), 1);
	assert_int_equal(enters("/sys", NULL), 0); /* there are none to write */
}

static void *nothing(void *arg)
{
	return arg;
}

TEST_CHILD(what_apply_does_goes)
{
	static const char at[] = "/nonexistent-keelboot";
	pthread_t t;
	int pair[2];

	cage();
	must(pthread_create(&t, NULL, nothing, NULL) == 0 && pthread_join(t, NULL) == 0, 1);
	must(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair) == 0, 2);
	must(mount("none", at, "vfat", MEDIA_FLAGS_STRANGERS, NULL) < 0 && errno != ENOSYS, 3);
	must(mount("none", at, "ext4", MEDIA_FLAGS, NULL) < 0, 4);
	must(umount2(at, 0) < 0, 5);
}

/* It enters its own cage, and can be ended, though it is another user by then. */
TEST_CHILD(the_decoder_starts_and_ends)
{
	struct decoder d;
	pid_t pid;

	cage();
	must(decoder_start(&d, TEST_SELF, NULL, DECODER_SLOTS) == KB_OK, 1);
	pid = d.worker.pid;
	must(kill(pid, 0) == 0, 2);
	decoder_stop(&d);
	must(kill(pid, 0) < 0 && errno == ESRCH, 3);
}

/* ---------------------------------------------------------------- what cannot be entered */

static void refuse(long number)
{
	const struct cage_rule rule = { number, CAGE_ABSENT, 0, EPERM };

	must(cage_forbid(&rule, 1) == KB_OK, 102);
}

/* Filters, until there is no room for another: the kernel counts their instructions. */
static void fill_up(void)
{
	static struct sock_filter code[4096];
	struct sock_fprog prog = { .len = KB_ARRAY_LEN(code), .filter = code };

	for (size_t i = 0; i < KB_ARRAY_LEN(code); i++)
		code[i] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
	for (; prog.len > 8; prog.len /= 2)
		while (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &prog, 0, 0) == 0)
			;
}

static void enter_without(const void *number)
{
	if (number != NULL)
		refuse(*(const long *)number);
	else
		fill_up();
	must(apply_cage_enter() == KB_EPERM, 103);
}

/* Whatever cannot be given up: nothing is read then. */
TEST(half_a_cage_is_none)
{
	static const long needed[] = { SYS_unshare, SYS_mount, SYS_capset };

	if (geteuid() != 0)
		skip();
	for (unsigned i = 0; i < KB_ARRAY_LEN(needed); i++)
		assert_fine(end_of(enter_without, &needed[i]));
	assert_fine(end_of(enter_without, NULL));
}

TEST_MAIN("apply_cage", .quiet = true, .decoder = decoder_main)
