/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/cage.h"
#include "lib/log.h"
#include "lib/util.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define LAST_FD 4096 /* to close, where the kernel has no close_range() */

static enum kb_err refused(const struct cage *c, const char *what)
{
	log_err("%s: unable to %s: %s; nothing is read with rights", c->who, what, strerror(errno));
	return KB_EPERM;
}

static void close_range_of(unsigned from, unsigned to)
{
	if (from > to || syscall(SYS_close_range, from, to, 0u) == 0)
		return;
	for (unsigned fd = from; fd <= to && fd < LAST_FD; fd++) /* before Linux 5.9 */
		close((int)fd);
}

static void close_others(const struct cage *c)
{
	unsigned from = 0;

	for (unsigned i = 0; i < c->nkeep; i++) {
		if (c->keep[i] > (int)from)
			close_range_of(from, (unsigned)c->keep[i] - 1);
		from = (unsigned)c->keep[i] + 1;
	}
	close_range_of(from, ~0u);
}

/* A folder of our own, and into it: deleted before anybody could put something there. */
static bool vanish_below(const char *top)
{
	KB_CLEANUP_FD int at = open(top, O_PATH | O_DIRECTORY | O_CLOEXEC);
	KB_CLEANUP_FD int in = -1;
	char name[48];
	bool gone;

	snprintf(name, sizeof(name), ".keelboot-cage-%d", (int)getpid());
	if (at < 0)
		return false;
	unlinkat(at, name, AT_REMOVEDIR); /* of one with this number that was killed here */
	if (mkdirat(at, name, 0555) < 0)
		return false;
	in = openat(at, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	gone = in >= 0 && fchdir(in) == 0 && chroot(".") == 0;
	return unlinkat(at, name, AT_REMOVEDIR) == 0 && gone;
}

static enum kb_err empty_root(const struct cage *c)
{
	static const char *const places[] = { "/run", "/dev/shm", "/tmp" };

	for (unsigned i = 0; i < KB_ARRAY_LEN(places); i++) {
		if (vanish_below(places[i]))
			return KB_OK;
	}
	return refused(c, "leave the file system");
}

/* Only root has a bounding set to lose; without CAP_SETPCAP, no_new_privs makes it meaningless. */
static enum kb_err drop_bounding(const struct cage *c)
{
	int has;

	for (int cap = 0; (has = prctl(PR_CAPBSET_READ, cap, 0, 0, 0)) >= 0; cap++) {
		if (has > 0 && prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) < 0 && errno != EPERM)
			return refused(c, "drop the bounding set");
	}
	return KB_OK;
}

static enum kb_err drop_capabilities(const struct cage *c)
{
	struct __user_cap_header_struct hdr = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct none[2] = { { 0 }, { 0 } };

	prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0); /* absent before Linux 4.3 */
	if (syscall(SYS_capset, &hdr, none) < 0)
		return refused(c, "drop capabilities");
	return KB_OK;
}

static enum kb_err drop_user(const struct cage *c)
{
	if (setgroups(0, NULL) < 0)
		return refused(c, "drop groups");
	if (setresgid(c->user, c->user, c->user) < 0)
		return refused(c, "change its group");
	if (setresuid(c->user, c->user, c->user) < 0)
		return refused(c, "change its user");
	return KB_OK;
}

/* What is lower already stays so. */
static bool lower(int what, rlim_t max)
{
	struct rlimit r;

	if (getrlimit((__rlimit_resource_t)what, &r) < 0)
		return false;
	r.rlim_max = r.rlim_max < max ? r.rlim_max : max;
	r.rlim_cur = r.rlim_cur < r.rlim_max ? r.rlim_cur : r.rlim_max;
	return setrlimit((__rlimit_resource_t)what, &r) == 0;
}

static enum kb_err set_limits(const struct cage *c)
{
	const struct {
		int what;
		rlim_t max;
	} limit[] = {
		{ RLIMIT_AS, c->memory },
		{ RLIMIT_CPU, c->cpu_s },
		{ RLIMIT_NPROC, c->processes },
		{ RLIMIT_NOFILE, c->files },
		{ RLIMIT_FSIZE, 0 },
		{ RLIMIT_CORE, 0 },
		{ RLIMIT_MEMLOCK, 0 },
		{ RLIMIT_MSGQUEUE, 0 },
	};

	for (size_t i = 0; i < KB_ARRAY_LEN(limit); i++) {
		if (!lower(limit[i].what, limit[i].max))
			return refused(c, "limit itself");
	}
	return KB_OK;
}

enum kb_err cage_enter(const struct cage *c)
{
	bool root = geteuid() == 0;

	close_others(c);
	if (root)
		TRY(empty_root(c));
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return refused(c, "give up new privileges");
	TRY(drop_bounding(c));
	if (root)
		TRY(drop_user(c));
	TRY(drop_capabilities(c));
	TRY(set_limits(c));
	if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
		return refused(c, "hide its memory");
	/* After the change of user, which would clear it. */
	if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0)
		return refused(c, "tie itself to its parent");
	return KB_OK;
}
