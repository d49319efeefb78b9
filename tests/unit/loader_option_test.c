/* SPDX-License-Identifier: Apache-2.0 */
/* UEFI's load options: what we write is read back, and no other bytes confuse the reader. */
#include "selector/loader/loader_option.h"
#include "tests/unit/test.h"

#define FILE_NAME "\\EFI\\BOOT\\BOOTX64.EFI"

static const struct loader_part part = {
	.number = 2,
	.start = 2048,
	.blocks = 131072,
	.guid = { 0x33, 0x22, 0x11, 0, 0x55, 0x44, 0x77, 0x66, 8, 9, 10, 11, 12, 13, 14, 15 },
};
static uint8_t data[512];
static size_t len;
static struct loader_option o;

static void make(void)
{
	len = loader_option_make(data, sizeof(data), "keelboot a", &part, FILE_NAME);
	assert_true(len != 0);
}

TEST(option_has_the_bytes_of_the_specification)
{
	static const uint8_t start[] = { 1, 0, 0, 0, 94, 0, 'k', 0, 'e', 0 };
	static const uint8_t disk[] = { 4, 1, 42, 0, 2, 0, 0, 0, 0, 8, 0, 0, 0, 0, 0, 0 };
	static const uint8_t end[] = { 'I', 0, 0, 0, 0x7f, 0xff, 4, 0 };

	make();
	assert_memory_equal(data, start, sizeof(start));
	assert_memory_equal(data + 6 + 22, disk, sizeof(disk));
	EQUAL((data[6 + 22 + 40], 2), (data[6 + 22 + 41], 2), (data[6 + 22 + 42], 4));
	assert_memory_equal(data + len - sizeof(end), end, sizeof(end));
}

TEST(option_is_read_back)
{
	char guid[LOADER_PART_GUID];

	make();
	OK(loader_option_parse(&o, data, len));
	EQUAL((o.active, true), (o.description, "keelboot a"), (o.has_part, true),
	      (o.file, FILE_NAME));
	assert_memory_equal(&o.part, &part, sizeof(part));
	loader_part_guid(&o.part, guid);
	EQUAL((guid, "00112233-4455-6677-0809-0A0B0C0D0E0F"));
}

TEST(option_without_room_is_not_made)
{
	make();
	EQUAL((loader_option_make(data, len - 1, "keelboot a", &part, FILE_NAME), 0));
	assert_int_equal(loader_option_make(data, len, "keelboot a", &part, FILE_NAME), len);
}

TEST(option_that_is_cut_short_is_refused)
{
	make();
	for (size_t n = 0; n < len; n++)
		FAILS(loader_option_parse(&o, data, n), KB_EFORMAT);
	/* What is behind the path is the program's own. */
	OK(loader_option_parse(&o, data, len + 100));
	EQUAL((o.file, FILE_NAME));
}

/* Each reads within its bytes: valgrind and the sanitizers look. */
TEST(each_byte_may_be_damaged)
{
	for (size_t at = 0; at < 200; at++) {
		for (unsigned value = 0; value < 256; value++) {
			uint8_t *copy;

			make();
			if (at >= len)
				return;
			copy = malloc(len);
			memcpy(copy, data, len);
			copy[at] = (uint8_t)value;
			if (loader_option_parse(&o, copy, len) == KB_OK)
				assert_true(strlen(o.description) < LOADER_OPTION_TEXT &&
					    strlen(o.file) < LOADER_OPTION_TEXT);
			free(copy);
		}
	}
}

TEST(path_of_another_kind_names_no_partition)
{
	make();
	data[6 + 22 + 40] = 1; /* an MBR */
	OK(loader_option_parse(&o, data, len));
	EQUAL((o.has_part, false));
	make();
	data[6 + 22] = 2; /* ACPI: a whole path from the root */
	OK(loader_option_parse(&o, data, len));
	EQUAL((o.has_part, false), (o.file, ""));
	make();
	data[6 + 22 + 42] = 3; /* behind the partition comes no file */
	OK(loader_option_parse(&o, data, len));
	EQUAL((o.has_part, true), (o.file, ""));
	make();
	data[len - 4] = 4; /* nor the end behind the file */
	OK(loader_option_parse(&o, data, len));
	EQUAL((o.file, ""));
}

/* Some firmware writes an option anew with the whole path: PciRoot(0)/Pci(2,0)/HD(...)/file. */
TEST(way_to_the_disk_may_stand_before_the_partition)
{
	static const uint8_t way[] = {
		2, 1, 12, 0, 0xd0, 0x41, 3, 10, 0, 0, 0, 0, 1, 1, 6, 0, 0, 2
	};
	enum { AT = 6 + 22 };

	make();
	memmove(data + AT + sizeof(way), data + AT, len - AT);
	memcpy(data + AT, way, sizeof(way));
	data[4] += sizeof(way);
	len += sizeof(way);
	OK(loader_option_parse(&o, data, len));
	EQUAL((o.has_part, true), (o.part.number, part.number), (o.file, FILE_NAME));
	data[AT + 12 + 2] = 3; /* a node that is shorter than its head */
	OK(loader_option_parse(&o, data, len));
	EQUAL((o.has_part, false), (o.file, ""));
	data[AT + 12 + 2] = 6;
	data[AT] = 0x7f; /* what is behind the end is of another path */
	OK(loader_option_parse(&o, data, len));
	EQUAL((o.has_part, false));
}

TEST(long_and_foreign_text_is_cut_and_made_printable)
{
	uint8_t text[6 + 2 * 200 + 2] = { 0 };

	for (unsigned i = 0; i < 200; i++)
		text[6 + 2 * i + 1] = 0x30;
	OK(loader_option_parse(&o, text, sizeof(text)));
	EQUAL((strlen(o.description), LOADER_OPTION_TEXT - 1), (o.active, false),
	      (o.description[0], '?'));
	text[sizeof(text) - 1] = 1; /* nothing ends it */
	FAILS(loader_option_parse(&o, text, sizeof(text)), KB_EFORMAT);
}

TEST_MAIN("loader_option")
