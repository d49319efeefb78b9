/* SPDX-License-Identifier: Apache-2.0 */
#include "initramfs/alias_table.h"
#include "tests/unit/test.h"

static struct alias_table t;
static unsigned line;
static const char *why;
static char asked[256];

/* The lines, with the end that belongs to them. */
static size_t fill(const char *lines)
{
	unsigned n = 0;

	for (const char *s = lines; *s != '\0'; s++)
		n += *s == '\n';
	return (size_t)snprintf(t.text, sizeof(t.text), "%send %u %08x\n", lines, n,
				bytes_crc32c(0, lines, strlen(lines)));
}

static void note(void *ctx, const char *module, size_t len)
{
	size_t used = strlen(asked);

	snprintf(asked + used, sizeof(asked) - used, "%.*s ", (int)len, module);
}

static const char *ask(const char *name)
{
	asked[0] = '\0';
	alias_table_ask(&t, name, note, NULL);
	return asked;
}

TEST(patterns_are_those_of_a_shell)
{
	static const struct {
		const char *pattern, *name;
		bool fits;
	} cases[] = {
		{ "fs-ext4", "fs-ext4", true },
		{ "fs-ext4", "fs-ext", false },
		{ "fs-ext", "fs-ext4", false },
		{ "", "", true },
		{ "", "x", false },
		{ "*", "", true },
		{ "**", "abc", true },
		{ "a*", "b", false },
		{ "a?c", "abc", true },
		{ "a?c", "ac", false },
		{ "a?", "a", false },
		{ "pci:v00001AF4d*sv*sd*bc*sc*i*",
		  "pci:v00001AF4d00001001sv00001AF4sd00000002bc01sc00i00", true },
		{ "pci:v*d*sv*sd*bc01sc08i02*",
		  "pci:v00001B36d00000010sv00001AF4sd00001100bc01sc08i02", true },
		{ "pci:v*d*sv*sd*bc01sc08i02*",
		  "pci:v00001B36d00000010sv00001AF4sd00001100bc0Csc03i30", false },
		{ "acpi*:LNRO0005:*", "acpi:LNRO0005:", true },
		{ "acpi*:LNRO0005:*", "acpi:PNP0A03:LNRO0005:", true },
		{ "of:N*T*Csnps,dwc3C*", "of:NusbT(null)Csnps,dwc3Cacme,usb", true },
		{ "of:N*T*Csnps,dwc3", "of:NusbT(null)Csnps,dwc3Cacme,usb", false },
		/* What kmod does, too. */
		{ "platform:sdhci-iproc", "platform:sdhci_iproc", true },
		{ "usb:v0525p[A-C]4a[0-9a]d*", "usb:v0525pB4aad0100", true },
		{ "usb:v0525p[A-C]4a[0-9a]d*", "usb:v0525pD4aad0100", false },
		{ "x[]]y", "x]y", true },
		{ "x[", "x[", true },
		{ "x[a", "xa", false },
		{ "x[a-]y", "x-y", true },
		{ "ab*cab", "abcabcab", true },
		{ "*a*a*b", "aaaaaaaaaa", false },
	};

	for (unsigned i = 0; i < KB_ARRAY_LEN(cases); i++) {
		if (alias_table_fits(cases[i].pattern, cases[i].name) != cases[i].fits)
			fail_msg("%s %s", cases[i].pattern, cases[i].name);
	}
}

/* A device tree or a stick could ask for hours. */
TEST(a_pattern_of_many_stars_is_done_soon)
{
	static char name[2000];

	memset(name, 'a', sizeof(name) - 1);
	assert_false(alias_table_fits("*a*a*a*a*a*a*a*a*a*a*a*a*b", name));
}

TEST(who_asks_is_told_all_modules_of_all_lines)
{
	OK(alias_table_parse(&t, fill("fs-vfat vfat nls_cp437\npci:v1*d* one\npci:v*d2 two\n"),
			     &line, &why));
	assert_int_equal(t.n, 3);
	assert_string_equal(ask("fs-vfat"), "vfat nls_cp437 ");
	assert_string_equal(ask("pci:v1d2"), "one two ");
	assert_string_equal(ask("pci:v3d2"), "two ");
	assert_string_equal(ask("pci"), "");
	assert_string_equal(ask(""), "");
}

TEST(buses_are_those_of_the_patterns)
{
	OK(alias_table_parse(&t, fill("acpi*:X:* a\nmmc:block m\nneeds:pci p\n"), &line, &why));
	assert_true(alias_table_has_bus(&t, "acpi"));
	assert_true(alias_table_has_bus(&t, "mmc"));
	assert_false(alias_table_has_bus(&t, "mm"));
	assert_false(alias_table_has_bus(&t, "pci"));
	assert_true(alias_table_knows(&t, "acpi:A:X:B"));
	assert_true(alias_table_knows(&t, "mmc:block"));
	assert_false(alias_table_knows(&t, "mmc:bloc"));
	assert_false(alias_table_knows(&t, "pci:v1"));
}

TEST(what_is_damaged_is_refused_and_says_where)
{
	static const struct {
		const char *text, *why;
		unsigned line;
	} cases[] = {
		{ "", "the end is missing", 1 },
		{ "a b\n", "the end is missing", 2 },
		{ "a b\nc", "it is cut off", 2 },
		{ "a b\nc\nend 2 00000000\n", "it names no module", 2 },
		{ "a b\n c\nend 2 00000000\n", "it names no module", 2 },
		{ "a b\nc \nend 2 00000000\n", "it names no module", 2 },
		{ "a b\n\nend 2 00000000\n", "it names no module", 2 },
		{ "a \x01\nend 1 00000000\n", "it is no text", 1 },
		{ "a b\nend 1 00000000\n", "its lines or their sum are not what the end says", 2 },
		{ "end 0 00000000\nx", "something stands behind the end", 1 },
	};
	size_t len;

	for (unsigned i = 0; i < KB_ARRAY_LEN(cases); i++) {
		snprintf(t.text, sizeof(t.text), "%s", cases[i].text);
		FAILS(alias_table_parse(&t, strlen(t.text), &line, &why), KB_EFORMAT);
		assert_string_equal(why, cases[i].why);
		assert_int_equal(line, cases[i].line);
		assert_int_equal(t.n, 0);
	}
	/* A bit, of any byte. */
	len = fill("fs-ext4 ext4\npci:v1 one\n");
	for (size_t i = 0; i < len; i++) {
		fill("fs-ext4 ext4\npci:v1 one\n");
		t.text[i] ^= 4;
		FAILS(alias_table_parse(&t, len, &line, &why), KB_EFORMAT);
	}
	FAILS(alias_table_parse(&t, sizeof(t.text) - 1, &line, &why), KB_EFORMAT);
	assert_string_equal(why, "it is too long");
}

TEST(there_may_be_so_many_lines)
{
	static char lines[4 * ALIAS_TABLE_LINES + 8];

	for (unsigned i = 0; i < ALIAS_TABLE_LINES; i++)
		memcpy(lines + 4 * i, "a b\n", 5);
	OK(alias_table_parse(&t, fill(lines), &line, &why));
	assert_int_equal(t.n, ALIAS_TABLE_LINES);
	memcpy(lines + 4 * ALIAS_TABLE_LINES, "a b\n", 5);
	FAILS(alias_table_parse(&t, fill(lines), &line, &why), KB_EFORMAT);
	assert_string_equal(why, "there are too many");
}

TEST_MAIN("alias_table")
