/* SPDX-License-Identifier: Apache-2.0 */
/* What every part of `status` does: warns, and reads what the boot left. */
#include "cli/status/status.h"

#include "cli/state/boot_json.h"

#include <stdarg.h>
#include <stdio.h>

void status_warn(struct status *st, const char *fmt, ...)
{
	va_list ap;

	if (st->nwarnings == STATUS_WARNINGS_MAX)
		return;
	va_start(ap, fmt);
	vsnprintf(st->warning[st->nwarnings++], STATUS_WARNING_LEN, fmt, ap);
	va_end(ap);
}

const char *status_boot_text(const struct status *st, const char *key)
{
	return boot_json_text(st->boot, key);
}
