/* SPDX-License-Identifier: Apache-2.0 */
/* What is asked of the server. What goes wrong is reported here, in one line. */
#pragma once

#include "fleet/answer_rules.h"
#include "fleet/ddi.h"
#include "fleet/http.h"
#include "channel/strict.h"
#include "lib/conf.h"

#define CLIENT_TOKEN_MAX   255
#define CLIENT_TROUBLE_MAX 255

struct client {
	struct http_config http;
	/* "…/DEFAULT/controller/v1/ID", or the channel file */
	char base[URL_MAX + 1];
	/* of server, tenant and device, whose ids of actions these are; no 0 */
	uint64_t server;
	/* who this device is */
	char id[URL_ID_MAX + 1];
	char authorization[CLIENT_TOKEN_MAX + 64];
	/* of the private key; "": it is in no token */
	char token_key[CONF_PATH_MAX + 1];
	/* by that token: the PIN is not tried */
	bool pin_refused;
	/* of the last answer; 0: none came, or not as a whole */
	int status;
	/* what the last answer asked for; 0: nothing */
	uint64_t retry_after_s;
	/* of the last answer that was asked for */
	char etag[HTTP_ETAG_MAX + 1];
	/* why the last request that failed did, and its status, 0: no answer; "": none failed since
	 * this was emptied */
	char trouble[CLIENT_TROUBLE_MAX + 1];
	unsigned trouble_status;
	size_t len;
	char text[STRICT_MAX + 1];
};

/* KB_EINVAL: [fleet] lacks something; KB_ENOENT: a file that it names is missing, or empty, and may
 * come later. Both were reported. */
enum kb_err client_init(struct client *c, const struct conf *conf) KB_MUST_CHECK;

/* How the device is called: id=, or what is in id-file=. The errors of client_init(), and reported.
 */
enum kb_err client_read_id(char id[URL_ID_MAX + 1], const struct conf *conf) KB_MUST_CHECK;

/* Reports what is wrong with the last answer, and notes it; status 0: none came. */
void client_complain(struct client *c, unsigned status, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* The last answer was about more than what was asked for: the next request would meet the same. */
bool client_is_shut(const struct client *c);

/* Asks for base/path; "" is the base. The answer is in c->text. */
enum client_end client_get(struct client *c, const char *path);
/* Asks for base, a file; etag: of the one that is here, "" none. */
enum client_end client_get_file(struct client *c, const char *etag);
/* Sends JSON to base/path. */
enum client_end client_send(struct client *c, const char *method, const char *path,
			    const char *body);
