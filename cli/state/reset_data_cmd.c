/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/state/boot_json.h"
#include "cli/verbs.h"

#include "initramfs/data/anew.h"
#include "lib/conf_data.h"
#include "lib/conf_keys.h"
#include "lib/conf_paths.h"
#include "lib/log.h"
#include "lib/os.h"
#include "lib/os_file.h"
#include "lib/util.h"
#include "selector/factory.h"

#include <stdio.h>
#include <string.h>

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
struct rule {
	json_object *boot, *data;
	const char *keep, *template;
};

static void read_rule(struct rule *r)
{
	*r = (struct rule){ .boot = boot_json_read(d.opts),
			    .keep = d.conf.data_keep,
			    .template = d.conf.data_template };
	if (!d.run_found || r->boot == NULL ||
	    !json_object_object_get_ex(r->boot, "data", &r->data))
		return;
	r->keep = boot_json_text(r->data, "keep");
	r->template = boot_json_text(r->data, "template");
}

/* One that cannot be read must not delete what it was to keep. */
static enum kb_err check_rule(const struct rule *r)
{
	char what[CONF_DATA_WHAT_MAX + 1];

	for (const struct conf_key *key = conf_keys; key->section != NULL; key++)
		if (key->stops != NULL && boot_json_is_null(r->data, key->key)) {
			log_err("[data] %s= of the initramfs cannot be read: nothing is reset; make it anew, with a good system.conf",
				key->key);
			return KB_EINVAL;
		}
	if (!conf_data_bars_reset(&d.conf, what))
		return KB_OK;
	log_err("%s of system.conf cannot be read: nothing is reset; mend it (keelboot check-config), and make the initramfs anew",
		what);
	return KB_EINVAL;
}

/* Each part of "ids etc/keys" is on the data partition, and the whole is not. */
static bool is_meant_as_list(const char *name)
{
	char path[DEVICE_PATH_MAX];

	snprintf(path, sizeof(path), "%s/%s", d.conf.data_mount, name);
	if (strchr(name, ' ') == NULL || os_exists(path))
		return false;
	for (size_t len; *name != '\0'; name += len + (name[len] == ' ')) {
		len = strcspn(name, " ");
		snprintf(path, sizeof(path), "%s/%.*s", d.conf.data_mount, (int)len, name);
		if (!os_exists(path))
			return false;
	}
	return true;
}

static enum kb_err check_blanks(const struct rule *r)
{
	const char *list = r->keep;
	char one[CONF_PATHS_LEN + 1];

	while (!device_data_is_elsewhere(&d) && conf_paths_next(&list, one, sizeof(one))) {
		if (!is_meant_as_list(one))
			continue;
		log_err("[data] keep=%s: nothing is called \"%s\" on the data partition: nothing is reset; separate names by commas, and make the initramfs anew",
			r->keep, one);
		return KB_EINVAL;
	}
	return KB_OK;
}

/* What is missing is noticed by the boot when all is deleted. With --conf-root, it is not known
 * where that root is. */
static enum kb_err check_template(const struct rule *r)
{
	KB_CLEANUP_FD int root = -1, dir = -1;
	enum kb_err err;

	if (r->template[0] == '\0' || !d.run_found || d.opts->conf_root[0] != '\0')
		return KB_OK;
	err = os_file_folder("/", &root);
	if (err == KB_OK)
		err = anew_open_template(root, r->template, &dir);
	if (err != KB_OK)
		log_err("[data] template=%s is no folder of the running system (%s): nothing is reset; add it to the release, or correct template= and make the initramfs anew",
			r->template, err_text(err));
	return err == KB_OK ? KB_OK : KB_EINVAL;
}

static void print_marked(const struct rule *r)
{
	printf("The next boot deletes what is on the data partition");
	if (r->keep[0] != '\0')
		printf(", but for %s", r->keep);
	if (r->template[0] != '\0')
		printf(", and copies %s of its slot to it", r->template);
	puts(".\nTo take that back: keelboot reset-data --cancel");
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

static int change(bool cancel, const struct rule *r)
{
	bool changed = false;
	enum kb_err err = cancel ? KB_OK : check_rule(r);

	if (err == KB_OK && !cancel)
		err = check_blanks(r);
	if (err == KB_OK && !cancel)
		err = check_template(r);
	if (err == KB_OK)
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
		print_marked(r);
	return output_flush() == KB_OK ? OUTPUT_OK : OUTPUT_FAILURE;
}

int reset_data_cmd(struct args *a, struct device_options *o)
{
	bool cancel = false;
	struct rule r;
	int id, code;

	a->tables[0] = table;
	while ((id = device_options_next(a, o)) != ARGS_END) {
		if (id != CANCEL)
			return args_wrong(a, id, "reset-data");
		cancel = true;
	}
	device_init(&d, o);
	read_rule(&r);
	code = change(cancel, &r);
	json_object_put(r.boot);
	return code;
}
