/* SPDX-License-Identifier: Apache-2.0 */
/* What keelboot-apply does to the state partition when it installs into slot b. */
#pragma once

#include "selector/plan.h"
#include "tests/trace/machine.h"

#define APPLY "keelboot-apply"

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
