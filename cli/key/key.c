/* SPDX-License-Identifier: Apache-2.0 */
/* `keelboot key generate` and `keelboot key show`. */
#include "cli/key/key.h"

#include "cli/output/args.h"
#include "cli/key/key_file.h"
#include "cli/key/key_token.h"
#include "cli/output/inputs.h"
#include "cli/output/output.h"
#include "lib/bytes.h"
#include "lib/log.h"
#include "lib/util.h"

#include <string.h>

static const char help[] =
	"Usage: keelboot key generate -o NAME [--type ed25519|p256]\n"
	"       keelboot key show FILE... [--json]\n"
	"\n"
	"  generate  make a key pair: NAME.key signs bundles (keep it secret), NAME.pem goes\n"
	"            into the device's keyring; neither file is ever overwritten\n"
	"  show      print type and id of keys, private or public\n"
	"\n"
	"Options:\n"
	"  -o, --output NAME   where to write: NAME.key and NAME.pem\n"
	"      --type TYPE     ed25519 (default) or p256 (ECDSA on P-256 with SHA-256)\n"
	"      --json          show: for programs\n"
	"  -h, --help          this text\n"
	"\n"
	"Example:\n"
	"  keelboot key generate -o release-2026\n"
	"  cp release-2026.pem /etc/keelboot/keys/\n";

enum { OPT_HELP = 1, OPT_OUTPUT, OPT_TYPE, OPT_JSON };

static const struct args_option options[] = {
	{ "help", 'h', false, OPT_HELP },
	{ "output", 'o', true, OPT_OUTPUT },
	{ "type", 0, true, OPT_TYPE },
	{ "json", 0, false, OPT_JSON },
	{ NULL, 0, false, 0 },
};

static void print_key(const char *path, const struct keyring_key *key, const char *half)
{
	char id[2 * KEYRING_ID_LEN + 1];

	bytes_hex(id, key->id, KEYRING_ID_LEN);
	printf("%s: %s %s key, id %s%s%s\n", key_token_shown(path), keyring_alg_name(key->alg),
	       half, id, key->published != NULL ? "; published, for tests only: " : "",
	       key->published != NULL ? key->published : "");
}

static int wrong_key_usage(void)
{
	log_err("`keelboot key --help` shows the options");
	return OUTPUT_USAGE;
}

static int generate_pair(const char *base, const char *type)
{
	enum keyring_alg alg;
	struct key_file k;
	enum kb_err err;

	if (base == NULL) {
		log_err("key generate: missing option: -o NAME");
		return wrong_key_usage();
	}
	if (base[0] == '\0' || base[strlen(base) - 1] == '/') {
		log_err("-o %s: expected a NAME, for NAME.key and NAME.pem, such as %srelease-2026",
			base, base);
		return wrong_key_usage();
	}
	if (type == NULL || strcmp(type, "ed25519") == 0) {
		alg = KEYRING_ED25519;
	} else if (strcmp(type, "p256") == 0) {
		alg = KEYRING_ECDSA_P256;
	} else {
		log_err("--type %s: expected ed25519 or p256", type);
		return wrong_key_usage();
	}
	err = key_file_generate(base, alg, &k);
	if (err != KB_OK)
		return OUTPUT_FAILURE;
	print_key(base, key_file_public(&k), "new");
	log_info(
		"%s.key is not protected by a passphrase: good for development; a key for products belongs on a machine of its own or in a hardware token",
		base);
	key_file_free(&k);
	return output_exit_code(output_flush());
}

/* On a list of JSON, or as a line where there is none. */
static void show_key(json_object *list, const char *path, const struct keyring_key *key,
		     const char *half)
{
	json_object *o;

	if (list == NULL) {
		print_key(path, key, half);
		return;
	}
	o = json_object_new_object();
	output_json_text(o, "file", key_token_shown(path));
	output_json_text(o, "half", half);
	output_json_text(o, "algorithm", keyring_alg_name(key->alg));
	output_json_hex(o, "id", key->id, KEYRING_ID_LEN);
	if (key->published != NULL)
		output_json_text(o, "published", key->published);
	output_json_append(list, o);
}

static int show_failure(json_object *list, const char *path, enum kb_err err)
{
	json_object *o;

	if (list != NULL) {
		o = json_object_new_object();
		output_json_text(o, "file", key_token_shown(path));
		output_json_text(o, "error", err_text(err));
		output_json_append(list, o);
	}
	return OUTPUT_FAILURE;
}

/* A public key is tried first: it is what most people have. */
static int show_one(json_object *list, const char *path)
{
	static struct keyring ring;
	struct key_file k;
	enum kb_err err;

	memset(&ring, 0, sizeof(ring));
	err = key_token_is_uri(path) ? KB_ENOENT : keyring_add(&ring, path);
	if (err == KB_OK) {
		show_key(list, path, &ring.key[0], "public");
		keyring_free(&ring);
		return OUTPUT_OK;
	}
	if (err == KB_EFORMAT && !inputs_is_private_key(path)) {
		log_err("key %s: neither a private key in PEM nor a public key that a device accepts: expected " KEYRING_PEM_WANTED
			"; to convert a compressed one: openssl ec -pubin -conv_form uncompressed -in %s -out NEW.pem",
			path, path);
		return show_failure(list, path, err);
	}
	err = key_file_load(&k, path);
	if (err != KB_OK)
		return show_failure(list, path, err);
	show_key(list, path, key_file_public(&k), "private");
	key_file_free(&k);
	return OUTPUT_OK;
}

static int show_keys(char **files, unsigned n, bool json)
{
	json_object *list = NULL, *o;
	enum kb_err printed;
	int code = OUTPUT_OK;

	if (n == 0) {
		log_err("key show: missing argument: FILE");
		return wrong_key_usage();
	}
	if (json)
		list = output_json_list();
	for (unsigned i = 0; i < n; i++) {
		if (show_one(list, files[i]) != OUTPUT_OK)
			code = OUTPUT_FAILURE;
	}
	if (json) {
		o = output_json_new();
		output_json_add(o, "keys", list);
		printed = output_json_print(o, false);
	} else {
		printed = output_flush();
	}
	return code != OUTPUT_OK ? code : output_exit_code(printed);
}

static int refuse_option(const char *verb, const char *option, const char *other)
{
	log_err("key %s: --%s is an option of `keelboot key %s`; leave it out", verb, option,
		other);
	return wrong_key_usage();
}

/* Of generate, which has its name from an option. */
static int refuse_name(const char *name, const char *output)
{
	if (output == NULL)
		log_err("key generate: unexpected argument \"%s\"; use -o %s", name, name);
	else
		log_err("key generate: unexpected argument \"%s\"; leave it out: the name is that of -o, %s",
			name, output);
	return wrong_key_usage();
}

int key_main(int argc, char **argv)
{
	struct args a = { .argc = argc, .argv = argv, .at = 1, .tables = { options } };
	const char *output = NULL, *type = NULL, *verb;
	bool json = false;
	unsigned n = 0;
	int opt;

	while ((opt = args_next(&a)) != ARGS_END) {
		if (opt == OPT_HELP) {
			fputs(help, stdout);
			return output_exit_code(output_flush());
		}
		if (opt == ARGS_ERROR)
			return OUTPUT_USAGE;
		if (opt == OPT_OUTPUT)
			output = a.value;
		else if (opt == OPT_TYPE)
			type = a.value;
		else if (opt == OPT_JSON)
			json = true;
		else
			argv[n++] = (char *)a.value; /* operands move to the front */
	}
	verb = n > 0 ? argv[0] : "";
	if (strcmp(verb, "generate") == 0)
		return json    ? refuse_option(verb, "json", "show")
		       : n > 1 ? refuse_name(argv[1], output)
			       : generate_pair(output, type);
	if (strcmp(verb, "show") == 0)
		return output != NULL ? refuse_option(verb, "output", "generate")
		       : type != NULL ? refuse_option(verb, "type", "generate")
				      : show_keys(argv + 1, n - 1, json);
	log_err(n == 0 ? "key: expected \"generate\" or \"show\""
		       : "key %s: unknown verb; expected \"generate\" or \"show\"",
		verb);
	return wrong_key_usage();
}
