/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/conf_use.h"

#include "lib/conf_place.h"

#include <string.h>
#include <strings.h>

/* Whoever looks for a UUID heeds no case. */
static bool is_same_name(const char *spec, const char *other)
{
	bool either_case = strncmp(spec, "PARTUUID=", 9) == 0 || strncmp(spec, "UUID=", 5) == 0;

	return (either_case ? strcasecmp(spec, other) : strcmp(spec, other)) == 0;
}

/* Two files of one partition are apart; a file and all of its partition are not, nor files of two
 * slots that are of one entry for systemd-boot. */
static bool is_same_place(const char *spec, const char *other, bool one_slot)
{
	conf_spec part, others;
	const char *file = conf_place_split(spec, part), *of = conf_place_split(other, others);

	if (file == NULL || of == NULL)
		return is_same_name(part, others);
	return one_slot ? strcmp(file, of) == 0 : conf_place_is_same(file, of);
}

/* slot and cls: where it was met; what comes later is not looked at. */
static const char *other_use(const struct conf *c, unsigned slot, unsigned cls, const char *part)
{
	if (is_same_place(part, c->state, false))
		return "the state";
	if (is_same_place(part, c->data_part, false))
		return "data";
	if (is_same_place(part, c->raw_part, false))
		return "raw bundles";
	if (conf_loader_has_partition(c) && is_same_place(part, c->loader_environment, false))
		return "the boot loader";
	for (unsigned i = 0; i <= slot; i++)
		for (unsigned j = 0; j < (i == slot ? cls : c->slot[i].nclasses); j++)
			if (is_same_place(part, c->slot[i].cls[j].part, i == slot))
				return "a slot";
	return NULL;
}

const char *conf_use_of(const struct conf *c, const char *part)
{
	return other_use(c, c->nslots, 0, part);
}

const char *conf_use_before(const struct conf *c, unsigned slot, unsigned cls)
{
	return other_use(c, slot, cls, c->slot[slot].cls[cls].part);
}

bool conf_use_is_beside(const struct conf_slot *s, unsigned cls)
{
	conf_spec part, others;
	const char *file = conf_place_split(s->cls[cls].part, part);

	if (file == NULL || strcmp(s->cls[cls].name, CONF_PLACE_CLASS) == 0)
		return true;
	for (unsigned i = 0; i < s->nclasses; i++) {
		const char *kernel = conf_place_split(s->cls[i].part, others);

		if (strcmp(s->cls[i].name, CONF_PLACE_CLASS) == 0 && kernel != NULL)
			return is_same_name(part, others) && conf_place_is_same(file, kernel);
	}
	return false;
}
