/* SPDX-License-Identifier: Apache-2.0 */
/* Marks where each step of the boot begins: linked around them by `-Wl,--wrap=` (phases.py). */

#define STEP(number, name)                                      \
	__asm__(".globl __wrap_" name "\n"                      \
		"__wrap_" name ":\n"                            \
		"	nopl 0x4b07b0" number "(%rax,%rax,1)\n" \
		"	jmp __real_" name "\n")

STEP("10", "settings_read");
STEP("11", "hardware_load_watchdog");
STEP("12", "find_devices");
STEP("13", "load_state");
STEP("14", "updates_apply");
STEP("15", "candidate_or_rescue");
STEP("16", "hardware_leave_to");
STEP("17", "export_write");
STEP("18", "guard_start");
STEP("19", "watchdog_hand_over");
STEP("1a", "root_enter");
