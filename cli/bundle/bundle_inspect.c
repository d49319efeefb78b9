/* SPDX-License-Identifier: Apache-2.0 */
/* `keelboot bundle inspect`: arguments; bundle_report.c prints. */
#include "cli/output/args.h"
#include "cli/bundle/bundle.h"
#include "cli/bundle/bundle_report.h"
#include "cli/output/output.h"

static const char help[] =
	"Usage: keelboot bundle inspect BUNDLE [--keys DIR | --key FILE.pem] [--json]\n"
	"\n"
	"Shows what is in a bundle. Without a key, the signature is not checked.\n"
	"The payload is not read; `keelboot bundle verify` does that.\n"
	"\n"
	"Options:\n"
	"      --json        for programs\n"
	"      --keys DIR    folder of public keys (*.pem), as on a device\n"
	"      --key FILE    a public key; repeat it\n"
	"      --signatures-required N   by so many of these keys (1)\n"
	"  -h, --help        this text\n"
	"\n"
	"Example:\n"
	"  keelboot bundle inspect acme-2.1.keel --key release.pem\n";

enum { OPT_JSON = 1 };

static const struct args_option options[] = {
	{ "json", 0, false, OPT_JSON },
	{ NULL, 0, false, 0 },
};

static struct bundle_open bundle;
static struct bundle_report report;

/* -1: go on; else the exit code. */
static int read_inspect_args(int argc, char **argv, bool *json)
{
	struct args a = {
		.argc = argc, .argv = argv, .at = 1, .tables = { options, bundle_open_options }
	};
	int id, code = -1;

	while ((id = bundle_open_next(&bundle, &a, &code)) == OPT_JSON)
		*json = true;
	return id == ARGS_END ? -1 : code;
}

static enum kb_err inspect_bundle(bool json)
{
	TRY(bundle_open_file(&bundle));
	TRY(bundle_report_collect(&report, &bundle));
	if (json)
		return bundle_report_json(&report);
	bundle_report_text(&report);
	return output_flush();
}

int bundle_inspect_main(int argc, char **argv)
{
	bool json = false;
	int code;

	bundle_open_init(&bundle, "inspect", help);
	code = read_inspect_args(argc, argv, &json);
	if (code < 0)
		code = output_exit_code(inspect_bundle(json));
	bundle_open_close(&bundle);
	return code;
}
