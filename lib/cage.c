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

static enum kb_err report_denied(const char *who, const char *what)
{
	log_err("%s: unable to %s: %s; no data is read without this protection", who, what,
		strerror(errno));
	return KB_EPERM;
}

static void close_range_of(unsigned from, unsigned to)
{
	if (from > to || syscall(SYS_close_range, from, to, 0u) == 0)
		return;
	for (unsigned fd = from; fd <= to && fd < LAST_FD; fd++) /* before Linux 5.9 */
		close((int)fd);
}

static void close_unkept(const struct cage *c)
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
	return report_denied(c->who, "leave the file system");
}

/* Only root has a bounding set to lose; without CAP_SETPCAP, no_new_privs makes it meaningless. */
static enum kb_err drop_bounding(const char *who, uint64_t keep)
{
	int has;

	for (int cap = 0; (has = prctl(PR_CAPBSET_READ, cap, 0, 0, 0)) >= 0; cap++) {
		if (cap < 64 && keep >> cap & 1)
			continue;
		if (has > 0 && prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) < 0 && errno != EPERM)
			return report_denied(who, "drop the bounding set");
	}
	return KB_OK;
}

static enum kb_err drop_capabilities(const char *who, uint64_t keep)
{
	struct __user_cap_header_struct hdr = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct has[2];

	prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0); /* absent before Linux 4.3 */
	if (syscall(SYS_capget, &hdr, has) < 0)
		return report_denied(who, "read its capabilities");
	for (int i = 0; i < 2; i++) {
		has[i].permitted &= (uint32_t)(keep >> 32 * i);
		has[i].effective = has[i].permitted;
		has[i].inheritable = 0;
	}
	if (syscall(SYS_capset, &hdr, has) < 0)
		return report_denied(who, "drop capabilities");
	return KB_OK;
}

static enum kb_err drop_user(const struct cage *c)
{
	if (setgroups(0, NULL) < 0)
		return report_denied(c->who, "drop groups");
	if (setresgid(c->user, c->user, c->user) < 0)
		return report_denied(c->who, "change its group");
	if (setresuid(c->user, c->user, c->user) < 0)
		return report_denied(c->who, "change its user");
	return KB_OK;
}

/* What is lower already stays so. */
static bool lower_limit(int what, rlim_t max)
{
	struct rlimit r;

	if (getrlimit(what, &r) < 0)
		return false;
	r.rlim_max = r.rlim_max < max ? r.rlim_max : max;
	r.rlim_cur = r.rlim_cur < r.rlim_max ? r.rlim_cur : r.rlim_max;
	return setrlimit(what, &r) == 0;
}

struct limit {
	int what;
	rlim_t max;
};

static enum kb_err set_limits(const char *who, const struct limit *limit, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (!lower_limit(limit[i].what, limit[i].max))
			return report_denied(who, "set its limits");
	}
	return KB_OK;
}

static enum kb_err limit_all(const struct cage *c)
{
	const struct limit limit[] = {
		{ RLIMIT_AS, c->memory },
		{ RLIMIT_CPU, c->cpu_s },
		{ RLIMIT_NPROC, c->processes },
		{ RLIMIT_NOFILE, c->files },
		{ RLIMIT_FSIZE, 0 },
		{ RLIMIT_CORE, 0 },
		{ RLIMIT_MEMLOCK, 0 },
		{ RLIMIT_MSGQUEUE, 0 },
	};

	return set_limits(c->who, limit, KB_ARRAY_LEN(limit));
}

enum kb_err cage_enter(const struct cage *c)
{
	bool root = geteuid() == 0;

	close_unkept(c);
	if (root)
		TRY(empty_root(c));
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return report_denied(c->who, "give up new privileges");
	TRY(drop_bounding(c->who, 0));
	if (root)
		TRY(drop_user(c));
	TRY(drop_capabilities(c->who, 0));
	TRY(limit_all(c));
	if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
		return report_denied(c->who, "prevent core dumps and tracing");
	/* After the change of user, which would clear it. */
	if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0)
		return report_denied(c->who, "exit with its parent");
	return KB_OK;
}

enum kb_err cage_enter_open(const struct cage_open *c)
{
	const struct limit limit[] = {
		{ RLIMIT_AS, c->memory }, { RLIMIT_NOFILE, c->files }, { RLIMIT_CORE, 0 },
		{ RLIMIT_MEMLOCK, 0 },	  { RLIMIT_MSGQUEUE, 0 },
	};

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return report_denied(c->who, "give up new privileges");
	TRY(drop_bounding(c->who, c->capabilities));
	TRY(drop_capabilities(c->who, c->capabilities));
	TRY(set_limits(c->who, limit, KB_ARRAY_LEN(limit)));
	if (!CAGE_TRACED && prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
		return report_denied(c->who, "prevent core dumps and tracing");
	return KB_OK;
}
