/* SPDX-License-Identifier: Apache-2.0 */
#include "initramfs/disks/devices_shared.h"

#include "lib/conf_place.h"

#include <stdio.h>
#include <string.h>

struct sharing {
	const struct devices *d;
	const struct conf *conf;
	choose_mask slots;
	char *text;
};

static choose_mask bit_of(unsigned slot)
{
	return (choose_mask)(1u << slot);
}

static void note_shared(struct sharing *s, unsigned slot, unsigned cls, const char *with,
			choose_mask slots)
{
	s->slots |= slots;
	if (s->text[0] == '\0')
		snprintf(s->text, DEVICES_SHARED_LEN, "%s of slot %c and %s are both %s",
			 s->conf->slot[slot].cls[cls].name, state_slot_letter((int)slot), with,
			 s->d->slot[slot].part[cls]);
}

static void look_at_uses(struct sharing *s, unsigned slot, unsigned cls)
{
	const struct devices *d = s->d;
	const struct {
		const char *what, *dev;
	} uses[] = {
		{ "the state", d->state },     { "data", d->data },
		{ "raw bundles", d->raw },     { "the boot loader", d->loader },
		{ "the overlay", d->overlay },
	};

	for (unsigned i = 0; i < sizeof(uses) / sizeof(uses[0]); i++)
		if (strcmp(uses[i].dev, d->slot[slot].part[cls]) == 0)
			note_shared(s, slot, cls, uses[i].what, bit_of(slot));
}

/* Those before it: a pair is met once. */
static void look_at_parts(struct sharing *s, unsigned slot, unsigned cls, bool whole)
{
	for (unsigned i = 0; i <= slot; i++) {
		const struct conf_slot *other = &s->conf->slot[i];

		for (unsigned c = 0; c < (i == slot ? cls : other->nclasses); c++) {
			bool file = conf_place_tail(other->cls[c].part)[0] != '\0';
			char with[CONF_NAME_MAX + 16];

			if ((!whole && file) ||
			    strcmp(s->d->slot[i].part[c], s->d->slot[slot].part[cls]) != 0)
				continue;
			snprintf(with, sizeof(with), "%s of slot %c", other->cls[c].name,
				 state_slot_letter((int)i));
			note_shared(s, slot, cls, with, (choose_mask)(bit_of(i) | bit_of(slot)));
		}
	}
}

choose_mask devices_shared(const struct devices *d, const struct conf *conf,
			   char text[DEVICES_SHARED_LEN])
{
	struct sharing s = { .d = d, .conf = conf, .text = text };

	text[0] = '\0';
	for (unsigned i = 0; i < conf->nslots; i++) {
		for (unsigned c = 0; c < conf->slot[i].nclasses; c++) {
			bool whole = conf_place_tail(conf->slot[i].cls[c].part)[0] == '\0';

			if (d->slot[i].part[c][0] == '\0')
				continue;
			if (whole)
				look_at_uses(&s, i, c);
			look_at_parts(&s, i, c, whole);
		}
	}
	return s.slots;
}
