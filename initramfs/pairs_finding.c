/* SPDX-License-Identifier: Apache-2.0 */
#include "initramfs/pairs_finding.h"

#include "initramfs/pairs.h"
#include "lib/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void pairs_finding(struct pairs *p, const char *fmt, ...)
{
	va_list ap;
	size_t len;

	va_start(ap, fmt);
	vsnprintf(p->finding, sizeof(p->finding), fmt, ap);
	va_end(ap);
	len = strlen(p->finding);
	if (p->absent_s > 0)
		snprintf(p->finding + len, sizeof(p->finding) - len,
			 "; a device with its store did not come within %u s", p->absent_s);
	log_warn("boot loader: %s", p->finding);
}
