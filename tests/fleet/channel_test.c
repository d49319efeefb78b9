/* SPDX-License-Identifier: Apache-2.0 */
/* Which release of a channel a device takes: times, shares, windows; and what is kept. */
#include "channel/channel.h"
#include "channel/utc.h"
#include "fleet/feed_record.h"
#include "fleet/pick.h"
#include "fleet/url.h"
#include "tests/unit/test.h"

#define IDS 10000

static struct facts facts;
static struct channel channel;
static struct pick pick;
static char why[ACTION_WHY_MAX + 1];

/* 1.0 of sequence 10 runs in slot a; nothing else is here. */
static void set_up(void)
{
	facts = (struct facts){ .booted = "a", .nslots = 2, .compatible = "box" };
	facts.slot[0] = (struct facts_slot){
		.name = "a", .state = "good", .release = "aa", .version = "1.0", .sequence = 10
	};
	facts.slot[1] = (struct facts_slot){ .name = "b", .state = "empty" };
	channel = (struct channel){ .name = "stable", .sequence = 1 };
	pick = (struct pick){ .facts = &facts, .id = "device-1", .failed = "", .failed_why = "" };
}

static struct channel_release *offer(const char *version, uint64_t sequence)
{
	struct channel_release *r = &channel.release[channel.nreleases++];

	*r = (struct channel_release){ .sequence = sequence, .percent = 100, .ncompatible = 1 };
	snprintf(r->version, sizeof(r->version), "%s", version);
	snprintf(r->release, sizeof(r->release), "%064" PRIx64, sequence);
	strcpy(r->compatible[0], "box");
	return r;
}

static const char *picked(void)
{
	const struct channel_release *r = pick_release(&pick, &channel, why);

	return r != NULL ? r->version : "";
}

/* ---------------------------------------------------------------- times */

TEST(a_time_has_one_form_and_is_a_day_of_the_calendar)
{
	static const char *const none[] = {
		"",
		"2026-11-26",
		"2026-11-26T05:00:00",
		"2026-11-26 05:00:00Z",
		"2026-11-26T05:00:00z",
		"2026-02-29T00:00:00Z",
		"2026-13-01T00:00:00Z",
		"2026-11-26T24:00:00Z",
		"2026-11-26T05:00:60Z",
		"1969-12-31T23:59:59Z",
		"+026-11-26T05:00:00Z",
		"2026-11-26T05:00: 0Z",
		"2026-11-26T05:00:00Zx",
	};
	char text[UTC_LEN + 1];
	uint64_t t;

	assert_true(utc_read(&t, "1970-01-01T00:00:00Z"));
	assert_int_equal(t, 0);
	assert_true(utc_read(&t, "2028-02-29T23:59:59Z"));
	utc_write(text, t);
	assert_string_equal(text, "2028-02-29T23:59:59Z");
	utc_write(text, UINT64_MAX);
	assert_string_equal(text, "9999-12-31T23:59:59Z");
	for (size_t i = 0; i < KB_ARRAY_LEN(none); i++) {
		assert_false(utc_read(&t, none[i]));
		assert_int_equal(t, 0);
	}
}

TEST(a_part_of_the_day_may_go_over_midnight)
{
	struct channel_release *r = offer("2.0", 20);

	assert_true(channel_read_daily(r, "22:00-04:00"));
	pick.now = 22 * 3600 - 1;
	assert_string_equal(picked(), "");
	assert_string_equal(why, "2.0: its window opens at 22:00 UTC");
	pick.now = 22 * 3600;
	assert_string_equal(picked(), "2.0");
	pick.now = 86400 + 4 * 3600 - 1;
	assert_string_equal(picked(), "2.0");
	pick.now = 86400 + 4 * 3600;
	assert_string_equal(picked(), "");
	assert_true(channel_read_daily(r, "04:00-22:00"));
	assert_string_equal(picked(), "2.0");
	pick.now = 23 * 3600;
	assert_string_equal(picked(), "");
}

TEST(a_window_has_both_of_its_ends)
{
	struct channel_release *r = offer("2.0", 20);

	r->not_before = 1000;
	r->not_after = 2000;
	for (pick.now = 999; pick.now <= 2001; pick.now++)
		assert_int_equal(picked()[0] != '\0', pick.now >= 1000 && pick.now <= 2000);
}

/* ---------------------------------------------------------------- shares */

static unsigned share_of(unsigned device, const char *release)
{
	return pick_share(strf("device-%u", device), release);
}

/* As docs/CHANNEL.md has it, so that another program finds the same. */
/* The latest file was made at 1500; whether it is 1501 or years later, nobody knows. */
TEST(no_window_opens_by_a_clock_that_was_never_set)
{
	struct channel_release *r;

	set_up();
	r = offer("2.0", 20);
	pick.now = 1500;
	pick.clock_unset = true;
	assert_string_equal(picked(), "2.0");
	r->not_before = 1501;
	assert_string_equal(picked(), "");
	assert_string_equal(why, "2.0: its window opens at 1970-01-01T00:25:01Z, and the clock of "
				 "this device is not set");
	/* The file itself says that this is over. */
	r->not_before = 1500;
	assert_string_equal(picked(), "2.0");
	r->not_after = 2000;
	assert_string_equal(picked(), "");
	assert_string_equal(why, "2.0: it has a window, and the clock of this device is not set");
	r->not_after = 1400;
	assert_string_equal(picked(), "");
	assert_string_equal(why, "2.0: its window closed at 1970-01-01T00:23:20Z");
	r->not_after = 0;
	assert_true(channel_read_daily(r, "00:00-23:59"));
	assert_string_equal(picked(), "");
	assert_string_equal(why, "2.0: it has a window, and the clock of this device is not set");
	pick.clock_unset = false;
	assert_string_equal(picked(), "2.0");
}

TEST(a_share_is_the_same_for_all_time)
{
	static const char release[] =
		"4fa827d4621f2706075851b45fcfe8bf73029ace61bc4331aff87749e1e745ee";

	assert_int_equal(pick_share("device-1", release), 64);
	assert_int_equal(pick_share("device-2", release), 6);
	assert_int_equal(pick_share("0123456789abcdef0123456789abcdef", release), 37);
}

TEST(shares_are_even_and_who_is_in_one_percent_is_in_ten)
{
	const char *release = strf("%064x", 7);
	unsigned count[100] = { 0 }, first = 0, tenth = 0;

	for (unsigned i = 0; i < IDS; i++) {
		unsigned share = share_of(i, release);

		assert_in_range(share, 0, 99);
		count[share]++;
		first += share < 1;
		tenth += share < 10;
	}
	/* 100 of each are expected, with a deviation of 10 */
	for (unsigned i = 0; i < 100; i++)
		assert_in_range(count[i], 60, 140);
	assert_in_range(first, 60, 140);
	assert_in_range(tenth, 880, 1120);
}

TEST(each_release_begins_with_other_devices)
{
	char one[65], two[65];
	unsigned both = 0;

	snprintf(one, sizeof(one), "%064x", 7);
	snprintf(two, sizeof(two), "%064x", 8);
	for (unsigned i = 0; i < IDS; i++)
		both += share_of(i, one) < 10 && share_of(i, two) < 10;
	assert_in_range(both, 60, 140);
}

TEST(a_wider_share_keeps_whoever_was_in_it)
{
	struct channel_release *r = offer("2.0", 20);

	for (unsigned i = 0; i < 500; i++) {
		char id[24];
		bool before = false;

		snprintf(id, sizeof(id), "device-%u", i);
		pick.id = id;
		for (r->percent = 0; r->percent <= 100; r->percent++) {
			bool in = picked()[0] != '\0';

			assert_false(before && !in);
			assert_true(r->percent > 0 || !in);
			before = in;
		}
		assert_true(before);
	}
}

/* ---------------------------------------------------------------- which one */

TEST(the_newest_that_fits_is_taken_and_the_reason_is_of_the_newest_that_does_not)
{
	offer("3.0", 30)->percent = 0;
	offer("1.5", 15);
	offer("2.0", 20);
	offer("0.9", 9);
	assert_string_equal(picked(), "2.0");
	offer("4.0", 40)->from = 30;
	assert_string_equal(picked(), "2.0");
	strcpy(channel.release[2].withdrawn, "no");
	assert_string_equal(picked(), "1.5");
	strcpy(channel.release[1].compatible[0], "other");
	assert_string_equal(picked(), "");
	assert_string_equal(why, "4.0: it needs sequence 30 or later first");
}

/* Or it would begin anew each evening. */
TEST(what_is_begun_does_not_give_way_to_an_older_one_while_its_part_of_the_day_is_over)
{
	struct channel_release *r = offer("2.0", 20);

	offer("1.9", 19);
	assert_true(channel_read_daily(r, "22:00-04:00"));
	pick.now = 12 * 3600;
	assert_string_equal(picked(), "1.9");
	pick.begun = r->release;
	assert_string_equal(picked(), "");
	assert_string_equal(why, "2.0: its window opens at 22:00 UTC, and it is fetched further "
				 "then; nothing older is taken meanwhile");
	pick.now = 23 * 3600;
	assert_string_equal(picked(), "2.0");
	/* A newer one counts at any time. */
	offer("3.0", 30)->percent = 0;
	pick.now = 12 * 3600;
	assert_string_equal(picked(), "");
	channel.release[2].percent = 100;
	assert_string_equal(picked(), "3.0");
	channel.nreleases = 2;
	/* Whatever else keeps it away may keep it for ages. */
	r->percent = 0;
	assert_string_equal(picked(), "1.9");
	r->percent = 100;
	r->not_after = 11 * 3600;
	assert_string_equal(picked(), "1.9");
	r->not_after = 0;
	r->not_before = 13 * 3600;
	assert_string_equal(picked(), "1.9");
	r->not_before = 0;
	facts.floor = 21;
	assert_string_equal(picked(), "");
	assert_string_equal(why, "2.0: it is below this device's floor, 21");
	facts.floor = 0;
	/* It is here by another way. */
	facts.slot[1] = (struct facts_slot){ .name = "b", .state = "good", .sequence = 20 };
	assert_string_equal(picked(), "");
	assert_string_equal(why, "nothing in the channel is newer than what is here");
}

/* Its window may be open by then, or not: nobody knows. */
TEST(what_is_begun_does_not_give_way_to_an_older_one_while_the_clock_is_not_set)
{
	struct channel_release *r = offer("2.0", 20);
	bool waits;

	offer("1.9", 19);
	pick.now = 1500;
	pick.clock_unset = true;
	pick.begun = r->release;
	pick.waits = &waits;
	assert_true(channel_read_daily(r, "22:00-04:00"));
	assert_string_equal(picked(), "");
	assert_string_equal(why, "2.0: it has a window, and the clock of this device is not set; "
				 "nothing older is taken meanwhile");
	assert_true(waits);
	r->not_before = 1501;
	assert_string_equal(picked(), "");
	assert_string_equal(why, "2.0: its window opens at 1970-01-01T00:25:01Z, and the clock of "
				 "this device is not set; nothing older is taken meanwhile");
	r->not_before = r->daily.from = r->daily.to = 0;
	r->not_after = 2000;
	assert_string_equal(picked(), "");
	/* The file itself says that it is over. */
	r->not_after = 1499;
	assert_string_equal(picked(), "1.9");
	r->not_after = 2000;
	strcpy(r->withdrawn, "no wifi");
	assert_string_equal(picked(), "1.9");
	r->withdrawn[0] = '\0';
	/* What has no window needs no clock. */
	offer("3.0", 30);
	assert_string_equal(picked(), "3.0");
	channel.release[2].not_after = 2000;
	assert_string_equal(picked(), "");
	r->not_after = 0;
	assert_string_equal(picked(), "2.0");
}

TEST(what_is_here_is_the_least)
{
	offer("2.0", 20);
	facts.slot[1] = (struct facts_slot){ .name = "b", .state = "good", .sequence = 20 };
	assert_string_equal(picked(), "");
	assert_string_equal(why, "nothing in the channel is newer than what is here");
	strcpy(facts.slot[1].state, "bad");
	assert_string_equal(picked(), "2.0");
	strcpy(facts.slot[1].state, "trial");
	assert_string_equal(picked(), "");
	strcpy(facts.slot[1].state, "writing");
	assert_string_equal(picked(), "2.0");
	strcpy(facts.staged, channel.release[0].release);
	assert_string_equal(picked(), "");
	facts.staged_lasting = true;
	assert_string_equal(picked(), "2.0");
	facts.booted[0] = '\0';
	facts.staged[0] = '\0';
	assert_string_equal(picked(), "2.0");
}

TEST(what_failed_here_is_not_taken_again)
{
	struct channel_release *r = offer("2.0", 20);

	snprintf(facts.rejected[3], sizeof(facts.rejected[3]), "%.32s", r->release);
	assert_string_equal(picked(), "");
	assert_string_equal(why, "2.0: it failed here before");
	facts.rejected[3][0] = '\0';
	pick.failed = r->release;
	pick.failed_why = "not fetched";
	assert_string_equal(picked(), "");
	assert_string_equal(why, "2.0: not fetched; a newer channel file tries it again");
	pick.failed = "";
	facts.floor = 21;
	assert_string_equal(picked(), "");
	facts.floor = 20;
	facts.compatible[0] = '\0';
	assert_string_equal(picked(), "");
	strcpy(facts.compatible, "box");
	strcpy(r->unknown, "only-on-mondays");
	assert_string_equal(picked(), "");
}

TEST(all_attributes_must_agree)
{
	struct channel_release *r = offer("2.0", 20);

	r->nattributes = 2;
	strcpy(r->attribute[0].name, "site");
	strcpy(r->attribute[0].value, "lab");
	strcpy(r->attribute[1].name, "model");
	strcpy(r->attribute[1].value, "x");
	assert_true(pick_add_attributes(&pick, "  site=lab\n"));
	assert_string_equal(picked(), "");
	assert_string_equal(why, "2.0: it is for model=x");
	assert_true(pick_add_attributes(&pick, "model=y lab=site model=x"));
	assert_string_equal(picked(), "2.0");
	for (int i = 0; i < PICK_ATTRIBUTES_MAX - 4; i++)
		assert_true(pick_add_attributes(&pick, "a=b"));
	assert_false(pick_add_attributes(&pick, "a=b"));
}

/* ---------------------------------------------------------------- what is kept */

TEST(a_record_comes_back_as_it_was)
{
	static const struct feed_record r = {
		.name = "stable",
		.sequence = 7,
		.created = 1000,
		.expires = 2000,
		.file_created = 900,
		.others = { { .name = "beta", .sequence = 3, .created = 800 },
			    { .name = "lab", .sequence = 4 } },
		.etag = "\"x\\y\"",
		.failed = 6,
		.why = "no"
	};
	static struct feed_record again, none;
	json_object *o = feed_record_json(&r);
	const char *text = json_object_to_json_string(o);
	size_t len = strlen(text);

	assert_true(feed_record_read(&again, text, len));
	assert_memory_equal(&again, &r, sizeof(r));
	for (size_t n = 0; n < len; n++) {
		assert_false(feed_record_read(&again, text, n));
		assert_memory_equal(&again, &none, sizeof(none));
	}
	json_object_put(o);
}

TEST(times_that_are_of_the_future_are_forgotten_and_sequences_are_not)
{
	static const struct feed_record whole = {
		.name = "stable",
		.sequence = 7,
		.created = 5000,
		.file_created = 900,
		.others = { { .name = "beta", .sequence = 3, .created = 5000 },
			    { .name = "lab", .sequence = 4, .created = 1000 } },
	};
	static struct feed_record r;

	r = whole;
	assert_false(feed_record_forget(&r, 5000));
	assert_memory_equal(&r, &whole, sizeof(r));
	assert_true(feed_record_forget(&r, 4999));
	assert_int_equal(r.created, 1000);
	assert_int_equal(r.file_created, 900);
	assert_int_equal(r.others[0].created, 0);
	assert_int_equal(r.others[0].sequence, 3);
	assert_int_equal(r.others[1].created, 1000);
	assert_false(feed_record_forget(&r, 4999));
	assert_true(feed_record_forget(&r, 1));
	assert_int_equal(r.created + r.file_created + r.others[1].created, 0);
	assert_int_equal(r.sequence, 7);
	/* Of an older program, which knew no more. */
	r = (struct feed_record){ .name = "stable", .sequence = 7, .created = 5000 };
	assert_true(feed_record_forget(&r, 4999));
	assert_int_equal(r.created, 0);
}

TEST(what_only_a_newer_program_knows_of_a_channel_is_kept)
{
	static const char text[] = "{\"schema\":1,\"name\":\"stable\",\"sequence\":7,\"created\":8,"
				   "\"expires\":9,\"more\":[{\"seen\":3}]}";
	static struct feed_record r;
	static struct channel next = { .name = "stable", .sequence = 8 };
	json_object *o, *value;

	assert_true(feed_record_read(&r, text, strlen(text)));
	feed_record_note(&r, &next);
	o = feed_record_json(&r);
	assert_true(json_object_object_get_ex(o, "more", &value));
	assert_string_equal(json_object_to_json_string_ext(value, JSON_C_TO_STRING_PLAIN),
			    "[{\"seen\":3}]");
	json_object_put(o);
}

TEST(an_address_is_resolved_on_the_channels)
{
	static const char base[] = "https://cdn.example/acme/stable.channel";
	char out[URL_MAX + 1];

	assert_true(url_resolve(out, base, "a-2.0.keel"));
	assert_string_equal(out, "https://cdn.example/acme/a-2.0.keel");
	assert_true(url_resolve(out, base, "../x/a.keel?v=1"));
	assert_string_equal(out, "https://cdn.example/x/a.keel?v=1");
	assert_true(url_resolve(out, base, "/a.keel"));
	assert_string_equal(out, "https://cdn.example/a.keel");
	assert_true(url_resolve(out, base, "//other.example/a.keel"));
	assert_string_equal(out, "https://other.example/a.keel");
	assert_true(url_resolve(out, base, "http://h.example/a.keel"));
	assert_false(url_resolve(out, base, "file:///etc/passwd"));
	assert_string_equal(out, "");
	assert_false(url_resolve(out, "no address", "a.keel"));
}

TEST(a_channel_is_named_by_its_file)
{
	assert_true(channel_is_named("stable", "https://h/a.b/stable.channel"));
	assert_true(channel_is_named("stable", "stable"));
	assert_true(channel_is_named("a.b", "x/a.b.channel"));
	assert_false(channel_is_named("a", "x/a.b.channel"));
	assert_false(channel_is_named("stable", "https://h/stable.channel/x"));
}

TEST(a_channel_that_was_left_is_known_when_it_is_followed_again)
{
	struct feed_record r = { .name = "" };
	struct channel c = { .sequence = 10, .created = 100, .expires = 1000 };

	for (int i = 0; i <= FEED_OTHERS_MAX; i++, c.sequence++) {
		snprintf(c.name, sizeof(c.name), "channel-%d", i);
		feed_record_note(&r, &c);
	}
	for (int i = 0; i <= FEED_OTHERS_MAX; i++)
		assert_int_equal(feed_record_seen(&r, strf("channel-%d", i)).sequence, 10 + i);
	/* Back to one of them: it is there once. */
	strcpy(c.name, "channel-3");
	feed_record_note(&r, &c);
	assert_int_equal(feed_record_seen(&r, "channel-3").sequence, c.sequence);
	assert_int_equal(feed_record_seen(&r, "channel-0").sequence, 10);
	/* One more: the first that was left is forgotten. */
	strcpy(c.name, "new");
	feed_record_note(&r, &c);
	assert_int_equal(feed_record_seen(&r, "channel-0").sequence, 0);
	assert_int_equal(feed_record_seen(&r, "channel-1").sequence, 11);
	assert_int_equal(feed_record_seen(&r, "").sequence, 0);
}

TEST_MAIN("channel", .set_up = set_up, .quiet = true)
