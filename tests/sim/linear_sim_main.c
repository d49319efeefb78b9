/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One install in real size, cut at each flush: a root of 512 MiB with all its 2048 chunks, and a
 * partition beside it with an eighth of that; each chunk differs from what the slot holds. Before
 * each flush the disks are looked at as a cut would leave them, in what stands for all the others:
 * nothing of what is pending is there, all of it, all but the first, all but the last, all and one
 * sector is garbage. From each of them whose slot is not on trial yet the install is run again, to
 * the end. `make powercut` does the same in small geometry with every image; this one sees the
 * numbers that only size brings: segments of the read-back, pages of the index, the far ends of the
 * partitions; and that a root whose superblock stands has whole partitions beside it.
 *
 *	linear_sim [--mib N] [--report FILE] [--story install --replay EPOCH:IMAGE]
 */
#include "lib/log.h"
#include "tests/sim/check.h"
#include "tests/sim/report.h"
#include "update/decoder/decoder_main.h"

#define MIB    ((uint64_t)1 << 20)
#define CHUNK  (256u << 10)
#define TARGET 1
#define JOBS   2

enum { STATE, ROOT, BOOT, DISKS };

static const struct {
	enum cut_image_sort sort;
	int which; /* -1: the last; else so many in a thousand of them all */
	const char *name;
} images[] = {
	{ CUT_IMAGE_NONE, 0, "nothing landed" },
	{ CUT_IMAGE_ALL, 0, "all landed" },
	{ CUT_IMAGE_ONE_MISSING, 0, "the first is missing" },
	{ CUT_IMAGE_ONE_MISSING, -1, "the last is missing" },
	{ CUT_IMAGE_ONE_GARBAGE, 500, "one in the middle is garbage" },
};

struct device {
	struct cut_power power;
	struct cut_disk disk[DISKS];
	struct store store;
	struct state state;
};

static struct {
	const char *name;
	uint64_t size;
} part[DISKS] = { [ROOT] = { "root", 0 }, [BOOT] = { "boot", 0 } };

static int bundle;
static struct reader reader;
static struct device dev, again;
static uint64_t mib = 512;
static struct report_line *line;
static int only_epoch = -1, only_image = -1;

enum { MIBS, CHUNKS, CUT_POINTS, RAW_IMAGES, NOTHING_PENDING, INSTALLS };

static const struct report_column columns[] = {
	[MIBS] = { "mib", "MiB", REPORT_OWN },
	[CHUNKS] = { "chunks", "chunks", REPORT_OWN },
	[CUT_POINTS] = { "cut_points", "flushes", REPORT_SUM },
	[RAW_IMAGES] = { "raw_images", "images", REPORT_SUM },
	/* so there was one image */
	[NOTHING_PENDING] = { "nothing_pending", NULL, REPORT_SUM },
	[INSTALLS] = { "installs", "installs", REPORT_SUM },
	{ NULL, NULL, REPORT_OWN },
};

/* By the processes that try images. */
static void count(unsigned number, bool is)
{
	__atomic_add_fetch(&line->number[number], is, __ATOMIC_RELAXED);
}

/* ---------------------------------------------------------------- what there is */

/* One block of each chunk is not zero: at another place, and with other bytes, in each release;
 * that of the first, which has the superblock, always at its place. */
static void fill_block(uint8_t *p, unsigned disk, uint64_t chunk, unsigned release)
{
	for (unsigned i = 0; i < BDEV_ALIGN; i += 8) {
		uint64_t v = ((chunk * DISKS + disk) * 2 + release + 1) * 0x9e3779b97f4a7c15u + i;

		memcpy(p + i, &v, 8);
	}
}

static uint64_t block_of(uint64_t chunk, unsigned release)
{
	return chunk == 0 ? 0 : chunk * CHUNK + (release * 7 + chunk % 32) * BDEV_ALIGN;
}

static void make_bundle(void)
{
	struct fixture_image im[DISKS - ROOT];
	struct fixture_bundle b = {
		.image = im, .nimages = DISKS - ROOT, .version = "2.0", .sequence = 2
	};
	static const char *const keyring[] = { "keys" };

	for (unsigned i = ROOT; i < DISKS; i++) {
		uint8_t *data = mmap(NULL, part[i].size, PROT_READ | PROT_WRITE,
				     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

		bundles_must(data != MAP_FAILED, "memory");
		for (uint64_t chunk = 0; chunk < part[i].size / CHUNK; chunk++)
			fill_block(data + block_of(chunk, 1), i, chunk, 1);
		im[i - ROOT] =
			(struct fixture_image){ part[i].name, data, part[i].size, CHUNK, false };
	}
	bundles_begin("linear", true, keyring, 1);
	bundles_end();
	b.key = &bundles_key;
	bundle = fixture_make(&b);
	for (unsigned i = ROOT; i < DISKS; i++)
		munmap((void *)im[i - ROOT].data, part[i].size);
}

static void put_old(struct cut_disk *d, unsigned disk)
{
	uint8_t block[BDEV_ALIGN];

	for (uint64_t i = 0; i < part[disk].size / CHUNK; i++) {
		fill_block(block, disk, i, 0);
		cut_content_write(&d->durable, block_of(i, 0), block, sizeof(block));
	}
}

/* The slot with the older image, slot a good; both as the factory left them. */
static void make_device(struct device *d)
{
	enum store_finding found;

	cut_power_init(&d->power);
	cut_disk_init(&d->disk[STATE], &d->power, STORE_MIN_SIZE);
	for (unsigned i = ROOT; i < DISKS; i++) {
		cut_disk_init(&d->disk[i], &d->power, part[i].size + 8 * MIB);
		put_old(&d->disk[i], i);
	}
	fixture_ok(store_load(&d->store, &d->disk[STATE].bdev, &d->state, &found));
	state_init(&d->state, 2);
	for (int i = 0; i < 2; i++) {
		d->state.slot[i].st = STATE_GOOD;
		d->state.slot[i].ever_good = d->state.slot[i].has_release = true;
		d->state.slot[i].sequence = 1;
		memset(d->state.slot[i].release, 0xa0 + i, STATE_ID_LEN);
	}
	d->state.pref = d->state.last = 0;
	fixture_ok(store_save_both(&d->store, &d->state));
}

/* Whether it holds the release's image, to the byte. What is behind that is nobody's. */
static bool part_holds(const struct cut_content *c, unsigned disk, unsigned release)
{
	for (uint64_t page = 0; page < part[disk].size / BDEV_ALIGN; page++) {
		uint64_t chunk = page * BDEV_ALIGN / CHUNK;
		const uint8_t *is = cut_content_page(c, page);
		uint8_t want[BDEV_ALIGN] = { 0 };

		if (page * BDEV_ALIGN == block_of(chunk, release))
			fill_block(want, disk, chunk, release);
		else if (is == NULL)
			continue;
		if (is == NULL || memcmp(is, want, sizeof(want)) != 0)
			return false;
	}
	return true;
}

static const struct cut_content *newest(struct cut_disk *d)
{
	fixture_ok(cut_disk_flush(d));
	return &d->durable;
}

static bool holds(struct device *d, unsigned release)
{
	for (unsigned i = ROOT; i < DISKS; i++)
		if (!part_holds(newest(&d->disk[i]), i, release))
			return false;
	return true;
}

/* Root mounts, as far as its first block decides. */
static bool shows(struct device *d, unsigned release)
{
	const uint8_t *is = cut_content_page(newest(&d->disk[ROOT]), 0);
	uint8_t want[BDEV_ALIGN];

	fill_block(want, ROOT, 0, release);
	return is != NULL && memcmp(is, want, sizeof(want)) == 0;
}

/* ---------------------------------------------------------------- installing */

/* With what the state partition says, as `keelboot install` and keelboot-apply do it. */
static enum kb_err install(struct device *d, char *why, size_t len)
{
	static struct install in;
	const struct plan_terms terms = { .mode = PLAN_COMMAND, .mountable = 3, .mounted = 1 };
	enum store_finding found;
	enum kb_err err;
	int target;

	fixture_ok(store_load(&d->store, &d->disk[STATE].bdev, &d->state, &found));
	fixture_ok(reader_open(&reader, bundle, false, (uint64_t)lseek(bundle, 0, SEEK_END),
			       &bundles_key.ring));
	err = plan_accept(&d->state, &reader.release, &terms, &target);
	if (err == KB_OK) {
		in = (struct install){
			.r = &reader,
			.store = &d->store,
			.s = &d->state,
			.target = target,
			.mode = PLAN_COMMAND,
			.nparts = DISKS - ROOT,
			.helper = "/proc/self/exe",
		};
		for (unsigned i = ROOT; i < DISKS; i++) {
			snprintf(in.part[i - ROOT].cls, sizeof(in.part[0].cls), "%s", part[i].name);
			in.part[i - ROOT].dev = &d->disk[i].bdev;
		}
		err = install_run(&in);
	}
	if (err != KB_OK)
		snprintf(why, len, "%s: %s", err_text(err), in.why);
	reader_close(&reader);
	return err;
}

/* ---------------------------------------------------------------- one image */

/* NULL or what is wrong with what a cut left. Slot b begins good with the old image: it may be
 * touched only after the state says `writing`. */
static const char *look(struct device *d)
{
	const struct state_slot *s = &d->state.slot[TARGET];
	struct bundles_release is = { .sequence = 1 };
	enum store_finding found;
	const char *wrong;

	fixture_ok(store_load(&d->store, &d->disk[STATE].bdev, &d->state, &found));
	wrong = check_record(found);
	if (wrong != NULL)
		return wrong;
	if (d->state.slot[0].st != STATE_GOOD)
		return "the slot that runs is not good any more";
	memset(is.id, 0xa0 + TARGET, sizeof(is.id));
	if (holds(d, 1)) {
		is.sequence = 2;
		memcpy(is.id, reader.release.id, sizeof(is.id));
	}
	wrong = check_slot(&d->state, TARGET, holds(d, 0) || holds(d, 1) ? &is : NULL);
	if (wrong != NULL)
		return wrong;
	if (s->st != STATE_GOOD && s->st != STATE_WRITING && s->st != STATE_TRIAL)
		return "the slot is neither what it was, nor writing, nor on trial";
	/* Were the state lost as well, that would boot. */
	for (unsigned release = 0; release < 2; release++)
		if (shows(d, release) && !holds(d, release))
			return "root mounts, and not all of the slot is whole";
	return NULL;
}

static const char *recover(struct cut_image *im)
{
	static char why[MANIFEST_WHY + 64];
	const char *wrong;

	cut_power_init(&again.power);
	for (unsigned i = 0; i < DISKS; i++) {
		struct cut_content c;

		cut_content_init(&c, BDEV_ALIGN, 0);
		cut_image_put(im, i, &c);
		cut_disk_init(&again.disk[i], &again.power, c.size);
		cut_disk_start(&again.disk[i], &c);
		cut_content_free(&c);
	}
	wrong = look(&again);
	if (wrong == NULL && again.state.slot[TARGET].st != STATE_TRIAL) {
		count(INSTALLS, true);
		wrong = install(&again, why, sizeof(why)) != KB_OK ? why : NULL;
	}
	if (wrong == NULL)
		wrong = look(&again);
	if (wrong == NULL && again.state.slot[TARGET].st != STATE_TRIAL)
		wrong = "it is not on trial in the end";
	for (unsigned i = 0; i < DISKS; i++)
		cut_disk_free(&again.disk[i]);
	return wrong;
}

/* One image of what is pending, in a process of its own: the threads of the install are not there
 * when it ends. */
static void try_image(void *ctx, unsigned i)
{
	struct cut_image *im = ctx;
	uint64_t last = im->n > 0 ? im->n - 1 : 0;

	if ((im->n > 0 || i == 0) && (only_image < 0 || (int)i == only_image)) {
		const char *wrong;
		char options[64];

		cut_image_choose(im, images[i].sort,
				 images[i].which < 0
					 ? last
					 : (uint64_t)im->n * (unsigned)images[i].which / 1000);
		count(RAW_IMAGES, true);
		wrong = recover(im);
		snprintf(options, sizeof(options), "--mib %" PRIu64 " --replay %" PRIu64 ":%u", mib,
			 line->number[CUT_POINTS], i);
		if (wrong != NULL)
			report_violation(line, options, "%s; %u sectors pending, %s", wrong, im->n,
					 images[i].name);
		else if (only_image >= 0)
			printf("right: %u sectors pending, %s\n", im->n, images[i].name);
	}
	fflush(stdout);
	_exit(0);
}

/* What is pending now is what the flush ends. */
static void before_flush(void *ctx)
{
	struct cut_disk *const disks[DISKS] = { &dev.disk[STATE], &dev.disk[ROOT],
						&dev.disk[BOOT] };
	struct cut_image im;

	(void)ctx;
	if (only_epoch < 0 || (int)line->number[CUT_POINTS] == only_epoch) {
		cut_image_take(&im, disks, DISKS);
		count(NOTHING_PENDING, im.n == 0);
		if (!report_spread(JOBS, KB_ARRAY_LEN(images), true, try_image, &im))
			report_violation(line, "", "a process that tries images died");
		cut_image_free(&im);
	}
	line->number[CUT_POINTS]++;
}

static void run(unsigned i, struct report_line *l)
{
	char why[256] = "";

	(void)i;
	line = l;
	part[ROOT].size = mib * MIB;
	part[BOOT].size = part[ROOT].size / 8;
	line->number[MIBS] = mib;
	line->number[CHUNKS] = (part[ROOT].size + part[BOOT].size) / CHUNK;
	make_bundle();
	make_device(&dev);
	dev.power.before_flush = before_flush;
	/* holds() flushes as well: what is pending in the end is looked at. */
	if (install(&dev, why, sizeof(why)) != KB_OK || !holds(&dev, 1) ||
	    dev.state.slot[TARGET].st != STATE_TRIAL)
		report_violation(line, "", "an install without a cut fails: %s", why);
}

static const char *story(unsigned i)
{
	return i == 0 ? "install" : NULL;
}

static bool replay(unsigned i, const char *way)
{
	struct report_line *l = report_share(sizeof(*l));

	l->name = story(i);
	if (sscanf(way, "%d:%d", &only_epoch, &only_image) == 2)
		run(i, l);
	return l->number[RAW_IMAGES] == 1 && l->violations == 0;
}

int main(int argc, char **argv)
{
	static const struct report_option options[] = {
		{ "--mib", .number = &mib },
		{ NULL, .flag = NULL },
	};
	static const struct report r = {
		.name = "linear",
		.usage = " [--mib N]\n       WAY: EPOCH:IMAGE",
		.options = options,
		.columns = columns,
		.story = story,
		.run = run,
		.replay = replay,
	};

	if (strcmp(argv[0], "keelboot-decoder") == 0)
		return decoder_main();
	log_set_level(0);
	return report_main(&r, argc, argv);
}
