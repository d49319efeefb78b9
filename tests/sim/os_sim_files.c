/* SPDX-License-Identifier: Apache-2.0 */
/* The simulation's files and mounts. */
#include "tests/sim/os_sim_int.h"

#include <sys/mount.h>

#define FILES_MAX 1024
#define NAME_LEN  64

struct file {
	char path[192]; /* "": free */
	enum os_sim_file_kind kind;
	char *text;
	char dev[32]; /* of a template: there only while this device is mounted, path below that */
};

struct fs {
	char dev[32], type[16];
};

static struct file file[FILES_MAX];
static unsigned top; /* all behind are free */
static struct fs fs[32];
static unsigned nfs;
static bool (*mounts)(const char *dev);

static struct file *find(const char *path)
{
	for (unsigned i = 0; i < top; i++) {
		if (file[i].path[0] != '\0' && file[i].dev[0] == '\0' &&
		    strcmp(file[i].path, path) == 0)
			return &file[i];
	}
	return NULL;
}

/* True when path is dir or below it. */
static bool below(const char *path, const char *dir)
{
	size_t len = strlen(dir);

	return strncmp(path, dir, len) == 0 && (path[len] == '\0' || path[len] == '/');
}

static bool is_folder(const char *path)
{
	size_t len = strlen(path);

	for (unsigned i = 0; i < top; i++) {
		if (file[i].dev[0] == '\0' && strncmp(file[i].path, path, len) == 0 &&
		    file[i].path[len] == '/')
			return true;
	}
	return strcmp(path, "/") == 0;
}

static void drop(struct file *f)
{
	free(f->text);
	memset(f, 0, sizeof(*f));
}

static struct file *new_file(const char *path, enum os_sim_file_kind kind, const char *text)
{
	for (unsigned i = 0; i < FILES_MAX; i++) {
		if (file[i].path[0] != '\0')
			continue;
		snprintf(file[i].path, sizeof(file[i].path), "%s", path);
		top = i < top ? top : i + 1;
		file[i].kind = kind;
		file[i].text = strdup(text);
		return &file[i];
	}
	fprintf(stderr, "os_sim: too many files\n");
	abort();
}

void os_sim_put(const char *path, enum os_sim_file_kind kind, const char *text)
{
	struct file *f = find(path);

	if (f != NULL)
		drop(f);
	new_file(path, kind, text);
}

void os_sim_files_reset(void)
{
	for (unsigned i = 0; i < top; i++)
		drop(&file[i]);
	nfs = top = 0;
}

void os_sim_file(const char *path, const char *text)
{
	os_sim_put(path, OS_SIM_TEXT, text);
}

void os_sim_copy(const char *path)
{
	char text[4096];
	FILE *f = fopen(path, "re");

	if (f == NULL)
		abort();
	text[fread(text, 1, sizeof(text) - 1, f)] = '\0';
	fclose(f);
	os_sim_file(path, text);
}

void os_sim_exec(const char *path)
{
	os_sim_put(path, OS_SIM_EXECUTABLE, "");
}

void os_sim_link(const char *path, const char *target)
{
	os_sim_put(path, OS_SIM_LINK_TO, target);
}

void os_sim_remove(const char *path)
{
	for (unsigned i = 0; i < top; i++) {
		if (file[i].path[0] != '\0' && file[i].dev[0] == '\0' && below(file[i].path, path))
			drop(&file[i]);
	}
}

const char *os_sim_text(const char *path)
{
	struct file *f = find(path);

	return f != NULL ? f->text : NULL;
}

void os_sim_fs(const char *dev, const char *fstype)
{
	snprintf(fs[nfs].dev, sizeof(fs[nfs].dev), "%s", dev);
	snprintf(fs[nfs].type, sizeof(fs[nfs].type), "%s", fstype);
	nfs++;
}

void os_sim_mounts(bool (*fn)(const char *dev))
{
	mounts = fn;
}

void os_sim_fs_file(const char *dev, const char *path, const char *text)
{
	struct file *f = new_file(path, text == NULL ? OS_SIM_EXECUTABLE : OS_SIM_TEXT,
				  text == NULL ? "" : text);

	snprintf(f->dev, sizeof(f->dev), "%s", dev);
}

/* ---------------------------------------------------------------- os.h: files */
static enum kb_err read_from(const struct file *f, size_t from, char *buf, size_t size, size_t *len)
{
	size_t n;

	buf[0] = '\0';
	if (len != NULL)
		*len = 0;
	TRY(os_sim_turn("read_file"));
	if (f == NULL || f->kind == OS_SIM_FOLDER || os_sim_over())
		return KB_ENOENT;
	n = strlen(f->text + from) < size ? strlen(f->text + from) : size - 1;
	memcpy(buf, f->text + from, n);
	buf[n] = '\0';
	if (len != NULL)
		*len = n;
	return KB_OK;
}

enum kb_err os_read_file(const char *path, char *buf, size_t size, size_t *len)
{
	return read_from(find(path), 0, buf, size, len);
}

enum kb_err os_read_end(const char *path, char *buf, size_t size, size_t *len)
{
	const struct file *f = find(path);
	size_t all = f != NULL && f->text != NULL ? strlen(f->text) : 0;

	return read_from(f, all < size ? 0 : all - (size - 1), buf, size, len);
}

/* A short text stands in the line, a longer one below it. */
enum kb_err os_write_file(const char *path, const char *text, size_t len)
{
	char shown[4096], *to = shown, *copy;
	size_t lines = 0;

	for (size_t i = 0; i < len; i++)
		lines += text[i] == '\n';
	if (lines > 1)
		to = stpcpy(to, "\n");
	for (size_t i = 0; i < len && to + 16 < shown + sizeof(shown); i++) {
		if (lines > 1 && (i == 0 || text[i - 1] == '\n'))
			to = stpcpy(to, "    | ");
		if (text[i] != '\n' || (lines > 1 && i + 1 < len))
			*to++ = text[i];
	}
	*to = '\0';
	TRY(OS_SIM_CALL("write_file", KB_OK, "write %s%s%s", path, lines > 1 ? "" : " ", shown));
	copy = strndup(text, len);
	os_sim_put(path, OS_SIM_TEXT, copy);
	free(copy);
	return KB_OK;
}

enum kb_err os_mkdir(const char *path, unsigned mode)
{
	struct file *f = find(path);

	(void)mode;
	TRY(os_sim_turn("mkdir"));
	if (is_folder(path) || f != NULL)
		return f != NULL && f->kind != OS_SIM_FOLDER ? KB_EIO : KB_OK;
	TRY(os_sim_call(KB_OK, "mkdir %s", path));
	os_sim_put(path, OS_SIM_FOLDER, "");
	return KB_OK;
}

enum kb_err os_unlink(const char *path)
{
	TRY(OS_SIM_CALL("unlink", find(path) != NULL ? KB_OK : KB_ENOENT, "unlink %s", path));
	drop(find(path));
	return KB_OK;
}

enum kb_err os_rename(const char *from, const char *to)
{
	size_t len = strlen(from);

	TRY(OS_SIM_CALL("rename", find(from) != NULL || is_folder(from) ? KB_OK : KB_ENOENT,
			"rename %s %s", from, to));
	for (unsigned i = 0; i < top; i++) {
		char rest[192];

		if (file[i].path[0] == '\0' || file[i].dev[0] != '\0' || !below(file[i].path, from))
			continue;
		snprintf(rest, sizeof(rest), "%s", file[i].path + len);
		snprintf(file[i].path, sizeof(file[i].path), "%.90s%.100s", to, rest);
	}
	return KB_OK;
}

enum kb_err os_remove_folder(const char *path, uint64_t until_ms)
{
	TRY(OS_SIM_CALL("remove_folder", os_sim_now() < until_ms ? KB_OK : KB_ETIMEDOUT,
			"remove_folder %s", path));
	os_sim_remove(path);
	return KB_OK;
}

bool os_exists(const char *path)
{
	return os_sim_turn("exists") == KB_OK && !os_sim_over() &&
	       (find(path) != NULL || is_folder(path));
}

bool os_is_file(const char *path)
{
	struct file *f = find(path);

	return os_sim_turn("is_file") == KB_OK && !os_sim_over() && f != NULL &&
	       (f->kind == OS_SIM_TEXT || f->kind == OS_SIM_EXECUTABLE);
}

bool os_executable(const char *path)
{
	struct file *f = find(path);

	return os_sim_turn("executable") == KB_OK && !os_sim_over() && f != NULL &&
	       f->kind == OS_SIM_EXECUTABLE;
}

bool os_executable_in(const char *root, const char *path)
{
	char full[256];

	snprintf(full, sizeof(full), "%s%s", root, path);
	for (int i = 0; i < 8; i++) {
		struct file *f = find(full);

		if (f == NULL || f->kind != OS_SIM_LINK_TO)
			break;
		snprintf(full, sizeof(full), "%s%s", root, f->text);
	}
	return os_executable(full);
}

enum kb_err os_readlink(const char *path, char *buf, size_t size)
{
	struct file *f = find(path);

	buf[0] = '\0';
	TRY(os_sim_turn("readlink"));
	if (f == NULL || os_sim_over())
		return KB_ENOENT;
	if (f->kind != OS_SIM_LINK_TO)
		return KB_EINVAL;
	if (strlen(f->text) >= size)
		return KB_ENOSPC;
	memcpy(buf, f->text, strlen(f->text) + 1);
	return KB_OK;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(a, b);
}

/* Sorted, each once. */
static enum kb_err list(const char *path, char all[FILES_MAX][NAME_LEN], unsigned *n)
{
	size_t len = strlen(path);
	unsigned found = 0;

	*n = 0;
	TRY(os_sim_turn("list"));
	if (os_sim_over() || (!is_folder(path) && find(path) == NULL))
		return KB_ENOENT;
	for (unsigned i = 0; i < top; i++) {
		const char *name = file[i].path + len + 1;

		if (file[i].dev[0] == '\0' && below(file[i].path, path) && file[i].path[len] == '/')
			snprintf(all[found++], NAME_LEN, "%.*s", (int)strcspn(name, "/"), name);
	}
	qsort(all, found, NAME_LEN, by_name);
	for (unsigned i = 0; i < found; i++)
		if (all[i][0] != '\0' && (*n == 0 || strcmp(all[*n - 1], all[i]) != 0))
			memmove(all[(*n)++], all[i], NAME_LEN);
	return KB_OK;
}

enum kb_err os_list(const char *path, char (*names)[NAME_LEN], unsigned max, unsigned *n)
{
	static char all[FILES_MAX][NAME_LEN];

	TRY(list(path, all, n));
	if (*n > max)
		*n = max;
	memcpy(names, all, (size_t)*n * NAME_LEN);
	return KB_OK;
}

enum kb_err os_each(const char *path, os_visit_fn visit, void *ctx)
{
	static char all[FILES_MAX][NAME_LEN];
	unsigned n;

	TRY(list(path, all, &n));
	for (unsigned i = 0; i < n; i++)
		TRY(visit(ctx, all[i]));
	return KB_OK;
}

/* ---------------------------------------------------------------- mounts */
enum kb_err os_sim_check_mount(const char *source, const char *fstype)
{
	if (source == NULL || strncmp(source, "/dev/", 5) != 0)
		return KB_OK;
	if (find(source) == NULL)
		return KB_ENOENT;
	if (mounts != NULL && !mounts(source))
		return KB_EMOUNT;
	if (strcmp(fstype, "tmpfs") == 0)
		return KB_OK; /* empty, whatever the device holds */
	for (unsigned i = 0; i < nfs; i++) {
		if (strcmp(fs[i].dev, source) == 0)
			return strcmp(fs[i].type, fstype) == 0 ? KB_OK : KB_EMOUNT;
	}
	return KB_EMOUNT;
}

void os_sim_do_mount(const char *source, const char *target)
{
	char path[256];

	for (unsigned i = 0; i < top; i++) {
		if (source == NULL || file[i].dev[0] == '\0' || strcmp(file[i].dev, source) != 0)
			continue;
		snprintf(path, sizeof(path), "%s%.191s", target, file[i].path);
		os_sim_put(path, file[i].kind, file[i].text);
	}
}

void os_sim_do_switch_root(const char *target)
{
	static const char *const stay[] = { "/dev", "/proc", "/sys", "/run" };

	for (unsigned i = 0; i < top; i++) {
		struct file *f = &file[i];
		bool moved = false;

		if (f->path[0] == '\0' || f->dev[0] != '\0')
			continue;
		for (unsigned k = 0; k < 4; k++)
			moved = moved || below(f->path, stay[k]);
		if (below(f->path, target) && f->path[strlen(target)] == '/')
			memmove(f->path, f->path + strlen(target),
				strlen(f->path + strlen(target)) + 1);
		else if (!moved)
			drop(f);
	}
}
