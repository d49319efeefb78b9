/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an earlier action of a channel staged, while a newer one is on record, or none: it is ours
 * as well. The record keeps what it is, and that it was withdrawn, until that is reported.
 */
#pragma once

#include "channel/channel.h"
#include "fleet/contact.h"

/* What is staged now is what an action staged last, and here: its sequence; 0: not known. */
uint64_t earlier_sequence(const struct contact *c);

/* Why it is to be unstaged: in the record, which is not durable by that. */
void earlier_note(struct contact *c, const char *version, const char *why);
/* The same where that is done, and reported. */
void earlier_forget(struct contact *c);

/* Unstages and reports what the channel withdrew; also where a withdrawal was cut, and the channel
 * names it no more. false: its report cannot be kept now, and nothing else may be begun. */
bool earlier_withdraw(struct contact *c, const struct channel *channel);

/* Where no newer one took its place: it is under way again, and need not come again. So it is where
 * the channel does not name it any more: it was signed, and its end is to be reported. */
void earlier_resume(struct contact *c, const struct channel *channel);
