/* SPDX-License-Identifier: Apache-2.0 */
/*
 * TLS sessions that go on from one connection of this process to the next: the certificate, which
 * is most of a poll, need not come again. OpenSSL has verified it when the session began, and
 * libcurl compares its name with the host in each connection.
 */
#pragma once

#include <curl/curl.h>

/* Has this handle begin with a session that is known of its server, and keep the one that it gets.
 * Sessions of before are forgotten after a day: a certificate that has expired is noticed then. */
void http_session_share(CURL *curl);
