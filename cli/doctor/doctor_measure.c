/* SPDX-License-Identifier: Apache-2.0 */
/* Measured boot: can this device measure what it boots, and does that vouch for anything? */
#include "cli/device/device_manifest.h"
#include "cli/doctor/doctor_checks.h"
#include "lib/util.h"
#include "selector/measured.h"

#include <stdio.h>
#include <string.h>

#define TPM	 "/sys/class/tpm/tpm0"
#define SECURITY "/sys/kernel/security"
#define DEFAULTS "/etc/default/keelboot"

static void check_tpm(struct doctor *doc)
{
	char version[8];

	if (!doctor_exists(doc, TPM))
		doctor_report(
			doc, DOCTOR_ERROR, "measure-tpm",
			"switch the TPM on in the firmware, and take a kernel with its driver; or remove pcr=, here and in the initramfs",
			"[measure] pcr= is set, and this system has no TPM, or no driver of it");
	else if (doctor_read(doc, TPM "/tpm_version_major", version, sizeof(version)) &&
		 strcmp(version, "2") != 0)
		doctor_report(doc, DOCTOR_ERROR, "measure-tpm",
			      "remove pcr=, here and in the initramfs; or switch the TPM to 2.0",
			      "[measure] pcr= is set, and the TPM is none of version 2.0");
}

/* Of the firmware's code, of what it started, and of Secure Boot: each is zero, as a reset leaves
 * it. A kernel before 5.12 shows none, nor one without that bank: *known. */
static bool are_zero(struct doctor *doc, bool *known)
{
	static const char *const pcrs[] = { TPM "/pcr-sha256/0", TPM "/pcr-sha256/4",
					    TPM "/pcr-sha256/7" };
	char value[80];
	bool zero = true;

	*known = true;
	for (unsigned i = 0; i < KB_ARRAY_LEN(pcrs); i++) {
		*known = doctor_read(doc, pcrs[i], value, sizeof(value)) && *known;
		zero = zero && value[strspn(value, "0")] == '\0';
	}
	return zero;
}

/* Else whoever starts a kernel of his own makes each value of this PCR. */
static void check_chain(struct doctor *doc)
{
	bool known, zero = are_zero(doc, &known);
	/* Without a log there is no folder tpm0, but lsm wherever securityfs is mounted. */
	bool has_log = doctor_exists(doc, SECURITY "/tpm0/binary_bios_measurements") ||
		       !doctor_exists(doc, SECURITY "/lsm");

	if (!doctor_exists(doc, TPM) || (known ? !zero : has_log))
		return;
	doctor_report(
		doc, DOCTOR_WARNING, "measure-chain",
		"have the firmware or the boot loader measure what it starts; without that, it is order and no defence (docs/MEASURED.md)",
		"[measure] pcr= is set, and nothing was measured before Linux: %s",
		known ? "PCRs 0, 4 and 7 of SHA-256 are zero" : "the firmware left no log");
}

/* What the hooks of distributions read; they fail with the same. */
static void check_helper(struct doctor *doc)
{
	static char text[4096];
	char *rest = text, *line;

	if (!doctor_read(doc, DEFAULTS, text, sizeof(text)))
		return;
	while ((line = strsep(&rest, "\n")) != NULL) {
		if (strncmp(line, "KEELBOOT_APPLY=", 15) != 0 || strstr(line, "no") == NULL)
			continue;
		doctor_report(
			doc, DOCTOR_ERROR, "measure-helper",
			"remove KEELBOOT_APPLY=no from " DEFAULTS ", and make the initramfs anew",
			"[measure] pcr= is set, and KEELBOOT_APPLY=no leaves the program that measures out of the initramfs");
		return;
	}
}

static void check_kernels(struct doctor *doc)
{
	const struct conf *c = &doc->d->conf;

	for (unsigned i = 0; i < c->nslots; i++)
		if (measured_kernel_unchecked(c, i))
			doctor_report(
				doc, DOCTOR_ERROR, "measure-kernel",
				"put the kernel into the root, and remove boot=, here and in the first kernel's initramfs",
				"[measure] pcr= with [loader] kind=kexec: nothing checks the kernel in the partition of slot %c, so no secret opens",
				state_slot_letter((int)i));
}

static bool has_tree(const struct manifest *m)
{
	for (unsigned i = 0; i < m->nimages; i++)
		if (strcmp(m->image[i].name, "root") == 0)
			return m->image[i].verity.present;
	return false;
}

/* Any root would have the value of such a release. */
static void check_trees(struct doctor *doc)
{
	const struct manifest *m;

	for (int i = 0; doc->st.have_state && i < doc->d->state.nslots; i++) {
		if (device_manifest_read(doc->d, i, &m) != KB_OK || has_tree(m))
			continue;
		doctor_report(
			doc, doc->d->conf.measure_required ? DOCTOR_ERROR : DOCTOR_WARNING,
			"measure-tree", "make the next release by keelboot bundle create --verity",
			"[measure] pcr= is set, and the release in slot %c has no hash tree: any other root has the same value",
			state_slot_letter(i));
	}
}

void doctor_measure(struct doctor *doc)
{
	if (doc->d->conf.measure_pcr == 0)
		return;
	check_tpm(doc);
	check_chain(doc);
	check_helper(doc);
	check_kernels(doc);
	check_trees(doc);
}
