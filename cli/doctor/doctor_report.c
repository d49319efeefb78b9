/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/doctor/doctor.h"

#include <stdarg.h>
#include <stdio.h>

void doctor_report(struct doctor *doc, enum doctor_severity severity, const char *id,
		   const char *fix, const char *fmt, ...)
{
	struct doctor_finding *f = &doc->finding[doc->n];
	va_list ap;

	if (doc->n == DOCTOR_FINDINGS_MAX)
		return;
	doc->n++;
	f->severity = severity;
	f->id = id;
	snprintf(f->fix, sizeof(f->fix), "%s", fix);
	va_start(ap, fmt);
	vsnprintf(f->text, sizeof(f->text), fmt, ap);
	va_end(ap);
}
