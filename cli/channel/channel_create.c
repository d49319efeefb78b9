/* SPDX-License-Identifier: Apache-2.0 */
/* `keelboot channel create`: arguments; channel_bundle.c reads the bundles. */
#include "channel/utc.h"
#include "cli/bundle/bundle_output.h"
#include "cli/channel/channel_bundle.h"
#include "cli/channel/channel_usage.h"
#include "cli/channel/channel_verbs.h"
#include "cli/output/args.h"
#include "cli/output/output.h"
#include "lib/bytes.h"
#include "lib/log.h"
#include "lib/os.h"

#include <inttypes.h>
#include <string.h>

#define DAY_S	     UINT64_C(86400)
#define DAYS_DEFAULT 30u

static const char help[] =
	"Usage: keelboot channel create --name NAME -o DOCUMENT.json [OPTION]... [BUNDLE]...\n"
	"\n"
	"Makes the document of a channel. Release, version, sequence, devices, size and SHA-256\n"
	"come from the bundles. `keelboot channel sign` makes a channel file of it.\n"
	"\n"
	"--percent, and what stands below it, are of one release: before its BUNDLE.\n"
	"\n"
	"Options:\n"
	"      --name NAME              the channel: letters, digits and . _ -\n"
	"  -o, --output FILE            the document, JSON\n"
	"      --sequence N             grows with each document (the time, in seconds)\n"
	"      --valid DAYS             after so many, devices take nothing by it any more (30)\n"
	"      --expires TIME           when that is, as 2026-12-31T00:00:00Z\n"
	"      --percent N              the first N % of the devices, by a hash (100)\n"
	"      --attribute NAME=VALUE   devices with this attribute; repeat it: all must agree\n"
	"      --not-before TIME        from then on\n"
	"      --not-after TIME         until then\n"
	"      --daily FROM-TO          at this time of the day, UTC, as 22:00-04:00\n"
	"      --from N                 devices that run this sequence or a later one\n"
	"      --withdrawn TEXT         no device takes it any more; what is staged is unstaged\n"
	"      --url URL                where it is, seen from the channel file (its file name)\n"
	"  -h, --help                   this text\n"
	"\n"
	"Example:\n"
	"  keelboot channel create --name stable -o stable.json --percent 10 acme-2.0.keel\n";

enum {
	OPT_HELP = 1,
	OPT_NAME,
	OPT_OUTPUT,
	OPT_SEQUENCE,
	OPT_VALID,
	OPT_EXPIRES,
	OPT_PERCENT,
	OPT_ATTRIBUTE,
	OPT_NOT_BEFORE,
	OPT_NOT_AFTER,
	OPT_DAILY,
	OPT_FROM,
	OPT_WITHDRAWN,
	OPT_URL,
};

static const struct args_option options[] = {
	{ "help", 'h', false, OPT_HELP },
	{ "name", 0, true, OPT_NAME },
	{ "output", 'o', true, OPT_OUTPUT },
	{ "sequence", 0, true, OPT_SEQUENCE },
	{ "valid", 0, true, OPT_VALID },
	{ "expires", 0, true, OPT_EXPIRES },
	{ "percent", 0, true, OPT_PERCENT },
	{ "attribute", 0, true, OPT_ATTRIBUTE },
	{ "not-before", 0, true, OPT_NOT_BEFORE },
	{ "not-after", 0, true, OPT_NOT_AFTER },
	{ "daily", 0, true, OPT_DAILY },
	{ "from", 0, true, OPT_FROM },
	{ "withdrawn", 0, true, OPT_WITHDRAWN },
	{ "url", 0, true, OPT_URL },
	{ NULL, 0, false, 0 },
};

struct creation {
	const char *output;
	struct channel c;
	/* the bundle that comes next */
	struct channel_release next;
	bool begun;
	struct bundle_output out;
};

static void begin_release(struct creation *n)
{
	memset(&n->next, 0, sizeof(n->next));
	n->next.percent = 100;
	n->begun = false;
}

/* ---------------------------------------------------------------- values */

static const char *take_number(uint64_t *out, const char *value, uint64_t least, uint64_t most)
{
	if (bytes_decimal(out, value, most) != KB_OK || *out < least)
		return "not a number, or out of range";
	return NULL;
}

static const char *take_time(uint64_t *out, const char *value)
{
	return utc_read(out, value) ? NULL : "expected a time as 2026-11-26T05:00:00Z";
}

static const char *take_text(char *out, size_t size, const char *value)
{
	if (value[0] == '\0' || strlen(value) >= size)
		return "empty, or too long";
	memcpy(out, value, strlen(value) + 1);
	return NULL;
}

static const char *take_attribute(struct channel_release *r, const char *value)
{
	struct channel_attribute *new = &r->attribute[r->nattributes];

	if (r->nattributes == CHANNEL_ATTRIBUTES_MAX)
		return "more than 8 attributes";
	if (!channel_read_attribute(new, value, strlen(value)))
		return "expected NAME=VALUE, of letters, digits and ._-+~:/@,";
	/* An object of JSON has each name once: the last one would widen the rollout. */
	for (unsigned i = 0; i < r->nattributes; i++)
		if (strcmp(r->attribute[i].name, new->name) == 0)
			return "this name came before: a device has one value of each";
	r->nattributes++;
	return NULL;
}

/* Of the channel. NULL: taken; else what is wrong. */
static const char *take_channel_option(struct creation *n, int id, const char *value)
{
	uint64_t days = 0;
	const char *wrong;

	switch (id) {
	case OPT_NAME:
		return channel_is_name(value) ? take_text(n->c.name, sizeof(n->c.name), value)
					      : "expected letters, digits and . _ -";
	case OPT_OUTPUT:
		n->output = value;
		return NULL;
	case OPT_SEQUENCE:
		return take_number(&n->c.sequence, value, 1, INT64_MAX - 1);
	case OPT_EXPIRES:
		return take_time(&n->c.expires, value);
	default:
		wrong = take_number(&days, value, 1, 3650);
		n->c.expires = n->c.created + days * DAY_S;
		return wrong;
	}
}

static const char *take_release_option(struct channel_release *r, int id, const char *value)
{
	uint64_t percent = 0;
	const char *wrong;

	switch (id) {
	case OPT_PERCENT:
		wrong = take_number(&percent, value, 0, 100);
		r->percent = (unsigned)percent;
		return wrong;
	case OPT_ATTRIBUTE:
		return take_attribute(r, value);
	case OPT_NOT_BEFORE:
		return take_time(&r->not_before, value);
	case OPT_NOT_AFTER:
		return take_time(&r->not_after, value);
	case OPT_DAILY:
		return channel_read_daily(r, value) ? NULL : "expected a window as 22:00-04:00";
	case OPT_FROM:
		return take_number(&r->from, value, 1, INT64_MAX - 1);
	case OPT_WITHDRAWN:
		return take_text(r->withdrawn, sizeof(r->withdrawn), value);
	default:
		return take_text(r->url, sizeof(r->url), value);
	}
}

/* ---------------------------------------------------------------- the document */

static int add_release(struct creation *n, const char *path)
{
	enum kb_err err;

	if (n->c.nreleases == CHANNEL_RELEASES_MAX) {
		log_err("channel create: more than %d bundles", CHANNEL_RELEASES_MAX);
		return channel_usage("create");
	}
	err = channel_bundle_read(&n->next, path);
	if (err != KB_OK)
		return output_exit_code(err);
	n->c.release[n->c.nreleases++] = n->next;
	begin_release(n);
	return -1;
}

/* -1: go on; else the exit code. */
static int take_arg(struct creation *n, const struct args *a, int id)
{
	const char *wrong;

	if (id == OPT_HELP) {
		fputs(help, stdout);
		return output_exit_code(output_flush());
	}
	if (id == ARGS_OPERAND)
		return add_release(n, a->value);
	if (id < 0)
		return args_wrong(a, id, "channel create");
	n->begun = n->begun || id >= OPT_PERCENT;
	wrong = id >= OPT_PERCENT ? take_release_option(&n->next, id, a->value)
				  : take_channel_option(n, id, a->value);
	if (wrong == NULL)
		return -1;
	log_err("--%s %s: %s", a->option, a->value, wrong);
	return channel_usage("create");
}

static int read_create_args(struct creation *n, int argc, char **argv)
{
	struct args a = { .argc = argc, .argv = argv, .at = 1, .tables = { options } };
	int id, code;

	while ((id = args_next(&a)) != ARGS_END) {
		code = take_arg(n, &a, id);
		if (code >= 0)
			return code;
	}
	if (n->c.name[0] != '\0' && n->output != NULL && !n->begun)
		return -1;
	log_err("channel create: %s", n->begun ? "options of a release stand before its BUNDLE"
				      : n->output == NULL ? "missing option: -o DOCUMENT.json"
							  : "missing option: --name NAME");
	return channel_usage("create");
}

/* What it wrote is read as a device reads it: that has the rules. */
static enum kb_err check_document(struct channel *again, json_object *o, const char *text)
{
	char why[CHANNEL_WHY];
	enum kb_err err = channel_read(again, o, why);

	if (err == KB_OK && strlen(text) <= CHANNEL_DOCUMENT_MAX)
		return KB_OK;
	log_err("channel create: %s", err == KB_OK ? "the document is too large" : why);
	return KB_EINVAL;
}

static enum kb_err write_document(struct creation *n)
{
	static struct channel again;
	json_object *o = channel_write(&n->c);
	const char *text = json_object_to_json_string_ext(
		o,
		JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_SPACED | JSON_C_TO_STRING_NOSLASHESCAPE);
	enum kb_err err = text != NULL ? check_document(&again, o, text) : KB_ENOMEM;

	if (err == KB_OK)
		err = bundle_output_begin(&n->out, n->output);
	if (err == KB_OK)
		err = bundle_output_write(&n->out, text, strlen(text));
	if (err == KB_OK)
		err = bundle_output_write(&n->out, "\n", 1);
	if (err == KB_OK)
		err = bundle_output_commit(&n->out);
	json_object_put(o);
	if (err == KB_OK)
		printf("%s: channel %s, sequence %" PRIu64 ", %u releases\n", n->output, n->c.name,
		       n->c.sequence, n->c.nreleases);
	return err;
}

int channel_create_main(int argc, char **argv)
{
	static struct creation n;
	enum kb_err err;
	int code;

	memset(&n, 0, sizeof(n));
	n.out.fd = -1;
	n.c.created = n.c.sequence = output_now();
	n.c.expires = n.c.created + DAYS_DEFAULT * DAY_S;
	begin_release(&n);
	code = read_create_args(&n, argc, argv);
	if (code >= 0)
		return code;
	if (n.c.created + DAY_S < os_time_s() || n.c.created > os_time_s() + DAY_S)
		log_warn(
			"the time of the channel file is not today's, since SOURCE_DATE_EPOCH is set: devices refuse one that is older than what they have seen; unset it");
	err = write_document(&n);
	bundle_output_abort(&n.out);
	return output_exit_code(err != KB_OK ? err : output_flush());
}
