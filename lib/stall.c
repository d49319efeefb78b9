/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/stall.h"

uint64_t stall_limit_ms(const struct conf *c, uint32_t timeout_s)
{
	uint64_t ms = c->progress_deadline_s * UINT64_C(1000);
	uint64_t bound = timeout_s * UINT64_C(1000) * 2 / 3;

	return bound != 0 && bound < ms ? bound : ms;
}

uint32_t stall_timeout_s(const struct conf *c)
{
	return (uint32_t)(((uint64_t)c->progress_deadline_s * 3 + 1) / 2);
}

bool stall_is_cut(const struct conf *c, uint32_t timeout_s)
{
	static struct conf defaults;

	conf_defaults(&defaults);
	return timeout_s != 0 && c->progress_deadline_s != defaults.progress_deadline_s &&
	       timeout_s < stall_timeout_s(c);
}
