/* SPDX-License-Identifier: Apache-2.0 */
#include "update/keyring_survey.h"

#include "lib/bytes.h"
#include "lib/os.h"
#include "lib/util.h"

#include <stdio.h>
#include <string.h>

#define FILES_MAX 64u

static bool has(const struct keyring_survey_key *key, unsigned n, uint32_t mark)
{
	for (unsigned i = 0; i < n; i++)
		if (key[i].mark == mark)
			return true;
	return false;
}

static enum kb_err read_key(const char *dir, const char *file, struct keyring_survey_key *key)
{
	char path[256], text[KEYRING_PEM_MAX + 2];
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

static char names[FILES_MAX + 1][64];

static void read_trusted(struct keyring_survey *s, const char *dir)
{
	unsigned n;

	if (os_list(dir, names, FILES_MAX, &n) != KB_OK)
		return;
	for (unsigned i = 0; i < n && s->ntrusted < KEYRING_SURVEY_MAX; i++) {
		struct keyring_survey_key key;

		if (keyring_pem_is_name(names[i]) && read_key(dir, names[i], &key) == KB_OK &&
		    !has(s->trusted, s->ntrusted, key.mark) &&
		    !has(s->retired, s->nretired, key.mark))
			s->trusted[s->ntrusted++] = key;
	}
}

/* All that lies there is a key, or it cannot be told which ones are trusted no more. */
static enum kb_err read_retired(struct keyring_survey *s, const char *dir)
{
	char path[256], target[2];
	enum kb_err err;
	unsigned n;

	if (snprintf(path, sizeof(path), "%s/" KEYRING_RETIRED_DIR, dir) >= (int)sizeof(path))
		return KB_EINVAL;
	err = os_list(path, names, FILES_MAX + 1, &n);
	if (err == KB_ENOENT) /* unless something else has its name */
		return os_readlink(path, target, sizeof(target)) == KB_ENOENT ? KB_OK : KB_EFORMAT;
	if (err == KB_OK && n > FILES_MAX)
		err = KB_ENOSPC;
	TRY(err);
	for (unsigned i = 0; i < n; i++) {
		struct keyring_survey_key key;

		TRY(read_key(path, names[i], &key));
		if (has(s->retired, s->nretired, key.mark))
			continue;
		if (s->nretired == KEYRING_SURVEY_MAX)
			return KB_ENOSPC;
		s->retired[s->nretired++] = key;
	}
	return KB_OK;
}

void keyring_survey_read(struct keyring_survey *s, const char *dir)
{
	memset(s, 0, sizeof(*s));
	if (read_retired(s, dir) == KB_OK)
		read_trusted(s, dir);
	else
		memset(s, 0, sizeof(*s));
}

const struct keyring_survey_key *keyring_survey_published(const struct keyring_survey *s)
{
	for (unsigned i = 0; i < s->ntrusted; i++)
		if (s->trusted[i].published != NULL)
			return &s->trusted[i];
	return NULL;
}
