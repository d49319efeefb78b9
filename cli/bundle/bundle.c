/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/bundle/bundle.h"

#include "cli/bundle/bundle_output.h"
#include "cli/output/subverbs.h"
#include "lib/util.h"

static const char help[] = "Usage: keelboot bundle VERB ...\n"
			   "\n"
			   "  create    make a bundle of images\n"
			   "  sign      add a signature to a bundle\n"
			   "  verify    check signature and payload\n"
			   "  inspect   show what is in a bundle\n"
			   "  extract   extract an image from a bundle\n"
			   "\n"
			   "`keelboot bundle VERB --help` describes each.\n"
			   "\n"
			   "Example:\n"
			   "  keelboot bundle inspect acme-2.1.keel --key release.pem\n";

static const struct subverb verbs[] = {
	{ "create", bundle_create_main },   { "sign", bundle_sign_main },
	{ "verify", bundle_verify_main },   { "inspect", bundle_inspect_main },
	{ "extract", bundle_extract_main },
};

int bundle_main(int argc, char **argv)
{
	bundle_output_heed_signals();
	return subverbs_run("bundle", help, verbs, KB_ARRAY_LEN(verbs), argc, argv);
}
