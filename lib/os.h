/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The kernel calls of the boot: the second seam beside bdev. Chosen at link time, because there is
 * one kernel: os_linux.c in the product, tests/sim/os_sim.c in the traces, where each call is a
 * line of a golden trace. What process 1 does not need is in os_file.h, os_mounts.h, os_worker.h,
 * os_command.h and os_clock.h; what only the guardian needs, in guardian_os.h. What goes past all
 * of them is listed in tests/lint/seam.py, with the reason.
 *
 * Nothing here waits without a bound, nothing allocates. Paths are absolute. Nothing here logs:
 * after a failure errno holds the kernel's own word for it, and log_line() prints it for "%m".
 */
#pragma once

#include "lib/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* ---------------------------------------------------------------- time */
uint64_t os_now_ms(void); /* monotonic, since some point in the past; also counts suspended time */
uint64_t os_time_s(void); /* the wall clock; may be wrong */
void os_sleep_ms(unsigned ms);

/* ---------------------------------------------------------------- files */
/* Reads a small file whole; a longer one is cut at size - 1. buf ends in NUL. len may be NULL. */
enum kb_err os_read_file(const char *path, char *buf, size_t size, size_t *len) KB_MUST_CHECK;
/* The same, but of a longer one the last size - 1 bytes. */
enum kb_err os_read_end(const char *path, char *buf, size_t size, size_t *len) KB_MUST_CHECK;
/* Creates or truncates path (mode 0644) and writes. For /run, /proc and /sys: no fsync. */
enum kb_err os_write_file(const char *path, const char *text, size_t len) KB_MUST_CHECK;
enum kb_err os_open(const char *path, int flags, int *fd) KB_MUST_CHECK; /* O_CLOEXEC is added */
void os_close(int *fd);							 /* sets it to -1 */
enum kb_err os_mkdir(const char *path, unsigned mode) KB_MUST_CHECK;	 /* KB_OK if it is there */
enum kb_err os_unlink(const char *path) KB_MUST_CHECK;
/* Gives a file or folder another name in the same file system, in one step. */
enum kb_err os_rename(const char *from, const char *to) KB_MUST_CHECK;
/* Deletes a folder and all that is in it, but nothing on another file system mounted inside.
 * KB_ETIMEDOUT: not done when os_now_ms() is until_ms; another call goes on. */
enum kb_err os_remove_folder(const char *path, uint64_t until_ms) KB_MUST_CHECK;
bool os_exists(const char *path);
bool os_is_file(const char *path);    /* a regular file, or a link to one */
bool os_executable(const char *path); /* a regular file with an x bit */
/* The same for path as it will be found once root is "/": links, absolute ones too, stay below
 * root.
 */
bool os_executable_in(const char *root, const char *path);
/* Where a symbolic link points; ended by NUL. KB_ENOENT, KB_EINVAL (no link), KB_ENOSPC. */
enum kb_err os_readlink(const char *path, char *buf, size_t size) KB_MUST_CHECK;
/* Calls visit with the name of each entry of a folder except "." and "..", in no order, until it
 * answers anything but KB_OK, which is the answer then. KB_ENOENT and the like: not listed whole.
 */
typedef enum kb_err (*os_visit_fn)(void *ctx, const char *name);
enum kb_err os_each(const char *path, os_visit_fn visit, void *ctx) KB_MUST_CHECK;
/* Fills names (each of 64 bytes) with the entries of a folder except "." and "..", sorted by name;
 * *n of them, at most max (then the first ones by name). A longer name is cut: one of 63 bytes may
 * be the beginning of another. */
enum kb_err os_list(const char *path, char (*names)[64], unsigned max, unsigned *n) KB_MUST_CHECK;
/* Locks an open file for this process and those that share it, by flock(). KB_EBUSY: another
 * process has it, or a signal came. */
enum kb_err os_lock(int fd) KB_MUST_CHECK;
void os_unlock(int fd);

/* ---------------------------------------------------------------- mounts */
/* flags are MS_*; options may be NULL. KB_ENOENT, KB_EPERM, KB_EBUSY (mounted there already), else
 * KB_EMOUNT. */
enum kb_err os_mount(const char *source, const char *target, const char *fstype,
		     unsigned long flags, const char *options) KB_MUST_CHECK;
/* Tells the kernel that nobody may write to a block device from now on, a file system that replays
 * its journal included; or that they may again. */
enum kb_err os_protect(const char *dev, bool on) KB_MUST_CHECK;
enum kb_err os_umount(const char *target) KB_MUST_CHECK; /* MNT_DETACH when it is busy */
/*
 * Moves /dev /proc /sys /run into target (those that are mounted and that target has a folder for;
 * the others are detached), makes target the root, and then deletes what the initramfs held. Once
 * it has moved target there is no way back; KB_EMOUNT means that this did not happen, though some
 * of the four may have moved.
 */
enum kb_err os_switch_root(const char *target) KB_MUST_CHECK;
/*
 * The same from one root to the next: nothing is deleted, /usr moves too, and what the root that is
 * left shared with others is its own from now on. After a failure all is where it was.
 */
enum kb_err os_change_root(const char *target) KB_MUST_CHECK;

/* ---------------------------------------------------------------- modules, watchdog, reboot */
/* KB_OK if it is there already. KB_ETIMEDOUT: its init does not end in four seconds, and goes on.
 * KB_EIO and EFAULT: it crashed. */
enum kb_err os_finit_module(const char *path, const char *params) KB_MUST_CHECK;
#define OS_MODULE_MS 4000 /* below what a watchdog counts */
/* The same without the wait: *fd is readable (os_poll()) once it is through. -1: there could be no
 * child, and what is returned is the result. */
enum kb_err os_module_begin(const char *path, const char *params, int *fd) KB_MUST_CHECK;
/* What became of it. KB_ETIMEDOUT: it is not through, and goes on. Closes *fd in any case. */
enum kb_err os_module_end(int *fd) KB_MUST_CHECK;
/* How many this process may run on. */
unsigned os_processors(void);

struct os_wdt_info {
	/* WDIOF_* of WDIOC_GETSUPPORT */
	uint32_t options;
	/* of WDIOC_GETBOOTSTATUS */
	uint32_t bootstatus;
	/* that the hardware took */
	uint32_t timeout_s;
	/* os_wdt_left() works */
	bool tells_left;
	char identity[33];
};
/* Opens (which starts) a watchdog and sets its timeout; one that says how much is left keeps its
 * own, so that the caller can look what it makes of others. The descriptor stays open; os_close()
 * leaves it counting unless the driver stops on close (no WDIOF_MAGICCLOSE, not nowayout).
 * KB_EINVAL: it is no watchdog; nothing was written to it. */
enum kb_err os_wdt_open(const char *dev, unsigned timeout_s, int *fd,
			struct os_wdt_info *info) KB_MUST_CHECK;
void os_wdt_ping(int fd);
/* Stops it by the magic character and closes it: it goes on nevertheless when it is nowayout. */
void os_wdt_release(int *fd);
/* *timeout_s: in what is wanted, out what the hardware took. */
enum kb_err os_wdt_timeout(int fd, unsigned *timeout_s) KB_MUST_CHECK;
/* What the hardware still counts before it resets, which few drivers tell. */
enum kb_err os_wdt_left(int fd, unsigned *left_s) KB_MUST_CHECK;

/* RB_AUTOBOOT after sync of at most some seconds (in a child). Returns only when the kernel
 * refused. */
void os_reboot(void);
/* The same, with words for the kernel's drivers: a Raspberry Pi's gives them to the firmware. */
void os_reboot_to(const char *words);
/* To the partition that is the default, but with the section [tryboot] of its autoboot.txt. */
#define OS_REBOOT_TRYBOOT "0 tryboot"
/* Whether this kernel could start another one. KB_ENOENT: it was made without that
 * (CONFIG_KEXEC_FILE), or is older than Linux 5.6, and opens no file inside of a slot. KB_EPERM: it
 * must not. */
enum kb_err os_can_kexec(void) KB_MUST_CHECK;
/* Whether it has what os_can_kexec() asks for, whether it may be used or not. Of the loads that
 * kernel.kexec_load_limit_reboot allows, this uses up none; of kexec_load_limit_panic, one, if that
 * is finite. kdump may lack it, in a slot that runs with this kernel. */
bool os_has_kexec(void);
/* As os_reboot(), but starts the kernel that lib/os_kexec.h loaded. */
void os_kexec(void);

/* ---------------------------------------------------------------- processes */
#define OS_SPAWN_FILE_MAX (64u << 20) /* the initramfs is memory */

struct os_spawn {
	const char *path;
	/* ended by NULL */
	const char *const *argv;
	/* ended by NULL; NULL: PATH=/usr/sbin:/usr/bin:/sbin:/bin only */
	const char *const *envp;
	/* becomes descriptor 3 of the child; -1: none */
	int fd3;
	/* unshare(CLONE_NEWNS), with private propagation */
	bool own_mounts;
	/* its root; NULL: ours */
	const char *root;
	/* stdout and stderr go into fd3, which is then not open as descriptor 3; else to /dev/kmsg
	 * if this is process 1, else where ours go */
	bool capture;
	/* a terminal that becomes the child's own, and its descriptors 0 to 2; NULL: /dev/null is
	 * its standard input, as above */
	const char *tty;
	/* RLIMIT_CPU in seconds; 0: none */
	unsigned cpu_s;
	/* Another's program: it may write no file above OS_SPAWN_FILE_MAX, and when memory
	 * runs out it is the one that is killed. */
	bool guest;
};
/*
 * The child gets its own session, default signals, /dev/null as standard input (but see tty), "/"
 * as its folder, no other descriptors, PR_SET_PDEATHSIG, no core dumps. KB_EEXEC when it cannot be
 * started, within 10 s (errno says why). KB_EBUSY: too many children that nobody waited for.
 */
enum kb_err os_spawn(const struct os_spawn *sp, pid_t *pid) KB_MUST_CHECK;
/* Waits up to timeout_ms. KB_ETIMEDOUT: still running. *status as from waitpid(). KB_ECHILD: no
 * such child. In process 1 it reaps strangers on the way. */
enum kb_err os_wait(pid_t pid, unsigned timeout_ms, int *status) KB_MUST_CHECK;
/* A child that cannot be ended is waited for no more; its place is another's. In process 1 it is
 * reaped with the strangers. */
void os_forget(pid_t pid);
/* SIGKILL to its whole session, and waits up to 5 s. KB_ETIMEDOUT: it cannot be killed (stuck in
 * the kernel), and is forgotten. */
enum kb_err os_kill(pid_t pid) KB_MUST_CHECK;
/* The same without the wait: os_wait() has to follow at some time. Also for the session of a child
 * that has ended. */
void os_kill_begin(pid_t pid);
enum kb_err os_pipe(int fds[2]) KB_MUST_CHECK; /* close-on-exec, reading end does not block */
/*
 * Waits up to timeout_ms for any of n descriptors (negative ones are skipped); ready[i] tells
 * which. KB_ETIMEDOUT.
 */
enum kb_err os_poll(const int *fds, bool *ready, unsigned n, unsigned timeout_ms) KB_MUST_CHECK;
/* Reads what is there. *len 0 at the end. KB_EBUSY when nothing is there yet. */
enum kb_err os_read(int fd, void *buf, size_t size, size_t *len) KB_MUST_CHECK;
/*
 * Starts a program that outlives this one. It has its own session, /dev/null as its standard
 * descriptors, "/" as its folder, every signal blocked, and no environment. Descriptor 3 + i is
 * fds[i] (-1: closed), at most 16; all others are closed. KB_EEXEC when it cannot be started,
 * within 10 s (errno says why). Only process 1 waits for it.
 */
enum kb_err os_detach(const char *path, const char *const *argv, const int *fds, unsigned n,
		      pid_t *pid) KB_MUST_CHECK;
/* Replaces this process; PATH is not searched. Returns only on failure. */
enum kb_err os_exec(const char *path, const char *const *argv,
		    const char *const *envp) KB_MUST_CHECK;

/* ---------------------------------------------------------------- devices */
/* A socket that hears the kernel's uevents (netlink, only from the kernel). */
enum kb_err os_uevent_open(int *fd) KB_MUST_CHECK;
/* One pending uevent as the kernel sent it (NUL-separated, and ended by NUL); KB_EBUSY when there
 * is none; KB_ENOSPC when some were lost. */
enum kb_err os_uevent_read(int fd, char *buf, size_t size, size_t *len) KB_MUST_CHECK;

/* Makes sure that descriptors 0, 1 and 2 are open: the console, else /dev/null. For process 1, once
 * /dev is there; also keeps others from getting those numbers. */
void os_stdio(void);

/* ---------------------------------------------------------------- consoles */
/* For whoever has another root: where /proc is, and the folder that holds sys and dev. */
void os_console_at(const char *proc, const char *root);
/* The kernel's log, /dev/kmsg. */
bool os_is_kmsg(int fd);
/* The kernel itself shows lines of this level on its consoles, when they come to its log. False
 * also where that cannot be known. */
bool os_console_shows(int level);
/* Writes a line to each console that the kernel has. Takes a second at most; one that takes nothing
 * is given up for this line, and waited for less with the next. Keeps errno. */
void os_console_write(const char *line, size_t len);

/* ---------------------------------------------------------------- device mapper */
#define OS_DM_PARAMS 768
#define OS_DM_NODE   32

struct os_dm {
	/* of the mapped device */
	const char *name;
	/* of its one target: "verity" */
	const char *type;
	const char *params;
	/* of 512 bytes */
	uint64_t sectors;
};
/* Makes a read-only mapped device. node: "/dev/dm-0". Any error leaves nothing behind; KB_ENOENT:
 * this kernel has no device mapper. */
enum kb_err os_dm_open(const struct os_dm *dm, char node[OS_DM_NODE]) KB_MUST_CHECK;
enum kb_err os_dm_close(const char *name) KB_MUST_CHECK; /* at once, or when nobody has it open */

/* True when this is process 1. */
bool os_is_init(void);
