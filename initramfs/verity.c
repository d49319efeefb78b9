/* SPDX-License-Identifier: Apache-2.0 */
#include "initramfs/verity.h"

#include "lib/log.h"
#include "selector/state.h"

#include <inttypes.h>
#include <stdio.h>

#define NAME_LEN 24

static void name_of(char name[NAME_LEN], char slot)
{
	snprintf(name, NAME_LEN, "keelboot-root-%c", slot);
}

enum kb_err verity_open(const struct verify_answer *a, const char *dev, char slot,
			char node[OS_DM_NODE], char *reason)
{
	char name[NAME_LEN], params[OS_DM_PARAMS];
	struct os_dm dm = { .name = name, .type = "verity", .params = params };
	enum kb_err err;

	name_of(name, slot);
	dm.sectors = a->tree_off / 512;
	/* Of all answers to a damaged block only a panic is both at once and told from a reset. */
	snprintf(params, sizeof(params),
		 "1 %s %s %u %u %" PRIu64 " %" PRIu64 " %s %s %s 1 panic_on_corruption", dev, dev,
		 a->data_block, a->hash_block, a->tree_off / a->data_block,
		 a->tree_off / a->hash_block, a->algorithm, a->root_hash, a->salt);
	err = os_dm_open(&dm, node);
	if (err == KB_OK) {
		log_info("slot %c: dm-verity on %s, root hash %.16s", slot, dev, a->root_hash);
		return KB_OK;
	}
	log_err("slot %c: unable to open %s through dm-verity: %m (kernel 5.9 or later with "
		"dm-verity? mkinitramfs --module-set verity)",
		slot, dev);
	snprintf(reason, STATE_STR_MAX + 1, "no dm-verity: %.33s", err_text(err));
	return KB_EMOUNT;
}

void verity_close(char slot)
{
	char name[NAME_LEN];

	name_of(name, slot);
	if (os_dm_close(name) != KB_OK)
		log_warn("slot %c: dm-verity device left behind: %m", slot);
}
