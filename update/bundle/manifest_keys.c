/* SPDX-License-Identifier: Apache-2.0 */
/* Each key of the manifest: what it may say. */
#include "update/bundle/manifest_keys.h"

#include "lib/conf.h"
#include "update/bundle/manifest_value.h"

#include <stdio.h>
#include <string.h>

const char manifest_unknown_key[] = "unknown key";

/* ---------------------------------------------------------------- [bundle] */

/* A newer MAJOR is judged before MINOR, which may mean something else there. */
static const char *set_format(void *p, const char *value)
{
	struct manifest *m = p;
	char major[20];
	const char *dot = strchr(value, '.');

	if (dot == NULL || dot - value >= (ptrdiff_t)sizeof(major))
		return "not MAJOR.MINOR";
	snprintf(major, sizeof(major), "%.*s", (int)(dot - value), value);
	if (manifest_value_number(&m->format_major, major, 1, INT64_MAX) != NULL ||
	    (m->format_major == 1 &&
	     manifest_value_number(&m->format_minor, dot + 1, 0, INT64_MAX) != NULL))
		return "not MAJOR.MINOR";
	return NULL;
}

static bool came_before(const char *name, char (*list)[MANIFEST_STR_MAX + 1], unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		if (strcmp(list[i], name) == 0)
			return true;
	return false;
}

/* Up to 8 names, with commas between them. */
static const char *set_list(char (*list)[MANIFEST_STR_MAX + 1], unsigned *count, const char *value)
{
	char name[MANIFEST_STR_MAX + 2];
	size_t n;

	*count = 0;
	for (;; value += n + 1) {
		const char *wrong;

		n = strcspn(value, ",");
		if (*count == MANIFEST_COMPATIBLE_MAX)
			return "more than 8 names";
		snprintf(name, sizeof(name), "%.*s", (int)(n < sizeof(name) ? n : sizeof(name) - 1),
			 value);
		if (came_before(name, list, *count))
			return "a name twice";
		wrong = manifest_value_copy(list[*count], MANIFEST_STR_MAX + 1, name,
					    CONF_COMPATIBLE_CHARS);
		if (wrong != NULL)
			return wrong;
		++*count;
		if (value[n] == '\0')
			return NULL;
	}
}

static const char *set_compatible(void *p, const char *value)
{
	struct manifest *m = p;

	return set_list(m->compatible, &m->ncompatible, value);
}

/* Also of one that nobody has heard of yet: no device is one. */
static const char *set_processor(void *p, const char *value)
{
	struct manifest *m = p;

	return set_list(m->processor, &m->nprocessors, value);
}

static const char *set_version(void *p, const char *value)
{
	struct manifest *m = p;

	return manifest_value_copy(m->version, sizeof(m->version), value, MANIFEST_VERSION_CHARS);
}

static const char *set_sequence(void *p, const char *value)
{
	return manifest_value_number(&((struct manifest *)p)->sequence, value, 1, INT64_MAX);
}

static const char *set_floor(void *p, const char *value)
{
	return manifest_value_number(&((struct manifest *)p)->floor, value, 0, INT64_MAX);
}

static const char *set_allow_downgrade(void *p, const char *value)
{
	return manifest_value_yes_no(&((struct manifest *)p)->allow_downgrade, value);
}

static const char *set_build(void *p, const char *value)
{
	struct manifest *m = p;

	return manifest_value_copy(m->build, sizeof(m->build), value, NULL);
}

static const char *set_created(void *p, const char *value)
{
	struct manifest *m = p;

	if (!manifest_value_is_time(value))
		return "not UTC as 2025-01-02T03:04:05Z";
	return manifest_value_copy(m->created, sizeof(m->created), value, NULL);
}

static const char *set_description(void *p, const char *value)
{
	struct manifest *m = p;

	return manifest_value_copy(m->description, sizeof(m->description), value, NULL);
}

const struct manifest_key manifest_bundle_keys[] = {
	{ "format", true, set_format },
	{ "compatible", true, set_compatible },
	{ "processor", false, set_processor },
	{ "version", true, set_version },
	{ "sequence", true, set_sequence },
	{ "floor", true, set_floor },
	{ "allow-downgrade", true, set_allow_downgrade },
	{ "build", false, set_build },
	{ "created", false, set_created },
	{ "description", false, set_description },
	{ NULL, false, NULL },
};

/* ---------------------------------------------------------------- [image.NAME] */

static const char *set_size(void *p, const char *value)
{
	struct manifest_image *im = p;
	const char *wrong = manifest_value_number(&im->size, value, 4096, INT64_MAX);

	return wrong == NULL && im->size % 4096 != 0 ? "not a multiple of 4096" : wrong;
}

static const char *set_chunk(void *p, const char *value)
{
	return manifest_value_power_of_two(&((struct manifest_image *)p)->chunk, value,
					   MANIFEST_CHUNK_MIN, MANIFEST_CHUNK_MAX);
}

static const char *set_filesystem(void *p, const char *value)
{
	struct manifest_image *im = p;

	return manifest_value_copy(im->filesystem, sizeof(im->filesystem), value,
				   MANIFEST_VALUE_ALNUM "._-");
}

static const char *set_digest(void *p, const char *value)
{
	return manifest_value_sha256(((struct manifest_image *)p)->digest, value);
}

static const char *set_hashes_offset(void *p, const char *value)
{
	return manifest_value_number(&((struct manifest_image *)p)->hashes.off, value, 0,
				     INT64_MAX);
}

static const char *set_hashes_length(void *p, const char *value)
{
	return manifest_value_number(&((struct manifest_image *)p)->hashes.len, value, 1,
				     INT64_MAX);
}

static const char *set_hashes_digest(void *p, const char *value)
{
	return manifest_value_sha256(((struct manifest_image *)p)->hashes.digest, value);
}

static struct manifest_verity *verity_value(void *p)
{
	struct manifest_image *im = p;

	im->verity.present = true;
	return &im->verity;
}

static const char *set_verity_root(void *p, const char *value)
{
	struct manifest_verity *v = verity_value(p);

	return manifest_value_hex(v->root_hash, sizeof(v->root_hash), &v->root_hash_len, value);
}

static const char *set_verity_algorithm(void *p, const char *value)
{
	struct manifest_verity *v = verity_value(p);

	if (strcmp(value, "sha256") != 0 && strcmp(value, "sha512") != 0)
		return "neither sha256 nor sha512";
	return manifest_value_copy(v->algorithm, sizeof(v->algorithm), value, NULL);
}

static const char *set_verity_data_block(void *p, const char *value)
{
	return manifest_value_power_of_two(&verity_value(p)->data_block, value,
					   MANIFEST_VERITY_BLOCK_MIN, MANIFEST_VERITY_BLOCK_MAX);
}

static const char *set_verity_hash_block(void *p, const char *value)
{
	return manifest_value_power_of_two(&verity_value(p)->hash_block, value,
					   MANIFEST_VERITY_BLOCK_MIN, MANIFEST_VERITY_BLOCK_MAX);
}

static const char *set_verity_salt(void *p, const char *value)
{
	struct manifest_verity *v = verity_value(p);

	return manifest_value_hex(v->salt, sizeof(v->salt), &v->salt_len, value);
}

static const char *set_verity_tree(void *p, const char *value)
{
	return manifest_value_number(&verity_value(p)->tree_off, value, 1, INT64_MAX);
}

const struct manifest_key manifest_image_keys[] = {
	{ "size", true, set_size },
	{ "chunk-size", true, set_chunk },
	{ "filesystem", false, set_filesystem },
	{ "digest", true, set_digest },
	{ "hashes-offset", true, set_hashes_offset },
	{ "hashes-length", true, set_hashes_length },
	{ "hashes-digest", true, set_hashes_digest },
	{ "verity-root-hash", false, set_verity_root },
	{ "verity-algorithm", false, set_verity_algorithm },
	{ "verity-data-block", false, set_verity_data_block },
	{ "verity-hash-block", false, set_verity_hash_block },
	{ "verity-salt", false, set_verity_salt },
	{ "verity-tree-offset", false, set_verity_tree },
	{ NULL, false, NULL },
};

const char *manifest_image_check(const struct manifest_image *im)
{
	if (im->size / im->chunk + (im->size % im->chunk != 0) > MANIFEST_CHUNKS_MAX)
		return "size: too many chunks; use a larger chunk-size";
	if (im->hashes.len != manifest_hashes_len(manifest_chunks(im)))
		return "hashes-length: does not fit the number of chunks";
	return manifest_verity_check(im);
}

/* ---------------------------------------------------------------- by name */

int manifest_key_find(const struct manifest_key *keys, const char *name)
{
	for (int i = 0; keys[i].name != NULL; i++) {
		if (strcmp(keys[i].name, name) == 0)
			return i;
	}
	return -1;
}

const char *manifest_bundle_key(struct manifest *m, const char *key, const char *value)
{
	int i = manifest_key_find(manifest_bundle_keys, key);

	return i < 0 ? manifest_unknown_key : manifest_bundle_keys[i].set(m, value);
}

const char *manifest_image_key(struct manifest_image *im, const char *key, const char *value)
{
	int i = manifest_key_find(manifest_image_keys, key);

	return i < 0 ? manifest_unknown_key : manifest_image_keys[i].set(im, value);
}

const char *manifest_check_name(const char *name)
{
	size_t len = strlen(name);

	if (len == 0 || len > MANIFEST_IMAGE_NAME_MAX)
		return "not 1 to 31 characters long";
	if (strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_-") != len || name[0] == '-')
		return "not made of a-z, 0-9, '_' and '-'";
	return NULL;
}
