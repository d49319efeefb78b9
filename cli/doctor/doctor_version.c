/* SPDX-License-Identifier: Apache-2.0 */
/* What an older kernel lacks that Keelboot uses. docs/KERNELS.md has the same table; a test
 * compares them. */
#include "cli/device/device_loader.h"
#include "cli/device/device_manifest.h"
#include "cli/doctor/doctor_checks.h"

#include "lib/os.h"
#include "lib/util.h"

#include <stdio.h>

unsigned doctor_version_read(const struct doctor *doc)
{
	unsigned major, minor;
	char text[64];

	if (!doctor_read(doc, "/proc/sys/kernel/osrelease", text, sizeof(text)) ||
	    sscanf(text, "%4u.%4u", &major, &minor) != 2)
		return 0;
	return DOCTOR_VERSION(major, minor);
}

/* A second one may have a slot for cards. */
static bool has_two_mmc_hosts(const struct doctor *doc)
{
	char path[DEVICE_PATH_MAX], names[2][64];
	unsigned n;

	snprintf(path, sizeof(path), "%s/sys/class/mmc_host", doc->sys_root);
	return os_list(path, names, KB_ARRAY_LEN(names), &n) == KB_OK && n > 1;
}

static bool has_device_tree(const struct doctor *doc)
{
	return doctor_exists(doc, "/sys/firmware/devicetree/base");
}

static bool has_root_hash(const struct doctor *doc)
{
	const struct manifest *m;

	if (doc->d->conf.verify_slot == CONF_VERIFY_ALWAYS)
		return true;
	for (int slot = 0; doc->st.have_state && slot < doc->d->state.nslots; slot++) {
		if (device_manifest_read(doc->d, slot, &m) != KB_OK)
			continue;
		for (unsigned i = 0; i < m->nimages; i++)
			if (m->image[i].verity.present)
				return true;
	}
	return false;
}

static bool has_no_root_hash(const struct doctor *doc)
{
	return !has_root_hash(doc);
}

/* It is what would start the kernels of the slots; of the kernel of a slot it is not known. */
static bool is_first_of_two(const struct doctor *doc)
{
	return device_loader_is_first(doc->d);
}

static bool has_labelled_overlay(const struct doctor *doc)
{
	return conf_value_is_spec(doc->d->conf.overlay) && doctor_exists(doc, "/sys/fs/selinux");
}

static bool measures(const struct doctor *doc)
{
	return doc->d->conf.measure_pcr != 0;
}

static bool always(const struct doctor *doc)
{
	(void)doc;
	return true;
}

static const struct loss {
	/* the first kernel that has it */
	unsigned since;
	enum doctor_severity severity;
	bool (*matters)(const struct doctor *doc);
	const char *text;
} losses[] = {
	{ DOCTOR_VERSION(4, 19), DOCTOR_NOTE, always,
	  "a boot without a disk does not name the devices that wait for a supplier" },
	{ DOCTOR_VERSION(5, 6), DOCTOR_ERROR, is_first_of_two,
	  "as the first kernel, it starts no kernel of a slot by kexec" },
	{ DOCTOR_VERSION(5, 6), DOCTOR_WARNING, has_labelled_overlay,
	  "with SELinux, / has no label where an overlay lies on a partition" },
	{ DOCTOR_VERSION(5, 9), DOCTOR_ERROR, has_root_hash,
	  "a slot with a root hash does not boot: dm-verity cannot panic on a damaged block" },
	{ DOCTOR_VERSION(5, 9), DOCTOR_NOTE, has_no_root_hash,
	  "a slot with a root hash does not boot: dm-verity cannot panic on a damaged block" },
	{ DOCTOR_VERSION(5, 9), DOCTOR_NOTE, always, "the initramfs cannot be packed with zstd" },
	{ DOCTOR_VERSION(5, 12), DOCTOR_NOTE, measures,
	  "a TPM that measures nothing is not noticed: the value of a PCR is not shown" },
	{ DOCTOR_VERSION(5, 13), DOCTOR_NOTE, has_device_tree,
	  "keelboot image build --for-this-machine sees few suppliers of a device, or none" },
	{ DOCTOR_VERSION(6, 6), DOCTOR_NOTE, has_two_mmc_hosts,
	  "an MMC card in a slot for cards looks like a fixed eMMC" },
};

#define OLDEST DOCTOR_VERSION(4, 14)

void doctor_version(struct doctor *doc)
{
	unsigned version = doctor_version_read(doc);
	unsigned major = version / 1000, minor = version % 1000;
	char fix[64];

	if (version == 0)
		return;
	if (version < OLDEST)
		doctor_report(doc, DOCTOR_ERROR, "kernel-old", "use Linux 4.14 or later",
			      "Linux %u.%u is older than any kernel that Keelboot is made for",
			      major, minor);
	for (size_t i = 0; i < KB_ARRAY_LEN(losses); i++) {
		const struct loss *l = &losses[i];

		if (version >= l->since || !l->matters(doc))
			continue;
		snprintf(fix, sizeof(fix), "use Linux %u.%u or later", l->since / 1000,
			 l->since % 1000);
		doctor_report(doc, l->severity, "kernel-lacks", fix, "Linux %u.%u: %s", major,
			      minor, l->text);
	}
}
