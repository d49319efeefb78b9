/* SPDX-License-Identifier: Apache-2.0 */
#include "selector/loader/loader_entries.h"

#include "lib/os_efivar.h"
#include "selector/loader/loader_list.h"
#include "selector/loader/loader_why.h"

#include <stdio.h>
#include <string.h>

#define DESCRIPTION "keelboot "

static void name_of(unsigned number, char name[9])
{
	snprintf(name, 9, "Boot%04X", number & 0xffff);
}

static void file_of(char file[LOADER_OPTION_TEXT])
{
	snprintf(file, LOADER_OPTION_TEXT, "\\EFI\\BOOT\\%s", os_efivar_boot_file());
}

static bool is_set(const struct loader_entries *e, unsigned number)
{
	return e->is_there[number / 8] >> number % 8 & 1;
}

/* ---------------------------------------------------------------- the pairs */

static enum kb_err take_pairs(struct loader *l, struct loader_entries *e)
{
	static struct loader_list list;

	memset(e, 0, sizeof(*e));
	if (!loader_list_take(&list, l->where, false))
		return loader_why(l, KB_EINVAL,
				  "%s: expected the partitions of pairs, as a=/dev/x,b=/dev/y",
				  l->where);
	for (int i = 0; i < STATE_SLOTS_MAX; i++) {
		e->pair[i].entry = -1;
		e->pair[i].given = list.of[i][0] != '\0';
		if (e->pair[i].given)
			TRY(loader_part_look(l, list.of[i], &e->pair[i].part));
	}
	return KB_OK;
}

/* ---------------------------------------------------------------- what is there */

static enum kb_err read_option(struct loader *l, unsigned number, struct loader_option *o)
{
	static uint8_t value[LOADER_VAR_MAX];
	char name[9];
	size_t len;

	name_of(number, name);
	TRY(loader_var_read(l, name, NULL, value, &len));
	return loader_option_parse(o, value, len);
}

static int slot_of_option(const struct loader_entries *e, const struct loader_option *o)
{
	char file[LOADER_OPTION_TEXT];

	file_of(file);
	for (int i = 0; i < STATE_SLOTS_MAX; i++)
		if (e->pair[i].given && o->has_part && strcmp(o->file, file) == 0 &&
		    memcmp(o->part.guid, e->pair[i].part.guid, sizeof(o->part.guid)) == 0)
			return i;
	return STATE_NONE;
}

/* By its name. */
static int owner_of(const struct loader_entries *e, const struct loader_option *o)
{
	const char *letter = o->description + sizeof(DESCRIPTION) - 1;

	if (strncmp(o->description, DESCRIPTION, sizeof(DESCRIPTION) - 1) != 0 || letter[0] < 'a' ||
	    letter[0] >= 'a' + STATE_SLOTS_MAX || letter[1] != '\0' ||
	    !e->pair[letter[0] - 'a'].given)
		return STATE_NONE;
	return letter[0] - 'a';
}

static bool is_right(const struct loader_entries *e, int slot, const struct loader_option *o)
{
	const struct loader_part *want = &e->pair[slot].part;

	return o->active && slot_of_option(e, o) == slot && o->part.number == want->number &&
	       o->part.start == want->start && o->part.blocks == want->blocks;
}

static void note_entry(struct loader *l, struct loader_entries *e, unsigned number)
{
	struct loader_option o;
	int slot;

	/* What cannot be read is not ours. */
	if (read_option(l, number, &o) != KB_OK || (slot = owner_of(e, &o)) == STATE_NONE)
		return;
	if (e->pair[slot].entry < 0 && is_right(e, slot, &o)) {
		e->pair[slot].entry = (int)number;
	} else if (e->nold < LOADER_ENTRIES_OLD) {
		e->old_slot[e->nold] = slot;
		e->old[e->nold++] = (uint16_t)number;
	}
}

static void note_number(void *ctx, unsigned number)
{
	struct loader_entries *e = ctx;

	e->is_there[number / 8] |= (uint8_t)(1u << number % 8);
}

enum kb_err loader_entries_look(struct loader *l, struct loader_entries *e)
{
	TRY(take_pairs(l, e));
	TRY(loader_var_open(l));
	TRY(loader_var_each_entry(l, note_number, e));
	for (unsigned i = 0; i < 0x10000; i++)
		if (is_set(e, i))
			note_entry(l, e, i);
	l->why[0] = '\0';
	return KB_OK;
}

enum kb_err loader_entries_slot(struct loader *l, const struct loader_entries *e, unsigned number,
				int *slot)
{
	struct loader_option o;

	*slot = STATE_NONE;
	if (!is_set(e, number) || read_option(l, number, &o) != KB_OK || !o.active)
		return KB_ENOENT;
	*slot = slot_of_option(e, &o);
	return KB_OK;
}

/* ---------------------------------------------------------------- mending */

/* A number for a new entry: of one that is wrong, so that its place in BootOrder stays. */
static unsigned take_number(struct loader_entries *e, int slot)
{
	unsigned number = 0;

	for (unsigned i = 0; i < e->nold; i++) {
		if (e->old_slot[i] != slot)
			continue;
		number = e->old[i];
		e->nold--;
		e->old[i] = e->old[e->nold];
		e->old_slot[i] = e->old_slot[e->nold];
		return number;
	}
	while (number < 0xffff && is_set(e, number))
		number++;
	return number;
}

static enum kb_err make_entry(struct loader *l, struct loader_entries *e, int slot)
{
	uint8_t value[512];
	char name[9], file[LOADER_OPTION_TEXT], description[16];
	unsigned number = take_number(e, slot);
	size_t len;

	file_of(file);
	snprintf(description, sizeof(description), DESCRIPTION "%c", loader_why_letter(slot));
	len = loader_option_make(value, sizeof(value), description, &e->pair[slot].part, file);
	name_of(number, name);
	TRY(loader_var_write(l, name, NULL, value, len));
	note_number(e, number);
	e->pair[slot].entry = (int)number;
	return KB_OK;
}

bool loader_entries_stays(const struct loader_entries *e, unsigned number)
{
	for (unsigned i = 0; i < e->nold; i++)
		if (e->old[i] == number)
			return false;
	return is_set(e, number);
}

enum kb_err loader_entries_remove_old(struct loader *l, struct loader_entries *e)
{
	char name[9];

	for (; e->nold > 0; e->nold--) {
		unsigned number = e->old[e->nold - 1];

		name_of(number, name);
		TRY(loader_var_remove(l, name, NULL));
		e->is_there[number / 8] &= (uint8_t) ~(1u << number % 8);
	}
	return KB_OK;
}

enum kb_err loader_entries_make(struct loader *l, struct loader_entries *e)
{
	for (int i = 0; i < STATE_SLOTS_MAX; i++)
		if (e->pair[i].given && e->pair[i].entry < 0)
			TRY(make_entry(l, e, i));
	return KB_OK;
}
