/* SPDX-License-Identifier: Apache-2.0 */
#include "initramfs/select/handout.h"

#include "initramfs/export.h"
#include "lib/bytes.h"
#include "lib/log.h"
#include "lib/os.h"
#include "lib/os_select.h"
#include "lib/util.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define TEXT_MAX 2048

struct handout handout_of(const struct boot *b)
{
	int slot = b->attempt.chosen.slot, cls = devices_root_class(&b->conf, (unsigned)slot);
	struct handout h = {
		.chosen = b->attempt.chosen,
		.root = b->mounted,
		.protected = b->root.protect,
		.name = b->conf.slot[slot].cls[cls].part,
		.watchdog_s = b->conf.watchdog_timeout_s,
		.shutdown_s = b->conf.shutdown_deadline_s,
		.handover = b->wdt.handover,
	};

	snprintf(h.slot_dev, sizeof(h.slot_dev), "%s", b->dev.slot[slot].part[cls]);
	snprintf(h.state_dev, sizeof(h.state_dev), "%s", b->dev.state);
	if (b->wdt.armed && !b->wdt.kept)
		snprintf(h.watchdog, sizeof(h.watchdog), "%s", b->wdt.dev);
	return h;
}

/* ---------------------------------------------------------------- the lines */

struct lines {
	size_t len;
	char text[TEXT_MAX];
};

/* One that holds a quote would end it, and is left out: options of a mount have none. */
static void put_line(struct lines *l, const char *key, const char *value)
{
	size_t room = sizeof(l->text) - l->len;
	int n;

	if (strchr(value, '\'') != NULL || strchr(value, '\n') != NULL)
		value = "";
	n = snprintf(l->text + l->len, room, "KEELBOOT_%s='%s'\n", key, value);
	if (n > 0)
		l->len += (size_t)n < room ? (size_t)n : room - 1;
}

static void put_number(struct lines *l, const char *key, uint32_t value)
{
	char text[16];

	snprintf(text, sizeof(text), "%u", (unsigned)value);
	put_line(l, key, text);
}

static void put_handout(struct lines *l, const struct handout *h)
{
	char slot[2] = { state_slot_letter(h->chosen.slot), '\0' };

	put_line(l, "SLOT", slot);
	put_line(l, "ROOT", h->root.dev);
	put_line(l, "FSTYPE", h->root.fstype);
	put_line(l, "OPTIONS", h->root.options);
	put_line(l, "INIT", h->root.init);
	put_line(l, "PROTECTED", h->protected ? "yes" : "no");
	put_line(l, "DEVICE", h->slot_dev);
	put_line(l, "NAME", h->name);
	put_line(l, "STATE", h->state_dev);
	put_line(l, "TIER", choose_tier_name(h->chosen.tier));
	put_line(l, "WATCHDOG", h->watchdog);
	put_line(l, "HANDOVER", wdt_handover_name(h->handover));
	put_number(l, "WATCHDOG_TIMEOUT", h->watchdog_s);
	put_number(l, "SHUTDOWN_DEADLINE", h->shutdown_s);
}

enum kb_err handout_write(const struct handout *h)
{
	struct lines l = { .len = 0 };
	enum kb_err err;

	put_handout(&l, h);
	err = os_select_link(h->root.dev, HANDOUT_LINK);
	if (err == KB_OK)
		err = os_write_file(HANDOUT_FILE, l.text, l.len);
	if (err != KB_OK)
		log_err("unable to write " HANDOUT_FILE ": %m; the root cannot be handed out");
	return err;
}

/* ---------------------------------------------------------------- back again */

/* False: no such line, or no room for its value. */
static bool take_text(const char *text, const char *key, char *out, size_t size)
{
	char head[48];
	const char *at, *end;

	snprintf(head, sizeof(head), "KEELBOOT_%s='", key);
	at = strstr(text, head);
	if (at == NULL)
		return false;
	at += strlen(head);
	end = strchr(at, '\'');
	if (end == NULL || (size_t)(end - at) >= size)
		return false;
	memcpy(out, at, (size_t)(end - at));
	out[end - at] = '\0';
	return true;
}

static bool take_number(const char *text, const char *key, uint32_t *out)
{
	char digits[16];
	uint64_t n;

	if (!take_text(text, key, digits, sizeof(digits)) ||
	    bytes_decimal(&n, digits, UINT32_MAX) != KB_OK)
		return false;
	*out = (uint32_t)n;
	return true;
}

static bool take_slot(const char *text, struct choose_candidate *c)
{
	char slot[2], tier[16];

	if (!take_text(text, "SLOT", slot, sizeof(slot)) || slot[0] < 'a' ||
	    slot[0] >= 'a' + STATE_SLOTS_MAX || !take_text(text, "TIER", tier, sizeof(tier)))
		return false;
	c->slot = (int8_t)(slot[0] - 'a');
	for (c->tier = CHOOSE_ONESHOT; c->tier <= CHOOSE_LAST_RESORT; c->tier++) {
		if (strcmp(choose_tier_name(c->tier), tier) == 0)
			return true;
	}
	return false;
}

static bool take_handover(const char *text, enum conf_handover *out)
{
	char name[16];

	if (!take_text(text, "HANDOVER", name, sizeof(name)))
		return false;
	for (*out = CONF_HANDOVER_SYSTEM; *out <= CONF_HANDOVER_RELEASE; (*out)++) {
		if (strcmp(wdt_handover_name(*out), name) == 0)
			return true;
	}
	return false;
}

static bool take_handout(const char *text, struct handout *h)
{
	return take_slot(text, &h->chosen) &&
	       take_text(text, "ROOT", h->root.dev, sizeof(h->root.dev)) &&
	       take_text(text, "FSTYPE", h->root.fstype, sizeof(h->root.fstype)) &&
	       take_text(text, "OPTIONS", h->root.options, sizeof(h->root.options)) &&
	       take_text(text, "DEVICE", h->slot_dev, sizeof(h->slot_dev)) &&
	       take_text(text, "STATE", h->state_dev, sizeof(h->state_dev)) &&
	       take_text(text, "WATCHDOG", h->watchdog, sizeof(h->watchdog)) &&
	       take_number(text, "WATCHDOG_TIMEOUT", &h->watchdog_s) &&
	       take_number(text, "SHUTDOWN_DEADLINE", &h->shutdown_s) &&
	       take_handover(text, &h->handover);
}

enum kb_err handout_read(struct handout *h)
{
	char text[TEXT_MAX];

	memset(h, 0, sizeof(*h));
	TRY(os_read_file(HANDOUT_FILE, text, sizeof(text), NULL));
	if (take_handout(text, h))
		return KB_OK;
	log_err(HANDOUT_FILE ": not as keelboot-select wrote it; another program changed it");
	return KB_EFORMAT;
}
