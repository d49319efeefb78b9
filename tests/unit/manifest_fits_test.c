/* SPDX-License-Identifier: Apache-2.0 */
/* Which bundles are for no slot. */
#include "lib/os_processor.h"
#include "lib/pe_machine.h"
#include "tests/unit/program.h"
#include "tests/unit/test.h"
#include "update/bundle/manifest_fits.h"

static struct manifest m;
static char why[MANIFEST_WHY];

TEST(bundle_with_a_loader_is_for_no_slot)
{
	m.nimages = 2;
	snprintf(m.image[0].name, sizeof(m.image[0].name), "root");
	snprintf(m.image[1].name, sizeof(m.image[1].name), "loader");
	FAILS(manifest_fits_slots(why, &m, ""), KB_ECOMPAT);
	assert_non_null(strstr(why, "this device has one copy of its own"));
	FAILS(manifest_fits_slots(why, &m, "/dev/mmcblk0"), KB_ECOMPAT);
	assert_non_null(strstr(why, "keelboot loader install"));
}

TEST(bundle_without_one_is_for_slots)
{
	m.nimages = 2;
	snprintf(m.image[0].name, sizeof(m.image[0].name), "root");
	snprintf(m.image[1].name, sizeof(m.image[1].name), "boot");
	OK(manifest_fits_slots(why, &m, ""));
}

TEST(kernel_is_for_this_processor_or_the_bundle_for_another_device)
{
	uint16_t other = pe_machine_fits(PE_AARCH64, os_processor()) ? PE_X86_64 : PE_AARCH64;
	uint8_t chunk[4096] = { 0 };

	if (os_processor() == 0)
		skip(); /* UEFI is not on this one */
	snprintf(m.image[0].name, sizeof(m.image[0].name), "boot");
	program_make(chunk, 8192, 0, 0);
	bytes_put16(chunk + PROGRAM_AT + 4, other);
	FAILS(manifest_fits_processor(why, &m.image[0], chunk, sizeof(chunk)), KB_ECOMPAT);
	assert_non_null(strstr(why, other == PE_AARCH64 ? "is for AArch64, but this device is "
							: "is for x86-64, but this device is "));
	OK(manifest_fits_processor(why, &m.image[0], chunk, PROGRAM_AT));
	OK(manifest_fits_processor(why, &m.image[0], NULL, sizeof(chunk)));
	bytes_put16(chunk + PROGRAM_AT + 4, os_processor());
	OK(manifest_fits_processor(why, &m.image[0], chunk, sizeof(chunk)));
}

/* A root may begin with whatever it likes. */
TEST(only_the_kernel_is_looked_at)
{
	uint8_t chunk[4096] = { 0 };

	snprintf(m.image[0].name, sizeof(m.image[0].name), "root");
	program_make(chunk, 8192, 0, 0);
	bytes_put16(chunk + PROGRAM_AT + 4, PE_RISCV64);
	OK(manifest_fits_processor(why, &m.image[0], chunk, sizeof(chunk)));
}

TEST_MAIN("manifest_fits")
