/* SPDX-License-Identifier: Apache-2.0 */
/* How the action on record stands, by what the device says now. */
#pragma once

#include "fleet/contact.h"

/* A stage that failed, or was cut, has left what was staged before it. That is an action's still,
 * which may be cancelled or withdrawn. By the facts; true: the record has changed. */
bool standing_settle(struct contact *c);

/* Of one that is staged or on trial, and of one that is good until the server knows it: on record
 * from here on, and printed where it is new. */
void standing_renew(struct contact *c);
