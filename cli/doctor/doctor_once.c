/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/device/device.h"
#include "cli/doctor/doctor_checks.h"

/* It forgets that before it starts a kernel; a Raspberry Pi's firmware is asked in the restart. Of
 * the kernel that EFI Boot Guard tries, doctor_efibg() says it. */
void doctor_once(struct doctor *doc, int once)
{
	enum conf_loader kind = doc->d->conf.loader;

	if (once == STATE_NONE || kind == CONF_LOADER_TRYBOOT ||
	    (kind == CONF_LOADER_EFIBG && once == doc->d->pair))
		return;
	doctor_report(
		doc, DOCTOR_ERROR, "loader-unsaved",
		"see what the boot loader prints at its start: can it write its store, and does it clear what it starts once?",
		"the boot loader was asked to start the kernel of slot %c once, and has not forgotten it: no trial of a kernel is started, or it is again and again",
		state_slot_letter(once));
}
