/* SPDX-License-Identifier: Apache-2.0 */
#include "fleet/split.h"

#include "fleet/monitor_link.h"

#include "lib/log.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

/* ---------------------------------------------------------------- with rights */

static _Noreturn void serve(struct monitor *m, int link, pid_t pid)
{
	int status = 0;

	while (monitor_link_answer(link, m))
		;
	close(link);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
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

/* false: it stays as it is. */
static bool find_user(struct monitor *m)
{
	const char *name = m->conf->fleet_user;
	struct passwd entry, *user = NULL;
	char space[4096];

	if (geteuid() != 0)
		return false;
	(void)!getpwnam_r(name, &entry, space, sizeof(space), &user);
	if (user == NULL)
		log_warn("no user %s ([fleet] user=): what comes from the network is read as root",
			 name);
	if (user == NULL || user->pw_uid == 0)
		return false;
	m->user = user->pw_uid;
	m->group = user->pw_gid;
	return true;
}

bool split(struct monitor *m)
{
	pid_t parent = getpid(), pid;
	int ends[2];

	if (!find_user(m))
		return true;
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0 || (pid = fork()) < 0) {
		log_err("no second process can be started: %s", strerror(errno));
		return false;
	}
	if (pid > 0) {
		close(ends[0]);
		serve(m, ends[1], pid);
	}
	close(ends[1]);
	m->link = ends[0];
	if (drop_rights(m, parent))
		return true;
	log_err("the rights of root cannot be given up: %s", strerror(errno));
	return false;
}
