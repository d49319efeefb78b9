/* SPDX-License-Identifier: Apache-2.0 */
#include "selector/state_keys.h"
#include "tests/unit/states.h"

static struct state s;

/* s as text and back; the text is left in buf. */
static void round_trip(const struct state *st, struct state *out, char *buf, size_t *len)
{
	char again[STATE_PAYLOAD_MAX];
	size_t n;

	OK(state_encode(st, buf, STATE_PAYLOAD_MAX, len));
	OK(state_decode(out, buf, *len, st->min_reader));
	OK(state_encode(out, again, sizeof(again), &n));
	assert_int_equal(n, *len);
	assert_memory_equal(again, buf, n);
}

static void read_text(struct state *st, const char *text)
{
	OK(state_decode(st, text, strlen(text), STATE_FORMAT));
}

static bool has_line(const char *buf, size_t len, const char *line)
{
	return memmem(buf, len, line, strlen(line)) != NULL;
}

static void fill(struct state *st)
{
	static const char all[] = "0123456789abcdefghijklmnopqrstuvwxyz-.ABCDEFGHIJ";

	state_init(st, STATE_SLOTS_MAX);
	for (int i = 0; i < STATE_SLOTS_MAX; i++) {
		states_set(st, i, STATE_TRIAL, UINT64_MAX - (uint64_t)i);
		st->slot[i].streak = STATE_STREAK_LIMIT;
		st->slot[i].ever_good = true;
		state_set_text(st->slot[i].version, all);
		state_set_text(st->slot[i].reason, all);
		state_add_applied(st, states_id((uint8_t)(100 + i)));
		state_add_rejected(st, states_id((uint8_t)(200 + i)));
	}
	for (int i = 0; i < STATE_UNWRITABLE_LEN; i++)
		state_add_unwritable(st, states_id((uint8_t)(50 + i)), STATE_FAILS_LIMIT);
	st->pref = st->last = st->open = st->oneshot = st->lr = STATE_SLOTS_MAX - 1;
	st->open_token = UINT64_MAX;
	st->handed = UINT64_MAX;
	st->clean = true;
	st->lr_count = STATE_LR_COUNT_MAX;
	st->staged = (struct state_staged){ .source = STATE_SRC_COMMAND, .fails = 2 };
	memset(st->staged.release, 0xab, STATE_ID_LEN);
	for (unsigned i = 0; i < STATE_SRC_COUNT; i++)
		st->apply[i] = (struct state_apply){ STATE_APPLY_LIMIT, STATE_APPLY_DIED, true };
	st->data = (struct state_data){ .phase = STATE_DATA_KEEP,
					.slot = STATE_SLOTS_MAX - 1,
					.begun = STATE_DATA_BEGUN_MAX };
	memset(st->data.release, 0xcd, sizeof(st->data.release));
	st->factory = STATE_FACTORY_MAX;
	st->factory_fill = STATE_FACTORY_MAX;
	st->factory_refill = true;
	memset(st->markers, 0xff, sizeof(st->markers));
	st->installs = STATE_INSTALLS_LIMIT;
	st->rebuilt = true;
	st->ps = UINT64_MAX;
	st->warm = true;
	st->floor = st->back = st->rejected_max = st->forgotten_max = UINT64_MAX - 2;
	state_set_text(st->disk, all);
}

static bool has_size_of_its_kind(const struct state_key *key)
{
	switch (key->kind) {
	case STATE_KIND_NUMBER:
		return key->size == 1 || key->size == 2 || key->size == 8;
	case STATE_KIND_LIMIT:
	case STATE_KIND_TOKEN:
	case STATE_KIND_HASH:
		return key->size == 8;
	case STATE_KIND_NSLOTS:
	case STATE_KIND_LETTER:
		return key->size == 1;
	case STATE_KIND_TEXT:
		return key->size == STATE_STR_MAX + 1;
	case STATE_KIND_STAGED:
		return key->size == sizeof(struct state_staged);
	case STATE_KIND_DATA:
		return key->size == sizeof(struct state_data);
	case STATE_KIND_APPLY:
		return key->size == sizeof(struct state_apply);
	case STATE_KIND_MARKERS:
		return key->size == STATE_MARKERS_LEN * sizeof(uint64_t);
	case STATE_KIND_ST:
		return key->size == sizeof(enum state_st) && key->when == STATE_WHEN_CORE;
	case STATE_KIND_RELEASE:
		return key->size == STATE_ID_LEN && key->when == STATE_WHEN_RELEASE;
	case STATE_KIND_SLOTS:
	case STATE_KIND_APPLIED:
	case STATE_KIND_REJECTED:
	case STATE_KIND_UNWRITABLE:
		break;
	}
	return true;
}

/* "| `X.tries`, `X.grace`, `X.streak` | core | …": the row of the page that has the key. */
static void check_key(const char *doc, const char *of, const struct state_key *key)
{
	const char *name = strncmp(key->name, "apply.", 6) == 0 ? "apply.SOURCE" : key->name;
	const char *at, *end;
	char quoted[32];

	if (!has_size_of_its_kind(key))
		fail_msg("%s%s: a field of another size", of, key->name);
	if (key->kind == STATE_KIND_SLOTS)
		return;
	snprintf(quoted, sizeof(quoted), "`%s%s`", of, name);
	at = strstr(strstr(doc, "\n| `nslots` |"), quoted);
	end = at != NULL ? strchr(at, '|') : NULL;
	if (end == NULL || (strncmp(end, "| core |", 8) == 0) != (key->when == STATE_WHEN_CORE))
		fail_msg("docs/STATE.md: %s: not there, or not core", quoted);
}

TEST(each_key_has_a_field_of_its_kind_and_a_row_of_the_page)
{
	const char *doc = states_page();

	for (const struct state_key *key = state_keys; key->name != NULL; key++)
		check_key(doc, "", key);
	for (const struct state_key *key = state_keys_of_slot; key->name != NULL; key++)
		check_key(doc, "X.", key);
}

TEST(fresh_state_has_empty_slots_and_prefers_the_first)
{
	state_init(&s, 3);
	assert_int_equal(s.nslots, 3);
	for (int i = 0; i < 3; i++)
		assert_int_equal(s.slot[i].st, STATE_EMPTY);
	EQUAL((s.pref, 0), (s.last, STATE_NONE), (s.open, STATE_NONE), (s.lr, STATE_NONE));
	EQUAL((s.oneshot, STATE_NONE), (s.staged.source, STATE_SRC_NONE));
	state_init(&s, 0);
	assert_int_equal(s.nslots, 1);
	state_init(&s, 9);
	assert_int_equal(s.nslots, STATE_SLOTS_MAX);
}

TEST(everything_full_fits_and_comes_back)
{
	struct state r;
	char buf[STATE_PAYLOAD_MAX];
	size_t len;

	fill(&s);
	round_trip(&s, &r, buf, &len);
	assert_in_range(len, 3000, STATE_PAYLOAD_MAX);
	assert_true(state_same(&s, &r));
	assert_memory_equal(r.slot, s.slot, sizeof(s.slot));
	assert_memory_equal(r.apply, s.apply, sizeof(s.apply));
	assert_memory_equal(r.applied, s.applied, sizeof(s.applied));
	assert_memory_equal(r.rejected, s.rejected, sizeof(s.rejected));
	assert_int_equal(r.nunwritable, STATE_UNWRITABLE_LEN);
	assert_memory_equal(r.unwritable, s.unwritable, sizeof(s.unwritable));
	assert_memory_equal(r.staged.release, s.staged.release, STATE_ID_LEN);
	EQUAL((r.staged.fails, 2), (r.ps, s.ps), (r.floor, s.floor), (r.back, s.back));
	EQUAL((r.open_token, s.open_token), (r.rejected_max, s.rejected_max));
	EQUAL((r.forgotten_max, s.forgotten_max), (r.disk, s.disk));
	EQUAL((r.lr_count, STATE_LR_COUNT_MAX), (r.warm, true), (r.clean, true), (r.rebuilt, true));
	assert_int_equal(r.installs, STATE_INSTALLS_LIMIT);
}

/* Nine in turn make no room for the first. */
TEST(what_falls_out_of_the_rejected_is_remembered_by_its_sequence)
{
	state_init(&s, 2);
	states_set(&s, 0, STATE_EMPTY, 0);
	state_reject(&s, &s.slot[0]); /* has no release */
	assert_int_equal(s.nrejected, 0);
	for (unsigned i = 0; i < STATE_LEDGER_LEN; i++) {
		/* The first has the highest sequence. */
		states_set(&s, 1, STATE_TRIAL, 30 - i);
		state_reject(&s, &s.slot[1]);
		state_reject(&s, &s.slot[1]);
	}
	EQUAL((s.nrejected, STATE_LEDGER_LEN), (s.rejected_max, 30), (s.forgotten_max, 0));
	states_set(&s, 1, STATE_TRIAL, 10);
	state_reject(&s, &s.slot[1]);
	EQUAL((s.forgotten_max, 30), (state_is_rejected(&s, states_id(30)), false));
	EQUAL((state_is_rejected(&s, states_id(10)), true));
	states_set(&s, 1, STATE_TRIAL, 40);
	state_reject(&s, &s.slot[1]);
	EQUAL((s.rejected_max, 40), (s.forgotten_max, 30)); /* 40 itself is known by its id */
}

TEST(what_could_not_be_written_is_counted_up_to_its_limit)
{
	state_init(&s, 2);
	assert_int_equal(state_unwritable(&s, states_id(1)), 0);
	for (unsigned i = 1; i <= STATE_FAILS_LIMIT + 1; i++) {
		state_add_unwritable(&s, states_id(1), 1);
		assert_int_equal(state_unwritable(&s, states_id(1)),
				 i < STATE_FAILS_LIMIT ? i : STATE_FAILS_LIMIT);
	}
	assert_int_equal(s.nunwritable, 1);
	for (unsigned i = 2; i <= STATE_UNWRITABLE_LEN; i++)
		state_add_unwritable(&s, states_id((uint8_t)i), 1);
	state_add_unwritable(&s, states_id(1), 1); /* the newest again */
	state_add_unwritable(&s, states_id(99), 1);
	EQUAL((s.nunwritable, STATE_UNWRITABLE_LEN), (state_unwritable(&s, states_id(2)), 0));
	EQUAL((state_unwritable(&s, states_id(1)), STATE_FAILS_LIMIT));
	state_del_unwritable(&s, states_id(1));
	state_del_unwritable(&s, states_id(1));
	EQUAL((s.nunwritable, STATE_UNWRITABLE_LEN - 1), (state_unwritable(&s, states_id(1)), 0));
}

/* A count that cannot be read bars the release until a person asks for it, and nothing else. */
TEST(what_could_not_be_written_is_read_with_care)
{
#define ID(c) c c c c c c c c c c c c c c c c
	static const char text[] = "nslots=2\nunwritable=" ID("11") ":2," ID("22") ":x,junk," ID(
		"33") ":0," ID("44") ":200," ID("55") "," ID("11") ":1\n";
	uint8_t id[STATE_ID_LEN] = { 0 };

	OK(state_decode(&s, text, strlen(text), STATE_FORMAT));
	assert_int_equal(s.nunwritable, 4);
	memset(id, 0x11, sizeof(id));
	assert_int_equal(state_unwritable(&s, id), 1);
	for (int i = 2; i <= 4; i++) {
		memset(id, 0x11 * i, sizeof(id));
		assert_int_equal(state_unwritable(&s, id), STATE_FAILS_LIMIT);
	}
	memset(id, 0x55, sizeof(id));
	assert_int_equal(state_unwritable(&s, id), 0);
}

#define HALF_ID "00112233445566778899aabbccddeeff"

/* What is read from a text, written again. */
static void reads_as(const char *text, const char *want)
{
	char buf[STATE_PAYLOAD_MAX + 1];
	size_t len;

	read_text(&s, text);
	OK(state_encode(&s, buf, sizeof(buf) - 1, &len));
	buf[len] = '\0';
	assert_string_equal(buf, want);
}

/* All keys there are, in their order. */
TEST(text_is_readable)
{
	static const char text[] =
		"nslots=2\npref=b\nlast=a\nopen=b\ntoken=7\nclean=1\nlr=a\n"
		"a.st=good\na.tries=0\na.grace=5\na.streak=2\n"
		"b.st=trial\nb.tries=2\nb.grace=4\nb.streak=0\noneshot=b\nlr.count=3\n"
		"a.ever=1\na.doubt=1\na.retries=2\na.wait=4\n"
		"a.release=" HALF_ID HALF_ID
		"\na.sequence=0\na.version=\na.reason=crashed or hung\n"
		"b.release=" HALF_ID HALF_ID "\nb.sequence=12\nb.version=1.2\n"
		"staged=usb," HALF_ID HALF_ID
		",2\napply.data=1,2,1\napply.raw=2,0,0\napply.sd=0,1,0\n"
		"apply.usb=3,6,0\napply.command=0,0,1\ninstalls=5\nrebuilt=1\nwarm=1\n"
		"floor=10\nback=11\nps=0123456789abcdef\ndisk=a disk\n"
		"applied=" HALF_ID ","
		"ff"
		"112233445566778899aabbccddeeff\nrejected=" HALF_ID "\n"
		"rejected.max=13\nforgotten.max=9\nunwritable=" HALF_ID ":2\n";

	reads_as(text, text);
	reads_as("nslots=1\na.st=empty\na.streak=0",
		 "nslots=1\npref=a\nlast=-\nopen=-\ntoken=0\nclean=0\nlr=-\n"
		 "a.st=empty\na.tries=0\na.grace=0\na.streak=0\n");
}

TEST(too_small_a_buffer_is_an_error)
{
	char buf[STATE_PAYLOAD_MAX];
	size_t len;

	fill(&s);
	FAILS(state_encode(&s, buf, 1000, &len), KB_ENOSPC);
	assert_true(len <= 1000);
	FAILS(state_encode(&s, buf, 0, &len), KB_ENOSPC);
}

TEST(unknown_lines_survive_verbatim)
{
	static const char text[] =
		"nslots=2\nfuture=1,2 ,3\na.st=good\nno equals sign\n\nc.st=good\n"
		"a.colour=red\nlast";
	struct state r;
	char buf[STATE_PAYLOAD_MAX];
	size_t len;

	read_text(&s, text);
	assert_int_equal(s.slot[0].st, STATE_GOOD);
	round_trip(&s, &r, buf, &len);
	assert_true(has_line(buf, len,
			     "\nfuture=1,2 ,3\nno equals sign\n\nc.st=good\n"
			     "a.colour=red\nlast\n"));
}

TEST(unknown_lines_give_way_when_there_is_no_room)
{
	char buf[STATE_PAYLOAD_MAX];
	size_t len, was;

	fill(&s);
	OK(state_encode(&s, buf, sizeof(buf), &was));
	memset(s.extra, 'x', STATE_PAYLOAD_MAX);
	s.extra[STATE_PAYLOAD_MAX - 3] = '\n';
	s.extra[STATE_PAYLOAD_MAX - 1] = '\n';
	s.extra_len = STATE_PAYLOAD_MAX;
	OK(state_encode(&s, buf, sizeof(buf), &len));
	assert_int_equal(len, was + 2);
}

TEST(text_that_is_all_unknown_lines_keeps_its_end)
{
	char buf[STATE_PAYLOAD_MAX];

	memset(buf, 'y', sizeof(buf));
	memcpy(buf, "nslots=1\n", 9);
	OK(state_decode(&s, buf, sizeof(buf), 1));
	EQUAL((s.extra_len, sizeof(buf) - 9 + 1), (s.extra[s.extra_len - 1], '\n'));
}

TEST(newer_record_is_used_by_its_core_only)
{
	static const char text[] =
		"nslots=2\npref=b\nlast=a\nopen=b\ntoken=9\nclean=1\nlr=a\n"
		"a.st=good\na.tries=0\na.grace=1\na.streak=2\n"
		"b.st=trial\nb.tries=2\nb.grace=3\nb.streak=0\n"
		"oneshot=a\na.sequence=not what you think\nrejected=~\nfloor=v2:7\n";
	char buf[STATE_PAYLOAD_MAX];
	size_t len;

	OK(state_decode(&s, text, strlen(text), STATE_FORMAT + 1));
	EQUAL((s.newer, true), (s.min_reader, STATE_FORMAT + 1), (s.oneshot, STATE_NONE));
	EQUAL((s.floor, 0), (s.pref, 1), (s.last, 0), (s.open, 1), (s.clean, true), (s.lr, 0));
	EQUAL((s.open_token, 9), (s.slot[0].grace, 1), (s.slot[0].streak, 2), (s.slot[1].tries, 2));
	s.slot[1].tries = 1;
	s.floor = 99;
	state_set_text(s.slot[1].reason, "not written");
	OK(state_encode(&s, buf, sizeof(buf), &len));
	assert_true(has_line(buf, len, "\nb.tries=1\n"));
	assert_true(has_line(buf, len,
			     "\noneshot=a\na.sequence=not what you think\nrejected=~\n"
			     "floor=v2:7\n"));
	EQUAL((has_line(buf, len, "floor=99"), false), (has_line(buf, len, "reason"), false));
}

TEST(bad_values_become_what_trusts_least)
{
	reads_as("nslots=2\npref=z\nlast=?\nopen=b\ntoken=1x\nclean=maybe\nlr=aa\noneshot=\n"
		 "lr.count=x\na.st=superb\na.tries=-1\na.grace=\na.streak=none\na.ever=x\n"
		 "a.doubt=x\na.retries=x\na.wait=x\na.release=00\na.sequence=5\n"
		 "b.release=" HALF_ID HALF_ID "\nb.sequence=x\nstaged=moon,00,1\napply.usb=x,y,z\n"
		 "installs=many\nrebuilt=?\nwarm=x\nps=0123456789abcdef0\nfloor=x\napplied=zz,,\n"
		 "unwritable=zz,zz:1,:,\n",
		 "nslots=2\npref=a\nlast=-\nopen=b\ntoken=0\nclean=0\nlr=-\n"
		 "a.st=bad\na.tries=0\na.grace=0\na.streak=3\n"
		 "b.st=bad\nb.tries=0\nb.grace=0\nb.streak=3\nlr.count=16\n"
		 "a.doubt=1\na.retries=15\na.wait=32768\n"
		 "b.release=" HALF_ID HALF_ID "\nb.sequence=0\nb.version=\n"
		 "apply.usb=3,6,1\ninstalls=8\nrebuilt=1\n");
	assert_int_equal(s.slot[0].st, STATE_BAD);
}

TEST(numbers_that_are_too_large_are_at_their_limit)
{
	reads_as("nslots=1\nopen=a\ntoken=18446744073709551615\nclean=2\nlr.count=17\n"
		 "a.st=trial\na.tries=10\na.grace=6\na.streak=4\na.ever=2\na.doubt=2\n"
		 "a.retries=16\na.wait=32769\na.release=" HALF_ID HALF_ID "\n"
		 "a.sequence=18446744073709551615\napply.sd=4,7,2\ninstalls=9\nrebuilt=2\n"
		 "warm=2\nfloor=18446744073709551615\nback=18446744073709551615\n"
		 "rejected.max=18446744073709551615\nforgotten.max=18446744073709551615\n",
		 "nslots=1\npref=a\nlast=-\nopen=a\ntoken=18446744073709551615\nclean=1\n"
		 "lr=-\na.st=trial\na.tries=9\na.grace=5\na.streak=3\nlr.count=16\na.ever=1\n"
		 "a.doubt=1\na.retries=15\na.wait=32768\na.release=" HALF_ID HALF_ID "\n"
		 "a.sequence=18446744073709551615\na.version=\napply.sd=3,6,1\ninstalls=8\n"
		 "rebuilt=1\nwarm=1\nfloor=18446744073709551614\nback=18446744073709551614\n"
		 "rejected.max=18446744073709551614\nforgotten.max=18446744073709551614\n");
}

TEST(missing_slot_lines_trust_least)
{
	read_text(&s, "nslots=2\na.st=good\n");
	EQUAL((s.slot[0].streak, STATE_STREAK_LIMIT), (s.slot[1].st, STATE_BAD), (s.floor, 0));
	EQUAL((s.installs, 0), (s.rebuilt, false));
}

TEST(floor_that_is_no_number_becomes_what_is_installed)
{
	static const char text[] =
		"nslots=2\na.st=good\nfloor=99999999999999999999999\n"
		"rejected.max=\nforgotten.max=?\nback=-1\n"
		"a.release=0000000000000000000000000000000000000000000000000000000000000000\n"
		"a.sequence=41\n"
		"b.release=1111111111111111111111111111111111111111111111111111111111111111\n"
		"b.sequence=18446744073709551615\n";

	read_text(&s, text);
	EQUAL((s.slot[1].has_release, true), (s.slot[1].sequence, UINT64_MAX), (s.floor, 41));
	EQUAL((s.back, 41), (s.rejected_max, 41), (s.forgotten_max, 41));
}

TEST(what_is_not_there_has_no_line)
{
	char buf[STATE_PAYLOAD_MAX];
	size_t len;

	states_fresh(&s);
	OK(state_encode(&s, buf, sizeof(buf), &len));
	EQUAL((has_line(buf, len, "staged"), false), (has_line(buf, len, "apply."), false));
	assert_false(has_line(buf, len, "rejected"));
}

TEST(staged_needs_all_its_parts)
{
	read_text(&s, "nslots=1\nstaged=data,0123456789abcdef0123456789abcdef0123456789abcdef"
		      "0123456789abcdeX,1");
	assert_int_equal(s.staged.source, STATE_SRC_NONE);
	read_text(&s, "nslots=1\nstaged=data,0123456789abcdef,1");
	assert_int_equal(s.staged.source, STATE_SRC_NONE);
	read_text(&s, "nslots=1\nstaged=data");
	assert_int_equal(s.staged.source, STATE_SRC_NONE);
	read_text(&s, strf("nslots=1\nstaged=usb,%064d", 0));
	assert_int_equal(s.staged.source, STATE_SRC_NONE);
	read_text(&s, strf("nslots=1\nstaged=usb,%064d,q", 0));
	EQUAL((s.staged.source, STATE_SRC_USB), (s.staged.fails, STATE_FAILS_LIMIT));
	read_text(&s, strf("nslots=1\nstaged=usb,%064d,1", 0));
	assert_int_equal(s.staged.fails, 1);
}

TEST(ledger_longer_than_ours_keeps_the_newest)
{
	char text[600] = "nslots=1\nrejected=";

	for (int i = 0; i < 10; i++)
		snprintf(text + strlen(text), sizeof(text) - strlen(text), "%032d,", i);
	read_text(&s, text);
	EQUAL((s.nrejected, STATE_LEDGER_LEN), (s.rejected[0][15], 0x02));
	assert_int_equal(s.rejected[7][15], 0x09);
}

TEST(text_without_slots_is_refused)
{
	static const char *const texts[] = { "",	   "pref=a\n",	"nslots=0\n",
					     "nslots=9\n", "nslots=\n", "nslots=x\n",
					     "nslot=2\n",  "nslots2\n", "nslots=-1\n" };
	char big[STATE_PAYLOAD_MAX + 1];

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		FAILS(state_decode(&s, texts[i], strlen(texts[i]), 1), KB_EFORMAT);
	FAILS(state_decode(&s, "nslots=2\n\0pref=b\n", 17, 1), KB_EFORMAT);
	memset(big, '\n', sizeof(big));
	memcpy(big, "nslots=2", 8);
	FAILS(state_decode(&s, big, sizeof(big), 1), KB_EFORMAT);
	OK(state_decode(&s, big, sizeof(big) - 1, 1));
}

/* Whatever is in the text: no crash, values in range, and what was read can be written. */
static void assert_sane(const struct state *st)
{
	const int slot[] = { st->last, st->open, st->lr, st->oneshot };
	char buf[STATE_PAYLOAD_MAX];
	size_t len;

	assert_in_range(st->nslots, 1, STATE_SLOTS_MAX);
	assert_in_range(st->pref, 0, st->nslots - 1);
	for (unsigned i = 0; i < KB_ARRAY_LEN(slot); i++)
		assert_in_range(slot[i] + 1, 0, st->nslots);
	for (int i = 0; i < st->nslots; i++) {
		assert_in_range(st->slot[i].tries, 0, STATE_TRIES_MAX);
		assert_in_range(st->slot[i].grace, 0, STATE_GRACE);
		assert_in_range(st->slot[i].streak, 0, STATE_STREAK_LIMIT);
	}
	OK(state_encode(st, buf, sizeof(buf), &len));
}

TEST(hostile_text_is_harmless)
{
	char good[STATE_PAYLOAD_MAX], buf[STATE_PAYLOAD_MAX];
	size_t len;

	fill(&s);
	OK(state_encode(&s, good, sizeof(good), &len));
	srand(42);
	for (int round = 0; round < 5000; round++) {
		size_t n = round % 3 == 0 ? (size_t)rand() % (len + 1) : len;

		memcpy(buf, good, len);
		for (int k = rand() % 40; k > 0; k--)
			buf[(size_t)rand() % len] = (char)rand();
		if (state_decode(&s, buf, n, (uint16_t)(1 + round % 2)) == KB_OK)
			assert_sane(&s);
	}
}

TEST(same_ignores_the_sequence_and_sees_all_else)
{
	struct state a, b;

	states_open(&a);
	b = a;
	b.seq = 99;
	assert_true(state_same(&a, &b));
	b.slot[1].tries--;
	assert_false(state_same(&a, &b));
	b = a;
	state_set_text(b.slot[0].reason, "x");
	assert_false(state_same(&a, &b));
	b = a;
	memcpy(b.extra, "k=v\n", 4);
	b.extra_len = 4;
	assert_false(state_same(&a, &b));
	b = a;
	b.apply[STATE_SRC_USB].open = true;
	assert_false(state_same(&a, &b));
}

TEST(names)
{
	state_init(&s, 2);
	EQUAL((state_slot_letter(0), 'a'), (state_slot_letter(7), 'h'));
	EQUAL((state_slot_letter(8), '-'), (state_slot_letter(STATE_NONE), '-'));
	EQUAL((state_slot_by_name(&s, "b"), 1), (state_slot_by_name(&s, "c"), STATE_NONE));
	EQUAL((state_slot_by_name(&s, "ab"), STATE_NONE), (state_slot_by_name(&s, ""), STATE_NONE));
	EQUAL((state_st_name(STATE_WRITING), "writing"), (state_st_name((enum state_st)99), "bad"));
	assert_string_equal(state_source_name(STATE_SRC_COMMAND), "command");
	assert_string_equal(state_source_name((enum state_source)99), "none");
}

TEST(text_fields_are_bounded_and_printable)
{
	char dst[STATE_STR_MAX + 1], longer[100];

	state_set_text(dst, "a\nb\x1b\xff~");
	assert_string_equal(dst, "a?b??~");
	memset(longer, 'v', sizeof(longer));
	longer[99] = '\0';
	state_set_text(dst, longer);
	assert_int_equal(strlen(dst), STATE_STR_MAX);
}

TEST(ledgers_remember_the_last_eight)
{
	state_init(&s, 2);
	for (uint8_t i = 1; i <= 9; i++)
		state_add_rejected(&s, states_id(i));
	assert_false(state_is_rejected(&s, states_id(1)));
	for (uint8_t i = 2; i <= 9; i++)
		assert_true(state_is_rejected(&s, states_id(i)));
	assert_false(state_is_applied(&s, states_id(5)));
	state_add_rejected(&s, states_id(2)); /* to the newest end */
	assert_int_equal(s.nrejected, 8);
	state_add_rejected(&s, states_id(10));
	assert_true(state_is_rejected(&s, states_id(2)));
	assert_false(state_is_rejected(&s, states_id(3)));
	state_del_rejected(&s, states_id(2));
	state_del_rejected(&s, states_id(77));
	EQUAL((state_is_rejected(&s, states_id(2)), false), (s.nrejected, 7));
	state_add_applied(&s, states_id(4));
	assert_true(state_is_applied(&s, states_id(4)));
}

TEST_MAIN("state")
