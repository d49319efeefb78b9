/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/guard/guard_record.h"

#include "cli/guard/guard_file.h"
#include "cli/output/output.h"
#include "cli/state/boot_json.h"
#include "lib/log.h"
#include "lib/os.h"
#include "lib/os_file.h"
#include "lib/util.h"

#include <stdio.h>
#include <string.h>

#define NAME	 "guard.json"
#define LOCK	 "guard.lock"
#define TEXT_MAX 16384
#define AGAIN_MS 100

static const char *const words[] = {
	[GUARD_TRIAL] = "trial", [GUARD_GOOD] = "good", [GUARD_BAD] = "bad"
};

const char *guard_record_word(enum guard_verdict verdict)
{
	return words[verdict];
}

static void folder_path(const struct device_options *o, char path[DEVICE_PATH_MAX])
{
	snprintf(path, DEVICE_PATH_MAX, "%s" GUARD_FOLDER, o->conf_root);
}

/* ---------------------------------------------------------------- the file, read */

static void take_number(json_object *o, const char *key, uint32_t *out)
{
	uint64_t value;

	if (boot_json_number(o, key, &value))
		*out = value > UINT32_MAX ? UINT32_MAX : (uint32_t)value;
}

static bool take_verdict(json_object *o, enum guard_verdict *verdict)
{
	const char *word = boot_json_text(o, "verdict");

	for (int i = GUARD_TRIAL; i <= GUARD_BAD; i++) {
		if (strcmp(word, words[i]) != 0)
			continue;
		*verdict = (enum guard_verdict)i;
		return true;
	}
	return false;
}

static bool take_entry(json_object *o, struct guard_entry *e)
{
	json_object *blessed;

	*e = (struct guard_entry){ .blessed = false };
	snprintf(e->id, sizeof(e->id), "%s", boot_json_text(o, "id"));
	snprintf(e->reason, sizeof(e->reason), "%s", boot_json_text(o, "reason"));
	take_number(o, "attempts", &e->attempts);
	take_number(o, "returned", &e->returned);
	take_number(o, "rollbacks", &e->rollbacks);
	if (json_object_object_get_ex(o, "blessed", &blessed))
		e->blessed = json_object_get_boolean(blessed);
	if (!boot_json_number(o, "time", &e->time))
		e->time = 0;
	return e->id[0] != '\0' && take_verdict(o, &e->verdict);
}

static bool take_record(struct guard_record *r, const char *text)
{
	/* bound: TEXT_MAX */
	json_object *doc = json_tokener_parse(text), *list;
	size_t n;
	bool ok;

	ok = doc != NULL && json_object_is_type(doc, json_type_object) &&
	     json_object_object_get_ex(doc, "deployments", &list) &&
	     json_object_is_type(list, json_type_array);
	n = ok ? json_object_array_length(list) : 0;
	for (size_t i = 0; ok && i < n && r->n < GUARD_ENTRIES_MAX; i++)
		ok = json_object_is_type(json_object_array_get_idx(list, i), json_type_object) &&
		     take_entry(json_object_array_get_idx(list, i), &r->entry[r->n++]);
	json_object_put(doc);
	return ok;
}

void guard_record_load(struct guard_record *r, const struct device_options *o)
{
	char folder[DEVICE_PATH_MAX], path[DEVICE_PATH_MAX + 16], text[TEXT_MAX];
	enum kb_err err;

	*r = (struct guard_record){ .n = 0 };
	folder_path(o, folder);
	snprintf(path, sizeof(path), "%s/" NAME, folder);
	err = os_read_file(path, text, sizeof(text), NULL);
	if (err == KB_ENOENT)
		return;
	if (err == KB_OK && take_record(r, text))
		return;
	*r = (struct guard_record){ .n = 0 };
	log_warn("%s: %s; what was good is not known any more", path,
		 err != KB_OK ? err_text(err) : "damaged");
}

/* ---------------------------------------------------------------- the file, written */

static json_object *make_record(const struct guard_record *r)
{
	json_object *doc = output_json_new(), *list = output_json_list();

	for (unsigned i = 0; i < r->n; i++) {
		const struct guard_entry *e = &r->entry[i];
		json_object *o = json_object_new_object();

		output_json_text(o, "id", e->id);
		output_json_text(o, "verdict", words[e->verdict]);
		output_json_number(o, "attempts", e->attempts);
		output_json_number(o, "returned", e->returned);
		output_json_number(o, "rollbacks", e->rollbacks);
		output_json_bool(o, "blessed", e->blessed);
		output_json_text(o, "reason", e->reason);
		output_json_number(o, "time", e->time);
		output_json_append(list, o);
	}
	output_json_add(doc, "deployments", list);
	return doc;
}

/* A folder whose name is not durable would take the record along. */
static enum kb_err make_folder(const char *root, int *dir)
{
	const char *rest = GUARD_FOLDER;
	char name[32];
	enum kb_err err = os_file_folder(root[0] != '\0' ? root : "/", dir);

	while (err == KB_OK && util_path_part(&rest, name, sizeof(name))) {
		err = os_file_mkdir(*dir, name, 0755);
		if (err == KB_OK)
			err = os_file_sync(*dir);
		if (err == KB_OK)
			err = os_file_enter(dir, name);
	}
	if (err != KB_OK)
		os_close(dir);
	return err;
}

/* So early in the first boot of a system, its /var may be empty. */
static enum kb_err open_folder(const struct device_options *o, int *dir)
{
	char path[DEVICE_PATH_MAX];
	enum kb_err err;

	folder_path(o, path);
	err = os_file_folder(path, dir);
	return err == KB_ENOENT ? make_folder(o->conf_root, dir) : err;
}

enum kb_err guard_record_save(const struct guard_record *r, const struct device_options *o)
{
	json_object *doc = make_record(r);
	int dir = -1;
	enum kb_err err = open_folder(o, &dir);

	if (err == KB_OK)
		err = guard_file_replace(
			dir, NAME, json_object_to_json_string_ext(doc, JSON_C_TO_STRING_PRETTY));
	if (err != KB_OK)
		log_err("%s" GUARD_FOLDER "/" NAME ": unable to write: %s", o->conf_root,
			err_text(err));
	os_close(&dir);
	json_object_put(doc);
	return err;
}

/* In the run folder: a look must not write to a disk. */
enum kb_err guard_record_lock(const struct device_options *o, unsigned ms, int *fd)
{
	uint64_t end = os_now_ms() + ms;
	int dir = -1;
	enum kb_err err;

	*fd = -1;
	err = os_mkdir(o->run_dir, 0755);
	if (err == KB_OK)
		err = os_file_folder(o->run_dir, &dir);
	if (err == KB_OK)
		err = os_file_private(dir, LOCK, fd);
	os_close(&dir);
	while (err == KB_OK && (err = os_lock(*fd)) == KB_EBUSY && os_now_ms() < end) {
		os_sleep_ms(AGAIN_MS);
		err = KB_OK;
	}
	if (err == KB_OK)
		return KB_OK;
	log_err("%s/" LOCK ": %s", o->run_dir,
		err == KB_EBUSY ? "another process has it" : err_text(err));
	os_close(fd);
	return err;
}

/* ---------------------------------------------------------------- its entries */

struct guard_entry *guard_record_find(struct guard_record *r, const char *id)
{
	for (unsigned i = 0; i < r->n; i++)
		if (strcmp(r->entry[i].id, id) == 0)
			return &r->entry[i];
	return NULL;
}

uint64_t guard_record_now(const struct guard_record *r)
{
	uint64_t now = os_time_s();

	for (unsigned i = 0; i < r->n; i++)
		if (r->entry[i].time >= now && r->entry[i].time < UINT64_MAX)
			now = r->entry[i].time + 1;
	return now;
}

const struct guard_entry *guard_record_other(const struct guard_record *r, const char *id)
{
	const struct guard_entry *best = NULL;

	for (unsigned i = 0; i < r->n; i++) {
		const struct guard_entry *e = &r->entry[i];

		if (e->verdict == GUARD_GOOD && strcmp(e->id, id) != 0 &&
		    (best == NULL || e->time > best->time))
			best = e;
	}
	return best;
}

struct guard_entry *guard_record_add(struct guard_record *r, const char *id)
{
	const struct guard_entry *good = guard_record_other(r, id);
	unsigned last = r->n;

	if (last == GUARD_ENTRIES_MAX) {
		last--;
		if (good == &r->entry[last])
			last--; /* a fallback is worth more than what came behind it */
		for (unsigned i = last; i + 1 < r->n; i++)
			r->entry[i] = r->entry[i + 1];
		r->n--;
		last = r->n;
	}
	memmove(&r->entry[1], &r->entry[0], last * sizeof(r->entry[0]));
	r->n++;
	r->entry[0] = (struct guard_entry){ .verdict = GUARD_TRIAL };
	snprintf(r->entry[0].id, sizeof(r->entry[0].id), "%s", id);
	return &r->entry[0];
}
