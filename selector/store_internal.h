/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the store share: the map of the partition, and one durable write. */
#pragma once

#include "selector/store.h"

#define STORE_REGION(r)		((uint64_t)(r)*STORE_REGION_APART)
#define STORE_MANIFEST(copy, i) (STORE_REGION(copy) + (1u << 20) + (uint64_t)(i)*STORE_MANIFEST_MAX)
#define STORE_HISTORY		((uint64_t)3 << 20)
#define STORE_HISTORY_CELLS	256u
#define STORE_SEQ_ANEW		(UINT64_C(1) << 62) /* behind UINT64_MAX; no device counts that far */

/* Writes len bytes (a multiple of BDEV_ALIGN), flushes, and compares what the medium gives back,
 * through scratch of the same size. KB_EIO when it differs. */
enum kb_err store_write_durably(struct bdev *dev, uint64_t off, const void *buf, void *scratch,
				size_t len) KB_MUST_CHECK;
