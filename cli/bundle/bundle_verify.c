/* SPDX-License-Identifier: Apache-2.0 */
/* `keelboot bundle verify`: signature, and every byte of the payload. */
#include "cli/bundle/bundle.h"
#include "cli/bundle/bundle_check.h"
#include "cli/bundle/bundle_open.h"
#include "cli/bundle/bundle_report.h"
#include "cli/bundle/bundle_seeds.h"
#include "cli/output/output.h"
#include "lib/bytes.h"
#include "lib/log.h"
#include "lib/util.h"

#include <limits.h>

static const char help[] =
	"Usage: keelboot bundle verify BUNDLE --keys DIR [--json]\n"
	"       keelboot bundle verify BUNDLE --key FILE.pem [--json]\n"
	"\n"
	"Checks the signature by a public key, then every chunk of every image. Exit code 5: the\n"
	"content is not what was signed, or none of these keys signed it.\n"
	"\n"
	"Options:\n"
	"      --json        for programs, also when it is not good\n"
	"      --keys DIR    folder of public keys (*.pem), as on a device\n"
	"      --key FILE    a public key; repeat it\n"
	"      --signatures-required N   by so many of these keys (1)\n"
	"      --from [CLASS=]OLD    an older bundle or image, to check what is made from it; repeat it\n"
	"  -h, --help        this text\n"
	"\n"
	"Example:\n"
	"  keelboot bundle verify acme-2.1.keel --key release.pem\n";

static struct bundle_open bundle;
static struct bundle_check check;
static struct bundle_seeds seeds;

/* -1: go on; else the exit code. */
static int read_verify_args(int argc, char **argv, bool *json)
{
	int code = bundle_open_args(&bundle, argc, argv, json);

	if (code >= 0)
		return code;
	if (bundle.keys.given)
		return -1;
	log_err("bundle verify: missing option: --keys DIR or --key FILE");
	return bundle_open_usage(&bundle);
}

/* What an encoding that is not checked needs. */
static void warn_unchecked(unsigned i)
{
	const struct manifest_encoding *e = &bundle.r.m.encoding[i];
	char hex[2 * DIGEST_LEN + 1];

	bytes_hex(hex, e->seed, DIGEST_LEN);
	if (e->kind == MANIFEST_ENC_UNKNOWN)
		log_warn("%s: encoding %u was not checked: this program does not know its kind",
			 bundle.path, i + 1);
	else
		log_warn(
			"%s: encoding %u was not checked: it is made from%s%s%s image %s; name it: --from OLD",
			bundle.path, i + 1, e->seed_version[0] != '\0' ? " version " : "",
			e->seed_version, e->seed_version[0] != '\0' ? "," : "", hex);
}

static enum kb_err verify_encoding(unsigned i)
{
	const struct manifest_encoding *enc = &bundle.r.m.encoding[i];

	check.seed = NULL;
	if (enc->kind == MANIFEST_ENC_SEED)
		check.seed = bundle_seeds_find(&seeds, enc->seed);
	if (enc->kind == MANIFEST_ENC_FULL || check.seed != NULL)
		return bundle_check_image(&check, &bundle.r, bundle.path, enc->image, enc);
	warn_unchecked(i);
	return KB_OK;
}

/* All encodings that this program can read; each image needs one of them. */
static enum kb_err verify_images(void)
{
	const struct reader_seeds have = { bundle_seeds_have, &seeds, bundle_seeds_absent };
	struct reader *r = &bundle.r;
	const struct manifest_encoding *enc;

	for (unsigned i = 0; i < r->m.nencodings; i++)
		TRY(verify_encoding(i));
	for (unsigned i = 0; i < r->m.nimages; i++) {
		enum kb_err err = reader_pick_encoding(r, i, &have, &enc);

		if (err != KB_OK) {
			log_err("%s: %s", bundle.path, r->why);
			return err;
		}
	}
	return KB_OK;
}

static enum kb_err verify_bundle(void)
{
	TRY(bundle_open_file(&bundle));
	TRY(bundle_seeds_open(&seeds, &bundle));
	return verify_images();
}

static enum kb_err print_verified_text(void)
{
	char size[OUTPUT_TIME_LEN], path[PATH_MAX];

	output_size(size, bundle.r.h.total_len);
	util_print_safe(path, sizeof(path), bundle.path);
	printf("%s: good; %s, version %s, %s, signed by %s\n", path, bundle.r.m.compatible[0],
	       bundle.r.m.version, size, bundle.r.signer);
	return output_flush();
}

/* As they are reported. */
static const char *why_not_verified(enum kb_err err)
{
	if (check.why[0] != '\0')
		return check.why;
	return bundle.r.why[0] != '\0' ? bundle.r.why : err_text(err);
}

/* Which release it is stands there only if all of it is what was signed. */
static enum kb_err print_verified_json(enum kb_err err)
{
	json_object *o = output_json_new();

	output_json_text(o, "bundle", bundle.path);
	output_json_bool(o, "good", err == KB_OK);
	output_json_number(o, "exit", (uint64_t)output_exit_code(err));
	output_json_text(o, "error", err == KB_OK ? NULL : why_not_verified(err));
	if (err == KB_OK) {
		bundle_report_json_release(o, &bundle.r);
		output_json_text(o, "signer", bundle.r.signer);
	}
	return output_json_print(o, false);
}

int bundle_verify_main(int argc, char **argv)
{
	enum kb_err err, printed = KB_OK;
	bool json = false;
	int code;

	bundle_open_init(&bundle, "verify", help);
	code = read_verify_args(argc, argv, &json);
	if (code < 0) {
		err = verify_bundle();
		if (json)
			printed = print_verified_json(err);
		else if (err == KB_OK)
			printed = print_verified_text();
		code = output_exit_code(err != KB_OK ? err : printed);
	}
	bundle_seeds_close(&seeds);
	bundle_open_close(&bundle);
	return code;
}
