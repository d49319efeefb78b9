/* SPDX-License-Identifier: Apache-2.0 */
/* What a cut may leave: one choice for each name, file and cell that is not durable. */
#include "tests/sim/filecut.h"

#define SECTOR	 512u
#define GARBAGE	 0xa5
#define VARIANTS 4096

/* What a name, a file or a cell may be: the number of a node or blob; and which it is just now. */
struct choice {
	unsigned n, at;
	uint32_t is[VARIANTS];
};

#define NOTHING UINT32_MAX /* has that name */

struct choices {
	const struct filecut_fs *fs;
	struct choice name[FILECUT_FS_NAMES], node[FILECUT_FS_NODES], cell[FILECUT_FS_PENDING];
	/* those with more than one, in the order in which they are gone through */
	struct choice *open[FILECUT_FS_NAMES + FILECUT_FS_NODES + FILECUT_FS_PENDING];
	unsigned nopen;
};

static void add(struct choice *c, uint32_t blob)
{
	for (unsigned i = 0; i < c->n; i++)
		if (c->is[i] == blob)
			return;
	if (c->n == VARIANTS) {
		fputs("filecut: too many contents; choose larger blocks\n", stderr);
		exit(1);
	}
	c->is[c->n++] = blob;
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

		out[i] = how == 0 || i < n->low ? old : how == 1 ? new : how == 2 ? 0 : GARBAGE;
	}
}

/* Every block that was written to for itself: 4 to the power of their number. */
static void file_of_length(const struct filecut_fs *fs, const struct filecut_fs_node *n, size_t len,
			   struct choice *out)
{
	size_t blocks = (len + fs->block - 1) / fs->block, first = n->low / fs->block;
	static uint8_t buf[FILECUT_FS_FILE];
	uint64_t all = blocks > first ? 1ull << (2 * (blocks - first)) : 1;

	memcpy(buf, n->durable, n->durable_len < len ? n->durable_len : len);
	for (uint64_t how = 0; how < all; how++) {
		for (size_t b = first; b < blocks; b++)
			fill_block(fs, n, b, len, (unsigned)(how >> (2 * (b - first))) & 3, buf);
		add(out, filecut_image_blob(buf, len));
	}
}

static void file_contents(const struct filecut_fs *fs, const struct filecut_fs_node *n,
			  struct choice *out)
{
	add(out, filecut_image_blob(n->durable, n->durable_len));
	for (size_t len = 0; len < n->most; len += fs->block / 2)
		if (len >= n->least)
			file_of_length(fs, n, len, out);
	file_of_length(fs, n, n->most, out);
}

/* ---------------------------------------------------------------- of a cell */

static void cell_contents(const struct filecut_fs *fs, unsigned pending, struct choice *out)
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

/* ---------------------------------------------------------------- all of them */

static bool has_name(const struct filecut_fs *fs, unsigned node)
{
	for (unsigned i = 0; i < fs->nnames; i++)
		for (unsigned v = 0; v < fs->name[i].n; v++)
			if (fs->name[i].node[v] == (int)node)
				return true;
	return false;
}

static struct choice *begin(struct choice *c)
{
	c->n = c->at = 0;
	return c;
}

static void end(struct choices *c, struct choice *of)
{
	if (of->n > 1)
		c->open[c->nopen++] = of;
}

/* powered: each is what it is while there is power. */
static struct choices *choose(const struct filecut_fs *fs, bool powered)
{
	static struct choices c;

	c.fs = fs;
	c.nopen = 0;
	for (unsigned i = 0; i < fs->nnames; i++) {
		const struct filecut_fs_name *name = &fs->name[i];
		struct choice *of = begin(&c.name[i]);

		for (unsigned v = powered ? name->n - 1 : 0; v < name->n; v++)
			of->is[of->n++] = name->node[v] < 0 ? NOTHING : (uint32_t)name->node[v];
		end(&c, of);
	}
	for (unsigned i = 0; i < fs->nnodes; i++) {
		const struct filecut_fs_node *n = &fs->node[i];
		struct choice *of = begin(&c.node[i]);

		if (powered)
			add(of, filecut_image_blob(n->now, n->len));
		else if (n->dirty && has_name(fs, i))
			file_contents(fs, n, of);
		else
			add(of, filecut_image_blob(n->durable, n->durable_len));
		end(&c, of);
	}
	for (unsigned i = 0; i < fs->npending; i++) {
		struct choice *of = begin(&c.cell[i]);

		if (powered)
			add(of, fs->pending[i].blob);
		else
			cell_contents(fs, i, of);
		end(&c, of);
	}
	return &c;
}

/* The names that a rename or swap left on one file. */
static void build_same(const struct choices *c, const bool there[FILECUT_FS_NAMES],
		       struct filecut_image *im)
{
	const struct filecut_fs *fs = c->fs;

	for (unsigned i = 1; i < fs->nnames; i++)
		for (unsigned k = i + 1; k < fs->nnames; k++)
			if (there[i] && there[k] &&
			    c->name[i].is[c->name[i].at] == c->name[k].is[c->name[k].at])
				filecut_image_same(im, fs->name[i].path, fs->name[k].path);
}

static void build(const struct choices *c, struct filecut_image *im)
{
	const struct filecut_fs *fs = c->fs;
	bool there[FILECUT_FS_NAMES] = { true };

	memset(im, 0, sizeof(*im));
	im->ncells = fs->cells.ncells;
	memcpy(im->cell, fs->cells.cell, sizeof(im->cell));
	for (unsigned i = 1; i < fs->nnames; i++) {
		uint32_t node = c->name[i].is[c->name[i].at];
		bool dir = node != NOTHING && fs->node[node].dir;

		there[i] = node != NOTHING && there[fs->name[i].up];
		if (there[i])
			filecut_image_add_file(im, fs->name[i].path, dir,
					       dir ? 0 : c->node[node].is[c->node[node].at]);
	}
	build_same(c, there, im);
	for (unsigned i = 0; i < fs->npending; i++)
		filecut_image_put_cell(im, fs->pending[i].off, c->cell[i].is[c->cell[i].at]);
}

/* The next combination; false after the last. */
static bool next(struct choices *c)
{
	for (unsigned i = 0; i < c->nopen; i++) {
		if (++c->open[i]->at < c->open[i]->n)
			return true;
		c->open[i]->at = 0;
	}
	return false;
}

uint64_t filecut_fs_cut(const struct filecut_fs *fs, filecut_fs_fn fn)
{
	struct choices *c = choose(fs, false);
	static struct filecut_image im;
	uint64_t n = 0;

	do {
		build(c, &im);
		fn(&im, n++);
	} while (next(c));
	return n;
}

void filecut_fs_now(const struct filecut_fs *fs, struct filecut_image *im)
{
	build(choose(fs, true), im);
}
