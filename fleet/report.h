/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What became of an update, to an address of the maker's: [fleet] report=. Each change is kept in a
 * file until it was taken; no update waits for that.
 */
#pragma once

#include "fleet/contact.h"

/* Keeps how the action stands. false: it cannot be kept now. Nothing is to be done without report=.
 */
bool report_phase(struct contact *c);
/* Keeps why this device may not take a release yet; false as there. */
bool report_waiting(struct contact *c, const char *why);
/* The same of an action that is dropped, or whose release is unstaged, since the channel withdrew
 * it, or does not name it any more. version: of the release, "" where it is not known. false as
 * there. */
bool report_withdrawn(struct contact *c, const char *id, const char *version, const char *why);
/* Keeps what the device is now, where that is news and no action of this channel brought it: a
 * stick, a rollback, a switch by hand, a rescue. Before report_phase(). */
void report_device(struct contact *c);
/* Adds what is kept, oldest first, as "reports"; and as "report" why the oldest still waits,
 * "" where that is not known. */
void report_list(const struct contact *c, json_object *o);
/* Sends what is kept, oldest first, as long as each is taken. believed: this contact has a channel
 * file. Without one, whoever answers in the clear may be the page of a hotel, that takes anything.
 */
void report_send(struct contact *c, bool believed);
