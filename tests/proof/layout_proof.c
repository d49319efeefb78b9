/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The arithmetic of chunks and pages, for every value that the manifest's parser and load_lists()
 * let through: nothing wraps, every page and chunk lies within its table and image, and the chunks
 * of an image are exactly the image, each byte once.
 */
#include "update/bundle/manifest.h"
#include "update/bundle/reader.h"

/* What manifest_keys.c demands of an image: `size` and `chunk-size` of [image.NAME]. */
/*@ predicate image_ok(struct manifest_image *im) =
  @   \valid_read(im) && 0 < im->size &&
  @   (im->chunk == 16384 || im->chunk == 32768 || im->chunk == 65536 || im->chunk == 131072 ||
  @    im->chunk == 262144 || im->chunk == 524288 || im->chunk == 1048576) &&
  @   im->size <= 4194304 * im->chunk; */

/*@ requires image_ok(im);
  @ assigns \nothing;
  @ ensures 1 <= \result <= 4194304;
  @ ensures im->chunk == 16384 ==> (\result - 1) * 16384 < im->size <= \result * 16384;
  @ ensures im->chunk == 32768 ==> (\result - 1) * 32768 < im->size <= \result * 32768;
  @ ensures im->chunk == 65536 ==> (\result - 1) * 65536 < im->size <= \result * 65536;
  @ ensures im->chunk == 131072 ==> (\result - 1) * 131072 < im->size <= \result * 131072;
  @ ensures im->chunk == 262144 ==> (\result - 1) * 262144 < im->size <= \result * 262144;
  @ ensures im->chunk == 524288 ==> (\result - 1) * 524288 < im->size <= \result * 524288;
  @ ensures im->chunk == 1048576 ==> (\result - 1) * 1048576 < im->size <= \result * 1048576; */
uint32_t manifest_chunks(const struct manifest_image *im);

/* The first byte of the next chunk is the one behind this: together they are the image. */
/*@ requires image_ok(im) && i * im->chunk < im->size;
  @ assigns \nothing;
  @ ensures 1 <= \result <= im->chunk;
  @ ensures i * im->chunk + \result <= im->size;
  @ ensures \result == im->chunk || i * im->chunk + \result == im->size;
  @ ensures (i + 1) * im->chunk >= im->size ==> i * im->chunk + \result == im->size; */
uint32_t manifest_chunk_len(const struct manifest_image *im, uint32_t i);

/*@ assigns \nothing;
  @ ensures \exists integer pages; (pages - 1) * 2048 < chunks <= pages * 2048 &&
  @   \result == 32 * (pages + chunks); */
uint64_t manifest_hashes_len(uint32_t chunks);

/* ---------------------------------------------------------------- pages of records */

/*@ predicate pages_of(struct manifest_table *t, integer pages) =
  @   (pages - 1) * 65568 < t->len <= pages * 65568; */

/* What load_lists() demands of a table of records with so many pages. */
/*@ predicate table_ok(struct manifest_table *t, integer pages) =
  @   \valid_read(t) && pages_of(t, pages) && 1 <= pages <= 2048 &&
  @   t->len > 32 * pages + 65536 * (pages - 1) + 16; */

/*@ requires \valid_read(t);
  @ assigns \nothing;
  @ ensures pages_of(t, \result); */
static uint64_t enc_pages(const struct manifest_table *t);

/* List and pages fill the table to its last byte. */
/*@ requires \exists integer pages; table_ok(t, pages) && page < pages;
  @ assigns \nothing;
  @ ensures 16 < \result <= 65536;
  @ ensures \forall integer pages; pages_of(t, pages) ==>
  @   32 * pages + 65536 * page + \result <= t->len;
  @ ensures \forall integer pages; pages_of(t, pages) && page + 1 == pages ==>
  @   32 * pages + 65536 * page + \result == t->len;
  @ ensures \forall integer pages; pages_of(t, pages) && page + 1 < pages ==>
  @   \result == 65536; */
static size_t enc_page_len(const struct manifest_table *t, uint32_t page);

/*@ requires \valid_read(w) && 1 <= w->nchunks <= 4194304;
  @ assigns \nothing;
  @ ensures 1 <= \result <= 2048;
  @ ensures (\result - 1) * 2048 < w->nchunks <= \result * 2048; */
static uint32_t hash_pages(const struct reader_walk *w);

/*@ requires plain <= 1048576;
  @ assigns \nothing;
  @ ensures \result ==> stored <= plain + 4096; */
static bool stored_fits(enum reader_form form, uint32_t stored, uint32_t plain);

#include "update/bundle/manifest.c"
#include "update/bundle/reader_walk.c"
