/* SPDX-License-Identifier: Apache-2.0 */
/*
 * system.conf and its drop-ins: texts with a NUL between them, given to the parser one after the
 * other, or as files; or as many drop-ins; or the whole input as one file, NULs and all.
 */
#include "lib/conf_keys.h"
#include "lib/conf_place.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/fuzz_dir.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TEXTS_MAX   6u
#define DROPINS_MAX 40u
#define LONG_NAME   "0123456789012345678901234567890123456789012345678901234567890123456789"

static unsigned warnings, lines;

static void warned(void *ctx, const char *file, int line, const char *text)
{
	(void)ctx;
	warnings++;
	FUZZ_CHECK(file != NULL && line >= 0 && fuzz_ended(text, 256) && text[0] != '\0');
}

/* ---------------------------------------------------------------- bounds */

static const void *member(const struct conf *c, const struct conf_key *key)
{
	return (const char *)c + key->offset;
}

static bool is_number(enum conf_kind kind)
{
	return kind == CONF_KIND_NUMBER || kind == CONF_KIND_PCR || kind == CONF_KIND_SECONDS ||
	       kind == CONF_KIND_MS;
}

static bool is_word(enum conf_kind kind)
{
	return kind == CONF_KIND_COUNT || kind == CONF_KIND_HANDOVER || kind == CONF_KIND_VERIFY ||
	       kind == CONF_KIND_SLOTS || kind == CONF_KIND_BOOTSTATUS || kind == CONF_KIND_DATA ||
	       kind == CONF_KIND_LOADER || kind == CONF_KIND_COUNTER || kind == CONF_KIND_PARTIAL;
}

/* "auto|always|never" 1: "always". False: there is no such word. */
static bool word_of(char *out, size_t size, const char *values, unsigned n)
{
	for (; n > 0; n--) {
		values = strchr(values, '|');
		if (values == NULL)
			return false;
		values++;
	}
	return snprintf(out, size, "%.*s", (int)strcspn(values, "|"), values) < (int)size;
}

static bool is_safe_path(const char *text)
{
	size_t len = strlen(text);

	return strstr(text, "/../") == NULL && strncmp(text, "../", 3) != 0 &&
	       strcmp(text, "..") != 0 && (len < 3 || strcmp(text + len - 3, "/..") != 0);
}

static void check_text(const struct conf_key *key, const char *text)
{
	FUZZ_CHECK(fuzz_printable(text, key->max + 1u));
	if (key->kind == CONF_KIND_PATH)
		FUZZ_CHECK(text[0] == '/' && is_safe_path(text));
	if (key->kind == CONF_KIND_PATH_OR_NOT)
		FUZZ_CHECK(text[0] == '\0' || (text[0] == '/' && is_safe_path(text)));
	if (key->kind == CONF_KIND_KEY)
		FUZZ_CHECK(text[0] == '\0' || strncmp(text, "pkcs11:", 7) == 0 ||
			   (text[0] == '/' && is_safe_path(text)));
	if (key->kind == CONF_KIND_SUBPATHS)
		FUZZ_CHECK(text[0] != '/' && is_safe_path(text));
	if (key->kind == CONF_KIND_SUBPATH)
		FUZZ_CHECK(text[0] != '/' && text[0] != '\0' && is_safe_path(text));
	if (key->kind == CONF_KIND_SPEC)
		FUZZ_CHECK(conf_value_is_spec(text));
	if (key->kind == CONF_KIND_STORE)
		FUZZ_CHECK(text[0] == '\0' || conf_value_is_spec(text) ||
			   (text[0] == '/' && is_safe_path(text)));
	if (key->kind == CONF_KIND_URL)
		FUZZ_CHECK(text[0] == '\0' ||
			   (strncmp(text, "http", 4) == 0 && strpbrk(text, " @?#\\") == NULL));
	if (key->kind == CONF_KIND_DEVICE)
		FUZZ_CHECK(strcmp(text, "auto") == 0 || strcmp(text, "off") == 0 ||
			   (strncmp(text, "/dev/", 5) == 0 && is_safe_path(text)));
	if (key->kind == CONF_KIND_COMPATIBLE)
		FUZZ_CHECK(strpbrk(text, " /=;[],") == NULL);
	if (key->kind == CONF_KIND_NAME)
		FUZZ_CHECK(strpbrk(text, " /=;[]") == NULL);
}

static void check_key(const struct conf *c, const struct conf_key *key)
{
	const void *p = member(c, key);
	char word[32];

	if (key->kind == CONF_KIND_BOOL)
		FUZZ_CHECK(*(const uint8_t *)p <= 1);
	else if (key->kind == CONF_KIND_FS)
		FUZZ_CHECK((*(const unsigned *)p & ~(CONF_FS_VFAT | CONF_FS_EXFAT)) == 0);
	else if (key->kind == CONF_KIND_MEDIA)
		FUZZ_CHECK((*(const unsigned *)p & ~(CONF_MEDIA_USB | CONF_MEDIA_SD)) == 0);
	else if (key->kind == CONF_KIND_JUMP)
		FUZZ_CHECK(*(const uint64_t *)p <= INT64_MAX);
	else if (key->kind == CONF_KIND_BYTES)
		FUZZ_CHECK(*(const uint64_t *)p == 0 ||
			   (*(const uint64_t *)p >= key->min && *(const uint64_t *)p <= INT64_MAX));
	else if (key->kind == CONF_KIND_PCR && *(const uint32_t *)p == 0)
		FUZZ_CHECK(strncmp(key->values, "none|", 5) == 0);
	else if (is_number(key->kind))
		FUZZ_CHECK(*(const uint32_t *)p >= key->min && *(const uint32_t *)p <= key->max);
	else if (is_word(key->kind))
		FUZZ_CHECK(word_of(word, sizeof(word), key->values, *(const unsigned *)p));
	else
		check_text(key, p);
}

/* systemd-boot counts in the names of other entries, and in this one nothing. */
static void check_counted(const char *file)
{
	char entry[CONF_PLACE_NAME + 1], counted[CONF_PLACE_FILE + 8];
	const char *suffix;
	int stem;

	conf_place_entry(file, entry);
	suffix = strrchr(entry, '.');
	FUZZ_CHECK(suffix != NULL && suffix > entry && strlen(suffix) >= 4);
	FUZZ_CHECK((strcmp(suffix, ".efi") == 0) == conf_place_is_image(file));
	stem = (int)(suffix - entry);
	FUZZ_CHECK(!conf_place_is_counted(file, entry));
	snprintf(counted, sizeof(counted), "%.*s+3-0%s", stem, entry, suffix);
	FUZZ_CHECK(conf_place_is_counted(file, counted));
	snprintf(counted, sizeof(counted), "%.*s+%s", stem, entry, suffix);
	FUZZ_CHECK(!conf_place_is_counted(file, counted));
}

/* A file has one name. It is of one entry with the kernel of its slot, and of none with others'. */
static void check_file(const struct conf *c, unsigned slot, const char *spec)
{
	conf_spec part, others;
	const char *file = conf_place_split(spec, part);

	if (file == NULL)
		return;
	FUZZ_CHECK(conf_value_is_spec(part) && conf_place_is_valid(file) &&
		   strcmp(conf_place_tail(spec) + 1, file) == 0);
	check_counted(file);
	for (unsigned i = 0; i <= slot; i++) {
		const char *other = conf_slot_part(c, i, CONF_PLACE_CLASS);
		const char *of = other != NULL ? conf_place_split(other, others) : NULL;

		if (i == slot)
			FUZZ_CHECK(of != NULL && conf_place_is_same(file, of) &&
				   strcmp(part, others) == 0);
		else
			FUZZ_CHECK(of == NULL || !conf_place_is_same(file, of));
	}
}

/* No partition is used twice: an install would destroy what is there. */
static void check_part(const struct conf *c, unsigned slot, unsigned cls)
{
	const char *part = c->slot[slot].cls[cls].part;

	check_file(c, slot, part);
	FUZZ_CHECK(conf_use_of(c, part) != NULL);
	FUZZ_CHECK(conf_value_is_spec(part) && strcmp(part, c->state) != 0);
	FUZZ_CHECK(strcmp(part, c->data_part) != 0 && strcmp(part, c->raw_part) != 0);
	FUZZ_CHECK(c->loader != CONF_LOADER_GRUB || strcmp(part, c->loader_environment) != 0);
	for (unsigned i = 0; i < slot; i++)
		for (unsigned k = 0; k < c->slot[i].nclasses; k++)
			FUZZ_CHECK(strcmp(part, c->slot[i].cls[k].part) != 0);
	for (unsigned k = 0; k < cls; k++)
		FUZZ_CHECK(strcmp(part, c->slot[slot].cls[k].part) != 0);
}

static void check_bounds(const struct conf *c)
{
	for (const struct conf_key *key = conf_keys; key->section != NULL; key++)
		check_key(c, key);
	/* Whatever is no member of a key is bad. */
	FUZZ_CHECK(conf_is_bad(c, c + 1));
	FUZZ_CHECK(conf_loader_of(conf_loader_word(c->loader)) == c->loader);
	FUZZ_CHECK(conf_loader_of("grub2") == CONF_LOADERS);
	FUZZ_CHECK(c->loader != CONF_LOADER_UBOOT || conf_loader_environment(c)[0] != '\0');
	FUZZ_CHECK(c->nslots >= 1 && c->nslots <= CONF_SLOTS_MAX);
	FUZZ_CHECK(conf_slot_part(c, c->nslots, "root") == NULL);
	for (unsigned i = 0; i < c->nslots; i++) {
		FUZZ_CHECK(c->slot[i].nclasses >= 1 && c->slot[i].nclasses <= CONF_CLASSES_MAX);
		FUZZ_CHECK(conf_slot_part(c, i, "root") != NULL);
		for (unsigned k = 0; c->slots_given && k < c->slot[i].nclasses; k++)
			check_part(c, i, k);
	}
}

/* ---------------------------------------------------------------- round trip */

static int put_value(char *out, size_t size, const struct conf *c, const struct conf_key *key)
{
	static const char *const fs[] = { "none", "vfat", "exfat", "vfat,exfat" };
	static const char *const media[] = { "no", "usb", "sd", "yes" };
	const void *p = member(c, key);
	const char *unit = key->kind == CONF_KIND_MS	    ? "ms"
			   : key->kind == CONF_KIND_SECONDS ? "s"
							    : "";

	if (key->kind == CONF_KIND_BOOL)
		return snprintf(out, size, "%s", *(const bool *)p ? "yes" : "no");
	if (key->kind == CONF_KIND_FS)
		return snprintf(out, size, "%s", fs[*(const unsigned *)p]);
	if (key->kind == CONF_KIND_MEDIA)
		return snprintf(out, size, "%s", media[*(const unsigned *)p]);
	if (key->kind == CONF_KIND_PCR && *(const uint32_t *)p == 0)
		return snprintf(out, size, "none");
	if (key->kind == CONF_KIND_JUMP && *(const uint64_t *)p == 0)
		return snprintf(out, size, "none");
	if (key->kind == CONF_KIND_JUMP || key->kind == CONF_KIND_BYTES)
		return snprintf(out, size, "%llu", (unsigned long long)*(const uint64_t *)p);
	if (is_number(key->kind))
		return snprintf(out, size, "%u%s", *(const uint32_t *)p, unit);
	if (is_word(key->kind))
		return (int)word_of(out, size, key->values, *(const unsigned *)p);
	return snprintf(out, size, "%s", (const char *)p);
}

/* All that was understood, as a file that says the same. */
static void write_conf(const struct conf *c, char *text, size_t size)
{
	size_t n = 0;

	for (const struct conf_key *key = conf_keys; key->section != NULL; key++) {
		char value[1024];

		put_value(value, sizeof(value), c, key);
		if (value[0] != '\0')
			n += (size_t)snprintf(text + n, size - n, "[%s]\n%s=%s\n", key->section,
					      key->key, value);
	}
	for (unsigned i = 0; c->slots_given && i < c->nslots; i++) {
		n += (size_t)snprintf(text + n, size - n, "[slot.%c]\n", (char)('a' + i));
		for (unsigned k = 0; k < c->slot[i].nclasses; k++)
			n += (size_t)snprintf(text + n, size - n, "%s=%s\n", c->slot[i].cls[k].name,
					      c->slot[i].cls[k].part);
	}
	FUZZ_CHECK(n < size);
}

static bool same(const struct conf *a, const struct conf *b)
{
	for (const struct conf_key *key = conf_keys; key->section != NULL; key++) {
		char va[160], vb[160];

		put_value(va, sizeof(va), a, key);
		put_value(vb, sizeof(vb), b, key);
		if (strcmp(va, vb) != 0)
			return false;
	}
	for (unsigned i = 0; i < a->nslots; i++)
		for (unsigned k = 0; k < a->slot[i].nclasses; k++) {
			const char *part = conf_slot_part(b, i, a->slot[i].cls[k].name);

			if (part == NULL || strcmp(part, a->slot[i].cls[k].part) != 0)
				return false;
		}
	return a->nslots == b->nslots;
}

static void check_round_trip(const struct conf *c)
{
	static char text[1 << 15];
	static struct conf again;

	write_conf(c, text, sizeof(text));
	conf_defaults(&again);
	warnings = 0;
	conf_parse(&again, text, "text", warned, NULL);
	FUZZ_CHECK(warnings == 0 && same(c, &again));
	/* Once more changes nothing. */
	conf_parse(&again, text, "text", NULL, NULL);
	FUZZ_CHECK(same(c, &again));
}

/* ---------------------------------------------------------------- the run */

static const char *const names[TEXTS_MAX] = {
	"etc/keelboot/system.conf",
	"usr/lib/keelboot/system.conf",
	"usr/lib/keelboot/system.conf.d/10-a.conf",
	"etc/keelboot/system.conf.d/20-b.conf",
	"usr/lib/keelboot/system.conf.d/20-b.conf",
	"etc/keelboot/system.conf.d/30-c.conf",
};

static void make_folders(void)
{
	static const char *const folders[] = {
		"etc",	   "etc/keelboot",     "etc/keelboot/system.conf.d",	"usr",
		"usr/lib", "usr/lib/keelboot", "usr/lib/keelboot/system.conf.d"
	};
	static bool made;

	for (unsigned i = 0; !made && i < sizeof(folders) / sizeof(folders[0]); i++)
		fuzz_dir_make(folders[i]);
	made = true;
}

/* The next text, to be freed. */
static char *take_text(struct fuzz_in *in)
{
	char *text = fuzz_string(in->p, in->left);
	size_t got;

	lines += fuzz_lines(text);
	fuzz_take(in, strlen(text) + 1, &got);
	return text;
}

static void parse_texts(struct conf *c, struct fuzz_in *in)
{
	conf_defaults(c);
	for (unsigned i = 0; i < TEXTS_MAX && in->left > 0; i++) {
		char *text = take_text(in);

		conf_parse(c, text, names[i], warned, NULL);
		check_bounds(c);
		free(text);
	}
}

/* An empty text is a file that is not there. */
static void put_files(struct fuzz_in *in)
{
	for (unsigned i = 0; i < TEXTS_MAX && in->left > 0; i++) {
		char *text = take_text(in);

		if (text[0] != '\0')
			fuzz_dir_put(names[i], text, strlen(text));
		free(text);
	}
}

/* By its first byte a text goes before the others, or has a name that is too long. */
static void put_dropins(struct fuzz_in *in)
{
	char name[128];

	for (unsigned i = 0; i < DROPINS_MAX && in->left > 0; i++) {
		char *text = take_text(in);

		snprintf(name, sizeof(name), "etc/keelboot/system.conf.d/%c%02u%s%s",
			 text[0] == '#' ? 'a' : 'b', i, text[0] == ';' ? LONG_NAME : "",
			 text[0] == '!' ? "" : ".conf");
		fuzz_dir_put(name, text, strlen(text));
		free(text);
	}
}

/* With a first byte of 0xff it is longer than a configuration may be. */
static void put_one(struct fuzz_in *in)
{
	static char text[CONF_FILE_MAX + 100];
	size_t len;

	memset(text, '\n', sizeof(text));
	len = fuzz_copy(text, CONF_FILE_MAX, in->p, in->left);
	lines += sizeof(text);
	fuzz_dir_put(names[0], text, (uint8_t)text[0] == 0xff ? sizeof(text) : len);
}

/* how: bit 1 has the warnings logged, the others choose. */
static void load_files(struct conf *c, struct fuzz_in *in, uint8_t how)
{
	bool found;

	make_folders();
	fuzz_dir_clear();
	if (how & 4)
		put_dropins(in);
	else if (how & 8)
		put_one(in);
	else
		put_files(in);
	conf_load(c, fuzz_dir(), &found, how & 2 ? NULL : warned, NULL);
}

void fuzz_one(const uint8_t *data, size_t size)
{
	struct fuzz_in in = { data, size };
	uint8_t how = fuzz_u8(&in);
	static struct conf c, before;

	warnings = lines = 0;
	if (how < 0x10 && how & 1)
		load_files(&c, &in, how);
	else
		parse_texts(&c, &in);
	check_bounds(&c);
	/* A complaint for each line, and some for each file. */
	FUZZ_CHECK(warnings <= lines + 4 * DROPINS_MAX);
	before = c;
	check_round_trip(&before);
	FUZZ_CHECK(same(&c, &before));
}
