/* SPDX-License-Identifier: Apache-2.0 */
#include "update/bundle/manifest.h"
#include "lib/conf_keys.h"
#include "tests/unit/test.h"

#define D32 "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
#define E32 "ff0102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"

/* Two images, three encodings. 1 MiB in chunks of 256 KiB: 4 hashes and a page's digest, 160 bytes;
 * 4096 bytes in one chunk: 64 bytes. */
static const char good[] = "[bundle]\n"
			   "format=1.0\n"
			   "compatible=acme-box,acme-2\n"
			   "processor=x86_64,i386\n"
			   "version=2.1~rc1\n"
			   "sequence=21\n"
			   "floor=7\n"
			   "allow-downgrade=no\n"
			   "build=4711\n"
			   "created=2025-01-02T03:04:05Z\n"
			   "description=Fixes the roof.\n"
			   "\n"
			   "[image.root]\n"
			   "size=1048576\n"
			   "chunk-size=262144\n"
			   "filesystem=ext4\n"
			   "digest=" D32 "\n"
			   "hashes-offset=0\n"
			   "hashes-length=160\n"
			   "hashes-digest=" E32 "\n"
			   "verity-root-hash=" D32 "\n"
			   "verity-algorithm=sha256\n"
			   "verity-data-block=4096\n"
			   "verity-hash-block=4096\n"
			   "verity-salt=abcd\n"
			   "verity-tree-offset=524288\n"
			   "\n"
			   "[image.boot]\n"
			   "size=4096\n"
			   "chunk-size=16384\n"
			   "digest=" D32 "\n"
			   "hashes-offset=310\n"
			   "hashes-length=64\n"
			   "hashes-digest=" E32 "\n"
			   "\n"
			   "[encoding.1]\n"
			   "image=root\n"
			   "kind=seed\n"
			   "forms=copy,patch\n"
			   "seed=" E32 "\n"
			   "table-offset=160\n"
			   "table-length=100\n"
			   "table-digest=" D32 "\n"
			   "payload-offset=0\n"
			   "payload-length=1000\n"
			   "payload-digest=" D32 "\n"
			   "\n"
			   "[encoding.2]\n"
			   "image=root\n"
			   "kind=full\n"
			   "forms=zero,raw,zstd\n"
			   "table-offset=260\n"
			   "table-length=50\n"
			   "table-digest=" D32 "\n"
			   "payload-offset=1000\n"
			   "payload-length=0\n"
			   "payload-digest=" D32 "\n"
			   "\n"
			   "[encoding.3]\n"
			   "image=boot\n"
			   "kind=full\n"
			   "forms=raw\n"
			   "table-offset=374\n"
			   "table-length=51\n"
			   "table-digest=" D32 "\n"
			   "payload-offset=1000\n"
			   "payload-length=4096\n"
			   "payload-digest=" D32 "\n";

static struct manifest m;
static char why[160], text[MANIFEST_MAX];

static enum kb_err parse(const char *t)
{
	why[0] = '\0';
	return manifest_parse(&m, t, strlen(t), why, sizeof(why));
}

/* The good manifest with the first `from` replaced, behind `after`. */
static const char *with(const char *after, const char *from, const char *to)
{
	const char *start = strstr(good, after), *at;

	assert_non_null(start);
	at = strstr(start, from);
	assert_non_null(at);
	snprintf(text, sizeof(text), "%.*s%s%s", (int)(at - good), good, to, at + strlen(from));
	return text;
}

static void refused(const char *after, const char *from, const char *to, const char *because)
{
	enum kb_err err = parse(with(after, from, to));

	if (err != KB_EFORMAT || strstr(why, because) == NULL)
		print_error("'%s' -> '%s': error %d, '%s', want '%s'\n", from, to, (int)err, why,
			    because);
	assert_int_equal(err, KB_EFORMAT);
	assert_non_null(strstr(why, because));
}

static void refused_each(const char *after, const char *from, const char *because,
			 const char *const *to)
{
	for (; *to != NULL; to++)
		refused(after, from, *to, because);
}

/* Each of these in its place. */
#define REFUSED(after, from, because, ...) \
	refused_each(after, from, because, (const char *const[]){ __VA_ARGS__, NULL })

static void accepted(const char *after, const char *from, const char *to)
{
	enum kb_err err = parse(with(after, from, to));

	if (err != KB_OK)
		print_error("'%s' -> '%s': %s\n", from, to, why);
	assert_int_equal(err, KB_OK);
}

/* ---------------------------------------------------------------- reading */

TEST(everything_is_read)
{
	OK(parse(good));
	EQUAL((m.format_major, 1), (m.ncompatible, 2), (m.compatible[1], "acme-2"));
	EQUAL((manifest_is_for(&m, "acme-2"), true), (manifest_is_for(&m, "acme"), false));
	EQUAL((m.nprocessors, 2), (m.processor[0], "x86_64"), (m.processor[1], "i386"));
	EQUAL((m.version, "2.1~rc1"), (m.sequence, 21), (m.floor, 7), (m.allow_downgrade, false));
	EQUAL((m.build, "4711"), (m.created, "2025-01-02T03:04:05Z"));
	EQUAL((m.description, "Fixes the roof."), (m.nimages, 2), (m.image[0].name, "root"));
	EQUAL((m.image[0].size, 1048576), (m.image[0].chunk, 262144));
	EQUAL((m.image[0].filesystem, "ext4"), (m.image[1].filesystem, ""));
	EQUAL((m.image[0].digest[31], 0x1f), (m.image[0].hashes.digest[0], 0xff));
	EQUAL((m.image[0].verity.present, true), (m.image[0].verity.root_hash_len, 32));
	EQUAL((m.image[0].verity.salt_len, 2), (m.image[0].verity.tree_off, 524288));
	EQUAL((m.image[1].verity.present, false), (m.nencodings, 3));
	EQUAL((m.encoding[0].kind, MANIFEST_ENC_SEED), (m.encoding[0].seed[0], 0xff));
	EQUAL((m.encoding[0].forms, 0x18), (m.encoding[1].kind, MANIFEST_ENC_FULL));
	EQUAL((m.encoding[1].forms, 0x07), (m.encoding[2].image, 1));
	EQUAL((manifest_tables_len(&m), 425), (manifest_payload_len(&m), 5096));
}

TEST(what_is_written_is_read_and_the_same)
{
	static char out[MANIFEST_MAX];
	size_t len, again;

	OK(parse(good));
	OK(manifest_write(&m, out, sizeof(out), &len));
	assert_int_equal(len, strlen(good));
	assert_memory_equal(out, good, len);
	for (size_t size = 0; size <= len; size++)
		FAILS(manifest_write(&m, text, size, &again), KB_ENOSPC);
	OK(manifest_write(&m, text, len + 1, &again));
}

TEST(a_line_too_long_is_not_written)
{
	size_t len;

	OK(parse(good));
	m.ncompatible = 8;
	for (unsigned i = 0; i < 8; i++)
		memset(m.compatible[i], 'a' + (int)i, MANIFEST_STR_MAX);
	FAILS(manifest_write(&m, text, sizeof(text), &len), KB_ENOSPC);
	m.ncompatible = 3;
	OK(manifest_write(&m, text, sizeof(text), &len));
}

TEST(compatible_names_are_matched_whole)
{
	OK(parse(good));
	EQUAL((manifest_is_for(&m, "acme-box"), true), (manifest_is_for(&m, "acme-2"), true));
	assert_false(manifest_is_for(&m, "acme"));
	EQUAL((manifest_is_for(&m, "acme-box,acme-2"), false), (manifest_is_for(&m, ""), false));
}

TEST(chunks_are_counted_and_measured)
{
	struct manifest_image im = { .size = 3 * 65536 + 4096, .chunk = 65536 };

	EQUAL((manifest_chunks(&im), 4), (manifest_chunk_len(&im, 0), 65536));
	EQUAL((manifest_chunk_len(&im, 2), 65536), (manifest_chunk_len(&im, 3), 4096));
	im.size = 65536;
	EQUAL((manifest_chunks(&im), 1), (manifest_chunk_len(&im, 0), 65536));
	im.size = 4ull << 40; /* the largest: 2^22 chunks of 1 MiB */
	im.chunk = MANIFEST_CHUNK_MAX;
	EQUAL((manifest_chunks(&im), MANIFEST_CHUNKS_MAX), (manifest_hashes_len(2048), 32 + 65536));
	assert_int_equal(manifest_hashes_len(2049), 64 + 65536 + 32);
}

/* ---------------------------------------------------------------- tolerance, by rule */

TEST(keys_with_x_are_passed_over_anywhere)
{
	accepted("", "format=1.0\n", "x-first=1\nformat=1.0\nx-a=1\nx-a=2\n");
	accepted("[image.root]", "size", "x-note=yes, really=1\nsize");
	accepted("[encoding.2]", "kind", "x-b=1\nkind");
}

TEST(optional_keys_may_be_missing)
{
	accepted("", "build=4711\n", "");
	accepted("", "created=2025-01-02T03:04:05Z\n", "");
	accepted("", "description=Fixes the roof.\n", "");
	accepted("", "filesystem=ext4\n", "");
	accepted("", "verity-salt=abcd\n", "");
}

TEST(keys_come_in_any_order)
{
	accepted("", "sequence=21\nfloor=7\n", "floor=7\nsequence=21\n");
	accepted("", "kind=seed\nforms=copy,patch\nseed=" E32 "\n",
		 "forms=copy,patch\nseed=" E32 "\nkind=seed\n");
}

TEST(an_unknown_kind_of_encoding_is_passed_over)
{
	accepted("[encoding.1]", "kind=seed", "kind=hologram");
	EQUAL((m.encoding[0].kind, MANIFEST_ENC_UNKNOWN), (m.encoding[1].kind, MANIFEST_ENC_FULL));
	accepted("[encoding.1]", "kind=seed\n", "kind=hologram\nlaser=blue\nlaser=red\n");
	accepted("[encoding.1]", "kind=seed\n", "laser=blue\nkind=hologram\n");
	accepted("[encoding.3]", "kind=full", "kind=hologram");
}

TEST(an_unknown_form_makes_an_encoding_unknown)
{
	accepted("[encoding.2]", "forms=zero,raw,zstd", "forms=zero,brotli");
	assert_int_equal(m.encoding[1].kind, MANIFEST_ENC_UNKNOWN);
	accepted("[encoding.1]", "forms=copy", "forms=fold");
	assert_int_equal(m.encoding[0].kind, MANIFEST_ENC_UNKNOWN);
}

TEST(an_unknown_encoding_is_not_written)
{
	size_t len;

	accepted("[encoding.1]", "kind=seed", "kind=hologram");
	FAILS(manifest_write(&m, text, sizeof(text), &len), KB_EINVAL);
}

TEST(a_newer_format_is_told_from_a_bad_one)
{
	FAILS(parse("[bundle]\nformat=2.0\nno such line\n"), KB_ENEWER);
	assert_non_null(strstr(why, "newer"));
	accepted("", "format=1.0", "format=1.7");
}

/* ---------------------------------------------------------------- refusals */

TEST(lines_have_one_shape)
{
	char big[300];

	REFUSED("", "format=1.0", "neither", " format=1.0", "format =1.0", "format:1.0", "format",
		"Format=1.0", "=1.0", "# comment\nformat=1.0");
	REFUSED("", "format=1.0", "space", "format= 1.0", "format=1.0 ");
	refused("", "build=4711", "build=47;11", "';'");
	REFUSED("", "build=4711", "printable", "build=47\t11", "build=47\x7f", "build=\xc3\xa4");
	refused("", "build=4711\n", "build=4711\r\n", "printable");
	refused("", "build=4711", "build=", "empty");
	REFUSED("", "[image.root]", "']'", "[image.root", "[image.root] ", "[");
	memset(big, 'x', sizeof(big));
	accepted("", "build=4711", strf("x-a=%.*s", (int)MANIFEST_LINE_MAX - 4, big));
	refused("", "build=4711", strf("x-a=%.*s", (int)MANIFEST_LINE_MAX - 3, big), "longer");
}

TEST(characters_are_printable_even_where_nobody_reads)
{
	REFUSED("sequence=", "\n", "printable", "\nx-a=\x01\n", "\nx-a=\x7f\n", "\nx-a=\xc3\xa4\n",
		"\nx-a=a;b\n", "\nx-a=\tb\n", "\r\n");
}

TEST(a_nul_is_no_end)
{
	size_t len = strlen(good);

	memcpy(text, good, len);
	text[100] = '\0';
	FAILS(manifest_parse(&m, text, len, why, sizeof(why)), KB_EFORMAT);
	FAILS(manifest_parse(&m, good, len + 1, why, sizeof(why)), KB_EFORMAT);
}

/* Nothing shorter is a manifest: its last line feed is part of it. */
TEST(every_truncation_is_refused)
{
	size_t len = strlen(good);

	for (size_t n = 0; n < len; n++) {
		char tight[sizeof(good)];

		memcpy(tight, good, n);
		FAILS(manifest_parse(&m, tight, n, why, sizeof(why)), KB_EFORMAT);
		assert_true(why[0] != '\0');
	}
}

TEST(sections_have_their_order)
{
	refused("", "[bundle]\n", "", "begin with [bundle]");
	refused("", "[image.root]", "[bundle]", "once");
	refused("", "[image.boot]", "[image.root]", "twice");
	REFUSED("", "[image.boot]", "unknown section", "[imago.boot]", "[x-boot]");
	REFUSED("", "[image.boot]", "name", "[image.]", "[image.Boot]", "[image.../boot]",
		"[image.-boot]", "[image.a123456789012345678901234567890x]");
	refused("", "[image.root]", "[encoding.1]", "come after images");
	REFUSED("", "[encoding.1]", "want [encoding.1]", "[encoding.2]", "[encoding.01]");
	refused("", "[encoding.2]", "[encoding.1]", "want [encoding.2]");
	refused("", "[encoding.3]", "[image.more]", "images come");
	FAILS(parse("[image.root]\n"), KB_EFORMAT);
	FAILS(parse("[encoding.1]\n"), KB_EFORMAT);
	FAILS(parse(""), KB_EFORMAT);
	FAILS(parse("\n\n"), KB_EFORMAT);
}

TEST(format_comes_first)
{
	refused("", "format=1.0\ncompatible=acme-box,acme-2\n",
		"compatible=acme-box,acme-2\nformat=1.0\n", "begin with format");
}

TEST(keys_are_known_and_single)
{
	refused("", "build=", "bild=", "unknown key");
	refused("[image.root]", "size=", "length=", "unknown key");
	refused("[encoding.2]", "payload-offset=1000", "payload-start=1000", "no payload-offset");
	refused("[encoding.2]", "kind=full\n", "kind=full\nlaser=blue\n", "unknown key");
	refused("", "build=4711\n", "build=4711\nbuild=4711\n", "twice");
	refused("[image.root]", "size=1048576\n", "size=1048576\nsize=1048576\n", "twice");
	refused("[encoding.2]", "kind=full\n", "kind=full\nkind=full\n", "twice");
}

TEST(required_keys_are_required)
{
	static const char *const keys[][2] = {
		{ "[bundle]", "compatible" },	      { "[bundle]", "version" },
		{ "[bundle]", "sequence" },	      { "[bundle]", "floor" },
		{ "[bundle]", "allow-downgrade" },    { "[image.root]", "size" },
		{ "[image.root]", "chunk-size" },     { "[image.root]", "digest" },
		{ "[image.root]", "hashes-offset" },  { "[image.root]", "hashes-length" },
		{ "[image.root]", "hashes-digest" },  { "[encoding.2]", "image" },
		{ "[encoding.2]", "kind" },	      { "[encoding.2]", "forms" },
		{ "[encoding.2]", "table-offset" },   { "[encoding.2]", "table-length" },
		{ "[encoding.2]", "table-digest" },   { "[encoding.2]", "payload-offset" },
		{ "[encoding.2]", "payload-length" }, { "[encoding.2]", "payload-digest" },
	};

	/* Turned into an x- key, it is missing. */
	for (unsigned i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		refused(keys[i][0], strf("\n%s=", keys[i][1]), strf("\nx-%s=", keys[i][1]),
			strf("no %s", keys[i][1]));
}

TEST(numbers_have_one_spelling_and_a_range)
{
	REFUSED("sequence", "=21\n", "sequence", "=-1\n", "=+1\n", "=0x10\n", "=021\n", "=1 000\n",
		"=1e3\n", "=1.0\n", "=18446744073709551616\n", "=9223372036854775808\n");
	refused("", "sequence=21", "sequence=0", "too small");
	refused("", "floor=7", "floor=22", "above sequence");
	accepted("", "floor=7", "floor=21");
	accepted("", "sequence=21", "sequence=9223372036854775807");
	REFUSED("", "format=1.0", "MAJOR.MINOR", "format=1", "format=01.0", "format=0.9",
		"format=1.00", "format=1.0.0", "format=.0", "format=9223372036854775808.0");
	accepted("", "format=1.0", "format=1.9223372036854775807");
	FAILS(parse(with("", "format=1.0", "format=123456789.0")), KB_ENEWER);
	FAILS(parse(with("", "format=1.0", "format=2.later")), KB_ENEWER);
	refused("", "allow-downgrade=no", "allow-downgrade=true", "yes nor no");
}

TEST(texts_have_their_characters_and_lengths)
{
	REFUSED("", "version=2.1~rc1", "not allowed", "version=2/1", "version=2 1");
	refused("", "version=2.1~rc1", "version=1234567890123456789012345678901234567890123456789",
		"too long");
	accepted("", "version=2.1~rc1", "version=123456789012345678901234567890123456789012345678");
	REFUSED("", "acme-box,acme-2", "empty", "acme-box,", ",acme-box");
	refused("", "acme-box,acme-2", "acme box", "not allowed");
	refused("", "acme-box,acme-2", "acme,acme", "twice");
	refused("", "acme-box,acme-2", "a,b,c,d,e,f,g,h,i", "more than 8");
	accepted("", "acme-box,acme-2", "a,b,c,d,e,f,g,h");
	refused("", "acme-box,acme-2", "a23456789012345678901234567890123456789012345678x",
		"too long");
	REFUSED("", "x86_64,i386", "empty", "x86_64,", ",x86_64", "x86_64,,i386");
	refused("", "x86_64,i386", "x86 64", "not allowed");
	refused("", "x86_64,i386", "arm,arm", "twice");
	refused("", "x86_64,i386", "a,b,c,d,e,f,g,h,i", "more than 8");
	accepted("", "x86_64,i386", "a,b,c,d,e,f,g,h");
	refused("", "created=2025", "created=yes", "not UTC as");
	REFUSED("", "03:04:05Z", "not UTC as", "03:04:05", "24:04:05Z");
	refused("", "filesystem=ext4", "filesystem=../ext4", "not allowed");
}

/* A maker may name what comes after this program, or nothing at all. */
TEST(processors_may_be_unknown_or_missing)
{
	accepted("", "processor=x86_64,i386", "processor=x86_64-v9,hexagon");
	EQUAL((m.nprocessors, 2), (m.processor[1], "hexagon"));
	accepted("", "processor=x86_64,i386\n", "");
	assert_int_equal(m.nprocessors, 0);
}

TEST(images_fit_their_chunks)
{
	refused("", "size=1048576", "size=0", "too small");
	refused("", "size=1048576", "size=1048577", "4096");
	refused("", "size=1048576", "size=1310720", "hashes-length");
	refused("", "chunk-size=262144", "chunk-size=8192", "too small");
	refused("", "chunk-size=262144", "chunk-size=2097152", "too large");
	refused("", "chunk-size=262144", "chunk-size=300000", "power of two");
	REFUSED("", "size=1048576", "too many chunks", "size=4398046515200",
		"size=9223372036854771712");
	refused("", "hashes-length=160", "hashes-length=192", "hashes-length");
	REFUSED("", "digest=00", "64 hex", "digest=0", "digest=0g", "digest=0000");
}

TEST(verity_is_whole_or_absent)
{
	refused("", "verity-root-hash=" D32 "\n", "", "verity: needs");
	refused("", "verity-algorithm=sha256\n", "", "verity: needs");
	refused("", "verity-data-block=4096\n", "", "verity: needs");
	refused("", "verity-hash-block=4096\n", "", "verity: needs");
	refused("", "verity-tree-offset=524288\n", "", "verity: needs");
	refused("", "verity-algorithm=sha256", "verity-algorithm=md5", "sha512");
	refused("", "verity-algorithm=sha256", "verity-algorithm=sha512", "as long as");
	refused("", "verity-tree-offset=524288", "verity-tree-offset=524289", "multiple");
	REFUSED("", "verity-tree-offset=524288", "does not fit", "verity-tree-offset=1048576",
		"verity-tree-offset=1044480");
	refused("", "verity-data-block=4096", "verity-data-block=8192", "too large");
	refused("", "verity-hash-block=4096", "verity-hash-block=65536", "too large");
	refused("", "verity-tree-offset=524288", "verity-tree-offset=0", "too small");
	refused("", "verity-data-block=4096", "verity-data-block=4095", "power of two");
	REFUSED("", "verity-salt=abcd", "even", "verity-salt=abc", "verity-salt=" D32 D32 "00");
	accepted("", "verity-salt=abcd", "verity-salt=" D32 D32);
}

TEST(encodings_fit_their_images)
{
	refused("[encoding.2]", "image=root", "image=toor", "no such image");
	refused("[encoding.1]", "image=root", "image=boot", "order of their images");
	refused("[encoding.3]", "image=boot", "image=root", "not where");
	refused("[encoding.2]", "kind=full\n", "kind=full\nseed=" E32 "\n",
		"seed= needs kind=seed");
	refused("[encoding.1]", "seed=" E32 "\n", "", "seed= needs kind=seed");
	refused("[encoding.2]", "forms=zero,raw,zstd", "forms=zero,copy", "need kind=seed");
	REFUSED("[encoding.2]", "forms=zero,raw,zstd", "empty name", "forms=zero,,raw",
		"forms=zero,");
	refused("[encoding.2]", "forms=zero,raw,zstd", "forms=zero,raw,zero", "a name twice");
}

TEST(an_image_without_encoding_is_refused)
{
	const char *cut = strstr(good, "\n[encoding.3]");

	snprintf(text, sizeof(text), "%.*s", (int)(cut + 1 - good), good);
	FAILS(parse(text), KB_EFORMAT);
	assert_non_null(strstr(why, "no encoding"));
}

TEST(parts_lie_one_behind_the_other)
{
	refused("[image.root]", "hashes-offset=0", "hashes-offset=1", "not where");
	refused("[image.boot]", "hashes-offset=310", "hashes-offset=309", "not where");
	refused("[encoding.1]", "table-length=100", "table-length=99", "not where");
	refused("[encoding.2]", "table-offset=260", "table-offset=160", "not where");
	refused("[encoding.1]", "payload-offset=0", "payload-offset=8", "not where");
	REFUSED("[encoding.1]", "payload-length=1000", "not where", "payload-length=1001",
		"payload-length=9223372036854775807");
	refused("[encoding.3]", "payload-offset=1000", "payload-offset=999", "not where");
}

/* What follows it takes its place. */
TEST(hashes_lie_nowhere_else)
{
	char *t = (char *)with("[image.boot]", "hashes-offset=310", "hashes-offset=500");
	char *table = strstr(t, "table-offset=374");

	assert_non_null(table);
	memcpy(table, "table-offset=310", 16);
	FAILS(parse(t), KB_EFORMAT);
	assert_non_null(strstr(why, "not where they belong"));
}

/* Up to the limits, and one more. */
TEST(counts_are_limited)
{
	char *p = text;

	p += sprintf(p, "[bundle]\nformat=1.0\ncompatible=a\nversion=1\nsequence=1\nfloor=0\n"
			"allow-downgrade=yes\n[image.a]\nsize=4096\nchunk-size=16384\ndigest=" D32
			"\nhashes-offset=0\nhashes-length=64\nhashes-digest=" D32 "\n");
	for (unsigned i = 1; i <= MANIFEST_ENCODINGS_MAX + 1; i++) {
		p += sprintf(p,
			     "[encoding.%u]\nimage=a\nkind=full\nforms=raw\ntable-offset=%u\n"
			     "table-length=51\ntable-digest=" D32
			     "\npayload-offset=0\npayload-length=0\npayload-digest=" D32 "\n",
			     i, 64 + (i - 1) * 51);
		assert_int_equal(parse(text), i <= MANIFEST_ENCODINGS_MAX ? KB_OK : KB_EFORMAT);
	}
	assert_non_null(strstr(why, "more than 16"));
	assert_true(m.allow_downgrade);
}

TEST(too_many_images_are_refused)
{
	char *p = text;

	p += sprintf(p, "[bundle]\nformat=1.0\ncompatible=a\nversion=1\nsequence=1\nfloor=0\n"
			"allow-downgrade=no\n");
	for (unsigned i = 0; i <= MANIFEST_IMAGES_MAX; i++)
		p += sprintf(p,
			     "[image.i%u]\nsize=4096\nchunk-size=16384\ndigest=" D32
			     "\nhashes-offset=0\nhashes-length=64\nhashes-digest=" D32 "\n",
			     i);
	FAILS(parse(text), KB_EFORMAT);
	assert_non_null(strstr(why, "more than 4"));
}

TEST(messages_are_safe_to_print)
{
	char small[8];

	FAILS(manifest_parse(&m, "\x1b[31m\n", 6, why, sizeof(why)), KB_EFORMAT);
	assert_null(strchr(why, '\x1b'));
	FAILS(manifest_parse(&m, "x", 1, small, sizeof(small)), KB_EFORMAT);
	assert_int_equal(strlen(small), 7);
}

/* Of a name with a comma, the manifest makes two: no bundle is for that device. */
TEST(each_name_that_a_device_may_have_is_one_in_a_manifest)
{
	assert_string_equal(conf_keys[0].key, "compatible");
	for (int c = 1; c < 256; c++) {
		const char name[] = { 'a', (char)c, 'b', '\0' };
		struct conf conf;

		if (conf_value_set(&conf, &conf_keys[0], name) != KB_OK)
			continue;
		accepted("", "acme-box,acme-2", name);
		assert_int_equal(m.ncompatible, 1);
		assert_true(manifest_is_for(&m, conf.compatible));
	}
}

TEST(keys_are_set_one_by_one_by_the_same_rules)
{
	static const char *const bad[] = { "", "47;11", "47\t11", "47\x7f", " 4711", "4711 " };
	struct manifest_image im = { .size = 0 };

	memset(&m, 0, sizeof(m));
	for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_non_null(manifest_bundle_key(&m, "build", bad[i]));
	assert_string_equal(m.build, "");
	assert_null(manifest_bundle_key(&m, "version", "3.0"));
	assert_string_equal(m.version, "3.0");
	assert_non_null(manifest_bundle_key(&m, "version", "3 0"));
	assert_ptr_equal(manifest_bundle_key(&m, "vershun", "3"), manifest_unknown_key);
	assert_null(manifest_image_key(&im, "filesystem", "erofs"));
	assert_string_equal(im.filesystem, "erofs");
	assert_ptr_equal(manifest_image_key(&im, "version", "3"), manifest_unknown_key);
}

TEST_MAIN("manifest")
