/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/verbs.h"
#include "cli/stage/incoming.h"
#include "cli/device/device_loader.h"

#include "lib/log.h"
#include "lib/os_command.h"
#include "lib/util.h"
#include "update/apply/apply_file.h"
#include "update/apply/apply_lend.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { PROGRESS = 1, REBOOT, AGAIN };

static const struct args_option table[] = {
	{ "progress", 0, true, PROGRESS },
	{ "reboot", 0, false, REBOOT },
	{ "again", 0, false, AGAIN },
	{ .name = NULL },
};

struct install_args {
	const char *file;
	bool reboot, again;
	struct output_progress progress;
};

/* Large, and one at a time. */
static struct device d;
static struct apply_file_job job;
static struct apply_others others;

static int read_install_args(struct args *a, struct device_options *o, struct install_args *in)
{
	int id;

	a->tables[0] = table;
	while ((id = device_options_next(a, o)) != ARGS_END) {
		if (id == REBOOT) {
			in->reboot = true;
		} else if (id == AGAIN) {
			in->again = true;
		} else if (id == PROGRESS) {
			if (output_progress_parse(&in->progress, a->value) != KB_OK)
				return OUTPUT_USAGE;
		} else if (id != ARGS_OPERAND || in->file != NULL) {
			return args_wrong(a, id, "install");
		} else {
			in->file = a->value;
		}
	}
	if (in->file == NULL)
		return args_missing("install", "the FILE of a bundle");
	if (strcmp(in->file, "-") == 0) {
		log_err("install: a bundle cannot come from a pipe; save it to a file first");
		return OUTPUT_USAGE;
	}
	return OUTPUT_OK;
}

static void show_progress(void *ctx, enum install_phase phase, uint64_t done, uint64_t total)
{
	static const char *const names[] = {
		[INSTALL_COMPARE] = "compare",
		[INSTALL_CHECK] = "verify",
		[INSTALL_WRITE] = "write",
		[INSTALL_READ_BACK] = "read back",
	};
	struct output_progress *p = ctx;

	/* It may end with its first chunk, and ends where a chunk is wanted. */
	if (phase == INSTALL_DONE || (phase == INSTALL_COMPARE && done == 0))
		return;
	if (phase != INSTALL_COMPARE && p->phase == names[INSTALL_COMPARE])
		output_progress_cut(p);
	output_progress_step(p, names[phase], done, total);
}

static void prepare_job(struct install_args *in, const struct keyring *keys, const char *helper,
			int fd)
{
	job = (struct apply_file_job){
		.fd = fd,
		.name = in->file,
		.compatible = d.conf.compatible,
		.copies = d.conf.loader_copies,
		.keys = keys,
		.store = &d.store,
		.state = &d.state,
		.mountable = device_whole(&d.state),
		.mounted = device_mounted(&d),
		.source = STATE_SRC_COMMAND,
		.mode = PLAN_COMMAND,
		.want = STATE_NONE,
		.verify_first = d.conf.install_verify_first,
		.max_jump = d.conf.max_jump,
		.tries = (uint8_t)d.conf.tries,
		.helper = helper,
		.progress = show_progress,
		.ctx = &in->progress,
		.target = STATE_NONE,
	};
	snprintf(in->progress.file, sizeof(in->progress.file), "%s/progress", d.opts->run_dir);
	incoming_slots(&d, job.slot);
	incoming_others(&d, &others);
	job.others = &others;
	apply_lend_begin_for(job.slot);
	job.lend = apply_lend();
}

/* The place of the root that was looked for, where the target has no partition here; else NULL. */
static const char *missing_root(enum kb_err err)
{
	if (err != KB_ENODEV || job.target == STATE_NONE || job.slot[job.target].nparts > 0)
		return NULL;
	return conf_slot_part(&d.conf, (unsigned)job.target, "root");
}

static void report_refused(const struct install_args *in, enum kb_err err)
{
	const char *root = missing_root(err);

	/* What the state says of a release that is genuine, it says better. It may also be the
	 * bundle that is newer than this command. */
	if (job.verified &&
	    (err == KB_EAPPLIED || err == KB_EREJECTED || err == KB_EDOWNGRADE ||
	     err == KB_EAHEAD || err == KB_ENOTARGET || (err == KB_ENEWER && d.state.newer)))
		incoming_report_refused(&d.state, &job.release, PLAN_COMMAND, err);
	else if (root != NULL)
		log_err("%s: %s: %s is not on this disk; correct [slot.%c] of system.conf",
			in->file, job.why, root, state_slot_letter(job.target));
	else
		log_err("%s: %s", in->file, job.why[0] != '\0' ? job.why : err_text(err));
}

static enum kb_err look_and_apply(struct install_args *in)
{
	enum kb_err err = apply_file_look(&job);

	/* What is forgotten, is so with the first record that the install writes. */
	if (job.verified && in->again)
		state_del_unwritable(&d.state, job.release.id);
	if (err == KB_EREJECTED && in->again) {
		state_del_rejected(&d.state, job.release.id);
		err = KB_OK;
	}
	if (err != KB_OK) {
		report_refused(in, err);
		return err;
	}
	TRY(device_loader_secure(&d));
	err = apply_file_install(&job);
	output_progress_end(&in->progress);
	if (err != KB_OK)
		report_refused(in, err);
	return err;
}

static enum kb_err install_file(struct install_args *in)
{
	static struct keyring keys;
	KB_CLEANUP_FD int fd = -1;
	const char *helper;
	uint64_t size;
	enum kb_err err;

	TRY(incoming_open(in->file, &fd, &size));
	TRY(device_may_install(&d));
	helper = incoming_helper();
	if (helper == NULL)
		return KB_EEXEC;
	TRY(incoming_device_named(&d));
	TRY(incoming_keys(&d, &keys));
	err = device_open_to_change(&d);
	if (err == KB_OK) {
		prepare_job(in, &keys, helper, fd);
		err = look_and_apply(in);
		apply_lend_end();
		device_close(&d);
	}
	keyring_free(&keys);
	return err;
}

static void print_delta(void)
{
	char stored[OUTPUT_TIME_LEN];

	if (job.made_from == STATE_NONE)
		return;
	output_size(stored, job.delta_bytes);
	printf("It was made from slot %c and %s of differences", state_slot_letter(job.made_from),
	       stored);
	if (job.came_whole > 0)
		printf("; %u chunk%s came whole, since slot %c has changed", job.came_whole,
		       job.came_whole == 1 ? "" : "s", state_slot_letter(job.made_from));
	puts(".");
}

static void print_installed(const struct install_args *in)
{
	char written[OUTPUT_TIME_LEN], skipped[OUTPUT_TIME_LEN];

	output_size(written, job.bytes_written);
	output_size(skipped, job.bytes_skipped);
	printf("%s is in slot %c (%s written, %s were right already).\n", job.release.version,
	       state_slot_letter(job.target), written, skipped);
	print_delta();
	if (!in->reboot)
		puts("Reboot to try it.");
}

static void print_install_json(enum kb_err err, int code)
{
	json_object *o = output_json_new();

	output_json_text(o, "verb", "install");
	output_json_text(o, "result",
			 err == KB_OK	      ? "installed"
			 : err == KB_EAPPLIED ? "nothing"
					      : "failed");
	output_json_slot(o, "slot", err == KB_OK ? job.target : STATE_NONE);
	output_json_text(o, "version", job.verified ? job.release.version : NULL);
	output_json_number(o, "sequence", job.verified ? job.release.sequence : 0);
	output_json_number(o, "written", job.bytes_written);
	output_json_number(o, "skipped", job.bytes_skipped);
	output_json_slot(o, "made_from", err == KB_OK ? job.made_from : STATE_NONE);
	output_json_bool(o, "reboot", err == KB_OK);
	output_json_text(o, "error",
			 code == OUTPUT_REBOOT ? "\"reboot\" is not installed; reboot by hand"
			 : err == KB_OK	       ? NULL
			 : job.why[0] != '\0'  ? job.why
					       : err_text(err));
	output_progress_result(o, code);
}

/* By the running system's own command: it stops its services first. */
static int reboot_now(void)
{
	static const char *const argv[] = { "reboot", NULL };

	if (os_command_become("reboot", argv) != KB_OK)
		log_err("installed, but \"reboot\" cannot be started: %s; reboot by hand",
			strerror(errno));
	return OUTPUT_REBOOT;
}

int install_cmd(struct args *a, struct device_options *o)
{
	static struct install_args in;
	char program[PATH_MAX];
	enum kb_err err;
	int code = read_install_args(a, o, &in);

	if (code != OUTPUT_OK)
		return code;
	device_init(&d, o);
	err = install_file(&in);
	code = output_exit_code(err);
	/* Asked before: what reboots prints no result any more. */
	if (err == KB_OK && in.reboot && !os_command_find("reboot", program))
		code = OUTPUT_REBOOT;
	if (in.progress.mode == OUTPUT_PROGRESS_JSON)
		print_install_json(err, code);
	else if (err == KB_OK)
		print_installed(&in);
	if (err != KB_OK)
		return code;
	if (output_flush() != KB_OK && !in.reboot)
		return OUTPUT_FAILURE;
	return in.reboot ? reboot_now() : OUTPUT_OK;
}
