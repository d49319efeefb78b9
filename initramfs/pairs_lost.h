/* SPDX-License-Identifier: Apache-2.0 */
/* A system.conf that is missing or damaged, and names no loader: slots may have pairs all the same.
 */
#pragma once

struct boot;

/* For pairs_find(). Where the command line says whose kernel runs, or cannot be read, each slot has
 * a pair of its own that nobody can be asked for. */
void pairs_lost_find(struct boot *b);
