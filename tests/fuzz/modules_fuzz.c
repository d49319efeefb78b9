/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The list of modules and the kernel command line, from which their parameters come. This file is
 * the kernel's side of the os seam: it says which modules load, and looks at what it is asked.
 */
#include "initramfs/modules_load.h"
#include "initramfs/root.h"
#include "lib/os.h"
#include "tests/fuzz/fuzz.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct {
	char *list, *cmdline;
	unsigned asked, loaded, unlinked, after;
	uint8_t fails;			 /* every so many; 0: none */
	bool no_list, exported, refused; /* the last: the module that was asked for last */
	char params[MODULES_PARAMS_MAX];
	enum kb_err result;
	int errnum;
} s;

enum kb_err os_read_file(const char *path, char *buf, size_t size, size_t *len)
{
	FUZZ_CHECK(strcmp(path, MODULES_LIST) == 0);
	if (s.no_list)
		return KB_ENOENT;
	*len = strnlen(s.list, size - 1);
	memcpy(buf, s.list, *len);
	buf[*len] = '\0';
	return KB_OK;
}

static enum kb_err ask_kernel(const char *path, const char *params)
{
	const char *slash = strrchr(path, '/'), *name = slash != NULL ? slash + 1 : path;

	FUZZ_CHECK(path[0] != '#' && strpbrk(path, " \n") == NULL);
	FUZZ_CHECK(strlen(params) < MODULES_PARAMS_MAX);
	/* A newline of the command line's own may stand in quotes. */
	FUZZ_CHECK(strchr(params, '\n') == NULL || strchr(s.cmdline, '\n') != NULL);
	/* A watchdog that a reboot stops would not cover a shutdown; unless somebody wants that. */
	if (strncmp(name, "watchdog.ko", 11) == 0 && strlen(s.list) + strlen(s.cmdline) < 900)
		FUZZ_CHECK(strstr(params, "stop_on_reboot") != NULL);
	/* The second time with what the first one began with, and less. */
	if (s.refused)
		FUZZ_CHECK(strlen(params) < strlen(s.params) &&
			   strncmp(s.params, params, strlen(params)) == 0);
	memcpy(s.params, params, strlen(params) + 1);
	s.asked++;
	s.refused = s.fails != 0 && s.asked % s.fails == 0;
	if (s.refused) {
		errno = s.asked % 2 != 0 ? ENODEV : EINVAL;
		return KB_EIO;
	}
	s.loaded++;
	return KB_OK;
}

/* Each is through at once, some without a child. */
enum kb_err os_module_begin(const char *path, const char *params, int *fd)
{
	s.result = ask_kernel(path, params);
	s.errnum = errno;
	*fd = s.asked % 3 == 0 ? -1 : 9;
	return *fd < 0 ? s.result : KB_OK;
}

enum kb_err os_module_end(int *fd)
{
	FUZZ_CHECK(*fd == 9);
	*fd = -1;
	errno = s.errnum;
	return s.result;
}

enum kb_err os_poll(const int *fds, bool *ready, unsigned n, unsigned timeout_ms)
{
	(void)timeout_ms;
	for (unsigned i = 0; i < n; i++)
		ready[i] = fds[i] >= 0;
	return KB_OK;
}

uint64_t os_now_ms(void)
{
	return 0;
}

void os_sleep_ms(unsigned ms)
{
	(void)ms;
	FUZZ_CHECK(false);
}

unsigned os_processors(void)
{
	FUZZ_CHECK(false); /* without a table, it does not matter */
	return 0;
}

enum kb_err os_unlink(const char *path)
{
	FUZZ_CHECK(path[0] != '#' && strpbrk(path, " \n") == NULL);
	s.unlinked++;
	s.refused = false;
	return s.unlinked % 5 == 0 ? KB_ENOENT : KB_OK;
}

bool os_exists(const char *path)
{
	FUZZ_CHECK(strncmp(path, ROOT_DIR, strlen(ROOT_DIR)) == 0);
	return s.fails != 0 && strlen(path) % s.fails == 0;
}

/* For the running system: the name of each module that did not fail, on a line of its own. */
enum kb_err os_write_file(const char *path, const char *text, size_t len)
{
	unsigned lines = 0;

	FUZZ_CHECK(strcmp(path, MODULES_EXPORT) == 0);
	for (size_t i = 0; i < len; i++) {
		FUZZ_CHECK(text[i] != '/' && text[i] != ' ');
		lines += text[i] == '\n';
	}
	FUZZ_CHECK(lines == s.loaded && (len == 0 || text[len - 1] == '\n'));
	s.exported = true;
	return s.fails == 1 ? KB_ENOSPC : KB_OK;
}

/* The log opens a file only where it has a path, and here it has none. */
enum kb_err os_open(const char *path, int flags, int *fd)
{
	FUZZ_CHECK(path == NULL);
	(void)flags;
	(void)fd;
	return KB_ENOENT;
}

static bool after(void *ctx)
{
	FUZZ_CHECK(ctx == &s);
	s.after++;
	return false;
}

/* Each of the list is found by its name; the first one of several that share it. */
static unsigned want_all(struct modules *m)
{
	for (unsigned i = 0; i < m->n; i++) {
		size_t len;
		const char *name = modules_name(m->module[i].path, &len);
		const struct module *found = i < 8 ? modules_find(m, name, len) : &m->module[i];

		FUZZ_CHECK(found != NULL && found <= &m->module[i]);
		m->module[i].is |= MODULE_WANTED;
	}
	return modules_load_wanted(m);
}

/* Into a buffer of any size: what is there is ended, and each of its words is of the command line.
 */
static void check_params(const char *path, size_t size)
{
	char *out = malloc(size), *whole = malloc(strlen(s.cmdline) + 2);
	bool all;

	FUZZ_CHECK(out != NULL && whole != NULL);
	FUZZ_CHECK(modules_params(out, size, path, s.cmdline, "none") && out[0] == '\0');
	all = modules_params(out, size, path, s.cmdline, "all");
	FUZZ_CHECK(fuzz_ended(out, size));
	FUZZ_CHECK(modules_params(whole, strlen(s.cmdline) + 2, path, s.cmdline, "all"));
	FUZZ_CHECK(strlen(whole) <= strlen(s.cmdline));
	FUZZ_CHECK(!all || strcmp(out, whole) == 0);
	FUZZ_CHECK(all || strlen(whole) > strlen(out));
	free(out);
	free(whole);
}

/* A module that the command line has parameters for is given them, and no other one. */
static void check_given(const struct modules *m, const char *path)
{
	const struct module one = { .path = path, .params = "" },
			    listed = { .path = path, .params = "x=1" };
	char *whole = malloc(strlen(s.cmdline) + 2);

	FUZZ_CHECK(whole != NULL);
	FUZZ_CHECK(modules_params(whole, strlen(s.cmdline) + 2, path, s.cmdline, "all"));
	FUZZ_CHECK(modules_is_given(m, &one) == (whole[0] != '\0'));
	FUZZ_CHECK(modules_is_given(m, &listed));
	free(whole);
}

/* The word that asks for a parameter arrives as that parameter. */
static void check_round_trip(const char *value)
{
	char text[200], out[200];

	if (strlen(value) > 90 || value[0] == '\0' || strpbrk(value, " \t\n\v\f\r\xa0\"") != NULL)
		return;
	snprintf(text, sizeof(text), "quiet usb_storage.quirks=%s x.y=1", value);
	FUZZ_CHECK(modules_params(out, sizeof(out), "/lib/usb-storage.ko.xz", text,
				  "quiet,usb-storage.quirks"));
	snprintf(text, sizeof(text), "quirks=%s", value);
	FUZZ_CHECK(strcmp(out, text) == 0);
}

void fuzz_one(const uint8_t *data, size_t size)
{
	static const char *const heeded[] = { "all", "none", "usb_storage.quirks,a.b", "" };
	static struct modules m;
	struct fuzz_in in = { data, size };
	uint8_t how = fuzz_u8(&in), room = fuzz_u8(&in);
	const uint8_t *nul = in.left > 0 ? memchr(in.p, 0, in.left) : NULL;
	size_t first = nul != NULL ? (size_t)(nul - in.p) : in.left, got;

	memset(&s, 0, sizeof(s));
	s.fails = how % 8;
	s.no_list = how == 0xff;
	s.cmdline = fuzz_string(in.p, first);
	fuzz_take(&in, nul != NULL ? first + 1 : first, &got);
	s.list = fuzz_string(in.p, in.left);
	m.cmdline = s.cmdline;
	m.heeded = heeded[how >> 3 & 3];
	m.ctx = &s;
	m.after = how & 0x80 ? after : NULL;
	modules_read(&m, MODULES_LIST);
	FUZZ_CHECK(want_all(&m) == s.loaded);
	FUZZ_CHECK(modules_load_wanted(&m) == 0);
	FUZZ_CHECK(s.unlinked <= fuzz_lines(s.list));
	FUZZ_CHECK(s.unlinked <= s.asked && s.asked <= 2 * s.unlinked);
	FUZZ_CHECK(s.after == (how & 0x80 ? s.unlinked : 0));
	modules_export(&m);
	FUZZ_CHECK(s.exported);
	FUZZ_CHECK(!modules_in_root(s.cmdline) || s.fails != 0);
	check_params("/lib/modules/usb-storage.ko", 1u + room);
	check_params(s.list, 1u + room);
	check_given(&m, "/lib/modules/usb-storage.ko");
	check_given(&m, s.list);
	check_round_trip(s.cmdline);
	free(s.cmdline);
	free(s.list);
}
