/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/filecut.h"

/* All of it is durable. */
static void begin_unsynced(struct filecut_fs_node *n)
{
	n->most = n->least = n->low = n->durable_len;
	n->dirty = false;
}

static int node_new(struct filecut_fs *fs, bool dir)
{
	struct filecut_fs_node *n;

	if (fs->nnodes == FILECUT_FS_NODES)
		return -1;
	n = &fs->node[fs->nnodes];
	n->dir = dir;
	n->len = n->durable_len = 0;
	begin_unsynced(n);
	return (int)fs->nnodes++;
}

/* The number of a name; -1: there is none. */
static int name_find(const struct filecut_fs *fs, const char *path)
{
	for (unsigned i = 0; i < fs->nnames; i++)
		if (strcmp(fs->name[i].path, path) == 0)
			return (int)i;
	return -1;
}

/* One that is not there yet, in a folder that is. NULL: there is no such folder, or no room. */
static struct filecut_fs_name *name_new(struct filecut_fs *fs, const char *path)
{
	const char *slash = strrchr(path, '/');
	struct filecut_fs_name *n = &fs->name[fs->nnames];
	char folder[FILECUT_IMAGE_PATH];
	int up;

	snprintf(folder, sizeof(folder), "%.*s", slash != NULL ? (int)(slash - path) : 0, path);
	up = path[0] == '\0' ? 0 : name_find(fs, folder);
	if (up < 0 || fs->nnames++ == FILECUT_FS_NAMES)
		return NULL;
	*n = (struct filecut_fs_name){ .up = (unsigned)up, .n = 1, .node = { -1 } };
	snprintf(n->path, sizeof(n->path), "%s", path);
	return n;
}

/* The name becomes that node. */
static bool name_set(struct filecut_fs *fs, const char *path, int node)
{
	int i = name_find(fs, path);
	struct filecut_fs_name *n = i >= 0 ? &fs->name[i] : name_new(fs, path);

	if (n == NULL || n->n == FILECUT_FS_VERSIONS)
		return false;
	n->node[n->n++] = node;
	return true;
}

/* What has that name now; NULL: nothing. */
static struct filecut_fs_node *node_at(struct filecut_fs *fs, const char *path)
{
	int i = name_find(fs, path), node = i >= 0 ? fs->name[i].node[fs->name[i].n - 1] : -1;

	return node >= 0 ? &fs->node[node] : NULL;
}

void filecut_fs_load(struct filecut_fs *fs, const struct filecut_image *im, size_t block)
{
	fs->block = block;
	fs->nnodes = fs->nnames = fs->npending = 0;
	fs->cells = *im;
	name_new(fs, "")->node[0] = node_new(fs, true);
	for (unsigned i = 0; i < im->nfiles; i++) {
		const struct filecut_image_file *f = &im->file[i];
		int node = node_new(fs, f->dir);

		if (!f->dir) {
			size_t len;
			const uint8_t *p = filecut_image_bytes(f->blob, &len);

			memcpy(fs->node[node].now, p, len);
			memcpy(fs->node[node].durable, p, len);
			fs->node[node].len = fs->node[node].durable_len = len;
			begin_unsynced(&fs->node[node]);
		}
		/* Its own node stays without a name: nodes are numbered as files are. */
		if (f->same > 0)
			node = (int)f->same + 1;
		name_new(fs, f->path)->node[0] = node;
	}
	fs->nloaded = fs->nnodes;
}

int filecut_fs_loaded(struct filecut_fs *fs, const char *path)
{
	const struct filecut_fs_node *n = node_at(fs, path);

	return n != NULL && n < &fs->node[fs->nloaded] ? (int)(n - fs->node) - 1 : -1;
}

/* ---------------------------------------------------------------- operations */

static bool do_write(struct filecut_fs *fs, const uint8_t *p, const struct filecut_rec_op *op)
{
	struct filecut_fs_node *n = node_at(fs, op->path);

	if (n == NULL || op->off > n->len || op->off + op->len > FILECUT_FS_FILE)
		return false;
	memcpy(n->now + op->off, p, op->len);
	if (op->off < n->low)
		n->low = op->off;
	if (op->off + op->len > n->len)
		n->len = op->off + op->len;
	if (n->len > n->most)
		n->most = n->len;
	n->dirty = true;
	return true;
}

static bool do_cut(struct filecut_fs *fs, const struct filecut_rec_op *op)
{
	struct filecut_fs_node *n = node_at(fs, op->path);

	if (n == NULL || op->off > n->len)
		return false;
	n->len = op->off;
	if (n->len < n->least)
		n->least = n->len;
	n->dirty = true;
	return true;
}

static bool do_fsync(struct filecut_fs *fs, const struct filecut_rec_op *op)
{
	struct filecut_fs_node *n = node_at(fs, op->path);

	if (n == NULL)
		return false;
	memcpy(n->durable, n->now, n->len);
	n->durable_len = n->len;
	begin_unsynced(n);
	for (unsigned i = 1; n->dir && i < fs->nnames; i++) {
		struct filecut_fs_name *name = &fs->name[i];

		if (strcmp(fs->name[name->up].path, op->path) != 0)
			continue;
		name->node[0] = name->node[name->n - 1];
		name->n = 1;
	}
	return true;
}

static bool do_rename(struct filecut_fs *fs, const struct filecut_rec_op *op)
{
	const struct filecut_fs_node *n = node_at(fs, op->path);

	/* Of two names of one file none goes: POSIX says so. */
	if (n != NULL && n == node_at(fs, op->to))
		return true;
	return n != NULL && name_set(fs, op->to, (int)(n - fs->node)) && name_set(fs, op->path, -1);
}

static bool do_swap(struct filecut_fs *fs, const struct filecut_rec_op *op)
{
	const struct filecut_fs_node *one = node_at(fs, op->path), *other = node_at(fs, op->to);

	return one != NULL && other != NULL && name_set(fs, op->to, (int)(one - fs->node)) &&
	       name_set(fs, op->path, (int)(other - fs->node));
}

/* A cell that is written in parts, none of which is written twice, is one write: each sector of it
 * lands or not. */
static bool do_cell(struct filecut_fs *fs, const uint8_t *p, const struct filecut_rec_op *op)
{
	uint64_t in = op->off % STORE_CELL, off = op->off - in;
	unsigned i = fs->npending;
	uint8_t cell[STORE_CELL];
	size_t len;

	if (in + op->len > STORE_CELL)
		return false;
	while (i > 0 && fs->pending[i - 1].off != off)
		i--;
	if (i > 0)
		memcpy(cell, filecut_image_bytes(fs->pending[i - 1].blob, &len), STORE_CELL);
	else
		filecut_image_get_cell(&fs->cells, off, cell);
	memcpy(cell + in, p, op->len);
	if (i == 0 || op->len == STORE_CELL)
		i = ++fs->npending;
	if (i > KB_ARRAY_LEN(fs->pending))
		return false;
	fs->pending[i - 1] =
		(struct filecut_image_cell){ off, filecut_image_blob(cell, STORE_CELL) };
	return true;
}

void filecut_fs_flush_state(struct filecut_fs *fs)
{
	for (unsigned i = 0; i < fs->npending; i++)
		filecut_image_put_cell(&fs->cells, fs->pending[i].off, fs->pending[i].blob);
	fs->npending = 0;
}

bool filecut_fs_do(struct filecut_fs *fs, const struct filecut_rec *r,
		   const struct filecut_rec_op *op)
{
	const uint8_t *p = r->data + op->data;

	if (op->failed != 0)
		return true;
	switch (op->kind) {
	case FILECUT_REC_OPEN:
	case FILECUT_REC_ALLOC:
		return node_at(fs, op->path) != NULL;
	case FILECUT_REC_CREATE:
	case FILECUT_REC_MKDIR:
		return name_set(fs, op->path, node_new(fs, op->kind == FILECUT_REC_MKDIR));
	case FILECUT_REC_WRITE:
		return do_write(fs, p, op);
	case FILECUT_REC_FSYNC:
		return do_fsync(fs, op);
	case FILECUT_REC_CUT:
		return do_cut(fs, op);
	case FILECUT_REC_SWAP:
		return do_swap(fs, op);
	case FILECUT_REC_RENAME:
		return do_rename(fs, op);
	case FILECUT_REC_UNLINK:
		return name_set(fs, op->path, -1);
	case FILECUT_REC_CELL:
		return do_cell(fs, p, op);
	case FILECUT_REC_FLUSH:
		filecut_fs_flush_state(fs);
		return true;
	}
	return false;
}
