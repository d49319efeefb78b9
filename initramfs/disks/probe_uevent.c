/* SPDX-License-Identifier: Apache-2.0 */
#include "initramfs/disks/probe_uevent.h"

#include <stdio.h>
#include <string.h>

const char *probe_uevent_value(const char *buf, size_t len, const char *key)
{
	size_t klen = strlen(key);

	for (size_t at = 0; at < len; at += strnlen(buf + at, len - at) + 1) {
		if (strncmp(buf + at, key, klen) == 0 && buf[at + klen] == '=')
			return buf + at + klen + 1;
	}
	return NULL;
}

bool probe_uevent_is(const char *buf, size_t len, const char *action)
{
	const char *value = probe_uevent_value(buf, len, "ACTION");

	return value != NULL && strcmp(value, action) == 0;
}

static bool action_of(const char *text, enum probe_uevent_action *action)
{
	static const char *const names[] = {
		[PROBE_UEVENT_ADD] = "add",
		[PROBE_UEVENT_REMOVE] = "remove",
		[PROBE_UEVENT_CHANGE] = "change",
	};

	for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (strcmp(text, names[i]) == 0) {
			*action = (enum probe_uevent_action)i;
			return true;
		}
	}
	return false;
}

/* The last but `up` part of a path; false if it is missing or does not fit. */
static bool path_part(char *out, size_t size, const char *path, unsigned up)
{
	const char *end = path + strlen(path), *start = end;

	for (;;) {
		while (start > path && start[-1] != '/')
			start--;
		if (start == path)
			return false;
		if (up == 0)
			break;
		up--;
		end = --start;
	}
	if (end == start || (size_t)(end - start) >= size)
		return false;
	memcpy(out, start, (size_t)(end - start));
	out[end - start] = '\0';
	return true;
}

bool probe_uevent_parse(struct probe_uevent *e, const char *buf, size_t len)
{
	const char *action, *path, *subsystem, *type;

	memset(e, 0, sizeof(*e));
	if (len == 0 || buf[len] != '\0')
		return false;
	action = probe_uevent_value(buf, len, "ACTION");
	path = probe_uevent_value(buf, len, "DEVPATH");
	subsystem = probe_uevent_value(buf, len, "SUBSYSTEM");
	type = probe_uevent_value(buf, len, "DEVTYPE");
	if (action == NULL || path == NULL || subsystem == NULL || type == NULL ||
	    strcmp(subsystem, "block") != 0 || !action_of(action, &e->action))
		return false;
	e->partition = strcmp(type, "partition") == 0;
	if (!e->partition && strcmp(type, "disk") != 0)
		return false;
	return path_part(e->disk, sizeof(e->disk), path, e->partition ? 1 : 0);
}
