/* SPDX-License-Identifier: Apache-2.0 */
/* The manifest: any text, as it is after its signature was checked. */
#include "tests/fuzz/fuzz.h"
#include "update/bundle/manifest.h"
#include "update/bundle/manifest_value.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---------------------------------------------------------------- the layout, made right */

struct fix {
	uint64_t tables, payload; /* ends so far */
	uint64_t size, chunk;	  /* of the image */
	uint64_t len;		  /* of the encoding's table, or payload */
	char *out;
	size_t n, max;
};

static void put(struct fix *f, const char *text, size_t len)
{
	if (len > f->max - f->n)
		len = f->max - f->n;
	memcpy(f->out + f->n, text, len);
	f->n += len;
}

static bool number_of(const char *line, const char *key, uint64_t *v)
{
	size_t len = strlen(key);

	if (strncmp(line, key, len) != 0)
		return false;
	*v = strtoull(line + len, NULL, 10) & INT64_MAX;
	return true;
}

static void put_number(struct fix *f, const char *key, uint64_t v)
{
	char text[64];

	put(f, text, (size_t)snprintf(text, sizeof(text), "%s%llu\n", key, (unsigned long long)v));
}

/* One line, ended by NUL: as it is, or with the offset or length that belongs there. */
static void fix_line(struct fix *f, const char *line)
{
	uint64_t v, chunks;

	(void)number_of(line, "size=", &f->size);
	(void)number_of(line, "chunk-size=", &f->chunk);
	if (number_of(line, "hashes-offset=", &v)) {
		put_number(f, "hashes-offset=", f->tables);
	} else if (number_of(line, "hashes-length=", &v)) {
		chunks = f->chunk == 0 ? 0 : f->size / f->chunk + (f->size % f->chunk != 0);
		v = manifest_hashes_len((uint32_t)(chunks & (MANIFEST_CHUNKS_MAX - 1)));
		put_number(f, "hashes-length=", v);
		f->tables += v;
	} else if (number_of(line, "table-offset=", &v)) {
		put_number(f, "table-offset=", f->tables);
	} else if (number_of(line, "payload-offset=", &v)) {
		put_number(f, "payload-offset=", f->payload);
	} else {
		if (number_of(line, "table-length=", &v))
			f->tables += v;
		if (number_of(line, "payload-length=", &v))
			f->payload += v;
		put(f, line, strlen(line));
		put(f, "\n", 1);
	}
}

size_t fuzz_fix(uint8_t *data, size_t size, size_t max, unsigned seed)
{
	char *copy = fuzz_string(data, size), *rest = copy;
	struct fix f = { .out = (char *)data, .max = max };

	(void)seed;
	while (rest != NULL && *rest != '\0')
		fix_line(&f, strsep(&rest, "\n"));
	free(copy);
	return f.n;
}

/* ---------------------------------------------------------------- what is accepted */

static void check_name(const char *text, size_t size)
{
	FUZZ_CHECK(fuzz_printable(text, size) && text[0] != '\0');
	FUZZ_CHECK(strpbrk(text, "/; ") == NULL && strcmp(text, ".") != 0);
}

static void check_verity(const struct manifest_image *im)
{
	const struct manifest_verity *v = &im->verity;

	if (!v->present)
		return;
	FUZZ_CHECK(v->root_hash_len == 32 || v->root_hash_len == 64);
	FUZZ_CHECK(v->salt_len <= sizeof(v->salt));
	FUZZ_CHECK(strcmp(v->algorithm, v->root_hash_len == 64 ? "sha512" : "sha256") == 0);
	FUZZ_CHECK(v->data_block >= 512 && v->data_block <= 65536);
	FUZZ_CHECK(v->hash_block >= 512 && v->hash_block <= 65536);
	FUZZ_CHECK(v->tree_off > 0 && v->tree_off < im->size);
}

static void check_image(const struct manifest_image *im)
{
	uint32_t n = manifest_chunks(im);

	FUZZ_CHECK(manifest_check_name(im->name) == NULL);
	check_name(im->name, MANIFEST_IMAGE_NAME_MAX + 1);
	FUZZ_CHECK(im->size >= 4096 && im->size % 4096 == 0 && im->size <= INT64_MAX);
	FUZZ_CHECK(im->chunk >= MANIFEST_CHUNK_MIN && im->chunk <= MANIFEST_CHUNK_MAX);
	FUZZ_CHECK((im->chunk & (im->chunk - 1)) == 0);
	FUZZ_CHECK(n >= 1 && n <= MANIFEST_CHUNKS_MAX);
	FUZZ_CHECK((n - 1) * (uint64_t)im->chunk + manifest_chunk_len(im, n - 1) == im->size);
	FUZZ_CHECK(im->hashes.len == manifest_hashes_len(n));
	FUZZ_CHECK(fuzz_printable(im->filesystem, sizeof(im->filesystem)));
	check_verity(im);
}

static void check_encoding(const struct manifest *m, const struct manifest_encoding *e)
{
	FUZZ_CHECK(e->image < m->nimages && e->kind <= MANIFEST_ENC_UNKNOWN);
	FUZZ_CHECK(e->forms < MANIFEST_FORM(READER_FORMS));
	FUZZ_CHECK(e->kind != MANIFEST_ENC_FULL || (e->forms & ~MANIFEST_FORMS_FULL) == 0);
	FUZZ_CHECK(e->kind == MANIFEST_ENC_UNKNOWN || e->forms != 0);
	FUZZ_CHECK(e->table.len <= INT64_MAX && e->payload_len <= INT64_MAX);
}

static void check_bounds(const struct manifest *m)
{
	FUZZ_CHECK(m->format_major == 1 && m->ncompatible >= 1);
	FUZZ_CHECK(m->ncompatible <= MANIFEST_COMPATIBLE_MAX);
	for (unsigned i = 0; i < m->ncompatible; i++) {
		check_name(m->compatible[i], sizeof(m->compatible[i]));
		FUZZ_CHECK(manifest_is_for(m, m->compatible[i]));
	}
	check_name(m->version, sizeof(m->version));
	FUZZ_CHECK(m->sequence >= 1 && m->sequence <= INT64_MAX && m->floor <= m->sequence);
	FUZZ_CHECK(fuzz_printable(m->build, sizeof(m->build)));
	FUZZ_CHECK(fuzz_printable(m->created, sizeof(m->created)));
	FUZZ_CHECK(fuzz_printable(m->description, sizeof(m->description)));
	FUZZ_CHECK(m->nimages >= 1 && m->nimages <= MANIFEST_IMAGES_MAX);
	for (unsigned i = 0; i < m->nimages; i++)
		check_image(&m->image[i]);
	FUZZ_CHECK(m->nencodings >= m->nimages && m->nencodings <= MANIFEST_ENCODINGS_MAX);
	for (unsigned i = 0; i < m->nencodings; i++)
		check_encoding(m, &m->encoding[i]);
}

/* Tables and payloads lie one behind the other, from 0, and nothing wraps. */
static void check_layout(const struct manifest *m)
{
	uint64_t tables = 0, payload = 0;
	unsigned e = 0;

	for (unsigned i = 0; i < m->nimages; i++) {
		FUZZ_CHECK(m->image[i].hashes.off == tables);
		tables += m->image[i].hashes.len;
		for (; e < m->nencodings && m->encoding[e].image == i; e++) {
			FUZZ_CHECK(m->encoding[e].table.off == tables);
			FUZZ_CHECK(m->encoding[e].payload_off == payload);
			tables += m->encoding[e].table.len;
			payload += m->encoding[e].payload_len;
			FUZZ_CHECK(tables >= m->encoding[e].table.off);
			FUZZ_CHECK(payload >= m->encoding[e].payload_off);
		}
	}
	FUZZ_CHECK(e == m->nencodings && manifest_tables_len(m) == tables);
	FUZZ_CHECK(manifest_payload_len(m) == payload);
}

static bool has_unknown(const struct manifest *m)
{
	for (unsigned i = 0; i < m->nencodings; i++)
		if (m->encoding[i].kind == MANIFEST_ENC_UNKNOWN)
			return true;
	return false;
}

static void check_round_trip(const struct manifest *m)
{
	static char text[MANIFEST_MAX + 1], more[MANIFEST_MAX + 1];
	static struct manifest again;
	char why[160];
	size_t len, len2;

	if (has_unknown(m)) {
		FUZZ_CHECK(manifest_write(m, text, sizeof(text), &len) == KB_EINVAL);
		return;
	}
	FUZZ_CHECK(manifest_write(m, text, sizeof(text), &len) == KB_OK);
	FUZZ_CHECK(manifest_parse(&again, text, len, why, sizeof(why)) == KB_OK);
	check_bounds(&again);
	FUZZ_CHECK(memcmp(m, &again, sizeof(again)) == 0);
	FUZZ_CHECK(manifest_write(&again, more, sizeof(more), &len2) == KB_OK);
	FUZZ_CHECK(len == len2 && memcmp(text, more, len) == 0);
	FUZZ_CHECK(manifest_write(m, more, len, &len2) == KB_ENOSPC);
}

/* The lines by themselves, as the builder sets what its specification says. */
static void check_keys(const uint8_t *data, size_t size)
{
	char *copy = fuzz_string(data, size), *rest = copy;
	static struct manifest m;

	memset(&m, 0, sizeof(m));
	for (unsigned i = 0; i < 24 && rest != NULL; i++) {
		char *line = strsep(&rest, "\n"), *value = line;
		const char *wrong, *image;

		strsep(&value, "=");
		if (value != NULL) {
			wrong = manifest_bundle_key(&m, line, value);
			image = manifest_image_key(&m.image[0], line, value);
			FUZZ_CHECK(wrong == manifest_unknown_key || image == manifest_unknown_key);
			FUZZ_CHECK(wrong == NULL || fuzz_printable(wrong, 100));
			FUZZ_CHECK(fuzz_printable(m.description, sizeof(m.description)));
		}
	}
	free(copy);
}

void fuzz_one(const uint8_t *data, size_t size)
{
	static struct manifest m;
	char why[160], small[8];
	enum kb_err err;

	check_keys(data, size);
	memset(&m, 0xa5, sizeof(m));
	memset(why, 0xa5, sizeof(why));
	why[0] = '\0';
	err = manifest_parse(&m, (const char *)data, size, why, sizeof(why));
	FUZZ_CHECK(err == KB_OK || err == KB_EFORMAT || err == KB_ENEWER);
	if (err != KB_OK) {
		FUZZ_CHECK(why[0] != '\0' && fuzz_printable(why, sizeof(why)));
		FUZZ_CHECK(manifest_parse(&m, (const char *)data, size, small, sizeof(small)) ==
			   err);
		FUZZ_CHECK(fuzz_printable(small, sizeof(small)));
		return;
	}
	check_bounds(&m);
	check_layout(&m);
	check_round_trip(&m);
}
