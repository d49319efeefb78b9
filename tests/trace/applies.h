/* SPDX-License-Identifier: Apache-2.0 */
/* What keelboot-apply does to the state partition when it installs into slot b. */
#pragma once

#include "selector/plan.h"
#include "tests/trace/machine.h"

#define APPLY "keelboot-apply"
#define NODES "spawn " APPLY " --state /dev/vda1 --slot a:root=/dev/vda2 --slot b:root=/dev/vda3"

/* It is started with this option or source (NULL: any), and says how far it is. */
static inline struct os_sim_child apply(int exit_code, const char *arg)
{
	return (struct os_sim_child){
		.argv0 = APPLY,
		.arg = arg,
		.duration_ms = 3000,
		.status = exit_code << 8,
		.say = { { 500, "P 1 check 100 100\n", 0 }, { 1000, "P 1 write 50 100\n", 0 } },
	};
}

static inline void applies_half(void)
{
	struct store st;
	struct state s = machine_load(&st);

	plan_install_begin(&s, 1, 0);
	OK(store_save_both(&st, &s));
}

static inline void applies_whole(enum plan_mode mode)
{
	static const struct plan_release release = { .sequence = 30, .version = "3.0" };
	struct store st;
	struct state s;

	applies_half();
	s = machine_load(&st);
	plan_install_end(&s, 1, &release, mode, 0);
	OK(store_save(&st, &s));
}
