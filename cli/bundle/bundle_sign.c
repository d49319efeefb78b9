/* SPDX-License-Identifier: Apache-2.0 */
/* `keelboot bundle sign`: adds signatures; nothing that others signed changes. */
#include "cli/bundle/bundle.h"
#include "cli/bundle/bundle_elsewhere.h"
#include "cli/bundle/bundle_open.h"
#include "cli/bundle/bundle_output.h"
#include "cli/key/key_file.h"
#include "cli/key/key_token.h"
#include "cli/key/sign_options.h"
#include "cli/output/inputs.h"
#include "cli/output/output.h"
#include "lib/bytes.h"
#include "lib/log.h"

#include <string.h>

static const char help[] =
	"Usage: keelboot bundle sign BUNDLE --key FILE|URI [--key FILE|URI]...\n"
	"       keelboot bundle sign BUNDLE --emit-digest FILE\n"
	"       keelboot bundle sign BUNDLE --attach FILE --key PUBLIC.pem\n"
	"\n"
	"Adds a signature by each private key. Signatures of other keys stay valid; one of the\n"
	"same key is replaced. The bundle is replaced as a whole, or left as it is.\n"
	"\n" SIGN_OPTIONS_ELSEWHERE "\n"
	"Options:\n"
	"      --key FILE|URI       private key: PEM, or pkcs11:… for one in a token\n"
	"      --emit-digest FILE   write what a signature covers; BUNDLE stays as it is\n"
	"      --attach FILE        a signature of that, by the public key (PEM) of --key\n"
	"  -o, --output FILE        write there; BUNDLE stays as it is\n"
	"  -h, --help               this text\n"
	"\n"
	"Example:\n"
	"  keelboot bundle sign acme-2.1.keel --emit-digest acme-2.1.tbs\n"
	"  openssl pkeyutl -sign -rawin -inkey ed25519.key -in acme-2.1.tbs -out acme-2.1.sig\n"
	"  openssl dgst -sha256 -sign p256.key -out acme-2.1.sig acme-2.1.tbs\n"
	"  keelboot bundle sign acme-2.1.keel --attach acme-2.1.sig --key p256.pem\n";

struct signer {
	enum keyring_alg alg;
	uint8_t id[KEYRING_ID_LEN];
};

struct sign {
	struct sign_options o;
	unsigned nsigners;
	struct signer signer[SIGN_OPTIONS_KEYS];
	struct bundle_open b;
	struct bundle_output out;
};

static enum kb_err report_failure(const struct sign *s, const char *what, const char *path,
				  enum kb_err err)
{
	if (err == KB_ENOSPC)
		log_err("%s: no room for another signature; make the bundle again with a larger --sig-capacity",
			s->o.input);
	else if (err != KB_OK)
		log_err("%s: unable to %s %s: %s", s->o.input, what, path, err_text(err));
	return err;
}

/* The key that signed, reported when the bundle is there: who gave a URI sees which one it was. */
static void note_signer(struct sign *s, const struct keyring_key *key)
{
	s->signer[s->nsigners].alg = key->alg;
	memcpy(s->signer[s->nsigners++].id, key->id, KEYRING_ID_LEN);
}

static void print_signers(const struct sign *s)
{
	char id[2 * KEYRING_ID_LEN + 1];

	for (unsigned i = 0; i < s->nsigners; i++) {
		bytes_hex(id, s->signer[i].id, KEYRING_ID_LEN);
		printf("%s: signed by %s key, id %s\n", s->o.output,
		       keyring_alg_name(s->signer[i].alg), id);
	}
}

static enum kb_err add_signature(struct sign *s, const char *path)
{
	struct reader *r = &s->b.r;
	struct key_file k;
	enum kb_err err;

	TRY(key_file_load(&k, path));
	err = key_file_sign(&k, r->header, r->sig, r->h.sig_cap);
	note_signer(s, key_file_public(&k));
	key_file_free(&k);
	return report_failure(s, "sign with", key_token_shown(path), err);
}

static enum kb_err attach_signature(struct sign *s, const char *path)
{
	struct keyring *ring = &s->b.keys.ring;
	struct bundle_elsewhere_signature sig;
	struct reader *r = &s->b.r;
	enum kb_err err;

	TRY(bundle_elsewhere_read(&sig, s->o.attach, ring, path));
	err = key_file_attach(ring, r->header, r->sig, r->h.sig_cap, sig.bytes, sig.len);
	note_signer(s, &ring->key[0]);
	if (err != KB_ESIG)
		return report_failure(s, "attach", s->o.attach, err);
	log_err("%s: not a signature of this bundle by %s; sign the file that --emit-digest wrote: see keelboot-bundle(1)",
		s->o.attach, path);
	return err;
}

static enum kb_err write_bundle(struct sign *s)
{
	const struct reader *r = &s->b.r;

	inputs_replaced(s->o.input);
	TRY(bundle_output_begin(&s->out, s->o.output == s->o.input
						 ? bundle_output_target(s->o.input)
						 : s->o.output));
	TRY(bundle_output_write(&s->out, r->header, READER_HEADER_LEN));
	TRY(bundle_output_write(&s->out, r->sig, r->h.sig_cap));
	TRY(bundle_output_copy(&s->out, s->b.fd, r->h.manifest_off,
			       r->h.total_len - r->h.manifest_off));
	return bundle_output_commit(&s->out);
}

static enum kb_err sign_all(struct sign *s)
{
	s->b.path = s->o.input;
	TRY(bundle_open_file(&s->b));
	if (s->o.emit != NULL)
		return bundle_elsewhere_emit(s->o.emit, KEYRING_BUNDLE, s->b.r.header);
	if (s->o.attach != NULL)
		TRY(attach_signature(s, s->o.key[0]));
	for (unsigned i = 0; i < s->o.nkeys && s->o.attach == NULL; i++)
		TRY(add_signature(s, s->o.key[i]));
	return write_bundle(s);
}

int bundle_sign_main(int argc, char **argv)
{
	static struct sign s;
	enum kb_err err;
	int code;

	memset(&s, 0, sizeof(s));
	s.out.fd = s.b.fd = -1;
	s.o = (struct sign_options){ .verb = "bundle sign", .what = "BUNDLE", .help = help };
	code = sign_options_read(&s.o, argc, argv);
	if (code >= 0)
		return code;
	if (s.o.output == NULL)
		s.o.output = s.o.input;
	err = sign_all(&s);
	if (err == KB_OK && s.o.emit == NULL)
		print_signers(&s);
	bundle_output_abort(&s.out);
	bundle_open_close(&s.b);
	return err != KB_OK ? output_exit_code(err) : output_exit_code(output_flush());
}
