/* SPDX-License-Identifier: Apache-2.0 */
#include "initramfs/pairs_back.h"

#include "initramfs/boot_data.h"
#include "initramfs/pairs_ask.h"
#include "lib/log.h"
#include "lib/os.h"

/* Its store has been written since that boot asked for this kernel; so a restart repeats nothing.
 */
static bool starts_by_itself(struct boot *b, int slot)
{
	struct pairs_answer is;

	return b->pairs.role == ATTEMPT_LOADER && b->cmd.start == CMDLINE_START_ONCE &&
	       pairs_ask(b, &is) == KB_OK && is.once == STATE_NONE && is.preset == slot;
}

bool pairs_back(struct boot *b, int slot)
{
	if (!starts_by_itself(b, slot))
		return false;
	log_err("slot %c: restarting with its own kernel: the state cannot be written with this one",
		state_slot_letter(slot));
	/* panic records stay: what they mean could not be written */
	os_reboot();
	log_err("the kernel refuses to restart");
	return false;
}
