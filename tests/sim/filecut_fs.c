/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/filecut_fs.h"

#include "lib/util.h"

#include <stdio.h>
#include <string.h>

static int node_new(struct filecut_fs *fs, bool dir, uint64_t ino)
{
	struct filecut_fs_node *n;

	if (fs->nnodes == FILECUT_FS_NODES)
		return -1;
	n = &fs->node[fs->nnodes];
	n->dir = dir;
	n->ino = ino;
	n->len = n->durable_len = n->most = 0;
	n->dirty = false;
	return (int)fs->nnodes++;
}

/* The newest of that number: a file system gives it away again. */
static int node_by_ino(const struct filecut_fs *fs, uint64_t ino)
{
	for (int i = (int)fs->nnodes - 1; i >= 0; i--)
		if (fs->node[i].ino == ino)
			return i;
	return -1;
}

static struct filecut_fs_name *name_find(struct filecut_fs *fs, int dir, const char *name)
{
	struct filecut_fs_name *n;

	for (unsigned i = 0; i < fs->nnames; i++)
		if (fs->name[i].dir == dir && strcmp(fs->name[i].name, name) == 0)
			return &fs->name[i];
	if (fs->nnames == FILECUT_FS_NAMES)
		return NULL;
	n = &fs->name[fs->nnames++];
	n->dir = dir;
	snprintf(n->name, sizeof(n->name), "%s", name);
	n->n = 1;
	n->node[0] = -1;
	return n;
}

/* The name becomes that node. */
static bool name_set(struct filecut_fs *fs, int dir, const char *name, int node)
{
	struct filecut_fs_name *n = dir >= 0 ? name_find(fs, dir, name) : NULL;

	if (n == NULL || n->n == FILECUT_FS_VERSIONS)
		return false;
	n->node[n->n++] = node;
	return true;
}

static int name_get(const struct filecut_fs *fs, int dir, const char *name)
{
	for (unsigned i = 0; i < fs->nnames; i++)
		if (fs->name[i].dir == dir && strcmp(fs->name[i].name, name) == 0)
			return fs->name[i].node[fs->name[i].n - 1];
	return -1;
}

/* The folder that path is in, by nodes that were loaded before (paths are sorted). */
static int parent_of(const struct filecut_fs *fs, const char *path, const char **last)
{
	int dir = 0;

	for (*last = path; strchr(*last, '/') != NULL; *last = strchr(*last, '/') + 1) {
		char part[FILECUT_REC_NAME];

		snprintf(part, sizeof(part), "%.*s", (int)(strchr(*last, '/') - *last), *last);
		dir = name_get(fs, dir, part);
	}
	return dir;
}

void filecut_fs_load(struct filecut_fs *fs, const struct filecut_image *im, const uint64_t *ino,
		     uint64_t top, size_t block)
{
	fs->block = block;
	fs->nnodes = fs->nnames = fs->npending = 0;
	fs->cells = *im;
	node_new(fs, true, top);
	for (unsigned i = 0; i < im->nfiles; i++) {
		const struct filecut_image_file *f = &im->file[i];
		const char *last;
		int dir = parent_of(fs, f->path, &last), node = node_new(fs, f->dir, ino[i]);

		if (!f->dir) {
			size_t len;
			const uint8_t *p = filecut_image_bytes(f->blob, &len);

			memcpy(fs->node[node].now, p, len);
			memcpy(fs->node[node].durable, p, len);
			fs->node[node].len = fs->node[node].durable_len = len;
		}
		name_find(fs, dir, last)->node[0] = node;
	}
	fs->nloaded = fs->nnodes;
}

int filecut_fs_loaded(const struct filecut_fs *fs, uint64_t ino)
{
	int node = node_by_ino(fs, ino);

	return node >= 1 && node < (int)fs->nloaded ? node - 1 : -1;
}

/* ---------------------------------------------------------------- operations */

static bool do_write(struct filecut_fs *fs, const uint8_t *p, const struct filecut_rec_op *op)
{
	int i = node_by_ino(fs, op->ino);
	struct filecut_fs_node *n = &fs->node[i < 0 ? 0 : i];

	if (i < 0 || op->off > n->len || op->off + op->len > FILECUT_FS_FILE)
		return false;
	memcpy(n->now + op->off, p, op->len);
	if (op->off + op->len > n->len)
		n->len = op->off + op->len;
	if (n->len > n->most)
		n->most = n->len;
	n->dirty = true;
	return true;
}

static bool do_fsync(struct filecut_fs *fs, const struct filecut_rec_op *op)
{
	int i = node_by_ino(fs, op->ino);
	struct filecut_fs_node *n = &fs->node[i < 0 ? 0 : i];

	if (i < 0)
		return false;
	memcpy(n->durable, n->now, n->len);
	n->durable_len = n->len;
	n->dirty = false;
	for (unsigned k = 0; n->dir && k < fs->nnames; k++) {
		struct filecut_fs_name *name = &fs->name[k];

		if (name->dir == i)
			name->node[0] = name->node[name->n - 1];
		if (name->dir == i)
			name->n = 1;
	}
	return true;
}

static bool do_rename(struct filecut_fs *fs, const struct filecut_rec_op *op)
{
	int dir = node_by_ino(fs, op->dir), node = name_get(fs, dir, op->name);

	return node >= 0 && name_set(fs, dir, op->name2, node) && name_set(fs, dir, op->name, -1);
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
		return node_by_ino(fs, op->ino) >= 0;
	case FILECUT_REC_CREATE:
	case FILECUT_REC_MKDIR:
		return name_set(fs, node_by_ino(fs, op->dir), op->name,
				node_new(fs, op->kind == FILECUT_REC_MKDIR, op->ino));
	case FILECUT_REC_WRITE:
		return do_write(fs, p, op);
	case FILECUT_REC_FSYNC:
		return do_fsync(fs, op);
	case FILECUT_REC_RENAME:
		return do_rename(fs, op);
	case FILECUT_REC_UNLINK:
		return name_set(fs, node_by_ino(fs, op->dir), op->name, -1);
	case FILECUT_REC_CELL:
		return do_cell(fs, p, op);
	case FILECUT_REC_FLUSH:
		filecut_fs_flush_state(fs);
		return true;
	}
	return false;
}
