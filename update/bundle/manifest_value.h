/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Values of the manifest's keys, from their text. PURE. All return NULL when the value was taken,
 * else what is wrong with it, in words that can stand behind the key.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MANIFEST_VALUE_ALNUM   "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
/* Of a version. */
#define MANIFEST_VERSION_CHARS MANIFEST_VALUE_ALNUM "-._~^+"

/* Text of 1 to size - 1 characters, all among allowed, or printable ones when that is NULL. */
const char *manifest_value_copy(char *out, size_t size, const char *value, const char *allowed);

/* A decimal number in its only spelling: no zero before other digits. */
const char *manifest_value_number(uint64_t *out, const char *value, uint64_t min, uint64_t max);
const char *manifest_value_power_of_two(uint32_t *out, const char *value, uint32_t min,
					uint32_t max);

/* 64 hexadecimal digits; an even number of them, of at most max bytes (up to 64). */
const char *manifest_value_sha256(uint8_t out[32], const char *value);
const char *manifest_value_hex(uint8_t *out, size_t max, size_t *len, const char *value);

/* UTC in the one form 2025-01-02T03:04:05Z; a day up to 31 in every month, a second up to 60. */
bool manifest_value_is_time(const char *value);

const char *manifest_value_yes_no(bool *out, const char *value);
