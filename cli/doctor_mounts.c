/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the next boot has to mount, and whether this kernel can. The initramfs loads all modules
 * that it has and none on demand, and they stay: what is missing now was missing in the boot.
 */
#include "cli/device_manifest.h"
#include "cli/doctor.h"

#include "lib/util.h"

#include <stdio.h>
#include <string.h>

struct wanted {
	enum doctor_severity severity;
	const char *where; /* "slot a", "[source.usb] filesystems=" */
	const char *lost;  /* what is the matter without it */
	bool optional;	   /* the configuration may do without it */
};

/* Those for which mkinitramfs has a module set, and their options of the kernel. */
static const struct {
	const char *name, *option;
} known[] = {
	{ "ext4", "EXT4_FS" },	    { "vfat", "VFAT_FS" },   { "exfat", "EXFAT_FS" },
	{ "squashfs", "SQUASHFS" }, { "erofs", "EROFS_FS" },
};

/* A line is "\tNAME", or "nodev\tNAME" for what lies on no device. */
static bool has_filesystem(const char *text, const char *name)
{
	size_t len = strlen(name);

	for (const char *at = strstr(text, name); at != NULL; at = strstr(at + 1, name))
		if (at > text && at[-1] == '\t' && (at == text + 1 || at[-2] == '\n') &&
		    (at[len] == '\n' || at[len] == '\0'))
			return true;
	return false;
}

static void fix_of(char fix[DOCTOR_TEXT_LEN], const char *name, bool optional)
{
	const char *other = optional ? "; or take it out of the configuration" : "";

	for (size_t i = 0; i < KB_ARRAY_LEN(known); i++) {
		if (strcmp(known[i].name, name) != 0)
			continue;
		snprintf(fix, DOCTOR_TEXT_LEN,
			 "pack its module into the initramfs (mkinitramfs --module-set %s), or "
			 "build the kernel with CONFIG_%s=y%s",
			 name, known[i].option, other);
		return;
	}
	snprintf(
		fix, DOCTOR_TEXT_LEN,
		"pack its module into the initramfs (mkinitramfs --module %.31s), or build it into "
		"the kernel%s",
		name, other);
}

static void want(struct doctor *doc, const char *name, const struct wanted *w)
{
	char text[4096], fix[DOCTOR_TEXT_LEN];

	if (!doctor_read(doc, "/proc/filesystems", text, sizeof(text)) ||
	    has_filesystem(text, name))
		return;
	fix_of(fix, name, w->optional);
	doctor_find(doc, w->severity, "kernel-filesystem", fix, "%s: the kernel has no %.31s: %s",
		    w->where, name, w->lost);
}

static void want_media(struct doctor *doc, const char *where, unsigned filesystems)
{
	const struct wanted w = { DOCTOR_WARNING, where, "such media are not looked at", true };

	if (filesystems & CONF_FS_VFAT)
		want(doc, "vfat", &w);
	if (filesystems & CONF_FS_EXFAT)
		want(doc, "exfat", &w);
}

static void check_sources(struct doctor *doc)
{
	const struct conf *c = &doc->d->conf;
	const struct wanted data = { DOCTOR_ERROR,
				     "[source.data] filesystem=", "what is staged is not installed",
				     false };

	if (c->data_enabled)
		want(doc, c->data_fstype, &data);
	if (c->usb_enabled)
		want_media(doc, "[source.usb] filesystems=", c->usb_filesystems);
	if (c->sd_enabled)
		want_media(doc, "[source.sd] filesystems=", c->sd_filesystems);
}

static const struct manifest_image *root_of(const struct manifest *m)
{
	for (unsigned i = 0; i < m->nimages; i++)
		if (strcmp(m->image[i].name, "root") == 0)
			return &m->image[i];
	return NULL;
}

static void check_verity(struct doctor *doc, int slot)
{
	/* Parameters of its own have it there even where it is built in. */
	if (!doctor_exists(doc, "/sys/module") || doctor_exists(doc, "/sys/module/dm_verity"))
		return;
	doctor_find(
		doc, DOCTOR_ERROR, "kernel-dm-verity",
		"pack its module into the initramfs (mkinitramfs --module-set verity), or build "
		"the kernel with CONFIG_DM_VERITY=y",
		"slot %c: its manifest has a root hash, and the kernel has no dm-verity: the "
		"slot is passed over",
		state_slot_letter(slot));
}

static bool is_in_use(const struct state_slot *s)
{
	return s->st == STATE_GOOD || s->st == STATE_TRIAL;
}

static void check_slot(struct doctor *doc, int slot)
{
	char name[] = { 's', 'l', 'o', 't', ' ', state_slot_letter(slot), '\0' };
	const struct wanted w = { DOCTOR_ERROR, name, "the slot does not mount", false };
	const struct manifest_image *root = NULL;
	const struct manifest *m;
	const char *fstype = doc->d->conf.fstype;

	if (device_manifest_read(doc->d, slot, &m) == KB_OK)
		root = root_of(m);
	if (root != NULL && root->verity.present)
		check_verity(doc, slot);
	if (fstype[0] == '\0' && root != NULL)
		fstype = root->filesystem;
	if (fstype[0] != '\0')
		want(doc, fstype, &w);
}

void doctor_mounts(struct doctor *doc)
{
	/* Else nobody has loaded what the initramfs would. */
	if (!doc->d->run_found)
		return;
	check_sources(doc);
	for (int i = 0; doc->st.have_state && i < doc->d->state.nslots; i++)
		if (is_in_use(&doc->d->state.slot[i]))
			check_slot(doc, i);
}
