/* SPDX-License-Identifier: Apache-2.0 */
#include "initramfs/stages.h"

#include "initramfs/hardware_need.h"
#include "initramfs/watchdog.h"
#include "lib/log.h"

struct hook_env stages_env(struct boot *b, char *said)
{
	said[0] = '\0';
	return (struct hook_env){
		.data = b->dev.data,
		.data_fstype = b->conf.data_fstype,
		.said = said,
		.idle = watchdog_idle,
		.idle_ctx = b,
	};
}

bool stages_pre_update(struct boot *b, const char *source)
{
	char said[HOOK_SAID_MAX + 1], reason[HOOK_REASON_MAX + 1];
	struct hook_env env = stages_env(b, said);

	env.source = source;
	hardware_need_data(b);
	if (hook_run_dir("pre-update", &env, b->conf.hook_timeout_s, reason) == KB_OK)
		return true;
	log_warn("update: skipped in this boot: %s", reason);
	record_history(&b->rec, HISTORY_REFUSED, STATE_NONE, reason, said);
	return false;
}

void stages_exhausted(struct boot *b)
{
	char said[HOOK_SAID_MAX + 1], reason[HOOK_REASON_MAX + 1];
	struct hook_env env = stages_env(b, said);

	if (hook_run_dir("exhausted", &env, b->conf.hook_timeout_s, reason) != KB_OK)
		record_history(&b->rec, HISTORY_BOOT, STATE_NONE, reason, said);
}
