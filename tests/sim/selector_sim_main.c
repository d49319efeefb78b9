/* SPDX-License-Identifier: Apache-2.0 */
/*
 * selector_sim [--small] [--stop] [--story [NAME] | --walk [NUMBER]]
 * Tells all stories and walks all configurations. --small walks less, for the sanitizers; --stop
 * ends at the first failure.
 */
#include "tests/sim/selector_sim.h"

#include "lib/util.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MODEL_STATES 449940

/* Fresh from the factory; two good; a good one and one that hangs; a trial alone. */
static unsigned starts_of(const struct sim_config *cfg, struct sim_world out[4])
{
	static const struct {
		enum state_st st[2];
		enum sim_truth truth[2];
	} starts[] = {
		{ { STATE_GOOD, STATE_EMPTY }, { SIM_WORK, SIM_NOTHING } },
		{ { STATE_GOOD, STATE_GOOD }, { SIM_WORK, SIM_WORK } },
		{ { STATE_TRIAL, STATE_EMPTY }, { SIM_WORK, SIM_NOTHING } },
		{ { STATE_GOOD, STATE_GOOD }, { SIM_WORK, SIM_HANG } },
	};
	struct state s;

	for (unsigned n = 0; n < 4; n++) {
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
	}
	return 4;
}

#define ROUND .nslots = 2, .installs = true, .oneshots = true, .losses = 1, .decay = true
#define STICK .nslots = 2, .grace = 1, .count = CONF_COUNT_AUTO

static const struct sim_config configs[] = {
	{ .name = "hardware that tells", .count = CONF_COUNT_AUTO, .grace = 1, ROUND },
	{ .name = "says nothing, counts good slots",
	  .says = SIM_SAYS_NOTHING,
	  .count = CONF_COUNT_AUTO,
	  ROUND },
	{ .name = "always says power, counts good slots",
	  .says = SIM_SAYS_POWER,
	  .count = CONF_COUNT_ALWAYS,
	  .grace = 1,
	  ROUND },
	{ .name = "always says power, counts no good slots",
	  .says = SIM_SAYS_POWER,
	  .count = CONF_COUNT_NEVER,
	  .grace = 1,
	  ROUND },
	{ .name = "always says crash",
	  .says = SIM_SAYS_CRASH,
	  .count = CONF_COUNT_AUTO,
	  .unfit = true,
	  ROUND },
	{ .name = "hardware that tells, releases that report and crash",
	  .count = CONF_COUNT_AUTO,
	  .nslots = 2,
	  .late = true,
	  .installs = true },
	{ .name = "says nothing, releases that report and crash",
	  .says = SIM_SAYS_NOTHING,
	  .count = CONF_COUNT_AUTO,
	  .nslots = 2,
	  .late = true,
	  .installs = true },
	{ .name = "always says power, releases that report and crash",
	  .says = SIM_SAYS_POWER,
	  .count = CONF_COUNT_ALWAYS,
	  .grace = 1,
	  .nslots = 2,
	  .late = true,
	  .installs = true },
	{ .name = "three slots", .nslots = 3, .count = CONF_COUNT_AUTO, .installs = true },
	{ .name = "three slots that decay",
	  .nslots = 3,
	  .count = CONF_COUNT_AUTO,
	  .installs = true,
	  .decay = true },
	{ .name = "all the grace", .nslots = 2, .grace = STATE_GRACE, .installs = true },
	{ .name = "stick that hangs",
	  .stick = { 2 },
	  .stick_truth = { SIM_HANG },
	  .losses = 1,
	  STICK },
	{ .name = "two on a stick, the newer does not mount",
	  .stick = { 3, 2 },
	  .stick_truth = { SIM_NOMNT, SIM_WORK },
	  .losses = 1,
	  STICK },
	{ .name = "two on a stick, the older permitted to go back",
	  .stick = { 3, 2 },
	  .stick_truth = { SIM_HANG, SIM_WORK },
	  .stick_downgrade = true,
	  STICK },
	{ .name = "stick whose release reports and crashes",
	  .stick = { 2 },
	  .stick_truth = { SIM_LATE },
	  .losses = 1,
	  STICK },
	{ .name = "the same, two of them, and nothing is told",
	  .stick = { 3, 2 },
	  .stick_truth = { SIM_LATE, SIM_LATE },
	  .says = SIM_SAYS_NOTHING,
	  STICK },
	{ .name = "stick that takes the kernel down",
	  .stick = { 2 },
	  .stick_kills = true,
	  .losses = 1,
	  .decay = true,
	  STICK },
	{ .name = "the same, and it says power",
	  .stick = { 2 },
	  .stick_kills = true,
	  .says = SIM_SAYS_POWER,
	  .nslots = 2,
	  .grace = 1,
	  .count = CONF_COUNT_ALWAYS },
	{ .name = "stick on which apply stalls",
	  .stick = { 2 },
	  .stick_stalls = true,
	  .losses = 1,
	  .decay = true,
	  STICK },
	{ .name = "two on a stick, both work",
	  .stick = { 3, 2 },
	  .stick_truth = { SIM_WORK, SIM_WORK },
	  STICK },
	{ .name = "stick that works",
	  .stick = { 2 },
	  .stick_truth = { SIM_WORK },
	  .losses = 1,
	  .decay = true,
	  STICK },
	{ .name = "writes that fail", .count = CONF_COUNT_AUTO, .errors = true, ROUND },
};

static bool walk_one(const struct sim_config *full, bool small)
{
	struct sim_world starts[4];
	struct sim_config cfg = *full;

	if (small) {
		cfg.losses = 0;
		cfg.oneshots = false;
		cfg.grace = cfg.grace > 0;
	}
	return sim_walk(&cfg, starts, starts_of(&cfg, starts));
}

/* A walk that ends early finds nothing: the model in Python saw so many states. */
static bool walked_enough(void)
{
	if (sim_walk_states >= MODEL_STATES)
		return true;
	printf("fewer than the model's %d states: FAILED\n", MODEL_STATES);
	return false;
}

static int usage(void)
{
	fputs("usage: selector_sim [--small] [--stop] [--story [NAME] | --walk [NUMBER]]\n",
	      stderr);
	return 3;
}

struct options {
	bool small, stop, stories, walks;
	const char *which;
};

static bool parse(struct options *o, char **argv)
{
	*o = (struct options){ .stories = true, .walks = true };
	for (; *argv != NULL; argv++) {
		if (strcmp(*argv, "--small") == 0)
			o->small = true;
		else if (strcmp(*argv, "--stop") == 0)
			o->stop = true;
		else if (strcmp(*argv, "--story") == 0)
			o->walks = false;
		else if (strcmp(*argv, "--walk") == 0)
			o->stories = false;
		else if (**argv != '-' && o->stories != o->walks && o->which == NULL)
			o->which = *argv;
		else
			return false;
	}
	return o->stories || o->walks;
}

int main(int argc, char **argv)
{
	unsigned ran = 0, failed = 0;
	struct options o;

	if (argc < 1 || !parse(&o, argv + 1))
		return usage();
	setvbuf(stdout, NULL, _IOLBF, 0);
	if (o.stories)
		failed = sim_story(o.which, &ran);
	for (unsigned i = 0; o.walks && i < KB_ARRAY_LEN(configs); i++) {
		if (o.which != NULL && strtoul(o.which, NULL, 10) != i)
			continue;
		if (o.stop && failed > 0)
			break;
		ran++;
		failed += !walk_one(&configs[i], o.small);
	}
	if (ran == 0)
		return usage();
	printf("%llu states, %llu transitions\n", (unsigned long long)sim_walk_states,
	       (unsigned long long)sim_walk_transitions);
	if (!o.small && !o.stop && o.walks && o.which == NULL) {
		ran++;
		failed += !walked_enough();
	}
	printf("selector_sim: %u passed, %u failed\n", ran - failed, failed);
	return failed != 0;
}
