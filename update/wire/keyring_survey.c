/* SPDX-License-Identifier: Apache-2.0 */
#include "update/wire/keyring_survey.h"

#include "lib/bytes.h"
#include "lib/os.h"
#include "lib/util.h"

#include <stdio.h>
#include <string.h>

static bool has_mark(const struct keyring_survey_key *key, unsigned n, uint32_t mark)
{
	for (unsigned i = 0; i < n; i++)
		if (key[i].mark == mark)
			return true;
	return false;
}

static enum kb_err read_key(const char *dir, const char *file, struct keyring_survey_key *key)
{
	char path[4096], text[KEYRING_PEM_MAX + 2];
	uint8_t spki[KEYRING_SPKI_MAX];
	enum keyring_alg alg;
	size_t n, len;

	if (snprintf(path, sizeof(path), "%s/%s", dir, file) >= (int)sizeof(path))
		return KB_ENOSPC;
	TRY(os_read_file(path, text, sizeof(text), &n));
	if (n > KEYRING_PEM_MAX || memchr(text, '\0', n) != NULL)
		return KB_EFORMAT;
	TRY(keyring_pem_decode(text, spki, &len));
	TRY(keyring_pem_alg(spki, len, &alg));
	key->mark = bytes_crc32c(0, spki, len);
	key->published = keyring_pem_published(spki, len);
	util_print_safe(key->name, sizeof(key->name), file);
	return KB_OK;
}

/* One folder, while it is read. */
struct folder {
	const char *path;
	bool is_retired;
	unsigned files;
	struct keyring_survey *s;
};

/* Puts it into its place by name; of one key under two names the first stays. KB_ENOSPC: more than
 * keyring_load() takes, which then takes none. */
static enum kb_err add_key(struct keyring_survey_key *keys, unsigned *n,
			   const struct keyring_survey_key *key)
{
	unsigned at = 0;

	while (at < *n && keys[at].mark != key->mark)
		at++;
	if (at == *n && *n == KEYRING_SURVEY_MAX)
		return KB_ENOSPC;
	if (at == *n)
		(*n)++;
	else if (strcmp(keys[at].name, key->name) <= 0)
		return KB_OK;
	for (; at > 0 && strcmp(keys[at - 1].name, key->name) > 0; at--)
		keys[at] = keys[at - 1];
	keys[at] = *key;
	return KB_OK;
}

static void note_wrong(struct keyring_survey *s, const char *file)
{
	char name[sizeof(s->wrong)];

	util_print_safe(name, sizeof(name), file);
	if (s->wrong[0] == '\0' || strcmp(name, s->wrong) < 0)
		snprintf(s->wrong, sizeof(s->wrong), "%s", name);
}

static enum kb_err visit_name(void *ctx, const char *name)
{
	struct folder *f = ctx;
	struct keyring_survey *s = f->s;
	struct keyring_survey_key key;
	enum kb_err err;

	if (!f->is_retired && !keyring_pem_is_name(name))
		return KB_OK;
	if (f->files++ == KEYRING_FILES_MAX)
		return KB_ENOSPC;
	err = read_key(f->path, name, &key);
	if (err != KB_OK)
		note_wrong(s, name);
	/* All that lies there is a key, or nobody knows which ones are trusted no more. */
	if (f->is_retired)
		return err == KB_OK ? add_key(s->retired, &s->nretired, &key) : err;
	if (err != KB_OK || has_mark(s->retired, s->nretired, key.mark))
		return KB_OK;
	return add_key(s->trusted, &s->ntrusted, &key);
}

static enum kb_err read_retired(struct keyring_survey *s, const char *dir)
{
	char path[4096], target[2];
	struct folder f = { path, true, 0, s };
	enum kb_err err;

	if (snprintf(path, sizeof(path), "%s/" KEYRING_RETIRED_DIR, dir) >= (int)sizeof(path))
		return KB_EINVAL;
	err = os_each(path, visit_name, &f);
	if (err == KB_ENOENT && f.files == 0) /* unless something else has its name */
		return os_readlink(path, target, sizeof(target)) == KB_ENOENT ? KB_OK : KB_EFORMAT;
	return err;
}

void keyring_survey_read(struct keyring_survey *s, const char *dir)
{
	struct folder trusted = { dir, false, 0, s };

	memset(s, 0, sizeof(*s));
	if (read_retired(s, dir) != KB_OK || os_each(dir, visit_name, &trusted) != KB_OK)
		s->ntrusted = s->nretired = 0;
}

const struct keyring_survey_key *keyring_survey_published(const struct keyring_survey *s)
{
	for (unsigned i = 0; i < s->ntrusted; i++)
		if (s->trusted[i].published != NULL)
			return &s->trusted[i];
	return NULL;
}
