/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the next boot has to mount, and whether this kernel can, by itself or by a module of the
 * initramfs. That loads only what a boot asks for: what this one did without may be there.
 */
#include "cli/device/device_manifest.h"
#include "cli/doctor/doctor_checks.h"
#include "cli/doctor/doctor_packed.h"

#include "lib/util.h"

#include <stdio.h>
#include <string.h>

/* What a missing driver costs. */
struct loss {
	enum doctor_severity severity;
	const char *id;
	const char *text;
	/* the configuration may do without it */
	bool optional;
};

static const struct loss of_data = { DOCTOR_ERROR, "kernel-filesystem",
				     "what is staged is not installed", false };
static const struct loss of_media = { DOCTOR_WARNING, "kernel-filesystem", "such media are ignored",
				      true };
static const struct loss of_slot = { DOCTOR_ERROR, "kernel-filesystem",
				     "a slot that has it does not mount", false };
static const struct loss of_overlay = { DOCTOR_ERROR, "kernel-filesystem",
					"the root is read-only, without its overlay", false };
static const struct loss of_verity = { DOCTOR_ERROR, "kernel-dm-verity",
				       "a slot with a root hash is skipped", false };
static const struct loss of_hash = { DOCTOR_ERROR, "kernel-dm-verity",
				     "a slot whose hash tree uses it is skipped", false };

#define LACKS_MAX 17 /* two of media, one of data, one above a slot, three of a slot */

/* One thing that the kernel has no driver for, and all that want it. */
struct lack {
	const struct loss *loss;
	char name[32];
	/* "slot a, slot b" */
	char where[128];
};

struct mounts {
	struct doctor *doc;
	unsigned n;
	struct lack lack[LACKS_MAX];
};

/* Those that have a module set, and their options of the kernel. */
static const struct {
	const char *name, *option;
} known[] = {
	{ "ext4", "EXT4_FS" },	       { "vfat", "VFAT_FS" },	      { "exfat", "EXFAT_FS" },
	{ "squashfs", "SQUASHFS" },    { "erofs", "EROFS_FS" },	      { "dm-verity", "DM_VERITY" },
	{ "sha256", "CRYPTO_SHA256" }, { "sha512", "CRYPTO_SHA512" }, { "overlay", "OVERLAY_FS" },
};

static bool has_line(const char *text, const char *line)
{
	size_t len = strlen(line);

	for (const char *at = strstr(text, line); at != NULL; at = strstr(at + 1, line))
		if ((at == text || at[-1] == '\n') && (at[len] == '\n' || at[len] == '\0'))
			return true;
	return false;
}

/* A line is "\tNAME", or "nodev\tNAME" for what lies on no device. */
static bool has_filesystem(const char *text, const char *name)
{
	char line[64];

	snprintf(line, sizeof(line), "%s\t%.40s", strcmp(name, "overlay") == 0 ? "nodev" : "",
		 name);
	return has_line(text, line);
}

static void add_lack(struct mounts *m, const struct loss *loss, const char *name, const char *where)
{
	struct lack *l = m->lack;
	size_t len;

	while (l < m->lack + m->n && (l->loss != loss || strcmp(l->name, name) != 0))
		l++;
	if (l == m->lack + LACKS_MAX)
		return;
	if (l == m->lack + m->n) {
		m->n++;
		l->loss = loss;
		l->where[0] = '\0';
		snprintf(l->name, sizeof(l->name), "%s", name);
	}
	len = strlen(l->where);
	snprintf(l->where + len, sizeof(l->where) - len, "%s%s", len > 0 ? ", " : "", where);
}

static void fix_of(char fix[DOCTOR_TEXT_LEN], const struct lack *l)
{
	const char *other = l->loss->optional ? "; or remove it from the configuration" : "";
	const char *set = l->name, *option = NULL;

	for (size_t i = 0; i < KB_ARRAY_LEN(known); i++)
		if (strcmp(known[i].name, l->name) == 0)
			option = known[i].option;
	if (l->loss == &of_verity || l->loss == &of_hash)
		set = "verity";
	if (option != NULL)
		snprintf(
			fix, DOCTOR_TEXT_LEN,
			"pack its module into the initramfs (keelboot image build --module-set %s), or build the kernel with CONFIG_%s=y%s",
			set, option, other);
	else
		snprintf(
			fix, DOCTOR_TEXT_LEN,
			"pack its module into the initramfs (keelboot image build --module %.31s), or build it into the kernel%s",
			set, other);
}

static bool may_load_filesystem(const struct doctor *doc, const char *name)
{
	bool old = strcmp(name, "ext2") == 0 || strcmp(name, "ext3") == 0;

	return doctor_packed_may(doc, name) || (old && doctor_packed_may(doc, "ext4"));
}

static bool may_load_hash(const struct doctor *doc, const char *algorithm)
{
	char portable[MANIFEST_STR_MAX + 16];

	snprintf(portable, sizeof(portable), "%s_generic", algorithm);
	return doctor_packed_may(doc, algorithm) || doctor_packed_may(doc, portable);
}

static void want_filesystem(struct mounts *m, const struct loss *loss, const char *name,
			    const char *where)
{
	char text[4096];

	if (doctor_read(m->doc, "/proc/filesystems", text, sizeof(text)) &&
	    !has_filesystem(text, name) && !may_load_filesystem(m->doc, name))
		add_lack(m, loss, name, where);
}

static void want_media(struct mounts *m, unsigned filesystems)
{
	static const char where[] = "[source.media] filesystems=";

	if (filesystems & CONF_FS_VFAT)
		want_filesystem(m, &of_media, "vfat", where);
	if (filesystems & CONF_FS_EXFAT)
		want_filesystem(m, &of_media, "exfat", where);
}

static void check_source_mounts(struct mounts *m)
{
	const struct conf *c = &m->doc->d->conf;

	if (c->data_enabled)
		want_filesystem(m, &of_data, c->data_fstype, "[source.data] filesystem=");
	if (c->media_enabled != 0)
		want_media(m, c->media_filesystems);
}

static const struct manifest_image *root_of(const struct manifest *m)
{
	for (unsigned i = 0; i < m->nimages; i++)
		if (strcmp(m->image[i].name, "root") == 0)
			return &m->image[i];
	return NULL;
}

static void check_verity_target(struct mounts *m, const struct manifest_verity *v,
				const char *where)
{
	static char list[64u << 10];
	char line[MANIFEST_STR_MAX + 4];

	/* Parameters of its own have it there even where it is built in. */
	if (doctor_exists(m->doc, "/sys/module") &&
	    !doctor_exists(m->doc, "/sys/module/dm_verity") &&
	    !doctor_packed_may(m->doc, "dm-verity"))
		add_lack(m, &of_verity, "dm-verity", where);
	snprintf(line, sizeof(line), ": %s\n", v->algorithm);
	if (doctor_read(m->doc, "/proc/crypto", list, sizeof(list)) && strstr(list, line) == NULL &&
	    !may_load_hash(m->doc, v->algorithm))
		add_lack(m, &of_hash, v->algorithm, where);
}

static void check_slot(struct mounts *m, int slot)
{
	const char where[] = { 's', 'l', 'o', 't', ' ', state_slot_letter(slot), '\0' };
	const struct manifest_image *root = NULL;
	const struct manifest *manifest;
	struct device *d = m->doc->d;
	const char *fstype = d->conf.fstype;

	if (device_manifest_read(d, slot, &manifest) == KB_OK)
		root = root_of(manifest);
	if (root != NULL && root->verity.present)
		check_verity_target(m, &root->verity, where);
	if (fstype[0] == '\0' && root != NULL)
		fstype = root->filesystem;
	if (fstype[0] != '\0')
		want_filesystem(m, &of_slot, fstype, where);
}

static void report_lacks(const struct mounts *m)
{
	char fix[DOCTOR_TEXT_LEN];

	for (const struct lack *l = m->lack; l < m->lack + m->n; l++) {
		fix_of(fix, l);
		doctor_report(m->doc, l->loss->severity, l->loss->id, fix,
			      "%s: the kernel has no %s: %s", l->where, l->name, l->loss->text);
	}
}

void doctor_mounts(struct doctor *doc)
{
	struct mounts m = { .doc = doc };

	/* Else nobody has loaded what the initramfs would. */
	if (!doc->d->run_found)
		return;
	check_source_mounts(&m);
	if (strcmp(doc->d->conf.overlay, "off") != 0)
		want_filesystem(&m, &of_overlay, "overlay", "[system] root-overlay=");
	for (int i = 0; doc->st.have_state && i < doc->d->state.nslots; i++)
		if (state_is_usable(&doc->d->state.slot[i]))
			check_slot(&m, i);
	report_lacks(&m);
}
