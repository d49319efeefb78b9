/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/device/device.h"

#include "cli/device/device_find.h"
#include "lib/bytes.h"
#include "lib/conf_place.h"
#include "lib/log.h"
#include "lib/os.h"
#include "lib/util.h"
#include "selector/reset.h"
#include "selector/verdict.h"

#include <stdio.h>
#include <string.h>

/* A file of the run folder; "" when it is missing. */
static void read_run(struct device *d, const char *name, char *text, size_t size)
{
	char path[DEVICE_PATH_MAX];
	enum kb_err err = KB_ENOSPC;

	if (snprintf(path, sizeof(path), "%s/%s", d->opts->run_dir, name) < (int)sizeof(path))
		err = os_read_file(path, text, size, NULL);
	if (err != KB_OK)
		text[0] = '\0';
	if (err != KB_OK && err != KB_ENOENT)
		d->run_err = err;
}

static int letter_slot(char c)
{
	return c >= 'a' && c < 'a' + STATE_SLOTS_MAX ? c - 'a' : STATE_NONE;
}

/* slot: "b\n"; token: "b 37\n". */
static void read_boot(struct device *d)
{
	char text[64];

	d->booted = STATE_NONE;
	d->run_err = KB_OK;
	read_run(d, "slot", text, sizeof(text));
	text[strcspn(text, "\n")] = '\0';
	if (text[0] != '\0' && text[1] == '\0')
		d->booted = letter_slot(text[0]);
	d->run_found = d->booted != STATE_NONE;
	read_run(d, "aside", text, sizeof(text));
	util_print_safe(d->aside, sizeof(d->aside), text);
	read_run(d, "token", text, sizeof(text));
	text[strcspn(text, "\n")] = '\0';
	if (d->run_found && letter_slot(text[0]) == d->booted && text[1] == ' ' &&
	    bytes_decimal(&d->token, text + 2, UINT64_MAX) != KB_OK)
		d->token = 0;
}

static bool take_field(char *out, size_t size, const char *line, const char *key)
{
	size_t n = strlen(key);

	if (strncmp(line, key, n) != 0)
		return false;
	snprintf(out, size, "%s", line + n);
	return true;
}

/* One line of the file "devices": "state PATH", "data PATH", "slot a root PATH". */
static void take_device_line(struct device *d, const char *line)
{
	struct device_part *p = &d->part[d->nparts];
	char slot;

	if (take_field(d->state_path, sizeof(d->state_path), line, "state ") ||
	    take_field(d->data_path, sizeof(d->data_path), line, "data ") ||
	    take_field(d->disk, sizeof(d->disk), line, "disk ") ||
	    take_field(d->diskid, sizeof(d->diskid), line, "diskid ") ||
	    take_field(d->equal, sizeof(d->equal), line, "ambiguous ") ||
	    take_field(d->loader, sizeof(d->loader), line, "loader "))
		return;
	if (strncmp(line, "pair ", 5) == 0) {
		d->pair = letter_slot(line[5]);
		if (d->pair != STATE_NONE && line[6] == ' ')
			snprintf(d->pair_word, sizeof(d->pair_word), "%s", line + 7);
		return;
	}
	if (d->nparts < DEVICE_PARTS_MAX &&
	    sscanf(line, "slot %c %31s %511[^\n]", &slot, p->cls, p->path) == 3 &&
	    letter_slot(slot) != STATE_NONE) {
		p->slot = (int8_t)letter_slot(slot);
		d->nparts++;
	}
}

static void read_devices(struct device *d)
{
	static char text[32768];
	char *rest = text, *line;

	read_run(d, "devices", text, sizeof(text));
	while ((line = strsep(&rest, "\n")) != NULL)
		take_device_line(d, line);
}

/* The first is printed; of the others, how many there are: each verb reads the file anew. */
static void warn_of_first(void *ctx, const char *file, int line, const char *text)
{
	unsigned *n = ctx;

	if ((*n)++ > 0)
		return;
	if (line > 0)
		log_warn("%s:%d: %s", file, line, text);
	else
		log_warn("%s: %s", file, text);
}

static void load_conf(struct device *d)
{
	unsigned n = 0;

	conf_load(&d->conf, d->opts->conf_root, &d->conf_found, warn_of_first, &n);
	if (n > 1)
		log_warn("and %u more in system.conf: keelboot check-config", n - 1);
}

void device_init(struct device *d, const struct device_options *opts)
{
	memset(d, 0, sizeof(*d));
	d->opts = opts;
	d->file.fd = -1;
	d->pair = STATE_NONE;
	load_conf(d);
	read_boot(d);
	read_devices(d);
}

static const char *part_in(const struct device_part *part, unsigned n, int slot, const char *cls)
{
	for (unsigned i = 0; i < n; i++)
		if (part[i].slot == slot && strcmp(part[i].cls, cls) == 0)
			return part[i].path;
	return NULL;
}

enum kb_err device_slot_path(const struct device *d, int slot, const char *cls,
			     char path[DEVICE_PATH_MAX])
{
	const char *known = part_in(d->opts->part, d->opts->nparts, slot, cls);
	const char *place;
	conf_spec spec;
	size_t len;

	if (known == NULL)
		known = part_in(d->part, d->nparts, slot, cls);
	if (known != NULL) {
		snprintf(path, DEVICE_PATH_MAX, "%s", known);
		return KB_OK;
	}
	place = conf_slot_part(&d->conf, (unsigned)slot, cls);
	if (place == NULL)
		return KB_ENOENT;
	(void)conf_place_split(place, spec);
	TRY(device_find(spec, "/dev/disk", "/sys/class/block", path, DEVICE_PATH_MAX));
	len = strlen(path);
	snprintf(path + len, DEVICE_PATH_MAX - len, "%s", conf_place_tail(place));
	return KB_OK;
}

enum kb_err device_may_install(const struct device *d)
{
	if (d->equal[0] == '\0' || d->opts->state != NULL)
		return KB_OK;
	log_err("%s and %s could both be this device's disk; unplug one, or name the right one: [system] disk= in system.conf, in the initramfs too",
		d->disk, d->equal);
	return KB_ENOTARGET;
}

static enum kb_err other_slot(const struct device *d, int *slot)
{
	*slot = STATE_NONE;
	for (int i = 0; i < d->state.nslots; i++) {
		if (i == d->booted)
			continue;
		if (*slot != STATE_NONE) {
			log_err("\"other\" could be any of %u slots; name one: a to %c",
				d->state.nslots - 1u, state_slot_letter(d->state.nslots - 1));
			return KB_EINVAL;
		}
		*slot = i;
	}
	if (*slot == STATE_NONE)
		log_err("no other slot: this device has only one");
	return *slot != STATE_NONE ? KB_OK : KB_EINVAL;
}

enum kb_err device_slot(const struct device *d, const char *name, int *slot)
{
	bool booted = strcmp(name, "booted") == 0, other = strcmp(name, "other") == 0;

	if ((booted || other) && (!d->run_found || d->booted >= d->state.nslots)) {
		log_err("slot %s is unknown: Keelboot did not boot the running system (no %s/slot); name the slot: a to %c",
			name, d->opts->run_dir, state_slot_letter(d->state.nslots - 1));
		return KB_EINVAL;
	}
	*slot = d->booted;
	if (booted)
		return KB_OK;
	if (other)
		return other_slot(d, slot);
	*slot = state_slot_by_name(&d->state, name);
	if (*slot == STATE_NONE)
		log_err("no slot \"%s\"; expected a to %c, \"booted\" or \"other\"", name,
			state_slot_letter(d->state.nslots - 1));
	return *slot != STATE_NONE ? KB_OK : KB_EINVAL;
}

choose_mask device_whole(const struct state *s)
{
	choose_mask mask = 0;

	for (int i = 0; i < s->nslots; i++)
		if (state_is_whole(&s->slot[i]))
			mask |= (choose_mask)(1u << i);
	return mask;
}

int device_next_boot(const struct state *now, bool proves)
{
	static struct state s;
	struct choose_list list;

	s = *now;
	if (s.open == STATE_NONE || !proves || verdict_proven(&s, s.open, s.open_token) != KB_OK)
		reset_settle(&s, RESET_CLEAN, false);
	choose_candidates(&s, &list);
	return list.n > 0 ? list.c[0].slot : STATE_NONE;
}

void device_slot_text(const struct state *s, int slot, char *out, size_t size)
{
	if (s->slot[slot].version[0] != '\0')
		snprintf(out, size, "slot %c (%s)", state_slot_letter(slot), s->slot[slot].version);
	else
		snprintf(out, size, "slot %c", state_slot_letter(slot));
}
