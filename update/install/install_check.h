/* SPDX-License-Identifier: Apache-2.0 */
/* All that can be found out before the first write; nothing here writes. */
#pragma once

#include "update/install/install_job.h"

/* Pairs images and partitions. KB_ECOMPAT. */
enum kb_err install_check_pair(struct install_job *j) KB_MUST_CHECK;

/* All tables, and what a seed gives. With verify_first the whole payload, too, unless it can wait
 * until a chunk of it is wanted: job->unverified. */
enum kb_err install_check_all(struct install_job *j) KB_MUST_CHECK;

/* For the pipe, before it reads a byte of the payload, and before the first write: verifies that,
 * if it is unverified. What was compared until then is reported as written. */
enum kb_err install_check_payload(void *job) KB_MUST_CHECK;
