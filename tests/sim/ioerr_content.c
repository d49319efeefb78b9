/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/ioerr.h"

#include "tests/sim/host_files.h"

#define CHUNK	  (16u << 10)
#define PATH_SIZE 256

static uint8_t image[IOERR_CONTENT_RELEASES][IOERR_CONTENT_IMAGE];
char ioerr_content_bundle[PATH_SIZE];
static struct bundles_release release[IOERR_CONTENT_RELEASES] = {
	{ .version = "0.9", .sequence = IOERR_WORLD_OLD, .data = image[0] },
	{ .version = "1.0", .sequence = IOERR_WORLD_NOW, .data = image[1] },
	{ .version = "2.0",
	  .sequence = IOERR_WORLD_NEW,
	  .data = image[2],
	  .size = IOERR_CONTENT_IMAGE },
};
static struct bundles_release *const update = &release[2];
static char mounted[PATH_SIZE]; /* what was opened as a medium last */

const struct bundles_release *ioerr_content_release(unsigned sequence)
{
	const struct bundles_release *r = release;

	while (r->sequence != sequence)
		r++;
	return r;
}

const struct bundles_release *ioerr_content_of(const uint8_t *is)
{
	for (unsigned i = 0; i < IOERR_CONTENT_RELEASES; i++)
		if (memcmp(is, image[i], IOERR_CONTENT_IMAGE) == 0)
			return &release[i];
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

/* Each third chunk is not compressed. */
static void twist(struct fixture_chunk *c)
{
	if (c->form != READER_ZSTD || c->index % 3 != 0)
		return;
	c->form = READER_RAW;
	c->nstored = c->len;
	memcpy(c->stored, image[2] + c->index * CHUNK, c->len);
}

static void make_bundle(void)
{
	char name[64];

	bundles_make(update, CHUNK, false, twist);
	snprintf(name, sizeof(name), "data/keelboot/stage/%s", update->file);
	bundles_copy(update->bundle, name);
	bundles_copy(update->bundle, "stick/keelboot/update.keel");
	snprintf(ioerr_content_bundle, sizeof(ioerr_content_bundle), "%s", bundles_path(name));
}

void ioerr_world_make(void)
{
	static const char *const folders[] = { "data",	"data/keelboot",  "data/keelboot/stage",
					       "stick", "stick/keelboot", "keys" };
	static const char node[4096];

	bundles_begin("ioerr", false, folders, sizeof(folders) / sizeof(folders[0]));
	bundles_put("node", node, sizeof(node));
	make_images();
	make_bundle();
}

/* ---------------------------------------------------------------- media */

void ioerr_content_raw(void)
{
	struct ioerr_disk *raw = ioerr_world_disk(IOERR_FAULT_RAW);
	uint8_t block[BDEV_ALIGN];
	ssize_t n;

	for (off_t at = 0; (n = pread(update->bundle, block, sizeof(block), at)) > 0; at += n) {
		memset(block + n, 0, sizeof(block) - (size_t)n);
		ioerr_disk_put(raw, (uint64_t)at, block, sizeof(block));
	}
}

enum ioerr_fault_target ioerr_world_medium(void)
{
	if (strcmp(mounted, IOERR_CONTENT_RAW) == 0)
		return IOERR_FAULT_RAW;
	return strcmp(mounted, "/dev/" IOERR_CONTENT_STICK) == 0 ? IOERR_FAULT_STICK
								 : IOERR_FAULT_DATA;
}

const char *ioerr_world_path(const char *name)
{
	if (strcmp(name, IOERR_CONTENT_DATA) == 0 ||
	    strcmp(name, "/dev/" IOERR_CONTENT_STICK) == 0) {
		snprintf(mounted, sizeof(mounted), "%s", name);
		return bundles_path("node");
	}
	if (strcmp(name, IOERR_CONTENT_RAW) == 0) {
		snprintf(mounted, sizeof(mounted), "%s", name);
		return host_files_of(ioerr_world_disk(IOERR_FAULT_RAW)->fd);
	}
	if (strcmp(name, "/run/keelboot/media") == 0)
		return bundles_path(strcmp(mounted, IOERR_CONTENT_DATA) == 0 ? "data" : "stick");
	return strcmp(name, "/dev/kmsg") == 0 ? bundles_path("none") : name;
}
