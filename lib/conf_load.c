/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/conf.h"
#include "lib/log.h"
#include "lib/os.h"
#include "lib/util.h"

#include <stdio.h>
#include <string.h>

#define DROPIN_NAME_MAX 63

/* In the order in which they go before each other. */
static const char *const folders[] = { "/etc/keelboot", "/usr/lib/keelboot" };

struct dropin {
	char name[DROPIN_NAME_MAX + 1];
	/* of folders[] */
	unsigned folder;
};

/* One run over all files. */
struct load {
	struct conf *c;
	const char *root;
	bool found;
	/* how many files were; the last one */
	unsigned nread;
	char read[512];
	conf_warn_fn warn;
	void *ctx;
	unsigned ndropins;
	/* sorted by name */
	struct dropin dropin[CONF_DROPINS_MAX];
};

static void log_warning(void *ctx, const char *file, int line, const char *text)
{
	(void)ctx;
	if (line > 0)
		log_warn("%s:%d: %s", file, line, text);
	else
		log_warn("%s: %s", file, text);
}

/* ---------------------------------------------------------------- one file */

/* True if the file is there and could be read. */
static bool load_file(struct load *l, const char *folder, const char *name)
{
	static char text[CONF_FILE_MAX + 2];
	char path[512];
	size_t len = 0;
	enum kb_err err;

	snprintf(path, sizeof(path), "%s%s/%s", l->root, folder, name);
	/* Nothing else is opened: that would start a watchdog. */
	err = os_exists(path) && !os_is_file(path) ? KB_EINVAL
						   : os_read_file(path, text, sizeof(text), &len);
	if (err == KB_ENOENT)
		return false;
	l->found = true;
	if (err == KB_OK && len > CONF_FILE_MAX)
		err = KB_ENOSPC;
	if (err != KB_OK) {
		l->warn(l->ctx, path, 0,
			err == KB_EINVAL   ? "not a regular file; ignored"
			: err == KB_ENOSPC ? "larger than 64 KiB; ignored"
					   : "cannot be read; ignored");
		l->c->lost = true;
		return false;
	}
	l->c->lost = l->c->lost || memchr(text, '\0', len) != NULL;
	if (memchr(text, '\0', len) != NULL)
		l->warn(l->ctx, path, 0, "holds NUL bytes; the file may be damaged");
	for (size_t i = 0; i < len; i++)
		if (text[i] == '\0')
			text[i] = '\n';
	conf_parse_file(l->c, text, path, l->warn, l->ctx);
	memcpy(l->read, path, sizeof(path));
	l->nread++;
	return true;
}

/* ---------------------------------------------------------------- drop-ins */

static bool is_dropin(const char *name)
{
	size_t len = strlen(name);

	return len > 5 && name[0] != '.' && strcmp(name + len - 5, ".conf") == 0;
}

/* Keeps the list sorted, and, of two files with one name, the first that was added. */
static void add_dropin(struct load *l, unsigned folder, const char *name)
{
	size_t len = strlen(name);
	unsigned at = 0;

	if (len > DROPIN_NAME_MAX) {
		l->c->lost = true;
		l->warn(l->ctx, name, 0, "name of a drop-in is longer than 63 bytes; ignored");
		return;
	}
	while (at < l->ndropins && strcmp(l->dropin[at].name, name) < 0)
		at++;
	if (at < l->ndropins && strcmp(l->dropin[at].name, name) == 0)
		return;
	if (l->ndropins == CONF_DROPINS_MAX) {
		l->c->lost = true;
		l->warn(l->ctx, at == l->ndropins ? name : l->dropin[l->ndropins - 1].name, 0,
			"more than 32 drop-ins; this one is ignored");
		if (at == l->ndropins)
			return;
		l->ndropins--;
	}
	memmove(&l->dropin[at + 1], &l->dropin[at], (l->ndropins - at) * sizeof(l->dropin[0]));
	memcpy(l->dropin[at].name, name, len + 1);
	l->dropin[at].folder = folder;
	l->ndropins++;
}

/* One run over the names of a folder. */
struct listing {
	struct load *l;
	/* of folders[] */
	unsigned folder;
};

static enum kb_err take_if_dropin(void *ctx, const char *name)
{
	const struct listing *listing = ctx;

	if (is_dropin(name))
		add_dropin(listing->l, listing->folder, name);
	return KB_OK;
}

static void list_dropins(struct load *l, unsigned folder)
{
	struct listing listing = { l, folder };
	char path[512];
	enum kb_err err;

	snprintf(path, sizeof(path), "%s%s/system.conf.d", l->root, folders[folder]);
	err = os_each(path, take_if_dropin, &listing);
	l->c->lost = l->c->lost || (err != KB_OK && err != KB_ENOENT);
	if (err != KB_OK && err != KB_ENOENT)
		l->warn(l->ctx, path, 0, "cannot be read; its drop-ins are ignored");
}

static void load_dropins(struct load *l)
{
	for (unsigned i = 0; i < KB_ARRAY_LEN(folders); i++)
		list_dropins(l, i);
	for (unsigned i = 0; i < l->ndropins; i++) {
		char folder[64];

		snprintf(folder, sizeof(folder), "%s/system.conf.d", folders[l->dropin[i].folder]);
		load_file(l, folder, l->dropin[i].name);
	}
}

void conf_load(struct conf *c, const char *root, bool *found, conf_warn_fn warn, void *ctx)
{
	struct load l = { .c = c, .root = root, .ctx = ctx };

	l.warn = warn == NULL ? log_warning : warn;
	conf_defaults(c);
	/* One that cannot be read is as good as none. */
	if (!load_file(&l, folders[0], "system.conf"))
		load_file(&l, folders[1], "system.conf");
	load_dropins(&l);
	conf_parse_end(c, l.nread > 1 ? "system.conf and its drop-ins" : l.read, l.warn, ctx);
	*found = l.found;
}
