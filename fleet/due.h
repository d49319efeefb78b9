/* SPDX-License-Identifier: Apache-2.0 */
/*
 * When a timer that starts `once` may ask the server: it does not know the server's interval, its
 * Retry-After, nor that contacts failed. So this is noted in /run (wait_note.h), by the uptime of
 * this boot. As long as a timer waits anyway, nothing is.
 */
#pragma once

#include "fleet/contact.h"

#define DUE_TIMER_S 600u /* what keelboot-fleet.timer waits at most */

/* Seconds until the next contact, by c->wait; 0: now. In a boot that has noted none, the devices of
 * a region spread over the server's interval, or an hour. */
unsigned due_wait(const struct contact *c);

/* Notes how this contact went. */
void due_note(struct contact *c);
