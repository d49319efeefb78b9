/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/host_files.h"
#include "tests/sim/ioerr.h"

static enum ioerr_fault_kind kind; /* what goes wrong with the read that runs */

static int before(struct host_files_call *c)
{
	int errnum;

	if (ioerr_world_process == IOERR_FAULT_INIT || ioerr_world_process == IOERR_FAULT_TARGETS)
		return 0;
	errnum = ioerr_fault_call(ioerr_world_process, host_files_name(c->op));
	if (errnum != 0 || c->op != HOST_FILES_READ)
		return errnum;
	kind = ioerr_fault_turn(ioerr_world_medium(), IOERR_FAULT_READ);
	return kind == IOERR_FAULT_FAILS || kind == IOERR_FAULT_EVER ? EIO : 0;
}

static int after(struct host_files_call *c, int errnum)
{
	uint8_t *p = c->into;

	if (c->op != HOST_FILES_READ)
		return errnum;
	if (kind == IOERR_FAULT_SHORT) /* which the seam has only where a file ends */
		c->got /= 2;
	if (kind == IOERR_FAULT_WRONG && c->got > 0)
		p[c->got / 2] ^= 0x10;
	if (kind == IOERR_FAULT_ZEROES)
		memset(p, 0, c->got);
	if (kind == IOERR_FAULT_DIES_LATE)
		ioerr_fault_die();
	kind = IOERR_FAULT_NONE;
	return errnum;
}

void ioerr_files_begin(void)
{
	static const struct host_files files = { ioerr_world_path, before, after };

	host_files_use(&files);
}
