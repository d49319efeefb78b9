/* SPDX-License-Identifier: Apache-2.0 */
/* Which volumes a script of the initramfs is asked to open. */
#include "tests/sim/os_sim_here.h"

#include "initramfs/boot_data.h"
#include "initramfs/select/missing.h"
#include "tests/unit/test.h"

#define SLOTS "[slot.a]\nroot=/dev/mapper/vg-a\n[slot.b]\nroot=PARTLABEL=root-b\n"
#define DATA  "[source.data]\npartition=/dev/vg/data\n"

static struct boot b;

static void set_up(void)
{
	os_sim_reset();
	memset(&b, 0, sizeof(b));
}

static void asks_for(const char *conf, unsigned n, const char *names)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	os_sim_file("/etc/keelboot/system.conf", conf);
	assert_int_equal(missing_list(&b, out), n);
	fclose(out);
	assert_string_equal(text, names);
	free(text);
}

TEST(slots_that_are_volumes_are_asked_for)
{
	asks_for(SLOTS, 1, "/dev/mapper/vg-a\n");
}

TEST(data_that_only_brings_updates_may_be_opened_later)
{
	asks_for(SLOTS DATA, 1, "/dev/mapper/vg-a\n");
}

TEST(data_that_belongs_to_the_release_is_asked_for)
{
	asks_for(SLOTS DATA "[data]\npaths=app\n", 2, "/dev/vg/data\n/dev/mapper/vg-a\n");
	asks_for(SLOTS DATA "[data]\nkeep=ids\n", 2, "/dev/vg/data\n/dev/mapper/vg-a\n");
}

TEST_MAIN("missing", .set_up = set_up)
