/* SPDX-License-Identifier: Apache-2.0 */
#include "fleet/contact.h"

#include <stdarg.h>
#include <stdio.h>

void contact_print(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	putchar('\n');
	fflush(stdout);
}

bool contact_save(struct contact *c)
{
	if (c->dry_run || c->unsaved)
		return !c->unsaved;
	c->unsaved = files_save(&c->files, &c->a) != KB_OK;
	c->failed = c->failed || c->unsaved;
	return !c->unsaved;
}
