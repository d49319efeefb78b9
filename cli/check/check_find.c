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

#define NOTHING "/dev/null"

static bool is_skipped(const char *name)
{
	return name[0] == '.' || name[strlen(name) - 1] == '~';
}

static bool ends_with_sh(const char *name)
{
	size_t len = strlen(name);

	return len > 3 && strcmp(name + len - 3, ".sh") == 0;
}

/* One folder, while it is read. */
struct folder {
	struct check_list *list;
	/* where its checks begin: those before it are another folder's */
	unsigned first;
	/* with the root before it, and without */
	char path[DEVICE_PATH_MAX];
	const char *below;
	/* of greenboot: "required.d"; NULL: ours */
	const char *kind;
	/* a link to NOTHING is a check that is off */
	bool may_be_off;
};

/* Among those from first on, which are sorted; *out is NULL if there is one of that name. */
static enum kb_err insert(struct check_list *l, unsigned first, const char *name,
			  struct check_found **out)
{
	unsigned at = first;

	*out = NULL;
	while (at < l->n && strcmp(l->check[at].name, name) < 0)
		at++;
	if (at < l->n && strcmp(l->check[at].name, name) == 0)
		return KB_OK;
	if (l->n == CHECK_FIND_MAX)
		return KB_ENOSPC;
	memmove(&l->check[at + 1], &l->check[at], (l->n - at) * sizeof(l->check[0]));
	l->n++;
	*out = &l->check[at];
	**out = (struct check_found){ .required = true };
	snprintf((*out)->name, sizeof((*out)->name), "%s", name);
	return KB_OK;
}

/* As greenboot has it: bash runs scripts by their names, the rest runs if it can. A README is no
 * check, nor is a folder, nor a link that leads nowhere. */
static bool is_of_greenboot(const char *path, const char *file)
{
	if (ends_with_sh(file) ? os_is_file(path) : os_executable(path))
		return true;
	if (!os_exists(path))
		log_warn("%s: leads nowhere: skipped, as greenboot skips it", path);
	else
		log_info("%s: neither *.sh nor an executable file: no check of greenboot", path);
	return false;
}

static bool is_link_to_nothing(const char *path)
{
	char to[sizeof(NOTHING) + 1];

	return os_readlink(path, to, sizeof(to)) == KB_OK && strcmp(to, NOTHING) == 0;
}

static enum kb_err take_name(void *ctx, const char *file)
{
	const struct folder *f = ctx;
	char name[CHECK_NAME_MAX + 1], path[CHECK_PATH_MAX];
	struct check_found *c;

	snprintf(path, sizeof(path), "%s/%s", f->path, file);
	if (is_skipped(file) || (f->kind != NULL && !is_of_greenboot(path, file)))
		return KB_OK;
	snprintf(name, sizeof(name), "%s%s%s", f->kind != NULL ? f->kind : "",
		 f->kind != NULL ? "/" : "", file);
	TRY(insert(f->list, f->first, name, &c));
	if (c == NULL)
		return KB_OK;
	memcpy(c->path, path, sizeof(c->path));
	c->required = f->kind == NULL || strcmp(f->kind, "required.d") == 0;
	c->bash = f->kind != NULL && ends_with_sh(file);
	if (f->may_be_off && is_link_to_nothing(path))
		c->off = "off: a link to " NOTHING;
	return KB_OK;
}

/* A file is no folder, and a link may lead to what is not mounted: nobody can say what is in them.
 */
static bool is_absent(const char *path)
{
	char to[8];

	return !os_exists(path) && os_readlink(path, to, sizeof(to)) == KB_ENOENT;
}

/* KB_ENOENT: there is no such folder. */
static enum kb_err read_folder(struct folder *f)
{
	struct check_list *l = f->list;
	enum kb_err err = os_each(f->path, take_name, f);

	if (err == KB_OK || (err == KB_ENOENT && is_absent(f->path)))
		return err;
	if (err == KB_ENOSPC) {
		snprintf(l->why, sizeof(l->why), "more than %d programs, up to those in %s",
			 CHECK_FIND_MAX, f->below);
		log_err("%s; put them into fewer files", l->why);
		return err;
	}
	snprintf(l->why, sizeof(l->why), "%s cannot be read", f->below);
	if (err == KB_ENOENT)
		log_err("%s: cannot be read: it is no folder, or a link to nothing", f->path);
	else
		log_err("%s: cannot be read: %s", f->path, err_text(err));
	return err == KB_ENOENT ? KB_EINVAL : err;
}

static enum kb_err find_own(struct check_list *l, const char *root, const char *below,
			    bool may_be_off)
{
	struct folder f = { .list = l, .below = below, .may_be_off = may_be_off };
	enum kb_err err;

	snprintf(f.path, sizeof(f.path), "%s%s", root, below);
	err = read_folder(&f);
	return err == KB_ENOENT ? KB_OK : err;
}

/* below: "check/required.d"; its checks are known as "required.d/10-dns.sh". */
static enum kb_err find_greenboot(struct check_list *l, const char *root, const char *place,
				  const char *below)
{
	const char *kind = strrchr(below, '/') != NULL ? strrchr(below, '/') + 1 : below;
	char where[64];
	struct folder f = { .list = l, .first = l->n, .below = where, .kind = kind };

	snprintf(where, sizeof(where), "%s/%s", place, below);
	snprintf(f.path, sizeof(f.path), "%s%s", root, where);
	return read_folder(&f);
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

static void begin_list(struct check_list *l)
{
	l->n = 0;
	l->lacks_required = false;
	l->why[0] = '\0';
}

enum kb_err check_find(struct check_list *l, const char *root)
{
	bool required = false, wanted = false;

	begin_list(l);
	for (unsigned i = 0; i < KB_ARRAY_LEN(own); i++)
		TRY(find_own(l, root, own[i], true));
	TRY(find_kind(l, root, "check/required.d", &required));
	TRY(find_kind(l, root, "check/wanted.d", &wanted));
	l->lacks_required = !required && has_greenboot(root);
	check_greenboot_disable(l, root);
	return KB_OK;
}

enum kb_err check_find_in(struct check_list *l, const char *root, const char *folder)
{
	begin_list(l);
	return find_own(l, root, folder, false);
}

enum kb_err check_find_after(struct check_list *l, const char *root, const char *kind)
{
	bool found = false;

	begin_list(l);
	return find_kind(l, root, kind, &found);
}
