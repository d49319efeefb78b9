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
	char path[256], text[KEYRING_PEM_MAX + 1];
	uint8_t spki[KEYRING_SPKI_MAX];
	enum keyring_alg alg;
	size_t len;

	if (snprintf(path, sizeof(path), "%s/%s", dir, file) >= (int)sizeof(path))
		return KB_ENOSPC;
	TRY(os_read_file(path, text, sizeof(text), NULL));
	TRY(keyring_pem_decode(text, spki, &len));
	TRY(keyring_pem_alg(spki, len, &alg));
	key->mark = bytes_crc32c(0, spki, len);
	key->published = keyring_pem_published(spki, len);
	util_print_safe(key->name, sizeof(key->name), file);
	return KB_OK;
}

/* Those of one folder that are not among the `not` first of `but`. */
static unsigned read_folder(const char *dir, struct keyring_survey_key *out,
			    const struct keyring_survey_key *but, unsigned not )
{
	static char names[FILES_MAX][64];
	unsigned n, count = 0;

	if (os_list(dir, names, FILES_MAX, &n) != KB_OK)
		return 0;
	for (unsigned i = 0; i < n && count < KEYRING_SURVEY_MAX; i++) {
		struct keyring_survey_key key;

		if (!keyring_pem_is_name(names[i]) || read_key(dir, names[i], &key) != KB_OK ||
		    has(out, count, key.mark) || has(but, not, key.mark))
			continue;
		out[count++] = key;
	}
	return count;
}

void keyring_survey_read(struct keyring_survey *s, const char *dir)
{
	char retired[256];

	memset(s, 0, sizeof(*s));
	if (snprintf(retired, sizeof(retired), "%s/" KEYRING_RETIRED_DIR, dir) <
	    (int)sizeof(retired))
		s->nretired = read_folder(retired, s->retired, NULL, 0);
	s->ntrusted = read_folder(dir, s->trusted, s->retired, s->nretired);
}

const struct keyring_survey_key *keyring_survey_published(const struct keyring_survey *s)
{
	for (unsigned i = 0; i < s->ntrusted; i++)
		if (s->trusted[i].published != NULL)
			return &s->trusted[i];
	return NULL;
}
