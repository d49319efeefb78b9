/* SPDX-License-Identifier: Apache-2.0 */
#include "update/apply/apply_apart.h"

#include "lib/conf_place.h"

#include <stdio.h>
#include <string.h>

void apply_apart_add(struct apply_others *others, const char *what, const char *path)
{
	struct apply_other *o = &others->other[others->n];

	if (others->n == APPLY_OTHERS_MAX || path[0] == '\0' || strlen(path) > APPLY_FILE_PATH_MAX)
		return;
	o->what = what;
	memcpy(o->path, path, strlen(path) + 1);
	others->n++;
}

/* Whether path is, or lies in, the device with that id. */
static bool is_device_of(const char *path, const struct bdev_id *id)
{
	conf_spec dev;
	struct bdev_id of;

	(void)conf_place_split(path, dev);
	of = bdev_file_id(dev);
	return bdev_id_is_one(id, &of);
}

/* What another slot starts by is never written, and there is one entry for two files of one name,
 * in whatever partitions they are. */
static bool is_one_place(const char *path, const struct bdev_id *id, const char *other,
			 bool one_slot)
{
	conf_spec dev, others;
	const char *file = conf_place_split(path, dev), *of = conf_place_split(other, others);

	if (file == NULL || of == NULL)
		return is_device_of(other, id);
	return one_slot ? strcmp(file, of) == 0 : conf_place_is_same(file, of);
}

static enum kb_err fail_apart(const struct apply_part *part, int target, const char *of,
			      const char *path, char why[MANIFEST_WHY])
{
	snprintf(why, MANIFEST_WHY,
		 "%s of slot %c (%s) is that of %s, too (%s): name a %s of its own in system.conf",
		 part->cls, state_slot_letter(target), part->path, of, path,
		 conf_place_tail(part->path)[0] != '\0' ? "file" : "partition");
	return KB_EBUSY;
}

static enum kb_err check_slots(const struct apply_slot slot[STATE_SLOTS_MAX], int target,
			       unsigned own, const struct bdev_id *id, char why[MANIFEST_WHY])
{
	const struct apply_part *part = &slot[target].part[own];
	char of[CONF_NAME_MAX + 16];

	for (int i = 0; i < STATE_SLOTS_MAX; i++) {
		for (unsigned k = 0; k < slot[i].nparts && k < CONF_CLASSES_MAX; k++) {
			const struct apply_part *other = &slot[i].part[k];

			if ((i == target && k == own) ||
			    !is_one_place(part->path, id, other->path, i == target))
				continue;
			if (i == target)
				snprintf(of, sizeof(of), "its %s", other->cls);
			else
				snprintf(of, sizeof(of), "slot %c", state_slot_letter(i));
			return fail_apart(part, target, of, other->path, why);
		}
	}
	return KB_OK;
}

enum kb_err apply_apart_check(const struct apply_slot slot[STATE_SLOTS_MAX],
			      const struct apply_others *others, int target, unsigned i,
			      const struct bdev_id *id, char why[MANIFEST_WHY])
{
	const struct apply_part *part = &slot[target].part[i];

	TRY(check_slots(slot, target, i, id, why));
	if (others == NULL || conf_place_tail(part->path)[0] != '\0')
		return KB_OK;
	for (unsigned k = 0; k < others->n; k++)
		if (is_device_of(others->other[k].path, id))
			return fail_apart(part, target, others->other[k].what,
					  others->other[k].path, why);
	return KB_OK;
}

enum kb_err apply_apart_look(const struct apply_slot slot[STATE_SLOTS_MAX],
			     const struct apply_others *others, int target, unsigned i,
			     char why[MANIFEST_WHY])
{
	conf_spec dev;
	struct bdev_id id;

	(void)conf_place_split(slot[target].part[i].path, dev);
	id = bdev_file_id(dev);
	return apply_apart_check(slot, others, target, i, &id, why);
}

int apply_apart_slot(const struct apply_slot slot[STATE_SLOTS_MAX], const struct bdev_id *id)
{
	for (int i = 0; i < STATE_SLOTS_MAX; i++)
		for (unsigned k = 0; k < slot[i].nparts && k < CONF_CLASSES_MAX; k++)
			if (is_device_of(slot[i].part[k].path, id))
				return i;
	return STATE_NONE;
}
