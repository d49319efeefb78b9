/* SPDX-License-Identifier: Apache-2.0 */
/* `keelboot bundle extract`: an image back into a file, sparse. */
#include "cli/output/args.h"
#include "cli/bundle/bundle.h"
#include "cli/bundle/bundle_check.h"
#include "cli/bundle/bundle_open.h"
#include "cli/bundle/bundle_output.h"
#include "cli/bundle/bundle_seeds.h"
#include "cli/output/output.h"
#include "lib/bytes.h"
#include "lib/log.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#define BLOCK 4096u

static const char help[] =
	"Usage: keelboot bundle extract BUNDLE (--keys DIR | --key FILE.pem) [--image CLASS]\n"
	"                               -o FILE\n"
	"\n"
	"Writes an image of a bundle to a file, once its signature was checked; each chunk is\n"
	"checked before it is written. Blocks of zeroes become holes.\n"
	"\n"
	"Options:\n"
	"      --image CLASS   which image; not needed when there is only one\n"
	"  -o, --output FILE   appears when it is whole\n"
	"      --keys DIR      folder of public keys (*.pem), as on a device\n"
	"      --key FILE      a public key; repeat it\n"
	"      --signatures-required N   by so many of these keys (1)\n"
	"      --from [CLASS=]OLD  an older bundle or image, if the bundle has only what differs from it\n"
	"  -h, --help          this text\n"
	"\n"
	"Example:\n"
	"  keelboot bundle extract acme-2.1.keel --key release.pem --image root -o rootfs.ext4\n";

enum { OPT_IMAGE = 1, OPT_OUTPUT };

static const struct args_option options[] = {
	{ "image", 0, true, OPT_IMAGE },
	{ "output", 'o', true, OPT_OUTPUT },
	{ NULL, 0, false, 0 },
};

static struct bundle_open bundle;
static struct bundle_check check;
static struct bundle_output out;
static struct bundle_seeds seeds;

struct wanted {
	const char *image, *output;
};

/* -1: go on; else the exit code. */
static int read_extract_args(struct wanted *w, int argc, char **argv)
{
	struct args a = {
		.argc = argc, .argv = argv, .at = 1, .tables = { options, bundle_open_options }
	};
	int id, code = -1;

	while ((id = bundle_open_next(&bundle, &a, &code)) != ARGS_END) {
		if (id == BUNDLE_OPEN_DONE)
			return code;
		*(id == OPT_IMAGE ? &w->image : &w->output) = a.value;
	}
	if (w->output != NULL && bundle.keys.given)
		return -1;
	log_err("bundle extract: %s", w->output == NULL
					      ? "missing option: -o FILE"
					      : "missing option: --keys DIR or --key FILE");
	return bundle_open_usage(&bundle);
}

static enum kb_err choose_image(const struct wanted *w, unsigned *image)
{
	const struct manifest *m = &bundle.r.m;

	if (w->image == NULL && m->nimages == 1) {
		*image = 0;
		return KB_OK;
	}
	for (*image = 0; w->image != NULL && *image < m->nimages; ++*image) {
		if (strcmp(m->image[*image].name, w->image) == 0)
			return KB_OK;
	}
	if (w->image != NULL)
		log_err("%s has no image %s; `keelboot bundle inspect` lists them", bundle.path,
			w->image);
	else
		log_err("%s has %u images; choose one: --image NAME", bundle.path, m->nimages);
	return KB_ENOENT;
}

/* Runs of blocks that are not all zero. */
static enum kb_err write_chunk(void *ctx, const struct reader_chunk *c,
			       const struct bundle_chunk *b)
{
	uint64_t at = (uint64_t)c->index * *(const uint32_t *)ctx;
	uint32_t start = 0;

	if (b->hole)
		return KB_OK;
	for (uint32_t i = 0; i <= c->len; i += BLOCK) {
		if (i < c->len && !bytes_all(b->plain + i, BLOCK, 0))
			continue;
		if (i > start)
			TRY(bundle_output_write_at(&out, at + start, b->plain + start, i - start));
		start = i + BLOCK;
	}
	return KB_OK;
}

static enum kb_err extract_image(const struct wanted *w)
{
	const struct reader_seeds have = { bundle_seeds_have, &seeds, bundle_seeds_absent };
	const struct manifest_encoding *enc;
	struct reader *r = &bundle.r;
	unsigned image;
	enum kb_err err;

	TRY(bundle_open_file(&bundle));
	TRY(choose_image(w, &image));
	TRY(bundle_seeds_open(&seeds, &bundle));
	err = reader_pick_encoding(r, image, &have, &enc);
	if (err != KB_OK) {
		log_err("%s: %s", bundle.path, r->why);
		return err;
	}
	TRY(bundle_output_begin(&out, w->output));
	if (ftruncate(out.fd, (off_t)r->m.image[image].size) != 0) {
		log_err("%s: %s", out.tmp, strerror(errno));
		return err_errno(errno);
	}
	check.chunk = write_chunk;
	check.ctx = &r->m.image[image].chunk;
	if (enc->kind == MANIFEST_ENC_SEED)
		check.seed = bundle_seeds_find(&seeds, enc->seed);
	TRY(bundle_check_image(&check, r, bundle.path, image, enc));
	return bundle_output_commit(&out);
}

int bundle_extract_main(int argc, char **argv)
{
	struct wanted w = { 0 };
	enum kb_err err;
	int code;

	bundle_open_init(&bundle, "extract", help);
	memset(&check, 0, sizeof(check));
	out.fd = -1;
	code = read_extract_args(&w, argc, argv);
	if (code < 0) {
		err = extract_image(&w);
		code = output_exit_code(err);
	}
	bundle_output_abort(&out);
	bundle_seeds_close(&seeds);
	bundle_open_close(&bundle);
	return code;
}
