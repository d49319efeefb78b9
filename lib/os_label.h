/* SPDX-License-Identifier: Apache-2.0 */
/* The seam of labels: the one that SELinux reads of a file. */
#pragma once

#include "lib/err.h"

/*
 * Gives `to` the label of `from`, if `from` has one and `to` has none. For what is made before a
 * policy is loaded: the kernel gives that no label, and a policy lets hardly any program look into
 * such a folder.
 */
enum kb_err os_label_copy(const char *from, const char *to) KB_MUST_CHECK;
