/* SPDX-License-Identifier: Apache-2.0 */
#include "selector/loader/loader_uefi.h"

#include "lib/bytes.h"
#include "selector/loader/loader_entries.h"
#include "selector/loader/loader_why.h"

#include <string.h>
#include <strings.h>

static struct loader_entries entries;
static struct loader_numbers order;

/* The firmware takes the first entry of BootOrder that there is. */
static int preset_of(struct loader *l)
{
	int slot = STATE_NONE;

	for (unsigned i = 0; i < order.n; i++)
		if (loader_entries_slot(l, &entries, order.number[i], &slot) == KB_OK)
			return slot;
	return STATE_NONE;
}

static enum kb_err look(struct loader *l)
{
	TRY(loader_entries_look(l, &entries));
	return loader_var_numbers(l, "BootOrder", &order);
}

enum kb_err loader_uefi_read(struct loader *l, struct loader_choice *c)
{
	struct loader_numbers next;
	int slot = STATE_NONE;

	TRY(look(l));
	c->preset = (int8_t)preset_of(l);
	TRY(loader_var_numbers(l, "BootNext", &next));
	if (next.n > 1)
		return loader_why(l, KB_EFORMAT, "UEFI's variable BootNext names %u entries",
				  next.n);
	if (next.n == 1 && loader_entries_slot(l, &entries, next.number[0], &slot) != KB_OK)
		slot = STATE_NONE;
	c->once = (int8_t)slot;
	l->why[0] = '\0';
	return KB_OK;
}

/* ---------------------------------------------------------------- writing */

static bool is_in(const struct loader_numbers *list, unsigned number)
{
	for (unsigned i = 0; i < list->n; i++)
		if (list->number[i] == number)
			return true;
	return false;
}

static void add(struct loader_numbers *list, int number)
{
	if (number < 0 || list->n == LOADER_VAR_ORDER || is_in(list, (unsigned)number))
		return;
	list->number[list->n++] = (uint16_t)number;
}

/* The preset's entry, then those of the other pairs, so that the firmware falls back to one of
 * them; then what else was there, but for numbers that have no entry any more. */
static enum kb_err write_order(struct loader *l, int preset)
{
	static struct loader_numbers list;

	list.n = 0;
	add(&list, entries.pair[preset].entry);
	for (int i = 0; i < STATE_SLOTS_MAX; i++)
		if (entries.pair[i].given)
			add(&list, entries.pair[i].entry);
	for (unsigned i = 0; i < order.n; i++)
		if (loader_entries_stays(&entries, order.number[i]))
			add(&list, order.number[i]);
	return loader_var_put_numbers(l, "BootOrder", &list);
}

static enum kb_err check_given(struct loader *l, int slot)
{
	if (slot == STATE_NONE || entries.pair[slot].given)
		return KB_OK;
	return loader_why(l, KB_EINVAL, "slot %c has no pair: %s", loader_why_letter(slot),
			  l->where);
}

/* Each step leaves something that starts, should the power fail behind it. */
enum kb_err loader_uefi_write(struct loader *l, const struct loader_choice *c)
{
	TRY(look(l));
	TRY(check_given(l, c->preset));
	TRY(check_given(l, c->once));
	if (c->once == STATE_NONE)
		TRY(loader_var_remove(l, "BootNext", NULL));
	TRY(loader_entries_make(l, &entries));
	if (c->preset != STATE_NONE &&
	    (c->once == STATE_NONE || entries.nold > 0 || preset_of(l) != c->preset))
		TRY(write_order(l, c->preset));
	TRY(loader_entries_remove_old(l, &entries));
	if (c->once != STATE_NONE) {
		struct loader_numbers next = { 1, { (uint16_t)entries.pair[c->once].entry } };

		TRY(loader_var_put_numbers(l, "BootNext", &next));
	}
	return KB_OK;
}

/* ---------------------------------------------------------------- what was started */

static int slot_of_guid(const char *guid)
{
	char text[LOADER_PART_GUID];

	for (int i = 0; i < STATE_SLOTS_MAX; i++) {
		if (!entries.pair[i].given)
			continue;
		loader_part_guid(&entries.pair[i].part, text);
		if (strcasecmp(text, guid) == 0)
			return i;
	}
	return STATE_NONE;
}

static enum kb_err by_stub(struct loader *l, int *slot)
{
	char guid[LOADER_PART_GUID];

	TRY(loader_part_started(l, guid));
	*slot = slot_of_guid(guid);
	return KB_OK;
}

static enum kb_err by_firmware(struct loader *l, int *slot)
{
	struct loader_numbers current;

	TRY(loader_var_numbers(l, "BootCurrent", &current));
	return current.n != 1 ? KB_ENOENT
			      : loader_entries_slot(l, &entries, current.number[0], slot);
}

enum kb_err loader_uefi_booted(struct loader *l, int *slot)
{
	TRY(look(l));
	if (by_stub(l, slot) != KB_OK && by_firmware(l, slot) != KB_OK)
		*slot = STATE_NONE;
	if (*slot != STATE_NONE)
		return KB_OK;
	return loader_why(l, KB_ENOENT, "UEFI started this from no partition of a pair");
}
