/* SPDX-License-Identifier: Apache-2.0 */
/* `keelboot bundle sign`: adds signatures; nothing that others signed changes. */
#include "cli/args.h"
#include "cli/bundle.h"
#include "cli/bundle_open.h"
#include "cli/bundle_output.h"
#include "cli/key_file.h"
#include "cli/output.h"
#include "lib/log.h"

#include <string.h>

#define KEYS_MAX 8

static const char help[] =
	"Usage: keelboot bundle sign BUNDLE --key FILE [--key FILE]...\n"
	"\n"
	"Adds a signature by each private key. Signatures of other keys stay valid; one of the\n"
	"same key is replaced. The bundle is replaced as a whole, or left as it is.\n"
	"\n"
	"Options:\n"
	"      --key FILE      private key (PEM)\n"
	"  -o, --output FILE   write there and leave BUNDLE alone\n"
	"  -h, --help          this text\n"
	"\n"
	"Example:\n"
	"  keelboot bundle sign acme-2.1.keel --key customer.key\n";

enum { OPT_HELP = 1, OPT_KEY, OPT_OUTPUT };

static const struct args_option options[] = {
	{ "help", 'h', false, OPT_HELP },
	{ "key", 0, true, OPT_KEY },
	{ "output", 'o', true, OPT_OUTPUT },
	{ NULL, 0, false, 0 },
};

struct sign {
	const char *bundle, *output;
	unsigned nkeys;
	const char *key[KEYS_MAX];
	struct bundle_open b;
	struct bundle_output out;
};

static int usage(void)
{
	log_err("`keelboot bundle sign --help` shows how it is used");
	return OUTPUT_USAGE;
}

static enum kb_err add_signature(struct sign *s, const char *path)
{
	struct reader *r = &s->b.r;
	struct key_file k;
	enum kb_err err;

	TRY(key_file_load(&k, path));
	err = key_file_sign(&k, r->header, r->sig, r->h.sig_cap);
	key_file_free(&k);
	if (err == KB_ENOSPC)
		log_err("%s: no room for another signature; make the bundle again with a larger "
			"--sig-capacity",
			s->bundle);
	else if (err != KB_OK)
		log_err("%s: unable to sign with %s: %s", s->bundle, path, err_text(err));
	return err;
}

static enum kb_err write_bundle(struct sign *s)
{
	const struct reader *r = &s->b.r;

	TRY(bundle_output_begin(&s->out, s->output));
	TRY(bundle_output_write(&s->out, r->header, READER_HEADER_LEN));
	TRY(bundle_output_write(&s->out, r->sig, r->h.sig_cap));
	TRY(bundle_output_copy(&s->out, s->b.fd, r->h.manifest_off,
			       r->h.total_len - r->h.manifest_off));
	return bundle_output_commit(&s->out);
}

static enum kb_err sign_all(struct sign *s)
{
	s->b.path = s->bundle;
	TRY(bundle_open_file(&s->b));
	for (unsigned i = 0; i < s->nkeys; i++)
		TRY(add_signature(s, s->key[i]));
	return write_bundle(s);
}

/* -1: go on; else the exit code. */
static int parse(struct sign *s, int argc, char **argv)
{
	struct args a = { .argc = argc, .argv = argv, .at = 1, .tables = { options } };
	int opt;

	while ((opt = args_next(&a)) != ARGS_END) {
		if (opt == OPT_HELP) {
			fputs(help, stdout);
			return output_exit_code(output_flush());
		}
		if (opt == OPT_OUTPUT)
			s->output = a.value;
		else if (opt == OPT_KEY && s->nkeys < KEYS_MAX)
			s->key[s->nkeys++] = a.value;
		else if (opt == ARGS_OPERAND && s->bundle == NULL)
			s->bundle = a.value;
		else
			return usage();
	}
	if (s->bundle == NULL || s->nkeys == 0) {
		log_err("bundle sign: %s",
			s->bundle == NULL ? "which bundle?" : "with which key? give --key FILE");
		return usage();
	}
	if (s->output == NULL)
		s->output = s->bundle;
	return -1;
}

int bundle_sign_main(int argc, char **argv)
{
	static struct sign s;
	enum kb_err err;
	int code;

	memset(&s, 0, sizeof(s));
	s.out.fd = s.b.fd = -1;
	code = parse(&s, argc, argv);
	if (code >= 0)
		return code;
	err = sign_all(&s);
	if (err == KB_OK)
		printf("%s: signed\n", s.output);
	bundle_output_abort(&s.out);
	bundle_open_close(&s.b);
	return err != KB_OK ? output_exit_code(err) : output_exit_code(output_flush());
}
