/* SPDX-License-Identifier: Apache-2.0 */
#include "initramfs/measure.h"

#include "initramfs/boot_data.h"
#include "initramfs/child_ask.h"
#include "initramfs/export.h"
#include "initramfs/hardware.h"
#include "initramfs/watchdog.h"
#include "lib/log.h"
#include "lib/os.h"
#include "selector/measured.h"
#include "update/wire/tpm_end.h"

#include <stdio.h>
#include <string.h>

#define LIMIT_MS  20000u /* a kernel waits two minutes for a TPM that hangs */
#define LATE_MS	  2000u	 /* a bus may still wait for its clock */
#define STEP_MS	  100u
#define OWED_FILE EXPORT_DIR "/measure-owed"

/* The uevents of one on SPI or I2C may come when the disk was chosen, and nobody hears them. */
static void load_driver(struct boot *b)
{
	unsigned waited = 0;

	while (!os_exists("/dev/tpm0") && waited < LATE_MS && hardware_look(b)) {
		watchdog_feed(b);
		os_sleep_ms(STEP_MS);
		waited += STEP_MS;
	}
}

/* text: of the verb "measure"; else NULL */
static enum kb_err ask_tpm(struct boot *b, const char *verb, const char *text)
{
	char pcr[12];
	const char *const argv[] = { "keelboot-tpm", verb, pcr, text, NULL };
	struct measure *m = &b->measure;
	struct child_said said;
	int code = TPM_FAILED;
	enum kb_err err;

	load_driver(b);
	snprintf(pcr, sizeof(pcr), "%u", (unsigned)b->conf.measure_pcr);
	err = child_ask(b, argv, LIMIT_MS, &said, &code);
	if (err == KB_OK && code == TPM_DONE) {
		snprintf(m->banks, sizeof(m->banks), "%.79s", said.text);
		m->finding[0] = '\0';
		return KB_OK;
	}
	snprintf(m->finding, sizeof(m->finding), "PCR %s: %.110s", pcr,
		 said.text[0] != '\0'  ? said.text
		 : err == KB_ETIMEDOUT ? "the TPM does not answer"
				       : err_text(err != KB_OK ? err : KB_ECHILD));
	return KB_EIO;
}

/* Two texts are no value that a policy waits for. */
static enum kb_err extend(struct boot *b, const char *text)
{
	struct measure *m = &b->measure;
	bool again = m->extended || os_exists(TPM_LOG); /* by a call before, of this boot */

	TRY(ask_tpm(b, "measure", text));
	m->spoiled = m->spoiled || again;
	m->extended = true;
	return KB_OK;
}

/* The initramfs of a distribution goes on with another process. */
static void note_owed(struct boot *b, const char *why)
{
	b->measure.owed = why;
	if (os_mkdir(EXPORT_DIR, 0755) != KB_OK ||
	    os_write_file(OWED_FILE, why, strlen(why)) != KB_OK)
		log_warn("measure: unable to write " OWED_FILE ": %m");
}

/* Why there was no slot; NULL: nothing is owed. */
static const char *owed(const struct boot *b)
{
	static char why[MEASURED_MAX];

	if (b->measure.owed != NULL)
		return b->measure.owed;
	return os_read_file(OWED_FILE, why, sizeof(why), NULL) == KB_OK ? why : NULL;
}

/* Once is enough. */
static enum kb_err extend_none(struct boot *b, const char *why)
{
	char text[MEASURED_MAX];
	struct measure *m = &b->measure;

	if (m->spoiled)
		return KB_OK;
	measured_none(text, b->conf.compatible, why);
	if (extend(b, text) != KB_OK) {
		note_owed(b, why);
		return KB_EIO;
	}
	m->spoiled = true;
	if (os_exists(OWED_FILE) && os_unlink(OWED_FILE) != KB_OK)
		log_warn("measure: unable to remove " OWED_FILE ": %m");
	log_notice("measure: PCR %u: no slot (%s)", (unsigned)b->conf.measure_pcr, why);
	return KB_OK;
}

/* What nobody checks block by block is not named: its release would vouch for nothing. */
static void name_root(const struct boot *b, char root[MEASURED_ROOT_MAX])
{
	root[0] = '\0';
	if (b->manifest.verity != 0)
		snprintf(root, MEASURED_ROOT_MAX, "%.15s:%.131s", b->manifest.algorithm,
			 b->manifest.root_hash);
}

static size_t describe(const struct boot *b, char text[MEASURED_MAX], struct measured *m)
{
	static char root[MEASURED_ROOT_MAX];
	const struct choose_candidate *c = &b->attempt.chosen;
	const struct state_slot *slot = &b->rec.s.slot[c->slot];

	name_root(b, root);
	*m = (struct measured){
		.compatible = b->conf.compatible,
		.slot = slot,
		.root = root,
		.tier = measured_tier(slot, c->tier, b->attempt.forced == c->slot, b->ndespite > 0),
	};
	return measured_text(text, m);
}

enum kb_err measure_look(struct boot *b)
{
	if (b->conf.measure_pcr == 0 || !b->conf.measure_required ||
	    b->pairs.role == ATTEMPT_BY_BASE || ask_tpm(b, "look", NULL) == KB_OK)
		return KB_OK;
	log_err("measure: %s; [measure] required=yes: no slot is booted", b->measure.finding);
	record_news(&b->rec, HISTORY_STATE, STATE_NONE, "no TPM to measure with",
		    b->measure.finding);
	b->restart_s = BOOT_RESTART_EARLY_S;
	return KB_EIO;
}

/* As after an orderly shutdown: it is not the slot's fault. */
static void close_attempt(struct boot *b)
{
	struct record *r = &b->rec;

	if (b->attempt.forced == b->attempt.chosen.slot)
		return; /* it was not counted */
	if (r->s.open != STATE_NONE) {
		r->s.clean = true;
		if (record_save(r, &r->s) != KB_OK)
			return; /* said there */
	}
	record_news(r, HISTORY_BOOT, b->attempt.chosen.slot, "not measured", b->measure.finding);
}

static enum kb_err report_not_measured(struct boot *b)
{
	char slot = state_slot_letter(b->attempt.chosen.slot);

	if (b->conf.measure_required) {
		log_err("measure: slot %c is not measured, so it is not entered: %s", slot,
			b->measure.finding);
		close_attempt(b);
		return KB_EIO;
	}
	log_err("measure: slot %c is entered without being measured: %s", slot, b->measure.finding);
	if (b->attempt.token != 0) /* else a healthy boot would write */
		record_news(&b->rec, HISTORY_STATE, b->attempt.chosen.slot, "was not measured",
			    b->measure.finding);
	return KB_OK;
}

/* The first kernel measured this slot, with nothing against it, and nobody has changed it since. */
static bool is_as_handed(const struct boot *b)
{
	const struct choose_candidate *c = &b->attempt.chosen;

	return c->slot == b->pairs.running && b->attempt.forced != c->slot &&
	       c->tier != CHOOSE_LAST_RESORT && b->ndespite == 0 && !b->rescue.begun;
}

static bool is_kernel_unchecked(const struct boot *b)
{
	return measured_kernel_unchecked(&b->conf, (unsigned)b->attempt.chosen.slot);
}

/* No secret is for it. */
static enum kb_err refuse_kernel(struct boot *b)
{
	if (b->pairs.role != ATTEMPT_BY_BASE)
		TRY(extend_none(b, "a kernel that nothing checks"));
	snprintf(b->measure.finding, sizeof(b->measure.finding),
		 "PCR %u: its kernel is in a partition of its own, which nothing checks",
		 (unsigned)b->conf.measure_pcr);
	return KB_EIO;
}

/* By the kernel of another slot, whose initramfs nobody measured for it. */
static enum kb_err measure_after_first(struct boot *b)
{
	if (!is_as_handed(b))
		return extend_none(b, "another slot than the first kernel's");
	log_info("measure: left to the first kernel");
	if (ask_tpm(b, "check", NULL) != KB_OK)
		log_err("measure: the first kernel has not measured slot %c: %s",
			state_slot_letter(b->attempt.chosen.slot), b->measure.finding);
	return KB_OK; /* it knew, and decided to go on */
}

static enum kb_err measure_chosen(struct boot *b)
{
	const char *why = owed(b);
	char text[MEASURED_MAX];
	struct measured m;

	if (why != NULL)
		TRY(extend_none(b, why));
	describe(b, text, &m);
	TRY(extend(b, text));
	b->measure.done = true;
	log_notice("slot %c: measured into PCR %u (%s): %s, root %s",
		   state_slot_letter(b->attempt.chosen.slot), (unsigned)b->conf.measure_pcr,
		   b->measure.banks, m.tier, m.root[0] != '\0' ? m.root : "not checked");
	return KB_OK;
}

enum kb_err measure_slot(struct boot *b)
{
	enum kb_err err;

	if (b->conf.measure_pcr == 0)
		return KB_OK;
	if (is_kernel_unchecked(b))
		err = refuse_kernel(b);
	else
		err = b->pairs.role == ATTEMPT_BY_BASE ? measure_after_first(b) : measure_chosen(b);
	return err == KB_OK ? KB_OK : report_not_measured(b);
}

enum kb_err measure_none(struct boot *b, const char *why)
{
	if (b->conf.measure_pcr == 0 || extend_none(b, why) == KB_OK)
		return KB_OK;
	if (b->conf.measure_required) {
		log_err("measure: %s; [measure] required=yes: no boot without a slot (%s)",
			b->measure.finding, why);
		b->restart_s = BOOT_RESTART_EARLY_S;
		return KB_EIO;
	}
	log_err("measure: %s; secrets that wait for a slot are not protected in this boot",
		b->measure.finding);
	return KB_OK;
}

const char *measure_by(const struct boot *b)
{
	if (b->measure.done)
		return "this kernel";
	return b->pairs.role == ATTEMPT_BY_BASE && is_as_handed(b) && b->measure.finding[0] == '\0'
		       ? "the first kernel"
		       : "nobody";
}
