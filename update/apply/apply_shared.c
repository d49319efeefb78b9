/* SPDX-License-Identifier: Apache-2.0 */
#include "update/apply/apply_shared.h"
#include "update/apply/apply_lend.h"
#include "update/apply/apply_progress.h"

#include <string.h>

/* What `keelboot stage` verified can decay until the boot. */
static bool verify_first(const struct apply *a, enum state_source kind)
{
	switch (kind) {
	case STATE_SRC_DATA:
		return a->conf.data_verify_first;
	case STATE_SRC_RAW:
		return a->conf.raw_verify_first;
	case STATE_SRC_SD:
	case STATE_SRC_USB:
		return a->conf.media_verify_first;
	case STATE_SRC_COMMAND:
	case STATE_SRC_COUNT:
		break;
	}
	return true;
}

void apply_shared_fill(struct apply *a, int fd, const char *from, enum state_source kind, bool raw)
{
	a->job = (struct apply_file_job){
		.fd = fd,
		.name = from,
		.raw = raw,
		.compatible = a->conf.compatible,
		.copies = a->conf.loader_copies,
		.keys = &a->keys,
		.store = &a->store,
		.state = &a->state,
		.others = &a->others,
		.mountable = a->o.mountable,
		.mounted = a->o.in_use,
		.source = kind,
		.mode = a->o.mode,
		.floor_bound = a->floor_bound,
		.want = STATE_NONE,
		.lend = apply_lend(),
		.verify_first = verify_first(a, kind),
		.max_jump = a->conf.max_jump,
		.tries = (uint8_t)a->conf.tries,
		.progress = apply_progress,
	};
	memcpy(a->job.slot, a->o.slot, sizeof(a->job.slot));
}
