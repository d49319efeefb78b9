/* SPDX-License-Identifier: Apache-2.0 */
/* What is measured of a slot: docs/MEASURED.md promises each byte. */
#include "selector/measured.h"
#include "cli/measure/measure_value.h"
#include "tests/unit/test.h"

static struct state_slot slot;
static char text[MEASURED_MAX];

static void set_up(void)
{
	slot = (struct state_slot){ .st = STATE_GOOD, .has_release = true, .sequence = 20 };
	memset(slot.release, 0xab, sizeof(slot.release));
	state_set_text(slot.version, "2.0");
}

static size_t measures(const char *root, const char *tier)
{
	const struct measured m = {
		.compatible = "acme", .slot = &slot, .root = root, .tier = tier
	};

	return measured_text(text, &m);
}

#define RELEASE "abababababababababababababababababababababababababababababababab"

TEST(text_is_the_one_that_policies_were_made_for)
{
	size_t len = measures("sha256:0f", "good");

	assert_int_equal(len, strlen(text));
	assert_string_equal(text, "keelboot-slot=1\ncompatible=acme\nrelease=" RELEASE
				  "\nversion=2.0\nsequence=20\nroot=sha256:0f\ntier=good\n");
	slot.has_release = false;
	measures("", "trial");
	assert_string_equal(text, "keelboot-slot=1\ncompatible=acme\nrelease=-\nversion=2.0\n"
				  "sequence=20\nroot=-\ntier=trial\n");
}

TEST(longest_text_fits)
{
	char root[MEASURED_ROOT_MAX], name[CONF_NAME_MAX + 1];
	const struct measured m = { name, &slot, root, "last-resort" };

	memset(root, 'f', sizeof(root) - 1);
	memset(name, 'n', sizeof(name) - 1);
	root[sizeof(root) - 1] = name[sizeof(name) - 1] = '\0';
	memset(slot.version, 'v', STATE_STR_MAX);
	slot.sequence = UINT64_MAX;
	assert_true(measured_text(text, &m) < sizeof(text));
	assert_non_null(strstr(text, "tier=last-resort\n"));
}

TEST(boot_without_a_slot_has_a_text_of_its_own)
{
	size_t len = measured_none(text, "acme", "a shell");

	assert_int_equal(len, strlen(text));
	assert_string_equal(text, "keelboot-slot=1\ncompatible=acme\ntier=none\nwhy=a shell\n");
}

TEST(tier_is_what_the_slot_was_booted_as)
{
	EQUAL((measured_tier(&slot, CHOOSE_NORMAL, false, false), "good"),
	      (measured_tier(&slot, CHOOSE_ONESHOT, false, false), "good"),
	      (measured_tier(&slot, CHOOSE_RETRY, false, false), "good"),
	      (measured_tier(&slot, CHOOSE_LAST_RESORT, false, false), "last-resort"));
	EQUAL((measured_tier(&slot, CHOOSE_NORMAL, false, true), "last-resort"),
	      (measured_tier(&slot, CHOOSE_NORMAL, true, false), "forced"));
	slot.st = STATE_TRIAL;
	EQUAL((measured_tier(&slot, CHOOSE_NORMAL, false, false), "trial"));
	slot.st = STATE_BAD;
	EQUAL((measured_tier(&slot, CHOOSE_RETRY, false, false), "bad"),
	      (measured_tier(&slot, CHOOSE_ONESHOT, false, false), "bad"));
}

/* sha256(32 zeroes, sha256("abc")), by another program. */
TEST(value_is_that_of_a_pcr_that_was_extended_once)
{
	uint8_t value[DIGEST_LEN];
	char hex[2 * DIGEST_LEN + 1];

	OK(measure_value_of(value, "abc", 3));
	bytes_hex(hex, value, sizeof(value));
	assert_string_equal(hex,
			    "589f9ffed4c477966bfb8d41f37895b08c69047df8f911d6f3b57fbe08faee8d");
}

TEST_MAIN("measured", .set_up = set_up)
