/* SPDX-License-Identifier: Apache-2.0 */
#include "update/apply/apply_options.h"
#include "lib/bytes.h"
#include "lib/log.h"

#include <stdio.h>
#include <string.h>

static bool copy_text(char *dst, size_t size, const char *src, const char *what)
{
	size_t len = strlen(src);

	if (len == 0 || len >= size) {
		log_err("%s: empty, or longer than %zu bytes: \"%.64s\"", what, size - 1, src);
		return false;
	}
	memcpy(dst, src, len + 1);
	return true;
}

/* a:root=/dev/vda2 */
static bool take_slot(struct apply_options *o, const char *v)
{
	const char *eq = strchr(v, '=');
	unsigned i = (unsigned)(v[0] - 'a');
	struct apply_slot *s;
	struct apply_part *p;
	size_t len;

	if (v[0] < 'a' || i >= STATE_SLOTS_MAX || v[1] != ':' || eq == NULL) {
		log_err("--slot: expected SLOT:CLASS=DEVICE, not \"%.64s\"", v);
		return false;
	}
	s = &o->slot[i];
	len = (size_t)(eq - (v + 2));
	if (s->nparts == CONF_CLASSES_MAX || len == 0 || len >= sizeof(p->cls)) {
		log_err("--slot: too many partitions, or a bad class: \"%.64s\"", v);
		return false;
	}
	p = &s->part[s->nparts++];
	memcpy(p->cls, v + 2, len);
	p->cls[len] = '\0';
	return copy_text(p->path, sizeof(p->path), eq + 1, "--slot");
}

/* usb:/dev/sda */
static bool take_source(struct apply_options *o, const char *v)
{
	struct apply_source *s = &o->source[o->nsources];

	if (o->nsources == APPLY_SOURCES_MAX) {
		log_warn("--source: more than %d, ignored: %.64s", APPLY_SOURCES_MAX, v);
		return true;
	}
	for (enum state_source k = STATE_SRC_DATA; k <= STATE_SRC_USB; k++) {
		size_t n = strlen(state_source_name(k));

		if (strncmp(v, state_source_name(k), n) != 0 || v[n] != ':')
			continue;
		s->kind = k;
		o->nsources++;
		return copy_text(s->dev, sizeof(s->dev), v + n + 1, "--source");
	}
	log_err("--source: expected data:, raw:, sd: or usb:DEVICE, not \"%.64s\"", v);
	return false;
}

static bool take_mask(choose_mask *mask, const char *v)
{
	uint64_t n;

	if (bytes_decimal(&n, v, 0xff) != KB_OK)
		return false;
	*mask = (choose_mask)n;
	return true;
}

static bool take_option(struct apply_options *o, const char *name, const char *v)
{
	if (strcmp(name, "--state") == 0)
		return copy_text(o->state, sizeof(o->state), v, name);
	if (strcmp(name, "--slot") == 0)
		return take_slot(o, v);
	if (strcmp(name, "--source") == 0)
		return take_source(o, v);
	if (strcmp(name, "--root") == 0) {
		o->root = v;
		return true;
	}
	if (strcmp(name, "--mountable") == 0 && take_mask(&o->mountable, v))
		return true;
	if (strcmp(name, "--in-use") == 0 && take_mask(&o->in_use, v))
		return true;
	log_err("unknown option, or a bad value: %.32s %.64s", name, v);
	return false;
}

bool apply_options_parse(struct apply_options *o, int argc, char **argv)
{
	memset(o, 0, sizeof(*o));
	o->root = "";
	o->mountable = 0xff;
	for (int i = 1; i < argc; i++) {
		if (strcmp(argv[i], "--rescue") == 0) {
			o->mode = PLAN_RESCUE;
		} else if (strcmp(argv[i], "--last-resort") == 0) {
			o->mode = PLAN_LAST_RESORT;
		} else if (i + 1 == argc) {
			log_err("unknown option, or its value is missing: %.32s", argv[i]);
			return false;
		} else {
			if (!take_option(o, argv[i], argv[i + 1]))
				return false;
			i++;
		}
	}
	if (o->state[0] == '\0' || o->nsources == 0)
		log_err("usage: keelboot-apply --state DEVICE --slot SLOT:CLASS=DEVICE… [--mountable MASK] [--in-use MASK] [--rescue | --last-resort] [--root DIR] --source data|raw|sd|usb:DEVICE…");
	return o->state[0] != '\0' && o->nsources > 0;
}
