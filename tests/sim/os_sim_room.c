/* SPDX-License-Identifier: Apache-2.0 */
/* The simulation's end of os_room.h and os_owner.h. */
#include "lib/os_room.h"

#include "lib/os_owner.h"
#include "tests/sim/os_sim.h"
#include "tests/sim/os_sim_int.h"

static struct os_room has;

void os_sim_room_reset(void)
{
	has = (struct os_room){ .free_bytes = 1ull << 30, .bytes = 2ull << 30 };
}

void os_sim_room(const struct os_room *room)
{
	has = *room;
}

enum kb_err os_room(const char *path, struct os_room *room)
{
	(void)path;
	TRY(os_sim_turn("room"));
	*room = has;
	return KB_OK;
}

enum kb_err os_owner_copy(const char *from, const char *to)
{
	return OS_SIM_CALL("owner", KB_OK, "owner %s as %s", to, from);
}
