/* SPDX-License-Identifier: Apache-2.0 */
#include "update/apply/apply_entry.h"

#include "lib/bls.h"
#include "lib/conf_place.h"
#include "lib/os_file.h"
#include "lib/util.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

struct look {
	const char *dev;
	const struct apply_slot *slot;
	int target;
	char *why;
	/* that of the entries; -1: it is missing */
	int folder;
	/* an entry, and how long; 0: it is missing or empty */
	char text[BLS_MAX];
	size_t len;
};

__attribute__((format(printf, 3, 4))) static enum kb_err fail_look(struct look *l, enum kb_err err,
								   const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(l->why, MANIFEST_WHY, fmt, ap);
	va_end(ap);
	return err;
}

/* The class's file in that partition, "/keelboot-a/vmlinuz"; NULL: it is none. */
static const char *file_of(const struct look *l, const struct apply_part *part)
{
	conf_spec dev;
	const char *file = conf_place_split(part->path, dev);

	return file != NULL && strcmp(dev, l->dev) == 0 && conf_place_is_valid(file) ? file : NULL;
}

static bool is_kernel(const struct apply_part *part)
{
	return strcmp(part->cls, CONF_PLACE_CLASS) == 0;
}

/* What the slot starts; NULL: it has no file there. */
static const char *kernel_of(const struct look *l, int slot)
{
	for (unsigned k = 0; k < l->slot[slot].nparts && k < CONF_CLASSES_MAX; k++)
		if (is_kernel(&l->slot[slot].part[k]))
			return file_of(l, &l->slot[slot].part[k]);
	return NULL;
}

/* A damaged FAT is no failure of the slot's storage: nothing of it was written. */
static enum kb_err fail_to_read(struct look *l, const char *what, enum kb_err err)
{
	const char *text = err_fat_text(err);

	return fail_look(l, KB_EFORMAT, "%s:%s: %s", l->dev, what,
			 text != NULL ? text : err_fat_text(KB_EFORMAT));
}

/* ---------------------------------------------------------------- the folder of the entries */

static enum kb_err enter_folders(struct look *l, int top, const char *outer, const char *inner)
{
	char what[64];
	enum kb_err err;

	util_close(&l->folder);
	err = os_file_reopen(top, &l->folder);
	if (err == KB_OK)
		err = os_file_enter(&l->folder, outer);
	if (err == KB_OK)
		err = os_file_enter(&l->folder, inner);
	if (err == KB_OK)
		return KB_OK;
	util_close(&l->folder);
	snprintf(what, sizeof(what), "/%s/%s", outer, inner);
	return err == KB_ENOENT ? KB_OK : fail_to_read(l, what, err);
}

/* It would start either of them. What cannot be read to its end may hide one. */
static enum kb_err check_twin(struct look *l, const char *file)
{
	static struct os_file_names names;
	char name[OS_FILE_NAME_MAX + 1];
	enum kb_err err = KB_ENOENT;

	names = (struct os_file_names){ .dir = l->folder };
	while (l->folder >= 0 && (err = os_file_next(&names, name)) == KB_OK)
		if (conf_place_is_counted(file, name))
			return fail_look(
				l, KB_EBUSY,
				"%s:%s: %.63s beside it is the same entry for systemd-boot, which counts its starts: remove that file",
				l->dev, file, name);
	return err == KB_ENOENT
		       ? KB_OK
		       : fail_to_read(l,
				      conf_place_is_image(file) ? "/EFI/Linux" : "/loader/entries",
				      err);
}

/* ---------------------------------------------------------------- texts */

static enum kb_err read_entry(struct look *l, const char *entry)
{
	KB_CLEANUP_FD int fd = -1;
	enum kb_err err = l->folder >= 0 ? os_file_open(l->folder, entry, &fd) : KB_ENOENT;
	char what[CONF_PLACE_NAME + sizeof("/loader/entries/")];

	l->len = 0;
	if (err == KB_ENOENT)
		return KB_OK;
	if (err == KB_OK)
		err = os_file_read(fd, 0, l->text, sizeof(l->text), &l->len);
	snprintf(what, sizeof(what), "/loader/entries/%s", entry);
	if (err != KB_OK)
		return fail_to_read(l, what, err);
	/* what is behind is read by systemd-boot */
	return l->len < sizeof(l->text)
		       ? KB_OK
		       : fail_look(l, KB_EFORMAT, "%s:%s is too long: %u bytes are the most",
				   l->dev, what, BLS_MAX - 1);
}

static struct bls look_for(const struct look *l, const char *file)
{
	return file != NULL ? bls_look(l->text, l->len, file) : (struct bls){ 0 };
}

/* Else, what is tried is not what was installed. */
static enum kb_err check_own_text(struct look *l, const char *kernel)
{
	const struct apply_slot *own = &l->slot[l->target];
	char entry[CONF_PLACE_NAME + 1];

	conf_place_entry(kernel, entry);
	TRY(read_entry(l, entry));
	if (l->len == 0)
		return fail_look(
			l, KB_EBUSY,
			"%s:%s: systemd-boot would not start it: /loader/entries/%s is missing in that partition",
			l->dev, kernel, entry);
	for (unsigned k = 0; k < own->nparts && k < CONF_CLASSES_MAX; k++) {
		const char *file = file_of(l, &own->part[k]);
		struct bls is = look_for(l, file);

		if (file != NULL &&
		    (is_kernel(&own->part[k]) ? !is.starts || is.starts_other : !is.loads))
			return fail_look(l, KB_EBUSY,
					 "%s:/loader/entries/%s lacks the line \"%s %s\"%s", l->dev,
					 entry, is_kernel(&own->part[k]) ? "linux" : "initrd", file,
					 !is_kernel(&own->part[k]) ? ", or \"devicetree\" with it"
					 : is.starts_other	   ? ", or has another one"
								   : "");
	}
	return KB_OK;
}

/* Else, what is written is what the boot loader falls back to. */
static enum kb_err check_text_of(struct look *l, int other)
{
	const struct apply_slot *own = &l->slot[l->target];
	const char *kernel = kernel_of(l, other);
	char entry[CONF_PLACE_NAME + 1];

	if (kernel == NULL || conf_place_is_image(kernel))
		return KB_OK;
	conf_place_entry(kernel, entry);
	TRY(read_entry(l, entry));
	for (unsigned k = 0; k < own->nparts && k < CONF_CLASSES_MAX; k++) {
		const char *file = file_of(l, &own->part[k]);
		struct bls is = look_for(l, file);

		if (file != NULL && (is.starts || is.loads))
			return fail_look(
				l, KB_EBUSY,
				"%s:/loader/entries/%s is of slot %c, and names %s of slot %c",
				l->dev, entry, state_slot_letter(other), file,
				state_slot_letter(l->target));
	}
	return KB_OK;
}

static enum kb_err check_all(struct look *l, int top, const char *kernel)
{
	bool is_image = conf_place_is_image(kernel);

	if (is_image)
		TRY(enter_folders(l, top, "EFI", "Linux"));
	else
		TRY(enter_folders(l, top, "loader", "entries"));
	TRY(check_twin(l, kernel));
	if (is_image)
		TRY(enter_folders(l, top, "loader", "entries"));
	else
		TRY(check_own_text(l, kernel));
	for (int i = 0; i < (int)STATE_SLOTS_MAX; i++)
		if (i != l->target)
			TRY(check_text_of(l, i));
	return KB_OK;
}

enum kb_err apply_entry_check(int top, const char *dev,
			      const struct apply_slot slot[STATE_SLOTS_MAX], int target,
			      char why[MANIFEST_WHY])
{
	static struct look l;
	const char *kernel;
	enum kb_err err;

	l = (struct look){ .dev = dev, .slot = slot, .target = target, .why = why, .folder = -1 };
	kernel = kernel_of(&l, target);
	if (kernel == NULL)
		return KB_OK;
	err = check_all(&l, top, kernel);
	util_close(&l.folder);
	return err;
}
