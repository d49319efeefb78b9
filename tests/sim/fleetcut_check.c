/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/fleetcut.h"

#include "fleet/feed_record.h"
#include "update/wire/partial_form.h"

/* What is written over, with a spare file beside it. */
static const struct kind {
	const char *path, *spare, *unreadable, *gone, *neither;
} kinds[FLEETCUT_CHECK_KINDS] = {
#define KIND(path, name)                                                    \
	{                                                                   \
		path, path ".new", name " cannot be read", name " is gone", \
			name " is neither the old one nor the new one"      \
	}
	KIND(FLEETCUT_RECORD, "the record"),
	KIND(FLEETCUT_FEED, "the channel's record"),
	KIND(FLEETCUT_QUEUE, "the queue of reports"),
	KIND(FLEETCUT_ENDS, "the queue of ends"),
};

static uint32_t blob_of(const struct filecut_image *im, const char *path)
{
	const struct filecut_image_file *f = filecut_image_find(im, path);

	return f != NULL ? f->blob : 0;
}

static const uint8_t *bytes_of(const struct filecut_image *im, const char *path, size_t *len)
{
	uint32_t blob = blob_of(im, path);

	*len = 0;
	return blob != 0 ? filecut_image_bytes(blob, len) : NULL;
}

/* ---------------------------------------------------------------- the action */

/* A number for what decides how an action of a server goes on: no counts, and no texts. */
static uint64_t key_of(const struct action *a)
{
	static struct action key;

	memset(&key, 0, sizeof(key));
	memcpy(key.id, a->id, sizeof(key.id));
	memcpy(key.own.id, a->own.id, sizeof(key.own.id));
	memcpy(key.before.id, a->before.id, sizeof(key.before.id));
	memcpy(key.release, a->release, sizeof(key.release));
	key.phase = a->phase;
	key.reported = a->reported;
	key.missed = a->missed;
	key.repeats = a->repeats;
	return set_key(&key, sizeof(key));
}

struct record {
	uint32_t blob;
	bool bad;
	struct action a;
	uint64_t key;
};

/* Images come in thousands with the same, so what was read is kept. Until the next. */
static const struct record *know_record(const struct filecut_image *im)
{
	static struct record known[256];
	uint32_t is = blob_of(im, FLEETCUT_RECORD);
	struct record *k = &known[is % KB_ARRAY_LEN(known)];
	const uint8_t *text;
	size_t len;

	if (k->blob != is) {
		text = filecut_image_bytes(is, &len);
		k->bad = !action_read(&k->a, (const char *)text, len);
		k->key = key_of(&k->a);
		k->blob = is;
	}
	return k;
}

const struct action *fleetcut_check_read(const struct filecut_image *im)
{
	return &know_record(im)->a;
}

/* As parts_fetch() opens it. NULL: it is none that can go on. */
static const struct partial_form *read_form(const uint8_t *bytes, size_t len)
{
	static struct partial_form form;

	if (len < 24 || partial_form_len(bytes) > len ||
	    partial_form_parse(&form, bytes, partial_form_len(bytes)) != KB_OK)
		return NULL;
	return &form;
}

static uint64_t count_parts(const struct action *a, const uint8_t *bytes, size_t len)
{
	const struct partial_form *form = read_form(bytes, len);
	uint64_t kept = len < a->durable ? len : a->durable;

	return a->phase > ACTION_FETCHED || a->etag[0] == '\0' || form == NULL ||
			       kept < form->range[0].at || kept > partial_form_size(form)
		       ? 0
		       : kept;
}

/* As fetch_bundle() has it. */
uint64_t fleetcut_check_kept(const struct filecut_image *im)
{
	const struct action *a = fleetcut_check_read(im);
	size_t len;
	const uint8_t *bytes = bytes_of(im, FLEETCUT_BUNDLE, &len);
	uint64_t kept = len < a->durable ? len : a->durable;

	if (a->parts == ACTION_PARTS)
		return count_parts(a, bytes, len);
	return a->phase > ACTION_FETCHED || (a->etag[0] == '\0' && kept < a->size) ? 0 : kept;
}

bool fleetcut_check_lasts(const struct filecut_image *im)
{
	const struct action *a = fleetcut_check_read(im);

	return a->phase > ACTION_FETCHED || a->etag[0] == '\0' ||
	       fleetcut_check_kept(im) == a->durable;
}

/* Where byte i of the file is in the bundle, of which the form says ranges; NULL: all of it. */
static uint64_t place_of(const struct partial_form *form, uint64_t i)
{
	const struct partial_form_range *r = form != NULL ? form->range : NULL;

	while (r != NULL && i >= r->at + r->len)
		r++;
	return r != NULL ? r->off + (i - r->at) : i;
}

static const char *check_bundle(const struct filecut_image *im)
{
	const struct action *a = fleetcut_check_read(im);
	uint64_t kept = fleetcut_check_kept(im);
	size_t len;
	const uint8_t *bytes = bytes_of(im, FLEETCUT_BUNDLE, &len);
	const struct partial_form *form =
		kept > 0 && a->parts == ACTION_PARTS ? read_form(bytes, len) : NULL;

	for (uint64_t i = form != NULL ? form->range[0].at : 0; i < kept; i++)
		if (bytes[i] != fleetcut_server_byte(a->digest, place_of(form, i)))
			return "the record names bytes that are not those of its bundle";
	return NULL;
}

/* What a cut left behind that: 0: no file, 1: nothing, 2: bytes of its bundle, 3: others. Whoever
 * goes on from there shows it by these. */
static unsigned sort_rest(const struct filecut_image *im)
{
	const struct action *a = fleetcut_check_read(im);
	size_t len;
	const uint8_t *bytes = bytes_of(im, FLEETCUT_BUNDLE, &len);
	const struct partial_form *form = a->parts == ACTION_PARTS ? read_form(bytes, len) : NULL;
	uint64_t i = fleetcut_check_kept(im), end = len;

	if (bytes == NULL || i == 0 || i == len)
		return bytes != NULL;
	if (form != NULL && end > partial_form_size(form))
		end = partial_form_size(form);
	while (i < end && bytes[i] == fleetcut_server_byte(a->digest, place_of(form, i)))
		i++;
	return i == len ? 2 : 3;
}

/* ---------------------------------------------------------------- the channel */

static const char *check_feed(const struct filecut_image *im)
{
	static struct feed_record r;
	size_t len, kept_len;
	const uint8_t *text = bytes_of(im, FLEETCUT_FEED, &len);
	const uint8_t *kept = bytes_of(im, FLEETCUT_KEPT, &kept_len);
	uint64_t is = 0;

	if (text == NULL)
		return NULL;
	if (!feed_record_read(&r, (const char *)text, len))
		return kinds[FLEETCUT_CHECK_FEED].unreadable;
	for (uint64_t n = 1; n <= 2; n++)
		if (kept_len == strlen(fleetcut_server_file(n)) &&
		    memcmp(kept, fleetcut_server_file(n), kept_len) == 0)
			is = n;
	/* The file goes first. */
	return r.etag[0] != '\0' && is < r.sequence
		       ? "the channel's record names a file that is not here"
		       : NULL;
}

static unsigned count_reports(const struct filecut_image *im)
{
	static const char report[] = "\"phase\"";
	size_t len;
	const uint8_t *text = bytes_of(im, FLEETCUT_QUEUE, &len);
	unsigned n = 0;

	for (size_t i = 0; i + sizeof(report) <= len; i++)
		n += memcmp(text + i, report, sizeof(report) - 1) == 0;
	return n;
}

/* Of a channel, which is no server of ours. Nobody takes it here. */
static const char *check_told(const struct filecut_image *im)
{
	const struct action *a = fleetcut_check_read(im);

	return a->server == 0 && a->phase == ACTION_FAILED && a->reported == ACTION_FAILED &&
			       count_reports(im) == 0
		       ? "a report is lost: the record has it as kept"
		       : NULL;
}

/* ---------------------------------------------------------------- all of it */

void fleetcut_check_allow(struct fleetcut_check_rule *rule, const struct filecut_image *im)
{
	for (unsigned k = 0; k < FLEETCUT_CHECK_KINDS; k++) {
		uint32_t is = blob_of(im, kinds[k].path);
		unsigned i = 0;

		while (i < rule->nrecords[k] && rule->record[k][i] != is)
			i++;
		bundles_must(i < FLEETCUT_CHECK_RECORDS, "records");
		rule->record[k][i] = is;
		rule->nrecords[k] += i == rule->nrecords[k];
	}
}

static const char *check_allowed(const struct filecut_image *im,
				 const struct fleetcut_check_rule *rule)
{
	for (unsigned k = 0; k < FLEETCUT_CHECK_KINDS; k++) {
		uint32_t is = blob_of(im, kinds[k].path);
		unsigned i = 0;

		while (i < rule->nrecords[k] && rule->record[k][i] != is)
			i++;
		if (i == rule->nrecords[k])
			return is == 0 ? kinds[k].gone : kinds[k].neither;
	}
	return NULL;
}

const char *fleetcut_check_image(const struct filecut_image *im, const struct fleetcut_around *is,
				 const struct fleetcut_check_rule *rule)
{
	const char *why;

	if (know_record(im)->bad)
		return kinds[FLEETCUT_CHECK_ACTION].unreadable;
	why = check_allowed(im, rule);
	if (why == NULL && rule->lasts && !fleetcut_check_lasts(im))
		why = "the record names bytes that the cut took";
	if (why == NULL)
		why = check_bundle(im);
	if (why == NULL)
		why = check_feed(im);
	if (why == NULL)
		why = check_told(im);
	return why != NULL ? why : fleetcut_ends_check(im, is, rule->owed);
}

struct key {
	uint64_t file[FLEETCUT_CHECK_KINDS], spare[FLEETCUT_CHECK_KINDS],
		same[FLEETCUT_CHECK_KINDS], folders, bundle, kept, feed, around;
};

static bool is_same(const struct filecut_image *im, const char *path)
{
	const struct filecut_image_file *f = filecut_image_find(im, path);

	return f != NULL && f->same > 0;
}

/* Of a spare file its size counts, and whether it is the file itself. */
static void add_files(struct key *key, const struct filecut_image *im)
{
	for (unsigned k = 0; k < FLEETCUT_CHECK_KINDS; k++) {
		const struct filecut_image_file *spare = filecut_image_find(im, kinds[k].spare);
		size_t len;

		key->file[k] = blob_of(im, kinds[k].path);
		key->spare[k] = UINT64_MAX;
		if (spare == NULL)
			continue;
		filecut_image_bytes(spare->blob, &len);
		key->spare[k] = len;
		/* The file comes before its spare one. */
		key->same[k] = spare->same;
	}
}

/* Of a server's actions and their ends, what is in them: a spare file is cut in other stories. */
static void add_ends(struct key *key, const struct filecut_image *im)
{
	key->file[FLEETCUT_CHECK_ACTION] = know_record(im)->key;
	key->file[FLEETCUT_CHECK_ENDS] = fleetcut_ends_key(im);
	for (unsigned k = 0; k < FLEETCUT_CHECK_KINDS; k++)
		key->same[0] |= is_same(im, kinds[k].spare);
}

/* Of the bundle counts what is gone on from and what is behind that, of reports how many. */
uint64_t fleetcut_check_key(const struct filecut_image *im, const struct fleetcut_around *is)
{
	struct key key = { .kept = fleetcut_check_kept(im) };
	struct fleetcut_around around = *is;
	unsigned reports = count_reports(im);

	around.boots = 0;
	for (unsigned i = 0; i < im->nfiles; i++)
		key.folders += im->file[i].dir;
	if (fleetcut_check_read(im)->server > 0)
		add_ends(&key, im);
	else
		add_files(&key, im);
	if (reports > 0)
		key.file[FLEETCUT_CHECK_QUEUE] = reports < 2 ? 1 : 2;
	if (fleetcut_check_read(im)->server == 0)
		key.bundle = sort_rest(im);
	key.feed = blob_of(im, FLEETCUT_KEPT);
	key.around = set_key(&around, sizeof(around));
	return set_key(&key, sizeof(key));
}
