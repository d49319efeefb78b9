/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/channel/channel_cmd.h"

#include "cli/channel/channel_verbs.h"
#include "cli/output/subverbs.h"
#include "lib/util.h"

static const char help[] =
	"Usage: keelboot channel VERB ...\n"
	"\n"
	"A channel file says which devices may take which bundles of a web server.\n"
	"\n"
	"  create    make the document from bundles\n"
	"  sign      make a channel file of a document, or add a signature to one\n"
	"  inspect   check the signature, and show what is in a channel file\n"
	"\n"
	"`keelboot channel VERB --help` describes each.\n"
	"\n"
	"Example:\n"
	"  keelboot channel inspect stable.channel --key release.pem\n";

static const struct subverb verbs[] = {
	{ "create", channel_create_main },
	{ "sign", channel_sign_main },
	{ "inspect", channel_inspect_main },
};

int channel_cmd_main(int argc, char **argv)
{
	return subverbs_run("channel", help, verbs, KB_ARRAY_LEN(verbs), argc, argv);
}
