/* SPDX-License-Identifier: Apache-2.0 */
/* Mutates as libFuzzer does, then has the target repair what would only be refused. */
#include "tests/fuzz/fuzz.h"

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max, unsigned seed)
{
	size = LLVMFuzzerMutate(data, size, max);
	return seed % 8 == 0 ? size : fuzz_fix(data, size, max, seed / 8);
}
