/* SPDX-License-Identifier: Apache-2.0 */
#include "fleet/reload.h"

#include "lib/log.h"
#include "lib/util.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static char **words;
static bool (*can_begin)(void);
static int ends[2] = { -1, -1 };

static void note_signal(int sig)
{
	int saved = errno;

	(void)sig;
	/* Full: there are notes enough. */
	(void)!write(ends[1], "", 1);
	errno = saved;
}

/* how: SIG_BLOCK, SIG_UNBLOCK */
static void change_mask(int how)
{
	sigset_t hup;

	sigemptyset(&hup);
	sigaddset(&hup, SIGHUP);
	sigprocmask(how, &hup, NULL);
}

void reload_hold(void)
{
	change_mask(SIG_BLOCK);
}

bool reload_watch(char **argv, bool (*fits)(void))
{
	struct sigaction noted = { .sa_handler = note_signal, .sa_flags = SA_RESTART };

	words = argv;
	can_begin = fits;
	if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) != 0 || sigaction(SIGHUP, &noted, NULL) != 0)
		return false;
	change_mask(SIG_UNBLOCK);
	return true;
}

void reload_ignore(void)
{
	signal(SIGHUP, SIG_IGN);
	/* Else this process could take a note of the other one. */
	for (size_t i = 0; i < KB_ARRAY_LEN(ends); i++) {
		close(ends[i]);
		ends[i] = -1;
	}
}

int reload_fd(void)
{
	return ends[0];
}

/* In a process of its own: this one goes on with what it has read. */
static bool try_begin(void)
{
	pid_t pid = fork();
	int status = 1;

	if (pid == 0)
		_exit(can_begin() ? 0 : 1);
	while (pid > 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	return pid > 0 && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

bool reload_take(void)
{
	char notes[64];
	bool fits;

	while (read(ends[0], notes, sizeof(notes)) > 0)
		;
	fits = try_begin();
	if (!fits)
		log_err("nothing is read anew; it goes on as before");
	return fits;
}

_Noreturn void reload_begin(void)
{
	/* The mask goes over to the new program, the handler does not: until reload_watch(), SIGHUP
	 * would end it. */
	reload_hold();
	execv("/proc/self/exe", words);
	log_err("it cannot begin anew: %s", strerror(errno));
	exit(1);
}
