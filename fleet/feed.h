/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The channel file: fetched if it changed, verified by `keelboot channel inspect`, and believed
 * only if it is this channel's, not older than what was seen before, and not expired.
 */
#pragma once

#include "channel/channel.h"
#include "fleet/contact.h"

/* The record of the channel, c->feed; zero where nothing is. */
void feed_load(struct contact *c);
/* What it has of a file that was believed too early, before such a one was refused, or by a clock
 * that was not set, does not count any more: that is printed, and durable. */
void feed_forget(struct contact *c);
/* Makes it durable; without that, nothing more is done in this contact. */
bool feed_save(struct contact *c);

/* false: nothing is believed, for the reason that is printed. What was seen is durable before it
 * returns true. believed: or not, as on a full disk; then nothing may be taken by it. */
bool feed_ask(struct contact *c, struct channel *channel, bool *believed);

/* The time, as far as it is known: a clock that is behind the latest file is wrong. */
uint64_t feed_now(const struct contact *c);
