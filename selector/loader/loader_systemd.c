/* SPDX-License-Identifier: Apache-2.0 */
#include "selector/loader/loader_systemd.h"

#include "lib/bytes.h"
#include "lib/conf_place.h"
#include "selector/loader/loader_list.h"
#include "selector/loader/loader_part.h"
#include "selector/loader/loader_var.h"
#include "selector/loader/loader_why.h"
#include "selector/state.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#define PRESET	  "LoaderEntryDefault"
#define ONCE	  "LoaderEntryOneShot"
#define PREFERRED "LoaderEntryPreferred" /* goes before PRESET, since systemd 259 */
#define SELECTED  "LoaderEntrySelected"
#define ENTRIES	  "LoaderEntries"
#define TIMEOUT	  "LoaderConfigTimeout"
#define INFO	  "LoaderInfo"
#define SELF	  "systemd-boot"

/* The names of the pairs' entries, by slot; "": it has none. And the partitions of their files; "":
 * it is missing. */
static char names[STATE_SLOTS_MAX][CONF_PLACE_NAME + 1];
static char parts[STATE_SLOTS_MAX][64];

/* "keelboot-a.efi", or "/dev/vda1:keelboot-a.efi". */
static bool take_name(int slot, const char *text)
{
	const char *colon = strchr(text, ':');
	size_t dev = colon != NULL ? (size_t)(colon - text) : 0;
	const char *name = colon != NULL ? colon + 1 : text;

	if (dev >= sizeof(parts[0]) || name[0] == '\0' || strlen(name) > CONF_PLACE_NAME)
		return false;
	snprintf(parts[slot], sizeof(parts[0]), "%.*s", (int)dev, text);
	snprintf(names[slot], sizeof(names[0]), "%s", name);
	return true;
}

static enum kb_err take_names(struct loader *l)
{
	static struct loader_list list;
	bool is_right = loader_list_take(&list, l->where, false);

	memset(names, 0, sizeof(names));
	memset(parts, 0, sizeof(parts));
	for (int i = 0; i < STATE_SLOTS_MAX; i++)
		is_right = is_right && (list.of[i][0] == '\0' || take_name(i, list.of[i]));
	if (is_right)
		return loader_var_open(l);
	return loader_why(l, KB_EINVAL,
			  "%s: expected the entries of pairs, as a=/dev/x:x.efi,b=/dev/x:y.efi",
			  l->where);
}

static int slot_of_name(const char *text)
{
	for (int i = 0; i < STATE_SLOTS_MAX; i++)
		if (names[i][0] != '\0' && strcasecmp(names[i], text) == 0)
			return i;
	return STATE_NONE;
}

static enum kb_err write_text(struct loader *l, const char *name, const char *text)
{
	uint8_t value[2 * (CONF_PLACE_NAME + 1)];
	size_t n = strlen(text) + 1;

	for (size_t i = 0; i < n; i++)
		bytes_put16(value + 2 * i, (uint8_t)text[i]);
	return loader_var_write(l, name, LOADER_VAR_SYSTEMD, value, 2 * n);
}

/* ---------------------------------------------------------------- its words */

static enum kb_err read_slot(struct loader *l, const char *name, int8_t *slot)
{
	char text[LOADER_VAR_TEXT];

	TRY(loader_var_text(l, name, text));
	*slot = (int8_t)slot_of_name(text);
	return KB_OK;
}

enum kb_err loader_systemd_read(struct loader *l, struct loader_choice *c)
{
	char text[LOADER_VAR_TEXT];

	TRY(take_names(l));
	TRY(loader_var_text(l, PREFERRED, text));
	TRY(read_slot(l, text[0] != '\0' ? PREFERRED : PRESET, &c->preset));
	TRY(read_slot(l, ONCE, &c->once));
	l->why[0] = '\0';
	return KB_OK;
}

static enum kb_err check_named(struct loader *l, int slot)
{
	if (slot == STATE_NONE || names[slot][0] != '\0')
		return KB_OK;
	return loader_why(l, KB_EINVAL, "slot %c has no pair: %s", loader_why_letter(slot),
			  l->where);
}

/* Each step leaves something that starts, should the power fail behind it. A preset that names
 * another's entry stays where none is asked for. */
enum kb_err loader_systemd_write(struct loader *l, const struct loader_choice *c)
{
	TRY(take_names(l));
	TRY(check_named(l, c->preset));
	TRY(check_named(l, c->once));
	if (c->once == STATE_NONE)
		TRY(loader_var_remove(l, ONCE, LOADER_VAR_SYSTEMD));
	if (c->preset != STATE_NONE)
		TRY(write_text(l, PRESET, names[c->preset]));
	if (c->preset != STATE_NONE)
		TRY(loader_var_remove(l, PREFERRED, LOADER_VAR_SYSTEMD));
	return c->once == STATE_NONE ? KB_OK : write_text(l, ONCE, names[c->once]);
}

/* A stick may have files of the same names, and a copy of this disk has them: what is on another
 * disk is never written, nor does it prove anything. */
static enum kb_err check_disk(struct loader *l, int slot)
{
	char guid[LOADER_PART_GUID], letter = loader_why_letter(slot);
	bool is;

	if (parts[slot][0] == '\0')
		return loader_why(l, KB_ENODEV, "the partition of slot %c's kernel is missing",
				  letter);
	if (loader_part_started(l, guid) != KB_OK || guid[0] == '\0')
		return loader_why(
			l, KB_ENOENT,
			"systemd-boot does not say from which disk it came: that has no GPT");
	TRY(loader_part_is_beside(l, parts[slot], guid, &is));
	if (is)
		return KB_OK;
	return loader_why(
		l, KB_ENOENT,
		"systemd-boot came from another disk (its partition %.36s) than slot %c's kernel (%s)",
		guid, letter, parts[slot]);
}

enum kb_err loader_systemd_booted(struct loader *l, int *slot)
{
	char text[LOADER_VAR_TEXT];
	int named;

	*slot = STATE_NONE;
	TRY(take_names(l));
	TRY(loader_var_text(l, SELECTED, text));
	named = slot_of_name(text);
	if (named != STATE_NONE) {
		TRY(check_disk(l, named));
		*slot = named;
		return KB_OK;
	}
	if (text[0] == '\0')
		return loader_why(l, KB_ENOENT, "systemd-boot did not start this");
	return loader_why(l, KB_ENOENT, "systemd-boot started %s, which is no pair's entry: %s",
			  text, l->where);
}

/* ---------------------------------------------------------------- what it says of itself */

static enum kb_err look_at_entries(struct loader *l, struct loader_systemd_is *is)
{
	static uint8_t value[LOADER_VAR_MAX];
	size_t len, at = 0;
	enum kb_err err = loader_var_read(l, ENTRIES, LOADER_VAR_SYSTEMD, value, &len);

	if (err == KB_ENOENT)
		return KB_OK;
	TRY(err);
	while (at + 1 < len) {
		char text[LOADER_VAR_TEXT];
		int slot;

		loader_var_next_text(value, len, &at, text);
		slot = slot_of_name(text);
		if (slot != STATE_NONE)
			is->listed |= 1u << slot;
	}
	return KB_OK;
}

enum kb_err loader_systemd_look(struct loader *l, struct loader_systemd_is *is)
{
	char text[LOADER_VAR_TEXT];

	memset(is, 0, sizeof(*is));
	TRY(take_names(l));
	TRY(loader_var_text(l, INFO, text));
	snprintf(is->info, sizeof(is->info), "%.40s", text);
	is->started = strncmp(text, SELF, strlen(SELF)) == 0;
	for (int i = 0; i < STATE_SLOTS_MAX; i++)
		if (names[i][0] != '\0')
			is->given |= 1u << i;
	TRY(look_at_entries(l, is));
	TRY(loader_var_text(l, PRESET, is->preset));
	TRY(loader_var_text(l, TIMEOUT, text));
	is->waits = strcmp(text, "menu-force") == 0;
	l->why[0] = '\0';
	return KB_OK;
}
