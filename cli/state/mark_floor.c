/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/device/device_manifest.h"
#include "cli/state/mark.h"

#include "lib/log.h"

uint64_t mark_floor(struct device *d, int slot)
{
	const struct manifest *m;
	enum kb_err err = device_manifest_read(d, slot, &m);

	if (err == KB_OK)
		return m->floor;
	if (err != KB_EBLANK)
		log_warn(
			"slot %c: its stored manifest cannot be used (%s): the rollback floor stays",
			state_slot_letter(slot), err_text(err));
	return 0;
}

void mark_floor_keep(struct device *d, int slot)
{
	enum kb_err err = device_manifest_keep_floor(d, slot);

	if (err != KB_OK && err != KB_EBLANK)
		log_warn(
			"slot %c: the rollback floor cannot be kept beside its manifest (%s): it would fall if the state is lost; keelboot doctor examines the state partition",
			state_slot_letter(slot), err_text(err));
}
