/* SPDX-License-Identifier: Apache-2.0 */
#include "libkeelboot/keelboot_program.h"
#include "libkeelboot/keelboot_child.h"
#include "libkeelboot/keelboot_work.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define OUTPUT_MAX   (1u << 20) /* of JSON; a status has some KiB */
#define TICK_MS	     1000
#define LAST_MS	     5000 /* from SIGTERM to SIGKILL */
#define SCHEMA	     1
#define WORDS_MAX    80
#define NO_STATUS    (-1)
#define NEVER	     INT64_MAX
#define NUMBER_OF(a) (sizeof(a) / sizeof((a)[0]))

struct run {
	struct keelboot *kb;
	const struct keelboot_program *p;
	struct keelboot_child child;
	json_tokener *tokener;
	/* of JSON, since the last document */
	size_t read;
	/* of waitpid(), or NO_STATUS */
	int status;
	/* why it shall end: an error number, or 0 */
	int stop;
	int64_t deadline_ms, kill_ms, tick_ms;
	/* when it was last seen to do anything, and what it had done by then (keelboot_work.h) */
	int64_t seen_ms;
	uint64_t work;
	/* that was too long */
	bool idle;
};

static int64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static void stop_command(struct run *r, int err)
{
	if (r->stop != 0)
		return;
	r->stop = err;
	r->kill_ms = now_ms() + LAST_MS;
	kill(-r->child.pid, SIGTERM);
}

static void take_document(struct run *r, json_object *document)
{
	json_object *schema;

	if (!json_object_object_get_ex(document, "schema", &schema) ||
	    json_object_get_int(schema) != SCHEMA)
		stop_command(r, -EPROTO);
	else if (r->p->take(r->p->data, document) != 0)
		stop_command(r, -ECANCELED);
}

/* Documents one after the other, in pieces of any size. */
static void take_output(struct run *r, const char *text, size_t len)
{
	size_t at = 0;

	if (r->p->take == NULL)
		return;
	while (at < len && r->stop == 0) {
		/* bound: OUTPUT_MAX bytes of text; json-c nests no deeper than 32 */
		json_object *document =
			json_tokener_parse_ex(r->tokener, text + at, (int)(len - at));
		enum json_tokener_error err = json_tokener_get_error(r->tokener);
		size_t used = json_tokener_get_parse_end(r->tokener);

		r->read += used;
		if (err != json_tokener_continue && err != json_tokener_success)
			stop_command(r, -EPROTO);
		else if (r->read > OUTPUT_MAX)
			stop_command(r, -EPROTO);
		if (document != NULL) {
			r->read = 0;
			if (r->stop == 0)
				take_document(r, document);
			json_object_put(document);
		}
		at += used;
		if (err == json_tokener_continue)
			break;
	}
}

/* The first of them say what happened. */
static void take_message(struct run *r, const char *text, size_t len)
{
	size_t have = strlen(r->kb->error), room = sizeof(r->kb->error) - 1 - have;

	memcpy(r->kb->error + have, text, len < room ? len : room);
	r->kb->error[have + (len < room ? len : room)] = '\0';
}

static void take_bytes(struct run *r, enum keelboot_child_end end, const char *bytes, size_t len)
{
	switch (end) {
	case KEELBOOT_CHILD_OUTPUT:
		take_output(r, bytes, len);
		break;
	case KEELBOOT_CHILD_MESSAGES:
		take_message(r, bytes, len);
		break;
	case KEELBOOT_CHILD_STATUS:
		if (len == sizeof(r->status))
			memcpy(&r->status, bytes, len);
		break;
	case KEELBOOT_CHILD_ENDS:
		break;
	}
}

/* All that is there. */
static void read_end(struct run *r, enum keelboot_child_end end)
{
	char bytes[4096];
	ssize_t len;

	do {
		len = read(r->child.end[end], bytes, sizeof(bytes));
		if (len > 0)
			take_bytes(r, end, bytes, (size_t)len);
	} while (len > 0 || (len < 0 && errno == EINTR));
	if (len < 0 && errno == EAGAIN)
		return;
	close(r->child.end[end]);
	r->child.end[end] = -1;
}

/* What cannot be seen does not count as idle. */
static bool is_idle(struct run *r, int64_t now)
{
	uint64_t work;

	if (r->p->idle_s == 0 || r->stop != 0)
		return false;
	if (!keelboot_work_done(r->child.pid, &work) || work != r->work) {
		r->seen_ms = now;
		r->work = work;
	}
	return now - r->seen_ms >= (int64_t)r->p->idle_s * 1000;
}

static void look_at_clock(struct run *r)
{
	int64_t now = now_ms();

	if (now >= r->deadline_ms)
		stop_command(r, -ETIMEDOUT);
	if (now >= r->kill_ms)
		kill(-r->child.pid, SIGKILL);
	if (now < r->tick_ms)
		return;
	r->tick_ms = now + TICK_MS;
	if (is_idle(r, now)) {
		r->idle = true;
		stop_command(r, -ETIMEDOUT);
	}
	if (r->p->take != NULL && r->stop == 0 && r->p->take(r->p->data, NULL) != 0)
		stop_command(r, -ECANCELED);
}

/* Until the command has ended. What it started may have its output open for longer. */
static void follow(struct run *r)
{
	struct pollfd at[KEELBOOT_CHILD_ENDS];

	while (r->child.end[KEELBOOT_CHILD_STATUS] >= 0) {
		for (int i = 0; i < KEELBOOT_CHILD_ENDS; i++)
			at[i] = (struct pollfd){ .fd = r->child.end[i], .events = POLLIN };
		if (poll(at, KEELBOOT_CHILD_ENDS, TICK_MS / 4) > 0)
			for (int i = 0; i < KEELBOOT_CHILD_ENDS; i++)
				if (at[i].revents != 0)
					read_end(r, (enum keelboot_child_end)i);
		look_at_clock(r);
	}
	for (int i = 0; i < KEELBOOT_CHILD_STATUS; i++)
		if (r->child.end[i] >= 0)
			read_end(r, (enum keelboot_child_end)i);
}

/* keelboot(1), EXIT STATUS. */
static int error_of(int exit_code)
{
	static const int errors[] = { 0, -EIO, 1, -EINVAL, -EIO, -EBADMSG, -EOPNOTSUPP, -EBUSY };

	if (exit_code == KEELBOOT_CHILD_NOT_STARTED)
		return -ENOEXEC;
	return (size_t)exit_code < NUMBER_OF(errors) ? errors[exit_code] : -EPROTO;
}

static const char *why_stopped(const struct run *r)
{
	return r->idle		       ? "it stood still, as behind a disk that hangs"
	       : r->stop == -ETIMEDOUT ? "it took too long"
				       : "on request";
}

static int judge(struct run *r, const char *program, int *exit_code)
{
	struct keelboot *kb = r->kb;
	size_t len = strlen(kb->error);
	bool ended = r->status != NO_STATUS && WIFEXITED(r->status);
	int code = ended ? WEXITSTATUS(r->status) : -1;

	while (len > 0 && kb->error[len - 1] == '\n')
		kb->error[--len] = '\0';
	if (exit_code != NULL)
		*exit_code = code;
	if (r->stop == -EPROTO)
		return keelboot_fail(kb, -EPROTO, "%s prints what this library does not understand",
				     program);
	/* It was done before the signal came. */
	if (r->stop != 0 && code != 0)
		return keelboot_fail(kb, r->stop, "%s was ended: %s", program, why_stopped(r));
	if (r->status != NO_STATUS && WIFSIGNALED(r->status))
		return keelboot_fail(kb, -ECHILD, "%s was killed by signal %d", program,
				     WTERMSIG(r->status));
	if (!ended)
		return keelboot_fail(kb, -ECHILD, "%s: nothing says how it ended", program);
	if (code == KEELBOOT_CHILD_NOT_STARTED)
		keelboot_fail(kb, 0, "%s: cannot be started", program);
	else if (code == 0)
		kb->error[0] = '\0'; /* warnings */
	else if (kb->error[0] == '\0')
		keelboot_fail(kb, 0, "%s ended with exit code %d", program, code);
	return error_of(code);
}

static const char *find_program(const struct keelboot *kb)
{
	static const char *const usual[] = { "/usr/bin/keelboot", "/usr/local/bin/keelboot" };

	if (kb->program != NULL)
		return kb->program;
	for (size_t i = 0; i < NUMBER_OF(usual); i++)
		if (access(usual[i], X_OK) == 0)
			return usual[i];
	return usual[0];
}

/* false: too many. */
static bool make_argv(const struct keelboot *kb, const struct keelboot_program *p, char **argv)
{
	size_t n = 1;

	for (size_t i = 0; !p->bare && kb->options != NULL && kb->options[i] != NULL; i++) {
		if (n == WORDS_MAX)
			return false;
		argv[n++] = kb->options[i];
	}
	for (size_t i = 0; p->words[i] != NULL; i++) {
		if (n == WORDS_MAX)
			return false;
		argv[n++] = (char *)p->words[i];
	}
	argv[n] = NULL;
	return true;
}

int keelboot_program_run(struct keelboot *kb, const struct keelboot_program *p, int *exit_code)
{
	struct run r = { .kb = kb, .p = p, .status = NO_STATUS, .kill_ms = NEVER };
	char *argv[WORDS_MAX + 1];
	int err;

	kb->error[0] = '\0';
	argv[0] = (char *)find_program(kb);
	if (access(argv[0], X_OK) != 0)
		return keelboot_fail(kb, -errno, "%s: %s", argv[0],
				     errno == ENOENT ? "not installed" : "cannot be started");
	if (!make_argv(kb, p, argv))
		return keelboot_fail(kb, -E2BIG, "too many options");
	r.tokener = json_tokener_new();
	if (r.tokener == NULL)
		return keelboot_fail(kb, -ENOMEM, "no memory");
	err = keelboot_child_start(&r.child, argv);
	if (err != 0) {
		json_tokener_free(r.tokener);
		return keelboot_fail(kb, err, "%s: no process can be started", argv[0]);
	}
	r.seen_ms = now_ms();
	r.tick_ms = r.seen_ms + TICK_MS;
	r.deadline_ms = p->timeout_s > 0 ? now_ms() + (int64_t)p->timeout_s * 1000 : NEVER;
	follow(&r);
	keelboot_child_forget(&r.child);
	json_tokener_free(r.tokener);
	return judge(&r, argv[0], exit_code);
}
