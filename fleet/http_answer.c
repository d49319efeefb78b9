/* SPDX-License-Identifier: Apache-2.0 */
#include "fleet/http.h"

#include <string.h>

bool http_passes(int status)
{
	return status < 400 || status > 499 || status == 407 || status == 408 || status == 425 ||
	       status == 429;
}

bool http_is_other(const struct http_answer *a, const char *etag)
{
	return a->etag[0] != '\0' && etag[0] != '\0' && strcmp(a->etag, etag) != 0;
}
