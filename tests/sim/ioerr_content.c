/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/ioerr.h"

#define CHUNK (16u << 10)

static uint8_t image[IOERR_CONTENT_RELEASES][IOERR_CONTENT_IMAGE];
char ioerr_content_bundle[256];
static struct bundles_release release[IOERR_CONTENT_RELEASES] = {
	{ .version = "0.9", .sequence = IOERR_WORLD_OLD, .data = image[0] },
	{ .version = "1.0", .sequence = IOERR_WORLD_NOW, .data = image[1] },
	{ .version = "2.0",
	  .sequence = IOERR_WORLD_NEW,
	  .data = image[2],
	  .size = IOERR_CONTENT_IMAGE },
};
static struct bundles_release *const update = &release[2];
static const struct ioerr_content_set *used; /* NULL: those above */
static char usual[256];

void ioerr_content_use(const struct ioerr_content_set *set)
{
	used = set;
	snprintf(ioerr_content_bundle, sizeof(ioerr_content_bundle), "%s",
		 set != NULL ? set->bundle : usual);
}

unsigned ioerr_content_super(void)
{
	return used != NULL ? used->super : 0;
}

static const struct bundles_release *releases(void)
{
	return used != NULL ? used->release : release;
}

const struct bundles_release *ioerr_content_release(unsigned sequence)
{
	const struct bundles_release *r = releases();

	while (r->sequence != sequence)
		r++;
	return r;
}

const struct bundles_release *ioerr_content_of(const uint8_t *is)
{
	const struct bundles_release *r = releases();
	const size_t behind = IOERR_CONTENT_ROT + 1;

	for (unsigned i = 0; i < IOERR_CONTENT_RELEASES; i++) {
		bool rots = used != NULL && used->rots && r[i].sequence == IOERR_WORLD_NOW;

		if (memcmp(is, r[i].data, IOERR_CONTENT_ROT) == 0 &&
		    memcmp(is + behind, r[i].data + behind, IOERR_CONTENT_IMAGE - behind) == 0 &&
		    (rots || is[behind - 1] == r[i].data[behind - 1]))
			return &r[i];
	}
	return NULL;
}

/* The new image shares half of its chunks with the old one, and some chunks are zero. */
static void make_images(void)
{
	for (unsigned k = 0; k < 3; k++) {
		for (unsigned i = 0; i < IOERR_CONTENT_IMAGE; i++) {
			unsigned chunk = i / CHUNK, same = chunk % 2 == 1 && k == 2 ? 0 : k;

			image[k][i] = (uint8_t)(i * 31 + i / 251 + same * 77 + chunk);
		}
		memset(image[k] + (5 + 2 * k) * CHUNK, 0, CHUNK);
		memset(release[k].id, (int)release[k].sequence, sizeof(release[k].id));
	}
	memset(image[2] + 12 * CHUNK, 0, CHUNK);
}

void ioerr_world_make(void)
{
	static const char *const folders[] = { "data",	"data/keelboot",  "data/keelboot/stage",
					       "stick", "stick/keelboot", "keys" };
	static const char node[4096];
	char name[64];

	bundles_begin("ioerr", false, folders, sizeof(folders) / sizeof(folders[0]));
	bundles_put("node", node, sizeof(node));
	make_images();
	bundles_make(update, CHUNK, false);
	snprintf(name, sizeof(name), "data/keelboot/stage/%s", update->file);
	bundles_copy(update->bundle, name);
	bundles_copy(update->bundle, "stick/keelboot/update.keel");
	snprintf(usual, sizeof(usual), "%s", bundles_path(name));
	ioerr_content_use(NULL);
}

/* ---------------------------------------------------------------- media */

void ioerr_content_raw(void)
{
	struct ioerr_disk *raw = ioerr_world_disk(IOERR_FAULT_RAW);
	int bundle = ioerr_content_release(IOERR_WORLD_NEW)->bundle;
	uint8_t block[BDEV_ALIGN];
	ssize_t n;

	for (off_t at = 0; (n = pread(bundle, block, sizeof(block), at)) > 0; at += n) {
		memset(block + n, 0, sizeof(block) - (size_t)n);
		ioerr_disk_put(raw, (uint64_t)at, block, sizeof(block));
	}
}
