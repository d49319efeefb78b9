/* SPDX-License-Identifier: Apache-2.0 */
#include "selector/data.h"
#include "selector/factory.h"
#include "tests/unit/states.h"

static struct state s;

static void set_up(void)
{
	states_fresh(&s);
}

static struct state read_back(void)
{
	char text[STATE_PAYLOAD_MAX];
	struct state again;
	size_t len;

	OK(state_encode(&s, text, sizeof(text), &len));
	OK(state_decode(&again, text, len, STATE_FORMAT));
	return again;
}

TEST(marker_that_stays_is_heeded_once_for_each_text)
{
	assert_true(factory_ask_once(&s, "rma-17"));
	assert_true(factory_is_asked(&s));
	factory_forget(&s);
	s = read_back();
	assert_false(factory_ask_once(&s, "rma-17"));
	assert_false(factory_is_asked(&s));
	assert_true(factory_ask_once(&s, "rma-18"));
	factory_forget(&s);
	factory_note(&s, "rma-19");
	assert_false(factory_ask_once(&s, "rma-19"));
	assert_true(factory_ask_once(&s, ""));
}

/* What the askers of one boot, each of whom stays in place, do; true: one of them is heeded. */
static bool boot_with(const char *const *tokens, unsigned n)
{
	bool heeded = false;

	for (unsigned i = 0; i < n; i++)
		heeded |= factory_ask_once(&s, tokens[i]);
	factory_forget(&s);
	s = read_back();
	return heeded;
}

TEST(markers_that_stay_beside_each_other_are_heeded_once_each)
{
	static const char *const both[] = { "rma-17", "rma-18", "rma-19", "rma-20" };
	struct state before;

	assert_true(boot_with(both, 4));
	before = s;
	for (unsigned i = 0; i < 3; i++)
		assert_false(boot_with(both, 4));
	assert_true(state_same(&s, &before)); /* a healthy boot writes nothing */
}

TEST(marker_that_stays_is_known_whatever_others_come_and_go)
{
	char stick[16];
	const char *both[] = { "rma-17", stick };

	for (unsigned i = 0; i < 5 * STATE_MARKERS_LEN; i++) {
		snprintf(stick, sizeof(stick), "stick-%u", i);
		assert_true(boot_with(both, 2));
		assert_false(factory_ask_once(&s, "rma-17"));
	}
	assert_false(factory_ask_once(&s, stick));
	assert_true(factory_ask_once(&s, "stick-0"));
}

TEST(reset_that_never_ends_is_given_up)
{
	factory_ask(&s);
	for (unsigned i = 0; i < FACTORY_TRIES; i++) {
		assert_true(factory_begin(&s));
		s = read_back();
		assert_true(factory_is_asked(&s));
	}
	assert_false(factory_begin(&s));
	assert_false(factory_is_asked(&s));
}

TEST(marker_that_cannot_be_read_deletes_nothing)
{
	static const char text[] = "nslots=2\nfactory=yes\nfactory.fill=maybe\nfactory.token=x\n";

	OK(state_decode(&s, text, strlen(text), STATE_FORMAT));
	EQUAL((s.factory, 0), (s.factory_fill, false), (s.markers[0], 0));
}

TEST(markers_that_cannot_be_read_leave_the_others)
{
	static const char text[] = "nslots=2\nfactory.token=00000000000000aa,x,00000000000000bb,\n";

	OK(state_decode(&s, text, strlen(text), STATE_FORMAT));
	EQUAL((s.markers[0], 0xaa), (s.markers[1], 0xbb), (s.markers[2], 0));
}

TEST(what_is_kept_is_read_as_it_was_written)
{
	struct state again;

	s.slot[1].has_release = true;
	memcpy(s.slot[1].release, states_id(2), sizeof(s.slot[1].release));
	s.data = (struct state_data){ .phase = STATE_DATA_KEEP, .slot = 1 };
	memcpy(s.data.release, states_id(2), sizeof(s.data.release));
	again = read_back();
	assert_memory_equal(&again.data, &s.data, sizeof(s.data));
	assert_true(data_is_of(&again, 1));
	assert_false(data_is_of(&again, 0));
	data_commit(&again, 0);
	EQUAL((again.data.phase, STATE_DATA_KEEP));
	data_commit(&again, 1);
	EQUAL((again.data.phase, STATE_DATA_DROP));
}

TEST(what_cannot_be_read_of_it_never_goes_back)
{
	static const char *const texts[] = { "data=\n", "data=back\n", "data=back,z,00\n",
					     "data=back,b,0102\n",
					     "data=other,b,00000000000000000000000000000000\n" };
	char text[128];

	for (unsigned i = 0; i < KB_ARRAY_LEN(texts); i++) {
		snprintf(text, sizeof(text), "nslots=2\n%s", texts[i]);
		OK(state_decode(&s, text, strlen(text), STATE_FORMAT));
		EQUAL((s.data.phase, STATE_DATA_DROP));
	}
}

TEST_MAIN("factory", .set_up = set_up)
