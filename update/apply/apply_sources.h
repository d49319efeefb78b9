/* SPDX-License-Identifier: Apache-2.0 */
/* What keelboot-apply does with each kind of source. */
#pragma once

#include "update/apply/apply_shared.h"

/* The staged update on the data partition. */
enum apply_end apply_staged_run(struct apply *a, const struct apply_source *src) KB_MUST_CHECK;
/* A bundle on a raw stage partition. */
enum apply_end apply_raw_run(struct apply *a, const struct apply_source *src) KB_MUST_CHECK;
/* Whatever lies on removable media. */
enum apply_end apply_media_run(struct apply *a) KB_MUST_CHECK;
