/* SPDX-License-Identifier: Apache-2.0 */
/* An update that this device is to take: as a server's action says it, or a channel. */
#pragma once

#include "fleet/url.h"

#include <stdint.h>

#define OFFER_NAME_MAX	  127
#define OFFER_DIGEST_LEN  64 /* hexadecimal digits */
#define OFFER_EDITION_MAX 63

enum offer_wish { OFFER_SKIP, OFFER_ATTEMPT, OFFER_FORCED };

struct offer {
	char id[URL_ID_MAX + 1];
	enum offer_wish download, update;
	/* another one says that what is wanted has changed */
	char edition[OFFER_EDITION_MAX + 1];
	/* a maintenance window that is not open now */
	bool window_closed;
	/* it is this action, and nothing else of it could be understood: all below is zero */
	bool unclear;
	/* how many artifacts are bundles; the others are not looked at. The one that counts is the
	 * last. */
	unsigned bundles;
	char name[OFFER_NAME_MAX + 1];
	uint64_t size;
	/* hexadecimal SHA-256 or "": tells artifacts apart, and is no proof */
	char digest[OFFER_DIGEST_LEN + 1];
	/* where it is, by https and by http; "" */
	char url[URL_MAX + 1], plain_url[URL_MAX + 1];
	/* the release that the bundle must hold; "": whichever it holds */
	char release[OFFER_DIGEST_LEN + 1];
	/* nobody is asked what to do when the bundle is missing: it may come later */
	bool lasting;
};
