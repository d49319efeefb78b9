/* SPDX-License-Identifier: Apache-2.0 */
#include "fleet/untold.h"

#include "channel/strict.h"
#include "channel/utc.h"
#include "fleet/ends.h"
#include "fleet/clock.h"
#include "fleet/refusal.h"
#include "fleet/report.h"
#include "lib/util.h"

#include <string.h>

static bool owes_end(const struct action *a)
{
	return a->phase >= ACTION_GOOD && action_owes(a);
}

static bool has_ends(const struct contact *c)
{
	json_object *list = ends_list(c);
	bool has = json_object_array_length(list) > 0;

	json_object_put(list);
	return has || owes_end(&c->a);
}

/* Errors without an answer have other words each time, which are not worth a write. */
static bool is_news(const struct action *a, const struct client *client)
{
	return (a->untold[0] == '\0') != (client->trouble[0] == '\0') ||
	       a->untold_status != client->trouble_status;
}

void untold_note(struct contact *c)
{
	struct action *a = &c->a;
	bool waits = has_ends(c), begins = owes_end(a) && a->ended == 0 && clock_time() > 0;

	if (!waits) {
		c->client.trouble[0] = '\0';
		c->client.trouble_status = 0;
	}
	if (c->dry_run || (!begins && !is_news(a, &c->client)))
		return;
	if (begins)
		a->ended = clock_time();
	memcpy(a->untold, c->client.trouble, sizeof(a->untold));
	a->untold_status = a->untold[0] != '\0' ? c->client.trouble_status : 0;
	contact_save(c);
}

json_object *untold_load(const struct contact *c)
{
	json_object *o = json_object_new_object();

	json_object_object_add(o, "ends", ends_list(c));
	report_list(c, o);
	json_object_object_add(o, "refused", refusal_load(c));
	return o;
}

/* ---------------------------------------------------------------- for a person */

static void print_since(const char *what, const char *id, uint64_t since)
{
	char time[UTC_LEN + 1];

	utc_write(time, since);
	contact_print("%s%s waits for the server%s%s", what, id, since > 0 ? " since " : "",
		      since > 0 ? time : "");
}

static void print_end(json_object *o)
{
	char id[URL_ID_MAX + 1], detail[DDI_MESSAGE_MAX + 1];
	const char *said = NULL;
	uint64_t since;
	json_object *list;

	if (strict_text(o, "id", id, sizeof(id)) != KB_OK)
		return;
	if (strict_number(o, "since", &since, INT64_MAX) != KB_OK)
		since = 0;
	print_since("The end of action ", id, since);
	if (strict_list(o, "details", &list) == KB_OK && json_object_array_length(list) > 0)
		said = json_object_get_string(json_object_array_get_idx(list, 0));
	/* Whoever may write that file may not write to a terminal of root. */
	util_print_safe(detail, sizeof(detail), said != NULL ? said : "");
	if (detail[0] != '\0')
		contact_print("  %s", detail);
}

static void print_reports(json_object *o)
{
	char time[UTC_LEN + 1], why[HTTP_ERROR_MAX + 1];
	json_object *list;
	size_t n;

	if (strict_list(o, "reports", &list) != KB_OK)
		return;
	n = json_object_array_length(list);
	if (n == 0 ||
	    strict_text(json_object_array_get_idx(list, 0), "time", time, sizeof(time)) != KB_OK)
		return;
	contact_print("%zu report%s for report= wait%s since %s", n, n > 1 ? "s" : "",
		      n > 1 ? "" : "s", time);
	if (strict_text(o, "report", why, sizeof(why)) == KB_OK && why[0] != '\0')
		contact_print("  not sent yet: %s", why);
}

void untold_print(const struct contact *c, json_object *waiting)
{
	json_object *list, *refused;

	if (strict_object(waiting, "refused", &refused) == KB_OK)
		refusal_print(refused);
	if (owes_end(&c->a))
		print_since("The end of action ", c->a.id, c->a.ended);
	if (strict_list(waiting, "ends", &list) == KB_OK)
		for (size_t i = 0; i < json_object_array_length(list); i++)
			print_end(json_object_array_get_idx(list, i));
	if (c->a.untold[0] != '\0')
		contact_print("  not sent yet: %s", c->a.untold);
	print_reports(waiting);
}
