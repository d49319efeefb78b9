/* SPDX-License-Identifier: Apache-2.0 */
/* A device where each slot has a kernel of its own: GRUB between its boots, and what must hold. */
#include "tests/sim/ioerr.h"

#define CHUNK (16u << 10)
#define TURNS 3 /* of GRUB, ten seconds apart, where nothing can be loaded */

enum { OLD, NOW, NEW };

static const enum ioerr_fault_target boots[] = { IOERR_FAULT_BOOT_A, IOERR_FAULT_BOOT_B };
static const enum ioerr_fault_target roots[] = { IOERR_FAULT_SLOT_A, IOERR_FAULT_SLOT_B };
static struct ioerr_content_set set;
static struct ioerr_world *world;

/* ---------------------------------------------------------------- content */

/* The roots are those of most stories. */
static void make_set(void)
{
	static const unsigned sequence[] = { IOERR_WORLD_OLD, IOERR_WORLD_NOW, IOERR_WORLD_NEW };
	static uint8_t pair[IOERR_CONTENT_RELEASES][IOERR_PAIRS_SIZE];

	for (unsigned i = OLD; i <= NEW; i++) {
		struct bundles_release *r = &set.release[i];

		*r = *ioerr_content_release(sequence[i]);
		fixture_fill(pair[i], sizeof(pair[i]), 100 + i);
		memset(pair[i] + BDEV_ALIGN, 0, INSTALL_SEAL_LEN / 2);
		r->size = IOERR_CONTENT_IMAGE;
		r->boot = pair[i];
		r->boot_size = sizeof(pair[i]);
	}
	bundles_make(&set.release[NEW], CHUNK, false);
	bundles_copy(set.release[NEW].bundle, "data/pair.keel");
	snprintf(set.bundle, sizeof(set.bundle), "%s", bundles_path("data/pair.keel"));
}

static void put_slot(struct state *s, int slot, unsigned sequence)
{
	const struct bundles_release *r = ioerr_content_release(sequence);

	bundles_slot(&s->slot[slot], r, STATE_GOOD);
	ioerr_disk_put(ioerr_world_disk(roots[slot]), 0, r->data, IOERR_CONTENT_IMAGE);
	ioerr_disk_put(ioerr_world_disk(boots[slot]), 0, r->boot, r->boot_size);
}

static void fail_pair(struct ioerr_world *w, const char *wrong)
{
	if (wrong != NULL)
		ioerr_world_fail(w, "%s", wrong);
}

static struct grub_choice read_choice(const struct ioerr_world *w)
{
	const uint8_t *store = ioerr_world_disk(IOERR_FAULT_GRUBENV)->durable;
	struct grub_choice is;

	if (w->barebox)
		(void)barebox_read(store, &is);
	else
		(void)grub_read(store + GRUB_BLOCK, &is);
	return is;
}

/* A flush that happened, as far as anybody can know. */
static bool is_lie_of_grubenv(const struct ioerr_fault *f)
{
	return f->target == IOERR_FAULT_GRUBENV && f->op == IOERR_FAULT_FLUSH &&
	       f->kind == IOERR_FAULT_LOST;
}

static void check_changed(int slot)
{
	struct grub_choice is = read_choice(world);

	if (world->story != NULL && !is_lie_of_grubenv(&world->fault.fault))
		fail_pair(world, check_pair_touched(slot, world->boot.pair, is.preset, is.once));
}

void ioerr_pairs_put(struct ioerr_world *w, unsigned a, unsigned b, int preset)
{
	static uint8_t store[IOERR_PAIRS_STORE];
	static struct state s;

	if (set.release[NEW].data == NULL)
		make_set();
	ioerr_content_use(&set);
	s = ioerr_world_get();
	put_slot(&s, 0, a);
	put_slot(&s, 1, b);
	ioerr_world_put(&s);
	if (w->barebox)
		barebox_make(store, preset);
	else
		grub_make(store, preset);
	ioerr_disk_put(ioerr_world_disk(IOERR_FAULT_GRUBENV), 0, store, sizeof(store));
	world = w;
	ioerr_fault_on_written(check_changed);
}

static const struct bundles_release *release_of(const uint8_t *pair)
{
	for (unsigned i = OLD; i <= NEW; i++)
		if (memcmp(pair, set.release[i].boot, IOERR_PAIRS_SIZE) == 0)
			return &set.release[i];
	return NULL;
}

const struct bundles_release *ioerr_pairs_holds(int slot, bool durable)
{
	const struct ioerr_disk *d = ioerr_world_disk(boots[slot]);

	return release_of(durable ? d->durable : d->now);
}

/* ---------------------------------------------------------------- the boot loader */

static bool read_page(void *ctx, unsigned number, uint8_t page[BDEV_ALIGN])
{
	struct ioerr_disk *d = ctx;

	return bdev_read(&d->direct.bdev, (uint64_t)number * BDEV_ALIGN, page, BDEV_ALIGN) == KB_OK;
}

/* Firmware writes through. */
static bool write_page(void *ctx, unsigned number, const uint8_t page[BDEV_ALIGN])
{
	struct ioerr_disk *d = ctx;
	enum kb_err err =
		bdev_write(&d->direct.bdev, (uint64_t)number * BDEV_ALIGN, page, BDEV_ALIGN);

	ioerr_disk_restart(d, true);
	return err == KB_OK;
}

static bool read_block(void *ctx, uint8_t *block)
{
	static uint8_t page[BDEV_ALIGN] __attribute__((aligned(BDEV_ALIGN)));

	if (!read_page(ctx, GRUB_BLOCK / BDEV_ALIGN, page))
		return false;
	memcpy(block, page, GRUB_BLOCK_LEN);
	return true;
}

static bool write_block(void *ctx, const uint8_t *block)
{
	static uint8_t page[BDEV_ALIGN] __attribute__((aligned(BDEV_ALIGN)));
	struct ioerr_disk *d = ctx;

	memcpy(page, d->now + GRUB_BLOCK, sizeof(page));
	memcpy(page, block, GRUB_BLOCK_LEN);
	return write_page(ctx, GRUB_BLOCK / BDEV_ALIGN, page);
}

/* GRUB finds no file system where nothing is; it does not look whether a kernel is what it was. */
static enum grub_pair start_pair(void *ctx, int slot)
{
	static uint8_t pair[IOERR_PAIRS_SIZE];
	struct bdev *b = &ioerr_world_disk(boots[slot])->direct.bdev;
	const struct bundles_release *is;

	(void)ctx;
	if (bdev_read(b, 0, pair, sizeof(pair)) != KB_OK || bytes_all(pair, BDEV_ALIGN, 0))
		return GRUB_NOT_LOADED;
	is = release_of(pair);
	return is == NULL || (world->story->dead && is == &set.release[NEW]) ? GRUB_DEAD : GRUB_UP;
}

static int start_some(struct ioerr_world *w, const char **how)
{
	const struct barebox b = { .read = read_page,
				   .write = write_page,
				   .start = start_pair,
				   .ctx = ioerr_world_disk(IOERR_FAULT_GRUBENV) };
	const struct grub g = { .counts = w->story->counts,
				.read = read_block,
				.write = write_block,
				.start = start_pair,
				.ctx = ioerr_world_disk(IOERR_FAULT_GRUBENV) };

	return w->barebox ? barebox_start(&b) : grub_start(&g, how);
}

bool ioerr_pairs_start(struct ioerr_world *w, const char **how)
{
	enum ioerr_fault_target who = ioerr_world_process;

	ioerr_world_process = IOERR_FAULT_TARGETS; /* it has no kernel that it could call */
	w->boot.pair = start_some(w, how);
	ioerr_world_process = who;
	w->boot.hung = w->boot.pair == STATE_NONE;
	return !w->boot.hung;
}

bool ioerr_pairs_goes_on(const struct ioerr_world *w)
{
	return w->boot.hung || w->boot.handed || w->boot.back;
}

/* ---------------------------------------------------------------- what must hold */

/* A call failed, so that init saw no partition of that slot. */
static bool is_unseen(const struct ioerr_world *w, int slot)
{
	char said[48];

	snprintf(said, sizeof(said), "# slot %c: its partition is missing\n",
		 state_slot_letter(slot));
	return w->fault.fault.target == IOERR_FAULT_INIT && strstr(os_sim_trace(), said) != NULL;
}

/* Its own kernel could not be had, and that of the one that runs has no slot that is trusted, or
 * that mounts. */
static bool is_excused(const struct ioerr_world *w, const struct state *s)
{
	int running = w->boot.pair;
	bool mounts = ioerr_world_holds(running, false) != NULL && !is_unseen(w, running);

	return w->fault.fired && !(state_is_trusted(&s->slot[running]) && mounts);
}

void ioerr_pairs_check_entry(struct ioerr_world *w, const struct state *s)
{
	const char *wrong;

	if (!w->story->pairs || w->boot.slot == w->boot.pair)
		return;
	wrong = check_pair_entered(s, w->boot.slot, w->boot.pair);
	if (wrong != NULL && !is_excused(w, s))
		fail_pair(w, wrong);
	if (strstr(os_sim_trace(), " runs with the kernel of slot ") == NULL &&
	    strstr(os_sim_trace(), "# boot loader: it does not say whose kernel runs") == NULL &&
	    strstr(os_sim_trace(), "# boot loader: barebox does not say which slot") == NULL)
		ioerr_world_fail(w, "slot %c is entered by another kernel, and that is not said",
				 state_slot_letter(w->boot.slot));
}

void ioerr_pairs_check(struct ioerr_world *w, const struct state *s)
{
	struct grub_choice is;
	const struct bundles_release *pair[2];

	if (!w->story->pairs)
		return;
	is = read_choice(w);
	for (int slot = 0; slot < 2; slot++) {
		pair[slot] = ioerr_pairs_holds(slot, true);
		fail_pair(w, check_pair(s, slot, pair[slot]));
	}
	fail_pair(w, check_preset(w->story->counts ? NULL : s, is.preset,
				  is.preset == STATE_NONE ? NULL : pair[is.preset],
				  w->story->dead ? &set.release[NEW] : NULL));
	fail_pair(w, check_once(s, is.once, is.once == STATE_NONE ? NULL : pair[is.once]));
	if (w->boot.handed && (is.once == STATE_NONE || is.once == w->boot.pair))
		ioerr_world_fail(w, "it restarts for another kernel, and the boot loader is asked "
				    "for none");
	if (w->boot.back && (is.once != STATE_NONE || is.preset == w->boot.pair))
		ioerr_world_fail(w, "it restarts for another kernel, and the boot loader starts "
				    "the same one again");
	if (w->boot.act == IOERR_WORLD_GOOD && w->boot.command == 0 && w->boot.slot == w->boot.pair)
		fail_pair(w, check_pair_rest(w->boot.slot, is.preset, is.once));
}

/* A kernel that reads as something else, and hangs: who does not count starts it forever. And where
 * the other one never comes up, none does without the first. */
bool ioerr_pairs_may_hang(const struct ioerr_world *w)
{
	const struct ioerr_fault *f = &w->fault.fault;
	bool gone = f->kind == IOERR_FAULT_EVER && f->target == IOERR_FAULT_BOOT_A;

	if (gone && w->story->dead && !w->fault.mended)
		return true;
	return !w->fault.mended && !w->story->counts && f->again && f->op == IOERR_FAULT_READ &&
	       (f->target == IOERR_FAULT_BOOT_A || f->target == IOERR_FAULT_BOOT_B);
}

/* GRUB's block is no longer one that Keelboot writes, since GRUB wrote what it had read wrong, or a
 * write went wrong that it made, or that nothing could mend: a person has to, and each boot says
 * so. */
bool ioerr_pairs_is_damaged(const struct ioerr_world *w)
{
	const uint8_t *block = ioerr_world_disk(IOERR_FAULT_GRUBENV)->durable + GRUB_BLOCK;
	const uint8_t *last = memrchr(block, '\n', GRUB_BLOCK_LEN);
	const struct ioerr_fault *f = &w->fault.fault;
	bool by_grub = w->fault.by == IOERR_FAULT_TARGETS;
	bool unmended = by_grub || (f->again && f->op == IOERR_FAULT_WRITE);

	return w->story->pairs && !w->barebox && unmended && f->target == IOERR_FAULT_GRUBENV &&
	       (f->op == IOERR_FAULT_WRITE || f->op == IOERR_FAULT_READ) &&
	       f->kind == IOERR_FAULT_WRONG && last != NULL &&
	       !bytes_all(last + 1, (size_t)(block + GRUB_BLOCK_LEN - last - 1), '#') &&
	       w->boot.slot == w->boot.pair && w->told;
}

bool ioerr_pairs_rests(const struct ioerr_world *w)
{
	struct grub_choice is = read_choice(w);

	return !w->story->pairs || check_pair_rest(w->boot.slot, is.preset, is.once) == NULL;
}

/* An operation on the loader's store, or a write of a kernel, that said that it failed. */
static bool is_to_be_told(const struct ioerr_fault_shared *f)
{
	enum ioerr_fault_kind k = f->fault.kind;
	bool is_ours = f->by == IOERR_FAULT_LOADER || f->by == IOERR_FAULT_COMMAND ||
		       f->by == IOERR_FAULT_APPLY;
	bool is_it = f->fault.target == IOERR_FAULT_GRUBENV ||
		     (f->fault.target == IOERR_FAULT_BOOT_B && f->fault.op != IOERR_FAULT_READ);

	return f->fired && is_ours && is_it && f->fault.op != IOERR_FAULT_DISCARD &&
	       (k == IOERR_FAULT_FAILS || k == IOERR_FAULT_SHORT || k == IOERR_FAULT_EVER ||
		k == IOERR_FAULT_DROPS);
}

void ioerr_pairs_check_life(struct ioerr_world *w)
{
	if (w->story->pairs && is_to_be_told(&w->fault) && !w->told)
		ioerr_world_fail(w, "an operation failed, and nobody said so");
}
