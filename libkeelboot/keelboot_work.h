/* SPDX-License-Identifier: Apache-2.0 */
/* Whether a command does anything, as it is seen from outside. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* A number that changes while a process of this group reads or writes; by a kernel that does not
 * count bytes, while it takes processor time. false: /proc does not say. */
bool keelboot_work_done(pid_t group, uint64_t *sum);
