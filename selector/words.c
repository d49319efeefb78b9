/* SPDX-License-Identifier: Apache-2.0 */
#include "selector/words.h"

#include "selector/cell.h"
#include "selector/text.h"

#include <string.h>

static const char magic[CELL_MAGIC_LEN + 1] = "KEELWORD";

static const char *const kind_names[WORDS_KIND_COUNT] = {
	[WORDS_KERNEL] = "kernel", [WORDS_PANIC] = "panic",   [WORDS_CONSOLE] = "console",
	[WORDS_CHECK] = "check",   [WORDS_SYSTEM] = "system", [WORDS_BOOT] = "boot",
};

const char *words_kind_name(enum words_kind kind)
{
	return (unsigned)kind < WORDS_KIND_COUNT ? kind_names[kind] : kind_names[WORDS_SYSTEM];
}

void words_of_slot(struct words *w, const struct state *s, int slot)
{
	w->slot = (int8_t)slot;
	w->sequence = s->slot[slot].sequence;
	memcpy(w->version, s->slot[slot].version, sizeof(w->version));
}

bool words_same_trial(const struct words *a, const struct words *b)
{
	return a->slot == b->slot && a->sequence == b->sequence &&
	       strcmp(a->version, b->version) == 0;
}

void words_encode(const struct words *w, unsigned place, uint8_t *cell)
{
	struct text_out o = { .buf = (char *)cell + CELL_HEADER, .size = WORDS_CELL - CELL_HEADER };
	char slot[2] = { state_slot_letter(w->slot), '\0' };
	struct cell_info info = { .format = 1, .min_reader = 1, .seq = w->n, .size = WORDS_CELL };

	memset(cell, 0, WORDS_CELL);
	text_put(&o, "kind", words_kind_name(w->kind));
	text_put(&o, "slot", slot);
	text_put_number(&o, "time", w->time);
	text_put_number(&o, "token", w->token);
	text_put_number(&o, "sequence", w->sequence);
	text_put(&o, "version", w->version);
	text_put(&o, "cut", w->tail.cut ? "1" : "0");
	text_put(&o, "text", ""); /* behind this line */
	text_put_raw(&o, w->tail.text, w->tail.len);
	info.len = (uint32_t)o.len;
	info.index = (uint16_t)place;
	cell_seal(cell, magic, &info);
}

static void take_line(struct words *w, const struct text_line *l)
{
	if (text_is(l, "kind")) {
		for (unsigned i = 0; i < WORDS_KIND_COUNT; i++)
			if (text_equals(l->val, l->val_len, kind_names[i]))
				w->kind = (enum words_kind)i;
	} else if (text_is(l, "slot")) {
		if (l->val_len == 1 && l->val[0] >= 'a' && l->val[0] < 'a' + STATE_SLOTS_MAX)
			w->slot = (int8_t)(l->val[0] - 'a');
	} else if (text_is(l, "time")) {
		w->time = text_value(l, UINT64_MAX, 0);
	} else if (text_is(l, "token")) {
		w->token = text_value(l, UINT64_MAX, 0);
	} else if (text_is(l, "sequence")) {
		w->sequence = text_value(l, UINT64_MAX, 0);
	} else if (text_is(l, "version")) {
		text_copy(w->version, sizeof(w->version), l->val, l->val_len);
	} else if (text_is(l, "cut")) {
		w->tail.cut = text_value(l, 1, 0) == 1;
	}
}

enum kb_err words_decode(struct words *w, unsigned place, const uint8_t *cell)
{
	const char *pos = (const char *)cell + CELL_HEADER, *end;
	struct cell_info info;
	struct text_line l;

	TRY(cell_open(&info, cell, magic, WORDS_CELL));
	if (info.index != place || info.seq == 0)
		return KB_EFORMAT;
	memset(w, 0, sizeof(*w));
	w->n = info.seq;
	w->slot = STATE_NONE;
	w->kind = WORDS_SYSTEM;
	end = pos + info.len;
	while (text_next(&pos, end, &l)) {
		if (text_is(&l, "text")) {
			tail_add(&w->tail, pos, (size_t)(end - pos));
			break;
		}
		take_line(w, &l);
	}
	return w->slot != STATE_NONE ? KB_OK : KB_EFORMAT; /* words are of a slot */
}
