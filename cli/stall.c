/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/stall.h"

uint32_t stall_most_s(uint32_t timeout_s)
{
	return (uint32_t)((uint64_t)timeout_s * 2 / 3);
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
