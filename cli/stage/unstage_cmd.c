/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/verbs.h"
#include "cli/stage/stage_files.h"
#include "cli/stage/stage_owner.h"

#include "lib/log.h"

#include <stdio.h>

enum { BY_FLEET = 1 };

static const struct args_option table[] = {
	{ "by-fleet", 0, false, BY_FLEET },
	{ .name = NULL },
};

/* Large, and one at a time. */
static struct device d;

static enum kb_err forget_staged(bool by_fleet)
{
	struct state_staged staged = d.state.staged;
	struct plan_release release = { .version = "" };
	char why[STAGE_OWNER_WHY];

	if (staged.source == STATE_SRC_NONE)
		return KB_ENOENT;
	if (by_fleet)
		TRY(stage_owner_allows_fleet(&d.conf, &staged, why));
	d.state.staged = (struct state_staged){ .source = STATE_SRC_NONE };
	TRY(device_save(&d));
	device_history_release(&d, HISTORY_STATE, &release, "the staged update was forgotten", "");
	if (staged.source == STATE_SRC_DATA)
		stage_files_remove(&d.conf, staged.release);
	return KB_OK;
}

int unstage_cmd(struct args *a, struct device_options *o)
{
	bool by_fleet = false;
	enum kb_err err;
	int id;

	a->tables[0] = table;
	while ((id = device_options_next(a, o)) != ARGS_END) {
		if (id != BY_FLEET)
			return args_wrong(a, id, "unstage");
		by_fleet = true;
	}
	device_init(&d, o);
	err = device_open_to_change(&d);
	if (err != KB_OK)
		return output_exit_code(err);
	err = forget_staged(by_fleet);
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
