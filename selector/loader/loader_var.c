/* SPDX-License-Identifier: Apache-2.0 */
#include "selector/loader/loader_var.h"

#include "lib/bytes.h"
#include "lib/os.h"
#include "lib/os_efivar.h"
#include "lib/util.h"
#include "selector/loader/loader_why.h"

#include <stdio.h>
#include <string.h>
#include <sys/mount.h>

#define FOLDER	   "/sys/firmware/efi/efivars"
#define GLOBAL	   "8be4df61-93ca-11d2-aa0d-00e098032b8c"
#define GUID_LEN   36
#define ATTRIBUTES 4
#define LASTING	   7u /* non-volatile, for the boot, at run time */
#define PATH_LEN   256

static void path_of(const struct loader *l, const char *name, const char *vendor,
		    char path[PATH_LEN])
{
	snprintf(path, PATH_LEN, "%.100s" FOLDER "/%.40s-%.40s", l->root, name,
		 vendor != NULL ? vendor : GLOBAL);
}

enum kb_err loader_var_open(struct loader *l)
{
	char path[PATH_LEN];
	enum kb_err err;

	snprintf(path, sizeof(path), "%.100s" FOLDER, l->root);
	if (!os_exists(path))
		return loader_why(l, KB_ENODEV,
				  "UEFI did not start this machine, or its kernel has no efivarfs");
	if (l->root[0] != '\0')
		return KB_OK;
	err = os_mount("efivarfs", FOLDER, "efivarfs", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL);
	/* As a rule it is; and who may not mount may read. */
	if (err == KB_OK || err == KB_EBUSY || err == KB_EPERM)
		return KB_OK;
	return loader_why(l, err, "cannot mount efivarfs, which holds UEFI's variables: %m");
}

static enum kb_err failed(struct loader *l, enum kb_err err, const char *what, const char *name)
{
	return loader_why(l, err, "cannot %s UEFI's variable %s: %m", what, name);
}

enum kb_err loader_var_read(struct loader *l, const char *name, const char *vendor,
			    uint8_t value[LOADER_VAR_MAX], size_t *len)
{
	static char text[ATTRIBUTES + LOADER_VAR_MAX + 2];
	char path[PATH_LEN];
	enum kb_err err;

	path_of(l, name, vendor, path);
	*len = 0;
	err = os_read_file(path, text, sizeof(text), len);
	/* efivarfs has an empty file of one that the firmware did not take. */
	if (err == KB_ENOENT || (err == KB_OK && *len == 0))
		return loader_why(l, KB_ENOENT, "UEFI has no variable %s", name);
	if (err != KB_OK)
		return failed(l, err, "read", name);
	if (*len < ATTRIBUTES || *len > ATTRIBUTES + LOADER_VAR_MAX)
		return loader_why(l, KB_EFORMAT, "UEFI's variable %s has %zu bytes", name, *len);
	*len -= ATTRIBUTES;
	memcpy(value, text + ATTRIBUTES, *len);
	return KB_OK;
}

enum kb_err loader_var_write(struct loader *l, const char *name, const char *vendor,
			     const uint8_t *value, size_t len)
{
	static uint8_t is[LOADER_VAR_MAX], file[ATTRIBUTES + LOADER_VAR_MAX];
	char path[PATH_LEN];
	size_t is_len;
	enum kb_err err;

	if (len > LOADER_VAR_MAX)
		return loader_why(l, KB_ENOSPC, "UEFI's variable %s would be too long", name);
	if (loader_var_read(l, name, vendor, is, &is_len) == KB_OK && is_len == len &&
	    memcmp(is, value, len) == 0)
		return KB_OK;
	path_of(l, name, vendor, path);
	bytes_put32(file, LASTING);
	memcpy(file + ATTRIBUTES, value, len);
	err = os_efivar_write(path, file, ATTRIBUTES + len);
	return err == KB_OK ? KB_OK : failed(l, err, "write", name);
}

enum kb_err loader_var_remove(struct loader *l, const char *name, const char *vendor)
{
	char path[PATH_LEN];
	enum kb_err err;

	path_of(l, name, vendor, path);
	err = os_efivar_remove(path);
	return err == KB_OK ? KB_OK : failed(l, err, "remove", name);
}

/* ---------------------------------------------------------------- texts */

void loader_var_next_text(const uint8_t *value, size_t len, size_t *at, char text[LOADER_VAR_TEXT])
{
	size_t n = 0;

	while (*at + 1 < len) {
		uint16_t c = bytes_get16(value + *at);

		*at += 2;
		if (c == 0)
			break;
		if (n < LOADER_VAR_TEXT - 1)
			text[n++] = c >= 0x20 && c < 0x7f ? (char)c : '?';
		else
			text[0] = '?';
	}
	text[n] = '\0';
}

enum kb_err loader_var_text(struct loader *l, const char *name, char text[LOADER_VAR_TEXT])
{
	static uint8_t value[LOADER_VAR_MAX];
	size_t len, at = 0;
	enum kb_err err = loader_var_read(l, name, LOADER_VAR_SYSTEMD, value, &len);

	text[0] = '\0';
	if (err == KB_ENOENT)
		return KB_OK;
	TRY(err);
	loader_var_next_text(value, len, &at, text);
	return KB_OK;
}

/* ---------------------------------------------------------------- entries */

struct walk {
	void (*visit)(void *ctx, unsigned number);
	void *ctx;
};

/* "Boot001A-" and UEFI's own vendor. */
static enum kb_err visit_name(void *ctx, const char *name)
{
	const struct walk *w = ctx;
	static const char digits[] = "0123456789ABCDEF";
	unsigned number = 0;

	if (strlen(name) != 9 + GUID_LEN || strncmp(name, "Boot", 4) != 0 || name[8] != '-' ||
	    strcmp(name + 9, GLOBAL) != 0)
		return KB_OK;
	for (unsigned i = 4; i < 8; i++) {
		const char *digit = strchr(digits, name[i]);

		if (digit == NULL)
			return KB_OK;
		number = number * 16 + (unsigned)(digit - digits);
	}
	w->visit(w->ctx, number);
	return KB_OK;
}

enum kb_err loader_var_each_entry(struct loader *l, void (*visit)(void *ctx, unsigned number),
				  void *ctx)
{
	struct walk w = { visit, ctx };
	char path[PATH_LEN];
	enum kb_err err;

	snprintf(path, sizeof(path), "%.100s" FOLDER, l->root);
	err = os_each(path, visit_name, &w);
	return err == KB_OK ? KB_OK : loader_why(l, err, "cannot list UEFI's variables: %m");
}

/* ---------------------------------------------------------------- lists */

enum kb_err loader_var_numbers(struct loader *l, const char *name, struct loader_numbers *list)
{
	static uint8_t value[LOADER_VAR_MAX];
	size_t len;
	enum kb_err err = loader_var_read(l, name, NULL, value, &len);

	list->n = 0;
	if (err == KB_ENOENT)
		return KB_OK;
	TRY(err);
	if (len % 2 != 0 || len / 2 > LOADER_VAR_ORDER)
		return loader_why(l, KB_EFORMAT,
				  "UEFI's variable %s has %zu bytes: no list of entries", name,
				  len);
	for (; list->n < len / 2; list->n++)
		list->number[list->n] = bytes_get16(value + 2 * (size_t)list->n);
	return KB_OK;
}

enum kb_err loader_var_put_numbers(struct loader *l, const char *name,
				   const struct loader_numbers *list)
{
	uint8_t value[2 * LOADER_VAR_ORDER];

	for (unsigned i = 0; i < list->n; i++)
		bytes_put16(value + 2 * (size_t)i, list->number[i]);
	return loader_var_write(l, name, NULL, value, 2 * (size_t)list->n);
}
