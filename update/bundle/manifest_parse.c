/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads the manifest. The grammar is a strict subset of INI: every INI reader understands it, and
 * all of them in the same way. None of them is strict enough to do it here (inih splits long lines,
 * cuts section names, takes ':' for '=').
 */
#include "lib/util.h"
#include "update/bundle/manifest_keys.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum section { SECTION_NONE, SECTION_BUNDLE, SECTION_IMAGE, SECTION_ENCODING };

struct parse {
	struct manifest *m;
	char *why;
	size_t size;
	unsigned line;
	enum section section;
	/* of the section, with its brackets */
	char title[MANIFEST_LINE_MAX + 1];
	const struct manifest_key *keys;
	/* what they set */
	void *object;
	/* bits of the keys that were there */
	uint32_t seen;
	/* line of the first unknown key in an encoding; 0: none */
	unsigned strange;
	/* of the encoding */
	bool unknown_kind, seed_kind;
};

static enum kb_err fail_line(const struct parse *p, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

static enum kb_err fail_line(const struct parse *p, const char *fmt, ...)
{
	char raw[160];
	va_list ap;
	int n;

	n = snprintf(raw, sizeof(raw), "manifest line %u: ", p->line);
	va_start(ap, fmt);
	vsnprintf(raw + n, sizeof(raw) - (size_t)n, fmt, ap);
	va_end(ap);
	util_print_safe(p->why, p->size, raw);
	return KB_EFORMAT;
}

static bool has_key(const struct parse *p, const char *key)
{
	return p->seen & 1u << manifest_key_find(p->keys, key);
}

/* ---------------------------------------------------------------- the end of a section */

static enum kb_err end_encoding(struct parse *p)
{
	struct manifest_encoding *e = p->object;

	/* An unknown form has made it unknown already. */
	if (p->unknown_kind)
		e->kind = MANIFEST_ENC_UNKNOWN;
	if (e->kind == MANIFEST_ENC_UNKNOWN)
		return KB_OK;
	e->kind = p->seed_kind ? MANIFEST_ENC_SEED : MANIFEST_ENC_FULL;
	if (p->strange != 0) {
		p->line = p->strange;
		return fail_line(p, "%s: unknown key", p->title);
	}
	if (has_key(p, "seed") != p->seed_kind || (has_key(p, "seed-version") && !p->seed_kind))
		return fail_line(p,
				 "%s: seed= needs kind=seed, and kind=seed needs seed=", p->title);
	if (!p->seed_kind && (e->forms & ~MANIFEST_FORMS_FULL) != 0)
		return fail_line(p, "%s: forms copy, patch and remake need kind=seed", p->title);
	return KB_OK;
}

static enum kb_err end_section(struct parse *p)
{
	const char *wrong = NULL;

	if (p->section == SECTION_NONE)
		return KB_OK;
	for (int i = 0; p->keys[i].name != NULL; i++) {
		if (p->keys[i].required && (p->seen & 1u << i) == 0)
			return fail_line(p, "%s: no %s", p->title, p->keys[i].name);
	}
	if (p->section == SECTION_ENCODING)
		return end_encoding(p);
	if (p->section == SECTION_IMAGE)
		wrong = manifest_image_check(p->object);
	else if (p->m->floor > p->m->sequence)
		wrong = "floor: above sequence";
	return wrong != NULL ? fail_line(p, "%s %s", p->title, wrong) : KB_OK;
}

/* ---------------------------------------------------------------- the start of a section */

static int find_image(const struct manifest *m, const char *name)
{
	for (unsigned i = 0; i < m->nimages; i++) {
		if (strcmp(m->image[i].name, name) == 0)
			return (int)i;
	}
	return -1;
}

static enum kb_err start_bundle(struct parse *p)
{
	if (p->section != SECTION_NONE)
		return fail_line(p, "[bundle] must come first, and once");
	p->section = SECTION_BUNDLE;
	p->keys = manifest_bundle_keys;
	p->object = p->m;
	return KB_OK;
}

static enum kb_err start_image(struct parse *p, const char *name)
{
	const char *wrong = manifest_check_name(name);
	struct manifest_image *im;

	if (p->section != SECTION_BUNDLE && p->section != SECTION_IMAGE)
		return fail_line(p, "%s: images come after [bundle] and before encodings",
				 p->title);
	if (wrong != NULL)
		return fail_line(p, "%s: name %s", p->title, wrong);
	if (find_image(p->m, name) >= 0)
		return fail_line(p, "%s: twice", p->title);
	if (p->m->nimages == MANIFEST_IMAGES_MAX)
		return fail_line(p, "more than %u images", MANIFEST_IMAGES_MAX);
	im = &p->m->image[p->m->nimages++];
	memcpy(im->name, name, strlen(name) + 1); /* manifest_check_name() has bounded it */
	p->section = SECTION_IMAGE;
	p->keys = manifest_image_keys;
	p->object = im;
	return KB_OK;
}

static enum kb_err start_encoding(struct parse *p, const char *number)
{
	char want[16];

	if (p->section != SECTION_IMAGE && p->section != SECTION_ENCODING)
		return fail_line(p, "%s: encodings come after images", p->title);
	if (p->m->nencodings == MANIFEST_ENCODINGS_MAX)
		return fail_line(p, "more than %u encodings", MANIFEST_ENCODINGS_MAX);
	snprintf(want, sizeof(want), "%u", p->m->nencodings + 1);
	if (strcmp(number, want) != 0)
		return fail_line(p, "%s: want [encoding.%s]", p->title, want);
	p->section = SECTION_ENCODING;
	p->keys = manifest_encoding_keys;
	p->object = &p->m->encoding[p->m->nencodings++];
	p->strange = 0;
	p->unknown_kind = p->seed_kind = false;
	return KB_OK;
}

static enum kb_err start_section(struct parse *p, char *line, size_t len)
{
	char *name = line + 1;

	TRY(end_section(p));
	snprintf(p->title, sizeof(p->title), "%s", line);
	p->seen = 0;
	if (line[len - 1] != ']')
		return fail_line(p, "a section without ']' at the end of its line");
	line[len - 1] = '\0';
	if (strcmp(name, "bundle") == 0)
		return start_bundle(p);
	if (strncmp(name, "image.", 6) == 0)
		return start_image(p, name + 6);
	if (strncmp(name, "encoding.", 9) == 0)
		return start_encoding(p, name + 9);
	return fail_line(p, "%s: unknown section", p->title);
}

/* ---------------------------------------------------------------- keys */

/* The two keys of an encoding that need more than its own struct. */
static const char *set_encoding(struct parse *p, const char *key, const char *value)
{
	struct manifest_encoding *e = p->object;
	int image = find_image(p->m, value);

	if (strcmp(key, "kind") == 0) {
		p->seed_kind = strcmp(value, "seed") == 0;
		p->unknown_kind = !p->seed_kind && strcmp(value, "full") != 0;
		return NULL;
	}
	if (image < 0)
		return "no such image";
	e->image = (unsigned)image;
	if (p->m->nencodings > 1 && e[-1].image > e->image)
		return "encodings must be in the order of their images";
	return NULL;
}

/* `format` is judged before anything else, so that a newer manifest is called newer, not bad. */
static enum kb_err check_format(struct parse *p, const char *key)
{
	if (p->section != SECTION_BUNDLE || p->seen != 0)
		return KB_OK;
	if (strcmp(key, "format") != 0)
		return fail_line(p, "[bundle] must begin with format");
	return KB_OK;
}

static enum kb_err set_key(struct parse *p, const char *key, const char *value)
{
	int i = manifest_key_find(p->keys, key);
	const char *wrong;

	if (i < 0 && p->section == SECTION_ENCODING) {
		p->strange = p->strange != 0 ? p->strange : p->line;
		return KB_OK;
	}
	if (i < 0)
		return fail_line(p, "%s %s: unknown key", p->title, key);
	if (p->seen & 1u << i)
		return fail_line(p, "%s %s: twice", p->title, key);
	TRY(check_format(p, key));
	p->seen |= 1u << i;
	if (p->keys[i].set != NULL)
		wrong = p->keys[i].set(p->object, value);
	else
		wrong = set_encoding(p, key, value);
	if (wrong != NULL)
		return fail_line(p, "%s %s: %s", p->title, key, wrong);
	if (p->m->format_major > 1) {
		(void)fail_line(
			p, "format %" PRIu64 " is newer than this program; update Keelboot first",
			p->m->format_major);
		return KB_ENEWER;
	}
	return KB_OK;
}

static enum kb_err one_line(struct parse *p, char *line, size_t len)
{
	char *eq;

	if (len == 0)
		return KB_OK;
	if (line[0] == '[')
		return start_section(p, line, len);
	eq = strchr(line, '=');
	if (eq == NULL || line[0] < 'a' || line[0] > 'z' ||
	    strspn(line, "abcdefghijklmnopqrstuvwxyz0123456789-") != (size_t)(eq - line))
		return fail_line(p, "neither [section] nor key=value");
	if (p->section == SECTION_NONE)
		return fail_line(p, "must begin with [bundle]");
	*eq = '\0';
	if (eq[1] == '\0' || eq[1] == ' ' || line[len - 1] == ' ')
		return fail_line(p, "%s %s: empty, or begins or ends with a space", p->title, line);
	if (strncmp(line, "x-", 2) == 0)
		return KB_OK;
	return set_key(p, line, eq + 1);
}

/* The text as lines of printable ASCII without ';', each ended by a line feed. */
static enum kb_err all_lines(struct parse *p, const char *text, size_t len)
{
	char line[MANIFEST_LINE_MAX + 1];
	size_t n = 0;

	p->line = 1;
	for (size_t i = 0; i < len; i++) {
		if (text[i] == '\n') {
			line[n] = '\0';
			TRY(one_line(p, line, n));
			p->line++;
			n = 0;
			continue;
		}
		if (text[i] < 0x20 || text[i] > 0x7e || text[i] == ';')
			return fail_line(p, "a character that is not printable ASCII, or ';'");
		if (n == MANIFEST_LINE_MAX)
			return fail_line(p, "longer than %u characters", MANIFEST_LINE_MAX);
		line[n++] = text[i];
	}
	return n > 0 ? fail_line(p, "does not end with a line feed") : KB_OK;
}

/* ---------------------------------------------------------------- the whole */

static bool follows_previous(uint64_t *end, uint64_t off, uint64_t len)
{
	return off == *end && !__builtin_add_overflow(off, len, end);
}

/* Tables: for each image its hashes, then those of its encodings. Payloads: by encoding. No gap. */
static enum kb_err check_layout(struct parse *p)
{
	const struct manifest *m = p->m;
	uint64_t tables = 0, payload = 0;
	unsigned e = 0;

	for (unsigned i = 0; i < m->nimages; i++) {
		unsigned first = e;

		if (!follows_previous(&tables, m->image[i].hashes.off, m->image[i].hashes.len))
			return fail_line(p, "[image.%s] hashes: not where they belong",
					 m->image[i].name);
		for (; e < m->nencodings && m->encoding[e].image == i; e++) {
			const struct manifest_encoding *enc = &m->encoding[e];

			if (!follows_previous(&tables, enc->table.off, enc->table.len))
				return fail_line(p, "[encoding.%u] table: not where it belongs",
						 e + 1);
			if (!follows_previous(&payload, enc->payload_off, enc->payload_len))
				return fail_line(p, "[encoding.%u] payload: not where it belongs",
						 e + 1);
		}
		if (e == first)
			return fail_line(p, "[image.%s]: no encoding", m->image[i].name);
	}
	return KB_OK;
}

enum kb_err manifest_parse(struct manifest *m, const char *text, size_t len, char *why, size_t size)
{
	struct parse p = { .m = m, .why = why, .size = size };

	memset(m, 0, sizeof(*m));
	TRY(all_lines(&p, text, len));
	TRY(end_section(&p));
	if (m->nimages == 0)
		return fail_line(&p, "no image");
	return check_layout(&p);
}
