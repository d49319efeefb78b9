/* SPDX-License-Identifier: Apache-2.0 */
/* `keelboot bundle inspect`: arguments; bundle_report.c prints. */
#include "cli/bundle/bundle.h"
#include "cli/bundle/bundle_report.h"
#include "cli/bundle/bundle_seeds.h"
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
	"      --from [CLASS=]OLD    an older bundle or image: what a device that has it would need\n"
	"  -h, --help        this text\n"
	"\n"
	"Example:\n"
	"  keelboot bundle inspect acme-2.1.keel --key release.pem\n";

static struct bundle_open bundle;
static struct bundle_report report;
static struct bundle_seeds seeds;

static enum kb_err inspect_bundle(bool json)
{
	TRY(bundle_open_file(&bundle));
	TRY(bundle_seeds_open(&seeds, &bundle));
	TRY(bundle_report_collect(&report, &bundle, &seeds));
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
	bundle.partial = true;
	code = bundle_open_args(&bundle, argc, argv, &json);
	if (code < 0)
		code = output_exit_code(inspect_bundle(json));
	bundle_seeds_close(&seeds);
	bundle_open_close(&bundle);
	return code;
}
