/* SPDX-License-Identifier: Apache-2.0 */
/* What a cut may leave: one choice for each name, file and cell that is not durable. */
#include "tests/sim/filecut_fs.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SECTOR	 512u
#define GARBAGE	 0xa5
#define VARIANTS 4096

/* What a file or a cell may hold. */
struct contents {
	unsigned n;
	uint32_t blob[VARIANTS];
};

struct choices {
	const struct filecut_fs *fs;
	bool open[FILECUT_FS_NODES];		/* is dirty, and has a name or may get it back */
	struct contents node[FILECUT_FS_NODES]; /* of those */
	struct contents cell[8];
	unsigned at_name[FILECUT_FS_NAMES], at_node[FILECUT_FS_NODES], at_cell[8];
};

static void add(struct contents *c, uint32_t blob)
{
	for (unsigned i = 0; i < c->n; i++)
		if (c->blob[i] == blob)
			return;
	if (c->n == VARIANTS) {
		fputs("filecut: too many contents; choose larger blocks\n", stderr);
		exit(1);
	}
	c->blob[c->n++] = blob;
}

/* ---------------------------------------------------------------- of a file */

/* Block b of a file that is len long, as one of four. */
static void fill_block(const struct filecut_fs *fs, const struct filecut_fs_node *n, size_t b,
		       size_t len, unsigned how, uint8_t *out)
{
	size_t from = b * fs->block, to = from + fs->block < len ? from + fs->block : len;

	for (size_t i = from; i < to; i++) {
		uint8_t old = i < n->durable_len ? n->durable[i] : 0;
		uint8_t new = i < n->len ? n->now[i] : 0;

		out[i] = how == 0 ? old : how == 1 ? new : how == 2 ? 0 : GARBAGE;
	}
}

/* Every block for itself: 4 to the power of their number. */
static void file_of_length(const struct filecut_fs *fs, const struct filecut_fs_node *n, size_t len,
			   struct contents *out)
{
	size_t blocks = (len + fs->block - 1) / fs->block;
	static uint8_t buf[FILECUT_FS_FILE];
	uint64_t all = 1ull << (2 * blocks);

	for (uint64_t how = 0; how < all; how++) {
		for (size_t b = 0; b < blocks; b++)
			fill_block(fs, n, b, len, (unsigned)(how >> (2 * b)) & 3, buf);
		add(out, filecut_image_blob(buf, len));
	}
}

static void file_contents(const struct filecut_fs *fs, const struct filecut_fs_node *n,
			  struct contents *out)
{
	out->n = 0;
	add(out, filecut_image_blob(n->durable, n->durable_len));
	for (size_t len = 0; len < n->most; len += fs->block / 2)
		if (len >= n->durable_len)
			file_of_length(fs, n, len, out);
	file_of_length(fs, n, n->most, out);
}

/* ---------------------------------------------------------------- of a cell */

static void cell_contents(const struct filecut_fs *fs, unsigned pending, struct contents *out)
{
	uint8_t old[STORE_CELL], buf[STORE_CELL];
	unsigned differ[STORE_CELL / SECTOR], n = 0;
	const uint8_t *new;
	size_t len;

	new = filecut_image_bytes(fs->pending[pending].blob, &len);
	filecut_image_get_cell(&fs->cells, fs->pending[pending].off, old);
	for (unsigned s = 0; s < STORE_CELL / SECTOR; s++)
		if (memcmp(old + s * SECTOR, new + s *SECTOR, SECTOR) != 0)
			differ[n++] = s;
	out->n = 0;
	for (unsigned mask = 0; mask < 1u << n; mask++) {
		memcpy(buf, old, sizeof(buf));
		for (unsigned i = 0; i < n; i++)
			if (mask & 1u << i)
				memcpy(buf + differ[i] * SECTOR, new + differ[i] * SECTOR, SECTOR);
		add(out, filecut_image_blob(buf, sizeof(buf)));
		for (unsigned i = 0; i < n; i++) {
			uint8_t torn[STORE_CELL];

			memcpy(torn, buf, sizeof(torn));
			memset(torn + differ[i] * SECTOR, GARBAGE, SECTOR);
			add(out, filecut_image_blob(torn, sizeof(torn)));
		}
	}
}

/* ---------------------------------------------------------------- the image of a choice */

static uint32_t content_of(const struct choices *c, int node)
{
	const struct filecut_fs_node *n = &c->fs->node[node];

	if (c->open[node])
		return c->node[node].blob[c->at_node[node]];
	return filecut_image_blob(n->durable, n->durable_len);
}

static void add_folder(const struct choices *c, int dir, const char *path, struct filecut_image *im)
{
	for (unsigned i = 0; i < c->fs->nnames; i++) {
		const struct filecut_fs_name *n = &c->fs->name[i];
		int node = n->node[c->at_name[i]];
		char full[FILECUT_IMAGE_PATH + FILECUT_REC_NAME];

		if (n->dir != dir || node < 0)
			continue;
		snprintf(full, sizeof(full), "%s%s%s", path, path[0] != '\0' ? "/" : "", n->name);
		if (c->fs->node[node].dir) {
			filecut_image_add_file(im, full, true, 0);
			add_folder(c, node, full, im);
		} else {
			filecut_image_add_file(im, full, false, content_of(c, node));
		}
	}
}

static void build(const struct choices *c, struct filecut_image *im)
{
	memset(im, 0, sizeof(*im));
	im->ncells = c->fs->cells.ncells;
	memcpy(im->cell, c->fs->cells.cell, sizeof(im->cell));
	add_folder(c, 0, "", im);
	for (unsigned i = 0; i < c->fs->npending; i++)
		filecut_image_put_cell(im, c->fs->pending[i].off, c->cell[i].blob[c->at_cell[i]]);
}

static bool step(unsigned *at, unsigned n)
{
	if (++*at < n)
		return true;
	*at = 0;
	return false;
}

/* The next combination; false after the last. */
static bool next(struct choices *c)
{
	for (unsigned i = 0; i < c->fs->nnames; i++)
		if (step(&c->at_name[i], c->fs->name[i].n))
			return true;
	for (unsigned i = 0; i < c->fs->nnodes; i++)
		if (c->open[i] && step(&c->at_node[i], c->node[i].n))
			return true;
	for (unsigned i = 0; i < c->fs->npending; i++)
		if (step(&c->at_cell[i], c->cell[i].n))
			return true;
	return false;
}

static bool has_name(const struct filecut_fs *fs, unsigned node)
{
	for (unsigned i = 0; i < fs->nnames; i++)
		for (unsigned v = 0; v < fs->name[i].n; v++)
			if (fs->name[i].node[v] == (int)node)
				return true;
	return false;
}

static struct choices *begin(const struct filecut_fs *fs)
{
	static struct choices c;

	c.fs = fs;
	memset(c.at_name, 0, sizeof(c.at_name));
	memset(c.at_node, 0, sizeof(c.at_node));
	memset(c.at_cell, 0, sizeof(c.at_cell));
	for (unsigned i = 0; i < fs->nnodes; i++) {
		c.open[i] = fs->node[i].dirty && has_name(fs, i);
		if (c.open[i])
			file_contents(fs, &fs->node[i], &c.node[i]);
	}
	for (unsigned i = 0; i < fs->npending; i++)
		cell_contents(fs, i, &c.cell[i]);
	return &c;
}

uint64_t filecut_fs_cut(const struct filecut_fs *fs, filecut_fs_fn fn, void *ctx)
{
	struct choices *c = begin(fs);
	static struct filecut_image im;
	uint64_t n = 0;

	do {
		build(c, &im);
		fn(ctx, &im, n++);
	} while (next(c));
	return n;
}

void filecut_fs_now(const struct filecut_fs *fs, struct filecut_image *im)
{
	static struct choices c;

	memset(&c, 0, sizeof(c));
	c.fs = fs;
	for (unsigned i = 0; i < fs->nnames; i++)
		c.at_name[i] = fs->name[i].n - 1;
	for (unsigned i = 0; i < fs->nnodes; i++) {
		c.open[i] = true;
		c.node[i].n = 1;
		c.node[i].blob[0] = filecut_image_blob(fs->node[i].now, fs->node[i].len);
	}
	for (unsigned i = 0; i < fs->npending; i++) {
		c.cell[i].n = 1;
		c.cell[i].blob[0] = fs->pending[i].blob;
	}
	build(&c, im);
}
