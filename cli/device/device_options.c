/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/device/device.h"

#include "lib/bytes.h"
#include "lib/log.h"
#include "lib/os.h"

#include <stdio.h>
#include <string.h>

void device_options_default(struct device_options *o)
{
	*o = (struct device_options){ .conf_root = "",
				      .run_dir = DEVICE_RUN_DIR,
				      .lock_wait_ms = DEVICE_LOCK_WAIT_MS };
}

/* One --slot value, "a:root=/dev/vda2". KB_EINVAL, which it has reported. */
static enum kb_err set_slot(struct device_options *o, const char *text)
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
		log_err("--slot %s: expected SLOT:CLASS=PATH, for example --slot a:root=/dev/vda2",
			text);
		return KB_EINVAL;
	}
	p->slot = (int8_t)(text[0] - 'a');
	snprintf(p->cls, sizeof(p->cls), "%.*s", (int)(len - 2), text + 2);
	snprintf(p->path, sizeof(p->path), "%s", equals + 1);
	o->nparts++;
	return KB_OK;
}

enum { STATE_PATH = 100, CONF_ROOT, RUN_DIR, SLOT, OFFSET, SIZE, WAIT, VERBOSE };

static const struct args_option table[] = {
	{ "state", 0, true, STATE_PATH },
	{ "conf-root", 0, true, CONF_ROOT },
	{ "run-dir", 0, true, RUN_DIR },
	{ "slot", 0, true, SLOT },
	{ "offset", 0, true, OFFSET },
	{ "size", 0, true, SIZE },
	{ "wait", 0, true, WAIT },
	{ "verbose", 'v', false, VERBOSE },
	{ .name = NULL },
};

static enum kb_err take_bytes(const char *option, const char *text, uint64_t *out)
{
	enum kb_err err = bytes_size(out, text, UINT64_MAX);

	if (err != KB_OK)
		log_err("--%s %s: expected bytes, for example 1048576 or 1M", option, text);
	return err;
}

static enum kb_err take_wait(const char *text, unsigned *ms)
{
	uint64_t seconds;

	if (bytes_decimal(&seconds, text, 3600) != KB_OK) {
		log_err("--wait %s: expected seconds, from 0 to 3600", text);
		return KB_EINVAL;
	}
	*ms = (unsigned)seconds * 1000;
	return KB_OK;
}

static enum kb_err take_path(const char *option, const char *text, const char **out)
{
	if (strlen(text) >= DEVICE_PATH_MAX / 2) {
		log_err("--%s: path is longer than %d bytes", option, DEVICE_PATH_MAX / 2);
		return KB_EINVAL;
	}
	*out = text;
	return KB_OK;
}

enum kb_err device_options_root(const char *option, const char *text, char whole[DEVICE_ROOT_MAX],
				const char **out)
{
	char here[DEVICE_PATH_MAX];

	if (text[0] == '/' || text[0] == '\0' ||
	    os_readlink("/proc/self/cwd", here, sizeof(here)) != KB_OK ||
	    snprintf(whole, DEVICE_ROOT_MAX, "%s/%s", here, text) >= DEVICE_ROOT_MAX)
		return take_path(option, text, out);
	return take_path(option, whole, out);
}

static enum kb_err take_global(struct device_options *o, int id, const struct args *a)
{
	static char conf_root[DEVICE_ROOT_MAX];

	switch (id) {
	case STATE_PATH:
		return take_path(a->option, a->value, &o->state);
	case CONF_ROOT:
		return device_options_root(a->option, a->value, conf_root, &o->conf_root);
	case RUN_DIR:
		return take_path(a->option, a->value, &o->run_dir);
	case SLOT:
		return set_slot(o, a->value);
	case OFFSET:
		return take_bytes(a->option, a->value, &o->offset);
	case SIZE:
		return take_bytes(a->option, a->value, &o->size);
	case WAIT:
		return take_wait(a->value, &o->lock_wait_ms);
	default:
		log_set_level(LOG_LEVEL_DEBUG);
		return KB_OK;
	}
}

int device_options_next(struct args *a, struct device_options *o)
{
	int id;

	a->tables[1] = table;
	while ((id = args_next(a)) >= STATE_PATH)
		if (take_global(o, id, a) != KB_OK)
			return ARGS_ERROR;
	return id;
}
