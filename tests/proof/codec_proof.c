/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The codec of the state record, by trying all there is: each field through each value that it may
 * have, each key before each value of up to two bytes. Lines do not touch each other's fields (that
 * is tried too), so what holds for each line holds for a record of them. Each text ends at a page
 * that cannot be touched. tests/proof/README.md says what is taken for granted.
 */
#include "selector/state.h"
#include "lib/util.h"
#include "tests/fuzz/state_bounds.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

/* clang-format off */
static const char *const keys[] = {
	"nslots", "pref", "last", "open", "token", "clean", "lr", "lr.count", "oneshot", "staged",
	"apply.data", "apply.raw", "apply.sd", "apply.usb", "apply.command", "installs",
	"rebuilt", "floor", "ps", "warm", "disk", "applied", "rejected", "rejected.max",
	"forgotten.max", "unwritable", "a.st", "a.tries", "a.grace", "a.streak", "a.ever",
	"a.release", "a.version", "a.sequence", "a.reason", "a.doubt", "a.retries", "a.wait",
	"h.st", "h.reason", "i.st", "x.unknown", "back", "",
};
/* clang-format on */
static char *text; /* STATE_PAYLOAD_MAX bytes, then a page that cannot be read */
static uint64_t cases, wrong;
static bool first; /* what is wrong first ends it */

static void sum_up(void)
{
	printf("codec: %" PRIu64 " cases, %" PRIu64 " wrong\n", cases, wrong);
	exit(wrong != 0);
}

static void fail(const char *what, const char *bytes, size_t len)
{
	if (wrong++ < 10)
		printf("codec: %s: \"%.*s\"\n", what, (int)len, bytes);
	if (first)
		sum_up();
}

static void make_text(void)
{
	char *p = mmap(NULL, 4 * 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED || mprotect(p + 4096, 4096, PROT_READ | PROT_WRITE) < 0)
		exit(2);
	text = p + 4096 + 4096;
}

/* decode(encode(x)) == x, to the byte; what is written fits a cell. */
static void there_and_back(const struct state *x)
{
	static struct state back;
	char *buf;
	size_t len;
	char room[STATE_PAYLOAD_MAX];

	cases++;
	if (state_encode(x, room, sizeof(room), &len) != KB_OK) {
		fail("does not fit a cell", "", 0);
		return;
	}
	buf = text - len;
	memcpy(buf, room, len);
	memset(&back, 0xa5, sizeof(back));
	if (state_decode(&back, buf, len, STATE_FORMAT) != KB_OK ||
	    memcmp(&back, x, sizeof(back)) != 0)
		fail("is not what was written", room, len);
}

/* Any text: decoded without a byte outside being touched; what comes of it can be written. */
static void any(const char *bytes, size_t len, bool twice)
{
	static struct state s, again;
	char room[STATE_PAYLOAD_MAX];
	const char *broken;
	size_t n;

	cases++;
	memcpy(text - len, bytes, len);
	if (state_decode(&s, text - len, len, (uint16_t)(STATE_FORMAT + (twice && len % 2)))) {
		if (memchr(bytes, '\0', len) == NULL && strstr(bytes, "nslots=8\nnslots") == NULL)
			fail("was refused", bytes, len);
		return;
	}
	broken = state_bounds_broken(&s);
	if (broken != NULL)
		fail(broken, bytes, len);
	if (!twice)
		return;
	if (state_encode(&s, room, sizeof(room), &n) != KB_OK ||
	    state_decode(&again, room, n, s.min_reader) != KB_OK || !state_same(&s, &again))
		fail("changes when it is written", bytes, len);
}

static void each_value_of_each_key(void)
{
	char buf[64];

	for (size_t k = 0; k < KB_ARRAY_LEN(keys); k++)
		for (unsigned v = 0; v < 1 + 256 + 65536; v++)
			for (int ended = 0; ended < 2; ended++) {
				size_t n = (size_t)snprintf(buf, sizeof(buf),
							    "nslots=8\n%s=", keys[k]);

				if (v > 0)
					buf[n++] = (char)((v - 1) & 0xff);
				if (v > 256)
					buf[n++] = (char)((v - 257) >> 8);
				if (ended)
					buf[n++] = '\n';
				buf[n] = '\0';
				if (ended || v <= 256)
					any(buf, n, v <= 256);
			}
}

/* ---------------------------------------------------------------- every value of every field */

static struct state base(unsigned nslots)
{
	struct state s;

	state_init(&s, nslots);
	return s;
}

static void slots(void)
{
	for (unsigned n = 1; n <= STATE_SLOTS_MAX; n += 7)
		for (unsigned v = 0; v < 5 * 10 * 6 * 4 * 2 * 2; v++) {
			struct state s = base(n);
			struct state_slot *t = &s.slot[n - 1];

			t->st = (enum state_st)(v % 5);
			t->tries = (uint8_t)(v / 5 % 10);
			t->grace = (uint8_t)(v / 50 % 6);
			t->streak = (uint8_t)(v / 300 % 4);
			t->ever_good = v / 1200 % 2;
			t->has_release = v / 2400;
			if (t->has_release) {
				memset(t->release, (int)v, sizeof(t->release));
				t->sequence = v;
			}
			there_and_back(&s);
		}
}

static void pointers(void)
{
	for (int v = 0; v < 8 * 9 * 9 * 9 * 9 * 2; v++) {
		struct state s = base(8);

		s.pref = (int8_t)(v % 8);
		s.last = (int8_t)(v / 8 % 9 - 1);
		s.open = (int8_t)(v / 72 % 9 - 1);
		s.lr = (int8_t)(v / 648 % 9 - 1);
		s.oneshot = (int8_t)(v / 5832 % 9 - 1);
		s.clean = s.open != STATE_NONE && v / 52488 != 0;
		s.open_token = s.open != STATE_NONE ? (uint64_t)v : 0;
		there_and_back(&s);
	}
}

static void counters(void)
{
	for (unsigned v = 0; v < 17 * 9 * 2 * 2; v++) {
		struct state s = base(2);

		s.lr_count = (uint8_t)(v % 17);
		s.installs = (uint8_t)(v / 17 % 9);
		s.rebuilt = v / 153 % 2;
		s.warm = v / 306;
		there_and_back(&s);
	}
	for (unsigned v = 0; v < STATE_SRC_COUNT * 4 * 6 * 2; v++) {
		struct state s = base(2);
		struct state_apply *a = &s.apply[v % STATE_SRC_COUNT];

		a->count = (uint8_t)(v / STATE_SRC_COUNT % 4);
		a->excused = (uint8_t)(v / STATE_SRC_COUNT / 4 % 6);
		a->open = v / STATE_SRC_COUNT / 24;
		s.staged.source = (enum state_source)(v % STATE_SRC_COUNT);
		s.staged.fails = (uint8_t)(v / STATE_SRC_COUNT % 4);
		memset(s.staged.release, (int)v, sizeof(s.staged.release));
		there_and_back(&s);
	}
}

static void number(uint64_t v)
{
	struct state s = base(2);

	s.open = 1;
	s.open_token = v;
	s.slot[0].has_release = true;
	s.slot[0].sequence = v;
	s.ps = v;
	s.floor = s.back = s.rejected_max = s.forgotten_max = v == UINT64_MAX ? 0 : v;
	there_and_back(&s);
}

static void numbers(void)
{
	uint64_t ten = 1;

	for (uint64_t v = 0; v < 1u << 18; v++)
		number(v);
	for (unsigned bit = 0; bit < 64; bit++)
		for (uint64_t d = 0; d < 512; d++) {
			number((UINT64_C(1) << bit) + d - 256);
			number(UINT64_MAX << bit | d);
		}
	for (unsigned digits = 0; digits < 20; digits++, ten *= 10)
		for (uint64_t d = 0; d < 9; d++)
			for (uint64_t near = 0; near < 16; near++)
				number(ten * (d + 1) + near - 8);
}

static void strings(void)
{
	for (size_t len = 0; len <= STATE_STR_MAX; len++)
		for (char c = ' '; c <= '~'; c++) {
			struct state s = base(2);

			s.slot[1].has_release = true;
			memset(s.slot[1].version, c, len);
			memset(s.slot[1].reason, c, len);
			memset(s.disk, c, len);
			there_and_back(&s);
		}
}

/* Each byte of each id, in each place; each number of ids. */
static void ledgers(void)
{
	for (unsigned v = 0; v < 9 * 16 * 256; v++) {
		struct state s = base(2);

		s.napplied = s.nrejected = (uint8_t)(v % 9);
		s.nunwritable = (uint8_t)(v % 5);
		for (unsigned i = 0; i < v % 9; i++) {
			s.applied[i][v / 9 % 16] = s.rejected[i][v / 9 % 16] = (uint8_t)(v / 144);
			s.applied[i][(v / 9 + 1) % 16] = s.rejected[i][(v / 9 + 1) % 16] =
				(uint8_t)i;
		}
		for (unsigned i = 0; i < v % 5; i++) {
			s.unwritable[i].release[v / 9 % 16] = (uint8_t)(v / 144);
			s.unwritable[i].release[(v / 9 + 1) % 16] = (uint8_t)i;
			s.unwritable[i].count = (uint8_t)(1 + v % 3);
		}
		there_and_back(&s);
	}
}

/* All of a record, as long as it can be. */
static void largest(void)
{
	struct state s = base(STATE_SLOTS_MAX);

	for (unsigned i = 0; i < STATE_SLOTS_MAX; i++) {
		struct state_slot *t = &s.slot[i];

		*t = (struct state_slot){ .st = STATE_WRITING, .tries = 9, .ever_good = true };
		t->has_release = true;
		t->sequence = UINT64_MAX;
		memset(t->version, 'v', STATE_STR_MAX);
		memset(t->reason, 'r', STATE_STR_MAX);
		s.applied[i][0] = s.rejected[i][0] = (uint8_t)i;
		s.unwritable[i % STATE_UNWRITABLE_LEN].release[0] = (uint8_t)i;
		s.unwritable[i % STATE_UNWRITABLE_LEN].count = 3;
	}
	s.napplied = s.nrejected = STATE_LEDGER_LEN;
	s.nunwritable = STATE_UNWRITABLE_LEN;
	s.open = s.last = s.lr = s.oneshot = 7;
	s.lr_count = STATE_LR_COUNT_MAX;
	s.clean = s.rebuilt = s.warm = true;
	s.installs = STATE_INSTALLS_LIMIT;
	s.ps = s.open_token = UINT64_MAX;
	s.floor = s.back = s.rejected_max = s.forgotten_max = UINT64_MAX - 1;
	memset(s.disk, 'd', STATE_STR_MAX);
	s.staged.source = STATE_SRC_COMMAND;
	for (unsigned i = 0; i < STATE_SRC_COUNT; i++)
		s.apply[i] = (struct state_apply){ STATE_APPLY_LIMIT, STATE_APPLY_DIED, true };
	there_and_back(&s);
}

/* A line changes its own field and no other: what two lines do is what each does. */
static void lines_are_apart(void)
{
	static struct state alone, both, swapped;
	static const char *const values[] = { "b", "1", "0", "good", "x", "" };
	char buf[64];

	for (size_t i = 0; i < KB_ARRAY_LEN(keys) * KB_ARRAY_LEN(values); i++)
		for (size_t k = 0; k < KB_ARRAY_LEN(keys) * KB_ARRAY_LEN(values); k++) {
			const char *one = keys[i / KB_ARRAY_LEN(values)];
			const char *two = keys[k / KB_ARRAY_LEN(values)];
			const char *v1 = values[i % KB_ARRAY_LEN(values)];
			const char *v2 = values[k % KB_ARRAY_LEN(values)];
			size_t n;

			if (one == two || strcmp(one, "nslots") == 0 || strcmp(two, "nslots") == 0)
				continue;
			cases++;
			n = (size_t)snprintf(buf, sizeof(buf), "nslots=8\n%s=%s\n%s=%s\n", one, v1,
					     two, v2);
			if (state_decode(&both, buf, n, STATE_FORMAT) != KB_OK)
				fail("was refused", buf, n);
			n = (size_t)snprintf(buf, sizeof(buf), "nslots=8\n%s=%s\n%s=%s\n", two, v2,
					     one, v1);
			if (state_decode(&swapped, buf, n, STATE_FORMAT) != KB_OK)
				fail("was refused", buf, n);
			/* Unknown lines keep their order, which is all that may differ. */
			memset(both.extra, 0, sizeof(both.extra));
			memset(swapped.extra, 0, sizeof(swapped.extra));
			alone = both;
			if (memcmp(&alone, &swapped, sizeof(alone)) != 0)
				fail("depends on the order of lines", buf, n);
		}
}

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		void (*run)(void);
	} parts[] = {
		{ "each slot", slots },
		{ "slots by letter", pointers },
		{ "counters", counters },
		{ "numbers", numbers },
		{ "strings", strings },
		{ "ledgers", ledgers },
		{ "the largest record", largest },
		{ "lines are apart", lines_are_apart },
		{ "each value of each key", each_value_of_each_key },
	};

	first = argc > 1 && strcmp(argv[1], "first") == 0;
	make_text();
	for (size_t i = 0; i < KB_ARRAY_LEN(parts); i++) {
		uint64_t before = cases;

		parts[i].run();
		printf("codec %s: %" PRIu64 "\n", parts[i].name, cases - before);
	}
	sum_up();
}
