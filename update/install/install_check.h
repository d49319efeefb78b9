/* SPDX-License-Identifier: Apache-2.0 */
/* All that can be found out before the first write; nothing here writes. */
#pragma once

#include "update/install/install_job.h"

/* Pairs images and partitions. KB_ECOMPAT. */
enum kb_err install_check_pair(struct install_job *j) KB_MUST_CHECK;

/* All tables, or with verify_first the whole payload. */
enum kb_err install_check_all(struct install_job *j) KB_MUST_CHECK;
