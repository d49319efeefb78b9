/* SPDX-License-Identifier: Apache-2.0 */
#include "initramfs/data/kept_list.h"

#include "lib/bytes.h"
#include "lib/conf_paths.h"
#include "lib/os_file.h"
#include "lib/os_tree.h"
#include "lib/util.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define HEAD	 "keelboot-data 1\n"
#define END	 "end\n"
#define LIST_NEW KEPT_LIST_NAME ".new"
#define TEXT_MAX (KEPT_PATHS_MAX * (CONF_PATH_MAX + 16) + KEPT_LVM_NAME + 128)

enum kb_err kept_list_paths(struct kept_list *l, const char *paths)
{
	char one[CONF_PATHS_LEN + 1];

	l->n = 0;
	while (conf_paths_next(&paths, one, sizeof(one))) {
		if (l->n == KEPT_PATHS_MAX || strlen(one) > CONF_PATH_MAX)
			return KB_EINVAL;
		memcpy(l->path[l->n++], one, strlen(one) + 1);
	}
	return KB_OK;
}

static enum kb_err write_list(int dir, const char *name, const struct kept_list *l)
{
	char text[TEXT_MAX], release[2 * STATE_LEDGER_ID_LEN + 1];
	KB_CLEANUP_FD int fd = -1;
	size_t len;

	bytes_hex(release, l->owner.release, STATE_LEDGER_ID_LEN);
	len = (size_t)snprintf(text, sizeof(text), HEAD "slot %c\nrelease %s\n", l->owner.slot,
			       release);
	if (l->inside)
		len += (size_t)snprintf(text + len, sizeof(text) - len, "inside %s\n", l->lvm);
	for (unsigned i = 0; i < l->n; i++)
		len += (size_t)snprintf(text + len, sizeof(text) - len, "%s %s\n",
					l->absent[i] ? "none" : "path", l->path[i]);
	len += (size_t)snprintf(text + len, sizeof(text) - len, END);
	TRY(os_file_create(dir, name, &fd));
	return os_file_write(fd, text, len);
}

enum kb_err kept_list_write(int dir, const struct kept_list *l)
{
	return write_list(dir, KEPT_LIST_NAME, l);
}

enum kb_err kept_list_replace(int dir, const struct kept_list *l)
{
	enum kb_err err = os_file_unlink(dir, LIST_NEW);

	if (err == KB_OK || err == KB_ENOENT)
		err = write_list(dir, LIST_NEW, l);
	if (err == KB_OK)
		err = os_tree_sync(dir);
	if (err == KB_OK)
		err = os_file_rename(dir, LIST_NEW, KEPT_LIST_NAME);
	return err == KB_OK ? os_tree_sync(dir) : err;
}

static bool take_lvm(struct kept_list *l, const char *line)
{
	if (strlen(line + 7) >= sizeof(l->lvm) || !kept_lvm_is_name(line + 7))
		return false;
	l->inside = true;
	memcpy(l->lvm, line + 7, strlen(line + 7) + 1);
	return true;
}

/* Nobody but us writes the file, and what it says is checked even so: a path leads nowhere else. */
static bool take_line(struct kept_list *l, const char *line)
{
	if (strncmp(line, "slot ", 5) == 0) {
		l->owner.slot = line[5];
		return line[5] >= 'a' && line[5] < 'a' + STATE_SLOTS_MAX && line[6] == '\0';
	}
	if (strncmp(line, "release ", 8) == 0)
		return bytes_unhex(l->owner.release, STATE_LEDGER_ID_LEN, line + 8) == KB_OK;
	if (strncmp(line, "inside ", 7) == 0)
		return take_lvm(l, line);
	l->absent[l->n % KEPT_PATHS_MAX] = strncmp(line, "none ", 5) == 0;
	if ((strncmp(line, "path ", 5) != 0 && strncmp(line, "none ", 5) != 0) ||
	    l->n == KEPT_PATHS_MAX || !conf_paths_is_path(line + 5) ||
	    strlen(line + 5) > CONF_PATH_MAX)
		return false;
	memcpy(l->path[l->n++], line + 5, strlen(line + 5) + 1);
	return true;
}

static enum kb_err parse_list(struct kept_list *l, char *text)
{
	char *rest = text + strlen(HEAD), *line;

	if (strncmp(text, HEAD, strlen(HEAD)) != 0)
		return KB_ENOENT;
	while ((line = strsep(&rest, "\n")) != NULL) {
		if (strcmp(line, "end") == 0 && l->owner.slot != '\0' && l->n > 0)
			return KB_OK;
		if (!take_line(l, line))
			return KB_ENOENT;
	}
	return KB_ENOENT;
}

enum kb_err kept_list_read(int dir, struct kept_list *l)
{
	char text[TEXT_MAX + 1];
	KB_CLEANUP_FD int fd = -1;
	enum kb_err err;
	size_t got;

	memset(l, 0, sizeof(*l));
	err = os_file_open(dir, KEPT_LIST_NAME, &fd);
	if (err != KB_OK)
		return err == KB_EINVAL ? KB_ENOENT : err;
	TRY(os_file_read(fd, 0, text, TEXT_MAX, &got));
	text[got] = '\0';
	return strlen(text) == got ? parse_list(l, text) : KB_ENOENT;
}

static enum kb_err step_into(int *at, const char *name, bool make)
{
	int next;
	enum kb_err err;

	if (make) {
		err = os_file_mkdir(*at, name, 0755);
		if (err != KB_OK)
			return err;
	}
	TRY(os_tree_open(*at, name, &next));
	util_close(at);
	*at = next;
	return KB_OK;
}

enum kb_err kept_list_walk(int top, const char *path, bool make, int *dir, const char **name)
{
	KB_CLEANUP_FD int at = -1;
	const char *slash;

	TRY(os_file_reopen(top, &at));
	while ((slash = strchr(path, '/')) != NULL) {
		char part[OS_FILE_NAME_MAX + 1];

		snprintf(part, sizeof(part), "%.*s", (int)(slash - path), path);
		TRY(step_into(&at, part, make));
		path = slash + 1;
	}
	*name = path;
	*dir = util_take(&at);
	return KB_OK;
}
