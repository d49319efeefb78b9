/* SPDX-License-Identifier: Apache-2.0 */
#include "libkeelboot/keelboot_internal.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define OPTIONS_MAX 64

int keelboot_new(struct keelboot **out)
{
	/* bound: one struct */
	*out = calloc(1, sizeof(**out));
	return *out != NULL ? 0 : -ENOMEM;
}

void keelboot_free(struct keelboot *kb)
{
	if (kb == NULL)
		return;
	free(kb->program);
	free(kb->options);
	json_object_put(kb->status);
	free(kb);
}

int keelboot_fail(struct keelboot *kb, int err, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(kb->error, sizeof(kb->error), fmt, ap);
	va_end(ap);
	return err;
}

const char *keelboot_error(const struct keelboot *kb)
{
	return kb->error;
}

int keelboot_set_program(struct keelboot *kb, const char *path)
{
	char *copy;

	kb->error[0] = '\0';
	if (path[0] != '/')
		return keelboot_fail(kb, -EINVAL, "%s: not an absolute path", path);
	/* bound: the caller's text */
	copy = strdup(path);
	if (copy == NULL)
		return keelboot_fail(kb, -ENOMEM, "no memory");
	free(kb->program);
	kb->program = copy;
	return 0;
}

/* One piece of memory: the list, and behind it the texts. NULL if there is none. */
static char **copy_list(const char *const *texts, size_t n)
{
	size_t size = (n + 1) * sizeof(*texts), len;
	char **copy, *to;

	for (size_t i = 0; i < n; i++)
		size += strlen(texts[i]) + 1;
	/* bound: OPTIONS_MAX pointers, and the caller's texts */
	copy = calloc(1, size);
	if (copy == NULL)
		return NULL;
	to = (char *)(copy + n + 1);
	for (size_t i = 0; i < n; i++) {
		copy[i] = to;
		len = strlen(texts[i]) + 1;
		memcpy(to, texts[i], len);
		to += len;
	}
	return copy;
}

int keelboot_set_options(struct keelboot *kb, const char *const *options)
{
	char **copy;
	size_t n = 0;

	kb->error[0] = '\0';
	while (options != NULL && options[n] != NULL)
		if (++n > OPTIONS_MAX)
			return keelboot_fail(kb, -E2BIG, "more than %d options", OPTIONS_MAX);
	copy = copy_list(options, n);
	if (copy == NULL)
		return keelboot_fail(kb, -ENOMEM, "no memory");
	free(kb->options);
	kb->options = copy;
	return 0;
}

int keelboot_is_booted(void)
{
	return access("/run/keelboot/slot", F_OK) == 0;
}

const char *keelboot_library_version(void)
{
	return KB_VERSION;
}

const char *keelboot_text(json_object *o, const char *key)
{
	json_object *value;

	if (o == NULL || !json_object_object_get_ex(o, key, &value) ||
	    !json_object_is_type(value, json_type_string))
		return "";
	return json_object_get_string(value);
}
