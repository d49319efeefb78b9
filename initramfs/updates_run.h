/* SPDX-License-Identifier: Apache-2.0 */
/* The child that applies an update, held to its progress. */
#pragma once

#include "initramfs/boot_data.h"

enum updates_end {
	UPDATES_INSTALLED,
	UPDATES_NOTHING,     /* to do in this source */
	UPDATES_FAILED,	     /* it noted why; or it could not be started */
	UPDATES_CRASHED,     /* or stalled, and was killed; or refused its arguments */
	UPDATES_UNSTOPPABLE, /* it cannot even be killed, and may still write */
	UPDATES_REFUSED,     /* a pre-update hook said no: for all sources */
};

/* Runs keelboot-apply on one source. The hook is asked after the count, which so bounds what a hook
 * can do, too. */
enum updates_end updates_run_apply(struct boot *b, enum state_source src,
				   enum plan_mode mode) KB_MUST_CHECK;
