/* SPDX-License-Identifier: Apache-2.0 */
#include "fleet/bring.h"

#include "fleet/parts.h"

#include "lib/log.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* What is here of parts is no beginning of the whole one. */
static enum fetch_end bring_whole(struct contact *c, const struct offer *o, const struct limits *l,
				  struct bring *b)
{
	struct head head = {
		.files = &c->files, .monitor = &c->monitor, .a = &c->a, .release = o->release
	};
	enum fetch_end end;

	if (c->a.parts == ACTION_PARTS) {
		files_bundle_drop(&c->files);
		c->a.parts = ACTION_WHOLE;
		c->a.durable = 0;
		c->a.etag[0] = '\0';
	}
	end = fetch_bundle(&head, &c->client.http, l, o, b->why, &b->retry_after_s);
	b->code = head.code;
	return end;
}

/* That is kept: to find it out takes bytes in each contact, and a day may have no more. */
static enum fetch_end bring_whole_instead(struct contact *c, const struct offer *o,
					  const struct limits *l, struct bring *b)
{
	char why[ACTION_WHY_MAX + 1], since[ACTION_WHY_MAX + 1];

	if (c->conf->fleet_partial == CONF_PARTIAL_REQUIRE)
		return FETCH_REFUSED;
	memcpy(since, b->why, sizeof(since));
	if (!limits_permit(l, "all of it", c->a.size, why)) {
		snprintf(b->why, sizeof(b->why), "%.120s, and %.320s", since, why);
		return FETCH_BEYOND;
	}
	log_warn("action %s: all of %s is fetched, since %s", c->a.id, c->a.name, since);
	files_bundle_drop(&c->files);
	c->a.parts = ACTION_NO_PARTS;
	c->a.durable = 0;
	c->a.etag[0] = '\0';
	if (contact_save(c))
		return bring_whole(c, o, l, b);
	snprintf(b->why, sizeof(b->why), "the record cannot be written");
	return FETCH_LATER;
}

bool bring_anew(struct contact *c)
{
	struct action *a = &c->a;
	bool all = a->anew > 0;

	if (a->parts != ACTION_PARTS || a->anew > 1 ||
	    (all && c->conf->fleet_partial == CONF_PARTIAL_REQUIRE))
		return false;
	a->anew++;
	a->parts = all ? ACTION_NO_PARTS : ACTION_WHOLE;
	a->durable = 0;
	a->etag[0] = '\0';
	log_warn("action %s: %s of %s are fetched anew, since a slot has changed%s", a->id,
		 all ? "all bytes" : "parts", a->name, all ? " again" : "");
	return true;
}

static bool is_whole_here(const struct contact *c)
{
	const struct action *a = &c->a;

	return a->parts != ACTION_PARTS && a->size > 0 && a->durable == a->size &&
	       files_bundle_size(&c->files) == a->size;
}

/* One that was begun goes on as such, if it may come at all. */
static bool is_fetched_whole(const struct contact *c, const struct limits *l, const char *url)
{
	const struct action *a = &c->a;
	bool begun = a->parts == ACTION_WHOLE && a->durable > 0 && a->etag[0] != '\0';
	char why[ACTION_WHY_MAX + 1];

	if (c->conf->fleet_partial == CONF_PARTIAL_NO || url == NULL || is_whole_here(c))
		return true;
	return c->conf->fleet_partial == CONF_PARTIAL_AUTO &&
	       (begun || a->parts == ACTION_NO_PARTS) &&
	       limits_permit(l, "all of it", a->size, why);
}

static enum fetch_end bring_parts(struct contact *c, const struct offer *o, struct parts *p,
				  struct bring *b)
{
	enum parts_end end = parts_fetch(p);

	b->retry_after_s = p->retry_after_s;
	b->code = p->code;
	memcpy(b->why, p->why, sizeof(b->why));
	switch (end) {
	case PARTS_HERE:
		contact_print("Action %s: slots have all of %s but %" PRIu64 " of %" PRIu64
			      " bytes.",
			      c->a.id, c->a.name, p->have, c->a.size);
		return FETCH_WHOLE;
	case PARTS_ALL:
		contact_print("Action %s: slots have nothing of %s.", c->a.id, c->a.name);
		return bring_whole(c, o, &p->limits, b);
	case PARTS_LATER:
		return FETCH_LATER;
	case PARTS_GOES_ON:
		return FETCH_GOES_ON;
	case PARTS_PAUSED:
		return FETCH_PAUSED;
	case PARTS_BEYOND:
		return FETCH_BEYOND;
	case PARTS_NEVER:
		return FETCH_NEVER;
	case PARTS_REFUSED:
	case PARTS_JUDGED:
		return FETCH_REFUSED;
	case PARTS_NONE:
		break;
	}
	return bring_whole_instead(c, o, &p->limits, b);
}

enum fetch_end bring_bundle(struct contact *c, const struct offer *o, struct bring *b)
{
	static struct parts p;
	enum fetch_end end;

	*b = (struct bring){ .code = FACTS_OK };
	p = (struct parts){ 0 };
	p.files = &c->files;
	p.http = &c->client.http;
	p.monitor = &c->monitor;
	p.limits = limits_now(c->conf, c->client.id);
	p.a = &c->a;
	p.url = fetch_url(&c->client.http, o);
	p.release = o->release;
	p.only_parts = c->conf->fleet_partial == CONF_PARTIAL_REQUIRE;
	if (!is_fetched_whole(c, &p.limits, p.url))
		return bring_parts(c, o, &p, b);
	end = bring_whole(c, o, &p.limits, b);
	/* What all of it lacks, its parts may not. */
	c->a.room = 0;
	return end;
}
