/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/guard/guard.h"
#include "cli/state/boot_json.h"
#include "cli/verbs.h"
#include "cli/status/status.h"

enum { JSON = 1 };

static const struct args_option table[] = {
	{ "json", 0, false, JSON },
	{ .name = NULL },
};

int status_cmd(struct args *a, struct device_options *o)
{
	static struct device d;
	static struct status st;
	bool json = false;
	enum kb_err err = KB_OK;
	json_object *boot;
	int id;

	a->tables[0] = table;
	while ((id = device_options_next(a, o)) != ARGS_END) {
		if (id != JSON)
			return args_wrong(a, id, "status");
		json = true;
	}
	device_init(&d, o);
	if (o->state == NULL && guard_nothing(&d) == NULL)
		return guard_status(o, json);
	boot = boot_json_read(o);
	status_collect(&st, &d, boot);
	if (json) {
		err = output_json_print(status_json(&st), false);
	} else {
		status_text(&st);
		err = output_flush();
	}
	json_object_put(boot);
	device_close(&d);
	if (!st.have_state)
		return OUTPUT_FAILURE;
	return output_exit_code(err);
}
