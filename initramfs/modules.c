/* SPDX-License-Identifier: Apache-2.0 */
#include "initramfs/modules.h"

#include "lib/log.h"
#include "lib/os.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define LIST_MAX (64u << 10)
#define BLANKS	 " \t\n"

static char same(char c)
{
	return c == '-' ? '_' : c;
}

/* Length of the module's name in its path: "/lib/x/usb-storage.ko.xz" has "usb-storage". */
static const char *module_name(const char *path, size_t *len)
{
	const char *slash = strrchr(path, '/'), *name = slash != NULL ? slash + 1 : path;
	const char *end = strstr(name, ".ko");

	*len = end != NULL ? (size_t)(end - name) : strlen(name);
	return name;
}

/* The end of a word of the kernel command line: a blank outside of quotes, or the end. */
static const char *word_end(const char *s)
{
	bool quoted = false;

	for (; *s != '\0' && (quoted || strchr(BLANKS, *s) == NULL); s++) {
		if (*s == '"')
			quoted = !quoted;
	}
	return s;
}

/* The parameter in a word "name.parameter=value"; NULL when it is for somebody else. */
static const char *parameter_of(const char *word, const char *end, const char *name, size_t len)
{
	if ((size_t)(end - word) < len + 2 || word[len] != '.')
		return NULL;
	for (size_t i = 0; i < len; i++) {
		if (same(word[i]) != same(name[i]))
			return NULL;
	}
	return word + len + 1;
}

static bool append(char *out, size_t size, const char *text, size_t len)
{
	size_t used = strlen(out);

	if (used + len + 2 > size)
		return false;
	if (used > 0)
		out[used++] = ' ';
	memcpy(out + used, text, len);
	out[used + len] = '\0';
	return true;
}

bool modules_params(char *out, size_t size, const char *path, const char *cmdline)
{
	size_t len;
	const char *name = module_name(path, &len), *end;
	bool whole = true;

	out[0] = '\0';
	for (const char *s = cmdline; *s != '\0'; s = end + strspn(end, BLANKS)) {
		const char *param, *last;

		end = last = word_end(s);
		/* What follows a bare "--" is init's. */
		if (end - s == 2 && memcmp(s, "--", 2) == 0)
			break;
		/* The quotes may also stand around the whole word. */
		if (*s == '"') {
			s++;
			last -= last > s && last[-1] == '"';
		}
		param = parameter_of(s, last, name, len);
		if (param != NULL)
			whole = append(out, size, param, (size_t)(last - param)) && whole;
	}
	return whole;
}

/* True for watchdog.ko when neither side has said anything about it. */
static bool wants_to_go_on(const char *path, const char *params)
{
	size_t len;
	const char *name = module_name(path, &len);

	return len == 8 && memcmp(name, "watchdog", 8) == 0 &&
	       strstr(params, "stop_on_reboot") == NULL;
}

static bool load(const char *path, const char *listed, const char *cmdline)
{
	char params[MODULES_PARAMS_MAX] = "", own[MODULES_PARAMS_MAX];
	bool whole = append(params, sizeof(params), listed, strlen(listed));

	whole = modules_params(own, sizeof(own), path, cmdline) && whole;
	if (own[0] != '\0')
		whole = append(params, sizeof(params), own, strlen(own)) && whole;
	if (wants_to_go_on(path, params))
		whole = append(params, sizeof(params), "stop_on_reboot=0", 16) && whole;
	if (!whole)
		log_warn("module %s: more than %d bytes of parameters; some are left out", path,
			 MODULES_PARAMS_MAX);
	if (os_finit_module(path, params) == KB_OK)
		return true;
	if (errno == ENODEV)
		log_info("module %s: its hardware is not here", path);
	else
		log_warn("module %s: unable to load: %m", path);
	return false;
}

/* Cuts a line off *text; NULL at the end. */
static char *next_line(char **text)
{
	char *line = *text, *end = line + strcspn(line, "\n");

	if (*line == '\0')
		return NULL;
	*text = *end == '\n' ? end + 1 : end;
	*end = '\0';
	return line;
}

unsigned modules_load(const char *list, const char *cmdline, void (*after)(void *ctx), void *ctx)
{
	static char text[LIST_MAX];
	unsigned loaded = 0;
	char *at = text, *line;
	size_t len;

	if (os_read_file(list, text, sizeof(text), &len) != KB_OK) {
		log_info("modules: no list %s; everything is expected to be built in", list);
		return 0;
	}
	if (len == sizeof(text) - 1)
		log_warn("modules: %s is longer than %u bytes; the rest is not loaded", list,
			 LIST_MAX);
	while ((line = next_line(&at)) != NULL) {
		char *blank = strchr(line, ' ');

		if (line[0] == '#' || line[0] == '\0')
			continue;
		if (blank != NULL)
			*blank = '\0';
		if (load(line, blank != NULL ? blank + 1 : "", cmdline))
			loaded++;
		/* Its file is of no use any more, and an install wants the memory. */
		if (os_unlink(line) != KB_OK)
			log_debug("module %s: its file stays", line);
		if (after != NULL)
			after(ctx);
	}
	return loaded;
}
