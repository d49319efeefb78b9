/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/bundle_fixture.h"

#include "tests/unit/raw.h"
#include "tests/unit/test.h"

static struct fixture f;
static struct key_file key, other;
static struct reader r;
static struct reader_walk w;
static struct keyring extra;
static struct reader_chunk c;
static const struct manifest_encoding *enc;

static int make_key(struct key_file *k)
{
	uint8_t *der = NULL;
	int len;

	k->pkey = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
	len = i2d_PUBKEY(k->pkey, &der);
	if (len <= 0 || keyring_add_spki(&k->ring, der, (size_t)len, "test-key") != KB_OK)
		return -1;
	OPENSSL_free(der);
	return 0;
}

static void setup_all(void)
{
	assert_false(make_key(&key) || make_key(&other));
}

static void teardown_all(void)
{
	key_file_free(&key);
	key_file_free(&other);
}

static void setup(void)
{
	fixture_begin(&f, 40, 16);
	fixture_seal(&f, &key);
}

/* Opens what f->file holds, its descriptor stays with r. */
static enum kb_err open_len(size_t len, bool raw, const struct keyring *k)
{
	enum kb_err err;
	int fd = fixture_fd(f.file, len);

	err = reader_open(&r, fd, raw, len, k);
	if (err != KB_OK) {
		assert_true(r.why[0] != '\0');
		close(fd);
	}
	return err;
}

static void shut(void)
{
	reader_close(&r);
	close(r.fd);
}

static enum kb_err open_it(void)
{
	return open_len(f.len, false, &key.ring);
}

static enum kb_err walk_all(uint32_t *n)
{
	enum kb_err err;

	*n = 0;
	TRY(reader_pick_encoding(&r, 0, NULL, &enc));
	TRY(reader_walk_begin(&w, &r, 0, enc));
	while ((err = reader_walk_next(&w, &c)) == KB_OK)
		++*n;
	return err == KB_ENOENT ? KB_OK : err;
}

/* Opens, which has to work, and walks. */
static enum kb_err open_and_walk(void)
{
	enum kb_err err;
	uint32_t n;

	OK(open_it());
	err = walk_all(&n);
	if (err == KB_OK)
		assert_int_equal(n, f.nchunks);
	else
		assert_true(r.why[0] != '\0');
	shut();
	return err;
}

static enum kb_err seal_and_walk(void)
{
	fixture_seal(&f, &key);
	return open_and_walk();
}

/* And it says why. */
#define REFUSED(call, error, because)                    \
	do {                                             \
		FAILS(call, error);                      \
		assert_non_null(strstr(r.why, because)); \
	} while (0)

static enum kb_err open_and_close(void)
{
	enum kb_err err = open_it();

	if (err == KB_OK)
		shut();
	return err;
}

/* ---------------------------------------------------------------- header, PURE */

TEST(a_header_is_read_as_it_was_written)
{
	struct reader_header h;
	uint8_t raw[512];

	OK(reader_header_parse(&h, f.header));
	assert_memory_equal(&h, &f.h, sizeof(h));
	reader_header_write(&h, raw);
	assert_memory_equal(raw, f.header, 512);
}

TEST(every_flipped_bit_of_the_header_is_found)
{
	struct reader_header h;

	for (unsigned i = 0; i < 512 * 8; i++) {
		f.header[i / 8] ^= (uint8_t)(1 << i % 8);
		FAILS(reader_header_parse(&h, f.header), KB_EDIGEST);
		f.header[i / 8] ^= (uint8_t)(1 << i % 8);
	}
}

static enum kb_err parse_changed(unsigned off, unsigned size, uint64_t value)
{
	struct reader_header h;
	uint8_t raw[512];

	memcpy(raw, f.header, 512);
	for (unsigned i = 0; i < size; i++)
		raw[off + i] = (uint8_t)(value >> 8 * i);
	bytes_put32(raw + 508, bytes_crc32c(0, raw, 508));
	return reader_header_parse(&h, raw);
}

TEST(each_field_is_checked_behind_the_checksum)
{
	FAILS(parse_changed(0, 1, 'k'), KB_EDIGEST);
	FAILS(parse_changed(8, 2, 0), KB_EFORMAT);
	OK(parse_changed(8, 2, 9)); /* made by a newer one, for ours too */
	FAILS(parse_changed(10, 2, 2), KB_ENEWER);
	FAILS(parse_changed(10, 2, 0), KB_EFORMAT);
	FAILS(parse_changed(12, 4, 513), KB_EFORMAT);
	OK(parse_changed(16, 8, UINT64_MAX));
	for (unsigned i = 0; i < 64; i++)
		FAILS(parse_changed(24, 8, 1ull << i), KB_ENEWER);
	for (unsigned i = 120; i < 508; i++)
		FAILS(parse_changed(i, 1, 1), KB_EFORMAT);
}

TEST(parts_are_contiguous)
{
	static const unsigned fields[] = { 32, 48, 56, 64, 72, 80 };

	for (unsigned i = 0; i < 6; i++) {
		uint64_t v = bytes_get64(f.header + fields[i]);
		uint64_t wrong[] = { v + 1, v - 1, 0, UINT64_MAX, INT64_MAX, v + (1ull << 32) };

		OK(parse_changed(fields[i], 8, v));
		for (unsigned k = 0; k < KB_ARRAY_LEN(wrong); k++)
			FAILS(parse_changed(fields[i], 8, wrong[k]), KB_EFORMAT);
	}
	FAILS(parse_changed(40, 4, 513), KB_EFORMAT);
	FAILS(parse_changed(44, 4, 0), KB_EFORMAT);
}

TEST(lengths_that_wrap_are_refused)
{
	struct reader_header h = f.h;
	uint8_t raw[512];

	h.tables_len = UINT64_MAX - h.tables_off + 1; /* payload_off becomes 0 */
	h.payload_off = 0;
	h.total_len = h.payload_len;
	reader_header_write(&h, raw);
	FAILS(reader_header_parse(&h, raw), KB_EFORMAT);
	h = f.h;
	h.payload_len = UINT64_MAX - h.payload_off + 1;
	h.total_len = 0;
	reader_header_write(&h, raw);
	FAILS(reader_header_parse(&h, raw), KB_EFORMAT);
	h = f.h;
	h.payload_len = (uint64_t)INT64_MAX - h.payload_off + 1; /* no off_t reaches it */
	h.total_len = h.payload_off + h.payload_len;
	reader_header_write(&h, raw);
	FAILS(reader_header_parse(&h, raw), KB_EFORMAT);
}

TEST(capacities_are_limited)
{
	struct reader_header h = f.h;
	uint8_t raw[512];

	for (uint64_t more = 0; more < 2; more++) {
		h = f.h;
		h.sig_cap = (uint32_t)(READER_SIG_CAP_MAX + more);
		h.manifest_off = 512 + h.sig_cap;
		h.tables_off = h.manifest_off + h.manifest_len;
		h.payload_off = h.tables_off + h.tables_len;
		h.total_len = h.payload_off + h.payload_len;
		reader_header_write(&h, raw);
		assert_int_equal(reader_header_parse(&h, raw), more ? KB_EFORMAT : KB_OK);
		h = f.h;
		h.manifest_len = (uint32_t)(MANIFEST_MAX + more);
		h.tables_off = h.manifest_off + h.manifest_len;
		h.payload_off = h.tables_off + h.tables_len;
		h.total_len = h.payload_off + h.payload_len;
		reader_header_write(&h, raw);
		assert_int_equal(reader_header_parse(&h, raw), more ? KB_EFORMAT : KB_OK);
	}
}

/* ---------------------------------------------------------------- opening */

TEST(a_signed_bundle_opens)
{
	OK(open_it());
	EQUAL((r.signer, "test-key"), (r.release.version, "2.0"), (r.release.sequence, 2));
	EQUAL((r.release.allow_downgrade, true), (r.m.nimages, 1));
	shut();
}

TEST(without_a_keyring_nothing_is_signed)
{
	memset(f.sig, 0, f.sig_cap);
	fixture_join(&f);
	FAILS(open_it(), KB_ESIG);
	OK(open_len(f.len, false, NULL));
	assert_string_equal(r.signer, "");
	shut();
	f.file[512 + f.sig_cap - 1] = 1;
	FAILS(open_len(f.len, false, NULL), KB_EFORMAT);
}

/* Either alone would be half of the reason. */
TEST(too_few_signatures_and_a_retired_one_are_both_told)
{
	struct keyring k = { .n = 1, .nretired = 1, .required = 2 };

	k.key[0] = key.ring.key[0];
	k.retired[0] = other.ring.key[0];
	OK(key_file_sign(&other, f.header, f.sig, f.sig_cap));
	fixture_join(&f);
	FAILS(open_len(f.len, false, &k), KB_ESIG);
	EQUAL((r.why,
	       "signed by 1 trusted key (test-key), but 2 must sign; the retired key \"test-key\" does not count"));
}

/* Signed or not: where its parts lie decides how much is read into which memory. */
TEST(a_signed_header_whose_parts_do_not_fit_is_refused)
{
	static const unsigned at[] = { 32, 48, 56, 64, 72, 80 }; /* total, offsets, lengths */

	for (unsigned i = 0; i < KB_ARRAY_LEN(at); i++) {
		setup();
		bytes_put64(f.header + at[i], bytes_get64(f.header + at[i]) + 1);
		bytes_put32(f.header + 508, bytes_crc32c(0, f.header, 508));
		fixture_sign(&f, &key);
		fixture_join(&f);
		REFUSED(open_it(), KB_EFORMAT, "its header is whole, but breaks the format");
	}
}

TEST(nothing_is_read_of_a_manifest_that_nobody_signed)
{
	f.manifest[0] = '?';
	fixture_seal_manifest(&f, &other);
	FAILS(open_it(), KB_ESIG);
	fixture_seal_manifest(&f, &key);
	FAILS(open_it(), KB_EFORMAT);
}

TEST(another_key_does_not_do)
{
	FAILS(open_len(f.len, false, &other.ring), KB_ESIG);
	FAILS(open_len(f.len, false, &extra), KB_ESIG); /* an empty ring */
}

TEST(one_of_two_signatures_is_enough)
{
	OK(key_file_sign(&other, f.header, f.sig, f.sig_cap));
	fixture_join(&f);
	OK(open_it());
	shut();
	OK(open_len(f.len, false, &other.ring));
	shut();
}

TEST(every_truncation_is_refused)
{
	for (size_t len = 0; len < f.len; len += len < 4096 ? 1 : 509)
		FAILS(open_len(len, false, &key.ring), KB_EFORMAT);
	REFUSED(open_len(f.len - 1, false, &key.ring), KB_EFORMAT, "truncated");
	FAILS(open_len(f.len - 1, true, &key.ring), KB_EFORMAT);
}

TEST(what_follows_the_end_is_ignored_on_a_device_only)
{
	FAILS(open_len(f.len + 1, false, &key.ring), KB_EFORMAT);
	OK(open_len(f.len + 1, true, &key.ring));
	shut();
}

TEST(every_flipped_byte_before_the_tables_is_refused)
{
	size_t entry = 512 + 4 + KEYRING_SIG_HEAD + 64;

	for (size_t i = 0; i < f.h.tables_off; i++) {
		enum kb_err want = i < 512		   ? KB_EFORMAT
				   : i >= f.h.manifest_off ? KB_EDIGEST
							   : KB_OK;
		enum kb_err err;

		f.file[i] ^= 0x10;
		err = open_and_close();
		if (want != KB_OK)
			assert_int_equal(err, want);
		else if (i < entry)
			assert_true(err == KB_ESIG || err == KB_EFORMAT);
		else if (i < entry + 2)
			assert_int_equal(err, KB_OK); /* has become an empty entry of unknown tag */
		else
			assert_int_equal(err, KB_EFORMAT);
		f.file[i] ^= 0x10;
	}
	OK(open_and_close());
}

TEST(a_manifest_that_is_wrong_but_signed_is_refused)
{
	memcpy(strstr(f.manifest, "sequence=2"), "sequense=2", 10);
	fixture_seal_manifest(&f, &key);
	REFUSED(open_it(), KB_EFORMAT, "sequense");
}

TEST(header_and_manifest_agree_about_lengths)
{
	for (unsigned i = 0; i < 2; i++) {
		struct reader_header h = f.h;

		h.tables_len -= i == 0;
		h.payload_off -= i == 0;
		h.payload_len += i == 0;
		h.payload_len += i;
		h.total_len += i;
		reader_header_write(&h, f.header);
		fixture_sign(&f, &key);
		fixture_join(&f);
		f.len += i;
		REFUSED(open_it(), KB_EFORMAT, "contradict each other about the length");
		setup();
	}
}

TEST(a_file_that_cannot_be_read_is_an_io_error)
{
	int fds[2];

	assert_int_equal(pipe(fds), 0); /* no positioned reads */
	FAILS(reader_open(&r, fds[0], false, f.len, &key.ring), KB_EIO);
	close(fds[0]);
	close(fds[1]);
}

static unsigned preads, interrupted; /* this one, from 1; 0: none */

/* In front of the C library's: the reader reads by it. */
ssize_t pread64(int fd, void *buf, size_t len, off64_t off)
{
	if (++preads != interrupted)
		return raw_pread(fd, buf, len, off);
	errno = EINTR;
	return -1;
}

ssize_t __pread64_chk(int fd, void *buf, size_t len, off64_t off, size_t size);
ssize_t __pread64_chk(int fd, void *buf, size_t len, off64_t off, size_t size)
{
	return pread64(fd, buf, len < size ? len : size, off);
}

TEST(a_read_that_a_signal_interrupts_is_made_again)
{
	interrupted = preads = 0;
	OK(open_and_walk());
	for (unsigned n = preads; n > 0; n--) {
		interrupted = n;
		preads = 0;
		OK(open_and_walk());
	}
	interrupted = 0;
}

/* Of the bundle as it is now. */
static const uint8_t *release_id(void)
{
	static uint8_t id[32];

	OK(open_it());
	memcpy(id, r.release.id, 32);
	shut();
	return id;
}

TEST(the_release_id_is_that_of_the_release)
{
	uint8_t first[32];

	memcpy(first, release_id(), 32);
	/* other records, other payload, other key: the same release */
	fixture_begin(&f, 40, 7);
	fixture_seal(&f, &other);
	OK(open_len(f.len, false, &other.ring));
	assert_memory_equal(r.release.id, first, 32);
	shut();
	/* another hash of a chunk: another one */
	f.hashes[5] ^= 1;
	fixture_seal(&f, &key);
	assert_memory_not_equal(release_id(), first, 32);
}

TEST(the_release_id_depends_on_all_it_should)
{
	static const char *const changes[][2] = {
		{ "compatible=box", "compatible=bax" }, { "compatible=box", "compatible=b,x" },
		{ "version=2.0", "version=2.1" },	{ "sequence=2", "sequence=3" },
		{ "[image.root]", "[image.roof]" },
	};
	uint8_t first[32];

	memcpy(first, release_id(), 32);
	for (unsigned i = 0; i < 5; i++) {
		fixture_manifest(&f);
		memcpy(strstr(f.manifest, changes[i][0]), changes[i][1], strlen(changes[i][1]));
		if (i == 4)
			memcpy(strstr(f.manifest, "image=root"), "image=roof", 10);
		fixture_seal_manifest(&f, &key);
		assert_memory_not_equal(release_id(), first, 32);
	}
	fixture_manifest(&f);
	memcpy(strstr(f.manifest, "floor=1"), "floor=0", 7);
	fixture_seal_manifest(&f, &key);
	assert_memory_equal(release_id(), first, 32);
}

/* ---------------------------------------------------------------- walking */

TEST(chunks_come_in_order_with_all_that_belongs_to_them)
{
	uint8_t hash[32], stored[8192];
	uint64_t off;

	OK(open_it());
	off = r.h.payload_off;
	OK(reader_pick_encoding(&r, 0, NULL, &enc));
	OK(reader_walk_begin(&w, &r, 0, enc));
	for (uint32_t i = 0; i < f.nchunks; i++) {
		OK(reader_walk_next(&w, &c));
		EQUAL((c.index, i), (c.len, i + 1 == f.nchunks ? 4096 : FIXTURE_CHUNK));
		fixture_hash(i, hash);
		assert_memory_equal(c.hash, hash, 32);
		EQUAL((c.form, fixture_form(&f, i)), (c.stored, fixture_stored(&f, i)));
		EQUAL((c.off, off));
		OK(reader_stored(&r, &c, stored));
		assert_memory_equal(stored, f.payload + (off - r.h.payload_off), c.stored);
		off += c.stored;
	}
	FAILS(reader_walk_next(&w, &c), KB_ENOENT);
	FAILS(reader_walk_next(&w, &c), KB_ENOENT);
	shut();
}

TEST(many_pages_of_both_kinds)
{
	fixture_begin(&f, 6000, 500); /* 3 pages of hashes, 12 of records */
	f.payload_len = f.payload_len < FIXTURE_MAX ? f.payload_len : 0;
	OK(seal_and_walk());
	fixture_begin(&f, 4096, 4096); /* exactly 2 pages of hashes */
	OK(seal_and_walk());
	fixture_begin(&f, 1, 1);
	OK(seal_and_walk());
}

TEST(every_flipped_byte_of_the_tables_is_found)
{
	/* Pages are mostly padding: every byte near the ends and records, a sample elsewhere. */
	for (size_t i = f.h.tables_off; i < f.h.payload_off; i += i % 65536 < 3000 ? 1 : 257) {
		f.file[i] ^= 1;
		FAILS(open_and_walk(), KB_EDIGEST);
		f.file[i] ^= 1;
	}
	OK(open_and_walk());
}

/* Only the lists are signed: what is as it says itself, down to its own list, is still another. */
TEST(pages_that_agree_with_nothing_but_their_own_list_are_refused)
{
	f.hashes[5] ^= 1;
	fixture_lists(&f);
	fixture_join(&f);
	REFUSED(open_and_walk(), KB_EDIGEST, "the list of its hash pages");
	setup();
	/* Chunks 2 and 5, 02 07 00 and 02 0a 00: another border between their stored bytes. */
	f.records[READER_PAGE_HEAD + 2 * 3 + 1]++;
	f.records[READER_PAGE_HEAD + 5 * 3 + 1]--;
	fixture_lists(&f);
	fixture_join(&f);
	REFUSED(open_and_walk(), KB_EDIGEST, "the list of its record pages");
	/* Nothing else is wrong with either. */
	f.hashes[5] ^= 1;
	OK(seal_and_walk());
}

TEST(pages_that_changed_places_are_found)
{
	static uint8_t page[READER_PAGE];
	size_t hashes, records;

	fixture_begin(&f, 5000, 1000);
	fixture_seal(&f, &key);
	hashes = f.h.tables_off + f.list_len[0];
	records = hashes + f.hashes_len + f.list_len[1];
	for (unsigned i = 0; i < 2; i++) {
		uint8_t *p = f.file + (i == 0 ? hashes : records);

		memcpy(page, p, READER_PAGE);
		memcpy(p, p + READER_PAGE, READER_PAGE);
		memcpy(p + READER_PAGE, page, READER_PAGE);
		FAILS(open_and_walk(), KB_EDIGEST);
		fixture_join(&f);
	}
	/* Even signed that way, the pages of records know their places. */
	memcpy(page, f.records, READER_PAGE);
	memcpy(f.records, f.records + READER_PAGE, READER_PAGE);
	memcpy(f.records + READER_PAGE, page, READER_PAGE);
	REFUSED(seal_and_walk(), KB_EFORMAT, "out of place");
}

/* Changes one byte (or more) of the records, signs it, and walks. */
static enum kb_err with_records(size_t at, const void *bytes, size_t len)
{
	setup();
	memcpy(f.records + at, bytes, len);
	return seal_and_walk();
}

TEST(page_heads_are_checked)
{
	uint8_t b[8];

	bytes_put32(b, 1);
	FAILS(with_records(0, b, 4), KB_EFORMAT); /* first chunk */
	bytes_put32(b, 0);
	FAILS(with_records(4, b, 4), KB_EFORMAT); /* no records */
	bytes_put32(b, 41);
	FAILS(with_records(4, b, 4), KB_EFORMAT); /* more than chunks */
	bytes_put32(b, 15);
	FAILS(with_records(4, b, 4), KB_EFORMAT); /* one is left over */
	bytes_put32(b, 17);
	FAILS(with_records(4, b, 4), KB_EFORMAT); /* one of them is padding */
	bytes_put64(b, 1);
	FAILS(with_records(8, b, 8), KB_EFORMAT); /* payload offset */
	bytes_put32(b, 15);
	FAILS(with_records(READER_PAGE, b, 4), KB_EFORMAT);
}

TEST(records_are_checked)
{
	/* The first record is a zero chunk, 00 00 00, as is the second; the third zstd, 02 07 00.
	 */
	OK(with_records(16, "\x00\x00\x00", 3));
	OK(with_records(22, "\x02\x07\x00", 3));
	FAILS(with_records(22, "\x02\x00\x00", 3), KB_EFORMAT); /* zstd of nothing */
	FAILS(with_records(22, "\x00\x07\x00", 3), KB_EFORMAT); /* zero with bytes */
	FAILS(with_records(22, "\x01\x07\x00", 3), KB_EFORMAT); /* raw, but short */
	FAILS(with_records(22, "\x02\x06\x00", 3), KB_EFORMAT); /* payload left over */
	FAILS(with_records(22, "\x02\x08\x00", 3), KB_EFORMAT);
	FAILS(with_records(22, "\x02\x07\x01", 3), KB_EFORMAT); /* parameters */
	for (uint8_t form = 3; form != 0; form++) {
		uint8_t rec[3] = { form, 7, 0 };

		FAILS(with_records(22, rec, 3), KB_EFORMAT);
	}
	/* padding of a page that is not the last */
	FAILS(with_records(READER_PAGE - 1, "\x01", 1), KB_EFORMAT);
}

/* One chunk of 4096 bytes whose record is `rec`; payload of payload_len bytes. */
static enum kb_err with_one_record(const char *rec, size_t len, size_t payload_len)
{
	fixture_begin(&f, 1, 1);
	memcpy(f.records + READER_PAGE_HEAD, rec, len);
	f.records_len = READER_PAGE_HEAD + len;
	f.payload_len = payload_len;
	return seal_and_walk();
}

TEST(varints_have_one_spelling)
{
	OK(with_one_record("\x01\x80\x20\x00", 4, 4096));
	FAILS(with_one_record("\x01\x80\xa0\x00\x00", 5, 4096), KB_EFORMAT);
	FAILS(with_one_record("\x01\x80\xa0\x80\x80\x00\x00", 7, 4096), KB_EFORMAT);
	FAILS(with_one_record("\x00\x80\x00\x00", 4, 0), KB_EFORMAT); /* of nothing */
	FAILS(with_one_record("\x00\x00\x80\x00", 4, 0), KB_EFORMAT);
	FAILS(with_one_record("\x01\x80\x20\x80\x00", 5, 4096), KB_EFORMAT);
	FAILS(with_one_record("\x01\x80\xa0\x80\x80\x10\x00", 7, 4096), KB_EFORMAT);
	FAILS(with_one_record("\x01\x80\xa0\x80\x80\x80\x00\x00", 8, 4096), KB_EFORMAT);
	FAILS(with_one_record("\x01\x80", 2, 4096), KB_EFORMAT); /* cut */
	FAILS(with_one_record("\x01\x80\x20", 3, 4096), KB_EFORMAT);
	FAILS(with_one_record("\x01", 1, 4096), KB_EFORMAT);
	FAILS(with_one_record("", 0, 4096), KB_EFORMAT);
	FAILS(with_one_record("\x01\x80\x20\x00\x00", 5, 4096), KB_EFORMAT); /* more */
}

TEST(stored_lengths_are_limited_and_exact)
{
	OK(with_one_record("\x02\x80\x40\x00", 4, 8192)); /* 4096 + 4096 */
	FAILS(with_one_record("\x02\x81\x40\x00", 4, 8193), KB_EFORMAT);
	FAILS(with_one_record("\x01\xff\x1f\x00", 4, 4095), KB_EFORMAT);
	REFUSED(with_one_record("\x01\x80\x20\x00", 4, 4095), KB_EFORMAT,
		"the record of chunk 0"); /* before any of it is read */
	FAILS(with_one_record("\x01\x80\x20\x00", 4, 4097), KB_EFORMAT);
	OK(with_one_record("\x00\x00\x00", 3, 0));
	FAILS(with_one_record("\x00\x00\x00", 3, 1), KB_EFORMAT);
	FAILS(with_one_record("\x02\xff\xff\xff\xff\x0f\x00", 7, 4096), KB_EFORMAT);
}

TEST(a_form_that_the_manifest_does_not_name_is_refused)
{
	memcpy(strstr(f.manifest, "forms=zero,raw,zstd"), "forms=zero,raw\n\n\n\n\n", 19);
	fixture_seal_manifest(&f, &key);
	FAILS(open_and_walk(), KB_EFORMAT);
}

TEST(tables_of_a_wrong_length_are_refused)
{
	/* A page too many: a copy of the last, with its place put right. */
	fixture_begin(&f, 40, 40);
	memset(f.records + f.records_len, 0, READER_PAGE);
	f.records_len = READER_PAGE + 20;
	bytes_put32(f.records + READER_PAGE, 40);
	bytes_put32(f.records + READER_PAGE + 4, 1);
	bytes_put64(f.records + READER_PAGE + 8, f.payload_len);
	FAILS(seal_and_walk(), KB_EFORMAT);
	/* A page too few; nor is there one behind the last, where that ends with its records. */
	fixture_begin(&f, 40, 20);
	f.records_len = READER_PAGE;
	FAILS(seal_and_walk(), KB_EFORMAT);
	f.records_len = READER_PAGE_HEAD + 20 * 3;
	REFUSED(seal_and_walk(), KB_EFORMAT, "records are missing");
	/* No page; a page that is nothing but a head; half a head. */
	for (size_t len = 0; len <= READER_PAGE_HEAD; len++) {
		fixture_begin(&f, 1, 1);
		f.records_len = len;
		FAILS(seal_and_walk(), KB_EFORMAT);
	}
	/* The second page is nothing but a digest in the list. */
	fixture_begin(&f, 40, 40);
	f.records_len = READER_PAGE;
	fixture_lists(&f);
	f.list_len[1] += 32;
	fixture_manifest(&f);
	fixture_seal_manifest(&f, &key);
	FAILS(open_and_walk(), KB_EFORMAT);
}

/* A table of records of so many pages, all of it zero, in a file that has all of it. */
static enum kb_err with_pages(uint64_t pages)
{
	uint64_t len = pages * (READER_PAGE + DIGEST_LEN);
	uint8_t *list = calloc(pages, DIGEST_LEN);
	char digest[65], payload[65];
	enum kb_err err;
	uint32_t n;
	int fd;

	assert_non_null(list);
	setup();
	fixture_hex(digest, list, pages * DIGEST_LEN);
	fixture_payload(payload, f.payload, f.payload_len);
	free(list);
	f.manifest_len = (size_t)(strstr(f.manifest, "table-length=") - f.manifest);
	f.manifest_len += (size_t)sprintf(f.manifest + f.manifest_len,
					  "table-length=%llu\ntable-digest=%s\npayload-offset=0\n"
					  "payload-length=%zu\npayload-digest=%s\n",
					  (unsigned long long)len, digest, f.payload_len, payload);
	fixture_header(&f);
	f.h.tables_len = f.list_len[0] + f.hashes_len + len;
	f.h.payload_off = f.h.tables_off + f.h.tables_len;
	f.h.total_len = f.h.payload_off + f.h.payload_len;
	reader_header_write(&f.h, f.header);
	fixture_sign(&f, &key);
	fixture_join(&f);
	fd = fixture_fd(f.file, f.h.tables_off + f.list_len[0] + f.hashes_len);
	assert_int_equal(ftruncate(fd, (off_t)f.h.total_len), 0);
	OK(reader_open(&r, fd, false, f.h.total_len, &key.ring));
	err = walk_all(&n);
	shut();
	return err;
}

/* The list of pages is read into memory of a fixed size, whatever was signed. */
TEST(a_table_with_more_pages_than_its_list_has_room_for_is_refused)
{
	REFUSED(with_pages(READER_PAGE / DIGEST_LEN), KB_EDIGEST,
		"a page of its records"); /* of the first page */
	REFUSED(with_pages(READER_PAGE / DIGEST_LEN + 1), KB_EFORMAT, "a wrong length");
	REFUSED(with_pages(1u << 20), KB_EFORMAT,
		"a wrong length"); /* more than all of a walk's memory */
}

/* A page that is full of records, and its head counts one more: there is no byte of it. */
TEST(a_record_behind_the_end_of_a_full_page_is_refused)
{
	const uint32_t n = (READER_PAGE - READER_PAGE_HEAD) / 3 + 1; /* zero chunks, 00 00 00 */

	fixture_begin(&f, 1, 1);
	f.nchunks = n;
	f.size = (uint64_t)n * FIXTURE_CHUNK;
	for (uint32_t i = 0; i < n; i++)
		fixture_hash(i, f.hashes + (size_t)i * DIGEST_LEN);
	f.hashes_len = (size_t)n * DIGEST_LEN;
	memset(f.records, 0, READER_PAGE);
	bytes_put32(f.records + 4, n);
	f.records_len = READER_PAGE;
	f.payload_len = 0;
	REFUSED(seal_and_walk(), KB_EFORMAT, "the record of chunk 21840 is invalid");
}

TEST(a_file_that_shrinks_under_us_is_an_io_error)
{
	uint8_t stored[8192];
	uint32_t n;

	OK(open_it());
	OK(reader_pick_encoding(&r, 0, NULL, &enc));
	OK(reader_walk_begin(&w, &r, 0, enc));
	for (uint32_t i = 0; i < 3; i++)
		OK(reader_walk_next(&w, &c));
	assert_int_equal(ftruncate(r.fd, (off_t)(c.off + c.stored - 1)), 0);
	FAILS(reader_stored(&r, &c, stored), KB_EIO);
	assert_int_equal(ftruncate(r.fd, (off_t)r.h.tables_off), 0);
	FAILS(walk_all(&n), KB_EIO);
	shut();
}

/* ---------------------------------------------------------------- several encodings */

/* Puts an encoding of an unknown kind, with a table and payload of its own, before or behind. */
static void with_unknown_encoding(bool before)
{
	static const char *const unknown = "[encoding.%c]\nimage=root\nkind=hologram\nforms=light\n"
					   "laser=blue\ntable-offset=%zu\ntable-length=7\n"
					   "table-digest=%s\npayload-offset=%zu\n"
					   "payload-length=11\npayload-digest=%s\n";
	size_t hl = f.list_len[0] + f.hashes_len, rl = f.list_len[1] + f.records_len;
	char digest[65], records[65], payload[65], text[2048], *at;
	int n;

	fixture_hex(digest, f.lists[0], f.list_len[0]);
	fixture_hex(records, f.lists[1], f.list_len[1]);
	fixture_payload(payload, f.payload, f.payload_len);
	at = strstr(f.manifest, "[encoding.1]");
	n = 0;
	if (before)
		n += sprintf(text + n, unknown, '1', hl, digest, (size_t)0, digest);
	n += sprintf(text + n,
		     "[encoding.%d]\nimage=root\nkind=full\nforms=zero,raw,zstd\n"
		     "table-offset=%zu\ntable-length=%zu\ntable-digest=%s\npayload-offset=%d\n"
		     "payload-length=%zu\npayload-digest=%s\n",
		     before ? 2 : 1, hl + (before ? 7 : 0), rl, records, before ? 11 : 0,
		     f.payload_len, payload);
	if (!before)
		n += sprintf(text + n, unknown, '2', hl + rl, digest, f.payload_len, digest);
	f.manifest_len = (size_t)(at - f.manifest) + (size_t)n;
	memcpy(at, text, (size_t)n);
}

/* As fixture_seal_manifest(), with 7 bytes of table and 11 of payload of the other encoding. */
static void seal_with_unknown(bool before)
{
	struct reader_header *h = &f.h;

	fixture_header(&f);
	h->tables_len += 7;
	h->payload_off += 7;
	h->payload_len += 11;
	h->total_len += 18;
	reader_header_write(h, f.header);
	fixture_sign(&f, &key);
	f.len = 0;
	fixture_put(&f, f.header, 512);
	fixture_put(&f, f.sig, f.sig_cap);
	fixture_put(&f, f.manifest, f.manifest_len);
	fixture_put(&f, f.lists[0], f.list_len[0]);
	fixture_put(&f, f.hashes, f.hashes_len);
	if (before)
		fixture_put(&f, "unknown", 7);
	fixture_put(&f, f.lists[1], f.list_len[1]);
	fixture_put(&f, f.records, f.records_len);
	if (!before)
		fixture_put(&f, "unknown", 7);
	if (before)
		fixture_put(&f, "and unknown", 11);
	fixture_put(&f, f.payload, f.payload_len);
	if (!before)
		fixture_put(&f, "and unknown", 11);
}

TEST(an_encoding_of_unknown_kind_is_passed_over)
{
	uint8_t stored[8192];

	for (int before = 0; before < 2; before++) {
		setup();
		with_unknown_encoding(before);
		seal_with_unknown(before);
		OK(open_and_walk());
		OK(open_it());
		assert_int_equal(r.m.nencodings, 2);
		OK(reader_pick_encoding(&r, 0, NULL, &enc));
		assert_ptr_equal(enc, &r.m.encoding[before]);
		OK(reader_walk_begin(&w, &r, 0, enc));
		for (int i = 0; i < 3; i++)
			OK(reader_walk_next(&w, &c));
		OK(reader_stored(&r, &c, stored));
		assert_memory_equal(stored, f.payload, c.stored);
		FAILS(reader_walk_begin(&w, &r, 0, &r.m.encoding[!before]), KB_ENEWER);
		shut();
	}
}

TEST(a_bundle_with_nothing_but_unknown_encodings_is_newer)
{
	memcpy(strstr(f.manifest, "kind=full"), "kind=fuel", 9);
	fixture_seal_manifest(&f, &key);
	OK(open_it());
	REFUSED(reader_pick_encoding(&r, 0, NULL, &enc), KB_ENEWER, "needs a newer Keelboot");
	shut();
}

TEST_MAIN("reader", .set_up = setup, .first = setup_all, .last = teardown_all, .quiet = true)
