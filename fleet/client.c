/* SPDX-License-Identifier: Apache-2.0 */
#include "fleet/client.h"

#include "fleet/token.h"

#include "lib/bytes.h"
#include "lib/log.h"
#include "lib/os.h"
#include "lib/os_file.h"
#include "lib/util.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PEM_MAX (1u << 20)
#define BLANKS	" \t\r\n"
/* systemd's word in /etc/machine-id (machine-id(5)) */
#define UNMADE	"uninitialized"

/* ---------------------------------------------------------------- who and where */

/* What provisions a device may come later than this program: a file that is missing, or has nothing
 * in it yet, is no mistake of the configuration. */
static enum kb_err miss(const char *key, const char *path, const char *why)
{
	log_err("[fleet] %s=%s: %s", key, path, why);
	return KB_ENOENT;
}

/* The first line of a file, which is printable. KB_ENOENT, KB_EINVAL, which were reported. */
static enum kb_err read_line(char *out, size_t size, const char *path, const char *key)
{
	char text[512];
	enum kb_err err = os_read_file(path, text, sizeof(text), NULL);
	size_t len;

	if (err != KB_OK)
		return miss(key, path, strerror(errno));
	if (text[strspn(text, BLANKS)] == '\0')
		return miss(key, path, "it is empty");
	len = strcspn(text, BLANKS);
	for (size_t i = 0; i < len; i++)
		if (text[i] < 0x21 || text[i] > 0x7e)
			len = 0;
	if (len >= size) {
		log_err("[fleet] %s=%s: too long: at most %zu characters", key, path, size - 1);
		return KB_EINVAL;
	}
	if (len == 0) {
		log_err("[fleet] %s=%s: expected one word in its first line", key, path);
		return KB_EINVAL;
	}
	memcpy(out, text, len);
	out[len] = '\0';
	return KB_OK;
}

static enum kb_err read_token(struct client *c, const struct conf *conf)
{
	const char *kind = conf->fleet_token_file[0] != '\0' ? "TargetToken" : "GatewayToken";
	const char *key = conf->fleet_token_file[0] != '\0' ? "token-file" : "gateway-token-file";
	const char *path = conf->fleet_token_file[0] != '\0' ? conf->fleet_token_file
							     : conf->fleet_gateway_token_file;
	char token[CLIENT_TOKEN_MAX + 1];

	c->authorization[0] = '\0';
	if (path[0] == '\0')
		return KB_OK;
	TRY(read_line(token, sizeof(token), path, key));
	snprintf(c->authorization, sizeof(c->authorization), "Authorization: %s %s", kind, token);
	return KB_OK;
}

/* Whole, for as long as this process lives. */
static enum kb_err read_pem(struct http_pem *pem, const char *path, const char *key)
{
	KB_CLEANUP_FD int fd = -1;
	enum kb_err err;

	*pem = (struct http_pem){ .text = NULL };
	if (path[0] == '\0')
		return KB_OK;
	/* bound: PEM_MAX, three times */
	pem->text = malloc(PEM_MAX);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	err = pem->text != NULL && fd >= 0 ? os_file_read(fd, 0, pem->text, PEM_MAX, &pem->len)
					   : KB_ENOENT;
	if (err == KB_OK && pem->len > 0 && pem->len < PEM_MAX)
		return KB_OK;
	if (err != KB_OK)
		err = miss(key, path, strerror(errno));
	free(pem->text);
	pem->text = NULL;
	if (err != KB_OK)
		return err;
	if (pem->len == 0)
		return miss(key, path, "it is empty");
	log_err("[fleet] %s=%s: larger than 1 MiB", key, path);
	return KB_EINVAL;
}

/* A key in a token stays there. */
static enum kb_err read_key(struct client *c, const char *key)
{
	c->http.token_key = c->token_key;
	if (!token_is_uri(key))
		return read_pem(&c->http.key, key, "private-key");
	return token_take(c->token_key, key);
}

static enum kb_err read_pems(struct client *c, const struct conf *conf)
{
	TRY(read_pem(&c->http.ca, conf->fleet_ca_file, "ca-file"));
	TRY(read_pem(&c->http.certificate, conf->fleet_certificate, "certificate"));
	return read_key(c, conf->fleet_key);
}

enum kb_err client_read_id(char id[URL_ID_MAX + 1], const struct conf *conf)
{
	if (conf->fleet_id[0] != '\0')
		snprintf(id, URL_ID_MAX + 1, "%s", conf->fleet_id);
	else
		TRY(read_line(id, URL_ID_MAX + 1, conf->fleet_id_file, "id-file"));
	/* Of an image that never booted: all devices would be one target. */
	if (conf->fleet_id[0] == '\0' && strcmp(id, UNMADE) == 0)
		return miss("id-file", conf->fleet_id_file, "not provisioned yet: " UNMADE);
	if (url_is_id(id) && url_is_id(conf->fleet_tenant))
		return KB_OK;
	log_err("[fleet] id, tenant: expected letters, digits and . _ - + , only, %d at most",
		URL_ID_MAX);
	return KB_EINVAL;
}

/* What is asked: of a server, the device's own address. */
static enum kb_err set_base(struct client *c, const struct conf *conf)
{
	size_t len = strlen(conf->fleet_server);

	if (conf->fleet_channel[0] != '\0') {
		snprintf(c->base, sizeof(c->base), "%s", conf->fleet_channel);
		return KB_OK;
	}
	TRY(read_token(c, conf));
	while (len > 0 && conf->fleet_server[len - 1] == '/')
		len--;
	snprintf(c->base, sizeof(c->base), "%.*s/%s/controller/v1/%s", (int)len, conf->fleet_server,
		 conf->fleet_tenant, c->id);
	return KB_OK;
}

/* By scheme, host and port, in small letters, and path. */
static uint64_t hash_server(const char *base)
{
	const char *host = strstr(base, "://"), *path = host != NULL ? strchr(host + 3, '/') : NULL;
	char origin[160];
	uint64_t hash;

	url_origin(origin, sizeof(origin), base);
	for (char *at = origin; *at != '\0'; at++)
		*at = (char)tolower((unsigned char)*at);
	hash = bytes_hash(BYTES_HASH_START, origin, strlen(origin));
	if (path != NULL)
		hash = bytes_hash(hash, path, strlen(path));
	/* A number of JSON, and none that says nothing. */
	return (hash & INT64_MAX) | 1;
}

static enum kb_err check_ways(const struct conf *conf)
{
	bool server = conf->fleet_server[0] != '\0', channel = conf->fleet_channel[0] != '\0';

	if (server != channel)
		return KB_OK;
	log_err(server ? "[fleet] server= and channel= are both set: remove one of them"
		       : "no server: set [fleet] server= or channel= in system.conf");
	return KB_EINVAL;
}

static void warn_unencrypted(const struct client *c, const struct conf *conf)
{
	char origin[160];

	url_origin(origin, sizeof(origin), conf->fleet_report);
	if (conf->fleet_channel[0] != '\0' && conf->fleet_report[0] != '\0' &&
	    !url_is_secure(conf->fleet_report))
		log_warn("%s: reports are sent unencrypted; use https", origin);
	url_origin(origin, sizeof(origin), c->http.server);
	if (c->authorization[0] != '\0' && !url_is_secure(c->http.server))
		log_warn("%s: the token is sent unencrypted; use https", origin);
}

enum kb_err client_init(struct client *c, const struct conf *conf)
{
	TRY(check_ways(conf));
	TRY(client_read_id(c->id, conf));
	TRY(set_base(c, conf));
	/* An action of a channel is named by its release, whichever server has the file. */
	c->server = conf->fleet_channel[0] != '\0' ? 1 : hash_server(c->base);
	c->http = (struct http_config){
		.server = conf->fleet_channel[0] != '\0' ? conf->fleet_channel : conf->fleet_server,
		.authorization = c->authorization,
		.pin_refused = &c->pin_refused,
		.timeout_s = conf->fleet_timeout_s,
		.bandwidth = conf->fleet_bandwidth,
	};
	TRY(read_pems(c, conf));
	warn_unencrypted(c, conf);
	return KB_OK;
}

/* ---------------------------------------------------------------- requests and answers */

void client_complain(struct client *c, unsigned status, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(c->trouble, sizeof(c->trouble), fmt, ap);
	va_end(ap);
	util_print_safe(c->trouble, sizeof(c->trouble), c->trouble);
	c->trouble_status = status;
	log_warn("%s", c->trouble);
}

static enum client_end judge_status(struct client *c, const char *url, int status)
{
	const struct answer_rule *rule = answer_rules_of(status);
	char origin[160];

	url_origin(origin, sizeof(origin), url);
	if (rule->text != NULL)
		client_complain(c, (unsigned)status, "%s: answers %d: %s", origin, status,
				rule->text);
	return rule->end;
}

static bool take_text(void *data, struct http_answer *a, const void *bytes, size_t len)
{
	struct client *c = data;

	if (len > STRICT_MAX - c->len) {
		snprintf(a->error, sizeof(a->error), "an answer of more than %u KiB",
			 STRICT_MAX / 1024);
		return false;
	}
	memcpy(c->text + c->len, bytes, len);
	c->len += len;
	return true;
}

bool client_is_shut(const struct client *c)
{
	return answer_rules_of(c->status)->about != ABOUT_THIS;
}

static enum client_end run(struct client *c, struct http_request *r, const char *path)
{
	char url[URL_MAX + 1], origin[160];
	struct http_answer a;
	bool whole;

	if (snprintf(url, sizeof(url), "%s%s%s", c->base, path[0] != '\0' ? "/" : "", path) >=
	    (int)sizeof(url))
		return CLIENT_LATER;
	r->url = url;
	r->data = c;
	c->status = 0;
	c->len = 0;
	whole = http_run(&c->http, r, &a);
	c->text[c->len] = '\0';
	memcpy(c->etag, a.etag, sizeof(c->etag));
	c->retry_after_s = a.retry_after_s;
	c->status = whole ? a.status : 0;
	if (whole && a.status == 304 && r->if_none_match != NULL)
		return CLIENT_SAME;
	if (whole)
		return judge_status(c, url, a.status);
	url_origin(origin, sizeof(origin), url);
	client_complain(c, 0, "%s: %s", origin, a.error);
	return CLIENT_LATER;
}

enum client_end client_get(struct client *c, const char *path)
{
	struct http_request r = { .method = "GET", .take = take_text };

	return run(c, &r, path);
}

enum client_end client_get_file(struct client *c, const char *etag)
{
	struct http_request r = { .method = "GET", .take = take_text, .file = true };

	r.if_none_match = etag[0] != '\0' ? etag : NULL;
	return run(c, &r, "");
}

enum client_end client_send(struct client *c, const char *method, const char *path,
			    const char *body)
{
	struct http_request r = { .method = method, .body = body };

	return body != NULL ? run(c, &r, path) : CLIENT_LATER;
}
