/* SPDX-License-Identifier: Apache-2.0 */
/* The part of os_switch_root() that a test may try without giving its root away. */
#pragma once

/* Deletes all that is in an open folder, but nothing on another file system mounted inside. */
void os_root_empty(int dir);
