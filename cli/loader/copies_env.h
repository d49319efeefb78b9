/* SPDX-License-Identifier: Apache-2.0 */
/* U-Boot's environment in the areas of its copies: a usual place for it. U-Boot and libubootenv
 * write it, so it belongs to no copy. */
#pragma once

#include "cli/loader/copies.h"

/* Where it lies, by c->environment: c->kept, c->knows_environment. */
void copies_env_find(struct copies *c);

/* Makes zeroes of what is kept in an area, in bytes that were read from it at `at`. */
void copies_env_blank(const struct copies *c, unsigned area, uint64_t at, uint8_t *bytes,
		      size_t len);

/* The next bytes from *at on, of an area of so many, that are not kept: at most max. False: there
 * are none. */
bool copies_env_free(const struct copies *c, unsigned area, uint64_t size, uint64_t *at, size_t max,
		     size_t *len);
