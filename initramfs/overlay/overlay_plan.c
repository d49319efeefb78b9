/* SPDX-License-Identifier: Apache-2.0 */
#include "initramfs/overlay/overlay_plan.h"

#include "lib/util.h"

#include <stdio.h>
#include <string.h>

/* The texts of a plan, each on a line behind its key. */
static const struct field {
	const char *key;
	size_t offset, size;
} fields[] = {
#define FIELD(member)                                              \
	{                                                          \
#member, offsetof(struct overlay_plan, member),    \
			sizeof(((struct overlay_plan *)0)->member) \
	}
	FIELD(upper), FIELD(fstype), FIELD(size), FIELD(release), FIELD(init),
#undef FIELD
};

size_t overlay_plan_format(const struct overlay_plan *p, char text[OVERLAY_PLAN_MAX])
{
	size_t len = 0;

	for (unsigned i = 0; i < KB_ARRAY_LEN(fields); i++)
		len += (size_t)snprintf(text + len, OVERLAY_PLAN_MAX - len, "%s %s\n",
					fields[i].key, (const char *)p + fields[i].offset);
	for (unsigned i = 0; i < p->nkeep; i++)
		len += (size_t)snprintf(text + len, OVERLAY_PLAN_MAX - len, "keep %s\n",
					p->keep[i]);
	len += (size_t)snprintf(text + len, OVERLAY_PLAN_MAX - len, "sweep %s\n",
				p->sweep ? "yes" : "no");
	return len;
}

bool overlay_plan_is_release(const char *name)
{
	static const char slot[] = "slot-";
	size_t digits;

	if (strncmp(name, slot, sizeof(slot) - 1) == 0) {
		name += sizeof(slot) - 1;
		return name[0] >= 'a' && name[0] < 'a' + OVERLAY_PLAN_SLOTS && name[1] == '\0';
	}
	if (strncmp(name, "r-", 2) != 0)
		return false;
	digits = strspn(name + 2, "0123456789abcdef");
	return digits > 0 && name[2 + digits] == '\0' && 2 + digits <= OVERLAY_PLAN_RELEASE;
}

static enum kb_err take_keep(struct overlay_plan *p, const char *value)
{
	if (p->nkeep == OVERLAY_PLAN_SLOTS || !overlay_plan_is_release(value))
		return KB_EFORMAT;
	snprintf(p->keep[p->nkeep++], sizeof(p->keep[0]), "%s", value);
	return KB_OK;
}

static enum kb_err take_line(struct overlay_plan *p, const char *key, const char *value)
{
	if (strcmp(key, "keep") == 0)
		return take_keep(p, value);
	if (strcmp(key, "sweep") == 0) {
		p->sweep = strcmp(value, "yes") == 0;
		return KB_OK;
	}
	for (unsigned i = 0; i < KB_ARRAY_LEN(fields); i++) {
		if (strcmp(key, fields[i].key) != 0)
			continue;
		if (strlen(value) >= fields[i].size)
			return KB_EFORMAT;
		snprintf((char *)p + fields[i].offset, fields[i].size, "%s", value);
		return KB_OK;
	}
	return KB_OK; /* of a newer Keelboot */
}

static bool is_complete(const struct overlay_plan *p)
{
	bool tmpfs = strcmp(p->upper, OVERLAY_PLAN_TMPFS) == 0;

	return overlay_plan_is_release(p->release) && p->init[0] == '/' &&
	       (tmpfs ? p->size[0] != '\0' : p->upper[0] == '/');
}

enum kb_err overlay_plan_parse(struct overlay_plan *p, const char *text)
{
	char line[OVERLAY_PLAN_TEXT + 16];

	memset(p, 0, sizeof(*p));
	while (*text != '\0') {
		size_t len = strcspn(text, "\n");
		char *value;

		if (len >= sizeof(line))
			return KB_EFORMAT;
		memcpy(line, text, len);
		line[len] = '\0';
		text += len + (text[len] == '\n' ? 1 : 0);
		value = strchr(line, ' ');
		if (value == NULL)
			return KB_EFORMAT;
		*value++ = '\0';
		TRY(take_line(p, line, value));
	}
	return is_complete(p) ? KB_OK : KB_EFORMAT;
}
