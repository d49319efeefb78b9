/* SPDX-License-Identifier: Apache-2.0 */
/* `keelboot loader`: the boot loader itself, where the device has two copies of it. */
#include "cli/loader/copies_write.h"
#include "cli/loader/loader_image.h"

#include "cli/stage/incoming.h"
#include "cli/verbs.h"
#include "lib/log.h"
#include "lib/util.h"
#include "update/bundle/manifest_fits.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { JSON = 1 };

static const struct args_option table[] = {
	{ "json", 0, false, JSON },
	{ .name = NULL },
};

struct loader_args {
	/* "status", "install", "keep" */
	const char *verb;
	const char *file;
	bool json;
};

static struct device d;
static struct reader *reader;

static int read_loader_args(struct args *a, struct device_options *o, struct loader_args *l)
{
	int id;

	a->tables[0] = table;
	while ((id = device_options_next(a, o)) != ARGS_END) {
		if (id == JSON)
			l->json = true;
		else if (id == ARGS_OPERAND && l->verb == NULL)
			l->verb = a->value;
		else if (id == ARGS_OPERAND && l->file == NULL)
			l->file = a->value;
		else
			return args_wrong(a, id, "loader");
	}
	if (l->verb == NULL)
		l->verb = "status";
	if (strcmp(l->verb, "install") == 0)
		return l->file == NULL ? args_missing("loader install", "the FILE of a bundle")
				       : OUTPUT_OK;
	if (l->file == NULL && (strcmp(l->verb, "status") == 0 || strcmp(l->verb, "keep") == 0))
		return OUTPUT_OK;
	log_err("loader: unknown verb, or an operand too many: %.40s %.40s", l->verb,
		l->file != NULL ? l->file : "");
	return OUTPUT_USAGE;
}

static enum kb_err report(const struct copies *c, enum kb_err err)
{
	if (err != KB_OK)
		log_err("loader: %s", c->why);
	return err;
}

/* Before anything is written: under the lock, since another command may have set the other one. */
static enum kb_err find_copies(struct copies *c)
{
	*c = (struct copies){ .disk = d.conf.loader_copies,
			      .sys_root = "",
			      .environment = conf_loader_counter(&d.conf),
			      .environment_named = conf_loader_has_counter(&d.conf) };
	return report(c, copies_look(c));
}

static enum kb_err check_two(void)
{
	if (d.conf.loader_copies[0] != '\0')
		return KB_OK;
	log_err("loader: this device has one copy of its boot loader, which is never updated; if an eMMC has two, [loader] copies= of system.conf names it (docs/KERNEL.md)");
	return KB_ECOMPAT;
}

/* ---------------------------------------------------------------- status */

static const char *const runs[] = {
	[COPIES_RUNS_UNKNOWN] = "unknown",
	[COPIES_RUNS_SET] = "set",
	[COPIES_RUNS_OTHER] = "other",
};

static enum kb_err print_copies_json(const struct copies *c)
{
	json_object *o = output_json_new();

	output_json_text(o, "disk", c->disk);
	output_json_number(o, "set", c->set);
	output_json_text(o, "runs", runs[c->runs]);
	output_json_text(o, "version", c->version[0] != '\0' ? c->version : NULL);
	output_json_number(o, "room", c->emmc.boot_bytes);
	return output_json_print(o, false);
}

static enum kb_err print_copies(const struct copies *c)
{
	char room[OUTPUT_TIME_LEN];

	output_size(room, c->emmc.boot_bytes);
	printf("%s is set to start the boot loader in boot area %u; each area has room for %s.\n",
	       c->disk, c->set, room);
	switch (c->runs) {
	case COPIES_RUNS_SET:
		printf("That one runs: %s.\n", c->version);
		break;
	case COPIES_RUNS_OTHER:
		printf("The one in boot area %u runs: %s. Restart to try the other one; if it was restarted since, that did not start: keelboot loader keep.\n",
		       c->other, c->version);
		break;
	case COPIES_RUNS_UNKNOWN:
		printf("Nobody knows which copy runs: %s. Nothing is installed.\n",
		       c->version[0] != '\0'
			       ? "no copy has the version that it says, or both have it and differ"
			       : "it does not say its version");
		break;
	}
	return output_flush();
}

static enum kb_err show_copies(struct copies *c, bool json)
{
	TRY(find_copies(c));
	return json ? print_copies_json(c) : print_copies(c);
}

/* ---------------------------------------------------------------- install */

/* One that is on trial may be left at the next start, and with it what it has judged. */
static enum kb_err check_booted(void)
{
	if (d.booted >= 0 && d.booted < d.state.nslots && d.state.slot[d.booted].st == STATE_GOOD)
		return KB_OK;
	log_err("loader: only a good slot that runs may do that; run keelboot mark good first");
	return KB_ENOTARGET;
}

static enum kb_err check_bundle(const char *file)
{
	const struct manifest *m = &reader->m;
	char why[MANIFEST_WHY];
	enum kb_err err = manifest_fits_device(why, m, d.conf.compatible);

	if (err == KB_OK && (m->nimages != 1 || strcmp(m->image[0].name, CONF_CLASS_LOADER) != 0)) {
		err = KB_ECOMPAT;
		snprintf(
			why, sizeof(why),
			"expected a bundle with one image, %s, and no other; make it with keelboot bundle create --image %s=FILE",
			CONF_CLASS_LOADER, CONF_CLASS_LOADER);
	}
	if (err == KB_OK && reader->release.sequence < d.state.floor) {
		err = KB_EDOWNGRADE;
		snprintf(why, sizeof(why), "its sequence is below this device's floor");
	}
	if (err != KB_OK)
		log_err("%s: %s", file, why);
	return err;
}

static enum kb_err install_image(struct copies *c, const char *file)
{
	struct loader_image image = { .r = reader, .helper = incoming_helper() };
	enum kb_err err;

	if (image.helper == NULL)
		return KB_EEXEC;
	TRY(check_bundle(file));
	TRY(report(c, copies_write_allowed(c, reader->m.image[0].size)));
	err = loader_image_read(&image);
	if (err != KB_OK)
		log_err("%s: %s", file, image.why);
	else
		err = report(c,
			     copies_write_image(c, image.data, image.len, reader->release.version));
	if (err == KB_OK)
		device_history_release(&d, HISTORY_STATE, &reader->release,
				       "boot loader written to the other copy, which starts next",
				       d.conf.loader_copies);
	loader_image_free(&image);
	return err;
}

static enum kb_err open_and_install(struct copies *c, const struct keyring *keys, const char *file)
{
	KB_CLEANUP_FD int fd = -1;
	uint64_t size;
	enum kb_err err;

	TRY(incoming_open(file, &fd, &size));
	err = reader_open(reader, fd, false, size, keys);
	if (err == KB_OK)
		err = install_image(c, file);
	else
		log_err("%s: %s", file, reader->why[0] != '\0' ? reader->why : err_text(err));
	reader_close(reader);
	return err;
}

static enum kb_err install_loader(struct copies *c, const char *file)
{
	static struct keyring keys;
	enum kb_err err;

	TRY(incoming_device_named(&d));
	TRY(incoming_keys(&d, &keys));
	err = device_open_to_change(&d);
	if (err == KB_OK) {
		err = check_booted();
		if (err == KB_OK)
			err = find_copies(c);
		if (err == KB_OK)
			err = open_and_install(c, &keys, file);
		device_close(&d);
	}
	keyring_free(&keys);
	if (err == KB_OK)
		printf("The loader is in boot area %u, and starts next. Restart to try it; keelboot loader says then which one runs.\n",
		       c->other);
	return err;
}

/* ---------------------------------------------------------------- keep */

static enum kb_err keep_running(struct copies *c)
{
	enum kb_err err = device_open_to_change(&d);

	if (err != KB_OK)
		return err;
	err = find_copies(c);
	if (err == KB_OK)
		err = report(c, copies_write_keep(c));
	if (err == KB_OK)
		(void)device_history(&d, HISTORY_STATE, STATE_NONE,
				     "the copy of the boot loader that runs is set again", c->disk);
	device_close(&d);
	if (err == KB_OK)
		printf("%s is set to boot area %u, whose loader runs.\n", c->disk, c->other);
	return err;
}

int loader_cmd(struct args *a, struct device_options *o)
{
	static struct copies c;
	struct loader_args l = { 0 };
	int code = read_loader_args(a, o, &l);
	enum kb_err err;

	if (code != OUTPUT_OK || l.verb == NULL)
		return code;
	/* bound: one struct */
	reader = calloc(1, sizeof(*reader));
	if (reader == NULL)
		return output_exit_code(KB_ENOMEM);
	device_init(&d, o);
	err = check_two();
	if (err == KB_OK && strcmp(l.verb, "install") == 0)
		err = install_loader(&c, l.file);
	else if (err == KB_OK && strcmp(l.verb, "keep") == 0)
		err = keep_running(&c);
	else if (err == KB_OK)
		err = show_copies(&c, l.json);
	return output_exit_code(err);
}
