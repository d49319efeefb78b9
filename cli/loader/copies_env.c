/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/loader/copies_env.h"

#include "cli/loader/copies_path.h"
#include "lib/bdev.h"
#include "lib/os_file.h"
#include "lib/util.h"
#include "selector/loader/loader_fwenv.h"

#include <stdio.h>
#include <string.h>

_Static_assert(KB_ARRAY_LEN(((struct copies *)0)->kept) == LOADER_FWENV_COPIES, "each has a place");

/* By its name, or by another one of the same device. */
static bool is_area(const struct copies *c, unsigned area, const char *dev)
{
	char path[COPIES_PATH], name[COPIES_PATH + sizeof(((struct loader_fwenv_copy *)0)->dev)];
	struct os_file_at one, other;

	copies_path(c, area, path);
	snprintf(name, sizeof(name), "%.80s%s", c->sys_root, dev);
	if (strcmp(path, name) == 0)
		return true;
	return os_file_look(path, &one) == KB_OK && os_file_look(name, &other) == KB_OK &&
	       one.number != 0 && one.number == other.number;
}

/* Whole blocks: less is never written. False: it does not lie in the area. */
static bool keep_copy(struct copies *c, unsigned area, const struct loader_fwenv_copy *copy)
{
	uint64_t from, room = c->emmc.boot_bytes;

	if (!loader_fwenv_begin(copy, room, &from) || from > room || copy->size > room - from)
		return false;
	c->kept[c->nkept++] = (struct copies_kept){
		.area = area,
		.from = from - from % BDEV_ALIGN,
		.to = (from + copy->size + BDEV_ALIGN - 1) / BDEV_ALIGN * BDEV_ALIGN,
	};
	return true;
}

void copies_env_find(struct copies *c)
{
	struct loader_fwenv env = { .n = 0 };
	enum kb_err err =
		c->environment == NULL ? KB_ENOENT : loader_fwenv_read(&env, c->environment);

	c->nkept = 0;
	c->knows_environment = err == KB_OK || (err == KB_ENOENT && !c->environment_named);
	for (unsigned i = 0; i < env.n; i++)
		for (unsigned area = 0; area < 2; area++)
			if (is_area(c, area, env.copy[i].dev) && !keep_copy(c, area, &env.copy[i]))
				c->knows_environment = false;
}

void copies_env_blank(const struct copies *c, unsigned area, uint64_t at, uint8_t *bytes,
		      size_t len)
{
	for (unsigned i = 0; i < c->nkept; i++) {
		const struct copies_kept *k = &c->kept[i];
		uint64_t from = k->from > at ? k->from : at;
		uint64_t to = k->to < at + len ? k->to : at + len;

		if (k->area == area && from < to)
			memset(bytes + (from - at), 0, (size_t)(to - from));
	}
}

bool copies_env_free(const struct copies *c, unsigned area, uint64_t size, uint64_t *at, size_t max,
		     size_t *len)
{
	uint64_t end = size;

	/* Twice: what is kept may lie behind what is kept. */
	for (unsigned i = 0; i < 2 * c->nkept; i++) {
		const struct copies_kept *k = &c->kept[i % c->nkept];

		if (k->area == area && *at >= k->from && *at < k->to)
			*at = k->to;
	}
	if (*at >= size)
		return false;
	for (unsigned i = 0; i < c->nkept; i++)
		if (c->kept[i].area == area && c->kept[i].from > *at && c->kept[i].from < end)
			end = c->kept[i].from;
	*len = end - *at < max ? (size_t)(end - *at) : max;
	return true;
}
