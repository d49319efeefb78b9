/* SPDX-License-Identifier: Apache-2.0 */
/* In the place of a server that speaks DDI. It shows an action also behind its end, and takes that
 * again: whatever is sent twice is heard twice. */
#include "tests/sim/fleetcut.h"

#define BASE FLEETCUT_URL "/DEFAULT/controller/v1/device"

static bool send_json(const struct http_request *r, struct http_answer *a, json_object *o)
{
	const char *text = json_object_to_json_string_ext(o, JSON_C_TO_STRING_PLAIN);
	bool ok = r->take(r->data, a, text, strlen(text));

	json_object_put(o);
	return ok;
}

/* What has no end there. */
static bool send_poll(const struct http_request *r, struct http_answer *a)
{
	const struct fleetcut_around *is = &fleetcut_around_log->now;
	bool offers = is->newest > 0 && is->took[is->newest] == FLEETCUT_NOTHING;
	char links[128] = "", text[256];

	if (offers)
		snprintf(links, sizeof(links),
			 "\"deploymentBase\": {\"href\": \"" BASE "/deploymentBase/%u\"}",
			 is->newest);
	snprintf(text, sizeof(text),
		 "{\"config\": {\"polling\": {\"sleep\": \"00:05:00\"}}, \"_links\": {%s}}", links);
	return send_json(r, a, json_tokener_parse(text));
}

static bool send_deployment(const struct http_request *r, struct http_answer *a, unsigned action)
{
	struct offer o;
	char artifact[512] = "", text[768];

	fleetcut_server_offer_of(action, &o);
	if ((fleetcut_around_log->now.bare >> action & 1) == 0)
		snprintf(
			artifact, sizeof(artifact),
			"{\"filename\": \"%s\", \"size\": %" PRIu64
			", \"hashes\": {\"sha256\": \"%s\"}, \"_links\": {\"download\": {\"href\": "
			"\"%.64s\"}}}",
			o.name, o.size, o.digest, o.url);
	snprintf(text, sizeof(text),
		 "{\"id\": \"%s\", \"deployment\": {\"download\": \"forced\", \"update\": "
		 "\"forced\", \"chunks\": [{\"artifacts\": [%s]}]}}",
		 o.id, artifact);
	return send_json(r, a, json_tokener_parse(text));
}

/* "closed", "success". */
static bool has_word(const char *body, const char *word)
{
	return strstr(body, word) != NULL;
}

static bool take_feedback(enum fleetcut_verb v, const char *body, unsigned action)
{
	static bool heard;
	bool ends = has_word(body, "\"execution\":\"closed\"");

	if (v == FLEETCUT_DEAF || (v == FLEETCUT_ONCE && heard))
		return false;
	heard = ends;
	if (ends)
		fleetcut_around_hear(action, has_word(body, "\"finished\":\"success\""));
	return true;
}

bool fleetcut_ddi_answer(enum fleetcut_verb v, const struct http_request *r, struct http_answer *a)
{
	static const char place[] = BASE "/deploymentBase/";
	unsigned action = 0;

	if (strcmp(r->url, BASE) == 0)
		return send_poll(r, a);
	if (strncmp(r->url, place, sizeof(place) - 1) == 0)
		action = (unsigned)(r->url[sizeof(place) - 1] - '0');
	if (strcmp(r->method, "GET") == 0)
		return send_deployment(r, a, action);
	if (strcmp(r->method, "POST") == 0 && !take_feedback(v, r->body, action))
		a->status = 503;
	return true;
}
