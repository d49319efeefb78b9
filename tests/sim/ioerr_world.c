/* SPDX-License-Identifier: Apache-2.0 */
/* The device: what is on its disks, and how a boot of it goes. Its processes are in
 * ioerr_process.c. */
#include "tests/sim/ioerr.h"

#include "tests/sim/board.h"

#define RAW	   (8u << 20)
#define SUPERBLOCK 64 /* bytes of it, from the first on */

#define HANDED_OVER ": it has a kernel of its own; restarting with that"
#define GONE_BACK   ": restarting with its own kernel: the state cannot be written"

static struct ioerr_disk state_disk, slot_disk[2], raw_disk, boot_disk[2], grub_disk;
static struct ioerr_disk *const disks[] = { &state_disk,   &slot_disk[0], &slot_disk[1], &raw_disk,
					    &boot_disk[0], &boot_disk[1], &grub_disk };
static struct ioerr_world *world;

struct ioerr_disk *ioerr_world_disk(enum ioerr_fault_target t)
{
	if (t == IOERR_FAULT_STATE || t == IOERR_FAULT_RAW)
		return t == IOERR_FAULT_RAW ? &raw_disk : &state_disk;
	if (t == IOERR_FAULT_BOOT_A || t == IOERR_FAULT_BOOT_B)
		return &boot_disk[t == IOERR_FAULT_BOOT_B];
	if (t == IOERR_FAULT_GRUBENV)
		return &grub_disk;
	return &slot_disk[t != IOERR_FAULT_SLOT_A];
}

/* ---------------------------------------------------------------- content */

struct state ioerr_world_get(void)
{
	enum store_finding found;
	static struct state s;
	struct store st;

	if (store_load(&st, &state_disk.durably.bdev, &s, &found) != KB_OK || found != STORE_FOUND)
		state_init(&s, 2);
	return s;
}

void ioerr_world_put(struct state *s)
{
	enum store_finding found;
	struct state old;
	struct store st;

	if (store_load(&st, &state_disk.direct.bdev, &old, &found) != KB_OK ||
	    store_save_both(&st, s) != KB_OK)
		abort();
	ioerr_disk_restart(&state_disk, true);
}

static void fill_slot(struct state *s, int slot, unsigned sequence)
{
	const struct bundles_release *r = ioerr_content_release(sequence);

	bundles_slot(&s->slot[slot], r, STATE_GOOD);
	ioerr_disk_put(&slot_disk[slot], 0, r->data, IOERR_CONTENT_IMAGE);
}

const struct bundles_release *ioerr_world_holds(int slot, bool durable)
{
	return ioerr_content_of(durable ? slot_disk[slot].durable : slot_disk[slot].now);
}

/* The superblock is the first sector, as squashfs has it, or where erofs has it: what the seal
 * takes first and brings last. One byte that came wrong into a sector of zeroes makes none. */
static bool mounts(int slot)
{
	return !bytes_all(slot_disk[slot].now + ioerr_content_super(), SUPERBLOCK, 0);
}

/* In a broken slot a there is a file system all the same. */
static bool seen(int slot)
{
	return mounts(slot) || (slot == 0 && world->story->a_broken);
}

struct ioerr_world *ioerr_world_begin(const struct ioerr_fault *f)
{
	struct ioerr_world *w = report_share(sizeof(*w));
	struct state s;

	ioerr_fault_use(NULL);
	ioerr_content_use(NULL);
	ioerr_disk_init(&state_disk, STORE_MIN_SIZE, IOERR_FAULT_STATE, IOERR_FAULT_STATE);
	ioerr_disk_init(&slot_disk[0], IOERR_CONTENT_SLOT, IOERR_FAULT_SLOT_A, IOERR_FAULT_SLOT_A);
	ioerr_disk_init(&slot_disk[1], IOERR_CONTENT_SLOT, IOERR_FAULT_SLOT_B,
			IOERR_FAULT_SLOT_B_RAW);
	ioerr_disk_init(&raw_disk, RAW, IOERR_FAULT_RAW, IOERR_FAULT_RAW);
	ioerr_disk_init(&boot_disk[0], IOERR_PAIRS_PART, IOERR_FAULT_BOOT_A, IOERR_FAULT_BOOT_A);
	ioerr_disk_init(&boot_disk[1], IOERR_PAIRS_PART, IOERR_FAULT_BOOT_B, IOERR_FAULT_BOOT_B);
	ioerr_disk_init(&grub_disk, IOERR_PAIRS_STORE, IOERR_FAULT_GRUBENV, IOERR_FAULT_GRUBENV);
	state_init(&s, 2);
	fill_slot(&s, 0, IOERR_WORLD_NOW);
	fill_slot(&s, 1, IOERR_WORLD_OLD);
	s.last = 0;
	ioerr_world_put(&s);
	w->fault.fault = *f;
	world = w;
	ioerr_fault_use(&w->fault);
	return w;
}

void ioerr_world_end(struct ioerr_world *w)
{
	ioerr_fault_use(NULL);
	for (unsigned i = 0; i < KB_ARRAY_LEN(disks); i++)
		ioerr_disk_free(disks[i]);
	munmap(w, sizeof(*w));
}

/* ---------------------------------------------------------------- one boot */

/* With a guardian it feeds the watchdog; else the system does. */
static const char *conf(void)
{
	static char text[1024];
	bool guarded = world->story->guarded;

	snprintf(text, sizeof(text),
		 "[system]\ncompatible=box\ncommit-deadline=%u\nshutdown-deadline=%u\n"
		 "stable-after=%u\n[keyring]\npath=%s\n[source.data]\nmount=%s\n"
		 "[watchdog]\nhandover=%s\n%s",
		 IOERR_WORLD_DEADLINE_S, IOERR_WORLD_DEADLINE_S, guarded ? IOERR_WORLD_STABLE_S : 0,
		 bundles_path("keys"), bundles_path("none"), guarded ? "keeper" : "system",
		 !world->story->pairs ? ""
		 : world->barebox     ? barebox_conf
				      : grub_board_conf);
	return text;
}

static void lay_out_disk(const char *path, struct ioerr_disk *disk)
{
	os_sim_bdev(path, &disk->cached.bdev);
	os_sim_bdev_direct(path, &disk->direct.bdev);
}

/* Behind data and stage, which may be missing. */
static void lay_out_pairs(struct board *d, int pair, const char *how)
{
	while (d->disk.nparts < 5)
		board_part(&d->disk, "spare", NULL);
	grub_board_parts(d, pair, how);
	if (world->barebox)
		d->cmdline = barebox_line(pair);
	lay_out_disk(IOERR_CONTENT_BOOT_A, &boot_disk[0]);
	lay_out_disk(IOERR_CONTENT_BOOT_B, &boot_disk[1]);
	lay_out_disk(IOERR_CONTENT_GRUB, &grub_disk);
}

static void lay_out(const struct ioerr_world *w, const char *how)
{
	static struct board d;

	d = (struct board){ .conf = conf(),
			    .disk = board_disk(IOERR_CONTENT_DISK, IOERR_CONTENT_SLOT),
			    .slot = { IOERR_CONTENT_SLOT_A, IOERR_CONTENT_SLOT_B },
			    .init = { "/sbin/init", "/sbin/init" },
			    .watchdog = board_watchdog(),
			    .mounts = mounts,
			    .seen = seen };
	d.watchdog.bootstatus = (uint32_t)w->bootstatus;
	board_part(&d.disk, "data", "ext4");
	if (w->raw)
		board_part(&d.disk, "keelboot-stage", NULL);
	if (w->story->pairs)
		lay_out_pairs(&d, w->boot.pair, how);
	board_lay_out(&d);
	if (w->stick)
		board_plug(IOERR_CONTENT_STICK, "vfat", w->stick_ms);
	lay_out_disk(IOERR_CONTENT_STATE, &state_disk);
	if (w->raw) {
		board_raw(IOERR_CONTENT_RAW, raw_disk.now);
		os_sim_bdev(IOERR_CONTENT_RAW, &raw_disk.direct.bdev);
	}
	for (int i = 0; i < 2; i++)
		lay_out_disk(d.slot[i], &slot_disk[i]);
}

/*
 * What runs as counted is so on the medium: a charge that is lost never ends. Where a medium
 * acknowledges a flush that never happens, nobody can find that out: all reads back, while there is
 * power.
 */
static void check_counted(struct ioerr_world *w, const struct boot *b, const struct state *s)
{
	const struct ioerr_fault *f = &w->fault.fault;
	int slot = b->attempt.chosen.slot;

	if (!b->attempt.counted ||
	    (b->attempt.token == 0 && b->rec.s.slot[slot].st != STATE_TRIAL) ||
	    (f->target == IOERR_FAULT_STATE && f->op == IOERR_FAULT_FLUSH &&
	     f->kind == IOERR_FAULT_LOST))
		return;
	if (s->open != slot || s->open_token != b->attempt.token)
		ioerr_world_fail(w, "slot %c is entered as counted, and the state does not have it",
				 state_slot_letter(slot));
}

/* Where the state cannot be read, a kernel boots its own slot: GRUB has forgotten that it was asked
 * for it, and starts another one the next time. */
static bool is_once(const struct ioerr_world *w, const struct boot *b)
{
	const struct ioerr_fault *f = &w->fault.fault;
	bool is_unread = f->target == IOERR_FAULT_STATE && f->op == IOERR_FAULT_READ &&
			 ioerr_fault_is_for_ever(f);

	return b->attempt.chosen.slot == w->boot.pair &&
	       (b->rec.health == RECORD_MISSING || is_unread);
}

/* What is entered has to be whole, and what the state says that it is. */
static void check_entry(struct ioerr_world *w, const struct boot *b)
{
	int slot = b->attempt.chosen.slot;
	const char *wrong = check_entered(&b->rec.s, slot, ioerr_world_holds(slot, false));
	static struct state s;

	s = ioerr_world_get();
	w->boot.slot = slot;
	memcpy(w->boot.written, w->fault.written, sizeof(w->boot.written));
	w->boot.wear = w->fault.wear;
	if (wrong != NULL)
		ioerr_world_fail(w, "%s", wrong);
	if (!b->attempt.counted && !w->story->a_broken && !is_once(w, b) &&
	    s.slot[slot].st == STATE_TRIAL && s.slot[1 - slot].st == STATE_GOOD)
		ioerr_world_fail(w, "slot %c is tried and not counted, though a good one is there",
				 state_slot_letter(slot));
	check_counted(w, b, &s);
	ioerr_pairs_check_entry(w, &b->rec.s);
	if (!os_sim_count("mount " IOERR_CONTENT_SLOT_A " /sysroot") &&
	    !os_sim_count("mount " IOERR_CONTENT_SLOT_B " /sysroot"))
		ioerr_world_fail(w, "something is entered that was not mounted");
}

static enum ioerr_world_act next_act(const struct ioerr_world *w)
{
	static struct state s;

	s = ioerr_world_get();
	if (w->story->guarded && w->boot.slot == 1 && s.slot[1].st == STATE_TRIAL) {
		if (w->script == IOERR_WORLD_SILENT || w->script == IOERR_WORLD_STUCK)
			return IOERR_WORLD_IDLE;
		if (w->script != IOERR_WORLD_VERDICT)
			return IOERR_WORLD_CLEAN;
	}
	/* Where its kernel cannot be had, the one that runs is fine. */
	if (w->story->pairs && w->story->switches && s.slot[1].reason[0] != '\0')
		return IOERR_WORLD_GOOD;
	if (w->boot.slot == 0 && w->story->switches)
		return IOERR_WORLD_SWITCH;
	if (w->boot.slot == 1 && w->story->rejects)
		return s.slot[1].st == STATE_TRIAL ? IOERR_WORLD_BAD : IOERR_WORLD_IDLE;
	if (s.slot[0].sequence == IOERR_WORLD_NEW || s.slot[1].sequence == IOERR_WORLD_NEW)
		return IOERR_WORLD_GOOD;
	return w->story->installs ? IOERR_WORLD_INSTALL : IOERR_WORLD_GOOD;
}

static bool has_restarted(const struct ioerr_world *w, const char *said)
{
	return w->boot.end == OS_SIM_REBOOT && strstr(os_sim_trace(), said) != NULL;
}

void ioerr_process_init(struct ioerr_world *w)
{
	static struct boot b;
	const char *how = "";

	os_sim_reset();
	if (w->story->pairs && !ioerr_pairs_start(w, &how))
		return;
	lay_out(w, how);
	ioerr_process_children(w);
	w->boot.end = board_boot(&b);
	w->boot.ms = os_now_ms();
	w->boot.handed = has_restarted(w, HANDED_OVER);
	w->boot.back = has_restarted(w, GONE_BACK);
	if (w->boot.end == OS_SIM_EXEC) {
		check_entry(w, &b);
		os_sim_resume();
		w->boot.act = next_act(w);
		if (!ioerr_guardian_run(w) || (w->guard.died && !w->boot.commanded))
			ioerr_process_command(w);
	}
}

void ioerr_world_restart(struct ioerr_world *w, bool keep)
{
	w->guard.started = false;
	for (unsigned i = 0; i < KB_ARRAY_LEN(disks); i++)
		ioerr_disk_restart(disks[i], keep);
}
