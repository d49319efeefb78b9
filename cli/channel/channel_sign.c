/* SPDX-License-Identifier: Apache-2.0 */
/* `keelboot channel sign` */
#include "cli/bundle/bundle_elsewhere.h"
#include "cli/bundle/bundle_output.h"
#include "cli/channel/channel_file.h"
#include "cli/channel/channel_verbs.h"
#include "cli/key/key_file.h"
#include "cli/key/key_token.h"
#include "cli/key/sign_options.h"
#include "cli/output/inputs.h"
#include "cli/output/output.h"
#include "lib/log.h"

#include <inttypes.h>
#include <string.h>

static const char help[] =
	"Usage: keelboot channel sign DOCUMENT.json -o FILE --key FILE|URI [--key FILE|URI]...\n"
	"       keelboot channel sign FILE --key FILE|URI [--key FILE|URI]... [-o FILE]\n"
	"       keelboot channel sign DOCUMENT.json|FILE --emit-digest FILE\n"
	"       keelboot channel sign DOCUMENT.json|FILE --attach FILE --key PUBLIC.pem [-o FILE]\n"
	"\n"
	"Makes a channel file of a document, which devices take if they trust the key; or adds a\n"
	"signature by each private key to a channel file. A document that breaks a rule is not\n"
	"signed. The keys are those that sign bundles, and as many must have signed.\n"
	"\n" SIGN_OPTIONS_ELSEWHERE "\n"
	"Options:\n"
	"      --key FILE|URI       private key: PEM, or pkcs11:… for one in a token\n"
	"      --emit-digest FILE   write what a signature covers; nothing is signed\n"
	"      --attach FILE        a signature of that, by the public key (PEM) of --key\n"
	"  -o, --output FILE        the channel file: NAME.channel, by the channel's name\n"
	"  -h, --help               this text\n"
	"\n"
	"Example:\n"
	"  keelboot channel sign stable.json --key release.key -o stable.channel\n";

struct signing {
	struct sign_options o;
	struct channel_file f;
	struct bundle_output out;
};

static enum kb_err sign_with(struct signing *s, const char *path)
{
	struct key_file k;
	enum kb_err err;

	TRY(key_file_load(&k, path));
	k.ring.document = KEYRING_CHANNEL;
	err = key_file_sign(&k, s->f.header, s->f.sig, s->f.h.sig_cap);
	if (err != KB_OK)
		log_err("%s: unable to sign with %s: %s", s->o.input, key_token_shown(path),
			err_text(err));
	key_file_free(&k);
	return err;
}

static enum kb_err attach_signature_of(struct signing *s, const char *key)
{
	struct keyring ring = { .document = KEYRING_CHANNEL };
	struct bundle_elsewhere_signature sig;
	enum kb_err err = bundle_elsewhere_read(&sig, s->o.attach, &ring, key);

	if (err == KB_OK) {
		err = key_file_attach(&ring, s->f.header, s->f.sig, s->f.h.sig_cap, sig.bytes,
				      sig.len);
		if (err == KB_ESIG)
			log_err("%s: not a signature of this channel file by %s; sign the file that --emit-digest wrote: see keelboot-channel(1)",
				s->o.attach, key);
		else if (err != KB_OK)
			log_err("%s: unable to attach %s: %s", s->o.input, s->o.attach,
				err_text(err));
	}
	keyring_free(&ring);
	return err;
}

/* Devices compare the name with that of the file, so that no channel stands in for another. */
static enum kb_err check_name(const struct signing *s)
{
	if (channel_is_named(s->f.c.name, s->o.output))
		return KB_OK;
	log_err("%s: the channel is named %s, and no device takes it by another name; write %s.channel",
		s->o.output, s->f.c.name, s->f.c.name);
	return KB_EINVAL;
}

static enum kb_err write_signed(struct signing *s)
{
	TRY(bundle_output_begin(&s->out, s->o.output == s->o.input
						 ? bundle_output_target(s->o.input)
						 : s->o.output));
	TRY(bundle_output_write(&s->out, s->f.header, READER_HEADER_LEN));
	TRY(bundle_output_write(&s->out, s->f.sig, s->f.h.sig_cap));
	TRY(bundle_output_write(&s->out, s->f.text, s->f.len));
	TRY(bundle_output_commit(&s->out));
	printf("%s: channel %s, sequence %" PRIu64 ", %u releases, signed\n", s->o.output,
	       s->f.c.name, s->f.c.sequence, s->f.c.nreleases);
	return KB_OK;
}

static enum kb_err sign_channel(struct signing *s)
{
	bool fresh;

	TRY(channel_file_open_any(&s->f, s->o.input, &fresh));
	if (s->o.emit != NULL)
		return bundle_elsewhere_emit(s->o.emit, KEYRING_CHANNEL, s->f.header);
	if (s->o.output == NULL && fresh) {
		log_err("channel sign: %s is a document: missing option: -o FILE", s->o.input);
		return KB_EINVAL;
	}
	if (s->o.output == NULL)
		s->o.output = s->o.input;
	if (!fresh)
		inputs_replaced(s->o.input);
	TRY(check_name(s));
	if (s->o.attach != NULL)
		TRY(attach_signature_of(s, s->o.key[0]));
	for (unsigned i = 0; i < s->o.nkeys && s->o.attach == NULL; i++)
		TRY(sign_with(s, s->o.key[i]));
	return write_signed(s);
}

int channel_sign_main(int argc, char **argv)
{
	static struct signing s;
	enum kb_err err;
	int code;

	memset(&s, 0, sizeof(s));
	s.out.fd = -1;
	s.o = (struct sign_options){ .verb = "channel sign",
				     .what = "DOCUMENT.json",
				     .help = help };
	code = sign_options_read(&s.o, argc, argv);
	if (code >= 0)
		return code;
	err = sign_channel(&s);
	bundle_output_abort(&s.out);
	channel_file_free(&s.f);
	return output_exit_code(err != KB_OK ? err : output_flush());
}
