/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/host_files.h"
#include "tests/sim/ioerr.h"

static enum ioerr_fault_kind kind; /* what goes wrong with the read that runs */
static char mounted[256];	   /* what was opened as a medium last */

static enum ioerr_fault_target medium(void)
{
	if (strcmp(mounted, IOERR_CONTENT_RAW) == 0)
		return IOERR_FAULT_RAW;
	return strcmp(mounted, "/dev/" IOERR_CONTENT_STICK) == 0 ? IOERR_FAULT_STICK
								 : IOERR_FAULT_DATA;
}

/* Where keelboot-apply and the command find, under the name of a device or of a folder, what stands
 * for it; the name itself when nothing does. */
static const char *place(const char *name)
{
	if (strcmp(name, IOERR_CONTENT_DATA) == 0 ||
	    strcmp(name, "/dev/" IOERR_CONTENT_STICK) == 0) {
		snprintf(mounted, sizeof(mounted), "%s", name);
		return bundles_path("node");
	}
	if (strcmp(name, IOERR_CONTENT_RAW) == 0) {
		snprintf(mounted, sizeof(mounted), "%s", name);
		return host_files_of(ioerr_world_disk(IOERR_FAULT_RAW)->fd);
	}
	if (strcmp(name, "/run/keelboot/media") == 0)
		return bundles_path(strcmp(mounted, IOERR_CONTENT_DATA) == 0 ? "data" : "stick");
	return strcmp(name, "/dev/kmsg") == 0 ? bundles_path("none") : name;
}

static int before(struct host_files_call *c)
{
	int errnum;

	if (ioerr_world_process == IOERR_FAULT_INIT || ioerr_world_process == IOERR_FAULT_TARGETS)
		return 0;
	errnum = ioerr_fault_call(ioerr_world_process, host_files_name(c->op));
	if (errnum != 0 || c->op != HOST_FILES_READ)
		return errnum;
	kind = ioerr_fault_turn(medium(), IOERR_FAULT_READ);
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
	static const struct host_files files = { place, before, after };

	host_files_use(&files);
}
