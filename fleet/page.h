/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What stands in the place of a bundle: the page of a portal, or of a proxy. It comes with 200,
 * also where a range was asked for; so a 200 counts as the bundle only if it has its length, or
 * begins as one does. Nothing that is here gives way to a page.
 */
#pragma once

#include "fleet/http.h"

/* By the head of an answer: it is no file of so many bytes. true: a->error says why. */
bool page_is_announced(struct http_answer *a, uint64_t size);

/* By the head, it may be a page, or all of a file: its first bytes decide. PURE. */
bool page_is_possible(const struct http_answer *a, uint64_t size);
/* Of such an answer, the first bytes are here: it is no bundle. true: a->error says why. */
bool page_is_begun(struct http_answer *a, const void *bytes, size_t len);
