/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/key/key_token.h"

#include "cli/output/tool.h"
#include "lib/log.h"
#include "lib/util.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

bool key_token_is_uri(const char *key)
{
	return strncmp(key, "pkcs11:", 7) == 0;
}

/* A PIN that was put before the '?' is refused, but it is one nevertheless. */
const char *key_token_shown(const char *key)
{
	static char shown[256];
	const char *pin = strstr(key, "pin-value");
	size_t len = strcspn(key, "?");

	if (!key_token_is_uri(key))
		return key;
	if (pin != NULL && (size_t)(pin - key) < len)
		len = (size_t)(pin - key);
	snprintf(shown, sizeof(shown), "%.*s", (int)(len < sizeof(shown) ? len : sizeof(shown) - 1),
		 key);
	return shown;
}

static enum kb_err start_tool(const char *verb, const char *uri, int in, int out, pid_t *pid)
{
	static const struct tool tool = { "KEELBOOT_PKCS11", "../cli/keelboot-pkcs11",
					  "keelboot-pkcs11", "keelboot-tools" };
	static char path[PATH_MAX];
	char *argv[] = { path, (char *)verb, (char *)uri, NULL };
	posix_spawn_file_actions_t actions;
	int err;

	if (!tool_find(&tool, path))
		return KB_EEXEC;
	if (posix_spawn_file_actions_init(&actions) != 0)
		return KB_EEXEC;
	err = posix_spawn_file_actions_adddup2(&actions, in, 0);
	if (err == 0)
		err = posix_spawn_file_actions_adddup2(&actions, out, 1);
	if (err == 0)
		err = posix_spawn(pid, argv[0], &actions, NULL, argv, environ);
	posix_spawn_file_actions_destroy(&actions);
	if (err == 0)
		return KB_OK;
	log_err("%s: %s; it is installed with Keelboot and needs python3; KEELBOOT_PKCS11= names another",
		argv[0], strerror(err));
	return KB_EEXEC;
}

static enum kb_err read_answer(int fd, uint8_t *out, size_t size, size_t *len)
{
	ssize_t n;

	for (*len = 0; *len < size; *len += (size_t)n) {
		n = read(fd, out + *len, size - *len);
		if (n < 0 && errno == EINTR) {
			n = 0;
			continue;
		}
		if (n < 0)
			return KB_EIO;
		if (n == 0)
			return KB_OK;
	}
	return KB_EFORMAT; /* more than there may be */
}

static enum kb_err ended_well(pid_t pid)
{
	int status;

	while (waitpid(pid, &status, 0) < 0) {
		if (errno != EINTR)
			return KB_ECHILD;
	}
	return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? KB_OK : KB_ECHILD;
}

/* What goes in fits into the pipe, so that nobody waits for another process. */
static enum kb_err ask_tool(const char *verb, const char *uri, const void *data, size_t data_len,
			    uint8_t *out, size_t size, size_t *len)
{
	KB_CLEANUP_FD int in_end = -1;
	KB_CLEANUP_FD int out_end = -1;
	int in[2], pipe_out[2];
	enum kb_err err, ended;
	pid_t pid;

	if (pipe2(in, O_CLOEXEC) < 0)
		return KB_EIO;
	in_end = in[0];
	if (write(in[1], data, data_len) != (ssize_t)data_len || pipe2(pipe_out, O_CLOEXEC) < 0) {
		close(in[1]);
		return KB_EIO;
	}
	close(in[1]);
	out_end = pipe_out[0];
	err = start_tool(verb, uri, in_end, pipe_out[1], &pid);
	close(pipe_out[1]);
	TRY(err);
	err = read_answer(out_end, out, size, len);
	util_close(&out_end);
	ended = ended_well(pid);
	return ended != KB_OK ? ended : err; /* it has reported */
}

enum kb_err key_token_public(const char *uri, uint8_t spki[KEYRING_SPKI_MAX], size_t *len)
{
	uint8_t buf[KEYRING_SPKI_MAX + 1];

	TRY(ask_tool("public", uri, "", 0, buf, sizeof(buf), len));
	memcpy(spki, buf, *len);
	return KB_OK;
}

enum kb_err key_token_sign(const char *uri, const void *data, size_t len, uint8_t sig[64])
{
	uint8_t buf[65];
	size_t n;

	TRY(ask_tool("sign", uri, data, len, buf, sizeof(buf), &n));
	memcpy(sig, buf, 64);
	return n == 64 ? KB_OK : KB_ECHILD;
}
