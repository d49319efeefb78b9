/* SPDX-License-Identifier: Apache-2.0 */
#include "selector/loader/loader_systemd.h"

#include "lib/bytes.h"
#include "lib/conf_place.h"
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
#define TEXT	  64

/* The names of the pairs' entries, by slot; "": it has none. */
static char names[STATE_SLOTS_MAX][CONF_PLACE_NAME + 1];

/* "a=keelboot-a.efi", taken off the list. */
static enum kb_err next_name(struct loader *l, const char **list)
{
	const char *p = *list;
	size_t len = strcspn(p, ",");

	if (len < 3 || p[0] < 'a' || p[0] >= 'a' + STATE_SLOTS_MAX || p[1] != '=' ||
	    len - 2 > CONF_PLACE_NAME || names[p[0] - 'a'][0] != '\0')
		return loader_why(l, KB_EINVAL,
				  "%s: expected the entries of pairs, as a=x.efi,b=y.efi",
				  l->where);
	snprintf(names[p[0] - 'a'], sizeof(names[0]), "%.*s", (int)(len - 2), p + 2);
	*list += len + (p[len] == ',' ? 1 : 0);
	return KB_OK;
}

static enum kb_err take_names(struct loader *l)
{
	const char *list = l->where;

	memset(names, 0, sizeof(names));
	while (*list != '\0')
		TRY(next_name(l, &list));
	return loader_var_open(l);
}

static int slot_of_name(const char *text)
{
	for (int i = 0; i < STATE_SLOTS_MAX; i++)
		if (names[i][0] != '\0' && strcasecmp(names[i], text) == 0)
			return i;
	return STATE_NONE;
}

/* ---------------------------------------------------------------- texts of UTF-16 */

/* The text at *at, which ends by a zero or with the value. What is not ASCII, or too long, becomes
 * what no entry of ours is. */
static void next_text(const uint8_t *value, size_t len, size_t *at, char text[TEXT])
{
	size_t n = 0;

	while (*at + 1 < len) {
		uint16_t c = bytes_get16(value + *at);

		*at += 2;
		if (c == 0)
			break;
		if (n < TEXT - 1)
			text[n++] = c >= 0x20 && c < 0x7f ? (char)c : '?';
		else
			text[0] = '?';
	}
	text[n] = '\0';
}

/* "" for a variable that there is not. */
static enum kb_err read_text(struct loader *l, const char *name, char text[TEXT])
{
	static uint8_t value[LOADER_VAR_MAX];
	size_t len, at = 0;
	enum kb_err err = loader_var_read(l, name, LOADER_VAR_SYSTEMD, value, &len);

	text[0] = '\0';
	if (err == KB_ENOENT)
		return KB_OK;
	TRY(err);
	next_text(value, len, &at, text);
	return KB_OK;
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
	char text[TEXT];

	TRY(read_text(l, name, text));
	*slot = (int8_t)slot_of_name(text);
	return KB_OK;
}

enum kb_err loader_systemd_read(struct loader *l, struct loader_choice *c)
{
	char text[TEXT];

	TRY(take_names(l));
	TRY(read_text(l, PREFERRED, text));
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

enum kb_err loader_systemd_booted(struct loader *l, int *slot)
{
	char text[TEXT];

	TRY(take_names(l));
	TRY(read_text(l, SELECTED, text));
	*slot = slot_of_name(text);
	if (*slot != STATE_NONE)
		return KB_OK;
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
		char text[TEXT];
		int slot;

		next_text(value, len, &at, text);
		slot = slot_of_name(text);
		if (slot != STATE_NONE)
			is->listed |= 1u << slot;
	}
	return KB_OK;
}

enum kb_err loader_systemd_look(struct loader *l, struct loader_systemd_is *is)
{
	char text[TEXT];

	memset(is, 0, sizeof(*is));
	TRY(take_names(l));
	TRY(read_text(l, INFO, text));
	snprintf(is->info, sizeof(is->info), "%.40s", text);
	is->started = strncmp(text, SELF, strlen(SELF)) == 0;
	for (int i = 0; i < STATE_SLOTS_MAX; i++)
		if (names[i][0] != '\0')
			is->given |= 1u << i;
	TRY(look_at_entries(l, is));
	TRY(read_text(l, PRESET, is->preset));
	TRY(read_text(l, TIMEOUT, text));
	is->waits = strcmp(text, "menu-force") == 0;
	l->why[0] = '\0';
	return KB_OK;
}
