/* SPDX-License-Identifier: Apache-2.0 */
/* Which bundles are for no slot. */
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

TEST_MAIN("manifest_fits")
