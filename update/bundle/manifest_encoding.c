/* SPDX-License-Identifier: Apache-2.0 */
/* The keys of [encoding.N]. */
#include "update/bundle/manifest_keys.h"
#include "update/bundle/manifest_value.h"

#include <string.h>

/* Whether rest, which is empty or begins with ',', has the name of n characters. */
static bool has_name(const char *rest, const char *name, size_t n)
{
	while (*rest != '\0') {
		size_t len = strcspn(++rest, ",");

		if (len == n && memcmp(rest, name, n) == 0)
			return true;
		rest += len;
	}
	return false;
}

/* READER_FORMS: none of this program's. */
static unsigned form_of(const char *name, size_t n)
{
	unsigned form = 0;

	while (form < READER_FORMS &&
	       (manifest_form_name(form) == NULL || strlen(manifest_form_name(form)) != n ||
		strncmp(manifest_form_name(form), name, n) != 0))
		form++;
	return form;
}

static const char *set_forms(void *p, const char *value)
{
	struct manifest_encoding *e = p;

	for (size_t n;; value += n + 1) {
		unsigned form;

		n = strcspn(value, ",");
		if (n == 0)
			return "an empty name";
		if (has_name(value + n, value, n))
			return "a name twice";
		form = form_of(value, n);
		if (form < READER_FORMS)
			e->forms |= MANIFEST_FORM(form);
		else
			e->kind = MANIFEST_ENC_UNKNOWN;
		e->lacks_compressor |=
			form == READER_FORMS &&
			strncmp(value, MANIFEST_REMAKE, strlen(MANIFEST_REMAKE)) == 0;
		if (value[n] == '\0')
			return NULL;
	}
}

static const char *set_seed(void *p, const char *value)
{
	return manifest_value_sha256(((struct manifest_encoding *)p)->seed, value);
}

static const char *set_seed_version(void *p, const char *value)
{
	struct manifest_encoding *e = p;

	return manifest_value_copy(e->seed_version, sizeof(e->seed_version), value,
				   MANIFEST_VERSION_CHARS);
}

static const char *set_table_offset(void *p, const char *value)
{
	return manifest_value_number(&((struct manifest_encoding *)p)->table.off, value, 0,
				     INT64_MAX);
}

static const char *set_table_length(void *p, const char *value)
{
	return manifest_value_number(&((struct manifest_encoding *)p)->table.len, value, 0,
				     INT64_MAX);
}

static const char *set_table_digest(void *p, const char *value)
{
	return manifest_value_sha256(((struct manifest_encoding *)p)->table.digest, value);
}

static const char *set_payload_offset(void *p, const char *value)
{
	return manifest_value_number(&((struct manifest_encoding *)p)->payload_off, value, 0,
				     INT64_MAX);
}

static const char *set_payload_length(void *p, const char *value)
{
	return manifest_value_number(&((struct manifest_encoding *)p)->payload_len, value, 0,
				     INT64_MAX);
}

static const char *set_payload_digest(void *p, const char *value)
{
	return manifest_value_sha256(((struct manifest_encoding *)p)->payload_digest, value);
}

const struct manifest_key manifest_encoding_keys[] = {
	{ "image", true, NULL },
	{ "kind", true, NULL },
	{ "forms", true, set_forms },
	{ "seed", false, set_seed },
	{ "seed-version", false, set_seed_version },
	{ "table-offset", true, set_table_offset },
	{ "table-length", true, set_table_length },
	{ "table-digest", true, set_table_digest },
	{ "payload-offset", true, set_payload_offset },
	{ "payload-length", true, set_payload_length },
	{ "payload-digest", true, set_payload_digest },
	{ NULL, false, NULL },
};
