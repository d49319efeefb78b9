/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/check/check_find.h"

#include "cli/check/check_greenboot.h"
#include "lib/log.h"
#include "lib/os.h"
#include "lib/util.h"

#include <stdio.h>
#include <string.h>

/* Of two checks with one name the first folder's counts. */
static const char *const own[] = { "/etc/keelboot/check.d", "/usr/lib/keelboot/check.d" };
/* In its order. */
static const char *const greenboot[] = { "/usr/lib/greenboot", "/etc/greenboot" };

static bool is_skipped(const char *name)
{
	return name[0] == '.' || name[strlen(name) - 1] == '~';
}

static bool ends_with_sh(const char *name)
{
	size_t len = strlen(name);

	return len > 3 && strcmp(name + len - 3, ".sh") == 0;
}

/* Among those from `first` on, which are sorted. False: there is one of that name, or no room. */
static bool insert(struct check_list *l, unsigned first, const char *name, struct check_found **out)
{
	unsigned at = first;

	while (at < l->n && strcmp(l->check[at].name, name) < 0)
		at++;
	if (l->n == CHECK_FIND_MAX || (at < l->n && strcmp(l->check[at].name, name) == 0))
		return false;
	memmove(&l->check[at + 1], &l->check[at], (l->n - at) * sizeof(l->check[0]));
	l->n++;
	*out = &l->check[at];
	**out = (struct check_found){ .required = true };
	snprintf((*out)->name, sizeof((*out)->name), "%s", name);
	return true;
}

/* KB_ENOENT: there is no such folder. */
static enum kb_err list_folder(const char *folder, char names[CHECK_FOLDER_MAX][64], unsigned *n)
{
	enum kb_err err = os_list(folder, names, CHECK_FOLDER_MAX, n);

	if (err != KB_OK && err != KB_ENOENT)
		log_err("%s: cannot be read: %s", folder, err_text(err));
	if (err == KB_OK && *n == CHECK_FOLDER_MAX) {
		log_err("%s: has %d entries or more; put the checks into fewer files", folder,
			CHECK_FOLDER_MAX);
		return KB_ENOSPC;
	}
	return err;
}

static enum kb_err find_own(struct check_list *l, const char *root, const char *below)
{
	static char names[CHECK_FOLDER_MAX][64];
	char folder[DEVICE_PATH_MAX - 64];
	struct check_found *c;
	unsigned n = 0;
	enum kb_err err;

	snprintf(folder, sizeof(folder), "%s%s", root, below);
	err = list_folder(folder, names, &n);
	if (err != KB_OK)
		return err == KB_ENOENT ? KB_OK : err;
	for (unsigned i = 0; i < n; i++)
		if (!is_skipped(names[i]) && insert(l, 0, names[i], &c))
			snprintf(c->path, sizeof(c->path), "%s/%s", folder, names[i]);
	return KB_OK;
}

/* below: "check/required.d"; its checks are known as "required.d/10-dns.sh". */
static enum kb_err find_greenboot(struct check_list *l, const char *root, const char *place,
				  const char *below)
{
	const char *kind = strrchr(below, '/') != NULL ? strrchr(below, '/') + 1 : below;
	static char names[CHECK_FOLDER_MAX][64];
	char folder[DEVICE_PATH_MAX - 64], name[80];
	unsigned first = l->n, n = 0;
	struct check_found *c;

	snprintf(folder, sizeof(folder), "%s%s/%s", root, place, below);
	TRY(list_folder(folder, names, &n));
	for (unsigned i = 0; i < n; i++) {
		snprintf(name, sizeof(name), "%s/%s", kind, names[i]);
		if (is_skipped(names[i]) || !insert(l, first, name, &c))
			continue;
		snprintf(c->path, sizeof(c->path), "%s/%s", folder, names[i]);
		c->required = strcmp(kind, "required.d") == 0;
		c->bash = ends_with_sh(names[i]);
	}
	return KB_OK;
}

/* One kind after the other. True in found: a folder of that kind is there. */
static enum kb_err find_kind(struct check_list *l, const char *root, const char *below, bool *found)
{
	for (unsigned i = 0; i < KB_ARRAY_LEN(greenboot); i++) {
		enum kb_err err = find_greenboot(l, root, greenboot[i], below);

		if (err != KB_OK && err != KB_ENOENT)
			return err;
		*found = *found || err == KB_OK;
	}
	return KB_OK;
}

static bool has_greenboot(const char *root)
{
	char path[DEVICE_PATH_MAX];

	for (unsigned i = 0; i < KB_ARRAY_LEN(greenboot); i++) {
		snprintf(path, sizeof(path), "%s%s/check", root, greenboot[i]);
		if (os_exists(path))
			return true;
	}
	return false;
}

enum kb_err check_find(struct check_list *l, const char *root)
{
	bool required = false, wanted = false;

	l->n = 0;
	for (unsigned i = 0; i < KB_ARRAY_LEN(own); i++)
		TRY(find_own(l, root, own[i]));
	TRY(find_kind(l, root, "check/required.d", &required));
	TRY(find_kind(l, root, "check/wanted.d", &wanted));
	l->lacks_required = !required && has_greenboot(root);
	check_greenboot_disable(l, root);
	return KB_OK;
}

enum kb_err check_find_in(struct check_list *l, const char *root, const char *folder)
{
	l->n = 0;
	l->lacks_required = false;
	return find_own(l, root, folder);
}

enum kb_err check_find_after(struct check_list *l, const char *root, const char *kind)
{
	bool found = false;

	l->n = 0;
	l->lacks_required = false;
	return find_kind(l, root, kind, &found);
}
