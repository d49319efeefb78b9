/* SPDX-License-Identifier: Apache-2.0 */
/* `keelboot channel inspect` */
#include "channel/utc.h"
#include "cli/channel/channel_file.h"
#include "cli/channel/channel_usage.h"
#include "cli/channel/channel_verbs.h"
#include "cli/key/key_options.h"
#include "cli/output/output.h"
#include "lib/log.h"

#include <inttypes.h>
#include <string.h>

static const char help[] =
	"Usage: keelboot channel inspect FILE [--keys DIR | --key FILE.pem] [--json]\n"
	"\n"
	"Checks the signature of a channel file, and shows its releases. Without a key, the\n"
	"signature is not checked. Exit code 5: it is not what was signed, or none of these keys\n"
	"signed it.\n"
	"\n"
	"Options:\n"
	"      --json        for programs: the document\n"
	"      --keys DIR    folder of public keys (*.pem), as on a device\n"
	"      --key FILE    a public key; repeat it\n"
	"      --signatures-required N   by so many of these keys (1)\n"
	"  -h, --help        this text\n"
	"\n"
	"Example:\n"
	"  keelboot channel inspect stable.channel --key release.pem\n";

enum { OPT_HELP = 1, OPT_JSON };

static const struct args_option options[] = {
	{ "help", 'h', false, OPT_HELP },
	{ "json", 0, false, OPT_JSON },
	KEY_OPTIONS_ROWS,
	{ NULL, 0, false, 0 },
};

struct inspect {
	const char *path;
	bool json;
	struct key_options keys;
	struct channel_file f;
};

/* ---------------------------------------------------------------- who may take it */

static void add_word(char *out, size_t size, const char *word)
{
	size_t len = strlen(out);

	snprintf(out + len, size - len, "%s%s", len > 0 ? ", " : "", word);
}

static void add_times(char *out, size_t size, const struct channel_release *r)
{
	char word[64], time[UTC_LEN + 1];

	if (r->not_before > 0) {
		utc_write(time, r->not_before);
		snprintf(word, sizeof(word), "from %s", time);
		add_word(out, size, word);
	}
	if (r->not_after > 0) {
		utc_write(time, r->not_after);
		snprintf(word, sizeof(word), "until %s", time);
		add_word(out, size, word);
	}
	if (r->daily.from != r->daily.to) {
		daily_write(word, &r->daily);
		add_word(out, size, word);
	}
}

static void describe_who(char *out, size_t size, const struct channel_release *r)
{
	char word[2 * CHANNEL_VALUE_MAX + 2];

	out[0] = '\0';
	if (r->withdrawn[0] != '\0') {
		snprintf(out, size, "withdrawn: %s", r->withdrawn);
		return;
	}
	if (r->unknown[0] != '\0') {
		snprintf(out, size, "unknown condition: %s", r->unknown);
		return;
	}
	snprintf(word, sizeof(word), "%u %%", r->percent);
	add_word(out, size, word);
	for (unsigned i = 0; i < r->nattributes; i++) {
		snprintf(word, sizeof(word), "%s=%s", r->attribute[i].name, r->attribute[i].value);
		add_word(out, size, word);
	}
	add_times(out, size, r);
	if (r->from > 0) {
		snprintf(word, sizeof(word), "sequence %" PRIu64 " or later runs", r->from);
		add_word(out, size, word);
	}
}

/* ---------------------------------------------------------------- output */

static enum kb_err print_table(const struct inspect *in)
{
	const struct channel *c = &in->f.c;
	char created[UTC_LEN + 1], expires[UTC_LEN + 1], who[1536];

	utc_write(created, c->created);
	utc_write(expires, c->expires);
	printf("%s: sequence %" PRIu64 ", created %s, expires %s; %s%s\n\n", c->name, c->sequence,
	       created, expires, in->keys.given ? "signed by " : "the signature was not checked",
	       in->f.signer);
	printf("%-14s %10s  %-24s %s\n", "VERSION", "SEQUENCE", "BUNDLE", "WHO");
	for (unsigned i = 0; i < c->nreleases; i++) {
		const struct channel_release *r = &c->release[i];

		describe_who(who, sizeof(who), r);
		printf("%-14s %10" PRIu64 "  %-24s %s\n", r->version, r->sequence, r->url, who);
	}
	return output_flush();
}

static enum kb_err print_json(struct inspect *in)
{
	json_object *o = output_json_new();

	output_json_bool(o, "signature_checked", in->keys.given);
	output_json_text(o, "signer", in->keys.given ? in->f.signer : NULL);
	output_json_add(o, "channel", json_object_get(in->f.o));
	return output_json_print(o, false);
}

static enum kb_err inspect_file(struct inspect *in)
{
	TRY(channel_file_open(&in->f, in->path, key_options_ring(&in->keys)));
	return in->json ? print_json(in) : print_table(in);
}

/* -1: go on; else the exit code. */
static int read_inspect_args(struct inspect *in, int argc, char **argv)
{
	struct args a = { .argc = argc, .argv = argv, .at = 1, .tables = { options } };
	int id;

	while ((id = args_next(&a)) != ARGS_END) {
		if (id == OPT_HELP) {
			fputs(help, stdout);
			return output_exit_code(output_flush());
		}
		if (id == OPT_JSON)
			in->json = true;
		else if (id == ARGS_OPERAND && in->path == NULL)
			in->path = a.value;
		else if (id < KEY_OPTIONS_KEY)
			return args_wrong(&a, id, "channel inspect");
		else if (key_options_take(&in->keys, id, a.value) != KB_OK)
			return id == KEY_OPTIONS_REQUIRED ? channel_usage("inspect")
							  : OUTPUT_FAILURE;
	}
	if (in->path != NULL)
		return -1;
	log_err("channel inspect: missing argument: FILE");
	return channel_usage("inspect");
}

int channel_inspect_main(int argc, char **argv)
{
	static struct inspect in;
	int code;

	memset(&in, 0, sizeof(in));
	code = read_inspect_args(&in, argc, argv);
	if (code < 0)
		code = output_exit_code(inspect_file(&in));
	channel_file_free(&in.f);
	keyring_free(&in.keys.ring);
	return code;
}
