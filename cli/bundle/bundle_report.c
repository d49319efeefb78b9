/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/bundle/bundle_report.h"

#include "cli/output/output.h"
#include "lib/bytes.h"
#include "lib/log.h"
#include "lib/util.h"

#include <inttypes.h>
#include <limits.h>
#include <string.h>

static enum kb_err count_forms(struct bundle_report *p, struct reader *r, unsigned i)
{
	struct bundle_report_encoding *e = &p->enc[i];
	struct reader_chunk c;

	e->readable = r->m.encoding[i].kind != MANIFEST_ENC_UNKNOWN;
	if (!e->readable)
		return KB_OK;
	TRY(reader_walk_begin(&p->walk, r, r->m.encoding[i].image, &r->m.encoding[i]));
	for (;;) {
		enum kb_err err = reader_walk_next(&p->walk, &c);

		if (err != KB_OK)
			return err == KB_ENOENT ? KB_OK : err;
		e->chunks[c.form]++;
	}
}

enum kb_err bundle_report_collect(struct bundle_report *p, struct bundle_open *b,
				  struct bundle_seeds *seeds)
{
	memset(p, 0, sizeof(*p));
	p->b = b;
	p->seeds = seeds;
	p->r = &b->r;
	for (unsigned i = 0; i < b->r.m.nencodings; i++) {
		enum kb_err err = count_forms(p, &b->r, i);

		if (err != KB_OK) {
			log_err("%s: encoding %u: %s", b->path, i + 1, b->r.why);
			return err;
		}
	}
	return KB_OK;
}

static const char *kind_name(enum manifest_encoding_kind kind)
{
	switch (kind) {
	case MANIFEST_ENC_FULL:
		return "full";
	case MANIFEST_ENC_SEED:
		return "seed";
	case MANIFEST_ENC_UNKNOWN:
		return "unknown";
	}
	return "unknown";
}

/* The signature entries, one after the other; false after the last. */
static bool next_signature(const struct bundle_report *p, size_t *pos, struct keyring_entry *e)
{
	const struct reader *r = &p->b->r;

	while (keyring_next(r->sig, r->h.sig_cap, pos, e) == KB_OK) {
		if (e->tag == KEYRING_TAG_SIGNATURE)
			return true;
	}
	return false;
}

/* ---------------------------------------------------------------- text */

static void print_line(const char *label, const char *value)
{
	if (value[0] != '\0')
		printf("%-12s %s\n", label, value);
}

static void text_signatures(const struct bundle_report *p)
{
	struct keyring_entry e;
	size_t pos = 0;
	unsigned n = 0;

	for (; next_signature(p, &pos, &e); n++) {
		const struct keyring_key *key = keyring_find(&p->b->keys.ring, e.value + 2);
		const struct keyring_key *old = keyring_find_retired(&p->b->keys.ring, e.value + 2);
		char id[2 * KEYRING_ID_LEN + 1];

		bytes_hex(id, e.value + 2, KEYRING_ID_LEN);
		printf("%-12s %s by key %s%s%s\n", n == 0 ? "signatures" : "",
		       keyring_alg_name(e.value[0]), id,
		       key != NULL   ? ", named "
		       : old != NULL ? ", retired, named "
				     : "",
		       key != NULL   ? key->name
		       : old != NULL ? old->name
				     : "");
	}
	if (n == 0)
		print_line("signatures", "none: no device installs it");
	if (p->b->keys.given)
		printf("%-12s valid signature by %s\n", "checked", p->b->r.signer);
	else
		print_line("checked", "no: signature not checked; use --keys DIR or --key FILE");
}

/* Of a partial bundle: how many bytes of it are here. */
static uint64_t bytes_here(const struct reader *r)
{
	return partial_form_size(&r->part) - r->part.range[0].at;
}

static void text_partial(const struct reader *r)
{
	char size[OUTPUT_TIME_LEN];

	output_size(size, bytes_here(r));
	printf("%-12s %s of it are here, in %" PRIu32 " ranges; the rest must be in slots\n",
	       "partial", size, r->part.n);
}

static void text_bundle(const struct bundle_report *p)
{
	const struct manifest *m = &p->b->r.m;
	char id[2 * DIGEST_LEN + 1], size[OUTPUT_TIME_LEN], path[PATH_MAX];

	output_size(size, p->b->r.h.total_len);
	bytes_hex(id, p->b->r.release.id, DIGEST_LEN);
	util_print_safe(path, sizeof(path), p->b->path);
	printf("%-12s %s, %s, format %" PRIu64 ".%" PRIu64 "\n", "bundle", path, size,
	       m->format_major, m->format_minor);
	if (reader_is_partial(&p->b->r))
		text_partial(&p->b->r);
	print_line("version", m->version);
	printf("%-12s %" PRIu64 "%s", "sequence", m->sequence,
	       m->allow_downgrade ? "; may replace a newer release" : "");
	if (m->floor > 0)
		printf("; devices that keep it refuse sequences below %" PRIu64, m->floor);
	putchar('\n');
	for (unsigned i = 0; i < m->ncompatible; i++)
		print_line(i == 0 ? "compatible" : "", m->compatible[i]);
	for (unsigned i = 0; i < m->nprocessors; i++)
		print_line(i == 0 ? "processor" : "", m->processor[i]);
	print_line("release", id);
	print_line("created", m->created);
	print_line("build", m->build);
	print_line("description", m->description);
}

static void text_encoding(const struct bundle_report *p, unsigned i)
{
	const struct manifest_encoding *e = &p->b->r.m.encoding[i];
	char stored[OUTPUT_TIME_LEN], seed[2 * DIGEST_LEN + 1];

	output_size(stored, e->payload_len);
	printf("%-12s %s, %s stored", i == 0 ? "encodings" : "", kind_name(e->kind), stored);
	for (unsigned f = 0; p->enc[i].readable && f < BUNDLE_REPORT_FORMS; f++) {
		if (p->enc[i].chunks[f] > 0)
			printf(", %u %s", p->enc[i].chunks[f], manifest_form_name(f));
	}
	printf("; for image %s\n", p->b->r.m.image[e->image].name);
	if (e->kind != MANIFEST_ENC_SEED)
		return;
	bytes_hex(seed, e->seed, DIGEST_LEN);
	printf("%-12s made from %s%s%simage %s\n", "", e->seed_version[0] != '\0' ? "version " : "",
	       e->seed_version, e->seed_version[0] != '\0' ? ", " : "", seed);
}

/* The smallest encoding of an image that a device with those older versions can use. */
static const struct manifest_encoding *usable_encoding(const struct bundle_report *p, unsigned i)
{
	const struct reader_seeds have = { .have = bundle_seeds_have, .ctx = p->seeds };
	const struct manifest_encoding *enc = NULL;

	return reader_pick_encoding(p->r, i, &have, &enc) == KB_OK ? enc : NULL;
}

/* How much of the payload such a device has to have, and how much is left out. */
static void text_needs(const struct bundle_report *p, unsigned i)
{
	const struct manifest_encoding *e = usable_encoding(p, i);
	char needs[OUTPUT_TIME_LEN], size[OUTPUT_TIME_LEN];
	const struct manifest_image *im = &p->b->r.m.image[i];

	if (e == NULL) {
		printf("%-12s image %s: no device that has only that can use the bundle\n", "needs",
		       im->name);
		return;
	}
	output_size(needs, e->payload_len);
	output_size(size, im->size);
	printf("%-12s image %s: %s of encoding %u, for %s\n", "needs", im->name, needs,
	       (unsigned)(e - p->b->r.m.encoding) + 1, size);
}

static void text_image(const struct manifest_image *im)
{
	char size[OUTPUT_TIME_LEN], digest[2 * DIGEST_LEN + 1];

	output_size(size, im->size);
	bytes_hex(digest, im->digest, DIGEST_LEN);
	printf("%-12s %s: %s, %s%s%u chunk%s of %u KiB%s\n", "image", im->name, size,
	       im->filesystem, im->filesystem[0] != '\0' ? ", " : "", manifest_chunks(im),
	       manifest_chunks(im) == 1 ? "" : "s", im->chunk >> 10,
	       im->verity.present ? ", dm-verity" : "");
	printf("%-12s digest %s\n", "", digest);
}

void bundle_report_text(const struct bundle_report *p)
{
	const struct manifest *m = &p->b->r.m;

	text_bundle(p);
	text_signatures(p);
	for (unsigned i = 0; i < m->nimages; i++)
		text_image(&m->image[i]);
	for (unsigned i = 0; i < m->nencodings; i++)
		text_encoding(p, i);
	for (unsigned i = 0; p->b->nfrom > 0 && i < m->nimages; i++)
		text_needs(p, i);
}

/* ---------------------------------------------------------------- JSON */

static json_object *json_signatures(const struct bundle_report *p)
{
	json_object *all = json_object_new_array();
	struct keyring_entry e;
	size_t pos = 0;

	while (next_signature(p, &pos, &e)) {
		const struct keyring_key *key = keyring_find(&p->b->keys.ring, e.value + 2);
		json_object *o = json_object_new_object();

		output_json_text(o, "algorithm", keyring_alg_name(e.value[0]));
		output_json_hex(o, "key", e.value + 2, KEYRING_ID_LEN);
		output_json_text(o, "name", key != NULL ? key->name : NULL);
		if (keyring_find_retired(&p->b->keys.ring, e.value + 2) != NULL)
			output_json_bool(o, "retired", true);
		json_object_array_add(all, o);
	}
	return all;
}

static json_object *json_encoding(const struct bundle_report *p, unsigned i)
{
	const struct manifest_encoding *e = &p->b->r.m.encoding[i];
	json_object *o = json_object_new_object(), *forms = json_object_new_object();

	output_json_text(o, "image", p->b->r.m.image[e->image].name);
	output_json_text(o, "kind", kind_name(e->kind));
	output_json_number(o, "stored", e->payload_len);
	for (unsigned f = 0; p->enc[i].readable && f < BUNDLE_REPORT_FORMS; f++) {
		if (p->enc[i].chunks[f] > 0)
			output_json_number(forms, manifest_form_name(f), p->enc[i].chunks[f]);
	}
	output_json_add(o, "chunks", forms);
	if (e->kind == MANIFEST_ENC_SEED) {
		output_json_hex(o, "seed", e->seed, DIGEST_LEN);
		output_json_text(o, "seed_version",
				 e->seed_version[0] != '\0' ? e->seed_version : NULL);
	}
	if (p->b->nfrom > 0)
		output_json_bool(o, "chosen", usable_encoding(p, e->image) == e);
	return o;
}

static json_object *json_image(const struct manifest_image *im)
{
	json_object *o = json_object_new_object();

	output_json_text(o, "name", im->name);
	output_json_number(o, "size", im->size);
	output_json_number(o, "chunk_size", im->chunk);
	output_json_number(o, "chunks", manifest_chunks(im));
	output_json_text(o, "filesystem", im->filesystem[0] != '\0' ? im->filesystem : NULL);
	output_json_hex(o, "digest", im->digest, DIGEST_LEN);
	output_json_hex(o, "hashes_digest", im->hashes.digest, DIGEST_LEN);
	if (im->verity.present)
		output_json_hex(o, "verity_root_hash", im->verity.root_hash,
				im->verity.root_hash_len);
	return o;
}

static json_object *json_names(const char (*name)[MANIFEST_STR_MAX + 1], unsigned n)
{
	json_object *all = json_object_new_array();

	for (unsigned i = 0; i < n; i++)
		json_object_array_add(all, json_object_new_string(name[i]));
	return all;
}

void bundle_report_json_release(json_object *o, const struct reader *r)
{
	const struct manifest *m = &r->m;

	output_json_number(o, "size", r->h.total_len);
	output_json_hex(o, "release", r->release.id, DIGEST_LEN);
	output_json_add(o, "compatible", json_names(m->compatible, m->ncompatible));
	output_json_add(o, "processor", json_names(m->processor, m->nprocessors));
	output_json_text(o, "version", m->version);
	output_json_number(o, "sequence", m->sequence);
	output_json_number(o, "floor", m->floor);
	output_json_bool(o, "allow_downgrade", m->allow_downgrade);
}

static json_object *json_partial(const struct reader *r)
{
	json_object *o = json_object_new_object();

	output_json_number(o, "bytes", bytes_here(r));
	output_json_number(o, "ranges", r->part.n);
	return o;
}

static void json_bundle(json_object *o, const struct bundle_report *p)
{
	const struct manifest *m = &p->b->r.m;

	output_json_text(o, "bundle", p->b->path);
	bundle_report_json_release(o, &p->b->r);
	output_json_text(o, "created", m->created[0] != '\0' ? m->created : NULL);
	output_json_text(o, "build", m->build[0] != '\0' ? m->build : NULL);
	output_json_text(o, "description", m->description[0] != '\0' ? m->description : NULL);
	output_json_add(o, "partial", reader_is_partial(&p->b->r) ? json_partial(&p->b->r) : NULL);
	output_json_bool(o, "signature_checked", p->b->keys.given);
	output_json_text(o, "signer", p->b->keys.given ? p->b->r.signer : NULL);
	output_json_add(o, "signatures", json_signatures(p));
}

enum kb_err bundle_report_json(const struct bundle_report *p)
{
	const struct manifest *m = &p->b->r.m;
	json_object *o = output_json_new();
	json_object *images = json_object_new_array(), *encodings = json_object_new_array();

	json_bundle(o, p);
	for (unsigned i = 0; i < m->nimages; i++)
		json_object_array_add(images, json_image(&m->image[i]));
	for (unsigned i = 0; i < m->nencodings; i++)
		json_object_array_add(encodings, json_encoding(p, i));
	output_json_add(o, "images", images);
	output_json_add(o, "encodings", encodings);
	return output_json_print(o, false);
}
