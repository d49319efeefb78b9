/* SPDX-License-Identifier: Apache-2.0 */
#include "fleet/page.h"

#include "update/wire/reader_header.h"

#include <inttypes.h>
#include <stdio.h>

bool page_is_announced(struct http_answer *a, uint64_t size)
{
	if (a->status != 200 || a->length == UINT64_MAX || a->length == size)
		return false;
	snprintf(a->error, sizeof(a->error),
		 "the server sends %" PRIu64 " of %" PRIu64 " bytes: %s", a->length, size,
		 a->length > size ? "the bundle is larger than announced, or a page is in its place"
				  : "a page is in the place of the bundle");
	return true;
}

bool page_is_possible(const struct http_answer *a, uint64_t size)
{
	return a->status == 200 && a->length != size;
}

bool page_is_begun(struct http_answer *a, const void *bytes, size_t len)
{
	if (reader_header_begins(bytes, len))
		return false;
	snprintf(a->error, sizeof(a->error), "the server sends a page in the place of the bundle");
	return true;
}
