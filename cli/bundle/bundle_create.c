/* SPDX-License-Identifier: Apache-2.0 */
/* `keelboot bundle create`: options and order; the rest is in bundle_build.c. */
#include "cli/output/args.h"
#include "cli/bundle/bundle.h"
#include "cli/bundle/bundle_build.h"
#include "cli/key/key_token.h"
#include "cli/output/output.h"
#include "lib/bytes.h"
#include "lib/conf.h"
#include "lib/log.h"
#include "lib/util.h"
#include "lib/version_text.h"

#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

static const char help[] =
	"Usage: keelboot bundle create -o OUT.keel [RECIPE.ini] [OPTION]...\n"
	"\n"
	"Makes a bundle of images. Options win over the recipe, an INI file that knows the same\n"
	"names: [bundle] with compatible=, version= …, and [image.CLASS] with file=,\n"
	"filesystem=, size= and verity-*=.\n"
	"\n"
	"Options:\n"
	"  -o, --output FILE         the bundle; it appears when it is whole\n"
	"      --compatible A[,B]    devices it is for, as compatible= in their system.conf\n"
	"      --processor A[,B]     processors it is for: x86_64, i386, aarch64, arm, riscv64, s390x\n"
	"      --version V           for people, as 2.1\n"
	"      --sequence N          for devices: grows with each release\n"
	"      --floor N             devices that kept this release refuse sequences below N\n"
	"      --allow-downgrade yes|no   may be installed over a newer release (not below\n"
	"                            the floor)\n"
	"      --image CLASS=FILE[,fs=TYPE][,size=SIZE]   an image for a partition of the slot,\n"
	"                            or a folder, of which one is made; repeat it\n"
	"      --from [CLASS=]OLD[,version=V]   also a delta from an older bundle or image: devices\n"
	"                            that have it need only that; repeat it\n"
	"      --full yes|no         the whole images, too, for all other devices (yes)\n"
	"      --recompress yes|no   devices that were built so compress squashfs and erofs again (no)\n"
	"      --chunk-size SIZE     16K to 1M, a power of two (256K)\n"
	"      --compress auto|zstd|none   auto: zstd, but none without --from if zstd makes no image\n"
	"                            4 % smaller; devices then need less memory (auto)\n"
	"      --verity              a dm-verity tree behind the image root, and its root hash\n"
	"                            in the manifest; in the recipe: verity=yes\n"
	"      --level N             1 quick … 22 small (9)\n"
	"      --frame-size SIZE     16K to 4M that zstd compresses as one (4M); the smaller, the less\n"
	"                            a fleet fetches of what changed, and the longer this takes\n"
	"      --threads N           that compress (one for each processor)\n"
	"      --key FILE            private key to sign with; repeat it\n"
	"      --sig-capacity SIZE   room for signatures, 512 to 128K (16K)\n"
	"      --description TEXT, --build TEXT   for people\n"
	"  -h, --help                this text\n"
	"\n"
	"An image whose size is no multiple of 4096 is padded with zeroes to one. One of ext4\n"
	"whose journal needs recovery is refused: unmount it first.\n"
	"\n"
	"A folder becomes an image by mke2fs, or with fs=squashfs or fs=erofs by the tool for that.\n"
	"size= is for ext4; without it, the image is a little larger than its content.\n"
	"\n"
	"With SOURCE_DATE_EPOCH set (and Ed25519 keys) the same input gives the same bytes.\n"
	"\n"
	"Example:\n"
	"  keelboot bundle create -o acme-2.1.keel --compatible acme-box --version 2.1 \\\n"
	"      --sequence 21 --image root=rootfs.ext4 --key release.key\n";

enum { OPT_HELP = 1, OPT_IMAGE, OPT_SET, OPT_VERITY };

static const struct args_option options[] = {
	{ "help", 'h', false, OPT_HELP },
	{ "image", 0, true, OPT_IMAGE },
	{ "verity", 0, false, OPT_VERITY }, /* yes */
	{ "output", 'o', true, OPT_SET },
	{ "compatible", 0, true, OPT_SET },
	{ "processor", 0, true, OPT_SET },
	{ "version", 0, true, OPT_SET },
	{ "sequence", 0, true, OPT_SET },
	{ "floor", 0, true, OPT_SET },
	{ "allow-downgrade", 0, true, OPT_SET },
	{ "from", 0, true, OPT_SET },
	{ "full", 0, true, OPT_SET },
	{ "recompress", 0, true, OPT_SET },
	{ "chunk-size", 0, true, OPT_SET },
	{ "compress", 0, true, OPT_SET },
	{ "level", 0, true, OPT_SET },
	{ "threads", 0, true, OPT_SET },
	{ "key", 0, true, OPT_SET },
	{ "sig-capacity", 0, true, OPT_SET },
	{ "description", 0, true, OPT_SET },
	{ "build", 0, true, OPT_SET },
	{ "frame-size", 0, true, OPT_SET },
	{ NULL, 0, false, 0 },
};

static int wrong_usage(void)
{
	log_err("`keelboot bundle create --help` shows the options");
	return OUTPUT_USAGE;
}

/* First the recipe is looked for, then, with it read, the options are set. */
static int find_recipe(int argc, char **argv, const char **recipe)
{
	struct args a = { .argc = argc, .argv = argv, .at = 1, .tables = { options } };
	int opt;

	while ((opt = args_next(&a)) != ARGS_END) {
		if (opt == ARGS_ERROR)
			return OUTPUT_USAGE;
		if (opt == OPT_HELP) {
			fputs(help, stdout);
			*recipe = NULL;
			return ARGS_END;
		}
		if (opt != ARGS_OPERAND)
			continue;
		if (*recipe != NULL) {
			log_err("bundle create: two recipes, %s and %s; only one is allowed",
				*recipe, a.value);
			return wrong_usage();
		}
		*recipe = a.value;
	}
	return -1;
}

static int read_options(struct bundle_spec *s, int argc, char **argv)
{
	struct args a = { .argc = argc, .argv = argv, .at = 1, .tables = { options } };
	const char *wrong;
	int opt;

	while ((opt = args_next(&a)) != ARGS_END) {
		if (opt == ARGS_OPERAND)
			continue;
		if (opt == OPT_VERITY)
			wrong = bundle_spec_set(s, "", "verity", "yes");
		else if (opt == OPT_IMAGE)
			wrong = bundle_spec_image_option(s, a.value);
		else
			wrong = bundle_spec_set(s, "", a.option, a.value);
		if (wrong != NULL) {
			log_err("--%s %s: %s", a.option,
				a.value != NULL ? key_token_shown(a.value) : "", wrong);
			return wrong_usage();
		}
	}
	wrong = bundle_spec_missing(s);
	if (wrong != NULL) {
		log_err("bundle create: %s", wrong);
		return wrong_usage();
	}
	return OUTPUT_OK;
}

/* Of a delta for which two ways were tried. */
static void print_way(const struct manifest *m, unsigned encoding, const struct bundle_way *w)
{
	const struct manifest_encoding *e = &m->encoding[encoding];
	char plain[OUTPUT_TIME_LEN], remade[OUTPUT_TIME_LEN];
	bool named = e->seed_version[0] != '\0';

	output_size(plain, w->plain_len);
	output_size(remade, w->remade_len);
	printf("image %s%s%s: ", m->image[e->image].name, named ? ", from version " : "",
	       e->seed_version);
	if (w->remade)
		printf("blocks are compressed again: %s; a plain delta has %s\n", remade, plain);
	else
		printf("a plain delta: %s; with blocks compressed again it has %s\n", plain,
		       remade);
}

/* Each slot of a device has a root, so a class of another name is a slip, as rootfs. The boot
 * loader is of no slot. */
static void warn_of_root(const struct bundle_spec *s)
{
	for (unsigned i = 0; i < s->m.nimages; i++)
		if (strcmp(s->m.image[i].name, "root") == 0 ||
		    (s->m.nimages == 1 && strcmp(s->m.image[i].name, CONF_CLASS_LOADER) == 0))
			return;
	log_warn(
		"%s has no image root, so no device installs it; name the root so: --image root=FILE",
		s->output);
}

/* What cannot be read here was read before. */
static bool has_version(const char *file, const char *version)
{
	KB_CLEANUP_FD int fd = open(file, O_RDONLY | O_CLOEXEC);
	struct stat st;
	void *text;
	bool has;

	if (fd < 0 || fstat(fd, &st) != 0 || !S_ISREG(st.st_mode) || st.st_size == 0)
		return true;
	/* bound: the file */
	text = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (text == MAP_FAILED)
		return true;
	has = version_text_in(version, text, (size_t)st.st_size, true);
	munmap(text, (size_t)st.st_size);
	return has;
}

/* A device knows by that text that it runs (cli/loader/copies.h). */
static void warn_of_loader(const struct bundle_spec *s)
{
	if (s->m.nimages != 1 || strcmp(s->m.image[0].name, CONF_CLASS_LOADER) != 0 ||
	    has_version(s->file[0], s->m.version))
		return;
	log_warn(
		"%s: no device installs it: its version %.40s is no text of %u bytes or more in %.200s; say --version as the loader says it (docs/KERNEL.md)",
		s->output, s->m.version, VERSION_TEXT_MIN, s->file[0]);
}

static void print_summary(const struct bundle_spec *s, const struct bundle_build_result *b)
{
	char id[2 * DIGEST_LEN + 1], bundle[OUTPUT_TIME_LEN], images[OUTPUT_TIME_LEN];

	for (unsigned i = 0; i < s->m.nencodings; i++)
		if (b->way[i].compared)
			print_way(&s->m, i, &b->way[i]);
	bytes_hex(id, b->release, DIGEST_LEN);
	output_size(bundle, b->bundle_len);
	output_size(images, b->images_len);
	printf("%s: release %s, %s (sequence %" PRIu64 "), %s of images in %s, %u signature%s%s\n",
	       s->output, id, s->m.version, s->m.sequence, images, bundle, b->signatures,
	       b->signatures == 1 ? "" : "s", b->replaced ? "; the older file was replaced" : "");
	if (s->nkeys == 0)
		log_warn(
			"%s is not signed: no device installs it; sign it: keelboot bundle sign %s --key FILE",
			s->output, s->output);
}

int bundle_create_main(int argc, char **argv)
{
	static struct bundle_spec s;
	struct bundle_build_result result;
	const char *recipe = NULL;
	enum kb_err err;
	int code = find_recipe(argc, argv, &recipe);

	if (code >= 0)
		return code == ARGS_END ? output_exit_code(output_flush()) : code;
	bundle_spec_default(&s);
	if (recipe != NULL && bundle_spec_recipe(&s, recipe) != KB_OK)
		return OUTPUT_USAGE;
	code = read_options(&s, argc, argv);
	if (code != OUTPUT_OK)
		return code;
	err = bundle_build(&s, &result);
	if (err != KB_OK)
		return OUTPUT_FAILURE;
	print_summary(&s, &result);
	warn_of_root(&s);
	warn_of_loader(&s);
	return output_exit_code(output_flush());
}
