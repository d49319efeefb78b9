/* SPDX-License-Identifier: Apache-2.0 */
#include "update/keyring_survey.h"

#include <fcntl.h>
#include <openssl/evp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define ED25519 0x70 /* the last byte of the algorithm's name */
#define X25519	0x6e
#define PATH	400

static char dir[] = "/tmp/keelboot-survey-XXXXXX";
static struct keyring_survey s;

static void write_file(const char *folder, const char *name, const char *text, size_t blank)
{
	char path[PATH];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	f = fopen(path, "we");
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
	static char text[256];
	char base64[64];

	memset(spki, n, sizeof(spki));
	memcpy(spki, head, sizeof(head));
	spki[8] = alg;
	EVP_EncodeBlock((unsigned char *)base64, spki, sizeof(spki));
	/* Without its padding nothing could follow it. */
	if (more[0] != '\0')
		base64[strcspn(base64, "=")] = '\0';
	snprintf(text, sizeof(text), "-----BEGIN PUBLIC KEY-----\n%s%s\n-----END PUBLIC KEY-----\n",
		 base64, more);
	return text;
}

static void make_folder(const char *path)
{
	assert_int_equal(mkdir(path, 0700), 0);
}

static int set_up(void **ctx)
{
	(void)ctx;
	strcpy(dir + strlen(dir) - 6, "XXXXXX");
	return mkdtemp(dir) == NULL;
}

static int tear_down(void **ctx)
{
	char command[PATH];

	(void)ctx;
	snprintf(command, sizeof(command), "rm -rf %s", dir);
	return system(command);
}

static void each_key_is_told_once_by_the_name_of_its_file(void **ctx)
{
	(void)ctx;
	write_file(dir, "b.pem", pem(ED25519, 2, ""), 0);
	write_file(dir, "a.pem", pem(ED25519, 1, ""), 0);
	write_file(dir, "c.pem", pem(ED25519, 1, ""), 0);
	write_file(dir, "d.key", pem(ED25519, 3, ""), 0);
	keyring_survey_read(&s, dir);
	assert_int_equal(s.ntrusted, 2);
	assert_int_equal(s.nretired, 0);
	assert_string_equal(s.trusted[0].name, "a.pem");
	assert_string_equal(s.trusted[1].name, "b.pem");
	assert_int_not_equal(s.trusted[0].mark, s.trusted[1].mark);
	assert_null(keyring_survey_published(&s));
}

static void a_key_that_is_retired_is_not_trusted(void **ctx)
{
	char retired[PATH];

	(void)ctx;
	snprintf(retired, sizeof(retired), "%s/" KEYRING_RETIRED_DIR, dir);
	make_folder(retired);
	write_file(dir, "a.pem", pem(ED25519, 1, ""), 0);
	write_file(dir, "b.pem", pem(ED25519, 2, ""), 0);
	write_file(retired, "old.pem", pem(ED25519, 1, ""), 0);
	keyring_survey_read(&s, dir);
	assert_int_equal(s.nretired, 1);
	assert_int_equal(s.ntrusted, 1);
	assert_string_equal(s.trusted[0].name, "b.pem");
}

/* By the rules of keyring_load(): else the two would tell of different keys. */
static void what_is_no_key_is_left_out(void **ctx)
{
	(void)ctx;
	write_file(dir, "a.pem", "not a key\n", 0);
	write_file(dir, "b.pem", pem(X25519, 1, ""), 0);
	write_file(dir, "c.pem", pem(ED25519, 2, "A"), 0);
	write_file(dir, "e.pem", "-----BEGIN PUBLIC KEY-----\n", 0);
	write_file(dir, "d.pem", pem(ED25519, 3, ""), KEYRING_PEM_MAX);
	keyring_survey_read(&s, dir);
	assert_int_equal(s.ntrusted, 0);
}

static void a_path_that_is_too_long_is_not_read_in_part(void **ctx)
{
	char deep[PATH], *end = deep + sprintf(deep, "%s", dir);

	(void)ctx;
	while (end < deep + 253) {
		int left = (int)(deep + 253 - end), n = left > 102 ? 100 : left - 1;

		end += sprintf(end, "/%.*d", n, 0);
		make_folder(deep);
	}
	write_file(deep, "k", pem(ED25519, 1, ""), 0); /* 255 bytes of path */
	write_file(deep, "k.pem", pem(ED25519, 2, ""), 0);
	keyring_survey_read(&s, deep);
	assert_int_equal(s.ntrusted, 0);
}

static void a_folder_that_is_not_there_has_no_keys(void **ctx)
{
	(void)ctx;
	keyring_survey_read(&s, "/none");
	assert_int_equal(s.ntrusted + s.nretired, 0);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(each_key_is_told_once_by_the_name_of_its_file),
		TEST(a_key_that_is_retired_is_not_trusted),
		TEST(what_is_no_key_is_left_out),
		TEST(a_path_that_is_too_long_is_not_read_in_part),
		TEST(a_folder_that_is_not_there_has_no_keys),
	};

	return cmocka_run_group_tests_name("keyring_survey", tests, NULL, NULL);
}
