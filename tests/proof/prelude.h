/* SPDX-License-Identifier: Apache-2.0 */
/* What Frama-C does not know of gcc, said in C. Included before each source that is proven. */
#pragma once

#include <stdint.h>

/*@ requires \valid(out);
  @ assigns *out;
  @ ensures a + b <= UINT64_MAX ==> \result == 0 && *out == a + b;
  @ ensures a + b > UINT64_MAX ==> \result == 1; */
static inline int proof_add(uint64_t a, uint64_t b, uint64_t *out)
{
	if (a > UINT64_MAX - b)
		return 1;
	*out = a + b;
	return 0;
}

/*@ requires \valid(out);
  @ assigns *out;
  @ ensures a * b <= UINT64_MAX ==> \result == 0 && *out == a * b;
  @ ensures a * b > UINT64_MAX ==> \result == 1; */
int proof_mul(uint64_t a, uint64_t b, uint64_t *out);

#define __builtin_add_overflow(a, b, out) proof_add(a, b, out)
#define __builtin_mul_overflow(a, b, out) proof_mul(a, b, out)
