/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/capture.h"

#include "lib/os.h"

#include <string.h>
#include <sys/wait.h>

/* Until it closes its outputs, or the time is over. */
static void read_all(int fd, uint64_t end, char *text, size_t size)
{
	size_t len = 0, n = 0;
	char rest[512] = "";
	bool ready;

	for (uint64_t now = os_now_ms(); now < end; now = os_now_ms()) {
		bool full = len == size - 1;
		enum kb_err err;

		if (os_poll(&fd, &ready, 1, (unsigned)(end - now)) != KB_OK)
			continue;
		err = os_read(fd, full ? rest : text + len, full ? sizeof(rest) : size - 1 - len,
			      &n);
		if (err == KB_EBUSY)
			continue;
		if (err != KB_OK || n == 0)
			break;
		len += full ? 0 : n;
	}
	text[len] = '\0';
}

enum kb_err capture_run(const char *const *argv, unsigned ms, char *text, size_t size)
{
	int status;

	return capture_run_with(argv, NULL, ms, text, size, &status);
}

enum kb_err capture_run_with(const char *const *argv, const char *const *envp, unsigned ms,
			     char *text, size_t size, int *status)
{
	uint64_t end = os_now_ms() + ms, now;
	struct os_spawn sp = { .path = argv[0], .argv = argv, .envp = envp, .capture = true };
	enum kb_err err;
	int fds[2];
	pid_t pid;

	*status = CAPTURE_NO_END;
	text[0] = '\0';
	TRY(os_pipe(fds));
	sp.fd3 = fds[1];
	err = os_spawn(&sp, &pid);
	os_close(&fds[1]);
	if (err == KB_OK) {
		read_all(fds[0], end, text, size);
		now = os_now_ms();
		err = os_wait(pid, now < end ? (unsigned)(end - now) : 0, status);
		if (err != KB_OK) {
			*status = CAPTURE_NO_END;
			if (os_kill(pid) != KB_OK)
				err = KB_ETIMEDOUT;
		}
	}
	os_close(&fds[0]);
	if (err == KB_OK && (!WIFEXITED(*status) || WEXITSTATUS(*status) != 0))
		err = KB_EIO;
	return err;
}
