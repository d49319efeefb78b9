/* SPDX-License-Identifier: Apache-2.0 */
#include "initramfs/prober/prober_state.h"

#include "initramfs/prober/prober_range.h"
#include "lib/util.h"
#include "selector/store.h"

_Static_assert(sizeof(((struct prober_part *)0)->pin) > STATE_STR_MAX, "the pin has room");

void prober_state_part(int fd, struct prober_part *part)
{
	static struct state s;
	struct prober_range r;
	enum store_finding found = STORE_LOST;
	struct store store;

	prober_range_set(&r, fd, part->start, part->size);
	if (part->flags & PROBER_PART_UNREADABLE || r.bdev.size < STORE_MIN_SIZE ||
	    !store_is_likely(&r.bdev) || store_load(&store, &r.bdev, &s, &found) != KB_OK ||
	    found != STORE_FOUND)
		return;
	part->flags |= PROBER_PART_STATE;
	util_print_safe(part->pin, sizeof(part->pin), s.disk);
}
