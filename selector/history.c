/* SPDX-License-Identifier: Apache-2.0 */
#include "selector/history.h"
#include "selector/cell.h"
#include "selector/text.h"

#include <string.h>

static const char magic[CELL_MAGIC_LEN + 1] = "KEELHIST";

static const char *const kind_names[HISTORY_KIND_COUNT] = {
	[HISTORY_BOOT] = "boot",       [HISTORY_INSTALL] = "install", [HISTORY_REFUSED] = "refused",
	[HISTORY_GOOD] = "good",       [HISTORY_BAD] = "bad",	      [HISTORY_STATE] = "state",
	[HISTORY_REBUILT] = "rebuilt", [HISTORY_MIGRATE] = "migrate",
};

const char *history_kind_name(enum history_kind kind)
{
	return (unsigned)kind < HISTORY_KIND_COUNT ? kind_names[kind] : kind_names[HISTORY_STATE];
}

void history_set_text(char dst[HISTORY_TEXT_MAX + 1], const char *text)
{
	text_copy(dst, HISTORY_TEXT_MAX + 1, text, strnlen(text, HISTORY_TEXT_MAX));
}

void history_encode(const struct history_event *e, uint8_t *cell)
{
	struct text_out o = { .buf = (char *)cell + CELL_HEADER,
			      .size = HISTORY_CELL - CELL_HEADER };
	char slot[2] = { state_slot_letter(e->slot), '\0' };
	struct cell_info info = { .format = 1, .min_reader = 1, .seq = e->n };

	memset(cell, 0, HISTORY_CELL);
	text_put(&o, "kind", history_kind_name(e->kind));
	text_put(&o, "slot", slot);
	text_put_number(&o, "time", e->time);
	text_put_number(&o, "record", e->record);
	text_put_number(&o, "sequence", e->sequence);
	text_put(&o, "version", e->version);
	text_put(&o, "reason", e->reason);
	text_put(&o, "detail", e->detail);
	info.len = (uint32_t)o.len;
	info.size = HISTORY_CELL;
	cell_seal(cell, magic, &info);
}

static void read_line(struct history_event *e, const struct text_line *l)
{
	if (text_is(l, "kind")) {
		for (unsigned i = 0; i < HISTORY_KIND_COUNT; i++)
			if (l->val_len == strlen(kind_names[i]) &&
			    memcmp(l->val, kind_names[i], l->val_len) == 0)
				e->kind = (enum history_kind)i;
	} else if (text_is(l, "slot")) {
		if (l->val_len == 1 && l->val[0] >= 'a' && l->val[0] < 'a' + STATE_SLOTS_MAX)
			e->slot = (int8_t)(l->val[0] - 'a');
	} else if (text_is(l, "time")) {
		text_number(&e->time, l->val, l->val_len, UINT64_MAX, 0);
	} else if (text_is(l, "record")) {
		text_number(&e->record, l->val, l->val_len, UINT64_MAX, 0);
	} else if (text_is(l, "sequence")) {
		text_number(&e->sequence, l->val, l->val_len, UINT64_MAX, 0);
	} else if (text_is(l, "version")) {
		text_copy(e->version, sizeof(e->version), l->val, l->val_len);
	} else if (text_is(l, "reason")) {
		text_copy(e->reason, sizeof(e->reason), l->val, l->val_len);
	} else if (text_is(l, "detail")) {
		text_copy(e->detail, sizeof(e->detail), l->val, l->val_len);
	}
}

enum kb_err history_decode(struct history_event *e, const uint8_t *cell)
{
	const char *pos = (const char *)cell + CELL_HEADER;
	const char *end;
	struct cell_info info;
	struct text_line l;

	TRY(cell_open(&info, cell, magic, HISTORY_CELL));
	*e = (struct history_event){ .n = info.seq, .kind = HISTORY_STATE, .slot = STATE_NONE };
	end = pos + info.len;
	while (text_next(&pos, end, &l))
		read_line(e, &l);
	return KB_OK;
}
