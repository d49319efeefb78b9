/* SPDX-License-Identifier: Apache-2.0 */
/* Which bundles are for no slot. */
#include "lib/os_processor.h"
#include "lib/pe_machine.h"
#include "tests/unit/program.h"
#include "tests/unit/test.h"
#include "update/bundle/manifest_fits.h"

#include <sys/utsname.h>

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

/* ---------------------------------------------------------------- processor= */

static const char *kernel; /* what it calls itself; NULL: the real one is asked */

/* In front of the C library's. */
int uname(struct utsname *u)
{
	if (kernel == NULL)
		return TEST_REAL(uname)(u);
	memset(u, 0, sizeof(*u));
	snprintf(u->machine, sizeof(u->machine), "%s", kernel);
	return 0;
}

static void made_for(const char *first, const char *second)
{
	m = (struct manifest){ .ncompatible = 1, .nprocessors = second != NULL ? 2 : 1 };
	snprintf(m.compatible[0], sizeof(m.compatible[0]), "box");
	snprintf(m.processor[0], sizeof(m.processor[0]), "%s", first);
	if (second != NULL)
		snprintf(m.processor[1], sizeof(m.processor[1]), "%s", second);
}

static void is_foreign(const char *says)
{
	FAILS(manifest_fits_device(why, &m, "box"), KB_ECOMPAT);
	assert_string_equal(why, says);
	OK(manifest_fits_model(why, &m, "box")); /* of a slot */
}

TEST(release_without_processors_is_for_each)
{
	m = (struct manifest){ .ncompatible = 1 };
	snprintf(m.compatible[0], sizeof(m.compatible[0]), "box");
	OK(manifest_fits_device(why, &m, "box"));
	FAILS(manifest_fits_device(why, &m, "fridge"), KB_ECOMPAT);
}

TEST(release_for_other_processors_is_for_other_devices)
{
	const char *own = os_processor_program();
	const char *other = strcmp(own, "s390x") != 0 ? "s390x" : "riscv64";

	made_for(own, NULL);
	OK(manifest_fits_device(why, &m, "box"));
	FAILS(manifest_fits_device(why, &m, "fridge"), KB_ECOMPAT);
	made_for("hexagon", own);
	OK(manifest_fits_device(why, &m, "box"));
	kernel = own;
	made_for(other, NULL);
	is_foreign(
		strf("made for processor %s, but this device is %s: use a bundle for this device",
		     other, own));
	made_for(other, "hexagon");
	is_foreign(strf(
		"made for processor %s or hexagon, but this device is %s: use a bundle for this device",
		other, own));
	kernel = NULL;
}

/* The kernel decides: of 64 bits, it starts a root of either kind; of 32, only its own. */
TEST(kernel_of_64_bits_takes_releases_of_32)
{
	static const struct {
		const char *wide, *narrow, *says;
	} of[] = { { "x86_64", "i386", "i686" }, { "aarch64", "arm", "armv7l" } };

	for (unsigned i = 0; i < KB_ARRAY_LEN(of); i++) {
		bool wide = strcmp(os_processor_program(), of[i].wide) == 0;

		if (!wide && strcmp(os_processor_program(), of[i].narrow) != 0)
			continue;
		kernel = of[i].wide;
		made_for(of[i].narrow, NULL);
		OK(manifest_fits_device(why, &m, "box"));
		made_for(of[i].wide, NULL);
		OK(manifest_fits_device(why, &m, "box"));
		kernel = of[i].says;
		if (wide) /* by setarch, since this program runs */
			OK(manifest_fits_device(why, &m, "box"));
		else
			FAILS(manifest_fits_device(why, &m, "box"), KB_ECOMPAT);
	}
	kernel = NULL;
}

/* Eight of the longest names: what is said has its end. */
TEST(long_names_are_cut)
{
	m = (struct manifest){ .ncompatible = 1, .nprocessors = MANIFEST_PROCESSORS_MAX };
	snprintf(m.compatible[0], sizeof(m.compatible[0]), "box");
	for (unsigned i = 0; i < MANIFEST_PROCESSORS_MAX; i++)
		memset(m.processor[i], 'a' + (int)i, MANIFEST_STR_MAX);
	FAILS(manifest_fits_device(why, &m, "box"), KB_ECOMPAT);
	assert_non_null(strstr(why, ": use a bundle for this device"));
}

TEST_MAIN("manifest_fits")
