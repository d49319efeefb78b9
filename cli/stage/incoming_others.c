/* SPDX-License-Identifier: Apache-2.0 */
/* What an install must not write, though system.conf may name it for a slot by another name. */
#include "cli/stage/incoming.h"

#include "cli/device/device_find.h"
#include "lib/conf_data.h"

#include <string.h>

static void add_found(struct apply_others *others, const char *what, const char *spec)
{
	char path[DEVICE_PATH_MAX];

	if (device_find(spec, "/dev/disk", "/sys/class/block", path, sizeof(path)) == KB_OK)
		apply_apart_add(others, what, path);
}

void incoming_others(const struct device *d, struct apply_others *others)
{
	const struct conf *c = &d->conf;

	others->n = 0;
	apply_apart_add(others, "the state", d->state_path);
	if (d->data_path[0] != '\0')
		apply_apart_add(others, "data", d->data_path);
	else if (c->data_enabled || conf_data_is_needed(c))
		add_found(others, "data", c->data_part);
	if (c->raw_enabled)
		add_found(others, "raw bundles", c->raw_part);
	if (conf_loader_has_partition(c))
		add_found(others, "the boot loader", c->loader_environment);
	if (conf_value_is_spec(c->overlay))
		add_found(others, "the overlay", c->overlay);
}
