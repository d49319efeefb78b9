/* SPDX-License-Identifier: Apache-2.0 */
/* In the place of the network, of the process with rights, and of the clock. */
#include "tests/sim/fleetcut.h"

#include "fleet/monitor_link.h"
#include "lib/os.h"
#include "lib/os_file.h"
#include "update/wire/reader_header.h"

static enum fleetcut_verb verb;

void fleetcut_server_begin(enum fleetcut_verb v)
{
	verb = v;
}

/* ---------------------------------------------------------------- bundles */

uint64_t fleetcut_server_size(const char *id)
{
	return id[0] == '3' ? FLEETCUT_RANGE_AT + FLEETCUT_SIZE : FLEETCUT_SIZE;
}

static void make_header(uint8_t header[READER_HEADER_LEN], uint64_t size)
{
	const struct reader_header h = { .total_len = size,
					 .sig_cap = 64,
					 .manifest_len = 64,
					 .manifest_off = READER_HEADER_LEN + 64,
					 .tables_off = READER_HEADER_LEN + 128,
					 .payload_off = FLEETCUT_INDEX,
					 .tables_len = FLEETCUT_INDEX - READER_HEADER_LEN - 128,
					 .payload_len = size - FLEETCUT_INDEX };

	reader_header_write(&h, header);
}

/* Behind a header that is whole. */
uint8_t fleetcut_server_byte(const char *id, uint64_t at)
{
	static const char salt[] = { 0, 1, (char)128, 64 };
	static uint8_t header[2][READER_HEADER_LEN];
	unsigned large = id[0] == '3';

	if (header[large][0] == 0)
		make_header(header[large], fleetcut_server_size(id));
	return at < READER_HEADER_LEN ? header[large][at]
				      : (uint8_t)(at * 7 % 127 + (uint8_t)salt[(id[0] - '0') & 3]);
}

void fleetcut_server_offer_of(unsigned n, struct offer *o)
{
	*o = (struct offer){ .bundles = 1 };
	snprintf(o->id, sizeof(o->id), "%u", n);
	snprintf(o->name, sizeof(o->name), "%u.keel", n);
	snprintf(o->url, sizeof(o->url), FLEETCUT_URL "/%u.keel", n);
	memset(o->digest, (int)('0' + n), OFFER_DIGEST_LEN);
	o->size = fleetcut_server_size(o->id);
}

void fleetcut_server_offer(enum fleetcut_verb v, struct offer *o)
{
	bool third = v == FLEETCUT_RANGE || v == FLEETCUT_PARTS;

	fleetcut_server_offer_of(v == FLEETCUT_OTHER ? 2 : third ? 3 : 1, o);
}

/* ---------------------------------------------------------------- answers */

void http_keep(struct http_config *c)
{
	c->kept = NULL;
}

void http_drop(struct http_config *c)
{
	c->kept = NULL;
}

static bool end_early(struct http_answer *a)
{
	snprintf(a->error, sizeof(a->error), "the connection ended");
	return false;
}

static bool send_bytes(const struct http_request *r, struct http_answer *a, const char *id,
		       size_t len)
{
	static uint8_t bytes[FLEETCUT_RANGE_AT];

	if (!r->head(r->data, a))
		return false;
	for (size_t i = 0; i < len; i++)
		bytes[i] = fleetcut_server_byte(id, a->from + i);
	return r->take(r->data, a, bytes, len);
}

/* Of the index all, of other ranges a piece. */
static bool send_range(const struct http_request *r, struct http_answer *a, const char *id)
{
	uint64_t len = r->to - r->from;

	if (verb == FLEETCUT_RANGE && r->from > FLEETCUT_RANGE_AT)
		return false;
	a->status = 206;
	a->from = r->from;
	if (r->from >= FLEETCUT_RANGE_AT && len > FLEETCUT_PIECE)
		len = FLEETCUT_PIECE;
	return send_bytes(r, a, id, (size_t)len) && (r->from + len == r->to || end_early(a));
}

/* One piece, and the connection ends; or all. */
static bool send_whole(const struct http_request *r, struct http_answer *a, const char *id)
{
	size_t len = fleetcut_run_is_cycle(verb) ? FLEETCUT_SIZE - r->from : FLEETCUT_PIECE;

	if (verb == FLEETCUT_PART && r->from > 0)
		return false;
	if (r->from > 0 && strcmp(r->if_range, a->etag) == 0) {
		a->status = 206;
		a->from = r->from;
	}
	a->length = FLEETCUT_SIZE - a->from;
	return send_bytes(r, a, id, len) && (a->from + len == FLEETCUT_SIZE || end_early(a));
}

const char *fleetcut_server_file(uint64_t sequence)
{
	return sequence == 2 ? "file 2" : "file 1";
}

static bool send_file(const struct http_request *r, struct http_answer *a)
{
	const char *text = fleetcut_server_file(verb == FLEETCUT_NEWER ? 2 : 1);

	snprintf(a->etag, sizeof(a->etag), "\"%c\"", text[5]);
	if (r->if_none_match != NULL && strcmp(r->if_none_match, a->etag) == 0) {
		a->status = 304;
		return true;
	}
	return r->take(r->data, a, text, strlen(text));
}

bool http_run(const struct http_config *c, const struct http_request *r, struct http_answer *a)
{
	struct offer o;

	(void)c;
	*a = (struct http_answer){ .status = 200, .ranges = true };
	if (r->file)
		return send_file(r, a);
	if (fleetcut_run_is_cycle(verb) && !r->download)
		return fleetcut_ddi_answer(verb, r, a);
	/* Nobody takes reports here. */
	if (strcmp(r->method, "POST") == 0)
		a->status = 503;
	if (a->status == 503)
		return true;
	fleetcut_server_offer(verb, &o);
	if (fleetcut_run_is_cycle(verb))
		fleetcut_server_offer_of((unsigned)(r->url[strlen(FLEETCUT_URL "/")] - '0'), &o);
	a->total = o.size;
	snprintf(a->etag, sizeof(a->etag), "\"%s\"", o.id);
	return r->to > 0 ? send_range(r, a, o.id) : send_whole(r, a, o.id);
}

/* ---------------------------------------------------------------- the process with rights */

static json_object *read_channel(int fd)
{
	char file[8] = "", text[160];
	size_t len;

	bundles_must(os_file_read(fd, 0, file, sizeof(file) - 1, &len) == KB_OK, "channel");
	snprintf(
		text, sizeof(text),
		"{\"channel\": {\"format\": 1, \"name\": \"stable\", \"sequence\": %c, \"created\": "
		"\"2026-01-01T00:00:00Z\", \"expires\": \"2027-01-01T00:00:00Z\", \"releases\": []}}",
		file[5]);
	return json_tokener_parse(text);
}

static json_object *name_ranges(void)
{
	char text[96];

	snprintf(text, sizeof(text), "{\"ranges\": [[0, %u], [%u, %u]], \"encodings\": [1]}",
		 FLEETCUT_INDEX, FLEETCUT_RANGE_AT, FLEETCUT_SIZE);
	return json_tokener_parse(text);
}

void monitor_do(struct monitor *m, const struct monitor_order *order, struct monitor_result *r,
		json_object **document, int *fd)
{
	(void)m;
	*r = (struct monitor_result){ .code = 0 };
	if (fleetcut_run_is_cycle(verb)) {
		fleetcut_device_do(order, r, document, fd);
		return;
	}
	*document = order->work == MONITOR_CHANNEL  ? read_channel(*fd)
		    : order->work == MONITOR_RANGES ? name_ranges()
						    : json_tokener_parse("{\"release\": \"\"}");
	if (fd != NULL && *fd >= 0) {
		close(*fd);
		*fd = -1;
	}
}

uint64_t os_time_s(void)
{
	return UINT64_C(1780000000); /* May 2026 */
}
