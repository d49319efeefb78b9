/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/fleetcut.h"

static uint32_t record_of(const struct filecut_image *im)
{
	const struct filecut_image_file *f = filecut_image_find(im, FLEETCUT_RECORD);

	return f != NULL ? f->blob : 0;
}

static const uint8_t *bundle_of(const struct filecut_image *im, size_t *len)
{
	const struct filecut_image_file *f = filecut_image_find(im, FLEETCUT_BUNDLE);

	*len = 0;
	return f != NULL ? filecut_image_bytes(f->blob, len) : NULL;
}

/* NULL: there is one, and it cannot be read. Images come in thousands with the same, so what was
 * read is kept. Until the next. */
static const struct action *read_record(const struct filecut_image *im)
{
	static struct known {
		uint32_t blob;
		bool bad;
		struct action a;
	} known[256];
	uint32_t is = record_of(im);
	struct known *k = &known[is % KB_ARRAY_LEN(known)];
	const uint8_t *text;
	size_t len;

	if (k->blob != is) {
		text = filecut_image_bytes(is, &len);
		k->bad = !action_read(&k->a, (const char *)text, len);
		k->blob = is;
	}
	return k->bad ? NULL : &k->a;
}

const struct action *fleetcut_check_read(const struct filecut_image *im)
{
	static const struct action none;
	const struct action *a = read_record(im);

	return a != NULL ? a : &none;
}

/* As fetch_bundle() has it. */
uint64_t fleetcut_check_kept(const struct filecut_image *im)
{
	const struct action *a = fleetcut_check_read(im);
	size_t len;
	uint64_t kept;

	(void)bundle_of(im, &len);
	kept = len < a->durable ? len : a->durable;
	return a->phase > ACTION_FETCHED || (a->etag[0] == '\0' && kept < a->size) ? 0 : kept;
}

void fleetcut_check_allow(struct fleetcut_check_rule *rule, const struct filecut_image *im)
{
	uint32_t is = record_of(im);

	for (unsigned i = 0; i < rule->nrecords; i++)
		if (rule->record[i] == is)
			return;
	bundles_must(rule->nrecords < FLEETCUT_CHECK_RECORDS, "records");
	rule->record[rule->nrecords++] = is;
}

bool fleetcut_check_lasts(const struct filecut_image *im)
{
	const struct action *a = fleetcut_check_read(im);

	return a->phase > ACTION_FETCHED || a->etag[0] == '\0' ||
	       fleetcut_check_kept(im) == a->durable;
}

static bool is_allowed(const struct fleetcut_check_rule *rule, uint32_t record)
{
	for (unsigned i = 0; i < rule->nrecords; i++)
		if (rule->record[i] == record)
			return true;
	return false;
}

const char *fleetcut_check_image(const struct filecut_image *im,
				 const struct fleetcut_check_rule *rule)
{
	const uint8_t *bundle;
	const char *digest;
	uint64_t kept;
	size_t len;

	if (read_record(im) == NULL)
		return "the record cannot be read";
	if (!is_allowed(rule, record_of(im)))
		return record_of(im) == 0 ? "the record is gone"
					  : "the record is neither the old one nor the new one";
	if (rule->lasts && !fleetcut_check_lasts(im))
		return "the record names bytes that the cut took";
	bundle = bundle_of(im, &len);
	kept = fleetcut_check_kept(im);
	digest = fleetcut_check_read(im)->digest;
	for (uint64_t i = 0; i < kept; i++)
		if (bundle[i] != fleetcut_run_byte(digest, i))
			return "the record names bytes that are not those of its bundle";
	return NULL;
}

/* Of the spare file its size counts, and of the bundle what is gone on from. */
uint64_t fleetcut_check_key(const struct filecut_image *im)
{
	const struct filecut_image_file *spare = filecut_image_find(im, FLEETCUT_SPARE);
	struct {
		uint64_t record, folders, spare, same, bundle, kept;
	} key = { .record = record_of(im), .spare = UINT64_MAX };
	size_t len;

	for (unsigned i = 0; i < im->nfiles; i++)
		key.folders += im->file[i].dir;
	if (spare != NULL) {
		filecut_image_bytes(spare->blob, &len);
		key.spare = len;
		/* The record comes before its spare file. */
		key.same = spare->same;
	}
	key.bundle = filecut_image_find(im, FLEETCUT_BUNDLE) != NULL;
	key.kept = fleetcut_check_kept(im);
	return set_key(&key, sizeof(key));
}
