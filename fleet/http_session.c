/* SPDX-License-Identifier: Apache-2.0 */
#include "fleet/http_session.h"

#include "lib/os.h"

#include <stdbool.h>

#define DAY_MS 86400000u

static CURLSH *sessions;
static uint64_t begun_ms;

/* A handle that is kept for several requests holds them: then the next one forgets them. */
static void forget_old(void)
{
	bool old = sessions != NULL && os_now_ms() - begun_ms >= DAY_MS;

	if (old && curl_share_cleanup(sessions) == CURLSHE_OK)
		sessions = NULL;
}

static void share_begin(void)
{
	sessions = curl_share_init();
	begun_ms = os_now_ms();
	(void)curl_share_setopt(sessions, CURLSHOPT_SHARE, CURL_LOCK_DATA_SSL_SESSION);
}

/* Without memory, or in a libcurl that cannot, each connection begins a session of its own. */
void http_session_share(CURL *curl)
{
	forget_old();
	if (sessions == NULL)
		share_begin();
	if (sessions != NULL)
		curl_easy_setopt(curl, CURLOPT_SHARE, sessions);
}
