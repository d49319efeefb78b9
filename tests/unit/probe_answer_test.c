/* SPDX-License-Identifier: Apache-2.0 */
#include "initramfs/disks/probe_answer.h"
#include "tests/unit/test.h"

static struct prober_answer a;
static struct probe_disk d;

static void good(void)
{
	memset(&a, 0, sizeof(a));
	a.magic = PROBER_MAGIC;
	a.size = 1 << 30;
	a.n = 2;
	strcpy(a.table, "gpt");
	a.part[0] = (struct prober_part){
		.dev = "/dev/vda1", .partlabel = "state", .start = 4096, .size = 4096, .number = 1
	};
	a.part[1] = (struct prober_part){ .dev = "/dev/vda2",
					  .partlabel = "root-a",
					  .partuuid = "AB",
					  .fstype = "ext4",
					  .label = "l",
					  .uuid = "u",
					  .pin = "cid-1",
					  .start = 8192,
					  .size = 4096,
					  .number = 2 };
	memset(&d, 0, sizeof(d));
	d.n = 2;
	d.part[0] = (struct prober_part){
		.dev = "/dev/vda1", .start = 4096, .size = 4096, .number = 1
	};
	d.part[1] = (struct prober_part){ .dev = "/dev/vda2",
					  .partlabel = "kernel's",
					  .start = 8192,
					  .size = 2048,
					  .number = 2 };
}

static enum kb_err check(void)
{
	return probe_answer_check(&a, PROBER_ANSWER_LEN(a.n));
}

TEST(a_good_answer_passes_at_its_exact_length)
{
	OK(check());
	FAILS(probe_answer_check(&a, PROBER_ANSWER_LEN(2) - 1), KB_EFORMAT);
	FAILS(probe_answer_check(&a, PROBER_ANSWER_LEN(2) + 1), KB_EFORMAT);
	FAILS(probe_answer_check(&a, 0), KB_EFORMAT);
	assert_true(probe_answer_partial(&a, 0));
	assert_true(probe_answer_partial(&a, PROBER_ANSWER_LEN(0)));
	assert_false(probe_answer_partial(&a, PROBER_ANSWER_LEN(2)));
}

TEST(counts_and_magic_are_checked_before_use)
{
	a.n = PROBER_PARTS_MAX + 1;
	FAILS(probe_answer_check(&a, PROBER_ANSWER_LEN(2)), KB_EFORMAT);
	assert_false(probe_answer_partial(&a, PROBER_ANSWER_LEN(2)));
	a.n = 0xffffffff;
	FAILS(probe_answer_check(&a, sizeof(a)), KB_EFORMAT);
	good();
	a.magic++;
	FAILS(check(), KB_EFORMAT);
	assert_false(probe_answer_partial(&a, PROBER_ANSWER_LEN(1)));
}

TEST(every_string_has_to_end_and_be_printable)
{
	static const size_t offsets[] = {
		offsetof(struct prober_part, partlabel), offsetof(struct prober_part, partuuid),
		offsetof(struct prober_part, fstype),	 offsetof(struct prober_part, label),
		offsetof(struct prober_part, uuid),	 offsetof(struct prober_part, pin),
	};
	static const size_t sizes[] = { sizeof(a.part[0].partlabel), sizeof(a.part[0].partuuid),
					sizeof(a.part[0].fstype),    sizeof(a.part[0].label),
					sizeof(a.part[0].uuid),	     sizeof(a.part[0].pin) };

	for (unsigned i = 0; i < 6; i++) {
		good();
		memset((char *)&a.part[1] + offsets[i], 'x', sizes[i]);
		FAILS(check(), KB_EFORMAT);
		good();
		strcpy((char *)&a.part[1] + offsets[i], "a\033b");
		FAILS(check(), KB_EFORMAT);
		good();
		strcpy((char *)&a.whole + offsets[i], "\x80");
		FAILS(check(), KB_EFORMAT);
	}
	good();
	memset(a.table, 'x', sizeof(a.table));
	FAILS(check(), KB_EFORMAT);
}

TEST(names_lie_below_dev)
{
	static const char *const bad[] = { "/etc/passwd", "/dev", "vda", "/dev/../etc",
					   "/dev/a/b" };

	for (unsigned i = 0; i < 5; i++) {
		good();
		memset(a.part[0].dev, 0, sizeof(a.part[0].dev));
		strcpy(a.part[0].dev, bad[i]);
		FAILS(check(), KB_EFORMAT);
	}
}

TEST(ranges_do_not_overflow_and_numbers_grow)
{
	a.part[1].start = UINT64_MAX - 100;
	FAILS(check(), KB_EFORMAT);
	good();
	a.part[1].start = INT64_MAX;
	FAILS(check(), KB_EFORMAT);
	good();
	a.part[1].size = 0;
	FAILS(check(), KB_EFORMAT);
	good();
	a.part[1].number = 1;
	FAILS(check(), KB_EFORMAT);
	good();
	a.part[0].number = 0;
	FAILS(check(), KB_EFORMAT);
	good();
	a.whole.number = 1;
	FAILS(check(), KB_EFORMAT);
}

TEST(random_damage_never_passes_a_bad_string)
{
	srand(1);
	for (unsigned i = 0; i < 20000; i++) {
		size_t at = (size_t)rand() % PROBER_ANSWER_LEN(2);

		good();
		((uint8_t *)&a)[at] ^= (uint8_t)(1 + rand() % 255);
		if (check() != KB_OK)
			continue;
		for (unsigned k = 0; k < a.n; k++)
			assert_true(strnlen(a.part[k].label, sizeof(a.part[k].label)) <
				    sizeof(a.part[k].label));
		probe_answer_merge(&d, &a);
	}
}

TEST(the_kernel_says_where_and_the_answer_what)
{
	probe_answer_merge(&d, &a);
	EQUAL((d.has_table, true), (d.part[0].partlabel, "state"), (d.part[1].partlabel, "root-a"));
	EQUAL((d.part[1].fstype, "ext4"), (d.part[1].partuuid, "AB"), (d.part[1].pin, "cid-1"));
	assert_int_equal(d.part[1].size, 2048);
}

TEST(a_partition_that_the_answer_lacks_keeps_the_kernels_name)
{
	a.part[1].start += 512;
	probe_answer_merge(&d, &a);
	EQUAL((d.part[1].partlabel, "kernel's"), (d.part[1].fstype, ""));
	assert_int_equal(d.part[1].flags, PROBER_PART_UNREADABLE);
}

TEST(partitions_that_only_the_answer_has_are_not_taken)
{
	d.n = 0;
	strcpy(a.whole.fstype, "vfat");
	probe_answer_merge(&d, &a);
	EQUAL((d.n, 0), (d.has_table, true), (d.whole.fstype, ""));
}

TEST(partitions_of_a_member_of_an_array_are_members)
{
	a.flags = PROBER_MEMBER;
	probe_answer_merge(&d, &a);
	EQUAL((d.has_table, true), (d.whole.fstype, "linux_raid_member"));
	EQUAL((d.part[0].fstype, "linux_raid_member"), (d.part[1].fstype, "linux_raid_member"));
	EQUAL((d.part[1].partlabel, "root-a"));
}

TEST(a_bare_disk_gets_its_file_system)
{
	d.n = a.n = 0;
	a.table[0] = '\0';
	strcpy(a.whole.fstype, "vfat");
	strcpy(a.whole.label, "UPDATE");
	probe_answer_merge(&d, &a);
	EQUAL((d.has_table, false), (d.whole.fstype, "vfat"), (d.whole.label, "UPDATE"));
}

TEST_MAIN("probe_answer", .set_up = good)
