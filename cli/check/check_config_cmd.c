/* SPDX-License-Identifier: Apache-2.0 */
/* `keelboot check-config`: on the device what is wrong in system.conf is a warning; here an error.
 */
#include "cli/verbs.h"

#include "kernel-cmdline/cmdline.h"
#include "lib/conf_fleet.h"
#include "lib/conf_paths.h"
#include "lib/container.h"
#include "lib/log.h"
#include "lib/stall.h"
#include "lib/util.h"
#include "selector/measured.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { JSON = 1 };

static const struct args_option table[] = {
	{ "json", 0, false, JSON },
	{ .name = NULL },
};

struct checking {
	/* NULL: all of the device's */
	const char *file;
	bool json;
	/* mistakes, and what may be right elsewhere */
	unsigned n, warnings;
	json_object *list, *warning_list;
};

static json_object *add_to(json_object *list, const char *file, int line, const char *text)
{
	json_object *o = json_object_new_object();

	output_json_text(o, "file", file);
	output_json_number(o, "line", (uint64_t)line);
	output_json_text(o, "text", text);
	output_json_append(list, o);
	return o;
}

static void add_complaint(struct checking *c, const char *file, int line, const char *text,
			  bool missing)
{
	c->n++;
	if (c->json)
		output_json_bool(add_to(c->list, file, line, text), "missing", missing);
	else if (line > 0)
		log_err("%s:%d: %s", file, line, text);
	else
		log_err("%s: %s", file, text);
}

static void print_complaint(void *ctx, const char *file, int line, const char *text)
{
	add_complaint(ctx, file, line, text, false);
}

/* Not there, rather than wrong: an initramfs may leave it to the device. */
static void print_missing(struct checking *c, const char *text)
{
	add_complaint(c, "system.conf", 0, text, true);
}

static void print_warning(struct checking *c, const char *file, const char *text)
{
	c->warnings++;
	if (c->json)
		add_to(c->warning_list, file, 0, text);
	else
		log_warn("%s: %s", file, text);
}

/* A key that init reads, or MODULE.PARAMETER. */
static bool may_be_key(const char *name, size_t len)
{
	return cmdline_is_key(name, len) ||
	       (memchr(name, '.', len) != NULL && strncmp(name, "keelboot.", 9) != 0);
}

static void check_kernel_line(struct checking *c, const char *keys, const char *file)
{
	char text[256];
	size_t len;

	if (strcmp(keys, "all") == 0 || strcmp(keys, "none") == 0)
		return;
	for (;; keys += len + 1) {
		len = strcspn(keys, ",");
		if (!may_be_key(keys, len)) {
			snprintf(
				text, sizeof(text),
				"[system] command-line=: %.*s: unknown key; keelboot-init(8) lists all keys",
				(int)len, keys);
			print_complaint(c, file, 0, text);
		}
		if (keys[len] == '\0')
			return;
	}
}

static void check_overlay(struct checking *c, const struct conf *conf, const char *file)
{
	const char *use = conf_use_of(conf, conf->overlay);
	char text[256];

	if (use == NULL)
		return;
	snprintf(
		text, sizeof(text),
		"[system] root-overlay=%s is also the partition of %s; the root is read-only, without an overlay",
		conf->overlay, use);
	print_complaint(c, file, 0, text);
}

static void check_deadline(struct checking *c, const struct conf *conf, const char *file)
{
	char text[256];

	if (strcmp(conf->watchdog, "off") == 0 || !stall_is_cut(conf, conf->watchdog_timeout_s))
		return;
	snprintf(
		text, sizeof(text),
		"[install] progress-deadline=%u: with [watchdog] timeout=%u an install is stopped after %u s; set timeout=%u or more, or a shorter progress-deadline",
		conf->progress_deadline_s, conf->watchdog_timeout_s,
		(unsigned)(stall_limit_ms(conf, conf->watchdog_timeout_s) / 1000),
		stall_timeout_s(conf));
	print_complaint(c, file, 0, text);
}

/* Its checks take time, too: what is left behind both is for them. */
static void check_commit(struct checking *c, const struct conf *conf, const char *file)
{
	char text[256];

	if (conf->commit_after_s < conf->commit_deadline_s)
		return;
	snprintf(
		text, sizeof(text),
		"[system] commit-after=%u: each trial is rejected after %u s (commit-deadline=), before it can be marked good; set a longer commit-deadline",
		conf->commit_after_s, conf->commit_deadline_s);
	print_complaint(c, file, 0, text);
}

/* What is staged, or stays, would go back with the release. */
static void check_data(struct checking *c, const struct conf *conf, const char *file)
{
	const char *rest = conf->data_paths;
	char path[CONF_PATHS_LEN + 1], text[256];

	while (conf_paths_next(&rest, path, sizeof(path))) {
		if (!conf_paths_overlap(path, conf->data_stage))
			continue;
		snprintf(
			text, sizeof(text),
			"[data] paths=%.60s: updates are staged there ([source.data] stage=%.60s); name another folder",
			path, conf->data_stage);
		print_complaint(c, file, 0, text);
	}
}

/* Keelboot's own init opens partitions. Others can do more for some. */
static void check_part(struct checking *c, const char *file, const char *key, const char *spec,
		       bool may_be_opened)
{
	const char *kind = container_of_path(spec);
	bool opened = may_be_opened && kind != NULL && strncmp(spec, "/dev/loop", 9) != 0 &&
		      strncmp(spec, "/dev/nbd", 8) != 0;
	char text[256];

	if (kind == NULL)
		return;
	snprintf(text, sizeof(text), "%s=%.64s is %s: %s", key, spec, kind,
		 opened ? "only the initramfs of a distribution opens that; Keelboot's own does not"
			: "no initramfs finds it; name a partition of the disk");
	print_warning(c, file, text);
}

static void check_parts(struct checking *c, const struct conf *conf, const char *file)
{
	char key[64];

	for (unsigned i = 0; i < conf->nslots; i++)
		for (unsigned n = 0; n < conf->slot[i].nclasses; n++) {
			snprintf(key, sizeof(key), "[slot.%c] %.32s", state_slot_letter((int)i),
				 conf->slot[i].cls[n].name);
			check_part(c, file, key, conf->slot[i].cls[n].part, true);
		}
	check_part(c, file, "[state] partition", conf->state, false);
	check_part(c, file, "[system] root-overlay", conf->overlay, false);
	check_part(c, file, "[source.data] partition", conf->data_part, true);
}

static void check_fleet(struct checking *c, const struct conf *conf, const char *file)
{
	char text[256];

	if (!conf_fleet_reboot_is_clear(conf, text, sizeof(text)))
		print_complaint(c, file, 0, text);
	if (conf->fleet_server[0] == '\0' || conf->fleet_channel[0] == '\0')
		return;
	snprintf(
		text, sizeof(text),
		"[fleet] channel= and server= are both set: keelboot-fleet takes updates by one of them; remove the other");
	print_complaint(c, file, 0, text);
}

/* By kexec, from a partition that nothing checks: with = a key that does not go with that, so =
 * what becomes of it. */
static void check_kernels(struct checking *c, const struct conf *conf, const char *file,
			  const char *with, const char *so)
{
	char text[256];

	for (unsigned i = 0; i < conf->nslots; i++) {
		if (!measured_kernel_unchecked(conf, i))
			continue;
		snprintf(
			text, sizeof(text),
			"%s with [loader] kind=kexec: nothing checks the kernel in the partition of [slot.%c] boot=, so %s; put it into the root, and remove boot=",
			with, state_slot_letter((int)i), so);
		print_complaint(c, file, 0, text);
	}
}

/* What each value by itself does not show. */
static void check_whole(struct checking *c, const struct conf *conf, const char *file)
{
	check_overlay(c, conf, file);
	check_deadline(c, conf, file);
	check_commit(c, conf, file);
	check_data(c, conf, file);
	check_fleet(c, conf, file);
	if (conf->measure_pcr != 0)
		check_kernels(c, conf, file, "[measure] pcr=", "no secret opens");
	if (conf->verify_slot == CONF_VERIFY_ALWAYS)
		check_kernels(c, conf, file, "[system] verify-slot=always", "it is never started");
}

/* KB_ENOSPC: larger than size. */
static enum kb_err read_file(const char *path, char *text, size_t size, size_t *len)
{
	KB_CLEANUP_FD int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	ssize_t n = 0;

	*len = 0;
	if (fd < 0)
		return err_errno(errno);
	while (*len < size && (n = read(fd, text + *len, size - *len)) > 0)
		*len += (size_t)n;
	if (n < 0)
		return err_errno(errno);
	return *len == size ? KB_ENOSPC : KB_OK;
}

static enum kb_err check_file(struct checking *c)
{
	static char text[CONF_FILE_MAX + 1];
	static struct conf conf;
	size_t len;
	enum kb_err err = read_file(c->file, text, sizeof(text), &len);

	if (err == KB_ENOSPC) {
		print_complaint(c, c->file, 0, "larger than 64 KiB; ignored");
		return KB_OK;
	}
	if (err != KB_OK) {
		log_err("%s: cannot be read: %s", c->file,
			err == KB_EINVAL ? "not a file" : err_text(err));
		return err;
	}
	text[len] = '\0';
	if (strlen(text) != len)
		print_complaint(c, c->file, 0, "holds NUL bytes; the file may be damaged");
	conf_defaults(&conf);
	conf_parse(&conf, text, c->file, print_complaint, c);
	check_kernel_line(c, conf.command_line, c->file);
	/* A drop-in alone does not say what the others do; it does not name the device, either. */
	if (conf.compatible[0] != '\0')
		check_whole(c, &conf, c->file);
	else
		print_warning(
			c, c->file,
			"[system] compatible= is missing: no bundle is installed, unless another file has it");
	check_parts(c, &conf, c->file);
	return KB_OK;
}

/* As the boot reads it, drop-ins and all; that one of the files may be absent is no complaint. */
static void check_device_keys(struct checking *c, const struct device_options *o)
{
	static struct conf conf;
	bool found;

	conf_load(&conf, o->conf_root, &found, print_complaint, c);
	if (!found)
		print_missing(
			c, "missing in /etc/keelboot and in /usr/lib/keelboot; defaults are used");
	if (conf.compatible[0] == '\0')
		print_missing(c, "[system] compatible= is missing: no bundle is installed");
	check_kernel_line(c, conf.command_line, "system.conf");
	check_whole(c, &conf, "system.conf");
	check_parts(c, &conf, "system.conf");
}

static int print_complaints(struct checking *c)
{
	json_object *o;

	if (!c->json) {
		if (c->n == 0)
			printf("%s: no %s found.\n", c->file != NULL ? c->file : "system.conf",
			       c->warnings == 0 ? "problems" : "errors");
		if (output_flush() != KB_OK)
			return OUTPUT_FAILURE;
		return c->n == 0 ? OUTPUT_OK : OUTPUT_FAILURE;
	}
	o = output_json_new();
	output_json_bool(o, "ok", c->n == 0);
	output_json_add(o, "complaints", c->list);
	output_json_add(o, "warnings", c->warning_list);
	if (output_json_print(o, false) != KB_OK)
		return OUTPUT_FAILURE;
	return c->n == 0 ? OUTPUT_OK : OUTPUT_FAILURE;
}

int check_config_cmd(struct args *a, struct device_options *o)
{
	struct checking c = { .list = NULL };
	enum kb_err err = KB_OK;
	int id;

	a->tables[0] = table;
	while ((id = device_options_next(a, o)) != ARGS_END) {
		if (id == JSON)
			c.json = true;
		else if (id != ARGS_OPERAND || c.file != NULL)
			return args_wrong(a, id, "check-config");
		else
			c.file = a->value;
	}
	if (c.json) {
		c.list = output_json_list();
		c.warning_list = output_json_list();
	}
	if (c.file != NULL)
		err = check_file(&c);
	else
		check_device_keys(&c, o);
	return err == KB_OK ? print_complaints(&c) : OUTPUT_FAILURE;
}
