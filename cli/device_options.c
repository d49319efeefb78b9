/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/device.h"

#include "lib/log.h"

#include <stdio.h>
#include <string.h>

void device_options_default(struct device_options *o)
{
	*o = (struct device_options){ .conf_root = "",
				      .run_dir = DEVICE_RUN_DIR,
				      .lock_wait_ms = DEVICE_LOCK_WAIT_MS };
}

enum kb_err device_options_slot(struct device_options *o, const char *text)
{
	struct device_part *p = &o->part[o->nparts];
	const char *equals = strchr(text, '=');
	size_t len = equals != NULL ? (size_t)(equals - text) : 0;

	if (o->nparts == DEVICE_PARTS_MAX) {
		log_err("--slot %s: more than %d partitions", text, DEVICE_PARTS_MAX);
		return KB_EINVAL;
	}
	if (len < 3 || len - 2 > CONF_NAME_MAX || text[0] < 'a' ||
	    text[0] >= 'a' + STATE_SLOTS_MAX || text[1] != ':' || equals[1] == '\0' ||
	    strlen(equals + 1) >= sizeof(p->path)) {
		log_err("--slot %s: not of the form SLOT:CLASS=PATH; for example "
			"--slot a:root=/dev/vda2",
			text);
		return KB_EINVAL;
	}
	p->slot = (int8_t)(text[0] - 'a');
	snprintf(p->cls, sizeof(p->cls), "%.*s", (int)(len - 2), text + 2);
	snprintf(p->path, sizeof(p->path), "%s", equals + 1);
	o->nparts++;
	return KB_OK;
}
