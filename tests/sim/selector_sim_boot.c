/* SPDX-License-Identifier: Apache-2.0 */
/* One boot, as initramfs/boot.c makes it: load, settle, apply, attempt. */
#include "tests/sim/selector_sim.h"

#include "selector/pair.h"
#include "selector/store_internal.h"
#include "tests/sim/bdev_sim.h"

#include <stdlib.h>

static struct reset_evidence evidence(const struct sim_config *cfg, enum sim_event event)
{
	bool truth = cfg->says == SIM_SAYS_TRUTH, crash = cfg->says == SIM_SAYS_CRASH;

	return (struct reset_evidence){
		/* As evidence.c has it: only a panic's record speaks against it; here is none. */
		.orderly = true,
		.can_report_watchdog = truth || crash,
		.can_report_panic = truth || crash,
		.watchdog_fired = crash || (truth && event == SIM_CRASH),
		.power_cause = cfg->says == SIM_SAYS_POWER || (truth && event == SIM_POWER),
	};
}

/* ---- the state lost: made anew by the shipped code from manifest cells on a device */

static void put_cells(const struct sim_config *cfg, const struct sim_world *w, struct store *st)
{
	for (int i = 0; i < cfg->nslots; i++) {
		struct store_manifest m = { .sequence = w->truth[i] >> 3 & 7 };

		memset(m.release, (int)m.sequence, STATE_ID_LEN);
		if (w->truth[i] & SIM_CELL && store_manifest_write(st, i, &m, "") != KB_OK)
			abort();
	}
}

static void rebuild(const struct sim_config *cfg, const struct sim_world *w, struct state *s)
{
	static struct {
		bool known;
		struct sim_state p;
	} cache[1u << 15];
	choose_mask mountable = sim_world_mountable(cfg, w);
	unsigned key = mountable;
	enum store_finding found;
	struct cut_disk d;
	struct store st;

	for (int i = 0; i < SIM_SLOTS; i++)
		key = key << 4 | w->truth[i] >> 3;
	key &= (1u << 15) - 1;
	if (!cache[key].known) {
		bdev_sim_init(&d, STORE_MIN_SIZE);
		if (store_load(&st, &d.bdev, s, &found) != KB_OK)
			abort();
		put_cells(cfg, w, &st);
		if (store_rebuild(&st, cfg->nslots, mountable, s) != KB_OK)
			abort();
		cut_disk_free(&d);
		cache[key].known = true;
		sim_world_pack(cfg, s, &cache[key].p);
	}
	sim_world_unpack(cfg, &cache[key].p, s);
}

/* ---- writes */

void sim_boot_emit(struct sim_boot *b, enum sim_event event, const char *step)
{
	if (!b->quiet)
		sim_walk_emit(&b->w, event, step);
}

void sim_boot_land(const struct sim_config *cfg, struct sim_world *w, const struct state *s)
{
	struct sim_state p;

	if (!sim_world_codec_holds(cfg, s))
		sim_walk_violate("codec: the text does not bring the state back", w);
	sim_world_pack(cfg, s, &p);
	for (int i = 0; i < cfg->nslots; i++) {
		struct sim_slot was = w->new.slot[i], is = p.slot[i];

		if (was.st == STATE_TRIAL && is.st == STATE_BAD && is.release != 0)
			w->failed |= (uint8_t)(1u << is.release);
	}
	w->old = w->new;
	w->new = p;
	if (p.floor > w->top)
		sim_walk_violate("floor: it rose before anything of that sequence was good", w);
}

uint8_t sim_boot_way(struct sim_boot *b, bool *is_first)
{
	*is_first = b->at == b->nchoices;
	if (b->no_writes) {
		*is_first = false;
		return SIM_WRITE_LOST;
	}
	if (*is_first)
		b->choice[b->nchoices++] = SIM_WRITE_OK;
	return b->choice[b->at++];
}

enum kb_err sim_boot_save(void *ctx, struct state *s)
{
	struct sim_boot *b = ctx;
	bool is_first;
	uint8_t how = sim_boot_way(b, &is_first);

	s->seq++;
	if (s->open != STATE_NONE && s->open_token == 0)
		s->open_token = 1;
	if (is_first) {
		struct sim_world was = b->w;

		sim_boot_emit(b, SIM_POWER, "power cut before a state write landed");
		sim_boot_land(b->cfg, &b->w, s);
		sim_boot_emit(b, SIM_POWER, "power cut after a state write landed");
		b->w = was;
	}
	if (how != SIM_WRITE_LOST)
		sim_boot_land(b->cfg, &b->w, s);
	if (how == SIM_WRITE_OK)
		b->writes++;
	else
		b->write_failed = true;
	return how == SIM_WRITE_OK ? KB_OK : KB_EIO;
}

bool sim_boot_next(struct sim_boot *b)
{
	unsigned ways = b->cfg->errors ? SIM_WRITE_WAYS : 1;

	b->nchoices = b->at;
	while (b->nchoices > 0) {
		if (++b->choice[b->nchoices - 1] < ways)
			return true;
		b->nchoices--;
	}
	return false;
}

/* ---- installing */

/* Half an image, then a whole one; the manifest cell last. */
static void write_image(struct sim_boot *b, int target, unsigned release, enum sim_truth truth)
{
	sim_world_set_cell(&b->w, target, false, 0);
	sim_boot_emit(b, SIM_POWER, "power cut after the manifest cell was cleared");
	sim_world_set_truth(&b->w, target, SIM_PART);
	b->w.fresh = (uint8_t)target;
	b->w.run = 0;
	sim_boot_emit(b, SIM_POWER, "power cut while data was written");
	sim_boot_emit(b, SIM_CRASH, "crash while data was written");
	sim_world_set_truth(&b->w, target, truth);
	sim_boot_emit(b, SIM_POWER, "power cut after the data was whole");
	sim_world_set_cell(&b->w, target, true, release);
	sim_boot_emit(b, SIM_POWER, "power cut after the manifest cell was written");
}

bool sim_boot_install(struct sim_boot *b, struct state *s, int target, const struct plan_release *r,
		      enum plan_mode mode, enum sim_truth truth)
{
	if (b->cfg->pairs)
		sim_loader_secure(b, s, mode);
	plan_install_begin(s, target, plan_back(s, sim_world_mountable(b->cfg, &b->w)));
	/* store_save_both(): store_test holds it to the two regions. */
	if (sim_boot_save(b, s) != KB_OK || sim_boot_save(b, s) != KB_OK)
		return false;
	write_image(b, target, (unsigned)r->sequence, truth);
	plan_install_end(s, target, r, mode, 0);
	return sim_boot_save(b, s) == KB_OK;
}

/* ---- applying what is on the stick */

static void check_accepted(const struct sim_boot *b, const struct state *s, unsigned release)
{
	const struct state_slot *last = s->last == STATE_NONE ? NULL : &s->slot[s->last];
	unsigned bit = 1u << release;

	if (last != NULL && last->st == STATE_GOOD && last->streak < STATE_STREAK_LIMIT &&
	    sim_world_mountable(b->cfg, &b->w) >> s->last & 1 && last->has_release &&
	    release <= last->sequence && !b->cfg->stick_downgrade)
		sim_walk_violate("downgrade: what is not newer than what runs is installed", &b->w);
	if (b->w.lost == 0 && b->w.failed & bit)
		sim_walk_violate("I7: a release that failed is installed again by itself", &b->w);
	for (int i = 0; b->w.lost == 0 && b->w.committed & bit && i < s->nslots; i++)
		if (state_is_trusted(&s->slot[i]) && s->slot[i].sequence == release)
			sim_walk_violate("I7: a release that was applied is installed again",
					 &b->w);
	for (int i = 0; s->rebuilt && i < s->nslots; i++)
		if (s->slot[i].st == STATE_TRIAL && s->slot[i].tries > 0)
			sim_walk_violate("rebuilt: an update is installed while a trial has tries",
					 &b->w);
}

/* True if it installed. */
static bool apply_release(struct sim_boot *b, struct state *s, unsigned release,
			  enum sim_truth truth)
{
	struct plan_release r = { .sequence = release, .allow_downgrade = b->cfg->stick_downgrade };
	const struct plan_terms terms = {
		.mode = PLAN_AUTOMATIC,
		.mountable = sim_world_mountable(b->cfg, &b->w),
		.mounted = b->a.running != STATE_NONE ? (choose_mask)(1u << b->a.running) : 0,
	};
	int target;

	memset(r.id, (int)release, sizeof(r.id));
	if (plan_accept(s, &r, &terms, &target) != KB_OK)
		return false;
	check_accepted(b, s, release);
	sim_after_check_target(b->cfg, &b->w, s, target, release);
	return sim_boot_install(b, s, target, &r, PLAN_AUTOMATIC, truth);
}

static void apply(struct sim_boot *b, struct state *s)
{
	if (plan_source_skipped(s, STATE_SRC_USB) || !plan_apply_count(s, STATE_SRC_USB))
		return;
	if (sim_boot_save(b, s) != KB_OK)
		return;
	if (b->cfg->stick_stalls) {
		b->died = true;
		plan_apply_died(s, STATE_SRC_USB);
		return;
	}
	if (b->cfg->stick_kills) {
		b->killed = true;
		b->w.killed++;
		if (b->w.killed > STATE_APPLY_LIMIT + STATE_GRACE + b->w.lost)
			sim_walk_violate("I9: applies take the device down again and again", &b->w);
		sim_boot_emit(b, SIM_CRASH, "apply took the kernel down");
		sim_boot_emit(b, SIM_POWER, "power cut while applying");
		return;
	}
	for (unsigned i = 0; i < 2 && b->cfg->stick[i] != 0; i++)
		if (apply_release(b, s, b->cfg->stick[i], b->cfg->stick_truth[i]))
			break;
	plan_apply_forget(s, STATE_SRC_USB);
	if (sim_boot_save(b, s) == KB_OK)
		b->a.disk = *s;
}

/* ---- slots */

static enum kb_err op_preflight(void *ctx, int slot, char *reason)
{
	struct sim_boot *b = ctx;
	enum sim_truth t = sim_truth_of(&b->w, slot);

	reason[0] = '\0';
	if (t == SIM_UNFIT)
		b->tried |= (choose_mask)(1u << slot);
	return t == SIM_NOTHING ? KB_ENODEV : t == SIM_UNFIT ? KB_EFORMAT : KB_OK;
}

/* Half an image mounts here: that it is sealed is a second line, not what the record may rest on.
 */
static enum kb_err op_mount(void *ctx, int slot, char *reason)
{
	struct sim_boot *b = ctx;

	reason[0] = '\0';
	b->tried |= (choose_mask)(1u << slot);
	if (sim_truth_of(&b->w, slot) == SIM_PART)
		sim_walk_violate("I6: a half-written slot is booted", &b->w);
	return sim_truth_of(&b->w, slot) == SIM_NOMNT ? KB_EMOUNT : KB_OK;
}

static const struct attempt_ops ops = { .save = sim_boot_save,
					.preflight = op_preflight,
					.mount = op_mount,
					.look_for_pair = sim_loader_look,
					.hand_over = sim_loader_ask,
					.go_back = sim_loader_go_back };

/* The applies look only where no attempt goes on. */
static void settle_and_apply(struct sim_boot *b, struct state *s, const struct reset_evidence *ev)
{
	b->a.arrived = b->cfg->pairs && pair_arrived(s, b->a.running);
	if (b->a.arrived)
		reset_go_on(s, reset_classify(s, ev));
	else
		reset_settle(s, reset_classify(s, ev), b->a.charge_good);
	b->settled = *s;
	if (b->cfg->stick[0] != 0 && !b->cfg->rescue && !b->a.arrived &&
	    b->a.role != ATTEMPT_BY_BASE)
		apply(b, s);
}

void sim_boot_run(struct sim_boot *b)
{
	struct reset_evidence ev;
	static struct state s;

	b->at = b->writes = b->tried = 0;
	b->killed = b->died = b->booted = b->handed = b->write_failed = b->rescued = false;
	b->a.paired = b->cfg->pairs ? (choose_mask)((1u << b->cfg->nslots) - 1) : 0;
	sim_loader_start(b);
	ev = evidence(b->cfg, (enum sim_event)b->w.event);
	if (b->a.role == ATTEMPT_BY_BASE) /* as evidence_of_no_reset() has it */
		ev.watchdog_fired = ev.power_cause = false;
	b->a.forced = STATE_NONE;
	b->a.charge_good = reset_charges_good_slots(b->cfg->count, &ev);
	if (b->w.new.lost) {
		rebuild(b->cfg, &b->w, &s);
		memset(&b->a.disk, 0, sizeof(b->a.disk));
	} else {
		sim_world_unpack(b->cfg, &b->w.new, &s);
		b->a.disk = s;
	}
	settle_and_apply(b, &s, &ev);
	if (b->killed)
		return;
	b->booted = attempt_run(&b->a, &s, &ops, b) == KB_OK;
	if (!b->booted && b->cfg->rescue && sim_rescue_install(b, &s))
		b->booted = attempt_run(&b->a, &s, &ops, b) == KB_OK;
	b->booted = b->booted && !b->handed;
}

/* ---- what a boot must have kept to */

/* A boot that has nothing to tell must not write. */
static void check_quiet(const struct sim_boot *b, const struct sim_world *before)
{
	unsigned allowed = b->a.charge_good ? 1 : 0;
	static struct state s;
	int k = b->a.chosen.slot;

	if (!b->booted || b->instead || b->writes <= allowed || before->new.lost ||
	    b->cfg->stick[0] != 0)
		return;
	sim_world_unpack(b->cfg, &before->new, &s);
	for (int i = 0; i < s.nslots; i++) /* that one becomes bad, which is written once */
		if (s.slot[i].st == STATE_TRIAL && s.slot[i].tries == 0)
			return;
	if (s.slot[k].st == STATE_GOOD && s.slot[k].streak == 0 && s.open == STATE_NONE &&
	    s.oneshot == STATE_NONE && s.last == k && s.pref == k && !s.clean &&
	    before->event != SIM_CRASH && b->cfg->says != SIM_SAYS_CRASH)
		sim_walk_violate("I4: a healthy boot writes", before);
}

/* Nobody pays for what another slot did. */
static void check_charges(const struct sim_boot *b, const struct sim_world *before)
{
	static struct state s;

	if (!b->booted || !b->a.counted || b->cfg->stick[0] != 0)
		return;
	sim_world_unpack(b->cfg, &b->w.new, &s);
	for (int i = 0; i < s.nslots; i++)
		if (!(b->tried >> i & 1) && (s.slot[i].tries != b->settled.slot[i].tries ||
					     s.slot[i].streak != b->settled.slot[i].streak))
			sim_walk_violate("I8: a slot that was not booted is charged", before);
}

void sim_boot_check(const struct sim_boot *b, const struct sim_world *before)
{
	bool any = false, mounts = false;

	for (int i = 0; i < b->cfg->nslots; i++) {
		enum sim_truth t = sim_truth_of(before, i);

		if (!sim_bootable(&b->settled.slot[i]))
			continue;
		any = any || (t != SIM_NOTHING && t != SIM_PART);
		mounts = mounts || sim_starts(t);
	}
	if (!any && b->cfg->nslots > 1) /* else a cut in a rescue leaves none, for the next one */
		sim_walk_violate("I5: no candidate is left", before);
	if (b->killed)
		return;
	if (mounts && !b->booted && !b->handed)
		sim_walk_violate("I2: a slot could be mounted and nothing was booted", before);
	check_quiet(b, before);
	check_charges(b, before);
	sim_loader_check(b, before);
	sim_rescue_check(b, before);
}
