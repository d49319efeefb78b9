/* SPDX-License-Identifier: Apache-2.0 */
/* How the action on record stands, by what the device says now. */
#pragma once

#include "fleet/contact.h"

/* Of one that is staged or on trial, and of one that is good until the server knows it: on record
 * from here on, and printed where it is new. */
void standing_renew(struct contact *c);
