/* SPDX-License-Identifier: Apache-2.0 */
#include "selector/cell.h"
#include "selector/history.h"
#include "tests/unit/states.h"

static uint8_t cell[HISTORY_CELL];

TEST(event_comes_back)
{
	struct history_event e = { .n = 77, .time = 1700000000, .slot = 1, .sequence = UINT64_MAX },
			     r;

	state_set_text(e.version, "1.2.3=rc1");
	history_set_text(e.reason, "crashed or hung");
	history_set_text(e.detail, "usb");
	for (int k = 0; k < HISTORY_KIND_COUNT; k++) {
		e.kind = (enum history_kind)k;
		history_encode(&e, cell);
		OK(history_decode(&r, cell));
		EQUAL((r.n, 77), (r.time, e.time), (r.sequence, e.sequence), (r.kind, k));
		EQUAL((r.slot, 1), (r.version, e.version), (r.reason, e.reason));
		assert_string_equal(r.detail, e.detail);
	}
}

TEST(no_slot_and_longest_strings)
{
	struct history_event e = { .n = 1, .slot = STATE_NONE }, r;

	memset(e.version, 'v', STATE_STR_MAX);
	memset(e.reason, 'r', HISTORY_TEXT_MAX);
	memset(e.detail, 'd', HISTORY_TEXT_MAX);
	history_encode(&e, cell);
	OK(history_decode(&r, cell));
	EQUAL((r.slot, STATE_NONE), (r.reason, e.reason), (r.detail, e.detail));
}

TEST(a_whole_sentence_fits)
{
	static const char why[] =
		"too many releases failed on this device; only newer ones are installed by "
		"themselves; `keelboot install` takes this one";
	struct history_event e = { .n = 1 }, r;

	history_set_text(e.reason, why);
	history_encode(&e, cell);
	OK(history_decode(&r, cell));
	assert_string_equal(r.reason, why);
}

TEST(blank_is_told_from_damaged)
{
	struct history_event e = { .n = 1 };

	memset(cell, 0, sizeof(cell));
	FAILS(history_decode(&e, cell), KB_EBLANK);
	memset(cell, 0xff, sizeof(cell));
	FAILS(history_decode(&e, cell), KB_EBLANK);
	cell[4000] = 0;
	FAILS(history_decode(&e, cell), KB_EFORMAT);
	history_encode(&e, cell);
	for (size_t i = 0; i < 100; i++) {
		cell[i] ^= 1;
		FAILS(history_decode(&e, cell), KB_EFORMAT);
		cell[i] ^= 1;
	}
	OK(history_decode(&e, cell));
}

/* A cell with a right CRC around any text. */
static void seal(const char *text)
{
	struct cell_info info = { .format = 1,
				  .min_reader = 1,
				  .len = (uint32_t)strlen(text),
				  .size = HISTORY_CELL,
				  .seq = 5 };

	memset(cell, 0, sizeof(cell));
	memcpy(cell + CELL_HEADER, text, strlen(text));
	cell_seal(cell, "KEELHIST", &info);
}

TEST(strange_values_become_harmless)
{
	struct history_event e;

	seal("kind=explosion\nslot=z\ntime=soon\nsequence=-\nversion=\x01\nfuture=x\nno\n");
	OK(history_decode(&e, cell));
	EQUAL((e.kind, HISTORY_STATE), (e.slot, STATE_NONE), (e.time, 0), (e.sequence, 0));
	assert_string_equal(e.version, "?");
	seal("");
	OK(history_decode(&e, cell));
	assert_string_equal(e.reason, "");
}

TEST(header_must_agree_with_the_cell)
{
	struct cell_info info = { .len = HISTORY_CELL - CELL_HEADER + 1, .size = HISTORY_CELL };
	struct history_event e;

	memset(cell, 0, sizeof(cell));
	cell_put_header(cell, "KEELHIST", &info);
	FAILS(history_decode(&e, cell), KB_EFORMAT);
	info.len = 0;
	info.size = 8192;
	cell_seal(cell, "KEELHIST", &info);
	FAILS(history_decode(&e, cell), KB_EFORMAT);
	info.size = HISTORY_CELL;
	cell_seal(cell, "KEELSTAT", &info);
	FAILS(history_decode(&e, cell), KB_EFORMAT);
}

TEST(hostile_cells_are_harmless)
{
	struct history_event e;

	srand(7);
	for (int round = 0; round < 3000; round++) {
		char text[300];

		for (size_t i = 0; i < sizeof(text) - 1; i++)
			text[i] = (char)("kindslotme=\nabx019~\x80"[rand() % 20]);
		text[sizeof(text) - 1] = '\0';
		seal(text);
		OK(history_decode(&e, cell));
		assert_in_range(e.slot + 1, 0, STATE_SLOTS_MAX);
	}
}

/* A NUL in a key ends no comparison early: it would go on behind the end of our own word. */
TEST(key_with_a_nul_is_no_key)
{
	static const char text[] = "slot\0=b\nsequence\0 and much more that goes on=7\n";
	struct cell_info info = { .format = 1, .min_reader = 1, .size = HISTORY_CELL, .seq = 1 };
	struct history_event e;

	memset(cell, 0, sizeof(cell));
	info.len = sizeof(text) - 1;
	memcpy(cell + CELL_HEADER, text, info.len);
	cell_seal(cell, "KEELHIST", &info);
	OK(history_decode(&e, cell));
	EQUAL((e.slot, STATE_NONE), (e.sequence, 0));
}

TEST(kinds_have_names)
{
	assert_string_equal(history_kind_name(HISTORY_BOOT), "boot");
	assert_string_equal(history_kind_name(HISTORY_REBUILT), "rebuilt");
	assert_string_equal(history_kind_name((enum history_kind)99), "state");
}

TEST_MAIN("history")
