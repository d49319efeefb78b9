/* SPDX-License-Identifier: Apache-2.0 */
#include "fleet/ddi.h"

#include "lib/util.h"

#include <json-c/json.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void ddi_say(struct ddi_feedback *f, const char *fmt, ...)
{
	char text[DDI_MESSAGE_MAX + 1];
	va_list ap;

	if (f->messages == DDI_MESSAGES_MAX)
		return;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	util_print_safe(f->message[f->messages++], DDI_MESSAGE_MAX + 1, text);
}

static void put_text(json_object *o, const char *key, const char *text)
{
	json_object_object_add(o, key, json_object_new_string(text));
}

static char *to_text(json_object *o)
{
	const char *text = json_object_to_json_string_ext(
		o, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE);
	/* bound: DDI_MESSAGES_MAX messages of DDI_MESSAGE_MAX bytes, or a dozen attributes */
	char *copy = text != NULL ? strdup(text) : NULL;

	json_object_put(o);
	return copy;
}

/* hawkBit before 0.4 wants the id, later ones ignore it. */
char *ddi_write_feedback(const struct ddi_feedback *f, const char *id)
{
	json_object *o = json_object_new_object(), *status = json_object_new_object();
	json_object *result = json_object_new_object(), *details = json_object_new_array();

	put_text(result, "finished", f->finished);
	for (unsigned i = 0; i < f->messages; i++)
		json_object_array_add(details, json_object_new_string(f->message[i]));
	put_text(status, "execution", f->execution);
	json_object_object_add(status, "result", result);
	json_object_object_add(status, "details", details);
	put_text(o, "id", id);
	json_object_object_add(o, "status", status);
	return to_text(o);
}

char *ddi_write_confirmation(bool given, const char *says)
{
	json_object *o = json_object_new_object(), *details = json_object_new_array();
	char text[DDI_MESSAGE_MAX + 1];

	util_print_safe(text, sizeof(text),
			says[0] != '\0' ? says : "confirm= of the device says so");
	json_object_array_add(details, json_object_new_string(text));
	put_text(o, "confirmation", given ? "confirmed" : "denied");
	/* The exit code of the program that was asked. */
	json_object_object_add(o, "code", json_object_new_int(given ? 0 : 2));
	json_object_object_add(o, "details", details);
	return to_text(o);
}

/* Old servers want id and status here, too. */
char *ddi_write_attributes(const char *const (*pairs)[2], size_t n)
{
	json_object *o = json_object_new_object(), *data = json_object_new_object();
	json_object *status = json_object_new_object(), *result = json_object_new_object();

	for (size_t i = 0; i < n; i++)
		put_text(data, pairs[i][0], pairs[i][1]);
	put_text(result, "finished", "success");
	put_text(status, "execution", "closed");
	json_object_object_add(status, "result", result);
	put_text(o, "mode", "merge");
	json_object_object_add(o, "data", data);
	put_text(o, "id", "");
	json_object_object_add(o, "status", status);
	return to_text(o);
}

char *ddi_write_installed(const char *name, const char *version)
{
	json_object *o = json_object_new_object();

	put_text(o, "name", name);
	put_text(o, "version", version);
	return to_text(o);
}
