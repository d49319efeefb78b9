/* SPDX-License-Identifier: Apache-2.0 */
#include "update/apply/apply_cage.h"
#include "lib/cage.h"
#include "lib/log.h"
#include "lib/os.h"
#include "lib/os_mounts.h"
#include "lib/util.h"
#include "update/apply/media.h"

#include <errno.h>
#include <linux/capability.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/syscall.h>

/* Of addresses: two threads, each with a stack and a heap, and the range that one of them flushes.
 */
#define MEMORY (512ull << 20)
#define FILES  64u /* the state, both ends of each partition of a slot, the bundle */

#define RIGHT(cap) (1ull << (cap))

/* For itself: to mount, to flush a disk, to read what a user of the running system has staged, to
 * end a decoder. For the decoder: to become another user in an empty root, without any right. */
static const struct cage_open cage = {
	.who = "apply",
	.capabilities = RIGHT(CAP_SYS_ADMIN) | RIGHT(CAP_DAC_READ_SEARCH) | RIGHT(CAP_KILL) |
			RIGHT(CAP_SETUID) | RIGHT(CAP_SETGID) | RIGHT(CAP_SYS_CHROOT) |
			RIGHT(CAP_SETPCAP),
	.memory = CAGE_MEMORY(MEMORY),
	.files = FILES,
};

#define NAMESPACES                                                                     \
	(CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER | \
	 CLONE_NEWPID | CLONE_NEWNET)
#define KILLS(call)                    \
	{                              \
		call, CAGE_NEVER, 0, 0 \
	}
#define KILLS_TOO(call) KILLS(call),
#define ALLOWS(call, arg, is)             \
	{                                 \
		call, CAGE_EQUAL, arg, is \
	}
/* What the decoder is started and spoken to with, and the lender: a pair of sockets. */
#define ONLY_A_PAIR(call)                                                                      \
	ALLOWS(call, 0, SYS_SOCKETPAIR), ALLOWS(call, 0, SYS_SEND), ALLOWS(call, 0, SYS_RECV), \
		ALLOWS(call, 0, SYS_SENDTO), ALLOWS(call, 0, SYS_RECVFROM),                    \
		ALLOWS(call, 0, SYS_RECVMSG), KILLS(call),

/* What neither apply nor the start of its decoder makes, and an exploit would. */
static const struct cage_rule rules[] = {
	/* a mount as media.c makes it, and no other: nothing to be written to or run from */
	{ SYS_mount, CAGE_EQUAL, 3, MEDIA_FLAGS },
	{ SYS_mount, CAGE_EQUAL, 3, MEDIA_FLAGS_STRANGERS },
	KILLS(SYS_mount),
	KILLS(SYS_pivot_root),
	KILLS(SYS_swapon),
	KILLS(SYS_swapoff),
	KILLS(SYS_open_tree),
	KILLS(SYS_move_mount),
	KILLS(SYS_fsopen),
	KILLS(SYS_fsconfig),
	KILLS(SYS_fsmount),
	KILLS(SYS_fspick),
	KILLS(SYS_mount_setattr),
	/* threads and the decoder, but no other world for them */
	{ SYS_clone, CAGE_WITHOUT, CAGE_CLONE_FLAGS, NAMESPACES },
	KILLS(SYS_clone),
	{ SYS_clone3, CAGE_ABSENT, 0,
	  ENOSYS }, /* clone3, whose flags cannot be seen: clone is taken */
	KILLS(SYS_unshare),
	KILLS(SYS_setns),
	/* other processes: process 1 above all */
	KILLS(SYS_process_vm_readv),
	KILLS(SYS_process_vm_writev),
	KILLS(SYS_kcmp),
	KILLS(SYS_pidfd_getfd),
	/* the kernel */
	KILLS(SYS_init_module),
	KILLS(SYS_finit_module),
	KILLS(SYS_delete_module),
	KILLS(SYS_kexec_load),
	KILLS(SYS_reboot),
	KILLS(SYS_bpf),
	KILLS(SYS_perf_event_open),
	KILLS(SYS_userfaultfd),
	KILLS(SYS_io_uring_setup),
	KILLS(SYS_io_uring_enter),
	KILLS(SYS_io_uring_register),
	KILLS(SYS_add_key),
	KILLS(SYS_request_key),
	KILLS(SYS_keyctl),
	KILLS(SYS_personality),
	KILLS(SYS_acct),
	KILLS(SYS_quotactl),
	KILLS(SYS_settimeofday),
	KILLS(SYS_clock_settime),
	KILLS(SYS_sethostname),
	KILLS(SYS_setdomainname),
	KILLS(SYS_mknodat),
	KILLS(SYS_open_by_handle_at),
	KILLS(SYS_fanotify_init),
	/* the network; the decoder has a socketpair() */
	KILLS(SYS_socket),
	KILLS(SYS_bind),
	KILLS(SYS_connect),
	KILLS(SYS_listen),
	KILLS(SYS_accept4),
	CAGE_SOCKETCALL(ONLY_A_PAIR) CAGE_STARTS CAGE_PROCESSOR(KILLS_TOO){
		SYS_ptrace, CAGE_TRACED ? CAGE_ALWAYS : CAGE_NEVER, 0, 0 },
};

static enum kb_err only_to_read(void)
{
	const char *at = os_mounts_read_only();

	if (at == NULL)
		return KB_OK;
	log_err("apply: unable to make %s read-only; no medium is read", at);
	return KB_EPERM;
}

/* Whoever may not detach its mounts may not mount either: then it is nothing that is missing. */
static enum kb_err own_mounts(void)
{
	if (!os_mounts_allowed())
		return KB_OK;
	if (os_mounts_own() == KB_OK)
		return only_to_read();
	log_err("apply: the kernel refuses private mounts (CONFIG_NAMESPACES): nothing is mounted");
	return KB_EPERM;
}

enum kb_err apply_cage_enter(void)
{
	enum kb_err err;

	TRY(own_mounts());
	TRY(cage_enter_open(&cage));
	err = cage_forbid(rules, KB_ARRAY_LEN(rules));
	if (err == KB_OK)
		return KB_OK;
	if (err == KB_ENOENT) {
		log_warn("apply: this kernel has no seccomp filters (CONFIG_SECCOMP_FILTER)");
		return KB_OK;
	}
	log_err("apply: unable to restrict its system calls: %s; no medium is read", err_text(err));
	return err;
}
