/* SPDX-License-Identifier: Apache-2.0 */
#include "fleet/refusal.h"

#include "channel/strict.h"
#include "channel/utc.h"
#include "fleet/clock.h"
#include "fleet/keep.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RECORD	   "refused.json"
#define RECORD_MAX 1024u

/* Whoever has no such file was not refused, and what cannot be shown is none. */
static json_object *read_refused(const struct contact *c, uint64_t *status)
{
	char text[RECORD_MAX + 1], why_refused[CLIENT_TROUBLE_MAX + 1];
	json_object *o = NULL;
	const char *why;
	size_t len;

	*status = 0;
	if (c->files.dir >= 0 && files_read(&c->files, RECORD, text, sizeof(text), &len) == KB_OK &&
	    len <= RECORD_MAX)
		o = strict_parse(text, len, &why);
	(void)!strict_number(o, "status", status, 999);
	if (strict_text(o, "why", why_refused, sizeof(why_refused)) != KB_OK)
		*status = 0;
	return o;
}

void refusal_note(const struct contact *c)
{
	json_object *o;
	uint64_t before;
	char *text;

	json_object_put(read_refused(c, &before));
	if (c->dry_run || c->files.dir < 0 || !c->answered || before == c->refused)
		return;
	o = json_object_new_object();
	json_object_object_add(o, "status", keep_number(c->refused));
	json_object_object_add(o, "since", keep_number(c->refused > 0 ? clock_time() : 0));
	json_object_object_add(o, "why", keep_text(c->refused > 0 ? c->client.trouble : ""));
	text = keep_write(o, RECORD_MAX);
	/* It is for a person who looks: a full disk is said elsewhere. */
	if (text != NULL)
		(void)!files_write(&c->files, RECORD, text, strlen(text));
	free(text);
}

json_object *refusal_load(const struct contact *c)
{
	uint64_t status;
	json_object *o = read_refused(c, &status);

	if (status > 0)
		return o;
	json_object_put(o);
	return NULL;
}

void refusal_print(json_object *refused)
{
	char why[CLIENT_TROUBLE_MAX + 1], time[UTC_LEN + 1];
	uint64_t since;

	if (strict_text(refused, "why", why, sizeof(why)) != KB_OK)
		return;
	if (strict_number(refused, "since", &since, INT64_MAX) != KB_OK)
		since = 0;
	utc_write(time, since);
	contact_print("Contacts are refused%s%s: %s", since > 0 ? " since " : "",
		      since > 0 ? time : "", why);
}
