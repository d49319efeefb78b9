/* SPDX-License-Identifier: Apache-2.0 */
/* What the parts of the library share. */
#pragma once

#include "libkeelboot/keelboot.h"

#include <json-c/json.h>

#define KEELBOOT_ERROR_LEN 1024

struct keelboot {
	/* NULL: where it is installed as a rule */
	char *program;
	/* ends with NULL; or is NULL. One piece of memory, with the texts. */
	char **options;
	/* what `keelboot status --json` printed; NULL before keelboot_refresh() */
	json_object *status;
	char error[KEELBOOT_ERROR_LEN];
};

/* Keeps a text for keelboot_error(). Gives back err. */
int keelboot_fail(struct keelboot *kb, int err, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* A member of o (which may be NULL) as text; "" when it is missing or no string. */
const char *keelboot_text(json_object *o, const char *key);
