/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SIGHUP: the program begins anew in the same process, and reads system.conf, certificates, keys
 * and tokens as they are now. What cannot be begun with leaves everything as it is.
 */
#pragma once

#include <stdbool.h>

/* From here on to reload_watch(), SIGHUP waits, where it would end the program. */
void reload_hold(void);
/* From here on, SIGHUP is noted. argv: of this program. fits: whether it could begin anew, called
 * in a process of its own; it reports why not. false: no descriptors. */
bool reload_watch(char **argv, bool (*fits)(void));
/* SIGHUP means nothing to this process: another one is asked. */
void reload_ignore(void);

/* Is readable once SIGHUP came; -1: it is not noted. */
int reload_fd(void);
/* Behind that. true: it fits; reload_begin() is to follow. */
bool reload_take(void);
/* Does not return. */
_Noreturn void reload_begin(void);
