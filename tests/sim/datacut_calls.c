/* SPDX-License-Identifier: Apache-2.0 */
/* The seam's ends for whole folders, on the model. What the work on the data partition does not use
 * is not here. */
#include "lib/os_file.h"
#include "lib/os_tree.h"
#include "tests/sim/datacut.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define FD_FIRST 100000 /* none that a process has: util_close() may close it */
#define FDS	 8192

struct datacut_calls datacut_calls;

static int node_of[FDS];
static unsigned nfds;

/* ---------------------------------------------------------------- turns */

void datacut_calls_begin(const struct datacut_fs *fs)
{
	datacut_calls.now = *fs;
	datacut_calls.durable = *fs;
	datacut_calls.npending = 0;
	datacut_calls.turn = 0;
	datacut_calls.mounted = 0;
	nfds = 0;
}

bool datacut_calls_turn(void)
{
	datacut_calls.turn++;
	if (datacut_calls.turn == datacut_calls.cut_at)
		longjmp(datacut_calls.cut, 1);
	if (datacut_calls.turn != datacut_calls.fail_at)
		return false;
	errno = datacut_calls.fail_with;
	return true;
}

static enum kb_err failed(int error)
{
	errno = error;
	return err_errno(error);
}

static enum kb_err change(const struct datacut_change *c)
{
	if (datacut_calls_turn())
		return err_errno(errno);
	if (datacut_calls.npending == DATACUT_PENDING)
		abort();
	datacut_calls.pending[datacut_calls.npending++] = *c;
	datacut_fs_do(&datacut_calls.now, c);
	return KB_OK;
}

/* A node is there before a change that names it; without a name it is nothing. */
static int make_node(bool folder)
{
	int node = datacut_fs_node(&datacut_calls.now, folder);

	while (datacut_calls.durable.nnodes < datacut_calls.now.nnodes)
		(void)datacut_fs_node(&datacut_calls.durable, false);
	datacut_calls.durable.node[node].folder = folder;
	return node;
}

/* What a snapshot would add is nothing that the durable image has nodes for. */
static void harden(void)
{
	datacut_calls.durable = datacut_calls.now;
	datacut_calls.npending = 0;
}

#define ALL_MAX 7 /* of so many changes, all sets are tried */

static void apply_set(uint64_t set, void (*fn)(const struct datacut_fs *fs))
{
	static struct datacut_fs fs;

	fs = datacut_calls.durable;
	for (unsigned i = 0; i < datacut_calls.npending; i++)
		if (set >> (i < 63 ? i : 63) & 1)
			datacut_fs_do(&fs, &datacut_calls.pending[i]);
	fn(&fs);
}

/* The first n of them; and those but the one before the last. */
static void apply_first(unsigned n, unsigned but, void (*fn)(const struct datacut_fs *fs))
{
	static struct datacut_fs fs;

	fs = datacut_calls.durable;
	for (unsigned i = 0; i < n; i++)
		if (i != but)
			datacut_fs_do(&fs, &datacut_calls.pending[i]);
	fn(&fs);
}

void datacut_calls_images(void (*fn)(const struct datacut_fs *fs))
{
	unsigned n = datacut_calls.npending;

	if (n <= ALL_MAX) {
		for (uint64_t set = 0; set < 1u << n; set++)
			apply_set(set, fn);
		return;
	}
	apply_first(0, 0, fn);
	apply_first(n, n, fn);
	for (unsigned i = 0; i < n; i++)
		apply_first(n, i, fn);
}

/* ---------------------------------------------------------------- descriptors */

static int open_node(int node)
{
	if (nfds == FDS)
		abort();
	node_of[nfds] = node;
	return FD_FIRST + (int)nfds++;
}

static int at(int fd)
{
	return node_of[fd - FD_FIRST];
}

int datacut_calls_top(void)
{
	return open_node(DATACUT_TOP);
}

/* The same node in both images, so that a cut finds what it finds now. */
static int import_node(const struct datacut_fs *other, int node)
{
	int copy = make_node(false);

	datacut_calls.now.node[copy] = datacut_calls.durable.node[copy] = other->node[node];
	for (unsigned i = 0; i < other->nnames; i++) {
		struct datacut_change c = { .kind = DATACUT_ADD, .in = copy };

		if (other->name[i].node < 0 || other->name[i].in != node)
			continue;
		snprintf(c.name, sizeof(c.name), "%s", other->name[i].name);
		c.node = import_node(other, other->name[i].node);
		datacut_fs_do(&datacut_calls.now, &c);
		datacut_fs_do(&datacut_calls.durable, &c);
	}
	return copy;
}

void datacut_calls_mount(const struct datacut_fs *other)
{
	datacut_calls.mounted = import_node(other, DATACUT_TOP);
}

enum kb_err os_file_folder(const char *path, int *dir)
{
	(void)path;
	if (datacut_calls.mounted == 0)
		return failed(ENOENT);
	*dir = open_node(datacut_calls.mounted);
	return KB_OK;
}

static struct datacut_node *node_at(int fd)
{
	return &datacut_calls.now.node[at(fd)];
}

static int find(int dir, const char *name)
{
	return strcmp(name, ".") == 0 ? at(dir)
				      : datacut_fs_find(&datacut_calls.now, at(dir), name);
}

/* ---------------------------------------------------------------- names */

enum kb_err os_tree_look(int dir, const char *name, struct os_tree_stat *st)
{
	int node = find(dir, name);

	if (node < 0)
		return failed(ENOENT);
	*st = (struct os_tree_stat){ .kind = OS_TREE_FILE, .links = 1, .inode = (uint64_t)node };
	if (datacut_calls.now.node[node].folder)
		st->kind =
			datacut_calls.now.node[node].subvolume ? OS_TREE_SUBVOLUME : OS_TREE_FOLDER;
	st->size = st->stored = datacut_calls.now.node[node].len;
	return KB_OK;
}

enum kb_err os_tree_open(int dir, const char *name, int *fd)
{
	int node = find(dir, name);

	if (node < 0)
		return failed(ENOENT);
	if (!datacut_calls.now.node[node].folder) {
		errno = ENOTDIR;
		return KB_EINVAL;
	}
	*fd = open_node(node);
	return KB_OK;
}

static enum kb_err add(int dir, const char *name, bool folder, int *node)
{
	struct datacut_change c = { .kind = DATACUT_ADD, .in = at(dir) };

	if (find(dir, name) >= 0) {
		errno = EEXIST;
		return KB_EBUSY;
	}
	snprintf(c.name, sizeof(c.name), "%s", name);
	*node = c.node = make_node(folder);
	return change(&c);
}

enum kb_err os_tree_make(int dir, const char *name)
{
	int node;

	return add(dir, name, true, &node);
}

enum kb_err os_file_mkdir(int dir, const char *name, unsigned mode)
{
	enum kb_err err = os_tree_make(dir, name);

	(void)mode;
	return err == KB_EBUSY ? KB_OK : err;
}

enum kb_err os_tree_move(int from_dir, const char *from, int to_dir, const char *to)
{
	struct datacut_change c = { .kind = DATACUT_MOVE, .in = at(from_dir), .to_in = at(to_dir) };

	if (find(from_dir, from) < 0)
		return failed(ENOENT);
	if (find(to_dir, to) >= 0) {
		errno = EEXIST;
		return KB_EBUSY;
	}
	snprintf(c.name, sizeof(c.name), "%s", from);
	snprintf(c.to, sizeof(c.to), "%s", to);
	return change(&c);
}

enum kb_err os_file_rename(int dir, const char *from, const char *to)
{
	struct datacut_change c = { .kind = DATACUT_REPLACE, .in = at(dir), .to_in = at(dir) };

	if (find(dir, from) < 0)
		return failed(ENOENT);
	snprintf(c.name, sizeof(c.name), "%s", from);
	snprintf(c.to, sizeof(c.to), "%s", to);
	return change(&c);
}

static enum kb_err remove_name(int dir, const char *name)
{
	struct datacut_change c = { .kind = DATACUT_REMOVE, .in = at(dir) };

	if (find(dir, name) < 0)
		return failed(ENOENT);
	snprintf(c.name, sizeof(c.name), "%s", name);
	return change(&c);
}

enum kb_err os_tree_unlink(int dir, const char *name)
{
	return remove_name(dir, name);
}

enum kb_err os_file_unlink(int dir, const char *name)
{
	return remove_name(dir, name);
}

enum kb_err os_tree_rmdir(int dir, const char *name)
{
	int node = find(dir, name);

	for (unsigned i = 0; node >= 0 && i < datacut_calls.now.nnames; i++)
		if (datacut_calls.now.name[i].node >= 0 && datacut_calls.now.name[i].in == node)
			return failed(ENOTEMPTY);
	return remove_name(dir, name);
}

enum kb_err os_tree_delete_subvolume(int dir, const char *name)
{
	return remove_name(dir, name);
}

enum kb_err os_file_next(struct os_file_names *n, char name[OS_FILE_NAME_MAX + 1])
{
	while (n->pos < datacut_calls.now.nnames) {
		const struct datacut_name *one = &datacut_calls.now.name[n->pos++];

		if (one->node < 0 || one->in != at(n->dir))
			continue;
		snprintf(name, OS_FILE_NAME_MAX + 1, "%s", one->name);
		return KB_OK;
	}
	return KB_ENOENT;
}

enum kb_err os_file_reopen(int dir, int *again)
{
	*again = open_node(at(dir));
	return KB_OK;
}

/* ---------------------------------------------------------------- files */

enum kb_err os_file_open(int dir, const char *name, int *fd)
{
	int node = find(dir, name);

	if (node < 0)
		return failed(ENOENT);
	*fd = open_node(node);
	return KB_OK;
}

enum kb_err os_file_create(int dir, const char *name, int *fd)
{
	int node;

	TRY(add(dir, name, false, &node));
	*fd = open_node(node);
	return KB_OK;
}

enum kb_err os_file_read(int fd, uint64_t off, void *buf, size_t len, size_t *got)
{
	const struct datacut_node *n = node_at(fd);

	*got = off >= n->len ? 0 : n->len - off < len ? (size_t)(n->len - off) : len;
	memcpy(buf, n->text + off, *got);
	return KB_OK;
}

enum kb_err os_tree_write(int fd, uint64_t off, const void *buf, size_t len)
{
	static struct datacut_change c;

	c = (struct datacut_change){ .kind = DATACUT_WRITE, .node = at(fd), .off = (unsigned)off };
	c.len = len < DATACUT_TEXT ? (unsigned)len : 0;
	memcpy(c.text, buf, c.len);
	return change(&c);
}

enum kb_err os_file_write(int fd, const void *buf, size_t len)
{
	/* The probe for what the file system can; its content is of no interest. */
	return os_tree_write(fd, node_at(fd)->len, buf, len);
}

enum kb_err os_tree_resize(int fd, uint64_t size)
{
	(void)fd;
	(void)size;
	return KB_OK;
}

enum kb_err os_tree_extent(int fd, uint64_t off, uint64_t *start, uint64_t *end)
{
	const struct datacut_node *n = node_at(fd);

	if (off >= n->len)
		return KB_ENOENT;
	*start = off;
	*end = n->len;
	return KB_OK;
}

enum kb_err os_tree_clone(int from, int to)
{
	if (datacut_calls.shares)
		return os_tree_write(to, 0, node_at(from)->text, node_at(from)->len);
	errno = EOPNOTSUPP;
	return KB_EINVAL;
}

enum kb_err os_tree_copy_meta(int from_dir, const char *from, int to_dir, const char *to,
			      const struct os_tree_stat *st, const char **what)
{
	(void)from_dir;
	(void)from;
	(void)to_dir;
	(void)to;
	(void)st;
	*what = "";
	return KB_OK;
}

/* ---------------------------------------------------------------- the file system */

/* A snapshot is one change, which a commit of the file system has or has not. */
enum kb_err os_tree_snapshot(int from, int dir, const char *name)
{
	struct datacut_change c = { .kind = DATACUT_ADD, .in = at(dir) };
	int node = make_node(true);

	if (datacut_calls_turn())
		return err_errno(errno);
	datacut_fs_do(
		&datacut_calls.now,
		&(struct datacut_change){ .kind = DATACUT_COPY, .node = at(from), .to_in = node });
	/* Below a node without a name: nothing of it is there until that is. */
	datacut_fs_do(
		&datacut_calls.durable,
		&(struct datacut_change){ .kind = DATACUT_COPY, .node = at(from), .to_in = node });
	snprintf(c.name, sizeof(c.name), "%s", name);
	c.node = node;
	datacut_calls.pending[datacut_calls.npending++] = c;
	datacut_fs_do(&datacut_calls.now, &c);
	return KB_OK;
}

bool os_tree_has_subvolumes(int subvolume)
{
	(void)subvolume;
	return false;
}

enum kb_err os_tree_room(int dir, uint64_t *bytes)
{
	(void)dir;
	*bytes = datacut_calls.room != 0 ? datacut_calls.room : 1u << 30;
	return KB_OK;
}

enum kb_err os_tree_sync(int dir)
{
	(void)dir;
	if (datacut_calls_turn())
		return err_errno(errno);
	harden();
	return KB_OK;
}
