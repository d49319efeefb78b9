/* SPDX-License-Identifier: Apache-2.0 */
/* A uevent: NUL-separated text, with a NUL behind it. */
#include "initramfs/disks/probe_uevent.h"
#include "tests/fuzz/fuzz.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void check_name(const char *name, size_t size)
{
	FUZZ_CHECK(fuzz_ended(name, size));
	FUZZ_CHECK(name[0] != '\0' && strchr(name, '/') == NULL);
}

/* The same event as the kernel would have told it. */
static void check_round_trip(const struct probe_uevent *e)
{
	static const char *const actions[] = { "add", "remove", "change" };
	struct probe_uevent again;
	char text[400];
	int n;

	n = snprintf(text, sizeof(text),
		     "%s@/x%cACTION=%s%cDEVPATH=/devices/%s/%s%cSUBSYSTEM=block%cDEVTYPE=%s%c",
		     actions[e->action], 0, actions[e->action], 0, e->disk, e->partition ? "x" : "",
		     0, 0, e->partition ? "partition" : "disk", 0);
	if (!e->partition)
		n = snprintf(text, sizeof(text),
			     "ACTION=%s%cDEVPATH=/devices/%s%cSUBSYSTEM=block%cDEVTYPE=disk",
			     actions[e->action], 0, e->disk, 0, 0);
	FUZZ_CHECK(probe_uevent_parse(&again, text, (size_t)n));
	FUZZ_CHECK(again.action == e->action && again.partition == e->partition);
	FUZZ_CHECK(strcmp(again.disk, e->disk) == 0);
}

void fuzz_one(const uint8_t *data, size_t size)
{
	char *buf = malloc(size + 1);
	struct probe_uevent e;

	FUZZ_CHECK(buf != NULL);
	fuzz_copy(buf, size, data, size);
	buf[size] = '\0';
	if (probe_uevent_is(buf, size, "add"))
		FUZZ_CHECK(strcmp(probe_uevent_value(buf, size, "ACTION"), "add") == 0);
	memset(&e, 0xa5, sizeof(e));
	if (probe_uevent_parse(&e, buf, size)) {
		FUZZ_CHECK(e.action <= PROBE_UEVENT_CHANGE);
		check_name(e.disk, sizeof(e.disk));
		check_round_trip(&e);
	}
	/* Not ended by NUL: refused, whatever it says. */
	buf[size] = 'x';
	FUZZ_CHECK(!probe_uevent_parse(&e, buf, size));
	free(buf);
}
