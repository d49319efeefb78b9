/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/verbs.h"
#include "cli/state/state_export.h"
#include "cli/state/state_init.h"
#include "cli/state/state_json.h"

#include "lib/log.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { JSON = 1 };

static const struct args_option table[] = {
	{ "json", 0, false, JSON },
	{ .name = NULL },
};

/* The record as it stands on the medium: what a person sees there with `strings`, too. */
static enum kb_err print_state_text(const struct device *d)
{
	static char text[STATE_PAYLOAD_MAX];
	size_t len;

	TRY(state_encode(&d->state, text, sizeof(text), &len));
	printf("# %s: record %" PRIu64 ", region %d, cell %d\n", d->state_path, d->state.seq,
	       d->store.region + 1, d->store.cell);
	fwrite(text, 1, len, stdout);
	return output_flush();
}

static int show_cmd(struct args *a, struct device_options *o)
{
	static struct device d;
	bool json = false;
	enum kb_err err;
	int id;

	a->tables[0] = table;
	while ((id = device_options_next(a, o)) != ARGS_END) {
		if (id != JSON)
			return args_wrong(a, id, "state");
		json = true;
	}
	device_init(&d, o);
	err = device_open_to_read(&d);
	if (err != KB_OK)
		return output_exit_code(err);
	err = device_need_state(&d);
	if (err == KB_OK)
		err = json ? output_json_print(state_json(&d.state), false) : print_state_text(&d);
	device_close(&d);
	return output_exit_code(err);
}

int state_cmd(struct args *a, struct device_options *o)
{
	int id = device_options_next(a, o);

	if (id == ARGS_END)
		return args_missing("state", "show, export or init");
	if (id != ARGS_OPERAND)
		return args_wrong(a, id, "state");
	if (strcmp(a->value, "show") == 0)
		return show_cmd(a, o);
	if (strcmp(a->value, "init") == 0)
		return state_init_cmd(a, o);
	if (strcmp(a->value, "export") == 0)
		return state_export_cmd(a, o);
	log_err("state: \"%s\" is unknown; expected show, export or init", a->value);
	return OUTPUT_USAGE;
}
