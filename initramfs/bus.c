/* SPDX-License-Identifier: Apache-2.0 */
#include "initramfs/bus.h"

#include "lib/os.h"

#include <stdio.h>

#define UEVENT_MAX 4097 /* sysfs has a page for it */

struct bus_visit {
	const char *bus;
	bus_fn fn;
	void *ctx;
};

void bus_look(const char *folder, const char *name, bus_fn fn, void *ctx)
{
	static char text[UEVENT_MAX];
	char path[384];
	size_t len;

	snprintf(path, sizeof(path), "%s/uevent", folder);
	if (os_read_file(path, text, sizeof(text), &len) != KB_OK)
		return;
	for (size_t i = 0; i < len; i++) {
		if (text[i] == '\n')
			text[i] = '\0';
	}
	fn(ctx, name, text, len);
}

static enum kb_err visit_device(void *ctx, const char *name)
{
	const struct bus_visit *v = ctx;
	char folder[352];

	snprintf(folder, sizeof(folder), BUS_DIR "/%.63s/devices/%.255s", v->bus, name);
	bus_look(folder, name, v->fn, v->ctx);
	return KB_OK;
}

void bus_each(const char *bus, bus_fn fn, void *ctx)
{
	struct bus_visit v = { bus, fn, ctx };
	char folder[96];

	snprintf(folder, sizeof(folder), BUS_DIR "/%.63s/devices", bus);
	if (os_each(folder, visit_device, &v) != KB_OK)
		return; /* there is no such bus */
}
