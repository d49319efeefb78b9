/* SPDX-License-Identifier: Apache-2.0 */
#include "update/wire/keyring_survey.h"
#include "tests/unit/folder.h"
#include "tests/unit/syscall.h"

#include <openssl/evp.h>

#define ED25519 0x70 /* the last byte of the algorithm's name */
#define X25519	0x6e

static unsigned lists, fail_list; /* this one fails, from 1 */

/* os_list() asks so. */
static bool syscall_answers(long number, const long arg[6], long *result)
{
	(void)arg;
	if (number != SYS_getdents64 || ++lists != fail_list)
		return false;
	errno = EIO;
	*result = -1;
	return true;
}

static struct keyring_survey s;

static void write_file(const char *to, const char *name, const char *text, size_t blank)
{
	FILE *f;

	f = fopen(strf("%s/%s", to, name), "we");
	assert_non_null(f);
	fprintf(f, "%s%*s", text, (int)blank, "");
	assert_int_equal(fclose(f), 0);
}

/* A key of that algorithm, all of whose bytes are n; more is what follows its base64. */
static const char *pem(uint8_t alg, uint8_t n, const char *more)
{
	static const uint8_t head[KEYRING_PEM_ED25519_AT] = { 0x30, 0x2a, 0x30, 0x05, 0x06, 0x03,
							      0x2b, 0x65, 0,	0x03, 0x21, 0x00 };
	uint8_t spki[KEYRING_PEM_ED25519_AT + 32];
	char base64[64];

	memset(spki, n, sizeof(spki));
	memcpy(spki, head, sizeof(head));
	spki[8] = alg;
	EVP_EncodeBlock((unsigned char *)base64, spki, sizeof(spki));
	/* Without its padding nothing could follow it. */
	if (more[0] != '\0')
		base64[strcspn(base64, "=")] = '\0';
	return strf("-----BEGIN PUBLIC KEY-----\n%s%s\n-----END PUBLIC KEY-----\n", base64, more);
}

/* A folder for retired keys. */
static const char *make_retired(void)
{
	folder_run("mkdir " KEYRING_RETIRED_DIR);
	return folder_at(KEYRING_RETIRED_DIR);
}

TEST(each_key_is_told_once_by_the_name_of_its_file)
{
	write_file(folder, "b.pem", pem(ED25519, 2, ""), 0);
	write_file(folder, "a.pem", pem(ED25519, 1, ""), 0);
	write_file(folder, "c.pem", pem(ED25519, 1, ""), 0);
	write_file(folder, "d.key", pem(ED25519, 3, ""), 0);
	keyring_survey_read(&s, folder);
	EQUAL((s.ntrusted, 2), (s.nretired, 0), (s.trusted[0].name, "a.pem"), (s.wrong, ""));
	assert_string_equal(s.trusted[1].name, "b.pem");
	assert_int_not_equal(s.trusted[0].mark, s.trusted[1].mark);
	assert_null(keyring_survey_published(&s));
}

TEST(a_key_that_is_retired_is_not_trusted)
{
	const char *retired = make_retired();

	write_file(folder, "a.pem", pem(ED25519, 1, ""), 0);
	write_file(folder, "b.pem", pem(ED25519, 2, ""), 0);
	write_file(retired, "old.pem", pem(ED25519, 1, ""), 0);
	keyring_survey_read(&s, folder);
	EQUAL((s.nretired, 1), (s.ntrusted, 1), (s.trusted[0].name, "b.pem"));
}

/* By the rules of keyring_load(): else the two would tell of different keys. */
TEST(what_is_no_key_is_left_out)
{
	write_file(folder, "a.pem", "not a key\n", 0);
	write_file(folder, "b.pem", pem(X25519, 1, ""), 0);
	write_file(folder, "c.pem", pem(ED25519, 2, "A"), 0);
	write_file(folder, "e.pem", "-----BEGIN PUBLIC KEY-----\n", 0);
	write_file(folder, "d.pem", pem(ED25519, 3, ""), KEYRING_PEM_MAX);
	keyring_survey_read(&s, folder);
	EQUAL((s.ntrusted, 0), (s.wrong, "a.pem"));
}

TEST(what_is_no_key_is_told_by_the_first_of_their_names)
{
	write_file(folder, "c.pem", "not a key\n", 0);
	write_file(folder, "b.pem", "nor is this\n", 0);
	write_file(folder, "a.pem", pem(ED25519, 1, ""), 0);
	write_file(folder, "A.txt", "not called one\n", 0);
	keyring_survey_read(&s, folder);
	EQUAL((s.ntrusted, 1), (s.wrong, "b.pem"));
	write_file(make_retired(), "README", "of keys\n", 0);
	keyring_survey_read(&s, folder);
	EQUAL((s.ntrusted, 0), (s.wrong, "README"));
}

static void link_into(int to, const char *name)
{
	assert_int_equal(linkat(AT_FDCWD, folder_at("1"), to, name, 0), 0);
}

TEST(a_path_that_is_too_long_is_not_read_in_part)
{
	char deep[FOLDER_DEEP];
	int fd;

	write_file(folder, "1", pem(ED25519, 1, ""), 0);
	write_file(folder, "2", pem(ED25519, 2, ""), 0);
	fd = folder_deep(deep, 4085);
	link_into(fd, "123456789"); /* 4,095 bytes of path */
	link_into(fd, "123456789.pem");
	keyring_survey_read(&s, deep);
	assert_int_equal(s.ntrusted, 0);
	link_into(fd, "a.pem");
	close(fd);
	keyring_survey_read(&s, deep);
	EQUAL((s.ntrusted, 1), (s.trusted[0].name, "a.pem"));
}

TEST(a_folder_whose_retired_keys_have_no_path_has_no_keys)
{
	char deep[FOLDER_DEEP];
	int fd;

	write_file(folder, "1", pem(ED25519, 1, ""), 0);
	fd = folder_deep(deep, 4096 - strlen("/" KEYRING_RETIRED_DIR));
	assert_int_equal(mkdirat(fd, KEYRING_RETIRED_DIR, 0700), 0);
	link_into(fd, KEYRING_RETIRED_DIR "/a.pem");
	link_into(fd, "a.pem");
	close(fd);
	keyring_survey_read(&s, deep);
	assert_int_equal(s.ntrusted, 0);
}

TEST(a_name_may_be_as_long_as_file_systems_have_it)
{
	const char *retired = make_retired();
	char name[256];

	for (int len = 62; len <= 255; len = len == 65 ? 255 : len + 1) {
		snprintf(name, sizeof(name), "%0*d.pem", len - 4, 0);
		write_file(folder, name, pem(ED25519, (uint8_t)len, ""), 0);
	}
	keyring_survey_read(&s, folder);
	assert_int_equal(s.ntrusted, 5);
	write_file(retired, name, pem(ED25519, 255, ""), 0);
	keyring_survey_read(&s, folder);
	EQUAL((s.ntrusted, 4), (s.nretired, 1));
}

/* In whichever order the folder names them. */
TEST(of_one_key_under_many_names_the_first_is_told)
{
	for (unsigned i = 0; i < 60; i++)
		write_file(folder, strf("%02u.pem", i * 37 % 60),
			   pem(ED25519, (uint8_t)(1 + i * 37 % 60 / 20), ""), 0);
	keyring_survey_read(&s, folder);
	EQUAL((s.ntrusted, 3), (s.trusted[0].name, "00.pem"), (s.trusted[1].name, "20.pem"));
	assert_string_equal(s.trusted[2].name, "40.pem");
}

TEST(files_that_are_no_keys_take_no_room)
{
	for (unsigned i = 0; i < 80; i++)
		write_file(folder, strf("%02u.txt", i), "", 0);
	write_file(folder, "z.pem", pem(ED25519, 1, ""), 0);
	keyring_survey_read(&s, folder);
	EQUAL((s.ntrusted, 1), (s.trusted[0].name, "z.pem"));
}

/* Where keyring_load() trusts none. */
TEST(with_too_many_keys_none_is_told)
{
	for (unsigned i = 1; i <= 65; i++) {
		write_file(folder, strf("%02u.pem", i),
			   pem(ED25519, (uint8_t)(1 + i % KEYRING_SURVEY_MAX), ""), 0);
		keyring_survey_read(&s, folder);
		assert_int_equal(s.ntrusted, i > 64 ? 0 : i < 16 ? i : 16);
	}
	assert_int_equal(unlink(strf("%s/65.pem", folder)), 0);
	write_file(folder, "64.pem", pem(ED25519, 99, ""), 0); /* the 17th */
	keyring_survey_read(&s, folder);
	assert_int_equal(s.ntrusted, 0);
}

/* One of those that do not fit may be of a key that is trusted too. */
TEST(with_too_many_retired_files_no_key_is_told)
{
	const char *retired = make_retired();

	write_file(folder, "a.pem", pem(ED25519, 1, ""), 0);
	for (unsigned i = 1; i <= 65; i++) {
		write_file(retired, strf("%u.pem", i), pem(ED25519, 2, ""), 0);
		keyring_survey_read(&s, folder);
		EQUAL((s.ntrusted, i <= 64), (s.nretired, i <= 64));
	}
}

TEST(with_too_many_retired_keys_no_key_is_told)
{
	const char *retired = make_retired();

	write_file(folder, "a.pem", pem(ED25519, 200, ""), 0);
	for (unsigned i = 1; i <= KEYRING_SURVEY_MAX + 1; i++) {
		write_file(retired, strf("%u.pem", i), pem(ED25519, (uint8_t)i, ""), 0);
		keyring_survey_read(&s, folder);
		assert_int_equal(s.ntrusted, i <= KEYRING_SURVEY_MAX);
		assert_int_equal(s.nretired, i <= KEYRING_SURVEY_MAX ? i : 0);
	}
}

/* What there is of it may be the lesser part. */
TEST(a_folder_that_cannot_be_listed_whole_has_no_keys)
{
	const char *retired = make_retired();
	unsigned last;

	write_file(folder, "a.pem", pem(ED25519, 1, ""), 0);
	write_file(folder, "b.pem", pem(ED25519, 2, ""), 0);
	write_file(retired, "old.pem", pem(ED25519, 1, ""), 0);
	lists = 0;
	keyring_survey_read(&s, folder);
	assert_int_equal(s.ntrusted, 1);
	last = lists;
	assert_int_equal(last, 4); /* of each folder, what is in it and that there is no more */
	for (fail_list = 1; fail_list <= last; fail_list++) {
		lists = 0;
		keyring_survey_read(&s, folder);
		EQUAL((s.ntrusted, 0), (s.nretired, 0));
	}
	fail_list = 0;
}

TEST(a_folder_that_is_not_there_has_no_keys)
{
	keyring_survey_read(&s, "/none");
	assert_int_equal(s.ntrusted + s.nretired, 0);
}

TEST_MAIN("keyring_survey", .set_up = folder_make, .tear_down = folder_remove)
