/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/verbs.h"
#include "cli/stage/stage_files.h"

#include "lib/log.h"

#include <stdio.h>

/* Large, and one at a time. */
static struct device d;

static enum kb_err forget_staged(void)
{
	struct state_staged staged = d.state.staged;
	struct plan_release release = { .version = "" };

	if (staged.source == STATE_SRC_NONE)
		return KB_ENOENT;
	d.state.staged = (struct state_staged){ .source = STATE_SRC_NONE };
	TRY(device_save(&d));
	device_history_release(&d, HISTORY_STATE, &release, "the staged update was forgotten", "");
	if (staged.source == STATE_SRC_DATA)
		stage_files_remove(&d.conf, staged.release);
	return KB_OK;
}

int unstage_cmd(struct args *a, struct device_options *o)
{
	enum kb_err err;
	int id = device_options_next(a, o);

	if (id != ARGS_END)
		return args_wrong(a, id, "unstage");
	device_init(&d, o);
	err = device_open_to_change(&d);
	if (err != KB_OK)
		return output_exit_code(err);
	err = forget_staged();
	device_close(&d);
	if (err == KB_ENOENT) {
		log_warn("nothing is staged");
		return OUTPUT_NOTHING;
	}
	if (err == KB_OK) {
		puts("Nothing is staged any more.");
		err = output_flush();
	}
	return output_exit_code(err);
}
