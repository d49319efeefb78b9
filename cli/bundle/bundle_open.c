/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/bundle/bundle_open.h"

#include "cli/output/inputs.h"
#include "cli/output/output.h"
#include "lib/log.h"
#include "lib/util.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { HELP = BUNDLE_OPEN_DONE + 1, FROM };

const struct args_option bundle_open_options[] = {
	{ "help", 'h', false, HELP },
	KEY_OPTIONS_ROWS,
	{ "from", 0, true, FROM },
	{ NULL, 0, false, 0 },
};

void bundle_open_init(struct bundle_open *b, const char *verb, const char *help)
{
	memset(b, 0, sizeof(*b));
	b->verb = verb;
	b->help = help;
	b->fd = -1;
}

/* ---------------------------------------------------------------- arguments */

int bundle_open_usage(const struct bundle_open *b)
{
	log_err("`keelboot bundle %s --help` shows the options", b->verb);
	return OUTPUT_USAGE;
}

/* A value that is none is wrong usage; a key that cannot be read is a failure. */
static int take_key(struct bundle_open *b, int id, const char *value)
{
	enum kb_err err = key_options_take(&b->keys, id, value);

	if (err == KB_OK)
		return -1;
	return id == KEY_OPTIONS_REQUIRED ? bundle_open_usage(b) : OUTPUT_FAILURE;
}

static int add_older(struct bundle_open *b, const char *value)
{
	if (b->nfrom == BUNDLE_OPEN_FROM) {
		log_err("--from %s: more than %u older versions", value, BUNDLE_OPEN_FROM);
		return bundle_open_usage(b);
	}
	b->from[b->nfrom++] = value;
	return -1;
}

/* -1: it was dealt with; else the exit code. */
static int take_option(struct bundle_open *b, int id, const struct args *a)
{
	char verb[32];

	if (id >= KEY_OPTIONS_KEY && id < KEY_OPTIONS_END)
		return take_key(b, id, a->value);
	if (id == FROM)
		return add_older(b, a->value);
	if (id == HELP) {
		fputs(b->help, stdout);
		return output_exit_code(output_flush());
	}
	snprintf(verb, sizeof(verb), "bundle %s", b->verb);
	if (id != ARGS_OPERAND || b->path != NULL)
		return args_wrong(a, id, verb);
	b->path = a->value;
	return -1;
}

int bundle_open_next(struct bundle_open *b, struct args *a, int *code)
{
	int id;

	while ((id = args_next(a)) != ARGS_END) {
		if (id > 0 && id < BUNDLE_OPEN_DONE)
			return id;
		*code = take_option(b, id, a);
		if (*code >= 0)
			return BUNDLE_OPEN_DONE;
	}
	if (b->path != NULL)
		return ARGS_END;
	log_err("bundle %s: missing argument: BUNDLE", b->verb);
	*code = bundle_open_usage(b);
	return BUNDLE_OPEN_DONE;
}

int bundle_open_args(struct bundle_open *b, int argc, char **argv, bool *json)
{
	enum { OPT_JSON = 1 };
	static const struct args_option options[] = {
		{ "json", 0, false, OPT_JSON },
		{ NULL, 0, false, 0 },
	};
	struct args a = {
		.argc = argc, .argv = argv, .at = 1, .tables = { options, bundle_open_options }
	};
	int id, code = -1;

	while ((id = bundle_open_next(b, &a, &code)) == OPT_JSON)
		*json = true;
	return id == ARGS_END ? -1 : code;
}

/* ---------------------------------------------------------------- the file */

static enum kb_err open_failed(struct bundle_open *b)
{
	return output_fail(b->r.why, sizeof(b->r.why), b->path, err_errno(errno), "%s",
			   strerror(errno));
}

/* Errors are reported here. */
static enum kb_err open_path(struct bundle_open *b, bool *raw, uint64_t *size)
{
	struct stat st;
	off_t end;

	b->fd = open(b->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (b->fd < 0 || fstat(b->fd, &st) != 0)
		return open_failed(b);
	if (!S_ISREG(st.st_mode) && !S_ISBLK(st.st_mode))
		return output_fail(b->r.why, sizeof(b->r.why), b->path, KB_EINVAL,
				   "neither a file nor a block device; use the path of a bundle");
	*raw = S_ISBLK(st.st_mode);
	end = lseek(b->fd, 0, SEEK_END);
	if (end < 0)
		return open_failed(b);
	*size = (uint64_t)end;
	return KB_OK;
}

enum kb_err bundle_open_file(struct bundle_open *b)
{
	uint64_t size = 0;
	bool raw = false;
	enum kb_err err;

	b->fd = -1;
	inputs_note(b->path);
	err = open_path(b, &raw, &size);
	if (err != KB_OK) {
		util_close(&b->fd);
		return err;
	}
	err = reader_open(&b->r, b->fd, raw, size, key_options_ring(&b->keys));
	if (err == KB_OK && reader_is_partial(&b->r) && !b->partial) {
		reader_close(&b->r);
		snprintf(
			b->r.why, sizeof(b->r.why),
			"a partial bundle, whose rest is in the slots of a device; use the whole one");
		err = KB_EINVAL;
	}
	if (err != KB_OK) {
		log_err("%s: %s", b->path, b->r.why);
		util_close(&b->fd);
	}
	return err;
}

void bundle_open_close(struct bundle_open *b)
{
	reader_close(&b->r);
	util_close(&b->fd);
	keyring_free(&b->keys.ring);
}
