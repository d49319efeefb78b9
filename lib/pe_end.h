/* SPDX-License-Identifier: Apache-2.0 */
/* Where a program of UEFI (PE) ends. PURE. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#define PE_END_HEAD 4096u /* bytes of a head, in which all of its headers lie */

/*
 * The end of its last section, of its signatures, or of its symbols, by its first len bytes. 0: it
 * is no such program, or its headers are longer.
 *
 * *names: where the names of its symbols begin; 0: it has none. First come four bytes: the length
 * of all names and of these four.
 */
uint64_t pe_end(const uint8_t *head, size_t len, uint64_t *names);
