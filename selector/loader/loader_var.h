/* SPDX-License-Identifier: Apache-2.0 */
/* UEFI's variables for what is started: BootOrder, BootNext, Boot0000 and so on. */
#pragma once

#include "selector/loader/loader.h"

#include <stddef.h>

#define LOADER_VAR_MAX	 4096 /* bytes of a value */
#define LOADER_VAR_ORDER 256  /* entries in BootOrder */

/* The vendor of what systemd's programs note: LoaderInfo, LoaderDevicePartUUID and so on. */
#define LOADER_VAR_SYSTEMD "4a67b082-0a4c-41cf-b6c7-440b29bb8c4f"

/* Makes sure that efivarfs is mounted. KB_ENODEV: UEFI did not start this machine. */
enum kb_err loader_var_open(struct loader *l) KB_MUST_CHECK;

/* A value without its attributes. KB_ENOENT; KB_EFORMAT: longer than LOADER_VAR_MAX, or without
 * attributes. NULL as vendor: UEFI's own. */
enum kb_err loader_var_read(struct loader *l, const char *name, const char *vendor,
			    uint8_t value[LOADER_VAR_MAX], size_t *len) KB_MUST_CHECK;

/* Texts of UTF-16, each ended by a zero or with the value. */
#define LOADER_VAR_TEXT 64

/* The text at *at, which then is behind it. What is not ASCII, or too long, becomes what no entry
 * of ours is, and no GUID. PURE. */
void loader_var_next_text(const uint8_t *value, size_t len, size_t *at, char text[LOADER_VAR_TEXT]);

/* The first one of a variable of systemd's programs; "" if there is no such variable. */
enum kb_err loader_var_text(struct loader *l, const char *name,
			    char text[LOADER_VAR_TEXT]) KB_MUST_CHECK;

/* Makes or replaces a variable that outlives a reset; vendor as above. KB_OK without a write when
 * it is that already. */
enum kb_err loader_var_write(struct loader *l, const char *name, const char *vendor,
			     const uint8_t *value, size_t len) KB_MUST_CHECK;
enum kb_err loader_var_remove(struct loader *l, const char *name, const char *vendor) KB_MUST_CHECK;

/* Calls visit with the number of each Boot####, in no order. */
enum kb_err loader_var_each_entry(struct loader *l, void (*visit)(void *ctx, unsigned number),
				  void *ctx) KB_MUST_CHECK;

/* A list of numbers, such as BootOrder; an absent one is empty. KB_EFORMAT. */
struct loader_numbers {
	unsigned n;
	uint16_t number[LOADER_VAR_ORDER];
};
enum kb_err loader_var_numbers(struct loader *l, const char *name,
			       struct loader_numbers *list) KB_MUST_CHECK;
enum kb_err loader_var_put_numbers(struct loader *l, const char *name,
				   const struct loader_numbers *list) KB_MUST_CHECK;
