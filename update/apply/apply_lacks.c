/* SPDX-License-Identifier: Apache-2.0 */
#include "update/apply/apply_lacks.h"

#include "lib/conf_place.h"
#include "lib/log.h"

#include <stdio.h>
#include <string.h>

static bool is_wanted(const struct manifest *m, const char *cls)
{
	for (unsigned i = 0; i < m->nimages; i++)
		if (strcmp(m->image[i].name, cls) == 0)
			return true;
	return false;
}

static void open_source(struct apply_lacks *l, const struct apply_part *part, int slot, int target)
{
	struct install_source *s = &l->lack.source[l->lack.n];
	struct bdev_file *dev = &l->dev[l->lack.n];
	enum kb_err err = bdev_file_open(dev, part->path, 0);

	if (err != KB_OK)
		log_warn("%s of slot %c (%s) cannot be read: %s", part->cls,
			 state_slot_letter(slot), part->path, err_text(err));
	snprintf(s->cls, sizeof(s->cls), "%s", part->cls);
	s->dev = err == KB_OK ? &dev->bdev : NULL;
	s->target = slot == target;
	l->lack.n++;
}

void apply_lacks_open(struct apply_lacks *l, const struct apply_slot slot[STATE_SLOTS_MAX],
		      int target, const struct manifest *m)
{
	l->lack.n = 0;
	for (int i = 0; i < (int)STATE_SLOTS_MAX; i++) {
		for (unsigned k = 0; k < slot[i].nparts && k < CONF_CLASSES_MAX; k++)
			if (l->lack.n < INSTALL_LACK_MAX &&
			    conf_place_tail(slot[i].part[k].path)[0] == '\0' &&
			    is_wanted(m, slot[i].part[k].cls))
				open_source(l, &slot[i].part[k], i, target);
	}
}

void apply_lacks_close(struct apply_lacks *l)
{
	while (l->lack.n > 0)
		bdev_file_close(&l->dev[--l->lack.n]);
}
