/* SPDX-License-Identifier: Apache-2.0 */
/* The kernel seam on Linux: the consoles that the kernel has. */
#include "lib/os.h"

#include "lib/util.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <termios.h>
#include <unistd.h>

#define CONSOLES_MAX 16 /* as many as the kernel names */
#define NAME_MAX_LEN 31
#define LINE_MS	     1000 /* that one line may take, on all of them together */
#define PATIENCE_MS  250  /* without a character that moves */
#define STUCK_MS     50	  /* the same, once it has used that up */
#define STEP_MS	     2

static struct console {
	/* "ttyS0"; "": free */
	char name[NAME_MAX_LEN + 1];
	int fd;
	/* the kernel still has it */
	bool named;
	/* it did not take the last line */
	bool stuck;
	const char *rest;
	/* of the line, to be handed over */
	size_t left;
	/* the least that has not left the kernel */
	size_t waiting;
	/* when that became less */
	uint64_t moved;
} consoles[CONSOLES_MAX];

static const char *proc_at = "/proc", *root_at = "";

void os_console_at(const char *proc, const char *root)
{
	proc_at = proc;
	root_at = root;
}

/* A small file of the kernel's. */
static bool read_below(const char *folder, const char *name, char *buf, size_t size)
{
	char path[96];

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	return os_read_file(path, buf, size, NULL) == KB_OK;
}

bool os_is_kmsg(int fd)
{
	struct stat st;

	return fstat(fd, &st) == 0 && S_ISCHR(st.st_mode) && st.st_rdev == makedev(1, 11);
}

bool os_console_shows(int level)
{
	char text[64];

	if (read_below(root_at, "sys/module/printk/parameters/ignore_loglevel", text,
		       sizeof(text)) &&
	    text[0] == 'Y')
		return true;
	return read_below(proc_at, "sys/kernel/printk", text, sizeof(text)) && level < atoi(text);
}

/* ---------------------------------------------------------------- which there are */

static struct console *find_console(const char *name)
{
	for (unsigned i = 0; i < CONSOLES_MAX; i++)
		if (strcmp(consoles[i].name, name) == 0)
			return &consoles[i];
	return NULL;
}

static void take_name(const char *name)
{
	struct console *c = find_console(name);

	if (name[0] == '\0' || strlen(name) > NAME_MAX_LEN || strchr(name, '/') != NULL)
		return;
	if (c == NULL) {
		c = find_console("");
		if (c == NULL)
			return;
		*c = (struct console){ .fd = -1 };
		snprintf(c->name, sizeof(c->name), "%s", name);
	}
	c->named = true;
}

/* Each time anew: a driver that is a module brings its console with it. */
static void find_consoles(void)
{
	char text[256], *rest = text, *name;

	for (unsigned i = 0; i < CONSOLES_MAX; i++)
		consoles[i].named = false;
	/* Before /sys is mounted the kernel has at least the one that its command line means. */
	if (!read_below(root_at, "sys/class/tty/console/active", text, sizeof(text)))
		snprintf(text, sizeof(text), "console");
	while ((name = strsep(&rest, " \n")) != NULL)
		take_name(name);
	for (unsigned i = 0; i < CONSOLES_MAX; i++) {
		if (consoles[i].name[0] == '\0' || consoles[i].named)
			continue;
		util_close(&consoles[i].fd);
		consoles[i].name[0] = '\0';
	}
}

/* ---------------------------------------------------------------- writing */

static bool open_console(struct console *c)
{
	char path[96];

	if (c->fd >= 0)
		return true;
	snprintf(path, sizeof(path), "%s/dev/%s", root_at, c->name);
	/* Neither waits for a modem, nor becomes anybody's terminal. */
	c->fd = open(path, O_WRONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	if (c->fd >= 0 && !isatty(c->fd))
		util_close(&c->fd);
	return c->fd >= 0;
}

/* Hands over what it takes now. False: it is no console any more. */
static bool write_rest(struct console *c)
{
	while (c->left > 0) {
		ssize_t n = write(c->fd, c->rest, c->left);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno != EAGAIN)
			return false;
		if (n <= 0)
			return true;
		c->rest += n;
		c->left -= (size_t)n;
	}
	return true;
}

/* The end of a session hangs up its terminal: then it is opened anew. */
static void begin_line(struct console *c, const char *line, size_t len)
{
	c->left = 0;
	for (unsigned i = 0; i < 2 && open_console(c); i++) {
		c->rest = line;
		c->left = len;
		c->waiting = SIZE_MAX;
		if (write_rest(c))
			return;
		util_close(&c->fd);
		c->left = 0;
	}
}

/* What has not left the kernel yet. */
static size_t count_waiting(const struct console *c)
{
	int queued = 0;

	if (c->fd < 0 || ioctl(c->fd, TIOCOUTQ, &queued) != 0)
		return 0;
	return c->left + (size_t)queued;
}

/* True: it is done with, one way or the other. */
static bool write_more(struct console *c, uint64_t now, uint64_t end)
{
	size_t more;

	if (!write_rest(c)) {
		util_close(&c->fd);
		c->left = 0;
	}
	more = count_waiting(c);
	if (more < c->waiting) {
		c->waiting = more;
		c->moved = now;
	}
	if (more == 0) {
		c->stuck = false;
		return true;
	}
	if (now < end && now - c->moved < (c->stuck ? STUCK_MS : PATIENCE_MS))
		return false;
	/* What stays in it would hold up whoever closes it last for half a minute, an exec too. */
	c->stuck = true;
	c->left = 0;
	ioctl(c->fd, TCFLSH, TCOFLUSH);
	return true;
}

/*
 * Waits until the line has left the kernel: what the kernel itself says next stands behind it then,
 * and a restart takes nothing of it away.
 */
void os_console_write(const char *line, size_t len)
{
	uint64_t now = os_now_ms(), end = now + LINE_MS;
	bool done[CONSOLES_MAX] = { false }, all;
	int saved = errno;

	find_consoles();
	for (unsigned i = 0; i < CONSOLES_MAX; i++) {
		if (consoles[i].name[0] != '\0')
			begin_line(&consoles[i], line, len);
	}
	for (;; now = os_now_ms()) {
		all = true;
		for (unsigned i = 0; i < CONSOLES_MAX; i++) {
			struct console *c = &consoles[i];

			done[i] = done[i] || c->name[0] == '\0' || c->fd < 0 ||
				  write_more(c, now, end);
			all = all && done[i];
		}
		if (all)
			break;
		os_sleep_ms(STEP_MS);
	}
	errno = saved;
}
