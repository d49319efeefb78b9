/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/bundle/bundle_spec.h"

#include "cli/output/args.h"
#include "cli/output/inputs.h"
#include "cli/output/output.h"
#include "cli/key/key_token.h"
#include "lib/bytes.h"
#include "lib/log.h"
#include "lib/processor.h"
#include "update/bundle/manifest_value.h"
#include "update/bundle/reader.h"
#include "update/decoder/remake_pack.h"

#include <errno.h>
#include <ini.h>
#include <stdio.h>
#include <string.h>

#define LEVEL_MAX 22
#define SIZE_MAX_ (1ull << 44)

void bundle_spec_default(struct bundle_spec *s)
{
	memset(s, 0, sizeof(*s));
	s->m.format_major = 1;
	s->chunk = MANIFEST_CHUNK_DEFAULT;
	s->compress = s->full = true;
	s->level = 9;
	s->frame = MANIFEST_FRAME_MAX;
	s->sig_cap = 16u << 10;
}

static const char *set_path(char out[BUNDLE_SPEC_PATH], const char *dir, const char *value)
{
	int n = snprintf(out, BUNDLE_SPEC_PATH, "%s%s", value[0] == '/' ? "" : dir, value);

	if (value[0] == '\0')
		return "empty";
	return n < BUNDLE_SPEC_PATH ? NULL : "path too long";
}

static const char *set_chunk(struct bundle_spec *s, const char *value)
{
	uint64_t v;

	if (bytes_size(&v, value, UINT64_MAX) != KB_OK || v < MANIFEST_CHUNK_MIN ||
	    v > MANIFEST_CHUNK_MAX || (v & (v - 1)) != 0)
		return "expected a power of two from 16K to 1M";
	s->chunk = (uint32_t)v;
	return NULL;
}

static const char *set_frame(struct bundle_spec *s, const char *value)
{
	uint64_t v;

	if (bytes_size(&v, value, MANIFEST_FRAME_MAX) != KB_OK || v < MANIFEST_CHUNK_MIN)
		return "want 16K to 4M";
	s->frame = (uint32_t)v;
	return NULL;
}

static const char *set_sig_cap(struct bundle_spec *s, const char *value)
{
	uint64_t v;

	if (bytes_size(&v, value, UINT64_MAX) != KB_OK || v < 512 || v > READER_SIG_CAP_MAX)
		return "want 512 to 128K";
	s->sig_cap = (uint32_t)v;
	return NULL;
}

static const char *set_compress(struct bundle_spec *s, const char *value)
{
	s->compress_always = strcmp(value, "zstd") == 0;
	s->compress = s->compress_always || strcmp(value, "auto") == 0;
	return s->compress || strcmp(value, "none") == 0 ? NULL : "expected auto, zstd or none";
}

static const char *set_verity(struct bundle_spec *s, const char *value)
{
	s->verity = strcmp(value, "yes") == 0;
	return s->verity || strcmp(value, "no") == 0 ? NULL : "expected yes or no";
}

static const char *set_full(struct bundle_spec *s, const char *value)
{
	s->full = strcmp(value, "yes") == 0;
	return s->full || strcmp(value, "no") == 0 ? NULL : "expected yes or no";
}

static const char *set_recompress(struct bundle_spec *s, const char *value)
{
	s->recompress = strcmp(value, "yes") == 0;
	if (s->recompress && remake_library_of(REMAKE_ZLIB) == NULL)
		return "this keelboot has no compressors; build it, and that of the devices, with make RECOMPRESS=yes";
	return s->recompress || strcmp(value, "no") == 0 ? NULL : "expected yes or no";
}

static const char *set_level(struct bundle_spec *s, const char *value)
{
	uint64_t v;

	if (bytes_decimal(&v, value, LEVEL_MAX) != KB_OK || v == 0)
		return "want 1 (quick) to 22 (small)";
	s->level = (int)v;
	return NULL;
}

static const char *set_threads(struct bundle_spec *s, const char *value)
{
	uint64_t v;

	if (bytes_decimal(&v, value, 32) != KB_OK || v == 0)
		return "want 1 to 32";
	s->threads = (unsigned)v;
	return NULL;
}

static const char *add_signing_key(struct bundle_spec *s, const char *dir, const char *value)
{
	if (s->nkeys == BUNDLE_SPEC_KEYS)
		return "more than 8 keys; add the others with `keelboot bundle sign`";
	/* One in a token is nowhere near the recipe. */
	return set_path(s->key[s->nkeys++], key_token_is_uri(value) ? "" : dir, value);
}

/* A file name may hold "," too: only what ends the text is an option. Cuts the last one off. */
static char *cut_option(char *path, const char *option)
{
	char *last = NULL;

	for (char *p = path; (p = strstr(p, option)) != NULL; p++)
		last = p;
	if (last == NULL || strchr(last + strlen(option), ',') != NULL)
		return NULL;
	*last = '\0';
	return last + strlen(option);
}

/* What is no class before a "=" is part of the path. */
const char *bundle_spec_from_value(struct bundle_spec_from *f, const char *dir, const char *value)
{
	const char *eq = strchr(value, '=');
	char name[sizeof(f->image)], path[BUNDLE_SPEC_PATH], *version;
	const char *wrong = NULL;

	*f = (struct bundle_spec_from){ .image = "" };
	if (strlen(value) >= sizeof(path))
		return "path too long";
	if (eq != NULL && eq - value < (ptrdiff_t)sizeof(name)) {
		snprintf(name, sizeof(name), "%.*s", (int)(eq - value), value);
		if (manifest_check_name(name) == NULL) {
			snprintf(f->image, sizeof(f->image), "%s", name);
			value = eq + 1;
		}
	}
	snprintf(path, sizeof(path), "%s", value);
	version = cut_option(path, ",version=");
	if (version != NULL && strlen(version) >= sizeof(f->version))
		return "version too long";
	if (version != NULL)
		wrong = manifest_value_copy(f->version, sizeof(f->version), version,
					    MANIFEST_VERSION_CHARS);
	return wrong != NULL ? wrong : set_path(f->file, dir, path);
}

static const char *add_from(struct bundle_spec *s, const char *dir, const char *value)
{
	if (s->nfrom == BUNDLE_SPEC_FROM)
		return "more than 12 older versions";
	return bundle_spec_from_value(&s->from[s->nfrom++], dir, value);
}

/* A slip here would be a release that no device takes. */
static const char *set_processors(struct bundle_spec *s, const char *value)
{
	const char *wrong = manifest_bundle_key(&s->m, "processor", value);

	for (unsigned i = 0; wrong == NULL && i < s->m.nprocessors; i++)
		if (!processor_is_known(s->m.processor[i]))
			wrong = "expected names of " PROCESSOR_NAMES;
	return wrong;
}

const char *bundle_spec_set(struct bundle_spec *s, const char *dir, const char *key,
			    const char *value)
{
	if (strcmp(key, "chunk-size") == 0)
		return set_chunk(s, value);
	if (strcmp(key, "compress") == 0)
		return set_compress(s, value);
	if (strcmp(key, "verity") == 0)
		return set_verity(s, value);
	if (strcmp(key, "level") == 0)
		return set_level(s, value);
	if (strcmp(key, "frame-size") == 0)
		return set_frame(s, value);
	if (strcmp(key, "threads") == 0)
		return set_threads(s, value);
	if (strcmp(key, "sig-capacity") == 0)
		return set_sig_cap(s, value);
	if (strcmp(key, "key") == 0)
		return add_signing_key(s, dir, value);
	if (strcmp(key, "from") == 0)
		return add_from(s, dir, value);
	if (strcmp(key, "full") == 0)
		return set_full(s, value);
	if (strcmp(key, "recompress") == 0)
		return set_recompress(s, value);
	if (strcmp(key, "processor") == 0)
		return set_processors(s, value);
	if (strcmp(key, "output") == 0)
		return set_path(s->output, dir, value);
	if (strcmp(key, "format") == 0 || strcmp(key, "created") == 0)
		return manifest_unknown_key; /* not for people to say */
	return manifest_bundle_key(&s->m, key, value);
}

/* ---------------------------------------------------------------- images */

static const char *find_or_add_image(struct bundle_spec *s, const char *name, unsigned *index)
{
	const char *wrong = manifest_check_name(name);
	struct manifest_image *im;

	if (wrong != NULL)
		return wrong;
	for (*index = 0; *index < s->m.nimages; ++*index) {
		if (strcmp(s->m.image[*index].name, name) == 0)
			return NULL;
	}
	if (*index == MANIFEST_IMAGES_MAX)
		return "more than 4 images";
	im = &s->m.image[s->m.nimages++];
	memcpy(im->name, name, strlen(name) + 1);
	return NULL;
}

/* A key of [image.NAME]; the image is made when it does not exist yet. */
static const char *set_image(struct bundle_spec *s, const char *dir, const char *name,
			     const char *key, const char *value)
{
	unsigned i;
	const char *wrong = find_or_add_image(s, name, &i);

	if (wrong != NULL)
		return wrong;
	if (strcmp(key, "file") == 0)
		return set_path(s->file[i], dir, value);
	if (strcmp(key, "size") == 0)
		return bytes_size(&s->size[i], value, UINT64_MAX) == KB_OK && s->size[i] > 0 &&
				       s->size[i] <= SIZE_MAX_
			       ? NULL
			       : "want a size, as 512M";
	if (strcmp(key, "filesystem") != 0 && strncmp(key, "verity-", 7) != 0)
		return manifest_unknown_key; /* what is measured is not for people to say */
	return manifest_image_key(&s->m.image[i], key, value);
}

const char *bundle_spec_image_option(struct bundle_spec *s, const char *value)
{
	char name[MANIFEST_STR_MAX], path[BUNDLE_SPEC_PATH], *fs, *size;
	const char *eq = strchr(value, '='), *wrong = NULL;
	unsigned i;

	if (eq == NULL || eq == value || eq - value >= (ptrdiff_t)sizeof(name) ||
	    strlen(eq + 1) >= sizeof(path))
		return "expected CLASS=FILE or CLASS=FILE,fs=TYPE, such as root=rootfs.ext4";
	snprintf(name, sizeof(name), "%.*s", (int)(eq - value), value);
	snprintf(path, sizeof(path), "%s", eq + 1);
	wrong = find_or_add_image(s, name, &i);
	if (wrong == NULL && (s->given >> i & 1) != 0)
		wrong = "this class was given before: each image needs one of its own";
	if (wrong != NULL)
		return wrong;
	s->given |= 1u << i;
	fs = cut_option(path, ",fs=");
	size = cut_option(path, ",size=");
	if (fs == NULL)
		fs = cut_option(path, ",fs=");
	if (fs != NULL)
		wrong = set_image(s, "", name, "filesystem", fs);
	if (wrong == NULL && size != NULL)
		wrong = set_image(s, "", name, "size", size);
	return wrong != NULL ? wrong : set_image(s, "", name, "file", path);
}

/* ---------------------------------------------------------------- recipe */

#define RECIPE_KEYS 64 /* more than there are */

struct recipe {
	struct bundle_spec *s;
	const char *path;
	char dir[BUNDLE_SPEC_PATH];
	/* section and key of each line so far: inih repeats it for a line that is indented, too */
	unsigned nseen;
	char seen[RECIPE_KEYS][128];
	bool failed;
};

static bool is_set_again(struct recipe *r, const char *key, const char *now)
{
	if (strcmp(key, "key") == 0 || strcmp(key, "from") == 0)
		return false;
	for (unsigned i = 0; i < r->nseen; i++)
		if (strcmp(r->seen[i], now) == 0)
			return true;
	if (r->nseen < RECIPE_KEYS)
		memcpy(r->seen[r->nseen++], now, sizeof(r->seen[0]));
	return false;
}

static int recipe_key(void *ctx, const char *section, const char *key, const char *value)
{
	struct recipe *r = ctx;
	const char *wrong;
	char now[sizeof(r->seen[0])];

	if (r->failed)
		return 1;
	snprintf(now, sizeof(now), "[%s] %s", section, key);
	if (is_set_again(r, key, now))
		wrong = "set twice, or the next line is indented";
	else if (strcmp(section, "bundle") == 0)
		wrong = bundle_spec_set(r->s, r->dir, key, value);
	else if (strncmp(section, "image.", 6) == 0)
		wrong = set_image(r->s, r->dir, section + 6, key, value);
	else
		wrong = "unknown section; expected [bundle] or [image.CLASS]";
	if (wrong == NULL)
		return 1;
	log_err("recipe %s: %s: %s", r->path, now, wrong);
	r->failed = true;
	return 1;
}

enum kb_err bundle_spec_recipe(struct bundle_spec *s, const char *path)
{
	static struct recipe r;
	const char *slash = strrchr(path, '/');
	int line;

	memset(&r, 0, sizeof(r));
	r.s = s;
	r.path = path;
	if (slash != NULL && slash - path + 2 < BUNDLE_SPEC_PATH)
		snprintf(r.dir, sizeof(r.dir), "%.*s", (int)(slash - path + 1), path);
	inputs_note(path);
	line = ini_parse(path, recipe_key, &r);
	if (r.failed)
		return KB_EINVAL;
	if (line < 0) {
		log_err("recipe %s: %s", path, strerror(errno));
		return KB_ENOENT;
	}
	if (line > 0) {
		log_err("recipe %s line %d: neither [section] nor key=value, or longer than 190 characters",
			path, line);
		return KB_EINVAL;
	}
	return KB_OK;
}

const char *bundle_spec_missing(const struct bundle_spec *s)
{
	if (s->output[0] == '\0')
		return "missing option: -o FILE.keel";
	if (s->m.ncompatible == 0)
		return "missing option: --compatible NAME, as in the device's system.conf";
	if (s->m.version[0] == '\0')
		return "missing option: --version V, such as 2.1";
	if (s->m.sequence == 0)
		return "missing option: --sequence N, a number that grows with each release";
	if (s->m.floor > s->m.sequence)
		return "floor is above sequence: the release would refuse itself";
	if (s->m.nimages == 0)
		return "missing option: --image root=FILE";
	if (!output_epoch_is_time())
		return "SOURCE_DATE_EPOCH is no number of seconds since 1970; unset it, or say one";
	if (!s->full && s->nfrom == 0)
		return "--full no needs an older version: --from OLD";
	for (unsigned i = 0; i < s->m.nimages; i++) {
		if (s->file[i][0] == '\0')
			return "an image has no file; use --image CLASS=FILE, or file= in the recipe";
	}
	return NULL;
}
