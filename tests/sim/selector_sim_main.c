/* SPDX-License-Identifier: Apache-2.0 */
/* Tells all stories, and walks all configurations. */
#include "tests/sim/selector_sim.h"

#define MODEL_STATES 449940
#define KINDS	     35	   /* of steps */
#define PART	     15000 /* states of each walk: for a processor that is emulated */
#define PART_KINDS   34
#define PART_STATES  597119

#define STARTS 5

/* Fresh from the factory; two good; a trial alone; a good one and one that hangs; one on trial. */
static unsigned starts_of(const struct sim_config *cfg, struct sim_world out[STARTS])
{
	static const struct {
		enum state_st st[2];
		enum sim_truth truth[2];
	} starts[] = {
		{ { STATE_GOOD, STATE_EMPTY }, { SIM_WORK, SIM_NOTHING } },
		{ { STATE_GOOD, STATE_GOOD }, { SIM_WORK, SIM_WORK } },
		{ { STATE_TRIAL, STATE_EMPTY }, { SIM_WORK, SIM_NOTHING } },
		{ { STATE_GOOD, STATE_GOOD }, { SIM_WORK, SIM_HANG } },
		{ { STATE_GOOD, STATE_TRIAL }, { SIM_WORK, SIM_WORK } },
	};
	struct state s;

	for (unsigned n = 0; n < STARTS; n++) {
		struct sim_world *w = &out[n];

		memset(w, 0, sizeof(*w));
		state_init(&s, cfg->nslots);
		for (int i = 0; i < 2; i++) {
			s.slot[i].st = starts[n].st[i];
			s.slot[i].ever_good = s.slot[i].st == STATE_GOOD;
			s.slot[i].tries = s.slot[i].st == STATE_TRIAL ? STATE_TRIES : 0;
			s.slot[i].grace = STATE_GRACE;
			sim_world_set_truth(w, i, starts[n].truth[i]);
			sim_world_set_cell(w, i, s.slot[i].st != STATE_EMPTY, 0);
		}
		s.last = s.slot[0].st == STATE_GOOD ? 0 : STATE_NONE;
		sim_world_pack(cfg, &s, &w->new);
		w->old = w->new;
		w->event = SIM_POWER;
		w->fresh = SIM_NONE;
		w->preset = cfg->pairs ? 0 : SIM_NONE;
		w->once = SIM_NONE;
	}
	return STARTS;
}

#define ROUND .nslots = 2, .installs = true, .oneshots = true, .losses = 1, .decay = true
#define STICK .nslots = 2, .grace = 1, .count = CONF_COUNT_AUTO

static const struct sim_config configs[] = {
	{ "hardware that tells", .count = CONF_COUNT_AUTO, .grace = 1, ROUND },
	{ "says nothing, counts good slots", .says = SIM_SAYS_NOTHING, .count = CONF_COUNT_AUTO,
	  ROUND },
	{ "always says power, counts good slots", .says = SIM_SAYS_POWER,
	  .count = CONF_COUNT_ALWAYS, .grace = 1, ROUND },
	{ "always says power, counts no good slots", .says = SIM_SAYS_POWER,
	  .count = CONF_COUNT_NEVER, .grace = 1, ROUND },
	{ "always says crash", .says = SIM_SAYS_CRASH, .count = CONF_COUNT_AUTO, .unfit = true,
	  ROUND },
	{ "hardware that tells, releases that report and crash", .count = CONF_COUNT_AUTO,
	  .nslots = 2, .late = true, .installs = true },
	{ "says nothing, releases that report and crash", .says = SIM_SAYS_NOTHING,
	  .count = CONF_COUNT_AUTO, .nslots = 2, .late = true, .installs = true },
	{ "always says power, releases that report and crash", .says = SIM_SAYS_POWER,
	  .count = CONF_COUNT_ALWAYS, .grace = 1, .nslots = 2, .late = true, .installs = true },
	{ "pairs", .pairs = true, .count = CONF_COUNT_AUTO, .nslots = 2, .installs = true,
	  .oneshots = true, .losses = 1 },
	{ "pairs that decay", .pairs = true, .count = CONF_COUNT_AUTO, .nslots = 2,
	  .installs = true, .decay = true },
	{ "pairs, and nothing is told", .pairs = true, .says = SIM_SAYS_NOTHING,
	  .count = CONF_COUNT_AUTO, .nslots = 2, .installs = true, .oneshots = true },
	{ "pairs, it always says power, and counts no good slots", .pairs = true,
	  .says = SIM_SAYS_POWER, .count = CONF_COUNT_NEVER, .grace = 1, .nslots = 2,
	  .installs = true },
	{ "pairs of three slots", .pairs = true, .nslots = 3, .count = CONF_COUNT_AUTO,
	  .installs = true },
	{ "pairs, and a stick whose pair does not come up", .pairs = true, .stick = { 3, 2 },
	  .stick_truth = { SIM_DEAD, SIM_WORK }, .losses = 1, STICK },
	{ "pairs, and writes that fail", .pairs = true, .nslots = 2, .count = CONF_COUNT_AUTO,
	  .installs = true, .errors = true },
	{ "pairs, a loader that says less, and writes that fail", .pairs = true, .mute = true,
	  .nslots = 2, .count = CONF_COUNT_AUTO, .installs = true, .errors = true },
	{ "kexec", .kexec = true, .pairs = true, .count = CONF_COUNT_AUTO, .nslots = 2,
	  .installs = true, .oneshots = true, .losses = 1, .decay = true },
	{ "kexec, and nothing is told", .kexec = true, .pairs = true, .says = SIM_SAYS_NOTHING,
	  .count = CONF_COUNT_AUTO, .nslots = 2, .installs = true, .oneshots = true },
	{ "kexec, it always says power, and counts no good slots", .kexec = true, .pairs = true,
	  .says = SIM_SAYS_POWER, .count = CONF_COUNT_NEVER, .grace = 1, .nslots = 2,
	  .installs = true },
	{ "kexec of three slots", .kexec = true, .pairs = true, .nslots = 3,
	  .count = CONF_COUNT_AUTO, .installs = true },
	{ "kexec, and a stick whose kernel does not come up", .kexec = true, .pairs = true,
	  .stick = { 3, 2 }, .stick_truth = { SIM_DEAD, SIM_WORK }, .losses = 1, STICK },
	{ "kexec, and writes that fail", .kexec = true, .pairs = true, .nslots = 2,
	  .count = CONF_COUNT_AUTO, .installs = true, .errors = true },
	{ "kexec, slots that decay, and writes that fail", .kexec = true, .pairs = true,
	  .nslots = 2, .count = CONF_COUNT_AUTO, .grace = 1, .errors = true, .decay = true,
	  .losses = 1 },
	{ "three slots", .nslots = 3, .count = CONF_COUNT_AUTO, .installs = true },
	{ "three slots that decay", .nslots = 3, .count = CONF_COUNT_AUTO, .installs = true,
	  .decay = true },
	{ "all the grace", .nslots = 2, .grace = STATE_GRACE, .installs = true },
	{ "stick that hangs", .stick = { 2 }, .stick_truth = { SIM_HANG }, .losses = 1, STICK },
	{ "two on a stick, the newer does not mount", .stick = { 3, 2 },
	  .stick_truth = { SIM_NOMNT, SIM_WORK }, .losses = 1, STICK },
	{ "two on a stick, the older permitted to go back", .stick = { 3, 2 },
	  .stick_truth = { SIM_HANG, SIM_WORK }, .stick_downgrade = true, STICK },
	{ "stick whose release reports and crashes", .stick = { 2 }, .stick_truth = { SIM_LATE },
	  .losses = 1, STICK },
	{ "the same, two of them, and nothing is told", .stick = { 3, 2 },
	  .stick_truth = { SIM_LATE, SIM_LATE }, .says = SIM_SAYS_NOTHING, STICK },
	{ "stick that takes the kernel down", .stick = { 2 }, .stick_kills = true, .losses = 1,
	  .decay = true, STICK },
	{ "the same, and it says power", .stick = { 2 }, .stick_kills = true,
	  .says = SIM_SAYS_POWER, .nslots = 2, .grace = 1, .count = CONF_COUNT_ALWAYS },
	{ "stick on which apply stalls", .stick = { 2 }, .stick_stalls = true, .losses = 1,
	  .decay = true, STICK },
	{ "two on a stick, both work", .stick = { 3, 2 }, .stick_truth = { SIM_WORK, SIM_WORK },
	  STICK },
	{ "stick that works", .stick = { 2 }, .stick_truth = { SIM_WORK }, .losses = 1,
	  .decay = true, STICK },
	{ "stick in a rescue", .rescue = true, .stick = { 2 }, .stick_truth = { SIM_WORK },
	  .installs = true, .decay = true, STICK },
	{ "one slot, and a stick in a rescue", .rescue = true, .stick = { 2 },
	  .stick_truth = { SIM_WORK }, .decay = true, .nslots = 1, .grace = 1 },
	{ "pairs, and a stick in a rescue", .pairs = true, .rescue = true, .stick = { 2 },
	  .stick_truth = { SIM_WORK }, .installs = true, .decay = true, STICK },
	{ "kexec, and a stick in a rescue", .kexec = true, .pairs = true, .rescue = true,
	  .stick = { 2 }, .stick_truth = { SIM_WORK }, .installs = true, .decay = true, STICK },
	{ "writes that fail", .count = CONF_COUNT_AUTO, .nslots = 2, .installs = true,
	  .oneshots = true, .losses = 1, .errors = true },
	{ "slots that decay, and writes that fail", .count = CONF_COUNT_AUTO, .nslots = 2,
	  .oneshots = true, .losses = 1, .decay = true, .errors = true },
	{ "writes that fail, and all else", .count = CONF_COUNT_AUTO, .errors = true, ROUND },
};

static bool small; /* walks less, for the sanitizers */
static bool part;  /* only the first states of each walk */
static bool whole; /* the last one, too: it takes longer than all others */
static bool stop;  /* at the first failure */
static unsigned *failed;

static const char *story(unsigned i)
{
	unsigned n = 0, walks = KB_ARRAY_LEN(configs) - !whole;

	while (sim_story_name(n) != NULL)
		n++;
	if (i < n)
		return sim_story_name(i);
	i -= n;
	if (i >= walks)
		return NULL;
	/* The others run beside it; or one of them fails soon. */
	return configs[stop ? i : (i + walks - 1) % walks].name;
}

static void run(unsigned i, struct report_line *l)
{
	struct sim_world starts[STARTS];

	if (stop && *failed > 0)
		return;
	for (unsigned k = 0; k < KB_ARRAY_LEN(configs); k++) {
		struct sim_config cfg = configs[k];

		if (cfg.name != l->name)
			continue;
		if (part)
			sim_walk_most = PART;
		if (small) {
			cfg.losses = 0;
			cfg.oneshots = false;
			cfg.grace = cfg.grace > 0;
		}
		sim_walk(&cfg, starts, starts_of(&cfg, starts), l);
	}
	if (l->number[SIM_WALK_STATES] == 0)
		sim_story_run(i, l);
	*failed += l->violations;
}

/* A walk that ends early finds nothing: the model in Python saw so many states. */
static void end(const struct report_line *all, unsigned *passed, unsigned *wrong)
{
	uint64_t least = part ? PART_STATES : MODEL_STATES;
	unsigned kinds = sim_walk_kinds(), least_kinds = part ? PART_KINDS : KINDS;

	if (small || stop || report_asked.story != NULL)
		return;
	*(all->number[SIM_WALK_STATES] >= least ? passed : wrong) += 1;
	if (all->number[SIM_WALK_STATES] < least)
		printf("fewer than %" PRIu64 " states\n", least);
	*(kinds >= least_kinds ? passed : wrong) += 1;
	if (kinds < least_kinds)
		printf("%u kinds of steps, fewer than %u\n", kinds, least_kinds);
}

int main(int argc, char **argv)
{
	static const struct report_option options[] = {
		{ "--part", .flag = &part }, { "--small", .flag = &small },
		{ "--stop", .flag = &stop }, { "--whole", .flag = &whole },
		{ NULL, .flag = NULL },
	};
	static const struct report_column columns[] = {
		[SIM_WALK_STATES] = { "states", "states", REPORT_SUM },
		[SIM_WALK_TRANSITIONS] = { "transitions", "transitions", REPORT_SUM },
		{ NULL, NULL, REPORT_OWN },
	};
	static const struct report r = {
		.name = "selector",
		.usage = " [--part] [--small] [--stop] [--whole]",
		.options = options,
		.columns = columns,
		.story = story,
		.run = run,
		.end = end,
	};

	failed = report_share(sizeof(*failed));
	sim_walk_begin();
	return report_main(&r, argc, argv);
}
