/* SPDX-License-Identifier: Apache-2.0 */
/* What is wrong with the boot pairs: on the console, and kept for what the boot exports. */
#pragma once

struct pairs;

/* The last one is kept. */
void pairs_finding(struct pairs *p, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
