/* SPDX-License-Identifier: Apache-2.0 */
/* `keelboot state export`: all that the state partition knows, for whoever has to help. */
#include "cli/state/state_export.h"

#include "cli/failure/failure.h"
#include "cli/state/boot_json.h"
#include "cli/state/state_json.h"
#include "lib/log.h"
#include "lib/os.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { TEXT = 1 };

static const struct args_option table[] = {
	{ "text", 0, false, TEXT },
	{ .name = NULL },
};

static bool export_event(void *ctx, const struct history_event *e)
{
	output_json_append(ctx, output_event_json(e));
	return true;
}

static bool print_event_line(void *ctx, const struct history_event *e)
{
	char when[OUTPUT_TIME_LEN], sentence[OUTPUT_LINE_LEN];

	(void)ctx;
	output_time(when, e->time, false);
	output_event_sentence(sentence, e);
	printf("# %" PRIu64 " %s %s\n", e->n, when[0] != '\0' ? when : "-", sentence);
	return true;
}

/* Slots beyond those of the record, too: what an earlier life of the device left. */
static json_object *export_manifests(struct device *d)
{
	json_object *list = output_json_list();

	for (int i = 0; i < STATE_SLOTS_MAX; i++) {
		struct store_manifest m;
		enum kb_err err = store_manifest_read(&d->store, i, &m, NULL, 0);
		json_object *o;

		if (err == KB_EBLANK)
			continue;
		o = json_object_new_object();
		output_json_slot(o, "slot", i);
		output_json_text(o, "error", err == KB_OK ? NULL : err_text(err));
		if (err == KB_OK) {
			output_json_text(o, "version", m.version);
			output_json_number(o, "sequence", m.sequence);
			output_json_number(o, "floor", m.floor);
			output_json_hex(o, "release", m.release, STATE_ID_LEN);
		}
		output_json_append(list, o);
	}
	return list;
}

static json_object *export_store_json(const struct device *d)
{
	json_object *o = json_object_new_object(), *regions = output_json_list();

	output_json_text(o, "path", d->state_path);
	output_json_text(o, "finding",
			 d->finding == STORE_FOUND   ? "found"
			 : d->finding == STORE_BLANK ? "blank"
						     : "lost");
	output_json_number(o, "size", d->dev->size);
	output_json_number(o, "second", d->store.second);
	output_json_number(o, "region", d->store.region >= 0 ? (uint64_t)d->store.region + 1 : 0);
	output_json_number(o, "cell", d->store.cell >= 0 ? (uint64_t)d->store.cell : 0);
	for (int i = 0; i < 2; i++)
		output_json_append(regions,
				   json_object_new_string(d->store.region_dead[i]  ? "unreadable"
							  : d->store.has_record[i] ? "ok"
										   : "no-record"));
	output_json_add(o, "regions", regions);
	return o;
}

static enum kb_err record_text(const struct device *d, char text[STATE_PAYLOAD_MAX + 1])
{
	size_t len;

	TRY(state_encode(&d->state, text, STATE_PAYLOAD_MAX, &len));
	text[len] = '\0';
	return KB_OK;
}

static bool export_piece(void *ctx, const struct words *w)
{
	json_object *o = failure_piece_json(w);

	output_json_slot(o, "slot", w->slot);
	output_json_text(o, "version", w->version);
	output_json_number(o, "sequence", w->sequence);
	output_json_append(ctx, o);
	return true;
}

static json_object *export_words(struct device *d)
{
	json_object *list = output_json_list();

	store_words_read(&d->store, export_piece, list);
	return list;
}

static enum kb_err export_json(struct device *d)
{
	static char text[STATE_PAYLOAD_MAX + 1];
	json_object *o = output_json_new(), *events = output_json_list();
	bool found = d->finding == STORE_FOUND && record_text(d, text) == KB_OK;

	output_json_text(o, "keelboot", KB_VERSION);
	output_json_number(o, "time", output_now());
	output_json_text(o, "compatible", d->conf.compatible);
	output_json_add(o, "store", export_store_json(d));
	output_json_add(o, "record", found ? state_json(&d->state) : NULL);
	output_json_text(o, "text", found ? text : NULL);
	output_json_add(o, "manifests", export_manifests(d));
	if (store_history_read(&d->store, 0, export_event, events) != KB_OK)
		log_warn("the history cannot be read; it is missing here");
	output_json_add(o, "history", events);
	output_json_add(o, "words", export_words(d));
	output_json_add(o, "boot", boot_json_read(d->opts));
	return output_json_print(o, false);
}

/* As `strings` would show it, with the history behind it as comments. */
static enum kb_err export_text(struct device *d)
{
	static char text[STATE_PAYLOAD_MAX + 1];

	printf("# keelboot " KB_VERSION ", %s\n", d->state_path);
	if (d->finding != STORE_FOUND) {
		printf("# %s\n", d->finding == STORE_BLANK ? "never written" : "no valid record");
	} else {
		TRY(record_text(d, text));
		printf("# record %" PRIu64 ", region %d, cell %d\n%s", d->state.seq,
		       d->store.region + 1, d->store.cell, text);
	}
	if (store_history_read(&d->store, 0, print_event_line, NULL) != KB_OK)
		log_warn("the history cannot be read; it is missing here");
	return output_flush();
}

/* Never over something that is there: it may be the only copy of what helps. */
static enum kb_err open_output(const char *file)
{
	if (file == NULL || strcmp(file, "-") == 0)
		return KB_OK;
	if (freopen(file, "wx", stdout) != NULL)
		return KB_OK;
	log_err("%s: cannot be made: %s", file, strerror(errno));
	return KB_EIO;
}

int state_export_cmd(struct args *a, struct device_options *o)
{
	static struct device d;
	const char *file = NULL;
	bool text = false;
	enum kb_err err;
	int id;

	a->tables[0] = table;
	while ((id = device_options_next(a, o)) != ARGS_END) {
		if (id == TEXT)
			text = true;
		else if (id != ARGS_OPERAND || file != NULL)
			return args_wrong(a, id, "state");
		else
			file = a->value;
	}
	device_init(&d, o);
	err = device_open_to_read(&d);
	if (err != KB_OK)
		return output_exit_code(err);
	err = open_output(file);
	if (err == KB_OK) {
		err = text ? export_text(&d) : export_json(&d);
		/* Half of it would be in the way of the next try. */
		if (err != KB_OK && file != NULL && strcmp(file, "-") != 0) {
			log_err("%s: not whole, so it is removed; is there room?", file);
			(void)!os_unlink(file);
		}
	}
	device_close(&d);
	return err == KB_OK ? OUTPUT_OK : OUTPUT_FAILURE;
}
