/* SPDX-License-Identifier: Apache-2.0 */
/* `keelboot bundle inspect`: arguments; bundle_report.c prints. */
#include "cli/args.h"
#include "cli/bundle.h"
#include "cli/bundle_report.h"
#include "cli/output.h"
#include "lib/log.h"

#include <string.h>

static const char help[] =
	"Usage: keelboot bundle inspect BUNDLE [--keys DIR | --key FILE.pem] [--json]\n"
	"\n"
	"Says what is in a bundle. Without a key the signature is not checked, and it says so.\n"
	"The payload is not read; `keelboot bundle verify` does that.\n"
	"\n"
	"Options:\n"
	"      --json        for programs\n"
	"      --keys DIR    folder of public keys (*.pem), as on a device\n"
	"      --key FILE    a public key; repeat it\n"
	"  -h, --help        this text\n"
	"\n"
	"Example:\n"
	"  keelboot bundle inspect acme-2.1.keel --key release.pem\n";

enum { OPT_HELP = 1, OPT_KEY, OPT_KEYS, OPT_JSON };

static const struct args_option options[] = {
	{ "help", 'h', false, OPT_HELP },
	{ "key", 0, true, OPT_KEY },
	{ "keys", 0, true, OPT_KEYS },
	{ "json", 0, false, OPT_JSON },
	{ NULL, 0, false, 0 },
};

static struct bundle_open bundle;
static struct bundle_report report;

static int usage(void)
{
	log_err("`keelboot bundle inspect --help` shows how it is used");
	return OUTPUT_USAGE;
}

/* -1: go on; else the exit code. */
static int parse(int argc, char **argv, const char **path, bool *json)
{
	struct args a = { .argc = argc, .argv = argv, .at = 1, .tables = { options } };
	enum kb_err err = KB_OK;
	int opt;

	while ((opt = args_next(&a)) != ARGS_END) {
		if (opt == OPT_HELP) {
			fputs(help, stdout);
			return output_exit_code(output_flush());
		}
		if (opt == OPT_KEYS)
			err = bundle_open_keys(&bundle, a.value);
		else if (opt == OPT_KEY)
			err = bundle_open_key(&bundle, a.value);
		else if (opt == OPT_JSON)
			*json = true;
		else if (opt == ARGS_OPERAND && *path == NULL)
			*path = a.value;
		else
			return usage();
		if (err != KB_OK)
			return OUTPUT_FAILURE;
	}
	if (*path == NULL) {
		log_err("bundle inspect: which bundle?");
		return usage();
	}
	return -1;
}

static enum kb_err inspect(const char *path, bool json)
{
	TRY(bundle_open_file(&bundle, path));
	TRY(bundle_report_collect(&report, &bundle));
	if (json)
		return bundle_report_json(&report);
	bundle_report_text(&report);
	return output_flush();
}

int bundle_inspect_main(int argc, char **argv)
{
	const char *path = NULL;
	bool json = false;
	int code;

	memset(&bundle, 0, sizeof(bundle));
	bundle.fd = -1;
	code = parse(argc, argv, &path, &json);
	if (code < 0)
		code = output_exit_code(inspect(path, json));
	bundle_open_close(&bundle);
	return code;
}
