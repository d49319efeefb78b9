/* SPDX-License-Identifier: Apache-2.0 */
#include "selector/loader/loader_fwenv.h"

#include "lib/os.h"
#include "lib/util.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define CONFIG_MAX 4096

static size_t word_len(const char *p)
{
	return strcspn(p, " \t\r\n");
}

static const char *next_word(const char *p)
{
	p += word_len(p);
	return p + strspn(p, " \t\r");
}

static bool take_numbers(struct loader_fwenv_copy *copy, const char *p)
{
	unsigned long size;
	char *end;

	p = next_word(p);
	errno = 0;
	/* No long: it has 32 bits on some processors, and a card more than 2 GiB. */
	copy->offset = strtoll(p, &end, 0);
	if (word_len(p) == 0 || end != p + word_len(p) || errno != 0)
		return false;
	p = next_word(p);
	size = strtoul(p, &end, 16);
	copy->size = (uint32_t)size;
	return word_len(p) != 0 && end == p + word_len(p) && size > LOADER_FWENV_OVERHEAD &&
	       size <= LOADER_FWENV_MAX;
}

/* One line: a device, two numbers, and more for an MTD; or a comment. */
static enum kb_err take_config_line(struct loader_fwenv *env, const char *line)
{
	struct loader_fwenv_copy copy = { .size = 0 };
	size_t len;

	line += strspn(line, " \t\r");
	len = word_len(line);
	if (len == 0 || *line == '#')
		return KB_OK;
	if (*line != '/' || env->n == LOADER_FWENV_COPIES || len >= LOADER_FWENV_NAME ||
	    !take_numbers(&copy, line))
		return KB_EINVAL;
	memcpy(copy.dev, line, len);
	env->copy[env->n++] = copy;
	return KB_OK;
}

enum kb_err loader_fwenv_parse(struct loader_fwenv *env, const char *text)
{
	env->n = 0;
	for (const char *p = text; *p != '\0';) {
		TRY(take_config_line(env, p));
		p += strcspn(p, "\n");
		p += *p == '\n' ? 1 : 0;
	}
	return KB_OK;
}

enum kb_err loader_fwenv_read(struct loader_fwenv *env, const char *path)
{
	static char text[CONFIG_MAX];
	size_t len = 0;

	env->n = 0;
	TRY(os_read_file(path, text, sizeof(text), &len));
	if (len == sizeof(text) - 1 || memchr(text, '\0', len) != NULL)
		return KB_EINVAL;
	return loader_fwenv_parse(env, text);
}

bool loader_fwenv_below(struct loader_fwenv *env, const char *root)
{
	size_t len = strlen(root);

	for (unsigned i = 0; i < env->n; i++) {
		char *dev = env->copy[i].dev;

		if (len + strlen(dev) >= sizeof(env->copy[i].dev))
			return false;
		memmove(dev + len, dev, strlen(dev) + 1);
		memcpy(dev, root, len);
	}
	return true;
}

bool loader_fwenv_begin(const struct loader_fwenv_copy *copy, uint64_t bytes, uint64_t *begin)
{
	/* of one below 0, how far from the end */
	uint64_t back = 0 - (uint64_t)copy->offset;

	if (copy->offset < 0 && back > bytes)
		return false;
	*begin = copy->offset < 0 ? bytes - back : (uint64_t)copy->offset;
	return true;
}

bool loader_fwenv_apart(const struct loader_fwenv *env, uint64_t bytes)
{
	const struct loader_fwenv_copy *one = &env->copy[0], *other = &env->copy[1];
	uint64_t a = (uint64_t)one->offset, b = (uint64_t)other->offset;

	if (strcmp(one->dev, other->dev) != 0)
		return true;
	/* From the same end, the device does not count. */
	if ((one->offset < 0) != (other->offset < 0) &&
	    (!loader_fwenv_begin(one, bytes, &a) || !loader_fwenv_begin(other, bytes, &b)))
		return true;
	return a < b ? b - a >= one->size : a - b >= other->size;
}
