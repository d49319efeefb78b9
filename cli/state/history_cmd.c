/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/failure/failure.h"
#include "cli/verbs.h"

#include "lib/bytes.h"
#include "lib/log.h"

#include <stdio.h>

enum { JSON = 1, COUNT };

static const struct args_option table[] = {
	{ "json", 0, false, JSON },
	{ "number", 'n', true, COUNT },
	{ .name = NULL },
};

static bool print_history_event(void *ctx, const struct history_event *e)
{
	char when[OUTPUT_TIME_LEN], sentence[OUTPUT_LINE_LEN];
	unsigned *printed = ctx;

	output_time(when, e->time, false);
	output_event_sentence(sentence, e);
	printf("%-20s  %-7s  %s\n", when[0] != '\0' ? when : "-", history_kind_name(e->kind),
	       sentence);
	(*printed)++;
	return true;
}

struct collecting {
	json_object *events;
	unsigned n;
	struct failure_list failures;
};

static bool collect_event(void *ctx, const struct history_event *e)
{
	struct collecting *c = ctx;
	unsigned number = failure_number(&c->failures, e);
	json_object *o = output_event_json(e);

	output_json_add(o, "words",
			number > 0 ? failure_words_json(&c->failures.failure[number - 1]) : NULL);
	output_json_append(c->events, o);
	c->n++;
	return true;
}

static int print_history_json(struct device *d, unsigned max)
{
	static struct collecting c;
	json_object *o = output_json_new();
	enum kb_err err;

	c.events = output_json_list();
	failure_collect(&c.failures, d);
	err = store_history_read(&d->store, max, collect_event, &c);
	output_json_add(o, "events", c.events);
	if (err != KB_OK)
		log_err("state partition %s: the history cannot be read: %s", d->state_path,
			err_text(err));
	else if (c.n == 0 && d->finding == STORE_LOST)
		err = device_need_state(d);
	if (output_json_print(o, false) != KB_OK)
		return OUTPUT_FAILURE;
	return output_exit_code(err);
}

static int print_history_text(struct device *d, unsigned max)
{
	unsigned printed = 0;
	enum kb_err err = store_history_read(&d->store, max, print_history_event, &printed);

	if (err != KB_OK)
		log_err("state partition %s: the history cannot be read: %s", d->state_path,
			err_text(err));
	else if (printed == 0 && d->finding == STORE_LOST)
		err = device_need_state(d);
	else if (printed == 0)
		log_warn("nothing has happened yet");
	if (output_flush() != KB_OK)
		return OUTPUT_FAILURE;
	return output_exit_code(err);
}

int history_cmd(struct args *a, struct device_options *o)
{
	static struct device d;
	bool json = false;
	uint64_t max = 0;
	enum kb_err err;
	int id, code;

	a->tables[0] = table;
	while ((id = device_options_next(a, o)) != ARGS_END) {
		if (id == JSON) {
			json = true;
		} else if (id != COUNT) {
			return args_wrong(a, id, "history");
		} else if (bytes_decimal(&max, a->value, 1000000) != KB_OK || max == 0) {
			log_err("-n %s: expected a number above 0", a->value);
			return OUTPUT_USAGE;
		}
	}
	device_init(&d, o);
	err = device_open_to_read(&d);
	if (err != KB_OK)
		return output_exit_code(err);
	code = json ? print_history_json(&d, (unsigned)max) : print_history_text(&d, (unsigned)max);
	device_close(&d);
	return code;
}
