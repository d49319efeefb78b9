/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/channel/channel_cmd.h"

#include "cli/channel/channel_verbs.h"
#include "cli/output/args.h"
#include "cli/output/output.h"
#include "lib/log.h"
#include "lib/util.h"

#include <string.h>

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

static const struct {
	const char *name;
	int (*run)(int argc, char **argv);
} verbs[] = {
	{ "create", channel_create_main },
	{ "sign", channel_sign_main },
	{ "inspect", channel_inspect_main },
};

static int unknown_channel_verb(const char *word)
{
	const char *names[KB_ARRAY_LEN(verbs)], *near;

	for (size_t i = 0; i < KB_ARRAY_LEN(verbs); i++)
		names[i] = verbs[i].name;
	near = args_nearest(word, names, KB_ARRAY_LEN(verbs));
	if (near != NULL)
		log_err("channel %s: unknown verb; did you mean `keelboot channel %s`?", word,
			near);
	else
		log_err("channel %s: unknown verb; `keelboot channel --help` lists the verbs",
			word);
	return OUTPUT_USAGE;
}

int channel_cmd_main(int argc, char **argv)
{
	if (argc < 2) {
		fputs(help, stderr);
		return OUTPUT_USAGE;
	}
	if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0) {
		fputs(help, stdout);
		return output_exit_code(output_flush());
	}
	for (size_t i = 0; i < KB_ARRAY_LEN(verbs); i++) {
		if (strcmp(argv[1], verbs[i].name) == 0)
			return verbs[i].run(argc - 1, argv + 1);
	}
	return unknown_channel_verb(argv[1]);
}
