/* SPDX-License-Identifier: Apache-2.0 */
#include "initramfs/pairs_kexec.h"

#include "initramfs/boot_data.h"
#include "initramfs/child_ask.h"
#include "initramfs/hardware.h"
#include "initramfs/measure.h"
#include "initramfs/pairs_finding.h"
#include "initramfs/pairs_partition.h"
#include "initramfs/slot.h"
#include "initramfs/watchdog.h"
#include "lib/log.h"
#include "lib/os.h"
#include "selector/measured.h"
#include "update/wire/kexec_end.h"

#include <stdio.h>
#include <string.h>

#define LOAD_LIMIT_MS 60000u /* a kernel is read and checked */

#define LOADER_TYPE "/proc/sys/kernel/bootloader_type"		       /* x86 */
#define OF_NOTE	    "/proc/device-tree/chosen/linux,booted-from-kexec" /* others */
#define DISABLED    "/proc/sys/kernel/kexec_load_disabled"
#define LIMIT	    "/proc/sys/kernel/kexec_load_limit_reboot" /* since Linux 6.3 */
#define OF_KEXEC    "208\n" /* 0xd0: Documentation/arch/x86/boot.rst */

/* By another kernel, and not by a boot loader: nothing was reset. */
static bool came_by_kexec(void)
{
	char type[16];

	return os_exists(OF_NOTE) ||
	       (os_read_file(LOADER_TYPE, type, sizeof(type), NULL) == KB_OK &&
		strcmp(type, OF_KEXEC) == 0);
}

static bool sysctl_is(const char *path, const char *value)
{
	char text[16];

	if (os_read_file(path, text, sizeof(text), NULL) != KB_OK)
		return false;
	text[strcspn(text, "\n")] = '\0';
	return strcmp(text, value) == 0;
}

/* To ask whether it may would use up one of the loads that a limit allows. */
static enum kb_err ask_kernel(void)
{
	if (sysctl_is(DISABLED, "1"))
		return KB_EPERM;
	if (!os_exists(LIMIT) || sysctl_is(LIMIT, "-1"))
		return os_can_kexec();
	return os_has_kexec() ? KB_OK : KB_ENOENT;
}

/* As far as that is known before a slot is charged: later, it costs two writes in each boot. NULL:
 * it may. */
static const char *why_not_kexec(void)
{
	enum kb_err err;

	if (!os_executable(BOOT_HELPER))
		return "its initramfs has no " BOOT_HELPER;
	if (sysctl_is(LIMIT, "0"))
		return "it is forbidden (kernel.kexec_load_limit_reboot=0)";
	err = ask_kernel();
	if (err == KB_OK)
		return NULL;
	return err == KB_ENOENT ? "it needs CONFIG_KEXEC_FILE=y, and Linux 5.6 or later"
				: "it is forbidden (kernel.kexec_load_disabled)";
}

/* Once in a boot: what this boot loads may use up what a limit allows, and a reset has it anew. */
static void find_base(struct pairs *p)
{
	if (!p->base_asked)
		p->no_base = why_not_kexec();
	p->base_asked = true;
	if (p->no_base == NULL) {
		p->role = ATTEMPT_BASE;
		return;
	}
	snprintf(p->where, sizeof(p->where), PAIR_NONE);
	pairs_finding(
		p,
		"this kernel cannot start that of a slot: %s; slots that proved themselves boot by this one, and nothing is installed",
		p->no_base);
}

static void add_word(struct pairs *p, const char *word)
{
	size_t len = strlen(p->where);

	snprintf(p->where + len, sizeof(p->where) - len, "%s%s", len > 0 ? " " : "", word);
}

/* The base started what this system.conf forbids: its own differs, and only that one counts for
 * what it installs. */
static bool is_only_forbidden_here(const struct boot *b)
{
	return b->pairs.running != STATE_NONE &&
	       measured_kernel_unchecked(&b->conf, (unsigned)b->pairs.running);
}

/* A slot whose kernel pairs_look() would leave in its partition: what is installed would wait for
 * a start that never comes. */
static void find_unstarted(struct boot *b)
{
	int slot = measured_slot_unstarted(&b->conf);

	if (slot == STATE_NONE)
		return;
	if (is_only_forbidden_here(b)) {
		pairs_finding(
			&b->pairs,
			"with verify-slot=always no kernel is started from the partition of [slot.%c] boot=, which nothing checks; the first kernel has another system.conf, and started this one (put the kernel into the root)",
			state_slot_letter(b->pairs.running));
		return;
	}
	add_word(&b->pairs, PAIR_UNCHECKED);
	pairs_finding(
		&b->pairs,
		"with verify-slot=always no kernel is started from the partition of [slot.%c] boot=, which nothing checks: nothing is installed (put the kernel into the root)",
		state_slot_letter(slot));
}

void pairs_kexec_find(struct boot *b)
{
	struct pairs *p = &b->pairs;
	bool came = came_by_kexec();
	bool is_said = b->cmd.pair >= 0 && b->cmd.pair < (int)b->conf.nslots;

	if (came && is_said) {
		p->role = ATTEMPT_BY_BASE;
		p->running = b->cmd.pair;
		log_notice("slot %c: this is its own kernel", state_slot_letter(p->running));
	}
	p->paired = (choose_mask)((1u << b->conf.nslots) - 1);
	find_unstarted(b);
	if (!came) {
		find_base(p);
		if (is_said)
			pairs_finding(
				p,
				"keelboot.pair= is not for a boot loader with kind=kexec; ignored");
	} else if (!is_said) {
		add_word(p, PAIR_UNNAMED);
		pairs_finding(
			p,
			"kexec started this kernel, but nobody says whose it is (keelboot.pair= on its command line): nothing is installed");
	}
}

/* One that does not end, or dies, does so by what the slot has. */
static bool is_slots_fault(enum kb_err err, int code)
{
	return err == KB_OK ? code != KEXEC_OF_BASE : err == KB_ETIMEDOUT || err == KB_ECHILD;
}

/* As keelboot.base-keys= has them; "" where the next kernel, whose system.conf is of the same
 * device, would only warn of it. */
static void list_keys(const struct boot *b, char out[CMDLINE_MARKS_MAX + 1])
{
	const struct keyring_survey *k = &b->keys;
	size_t len = 0;

	_Static_assert(KEYRING_SURVEY_MAX * (CMDLINE_MARK_LEN + 1) <= CMDLINE_MARKS_MAX + 1,
		       "all keys have room");
	snprintf(out, CMDLINE_MARKS_MAX + 1, "none");
	if (!cmdline_is_heeded(b->conf.command_line, CMDLINE_BASE_KEYS, strlen(CMDLINE_BASE_KEYS)))
		out[0] = '\0';
	for (unsigned i = 0; out[0] != '\0' && i < k->ntrusted; i++)
		len += (size_t)snprintf(out + len, CMDLINE_MARKS_MAX + 1 - len, "%s%08x",
					i > 0 ? "," : "", k->trusted[i].mark);
}

/* Each slot may have such a line, and what boots then has one. */
static void note_failure(struct boot *b, int slot, const char *reason, const char *detail)
{
	record_news_among(&b->rec, b->conf.nslots + 1, HISTORY_BOOT, slot, reason, detail);
}

/* What this boot loaded before took the last one. Linux would refuse the next as it does a kernel
 * with a wrong signature. */
static enum kb_err report_no_load(struct boot *b, int slot, char *reason)
{
	log_err("slot %c: kernel.kexec_load_limit_reboot leaves no load for its kernel",
		state_slot_letter(slot));
	snprintf(reason, STATE_STR_MAX + 1, "kernel.kexec_load_limit_reboot leaves no load");
	note_failure(b, slot, reason, "not booted");
	return KB_ECHILD;
}

static enum kb_err load_kernel(struct boot *b, int slot, const char *dev, char *reason)
{
	const char letter[2] = { state_slot_letter(slot), '\0' };
	char keys[CMDLINE_MARKS_MAX + 1];
	const char *const argv[] = { "keelboot-kexec",
				     ROOT_DIR,
				     dev,
				     letter,
				     b->conf.loader_kernel,
				     b->conf.loader_initramfs,
				     b->conf.loader_words,
				     keys,
				     NULL };
	struct child_said said;
	int code = KEXEC_OF_BASE;
	enum kb_err err;

	if (sysctl_is(LIMIT, "0"))
		return report_no_load(b, slot, reason);
	list_keys(b, keys);
	err = child_ask(b, argv, LOAD_LIMIT_MS, &said, &code);
	if (err == KB_OK && code == KEXEC_LOADED)
		return KB_OK;
	log_err("slot %s: its kernel: %s", letter,
		said.text[0] != '\0' ? said.text : err_text(err));
	snprintf(reason, STATE_STR_MAX + 1, "its kernel cannot be started");
	note_failure(b, slot, reason, said.text[0] != '\0' ? said.text : "not booted");
	return is_slots_fault(err, code) ? KB_EFORMAT : KB_ECHILD;
}

/* The root is mounted where the kernel is in its own partition, too: a slot that does not mount is
 * left before its kernel is started. */
static enum kb_err mount_and_load(struct boot *b, int slot, char *reason)
{
	const char *dev = pairs_partition(b, (unsigned)slot); /* "": its kernel is in its root */
	enum kb_err err;

	TRY(slot_mount_to_look(b, slot, reason));
	if (dev[0] != '\0')
		hardware_need_type(b, "auto");
	err = load_kernel(b, slot, dev, reason);
	slot_umount(b, slot);
	return err;
}

/* Nor can any other slot be measured: to try them would cost this one a try. It was closed in
 * order.
 */
static enum kb_err restart_unmeasured(struct boot *b, char *reason)
{
	log_err("restarting in %u s: [measure] required=yes", BOOT_RESTART_EARLY_S);
	watchdog_wait_s(b, BOOT_RESTART_EARLY_S);
	os_reboot();
	log_err("the kernel refuses to restart");
	snprintf(reason, STATE_STR_MAX + 1, "not measured");
	return KB_EIO;
}

enum kb_err pairs_kexec(struct boot *b, int slot, char *reason)
{
	wdt_feed(&b->wdt);
	TRY(mount_and_load(b, slot, reason));
	if (measure_slot(b) != KB_OK)
		return restart_unmeasured(b, reason);
	log_notice("slot %c: starting its kernel", state_slot_letter(slot));
	evidence_forget(&b->evidence);
	evidence_mark(&b->evidence);
	wdt_feed(&b->wdt);
	os_kexec();
	log_err("slot %c: this kernel refuses to start another one: %m", state_slot_letter(slot));
	snprintf(reason, STATE_STR_MAX + 1, "its kernel cannot be started");
	return KB_EIO;
}
