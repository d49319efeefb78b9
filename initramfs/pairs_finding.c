/* SPDX-License-Identifier: Apache-2.0 */
#include "initramfs/pairs_finding.h"

#include "initramfs/pairs.h"
#include "lib/log.h"

#include <stdarg.h>
#include <stdio.h>

void pairs_finding(struct pairs *p, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(p->finding, sizeof(p->finding), fmt, ap);
	va_end(ap);
	log_warn("boot loader: %s", p->finding);
}
