/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/guard/guard_boot.h"

#include "cli/output/output.h"
#include "cli/state/boot_json.h"
#include "lib/log.h"
#include "lib/os.h"

#include <stdio.h>
#include <string.h>

#define PATH_MAX_HERE (DEVICE_PATH_MAX + 16)

static void path_of(const struct device_options *o, const char *name, char path[PATH_MAX_HERE])
{
	snprintf(path, PATH_MAX_HERE, "%s/%s", o->run_dir, name);
}

static uint32_t number_of(json_object *doc, const char *key)
{
	uint64_t value;

	return boot_json_number(doc, key, &value) && value <= UINT32_MAX ? (uint32_t)value : 0;
}

bool guard_boot_read(const struct device_options *o, struct guard_boot *b)
{
	char path[PATH_MAX_HERE], text[2048];
	json_object *doc;

	*b = (struct guard_boot){ .attempt = 0 };
	path_of(o, "guard.json", path);
	if (os_read_file(path, text, sizeof(text), NULL) != KB_OK)
		return false;
	/* bound: the size of text */
	doc = json_tokener_parse(text);
	if (doc == NULL || !json_object_is_type(doc, json_type_object)) {
		json_object_put(doc);
		return false;
	}
	snprintf(b->id, sizeof(b->id), "%s", boot_json_text(doc, "deployment"));
	b->attempt = number_of(doc, "attempt");
	b->deadline_s = number_of(doc, "deadline");
	b->due_s = number_of(doc, "due");
	snprintf(b->watchdog, sizeof(b->watchdog), "%s", boot_json_text(doc, "watchdog"));
	snprintf(b->watchdog_note, sizeof(b->watchdog_note), "%s",
		 boot_json_text(doc, "watchdog_note"));
	json_object_put(doc);
	return b->id[0] != '\0';
}

enum kb_err guard_boot_write(const struct device_options *o, const struct guard_boot *b)
{
	json_object *doc = output_json_new();
	char path[PATH_MAX_HERE];
	const char *text;
	enum kb_err err;

	output_json_text(doc, "deployment", b->id);
	output_json_number(doc, "attempt", b->attempt);
	output_json_number(doc, "deadline", b->deadline_s);
	output_json_number(doc, "due", b->due_s);
	output_json_text(doc, "watchdog", b->watchdog);
	output_json_text(doc, "watchdog_note", b->watchdog_note);
	path_of(o, "guard.json", path);
	text = json_object_to_json_string(doc);
	err = os_mkdir(o->run_dir, 0755);
	if (err == KB_OK)
		err = os_write_file(path, text, strlen(text));
	if (err != KB_OK)
		log_err("%s: unable to write: %m", path);
	json_object_put(doc);
	return err;
}

bool guard_boot_left(const struct device_options *o)
{
	char path[PATH_MAX_HERE];

	path_of(o, "guard-left", path);
	return os_exists(path);
}

void guard_boot_leave(const struct device_options *o)
{
	char path[PATH_MAX_HERE];

	path_of(o, "guard-left", path);
	if (os_write_file(path, "", 0) != KB_OK)
		log_warn("%s: unable to write: %m; bad= may run again in this boot", path);
}
