/* SPDX-License-Identifier: Apache-2.0 */
/* Problems of the overlay, among the other warnings of the boot. */
#pragma once

#define OVERLAY_REPORT_ID "root-overlay"

/* Logs it, and adds it to the warnings of boot.json, if there is one. text: printable, without
 * quotes and backslashes. */
void overlay_report(const char *text);
