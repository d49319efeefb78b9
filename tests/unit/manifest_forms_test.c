/* SPDX-License-Identifier: Apache-2.0 */
/* A library that is shared may have another version at run time than the headers had. */
#include "tests/unit/test.h"
#include "update/bundle/manifest.h"
#include "update/decoder/remake_pack.h"

#include <lzma.h>
#include <zlib.h>

static const char *runs;

/* In front of the library's. */
const char *zlibVersion(void)
{
	return runs;
}

static void set_up(void)
{
	runs = ZLIB_VERSION;
}

/* The encoding of a bundle with this form. */
static struct manifest_encoding parsed(const char *form)
{
	static const char digest[] =
		"00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";
	static struct manifest m;
	char why[MANIFEST_WHY] = "";
	const char *text =
		strf("[bundle]\nformat=1.0\ncompatible=box\nversion=2.0\nsequence=2\nfloor=1\n"
		     "allow-downgrade=no\n"
		     "[image.root]\nsize=4096\nchunk-size=16384\ndigest=%s\n"
		     "hashes-offset=0\nhashes-length=64\nhashes-digest=%s\n"
		     "[encoding.1]\nimage=root\nkind=seed\nforms=copy,%s\nseed=%s\n"
		     "table-offset=64\ntable-length=64\ntable-digest=%s\n"
		     "payload-offset=0\npayload-length=9\npayload-digest=%s\n",
		     digest, digest, form, digest, digest, digest);

	if (manifest_parse(&m, text, strlen(text), why, sizeof(why)) != KB_OK)
		fail_msg("%s", why);
	return m.encoding[0];
}

TEST(a_form_of_the_library_that_runs_is_known)
{
	assert_string_equal(manifest_form_name(READER_REMAKE_ZLIB),
			    MANIFEST_REMAKE "zlib-" ZLIB_VERSION);
	assert_non_null(remake_library_of(REMAKE_ZLIB));
	assert_int_equal(parsed(MANIFEST_REMAKE "zlib-" ZLIB_VERSION).kind, MANIFEST_ENC_SEED);
}

/* Neither made nor taken under its name; and the forms behind it are what they were. */
TEST(a_form_of_another_version_than_the_headers_is_not_known)
{
	static const char *const others[] = { "1.2.99", "3", ZLIB_VERSION "-ng", "" };
	struct manifest_encoding e;

	for (unsigned i = 0; i < KB_ARRAY_LEN(others); i++) {
		runs = others[i];
		assert_null(manifest_form_name(READER_REMAKE_ZLIB));
		assert_null(remake_library_of(REMAKE_ZLIB));
		e = parsed(MANIFEST_REMAKE "zlib-" ZLIB_VERSION);
		EQUAL((e.kind, MANIFEST_ENC_UNKNOWN), (e.lacks_compressor, true));
		e = parsed(MANIFEST_REMAKE "xz-" LZMA_VERSION_STRING);
		EQUAL((e.kind, MANIFEST_ENC_SEED), (e.forms >> READER_REMAKE_XZ & 1, true));
		assert_non_null(remake_library_of(REMAKE_XZ));
	}
}

TEST_MAIN("manifest_forms", .set_up = set_up, .quiet = true)
