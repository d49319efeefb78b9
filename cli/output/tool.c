/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/output/tool.h"

#include "lib/log.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/stat.h>
#include <unistd.h>

#define SELF "/proc/self/exe"

struct self {
	/* without a symbolic link in it */
	char folder[PATH_MAX];
	uid_t owner, folder_owner;
};

struct places {
	char path[3][PATH_MAX];
	int n;
};

static void cut_last(char *path)
{
	char *end = strrchr(path, '/');

	if (end != NULL)
		*end = '\0';
}

/* A program with rights that its caller has not got is found by nothing that the caller rules. */
static bool know_self(struct self *self)
{
	ssize_t n = readlink(SELF, self->folder, sizeof(self->folder) - 1);
	struct stat st;

	if (n <= 0 || getauxval(AT_SECURE) != 0 || stat(SELF, &st) < 0)
		return false;
	self->owner = st.st_uid;
	self->folder[n] = '\0';
	cut_last(self->folder);
	if (stat(self->folder[0] != '\0' ? self->folder : "/", &st) < 0)
		return false;
	self->folder_owner = st.st_uid;
	return true;
}

/* Adds `relative` as seen from `folder`; "..", which begins it, is resolved: people read it. */
static void add_place(struct places *p, const char *folder, const char *relative)
{
	char from[PATH_MAX];

	snprintf(from, sizeof(from), "%s", folder);
	for (; strncmp(relative, "../", 3) == 0; relative += 3)
		cut_last(from);
	if (snprintf(p->path[p->n], PATH_MAX, "%s/%s", from, relative) >= PATH_MAX)
		return;
	for (int i = 0; i < p->n; i++)
		if (strcmp(p->path[i], p->path[p->n]) == 0)
			return;
	p->n++;
}

/* Whoever may put another program into this one's place may provide its tools, and nobody else. */
static bool is_trustworthy(const struct self *self, const char *path)
{
	struct stat st;

	if (stat(path, &st) < 0)
		return false;
	return (st.st_mode & S_IWOTH) == 0 &&
	       (st.st_uid == 0 || st.st_uid == self->owner || st.st_uid == self->folder_owner);
}

static bool is_usable(const struct self *self, const char *place, char path[PATH_MAX])
{
	char folder[PATH_MAX];

	if (realpath(place, path) == NULL)
		return false;
	snprintf(folder, sizeof(folder), "%s", path);
	cut_last(folder);
	if (is_trustworthy(self, path) && is_trustworthy(self, folder))
		return true;
	log_warn("%s is skipped: other users can write to it, or to its folder", path);
	return false;
}

static bool named_by_env(const struct tool *tool, char path[PATH_MAX])
{
	const char *name = tool->env != NULL ? secure_getenv(tool->env) : NULL;

	return name != NULL && name[0] != '\0' && snprintf(path, PATH_MAX, "%s", name) < PATH_MAX;
}

static void report_missing_tool(const struct tool *tool, const struct places *p)
{
	char text[PATH_MAX] = "";
	size_t len = 0;

	for (int i = 0; i < p->n && len < sizeof(text); i++)
		len += (size_t)snprintf(text + len, sizeof(text) - len, "%s%s",
					i > 0 ? ", nor " : "", p->path[i]);
	log_err("%s is missing: it is not %s; install it: make install, or the package %s",
		tool->installed, text, tool->package);
}

bool tool_find(const struct tool *tool, char path[PATH_MAX])
{
	struct self self = { .owner = 0 };
	struct places p = { .n = 0 };
	char relative[128];

	if (named_by_env(tool, path))
		return true;
	snprintf(relative, sizeof(relative), "../" TOOL_FOLDER "/%s", tool->installed);
	if (know_self(&self)) {
		add_place(&p, self.folder, tool->built);
		add_place(&p, self.folder, relative);
	}
	add_place(&p, "/usr/bin", relative);
	for (int i = 0; i < p.n; i++)
		if (is_usable(&self, p.path[i], path))
			return true;
	report_missing_tool(tool, &p);
	return false;
}
