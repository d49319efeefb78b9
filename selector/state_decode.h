/* SPDX-License-Identifier: Apache-2.0 */
/* What state_decode.c and state_decode_slot.c have in common. PURE. */
#pragma once

#include "selector/state.h"
#include "selector/text.h"

/* Reads a value of exactly 2 * len hexadecimal digits; len is at most STATE_ID_LEN. */
bool state_decode_id(uint8_t *out, size_t len, const char *val, size_t val_len);

/* Reads a key of one slot, "a.st" and the like. False: not known, or, with core_only, not of those
 * that each format has. */
bool state_decode_slot_key(struct state_slot *t, const struct text_line *l, bool core_only);
