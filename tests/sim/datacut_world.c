/* SPDX-License-Identifier: Apache-2.0 */
#include "initramfs/data/kept.h"
#include "selector/attempt.h"
#include "selector/data.h"
#include "selector/reset.h"
#include "selector/verdict.h"
#include "tests/sim/datacut.h"

#include <errno.h>
#include <string.h>

#define A 0
#define B 1

/* What one process works with; what is durable is the world's. */
static struct datacut_world *world;
static struct attempt attempt;
static struct state ram;
/* The process said that what was kept is gone. */
static bool lost;

/* ---------------------------------------------------------------- what the systems write */

static void put(struct datacut_fs *fs, const char *folder, const char *name, const char *text)
{
	int in = datacut_fs_path(fs, folder);
	struct datacut_change c = { .kind = DATACUT_ADD, .in = in < 0 ? DATACUT_TOP : in };

	snprintf(c.name, sizeof(c.name), "%s", name);
	c.node = datacut_fs_node(fs, text == NULL);
	if (text != NULL) {
		fs->node[c.node].len = (unsigned)strlen(text);
		memcpy(fs->node[c.node].text, text, strlen(text));
	}
	datacut_fs_do(fs, &c);
}

static void take_away(struct datacut_fs *fs, const char *name)
{
	for (unsigned i = 0; i < fs->nnames; i++)
		if (fs->name[i].in == DATACUT_TOP && strcmp(fs->name[i].name, name) == 0)
			fs->name[i].node = -1;
}

/* Slot a has a folder in a folder, and a file; the trial has neither, but another file in a folder
 * of its own. */
static void write_all(struct datacut_fs *fs, const char *what)
{
	int app = datacut_fs_path(fs, "app");
	bool subvolume = app >= 0 && fs->node[app].subvolume;

	take_away(fs, "app");
	take_away(fs, "site");
	take_away(fs, "deep");
	put(fs, "", "app", NULL);
	fs->node[datacut_fs_path(fs, "app")].subvolume = subvolume;
	put(fs, "app", "db", what);
	if (what[0] == 'a') {
		put(fs, "app", "sub", NULL);
		put(fs, "app/sub", "x", what);
		put(fs, "", "site", what);
	} else {
		put(fs, "", "deep", NULL);
		put(fs, "deep", "none", what);
	}
}

static bool reads(const struct datacut_fs *fs, const char *path, const char *text)
{
	int node = datacut_fs_path(fs, path);

	if (text == NULL)
		return node < 0;
	return node >= 0 && fs->node[node].len == strlen(text) &&
	       memcmp(fs->node[node].text, text, strlen(text)) == 0;
}

static bool sees(const struct datacut_fs *fs, const char *what)
{
	bool a = what[0] == 'a';

	return reads(fs, "app/db", what) && reads(fs, "app/sub/x", a ? what : NULL) &&
	       reads(fs, "site", a ? what : NULL) && reads(fs, "deep/none", a ? NULL : what);
}

/* ---------------------------------------------------------------- the state, and the data */

static enum kb_err op_save(void *ctx, struct state *s)
{
	(void)ctx;
	if (datacut_calls_turn())
		return KB_EIO;
	s->seq = world->s.seq + 1;
	if (s->open != STATE_NONE && s->open_token == 0)
		s->open_token = s->seq;
	world->s = *s;
	return KB_OK;
}

static struct conf conf_of(void)
{
	struct conf c = { .data_method = CONF_DATA_AUTO, .data_limit_mib = 1 };

	snprintf(c.data_paths, sizeof(c.data_paths), "app,site,deep/none");
	return c;
}

/* As keelboot-data does it. */
static enum kb_err op_run(void *ctx, enum data_job what, const struct state_data *whose,
			  char *reason)
{
	struct kept_owner owner = { .slot = state_slot_letter(whose->slot) };
	struct tree_job job = { .until_ms = 0 };
	int top = datacut_calls_top();
	struct conf c = conf_of();
	kept_method how;
	enum kb_err err = KB_OK;

	(void)ctx;
	memcpy(owner.release, whose->release, sizeof(owner.release));
	switch (what) {
	case DATA_JOB_MAKE:
		err = kept_make(&job, top, &c, &owner, how);
		if (err != KB_OK)
			snprintf(reason, STATE_STR_MAX + 1, "data cannot be kept");
		return err == KB_ENOENT ? KB_EIO : err;
	case DATA_JOB_CHECK:
		return kept_check(top, &owner);
	case DATA_JOB_BACK:
		return kept_put_back(&job, top, "ext4");
	case DATA_JOB_DROP:
		return kept_drop(&job, top);
	case DATA_JOB_LOOK:
	case DATA_JOB_FILL:
	case DATA_JOB_WIPE:
		break;
	}
	return KB_ENOENT;
}

/* No walk has as many cuts in a row. */
static enum kb_err op_refuse(void *ctx, enum data_job what, const struct state_data *whose,
			     char *reason)
{
	(void)ctx;
	(void)what;
	(void)whose;
	(void)reason;
	return KB_EIO;
}

static void op_lost(void *ctx, const struct state_data *whose)
{
	(void)ctx;
	(void)whose;
	lost = true;
}

static enum kb_err op_prepare(void *ctx, const struct choose_candidate *c, char *reason)
{
	static const struct data_ops ops = {
		.save = op_save, .run = op_run, .refuse = op_refuse, .lost = op_lost
	};
	enum data_need need = c->tier == CHOOSE_LAST_RESORT ? DATA_NEED_TRY : DATA_NEED_MUST;

	return data_prepare(&ram, c->slot, need, &ops, ctx, reason) == KB_OK ? KB_OK : KB_ECHECK;
}

static enum kb_err op_preflight(void *ctx, int slot, char *reason)
{
	(void)ctx;
	(void)slot;
	(void)reason;
	return KB_OK;
}

static int boot(enum reset_cause cause)
{
	static const struct attempt_ops ops = { .save = op_save,
						.preflight = op_preflight,
						.prepare = op_prepare,
						.mount = op_preflight };

	attempt = (struct attempt){ .forced = STATE_NONE, .disk = ram };
	reset_settle(&ram, cause, false);
	return attempt_run(&attempt, &ram, &ops, NULL) == KB_OK ? attempt.chosen.slot
								: DATACUT_NOBODY;
}

/* ---------------------------------------------------------------- the command */

static int save_verdict(int runs, enum kb_err err)
{
	return err == KB_OK && op_save(NULL, &ram) == KB_OK ? runs : DATACUT_NOBODY;
}

static int mark_good(int runs)
{
	struct tree_job job = { .until_ms = 0 };
	bool committed;

	if (runs != B || ram.slot[B].st != STATE_TRIAL ||
	    save_verdict(runs, verdict_good(&ram, B, ram.open_token, 0, &committed)) != runs)
		return DATACUT_NOBODY;
	if (ram.data.phase != STATE_DATA_DROP || kept_drop(&job, datacut_calls_top()) != KB_OK)
		return runs;
	data_forget(&ram);
	(void)!op_save(NULL, &ram);
	return runs;
}

static int command(enum datacut_do what, int runs)
{
	if (what == DATACUT_GOOD)
		return mark_good(runs);
	if (what == DATACUT_BAD)
		return runs == B ? save_verdict(runs, verdict_bad(&ram, B, "by hand"))
				 : DATACUT_NOBODY;
	return save_verdict(runs,
			    verdict_switch(&ram, A + B - runs, what == DATACUT_ONCE, true, 3));
}

/* ---------------------------------------------------------------- interface */

void datacut_world_init(struct datacut_world *w, bool subvolumes)
{
	struct state *s = &w->s;

	memset(w, 0, sizeof(*w));
	state_init(s, 2);
	s->slot[A] = (struct state_slot){ .st = STATE_GOOD, .ever_good = true, .grace = 5 };
	s->slot[B] = (struct state_slot){ .st = STATE_TRIAL, .tries = 2, .grace = 1 };
	for (int i = A; i <= B; i++) {
		s->slot[i].has_release = true;
		s->slot[i].sequence = (uint64_t)i + 1;
		memset(s->slot[i].release, i + 1, sizeof(s->slot[i].release));
	}
	s->pref = B;
	s->last = A;
	s->seq = 1;
	datacut_fs_init(&w->fs);
	put(&w->fs, "", "app", NULL);
	w->fs.node[datacut_fs_path(&w->fs, "app")].subvolume = subvolumes;
	snprintf(w->old, sizeof(w->old), "a1");
	write_all(&w->fs, w->old);
	put(&w->fs, "", "other", "stays");
}

/* The trial's data is everybody's from the moment in which that is durable. */
static void note_commit(struct datacut_world *w)
{
	if (w->committed || w->s.slot[B].st != STATE_GOOD)
		return;
	w->committed = true;
	memcpy(w->old, w->trial, sizeof(w->old));
}

static int process(enum datacut_do what, int runs)
{
	if (what > DATACUT_BOOT_CRASH)
		return command(what, runs);
	return boot(what == DATACUT_BOOT ? RESET_POWER : RESET_CRASH);
}

int datacut_world_do(struct datacut_world *w, enum datacut_do what, int runs, bool *cut)
{
	static int slot; /* longjmp() comes back to this function */

	world = w;
	ram = w->s;
	datacut_calls_begin(&w->fs);
	slot = DATACUT_NOBODY;
	lost = false;
	*cut = true;
	if (setjmp(datacut_calls.cut) == 0) {
		slot = process(what, runs);
		world->fs = datacut_calls.now;
		*cut = false;
	}
	note_commit(world);
	return slot;
}

/* Were the trial left now, slot a would find its data. */
static bool goes_back(const struct datacut_world *w)
{
	struct tree_job job = { .until_ms = 0 };
	bool back;

	datacut_calls.cut_at = datacut_calls.fail_at = 0;
	datacut_calls_begin(&w->fs);
	back = kept_put_back(&job, datacut_calls_top(), "ext4") == KB_OK &&
	       sees(&datacut_calls.now, w->old);
	return back && w->s.data.phase == STATE_DATA_KEEP && data_is_of(&w->s, B);
}

/* What was left behind when putting back failed: told, and not mixed. */
static bool sees_whole_trial(const struct datacut_world *w)
{
	return w->excused && w->trial[0] != '\0' && sees(&w->fs, w->trial);
}

static const char *check_view(struct datacut_world *w, int slot, bool faulty)
{
	if (lost && !w->excused && !faulty)
		return "it is said that what was kept is gone";
	if (!reads(&w->fs, "other", "stays"))
		return "what is not named did not stay as it is";
	if (w->committed)
		return sees(&w->fs, w->old) ? NULL : "what was committed is not there";
	if (slot == A)
		return sees(&w->fs, w->old) || sees_whole_trial(w)
			       ? NULL
			       : "slot a runs with what is not its own";
	if (w->excused && attempt.chosen.tier == CHOOSE_LAST_RESORT)
		return NULL;
	/* From its beginning, or where it was. */
	if (!sees(&w->fs, w->old) && (w->trial[0] == '\0' || !sees(&w->fs, w->trial)))
		return "the trial runs with a mixture";
	if (goes_back(w))
		return NULL;
	if (attempt.chosen.tier != CHOOSE_LAST_RESORT || !faulty)
		return "the trial runs, and nothing whole is kept";
	/* Nothing better was left to boot, and it was told: from now on that is all there is. */
	w->committed = true;
	if (!sees(&w->fs, w->old))
		memcpy(w->old, w->trial, sizeof(w->old));
	return NULL;
}

static void write_next(struct datacut_world *w, char *last, char who)
{
	snprintf(last, sizeof(w->old), "%c%c", who, last[1] == '1' ? '2' : '1');
	write_all(&w->fs, last);
}

const char *datacut_world_run(struct datacut_world *w, int slot, bool writes, bool faulty)
{
	const char *why = check_view(w, slot, faulty);

	if (why != NULL)
		return why;
	if (w->committed || slot == A) {
		if (slot == A && !w->committed && !w->excused)
			w->trial[0] = '\0';
		if (writes && !w->excused)
			write_next(w, w->old, w->committed ? 'b' : 'a');
	} else if (writes) {
		write_next(w, w->trial, 'b');
	} else {
		memcpy(w->trial, sees(&w->fs, w->old) ? w->old : w->trial, sizeof(w->trial));
	}
	return NULL;
}
