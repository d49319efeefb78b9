/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What every fuzz target shares. A target is one file NAME_fuzz.c that defines fuzz_one(); around
 * it fuzz.c gives each input an allocation of its own size (so that a read behind its end is seen),
 * bounds the processor time, and looks at what was logged.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* One input. It may be read only, and only during the call. */
void fuzz_one(const uint8_t *data, size_t size);

/* Ends the run with the condition that does not hold; libFuzzer keeps the input. */
#define FUZZ_CHECK(cond)                                      \
	do {                                                  \
		if (!(cond))                                  \
			fuzz_fail(__FILE__, __LINE__, #cond); \
	} while (0)
_Noreturn void fuzz_fail(const char *file, int line, const char *cond);

/* ---------------------------------------------------------------- taking an input apart */
struct fuzz_in {
	const uint8_t *p;
	size_t left;
};

/* Little endian; zero bytes where the input has ended. */
uint8_t fuzz_u8(struct fuzz_in *in);
uint16_t fuzz_u16(struct fuzz_in *in);
uint32_t fuzz_u32(struct fuzz_in *in);
uint64_t fuzz_u64(struct fuzz_in *in);
/* Up to len bytes; *got of them are there. */
const uint8_t *fuzz_take(struct fuzz_in *in, size_t len, size_t *got);

/* A copy that ends with a NUL of its own, on the heap, to be freed; cut at the first NUL of p. */
char *fuzz_string(const uint8_t *p, size_t len);

/* What of data fits into max bytes; the others stay as they are. Returns how many it is. */
size_t fuzz_copy(void *to, size_t max, const uint8_t *data, size_t size);

/* One more than there are line feeds. */
unsigned fuzz_lines(const char *text);

/* ---------------------------------------------------------------- asserting */
/* Ended by NUL within size bytes. */
bool fuzz_ended(const char *text, size_t size);
/* And printable ASCII before that. */
bool fuzz_printable(const char *text, size_t size);

/* ---------------------------------------------------------------- mutating */
/*
 * For a target that is linked with fuzz_mutate.c: makes the checksums, lengths and signatures of a
 * mutated input right again, so that the parser behind them is reached. Seven of eight inputs go
 * through it. data has room for max bytes; returns the new size.
 */
size_t fuzz_fix(uint8_t *data, size_t size, size_t max, unsigned seed);

/* libFuzzer's side. */
int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max, unsigned seed);
