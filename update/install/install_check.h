/* SPDX-License-Identifier: Apache-2.0 */
/* All that can be found out before the first write; nothing here writes. */
#pragma once

#include "update/install/install_job.h"

/* Pairs images and partitions. KB_ECOMPAT. */
enum kb_err install_check_pair(struct install_job *j) KB_MUST_CHECK;

/* All tables, and what a seed gives. With verify_first the whole payload, too, unless it can wait
 * for the first block that differs: job->unverified. */
enum kb_err install_check_all(struct install_job *j) KB_MUST_CHECK;

/* Before the first byte of the payload is read, and before the first write: the payload, if it is
 * unverified. What was compared until then is reported as written. */
enum kb_err install_check_payload(struct install_job *j) KB_MUST_CHECK;
