/* SPDX-License-Identifier: Apache-2.0 */
#include "fleet/split.h"

#include "fleet/idle.h"
#include "fleet/monitor_link.h"
#include "fleet/reload.h"

#include "lib/log.h"
#include "lib/os.h"
#include "lib/util.h"

#include <errno.h>
#include <grp.h>
#include <poll.h>
#include <pwd.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#define END_MS	 30000u /* for a process that has nothing to do any more */
#define QUIET_MS 2000	/* without an order: the contact is over, or waits for the network */
#define NOBODY	 65534u /* "nobody" of all distributions; it needs no entry in /etc/passwd */

/* ---------------------------------------------------------------- with rights */

/* One that does not end is ended; what a disk that hangs keeps is left. */
static int wait_for_end(pid_t pid)
{
	uint64_t begun = os_now_ms();
	bool killed = false;
	int status = 0;

	for (;;) {
		pid_t got = waitpid(pid, &status, WNOHANG);
		uint64_t ms = os_now_ms() - begun;

		if (got == pid || (got < 0 && errno != EINTR))
			return status;
		if (ms >= 2 * END_MS)
			return W_EXITCODE(1, 0);
		if (ms >= END_MS && !killed)
			killed = kill(pid, SIGKILL) == 0;
		os_sleep_ms(10);
	}
}

/* false: who gives them has ended. `end` says so also while a disk holds a process of that one,
 * which keeps the link open. */
static bool await_order(int link, int end, pid_t pid)
{
	struct pollfd ready[] = { { .fd = link, .events = POLLIN },
				  { .fd = end, .events = POLLIN },
				  { .fd = reload_fd(), .events = POLLIN } };
	int wait_ms = QUIET_MS, n;

	do {
		ready[0].revents = ready[1].revents = ready[2].revents = 0;
		n = poll(ready, KB_ARRAY_LEN(ready), wait_ms);
		wait_ms = n == 0 ? -1 : QUIET_MS;
		if (n == 0)
			idle_begin();
		if (n <= 0 || ready[2].revents == 0 || !reload_take())
			continue;
		kill(pid, SIGTERM);
		wait_for_end(pid);
		reload_begin();
	} while (ready[0].revents == 0 && ready[1].revents == 0);
	return ready[0].revents != 0;
}

static _Noreturn void serve(struct monitor *m, int link, pid_t pid)
{
	/* None before Linux 5.3: poll() takes it for nothing to wait for. */
	int end = (int)syscall(SYS_pidfd_open, pid, 0), status;

	while (await_order(link, end, pid) && monitor_link_answer(link, m))
		;
	close(link);
	status = wait_for_end(pid);
	if (WIFSIGNALED(status))
		log_err("the process that talks to the server died of signal %d", WTERMSIG(status));
	exit(WIFEXITED(status) ? WEXITSTATUS(status) : 1);
}

/* ---------------------------------------------------------------- without */

/* The end of the other one ends this one; the change of users has taken that back. */
static bool drop_rights(const struct monitor *m, pid_t parent)
{
	return setgroups(0, NULL) == 0 && setgid(m->group) == 0 && setuid(m->user) == 0 &&
	       setuid(0) != 0 && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
	       prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) == 0 &&
	       prctl(PR_SET_PDEATHSIG, SIGTERM, 0, 0, 0) == 0 && getppid() == parent;
}

/* ---------------------------------------------------------------- both */

/* Refusing would cut off devices whose image has no such user. */
static void take_nobody(struct monitor *m, const char *name)
{
	log_warn("no user %s ([fleet] user=): what comes from the network is read as user %u; "
		 "make one: adduser --system --group %s",
		 name, NOBODY, name);
	m->user = m->group = NOBODY;
}

/* false: it stays as it is, since nobody has rights to drop, or a person wrote user=root. */
static bool find_user(struct monitor *m)
{
	const char *name = m->conf->fleet_user;
	struct passwd entry, *user = NULL;
	char space[4096];

	if (geteuid() != 0 || strcmp(name, "root") == 0)
		return false;
	(void)!getpwnam_r(name, &entry, space, sizeof(space), &user);
	if (user == NULL) {
		take_nobody(m, name);
		return true;
	}
	m->user = user->pw_uid;
	m->group = user->pw_gid;
	return m->user != 0;
}

static bool bound_waits(int link, unsigned receive_s)
{
	const struct timeval take = { .tv_sec = receive_s }, give = { .tv_sec = MONITOR_LINK_S };

	return setsockopt(link, SOL_SOCKET, SO_RCVTIMEO, &take, sizeof(take)) == 0 &&
	       setsockopt(link, SOL_SOCKET, SO_SNDTIMEO, &give, sizeof(give)) == 0;
}

static bool make_link(const struct monitor *m, int ends[2])
{
	return socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0 &&
	       bound_waits(ends[0], m->conf->fleet_timeout_s + MONITOR_SILENCE_S) &&
	       bound_waits(ends[1], MONITOR_LINK_S);
}

bool split(struct monitor *m)
{
	pid_t parent = getpid(), pid;
	int ends[2];

	if (!find_user(m))
		return true;
	if (!make_link(m, ends) || (pid = fork()) < 0) {
		log_err("no second process can be started: %s", strerror(errno));
		return false;
	}
	if (pid > 0) {
		close(ends[0]);
		serve(m, ends[1], pid);
	}
	close(ends[1]);
	reload_ignore();
	m->link = ends[0];
	if (drop_rights(m, parent))
		return true;
	log_err("the rights of root cannot be given up: %s", strerror(errno));
	return false;
}
