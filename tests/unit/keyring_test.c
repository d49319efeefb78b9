/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/key/key_file.h"
#include "update/keys/keyring.h"
#include "tests/unit/folder.h"

#include <dirent.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#define CAP 16384

/* ---------------------------------------------------------------- OpenSSL, made to fail */

static int verify_result = 1, fail_verify_init, fail_md_new; /* 1: the real one decides */

EVP_MD_CTX *EVP_MD_CTX_new(void)
{
	__typeof__(EVP_MD_CTX_new) *real = TEST_REAL(EVP_MD_CTX_new);

	return fail_md_new ? NULL : real();
}

int EVP_DigestVerifyInit(EVP_MD_CTX *ctx, EVP_PKEY_CTX **pctx, const EVP_MD *type, ENGINE *e,
			 EVP_PKEY *pkey)
{
	__typeof__(EVP_DigestVerifyInit) *real = TEST_REAL(EVP_DigestVerifyInit);

	return fail_verify_init ? -1 : real(ctx, pctx, type, e, pkey);
}

int EVP_DigestVerify(EVP_MD_CTX *ctx, const unsigned char *sig, size_t siglen,
		     const unsigned char *tbs, size_t tbslen)
{
	__typeof__(EVP_DigestVerify) *real = TEST_REAL(EVP_DigestVerify);

	return verify_result != 1 ? verify_result : real(ctx, sig, siglen, tbs, tbslen);
}

/* ---------------------------------------------------------------- the kernel, made to fail */

static unsigned calls, fail_call; /* this one of the two, from 1 */
static int fail_errno;

static bool fails(void)
{
	if (fail_call == 0 || ++calls != fail_call)
		return false;
	errno = fail_errno;
	return true;
}

struct dirent64 *readdir64(DIR *d)
{
	__typeof__(readdir64) *real = TEST_REAL(readdir64);

	return fails() ? NULL : real(d);
}

ssize_t read(int fd, void *buf, size_t len)
{
	return fails() ? -1 : syscall(SYS_read, fd, buf, len);
}

/* ---------------------------------------------------------------- fixture */

static struct key_file ed, ed2, ec;
static uint8_t header[512], area[CAP];
static struct keyring ring;

static void setup_all(void)
{
	folder_make();
	OK(key_file_generate(folder_at("10-ed"), KEYRING_ED25519, &ed));
	OK(key_file_generate(folder_at("30-ed2"), KEYRING_ED25519, &ed2));
	OK(key_file_generate(folder_at("20-ec"), KEYRING_ECDSA_P256, &ec));
	for (unsigned i = 0; i < sizeof(header); i++)
		header[i] = (uint8_t)(i * 7);
}

static void teardown_all(void)
{
	key_file_free(&ed);
	key_file_free(&ed2);
	key_file_free(&ec);
	folder_remove();
}

static void setup(void)
{
	memset(area, 0, sizeof(area));
	keyring_free(&ring);
}

static void teardown(void)
{
	keyring_free(&ring);
}

static void trust(const struct key_file *k, const char *name)
{
	OK(keyring_add_spki(&ring, k->spki, k->spki_len, name));
}

static void sign(const struct key_file *k)
{
	OK(key_file_sign(k, header, area, CAP));
}

static enum kb_err verify(void)
{
	const struct keyring_key *signer = NULL;
	enum kb_err err = keyring_verify(&ring, header, area, CAP, &signer);

	assert_true((err == KB_OK) == (signer != NULL));
	return err;
}

/* Where the entries end. */
static size_t area_end(void)
{
	struct keyring_entry e;
	size_t pos = 0;

	while (keyring_next(area, CAP, &pos, &e) == KB_OK)
		;
	return pos;
}

static void add_entry(uint16_t tag, const uint8_t *value, uint16_t len)
{
	size_t at = area_end();

	bytes_put16(area + at, tag);
	bytes_put16(area + at + 2, len);
	memcpy(area + at + 4, value, len);
}

/* ---------------------------------------------------------------- signatures */

TEST(a_signature_of_a_trusted_key_is_valid)
{
	const struct key_file *const keys[] = { &ed, &ec };

	for (unsigned i = 0; i < 2; i++) {
		setup();
		sign(keys[i]);
		trust(keys[i], "it");
		OK(verify());
	}
}

/* As docs/FORMAT.md has it: whoever signs elsewhere signs these bytes. */
TEST(what_is_signed_is_the_domain_and_the_whole_header)
{
	static const char domain[] = "keelboot bundle v1";
	uint8_t out[KEYRING_SIGNED_LEN];

	assert_int_equal(sizeof(out), sizeof(domain) + 512);
	keyring_signed_bytes(out, KEYRING_BUNDLE, header);
	assert_memory_equal(out, domain, sizeof(domain));
	assert_memory_equal(out + sizeof(domain), header, 512);
}

/* The same key over the same bytes: neither passes for the other. */
TEST(a_signature_of_a_bundle_is_none_of_a_channel_file)
{
	const struct key_file *const keys[] = { &ed, &ec };
	uint8_t one[KEYRING_SIGNED_LEN], other[KEYRING_SIGNED_LEN];

	keyring_signed_bytes(one, KEYRING_BUNDLE, header);
	keyring_signed_bytes(other, KEYRING_CHANNEL, header);
	assert_memory_equal(other, "keelboot channel 1", sizeof("keelboot channel 1"));
	assert_memory_not_equal(one, other, sizeof(one));
	for (unsigned i = 0; i < 2; i++) {
		struct key_file k = *keys[i];

		setup();
		sign(&k);
		trust(&k, "it");
		ring.document = KEYRING_CHANNEL;
		FAILS(verify(), KB_ESIG);
		k.ring.document = KEYRING_CHANNEL;
		sign(&k);
		OK(verify());
		ring.document = KEYRING_BUNDLE;
		FAILS(verify(), KB_ESIG);
	}
}

TEST(a_signature_of_another_key_is_none)
{
	sign(&ed);
	trust(&ed2, "other");
	trust(&ec, "third");
	FAILS(verify(), KB_ESIG);
}

TEST(no_signature_and_no_key_verify_nothing)
{
	trust(&ed, "ed");
	FAILS(verify(), KB_ESIG);
	keyring_free(&ring);
	sign(&ed);
	FAILS(verify(), KB_ESIG);
}

static void assert_explained(const char *why)
{
	struct keyring_verdict v;
	char text[256];

	FAILS(keyring_check(&ring, header, area, CAP, &v), KB_ESIG);
	keyring_explain(&ring, &v, text, sizeof(text));
	EQUAL((text, why));
}

TEST(a_refusal_says_what_there_is_instead_of_a_signature)
{
	char text[256], stranger[17], own[17];

	bytes_hex(stranger, key_file_public(&ed)->id, 8);
	bytes_hex(own, key_file_public(&ec)->id, 8);
	trust(&ec, "2026");
	assert_explained(
		"not signed by the one trusted key: it has no signature; sign it: keelboot bundle sign");
	ring.document = KEYRING_CHANNEL;
	assert_explained(
		"not signed by the one trusted key: it has no signature; sign it: keelboot channel sign");
	ring.document = KEYRING_BUNDLE;
	sign(&ed);
	snprintf(
		text, sizeof(text),
		"not signed by the one trusted key: its signature names key %s, but %s (2026) is trusted; sign it with a trusted key",
		stranger, own);
	assert_explained(text);
	trust(&ed2, "other");
	snprintf(
		text, sizeof(text),
		"not signed by any of the 2 trusted keys: its signature names key %s, but %s (2026) and 1 more are trusted; sign it with a trusted key",
		stranger, own);
	assert_explained(text);
	/* The key is trusted now, and what it signed is another header. */
	trust(&ed, "third");
	header[7] ^= 1;
	assert_explained(
		"not signed by any of the 3 trusted keys: its signature is not valid; copy it again");
	header[7] ^= 1;
}

TEST(every_flipped_bit_of_the_header_breaks_it)
{
	sign(&ed);
	trust(&ed, "ed");
	for (unsigned i = 0; i < 512 * 8; i++) {
		header[i / 8] ^= (uint8_t)(1 << i % 8);
		FAILS(verify(), KB_ESIG);
		header[i / 8] ^= (uint8_t)(1 << i % 8);
	}
	OK(verify());
}

TEST(every_flipped_bit_of_the_entry_breaks_it)
{
	const struct key_file *const keys[] = { &ed, &ec };

	for (unsigned k = 0; k < 2; k++) {
		setup();
		sign(keys[k]);
		trust(keys[k], "it");
		for (size_t i = 0; i < area_end() * 8; i++) {
			size_t end = area_end();

			area[i / 8] ^= (uint8_t)(1 << i % 8);
			assert_int_not_equal(verify(), KB_OK);
			area[i / 8] ^= (uint8_t)(1 << i % 8);
			assert_int_equal(area_end(), end);
		}
	}
}

TEST(two_signatures_each_by_itself)
{
	const struct keyring_key *signer;

	sign(&ed);
	sign(&ec);
	trust(&ec, "second");
	OK(keyring_verify(&ring, header, area, CAP, &signer));
	assert_string_equal(signer->name, "second");
	keyring_free(&ring);
	trust(&ed, "first");
	OK(keyring_verify(&ring, header, area, CAP, &signer));
	assert_string_equal(signer->name, "first");
	/* A broken one does not spoil the other. */
	trust(&ec, "second");
	area[30] ^= 1;
	OK(keyring_verify(&ring, header, area, CAP, &signer));
	assert_string_equal(signer->name, "second");
}

TEST(signing_again_replaces)
{
	size_t end;

	sign(&ed);
	end = area_end();
	sign(&ed);
	assert_int_equal(area_end(), end);
	sign(&ed2);
	sign(&ed);
	assert_int_equal(area_end(), 2 * end);
	trust(&ed2, "ed2");
	OK(verify());
}

/* Ids are public: who fills an area with entries that name a key gets it asked twice. */
TEST(a_key_is_asked_a_bounded_number_of_times)
{
	static const struct key_file *const both[] = { &ed, &ec };

	for (unsigned k = 0; k < 2; k++) {
		uint8_t good[4 + KEYRING_SIG_HEAD + KEYRING_SIG_MAX], bad[sizeof(good)];
		size_t len;

		setup();
		sign(both[k]);
		len = area_end();
		memcpy(good, area, len);
		memcpy(bad, good, len);
		bad[len - 1] ^= 1;
		trust(both[k], "it");
		for (unsigned before = 0; before < 5; before++) {
			memset(area, 0, CAP);
			for (unsigned i = 0; i < before; i++)
				memcpy(area + i * len, bad, len);
			memcpy(area + before * len, good, len);
			assert_int_equal(verify(), before < KEYRING_TRIES ? KB_OK : KB_ESIG);
		}
	}
}

/* So whoever fills an area with what cannot be its signature does not keep it from being asked. */
TEST(an_entry_of_no_length_of_its_algorithm_is_no_try)
{
	static const struct key_file *const both[] = { &ed, &ec };
	static const uint16_t lengths[][2] = { { 63, 65 }, { KEYRING_SIG_MAX + 1, 1000 } };

	for (unsigned k = 0; k < 2; k++) {
		uint8_t value[KEYRING_SIG_HEAD + 1000] = { (uint8_t)key_file_public(both[k])->alg };
		uint8_t alone[256] = { 0 };
		struct keyring_entry e;
		size_t pos = 0;

		memcpy(value + 2, key_file_public(both[k])->id, KEYRING_ID_LEN);
		setup();
		for (unsigned i = 0; i < KEYRING_TRIES; i++)
			for (unsigned l = 0; l < 2; l++)
				add_entry(KEYRING_TAG_SIGNATURE, value,
					  (uint16_t)(KEYRING_SIG_HEAD + lengths[k][l]));
		trust(both[k], "it");
		FAILS(verify(), KB_ESIG);
		/* By itself: among the others it would replace one of them. */
		OK(key_file_sign(both[k], header, alone, sizeof(alone)));
		OK(keyring_next(alone, sizeof(alone), &pos, &e));
		add_entry(e.tag, e.value, e.len);
		OK(verify());
	}
}

TEST(signing_stops_at_the_capacity)
{
	uint8_t small[2 * (4 + KEYRING_SIG_HEAD + 64)] = { 0 }, before[sizeof(small)];

	OK(key_file_sign(&ed, header, small, sizeof(small)));
	OK(key_file_sign(&ed2, header, small, sizeof(small)));
	memcpy(before, small, sizeof(small));
	FAILS(key_file_sign(&ec, header, small, sizeof(small)), KB_ENOSPC);
	assert_memory_equal(small, before, sizeof(small));
	trust(&ed2, "ed2"); /* an area that is full to its last byte is fine */
	const struct keyring_key *signer;
	OK(keyring_verify(&ring, header, small, sizeof(small), &signer));
}

TEST(unknown_tags_and_algorithms_are_passed_over)
{
	uint8_t value[100] = { 9, 0 }; /* algorithm 9 */

	memcpy(value + 2, key_file_public(&ed)->id, KEYRING_ID_LEN);
	add_entry(7, value, 50);
	add_entry(KEYRING_TAG_SIGNATURE, value, 100);
	add_entry(0xffff, value, 0);
	trust(&ed, "ed");
	FAILS(verify(), KB_ESIG);
	sign(&ed);
	OK(verify());
}

TEST(the_key_fixes_the_algorithm)
{
	sign(&ed);
	trust(&ed, "ed");
	area[4] = KEYRING_ECDSA_P256;
	FAILS(verify(), KB_ESIG);
	area[4] = 0;
	FAILS(verify(), KB_ESIG);
}

TEST(a_malformed_area_is_refused_whole)
{
	uint8_t value[KEYRING_SIG_HEAD] = { 1, 0 };

	trust(&ed, "ed");
	sign(&ed);
	area[CAP - 1] = 1; /* behind the last entry */
	FAILS(verify(), KB_EFORMAT);
	area[CAP - 1] = 0;
	area[area_end() + 2] = 1; /* tag 0 with a length */
	FAILS(verify(), KB_EFORMAT);
	setup();
	trust(&ed, "ed");
	sign(&ed);
	add_entry(KEYRING_TAG_SIGNATURE, value, sizeof(value)); /* no signature in it */
	FAILS(verify(), KB_EFORMAT);
	setup();
	trust(&ed, "ed");
	sign(&ed);
	area[5] = 1; /* reserved */
	FAILS(verify(), KB_EFORMAT);
	area[5] = 0;
	bytes_put16(area + 2, CAP - 3); /* over the end */
	FAILS(verify(), KB_EFORMAT);
}

TEST(an_entry_ends_with_the_area)
{
	uint8_t room[64] = { 0 };
	struct keyring_entry e;
	size_t pos = 0;

	bytes_put16(room, 99);
	bytes_put16(room + 2, 13);
	FAILS(keyring_next(room, 16, &pos, &e), KB_EFORMAT);
	assert_int_equal(pos, 0);
	bytes_put16(room + 2, 12);
	OK(keyring_next(room, 16, &pos, &e));
	assert_int_equal(pos, 16);
	FAILS(keyring_next(room, 16, &pos, &e), KB_ENOENT);
}

TEST(an_area_with_too_many_entries_is_refused)
{
	sign(&ed);
	trust(&ed, "ed");
	for (unsigned i = 1; i < KEYRING_ENTRIES_MAX; i++)
		add_entry(7, (const uint8_t *)"x", 1);
	OK(verify());
	add_entry(7, (const uint8_t *)"x", 1);
	FAILS(verify(), KB_EFORMAT);
}

TEST(small_and_empty_areas)
{
	const struct keyring_key *signer;

	trust(&ed, "ed");
	for (size_t cap = 0; cap < 8; cap++)
		FAILS(keyring_verify(&ring, header, area, cap, &signer), KB_ESIG);
	area[2] = 1;
	FAILS(keyring_verify(&ring, header, area, 3, &signer), KB_EFORMAT);
}

TEST(each_failure_of_openssl_is_a_no)
{
	sign(&ed);
	trust(&ed, "ed");
	for (int r = -2; r <= 2; r++) {
		verify_result = r;
		assert_int_equal(verify(), r == 1 ? KB_OK : KB_ESIG);
	}
	verify_result = 1;
	fail_verify_init = 1;
	FAILS(verify(), KB_ESIG);
	fail_verify_init = 0;
	fail_md_new = 1;
	FAILS(verify(), KB_ESIG);
	fail_md_new = 0;
	OK(verify());
}

TEST(each_algorithm_has_its_name)
{
	assert_string_equal(keyring_alg_name(KEYRING_ED25519), "ed25519");
	assert_string_equal(keyring_alg_name(KEYRING_ECDSA_P256), "ecdsa-p256");
	EQUAL((keyring_alg_name(0), "unknown"), (keyring_alg_name(3), "unknown"));
}

/* ---------------------------------------------------------------- key files */

TEST(a_folder_is_loaded_in_order)
{
	struct key_file hidden;

	folder_put("15-junk.pem", "not a key\n");
	folder_put("00-notes.txt", "nor this\n");
	OK(key_file_generate(folder_at(".hidden"), KEYRING_ED25519, &hidden));
	key_file_free(&hidden);
	OK(keyring_load(&ring, folder));
	EQUAL((ring.n, 3), (ring.key[0].name, "10-ed"), (ring.key[1].name, "20-ec"));
	EQUAL((ring.key[2].name, "30-ed2"), (ring.key[1].alg, KEYRING_ECDSA_P256));
	unlink(folder_at("15-junk.pem"));
}

/* Without one of its keys, what that one signed is "not signed", and a good update is lost. */
TEST(a_keyring_that_cannot_be_read_whole_is_not_loaded)
{
	static const int errors[] = { EIO, ENOMEM, EINTR };

	for (unsigned i = 0; i < sizeof(errors) / sizeof(errors[0]); i++) {
		fail_errno = errors[i];
		for (fail_call = 1;; fail_call++) {
			enum kb_err err;

			calls = 0;
			err = keyring_load(&ring, folder);
			if (err == KB_OK)
				assert_int_equal(ring.n, 3);
			else
				assert_int_equal(err, KB_EIO);
			keyring_free(&ring);
			if (calls < fail_call)
				break;
			if (err == KB_OK)
				assert_int_equal(fail_errno, EINTR);
		}
		fail_call = 0;
	}
}

TEST(an_empty_or_missing_keyring_fails_closed)
{
	assert_int_equal(mkdir(folder_at("empty"), 0755), 0);
	FAILS(keyring_load(&ring, folder_at("empty")), KB_ENOENT);
	FAILS(keyring_load(&ring, folder_at("missing")), KB_ENOENT);
	folder_put("empty/a.pem", "");
	FAILS(keyring_load(&ring, folder_at("empty")), KB_ENOENT);
	assert_int_equal(ring.n, 0);
}

TEST(the_id_is_the_hash_of_the_public_key)
{
	uint8_t want[32];
	unsigned len;

	trust(&ec, "ec");
	assert_int_equal(EVP_Digest(ec.spki, ec.spki_len, want, &len, EVP_sha256(), NULL), 1);
	assert_memory_equal(ring.key[0].id, want, KEYRING_ID_LEN);
	assert_ptr_equal(keyring_find(&ring, want), &ring.key[0]);
	want[0] ^= 1;
	assert_null(keyring_find(&ring, want));
}

TEST(the_same_key_twice_is_one)
{
	trust(&ed, "a");
	trust(&ed, "b");
	EQUAL((ring.n, 1), (ring.key[0].name, "a"));
}

TEST(a_full_keyring_says_so)
{
	uint8_t spki[44];

	memcpy(spki, ed.spki, sizeof(spki));
	for (unsigned i = 0; i <= KEYRING_KEYS_MAX; i++) {
		spki[43] = (uint8_t)i;
		assert_int_equal(keyring_add_spki(&ring, spki, sizeof(spki), "k"),
				 i < KEYRING_KEYS_MAX ? KB_OK : KB_ENOSPC);
	}
	assert_int_equal(ring.n, KEYRING_KEYS_MAX);
}

static void write_public(const char *name, EVP_PKEY *pkey)
{
	FILE *f = fopen(folder_at(name), "w");

	assert_non_null(pkey);
	assert_int_equal(PEM_write_PUBKEY(f, pkey), 1);
	fclose(f);
	EVP_PKEY_free(pkey);
}

TEST(other_kinds_of_keys_are_refused)
{
	static const char *const file[] = { "rsa", "p384", "k1", "x25519", "10-ed.key" };

	write_public("rsa", EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)2048));
	write_public("p384", EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-384"));
	write_public("k1", EVP_PKEY_Q_keygen(NULL, NULL, "EC", "secp256k1"));
	write_public("x25519", EVP_PKEY_Q_keygen(NULL, NULL, "X25519"));
	for (unsigned i = 0; i < KB_ARRAY_LEN(file); i++)
		FAILS(keyring_add(&ring, folder_at(file[i])), KB_EFORMAT);
	FAILS(keyring_add(&ring, folder_at("missing")), KB_ENOENT);
	assert_int_equal(ring.n, 0);
}

TEST(a_point_off_the_curve_is_refused)
{
	uint8_t spki[92] = { 0 };

	memcpy(spki, ed.spki, 44);
	FAILS(keyring_add_spki(&ring, spki, 45, "long"), KB_EFORMAT);
	memcpy(spki, ec.spki, 91);
	FAILS(keyring_add_spki(&ring, spki, 92, "long"), KB_EFORMAT);
	spki[90] ^= 1;
	FAILS(keyring_add_spki(&ring, spki, 91, "off"), KB_EFORMAT);
	FAILS(keyring_add_spki(&ring, spki, 90, "short"), KB_EFORMAT);
	assert_int_equal(ring.n, 0);
}

TEST(damaged_key_files_are_refused)
{
	char text[256], big[KEYRING_PEM_MAX + 2];
	size_t len;
	FILE *f = fopen(folder_at("10-ed.pem"), "r");

	len = fread(text, 1, sizeof(text) - 1, f);
	fclose(f);
	/* Only blank space at the very end may be missing. */
	for (size_t cut = 0; cut + 1 < len; cut++) {
		char part[256];

		memcpy(part, text, cut);
		part[cut] = '\0';
		folder_put("cut", part);
		FAILS(keyring_add(&ring, folder_at("cut")), KB_EFORMAT);
	}
	/* A whole key, and blank space behind it: one byte too many. */
	memset(big, '\n', sizeof(big) - 1);
	memcpy(big, text, len);
	big[sizeof(big) - 1] = '\0';
	folder_put("big", big);
	FAILS(keyring_add(&ring, folder_at("big")), KB_EFORMAT);
	assert_int_equal(ring.n, 0);
	big[KEYRING_PEM_MAX] = '\0';
	folder_put("big", big);
	OK(keyring_add(&ring, folder_at("big")));
	assert_int_equal(ring.n, 1);
	folder_put("wrong", "-----BEGIN PUBLIC KEY-----\n!!!!\n-----END PUBLIC KEY-----\n");
	FAILS(keyring_add(&ring, folder_at("wrong")), KB_EFORMAT);
	folder_put("order", "-----END PUBLIC KEY-----\n-----BEGIN PUBLIC KEY-----\n");
	FAILS(keyring_add(&ring, folder_at("order")), KB_EFORMAT);
}

/* ---------------------------------------------------------------- limits of a folder */

static void link_key(const char *name)
{
	assert_int_equal(link(folder_at("10-ed.pem"), folder_at(name)), 0);
}

/* Of a folder that is read in part, the part left out may be a retired key. */
TEST(a_folder_with_too_many_files_is_not_loaded_in_part)
{
	static const char *const folders[] = { "many", "few/" KEYRING_RETIRED_DIR };

	folder_run("mkdir many few %s", folders[1]);
	write_public("few/other.pem", EVP_PKEY_Q_keygen(NULL, NULL, "ED25519"));
	for (unsigned f = 0; f < 2; f++) {
		const char *ring_dir = f == 0 ? "many" : "few";

		for (unsigned i = 0; i < 65; i++) {
			assert_int_equal(ring.n, 0);
			link_key(strf("%s/%02u.pem", folders[f], i));
			assert_int_equal(keyring_load(&ring, folder_at(ring_dir)),
					 i < 64 ? KB_OK : KB_ENOSPC);
			assert_int_equal(ring.n, i < 64);
			keyring_free(&ring);
		}
	}
}

TEST(a_keyring_with_too_many_retired_keys_trusts_none)
{
	folder_run("mkdir -p old/" KEYRING_RETIRED_DIR);
	link_key("old/it.pem");
	for (unsigned i = 0; i <= KEYRING_KEYS_MAX; i++) {
		bool fits = i < KEYRING_KEYS_MAX;

		write_public(strf("old/" KEYRING_RETIRED_DIR "/%u", i),
			     EVP_PKEY_Q_keygen(NULL, NULL, "ED25519"));
		EQUAL((keyring_load(&ring, folder_at("old")), fits ? KB_OK : KB_ENOSPC));
		EQUAL((ring.n, fits ? 1 : 0), (ring.nretired, fits ? i + 1 : 0));
		keyring_free(&ring);
	}
}

TEST(a_full_keyring_has_room_for_what_is_no_key)
{
	assert_int_equal(mkdir(folder_at("full"), 0755), 0);
	for (unsigned i = 0; i < KEYRING_KEYS_MAX; i++)
		write_public(strf("full/%02u.pem", i), EVP_PKEY_Q_keygen(NULL, NULL, "ED25519"));
	folder_put("full/last.pem", "not a key\n");
	write_public("full/last2.pem", EVP_PKEY_Q_keygen(NULL, NULL, "X25519"));
	OK(keyring_load(&ring, folder_at("full")));
	assert_int_equal(ring.n, KEYRING_KEYS_MAX);
	write_public("full/more.pem", EVP_PKEY_Q_keygen(NULL, NULL, "ED25519"));
	keyring_free(&ring);
	FAILS(keyring_load(&ring, folder_at("full")), KB_ENOSPC);
	assert_int_equal(ring.n, 0);
}

/* The path of its retired.d is too long by one byte, those of its keys are not. */
TEST(a_folder_whose_retired_keys_have_no_path_is_not_loaded)
{
	char deep[FOLDER_DEEP];
	int fd = folder_deep(deep, 4096 - strlen("/" KEYRING_RETIRED_DIR));

	assert_int_equal(mkdirat(fd, KEYRING_RETIRED_DIR, 0755), 0);
	EQUAL((linkat(AT_FDCWD, folder_at("10-ed.pem"), fd, KEYRING_RETIRED_DIR "/a", 0), 0));
	assert_int_equal(linkat(AT_FDCWD, folder_at("10-ed.pem"), fd, "a.pem", 0), 0);
	close(fd);
	assert_int_equal(access(strf("%s/a.pem", deep), R_OK), 0);
	FAILS(keyring_load(&ring, deep), KB_EINVAL);
	assert_int_equal(ring.n, 0);
}

TEST(what_is_not_loaded_is_not_opened)
{
	for (unsigned required = 0; required <= 2; required++)
		FAILS(keyring_open(&ring, folder_at("nowhere"), required), KB_ENOENT);
}

TEST_MAIN("keyring", .set_up = setup, .tear_down = teardown, .first = setup_all,
	  .last = teardown_all, .quiet = true)
