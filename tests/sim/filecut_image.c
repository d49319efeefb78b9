/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/filecut.h"

static struct {
	uint8_t *p;
	size_t len;
} * blobs; /* blobs[0] is not used */
static uint32_t nblobs = 1, room;
static struct set known_blobs;

uint32_t filecut_image_blob(const void *p, size_t len)
{
	uint64_t key = set_key(p, len);
	uint32_t is = set_find(&known_blobs, key);

	if (is != SET_NONE) {
		if (blobs[is].len != len || memcmp(blobs[is].p, p, len) != 0)
			abort();
		return is;
	}
	blobs = cut_content_room(blobs, nblobs, &room, sizeof(*blobs));
	blobs[nblobs].p = cut_content_must(malloc(len + 1));
	memcpy(blobs[nblobs].p, p, len);
	blobs[nblobs].len = len;
	set_add(&known_blobs, key, nblobs);
	return nblobs++;
}

const uint8_t *filecut_image_bytes(uint32_t blob, size_t *len)
{
	*len = blobs[blob].len;
	return blobs[blob].p;
}

static void too_much(void)
{
	fputs("filecut: an image has more files or cells than the model holds\n", stderr);
	exit(1);
}

void filecut_image_add_file(struct filecut_image *im, const char *path, bool dir, uint32_t blob)
{
	unsigned at = im->nfiles;
	struct filecut_image_file *f;

	if (at == FILECUT_IMAGE_FILES || strlen(path) >= FILECUT_IMAGE_PATH)
		too_much();
	for (; at > 0 && strcmp(im->file[at - 1].path, path) > 0; at--)
		im->file[at] = im->file[at - 1];
	im->nfiles++;
	f = &im->file[at];
	memset(f, 0, sizeof(*f));
	memcpy(f->path, path, strlen(path) + 1);
	f->dir = dir;
	f->blob = blob;
}

void filecut_image_same(struct filecut_image *im, const char *path, const char *other)
{
	unsigned one = (unsigned)(filecut_image_find(im, path) - im->file);
	unsigned last = (unsigned)(filecut_image_find(im, other) - im->file);
	unsigned first = one < last ? one : last;
	struct filecut_image_file *f = &im->file[one < last ? last : one];

	if (f->same == 0 || f->same > first)
		f->same = first;
}

void filecut_image_put_cell(struct filecut_image *im, uint64_t off, uint32_t blob)
{
	unsigned at = 0;

	while (at < im->ncells && im->cell[at].off < off)
		at++;
	if (at == im->ncells || im->cell[at].off != off) {
		if (im->ncells == FILECUT_IMAGE_CELLS)
			too_much();
		memmove(&im->cell[at + 1], &im->cell[at],
			(im->ncells++ - at) * sizeof(im->cell[0]));
	}
	im->cell[at] = (struct filecut_image_cell){ off, blob };
}

void filecut_image_get_cell(const struct filecut_image *im, uint64_t off, uint8_t out[STORE_CELL])
{
	size_t len;

	memset(out, 0, STORE_CELL);
	for (unsigned i = 0; i < im->ncells; i++)
		if (im->cell[i].off == off)
			memcpy(out, filecut_image_bytes(im->cell[i].blob, &len), STORE_CELL);
}

const struct filecut_image_file *filecut_image_find(const struct filecut_image *im,
						    const char *path)
{
	for (unsigned i = 0; i < im->nfiles; i++)
		if (strcmp(im->file[i].path, path) == 0)
			return &im->file[i];
	return NULL;
}

/* ---------------------------------------------------------------- the state in it */

static void load(const struct filecut_image *im, struct filecut_image_state *out)
{
	static char text[STATE_PAYLOAD_MAX];
	static struct state s;
	struct cut_disk dev;
	struct store st;
	size_t len = 0;

	bdev_sim_init(&dev, STORE_MIN_SIZE);
	for (unsigned i = 0; i < im->ncells; i++)
		cut_content_write(&dev.durable, im->cell[i].off,
				  filecut_image_bytes(im->cell[i].blob, &len), STORE_CELL);
	memset(out, 0, sizeof(*out));
	if (store_load(&st, &dev.bdev, &s, &out->found) != KB_OK)
		out->found = STORE_LOST;
	cut_disk_free(&dev);
	if (out->found != STORE_FOUND || state_encode(&s, text, sizeof(text), &len) != KB_OK)
		return;
	out->staged = s.staged;
	out->b = s.slot[1].st;
	out->key = set_key(text, len);
}

/* Images come in thousands with the same cells, so what was read is kept. */
const struct filecut_image_state *filecut_image_state(const struct filecut_image *im)
{
	static struct {
		uint64_t hash;
		struct filecut_image_state state;
	} known[4096];
	uint64_t hash = set_key(im->cell, im->ncells * sizeof(im->cell[0]));
	unsigned at = hash % KB_ARRAY_LEN(known);

	if (known[at].hash != hash)
		load(im, &known[at].state);
	known[at].hash = hash;
	return &known[at].state;
}

bool filecut_image_is_named(const struct filecut_image_state *st, const char *path)
{
	char hex[2 * 8 + 1], named[FILECUT_IMAGE_PATH];

	if (st->staged.source != STATE_SRC_DATA)
		return false;
	bytes_hex(hex, st->staged.release, 8);
	snprintf(named, sizeof(named), "keelboot/stage/%s.keel", hex);
	return strcmp(path, named) == 0;
}

uint64_t filecut_image_key(const struct filecut_image *im)
{
	const struct filecut_image_state *st = filecut_image_state(im);
	struct {
		uint64_t state, found;
		struct filecut_image_file file[FILECUT_IMAGE_FILES];
	} what = { .state = st->key, .found = st->found };

	for (unsigned i = 0; i < im->nfiles; i++) {
		what.file[i] = im->file[i];
		if (!filecut_image_is_named(st, im->file[i].path) &&
		    strcmp(im->file[i].path, FILECUT_CHECK_NOTE) != 0)
			what.file[i].blob = 0;
	}
	return set_key(&what, sizeof(what));
}
