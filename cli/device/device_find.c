/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/device/device_find.h"

#include "lib/os.h"
#include "lib/util.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

struct way {
	/* in a specification */
	const char *prefix;
	/* of udev's links */
	const char *folder;
	/* in the kernel's uevent file; NULL: the kernel does not know it */
	const char *key;
};

static const struct way ways[] = {
	{ "PARTLABEL=", "by-partlabel", "PARTNAME=" },
	{ "PARTUUID=", "by-partuuid", "PARTUUID=" },
	{ "LABEL=", "by-label", NULL },
	{ "UUID=", "by-uuid", NULL },
};

enum kb_err device_find_encode(const char *name, char *out, size_t size)
{
	size_t used = 0;

	for (; *name != '\0'; name++) {
		unsigned char c = (unsigned char)*name;
		bool plain = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') ||
			     (c >= 'A' && c <= 'Z') || c >= 0x80 || strchr("#+-.:=@_", c) != NULL;
		int n = snprintf(out + used, size - used, plain ? "%c" : "\\x%02x", c);

		if (n < 0 || (size_t)n >= size - used)
			return KB_ENOSPC;
		used += (size_t)n;
	}
	if (used == 0)
		return KB_ENOSPC;
	return KB_OK;
}

/* The value of key in the lines of text, in out; false when it is missing. */
static bool uevent_value(const char *text, const char *key, char *out, size_t size)
{
	size_t len = strlen(key);

	for (const char *line = text; line != NULL && *line != '\0';) {
		const char *end = strchr(line, '\n');

		if (strncmp(line, key, len) == 0) {
			int n = end != NULL ? (int)(end - line - (long)len)
					    : (int)strlen(line + len);

			return snprintf(out, size, "%.*s", n, line + len) < (int)size;
		}
		line = end != NULL ? end + 1 : NULL;
	}
	return false;
}

/* What is looked for among the kernel's block devices, and where it was found. */
struct search {
	const struct way *way;
	const char *name, *sys_block;
	char *path;
	size_t size;
	unsigned found;
};

static enum kb_err match_disk(void *ctx, const char *entry)
{
	struct search *s = ctx;
	const char *key = s->way->key;
	char file[512], text[2048], value[256], node[128];

	snprintf(file, sizeof(file), "%s/%s/uevent", s->sys_block, entry);
	if (entry[0] == '.' || os_read_file(file, text, sizeof(text), NULL) != KB_OK ||
	    !uevent_value(text, key, value, sizeof(value)) ||
	    !uevent_value(text, "DEVNAME=", node, sizeof(node)))
		return KB_OK;
	if (strcmp(key, "PARTUUID=") == 0 ? strcasecmp(value, s->name) != 0
					  : strcmp(value, s->name) != 0)
		return KB_OK;
	snprintf(s->path, s->size, "/dev/%s", node);
	return ++s->found > 1 ? KB_EAMBIGUOUS : KB_OK;
}

static enum kb_err find_in_sys(const struct way *w, const char *name, const char *sys_block,
			       char *path, size_t size)
{
	struct search s = { w, name, sys_block, path, size, 0 };

	/* Of a list that ends early, what was found counts. */
	if (os_each(sys_block, match_disk, &s) == KB_EAMBIGUOUS && s.found > 1)
		return KB_EAMBIGUOUS;
	return s.found > 0 ? KB_OK : KB_ENOENT;
}

enum kb_err device_find(const char *spec, const char *dev_disk, const char *sys_block, char *path,
			size_t size)
{
	char name[256];

	if (spec[0] == '/') {
		if ((size_t)snprintf(path, size, "%s", spec) >= size)
			return KB_ENOSPC;
		return os_exists(path) ? KB_OK : KB_ENOENT;
	}
	for (size_t i = 0; i < KB_ARRAY_LEN(ways); i++) {
		const struct way *w = &ways[i];
		enum kb_err err = KB_ENOENT;

		if (strncmp(spec, w->prefix, strlen(w->prefix)) != 0)
			continue;
		spec += strlen(w->prefix);
		/* The kernel first: udev's link is to any one of two that have the same label. */
		if (w->key != NULL)
			err = find_in_sys(w, spec, sys_block, path, size);
		if (err != KB_ENOENT)
			return err;
		TRY(device_find_encode(spec, name, sizeof(name)));
		if ((size_t)snprintf(path, size, "%s/%s/%s", dev_disk, w->folder, name) >= size)
			return KB_ENOSPC;
		return os_exists(path) ? KB_OK : KB_ENOENT;
	}
	return KB_EINVAL;
}
