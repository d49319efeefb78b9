/* SPDX-License-Identifier: Apache-2.0 */
#include "update/decoder_limits.h"
#include "update/decoder_wire.h"
#include "lib/log.h"
#include "lib/util.h"

#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stddef.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#define LIMITS_NOBODY 65534
#define LIMITS_AS     (64ull << 20)
#define LIMITS_CPU    3600u /* seconds: decoding, not waiting; hours of it are no update */

static enum kb_err refused(const char *what)
{
	log_err("decoder: unable to %s: %s; nothing is decoded with rights", what, strerror(errno));
	return KB_EPERM;
}

/* Only root has a bounding set to lose; without CAP_SETPCAP, no_new_privs makes it meaningless. */
static enum kb_err drop_bounding(void)
{
	for (int cap = 0; prctl(PR_CAPBSET_READ, cap, 0, 0, 0) >= 0; cap++) {
		if (prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) < 0 && errno != EPERM)
			return refused("drop the bounding set");
	}
	return KB_OK;
}

static enum kb_err drop_capabilities(void)
{
	struct __user_cap_header_struct hdr = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct none[2] = { { 0 }, { 0 } };

	prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0); /* absent before Linux 4.3 */
	if (syscall(SYS_capset, &hdr, none) < 0)
		return refused("drop capabilities");
	return KB_OK;
}

static enum kb_err drop_user(void)
{
	if (geteuid() != 0)
		return KB_OK;
	if (setgroups(0, NULL) < 0)
		return refused("drop groups");
	if (setresgid(LIMITS_NOBODY, LIMITS_NOBODY, LIMITS_NOBODY) < 0)
		return refused("change its group");
	if (setresuid(LIMITS_NOBODY, LIMITS_NOBODY, LIMITS_NOBODY) < 0)
		return refused("change its user");
	return KB_OK;
}

static enum kb_err set_limits(void)
{
	static const struct {
		int what;
		rlim_t max;
	} limit[] = {
		{ RLIMIT_AS, LIMITS_AS }, { RLIMIT_CPU, LIMITS_CPU }, { RLIMIT_FSIZE, 0 },
		{ RLIMIT_NPROC, 0 },	  { RLIMIT_CORE, 0 },	      { RLIMIT_NOFILE, 5 },
		{ RLIMIT_MEMLOCK, 0 },
	};

	for (size_t i = 0; i < KB_ARRAY_LEN(limit); i++) {
		struct rlimit r = { limit[i].max, limit[i].max };

		if (setrlimit((__rlimit_resource_t)limit[i].what, &r) < 0)
			return refused("limit itself");
	}
	return KB_OK;
}

static void close_others(void)
{
	if (syscall(SYS_close_range, DECODER_WIRE_SHARED + 1u, ~0u, 0u) == 0)
		return;
	for (int fd = DECODER_WIRE_SHARED + 1; fd < 4096; fd++) /* before Linux 5.9 */
		close(fd);
}

enum kb_err decoder_limits_privileges(void)
{
	close_others();
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return refused("give up new privileges");
	TRY(drop_bounding());
	TRY(drop_user());
	TRY(drop_capabilities());
	TRY(set_limits());
	if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
		return refused("hide its memory");
	/* After the change of user, which would clear it. */
	if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0)
		return refused("tie itself to its parent");
	return KB_OK;
}

#define NR   offsetof(struct seccomp_data, nr)
#define ARCH offsetof(struct seccomp_data, arch)
#define ARG0 offsetof(struct seccomp_data, args[0])

enum kb_err decoder_limits_syscalls(void)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, ARCH),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, DECODER_LIMITS_ARCH, 1, 0),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, NR),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_recvfrom, 5, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_sendto, 4, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_exit_group, 5, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_exit, 4, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_rt_sigreturn, 3, 0),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
		/* Both supported processors are little-endian: this is the descriptor's low half.
		 */
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, ARG0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, DECODER_WIRE_SOCK, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
	};
	struct sock_fprog prog = { .len = KB_ARRAY_LEN(code), .filter = code };

	/* The last chance to say anything but on the socket is before this. */
	if (prctl(PR_GET_SECCOMP, 0, 0, 0, 0) < 0)
		return refused("use seccomp (CONFIG_SECCOMP_FILTER)");
	for (int fd = 0; fd <= 2; fd++)
		close(fd);
	close(DECODER_WIRE_SHARED);
	if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &prog, 0, 0) < 0)
		return KB_EPERM;
	return KB_OK;
}
