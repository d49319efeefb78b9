/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/state/boot_json.h"
#include "cli/verbs.h"

#include "lib/log.h"
#include "selector/factory.h"

#include <stdio.h>

enum { CANCEL = 1 };

static const struct args_option table[] = {
	{ "cancel", 0, false, CANCEL },
	{ .name = NULL },
};

/* Large, and one at a time. */
static struct device d;

/* *changed is false: it is as it shall be already. */
static enum kb_err change_marker(bool cancel, bool *changed)
{
	*changed = factory_is_asked(&d.state) == cancel;
	if (!*changed)
		return KB_OK;
	if (cancel)
		factory_forget(&d.state);
	else
		factory_ask(&d.state);
	TRY(device_save(&d));
	device_history(&d, HISTORY_STATE, STATE_NONE,
		       cancel ? "the data partition is not made anew"
			      : "the data partition is to be made anew",
		       "command");
	return KB_OK;
}

/* The initramfs does it, by its own system.conf: as far as the boot has reported that. */
static void print_marked(void)
{
	json_object *boot = boot_json_read(d.opts), *data = NULL;
	bool known = d.run_found && boot != NULL && json_object_object_get_ex(boot, "data", &data);
	const char *keep = known ? boot_json_text(data, "keep") : d.conf.data_keep;
	const char *template = known ? boot_json_text(data, "template") : d.conf.data_template;

	printf("The next boot deletes what is on the data partition");
	if (keep[0] != '\0')
		printf(", but for %s", keep);
	if (template[0] != '\0')
		printf(", and copies %s of its slot to it", template);
	puts(".\nTo take that back: keelboot reset-data --cancel");
	json_object_put(boot);
}

static enum kb_err open_and_change(bool cancel, bool *changed)
{
	enum kb_err err;

	TRY(device_open_to_change(&d));
	err = d.state.newer ? KB_ENEWER : change_marker(cancel, changed);
	device_close(&d);
	if (err == KB_ENEWER)
		log_err("the state was written by a newer Keelboot: use that one");
	return err;
}

int reset_data_cmd(struct args *a, struct device_options *o)
{
	bool cancel = false, changed = false;
	enum kb_err err;
	int id;

	a->tables[0] = table;
	while ((id = device_options_next(a, o)) != ARGS_END) {
		if (id != CANCEL)
			return args_wrong(a, id, "reset-data");
		cancel = true;
	}
	device_init(&d, o);
	err = open_and_change(cancel, &changed);
	if (err != KB_OK)
		return output_exit_code(err);
	if (!changed) {
		log_warn("%s", cancel ? "no reset of the data is waiting"
				      : "a reset of the data is waiting for the next boot already");
		return OUTPUT_NOTHING;
	}
	if (cancel)
		puts("The data stays as it is.");
	else
		print_marked();
	return output_flush() == KB_OK ? OUTPUT_OK : OUTPUT_FAILURE;
}
