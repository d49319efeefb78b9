/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/bundle/bundle.h"

#include "cli/output/args.h"
#include "cli/output/output.h"
#include "lib/log.h"
#include "lib/util.h"

#include <string.h>

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

static const struct {
	const char *name;
	int (*run)(int argc, char **argv);
} verbs[] = {
	{ "create", bundle_create_main },   { "sign", bundle_sign_main },
	{ "verify", bundle_verify_main },   { "inspect", bundle_inspect_main },
	{ "extract", bundle_extract_main },
};

static int unknown_bundle_verb(const char *word)
{
	const char *names[KB_ARRAY_LEN(verbs)], *near;

	for (size_t i = 0; i < KB_ARRAY_LEN(verbs); i++)
		names[i] = verbs[i].name;
	near = args_nearest(word, names, KB_ARRAY_LEN(verbs));
	if (near != NULL)
		log_err("bundle %s: unknown verb; did you mean `keelboot bundle %s`?", word, near);
	else
		log_err("bundle %s: unknown verb; `keelboot bundle --help` lists the verbs", word);
	return OUTPUT_USAGE;
}

int bundle_main(int argc, char **argv)
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
	return unknown_bundle_verb(argv[1]);
}
