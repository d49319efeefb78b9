/* SPDX-License-Identifier: Apache-2.0 */
/* What follows from a manifest, and how it is written. manifest_parse.c reads it. */
#include "update/bundle/manifest.h"

#include "lib/bytes.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define HASHES_PER_PAGE 2048u

static bool ends_with(const char *text, const char *end)
{
	size_t len = strlen(text), n = strlen(end);

	return n > 0 && n < len && text[len - n - 1] == '-' && strcmp(text + len - n, end) == 0;
}

const char *manifest_form_name(unsigned form)
{
	const char *name = form < READER_FORMS ? manifest_forms[form] : NULL;

	if (name == NULL || manifest_forms_versions[form] == NULL)
		return name;
	return ends_with(name, manifest_forms_versions[form]()) ? name : NULL;
}

bool manifest_is_for(const struct manifest *m, const char *name)
{
	for (unsigned i = 0; i < m->ncompatible; i++) {
		if (strcmp(m->compatible[i], name) == 0)
			return true;
	}
	return false;
}

uint32_t manifest_chunks(const struct manifest_image *im)
{
	return (uint32_t)(im->size / im->chunk + (im->size % im->chunk != 0));
}

uint32_t manifest_chunk_len(const struct manifest_image *im, uint32_t i)
{
	uint64_t left = im->size - (uint64_t)i * im->chunk;

	return left < im->chunk ? (uint32_t)left : im->chunk;
}

uint64_t manifest_hashes_len(uint32_t chunks)
{
	uint64_t pages = (chunks + (uint64_t)HASHES_PER_PAGE - 1) / HASHES_PER_PAGE;

	return 32 * (pages + chunks);
}

uint64_t manifest_tables_len(const struct manifest *m)
{
	uint64_t len = 0;

	for (unsigned i = 0; i < m->nimages; i++)
		len += m->image[i].hashes.len;
	for (unsigned i = 0; i < m->nencodings; i++)
		len += m->encoding[i].table.len;
	return len;
}

uint64_t manifest_payload_len(const struct manifest *m)
{
	uint64_t len = 0;

	for (unsigned i = 0; i < m->nencodings; i++)
		len += m->encoding[i].payload_len;
	return len;
}

/* ---------------------------------------------------------------- writing */

struct out {
	char *text;
	size_t size, len;
	bool full;
};

static void add_line(struct out *o, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static void add_line(struct out *o, const char *fmt, ...)
{
	size_t left = o->size - o->len;
	va_list ap;
	int n;

	if (o->full)
		return;
	va_start(ap, fmt);
	n = vsnprintf(o->text + o->len, left, fmt, ap);
	va_end(ap);
	if (n < 0 || n > (int)MANIFEST_LINE_MAX || (size_t)n + 1 >= left) {
		o->full = true;
		return;
	}
	o->len += (size_t)n;
	o->text[o->len++] = '\n';
}

static void line_text(struct out *o, const char *key, const char *value)
{
	if (value[0] != '\0')
		add_line(o, "%s=%s", key, value);
}

static void line_hex(struct out *o, const char *key, const uint8_t *value, size_t len)
{
	char hex[2 * 64 + 1];

	bytes_hex(hex, value, len);
	line_text(o, key, hex);
}

static void line_number(struct out *o, const char *key, uint64_t value)
{
	add_line(o, "%s=%" PRIu64, key, value);
}

static void line_names(struct out *o, const char *key, const char (*name)[MANIFEST_STR_MAX + 1],
		       unsigned n)
{
	char names[MANIFEST_COMPATIBLE_MAX * (MANIFEST_STR_MAX + 1) + 1] = "";
	size_t len = 0;

	for (unsigned i = 0; i < n; i++)
		len += (size_t)snprintf(names + len, sizeof(names) - len, "%s%s", i > 0 ? "," : "",
					name[i]);
	line_text(o, key, names);
}

static void write_bundle(struct out *o, const struct manifest *m)
{
	add_line(o, "[bundle]");
	add_line(o, "format=%" PRIu64 ".%" PRIu64, m->format_major, m->format_minor);
	line_names(o, "compatible", m->compatible, m->ncompatible);
	line_names(o, "processor", m->processor, m->nprocessors);
	line_text(o, "version", m->version);
	line_number(o, "sequence", m->sequence);
	line_number(o, "floor", m->floor);
	line_text(o, "allow-downgrade", m->allow_downgrade ? "yes" : "no");
	line_text(o, "build", m->build);
	line_text(o, "created", m->created);
	line_text(o, "description", m->description);
}

static void write_verity(struct out *o, const struct manifest_verity *v)
{
	if (!v->present)
		return;
	line_hex(o, "verity-root-hash", v->root_hash, v->root_hash_len);
	line_text(o, "verity-algorithm", v->algorithm);
	line_number(o, "verity-data-block", v->data_block);
	line_number(o, "verity-hash-block", v->hash_block);
	line_hex(o, "verity-salt", v->salt, v->salt_len);
	line_number(o, "verity-tree-offset", v->tree_off);
}

static void write_image(struct out *o, const struct manifest_image *im)
{
	add_line(o, "%s", "");
	add_line(o, "[image.%s]", im->name);
	line_number(o, "size", im->size);
	line_number(o, "chunk-size", im->chunk);
	line_text(o, "filesystem", im->filesystem);
	line_hex(o, "digest", im->digest, 32);
	line_number(o, "hashes-offset", im->hashes.off);
	line_number(o, "hashes-length", im->hashes.len);
	line_hex(o, "hashes-digest", im->hashes.digest, 32);
	write_verity(o, &im->verity);
}

static void write_forms(struct out *o, unsigned forms)
{
	char names[64] = "";
	size_t len = 0;

	for (unsigned i = 0; i < READER_FORMS; i++) {
		if (manifest_form_name(i) != NULL && (forms & MANIFEST_FORM(i)))
			len += (size_t)snprintf(names + len, sizeof(names) - len, "%s%s",
						len > 0 ? "," : "", manifest_form_name(i));
	}
	line_text(o, "forms", names);
}

static void write_encoding(struct out *o, const struct manifest *m, unsigned i)
{
	const struct manifest_encoding *e = &m->encoding[i];

	add_line(o, "%s", "");
	add_line(o, "[encoding.%u]", i + 1);
	line_text(o, "image", m->image[e->image].name);
	line_text(o, "kind", e->kind == MANIFEST_ENC_FULL ? "full" : "seed");
	write_forms(o, e->forms);
	if (e->kind == MANIFEST_ENC_SEED) {
		line_hex(o, "seed", e->seed, 32);
		line_text(o, "seed-version", e->seed_version);
	}
	line_number(o, "table-offset", e->table.off);
	line_number(o, "table-length", e->table.len);
	line_hex(o, "table-digest", e->table.digest, 32);
	line_number(o, "payload-offset", e->payload_off);
	line_number(o, "payload-length", e->payload_len);
	line_hex(o, "payload-digest", e->payload_digest, 32);
}

enum kb_err manifest_write(const struct manifest *m, char *text, size_t size, size_t *len)
{
	struct out o = { .text = text, .size = size };

	write_bundle(&o, m);
	for (unsigned i = 0; i < m->nimages; i++)
		write_image(&o, &m->image[i]);
	for (unsigned i = 0; i < m->nencodings; i++) {
		if (m->encoding[i].kind == MANIFEST_ENC_UNKNOWN)
			return KB_EINVAL;
		write_encoding(&o, m, i);
	}
	*len = o.len;
	return o.full ? KB_ENOSPC : KB_OK;
}
