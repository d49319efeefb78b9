/* SPDX-License-Identifier: Apache-2.0 */
/* A system.conf that is missing or damaged, or whose [loader] kind= is no word that is known: slots
 * may have pairs all the same. */
#pragma once

#include <stdbool.h>

struct boot;

/* It names no loader, and that may be a loss. */
bool pairs_lost_loader(const struct boot *b);
/* What is lost, for messages. */
const char *pairs_lost_why(const struct boot *b);

/* For pairs_find(). Where the command line says whose kernel runs, or cannot be read, or slots have
 * boot=, each slot has a pair of its own that nobody can be asked for. */
void pairs_lost_find(struct boot *b);
