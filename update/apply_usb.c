/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Removable media: every bundle on every one of them is looked at; the newest that is acceptable is
 * installed; the log names each other one, and why not. Nothing of what is refused is written
 * anywhere, so a stick that is left in costs some milliseconds of a boot and no wear.
 */
#include "update/apply_job.h"
#include "lib/log.h"
#include "lib/util.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define USB_FOLDER    "keelboot"
#define USB_FILES_MAX 256u /* names that are looked at in one folder */

/* FAT is what sticks come with. A device maker's ext4 stick is refused on purpose: its parser is
 * ten times as large. */
static const char *const fstypes[] = { "vfat", "exfat", NULL };

/* Where a bundle is, for people. */
static const char *place(const struct apply *a, unsigned source, const char *name)
{
	static char text[APPLY_FILE_PATH_MAX + MEDIA_NAME_MAX + 16];
	char safe[MEDIA_NAME_MAX + 1];

	util_print_safe(safe, sizeof(safe), name);
	snprintf(text, sizeof(text), "%s%s%s", a->o.source[source].dev,
		 name[0] != '\0' ? ": " USB_FOLDER "/" : ": raw bundle", safe);
	return text;
}

static void remember(struct apply *a, unsigned source, const char *name)
{
	struct apply_candidate *c;

	if (a->ncandidates == APPLY_CANDIDATES_MAX) {
		log_warn("%s: ignored: more than %d acceptable bundles", place(a, source, name),
			 APPLY_CANDIDATES_MAX);
		return;
	}
	c = &a->candidate[a->ncandidates++];
	*c = (struct apply_candidate){
		.source = source,
		.release = a->job.release,
		.bytes = a->job.image_bytes,
	};
	snprintf(c->name, sizeof(c->name), "%s", name);
}

static void look_at(struct apply *a, unsigned source, const char *name)
{
	KB_CLEANUP_FD int fd = -1;
	enum kb_err e = media_file(&a->media, name, &fd);

	if (e != KB_OK) {
		log_notice("%s: ignored: %s", place(a, source, name),
			   e == KB_EINVAL ? "not a regular file" : err_text(e));
		return;
	}
	apply_job_fill(a, fd, name, STATE_SRC_USB, a->media.raw);
	e = apply_file_look(&a->job);
	if (e == KB_OK)
		remember(a, source, name);
	else if (a->job.known)
		log_notice("%s: version %s: not taken: %s", place(a, source, name),
			   a->job.release.version, a->job.why);
	else
		log_notice("%s: refused: %s", place(a, source, name), a->job.why);
}

static void look_through(struct apply *a, unsigned source)
{
	char name[MEDIA_NAME_MAX + 1];
	enum kb_err e;
	unsigned n = 0;

	while ((e = media_next(&a->media, name)) == KB_OK && n++ < USB_FILES_MAX) {
		if (media_is_bundle(name))
			look_at(a, source, name);
		else
			log_info("%s: ignored: not named *" MEDIA_SUFFIX, place(a, source, name));
	}
	if (e == KB_OK)
		log_warn("%s: only the first %u files of " USB_FOLDER "/ were looked at",
			 a->o.source[source].dev, USB_FILES_MAX);
	else if (e != KB_ENOENT)
		log_warn("%s: " USB_FOLDER "/ cannot be read to its end", a->o.source[source].dev);
}

static void look_into(struct apply *a, unsigned source)
{
	const char *dev = a->o.source[source].dev;
	enum kb_err e = media_open(&a->media, dev, true, fstypes, USB_FOLDER);

	switch ((int)e) {
	case KB_OK:
		break;
	case KB_ENODEV:
		log_info("%s: nothing is in it", dev);
		return;
	case KB_ENOENT:
		log_info("%s: no folder " USB_FOLDER "/", dev);
		return;
	case KB_EMOUNT:
		log_info("%s: no raw bundle, and no file system of vfat, exfat", dev);
		return;
	default:
		log_warn("%s: cannot be looked at: %s", dev, err_text(e));
		return;
	}
	if (a->media.raw)
		look_at(a, source, "");
	else
		look_through(a, source);
	media_close(&a->media);
}

/* Twice the same release, as two files or on two sticks, is tried once from each. */
static struct apply_candidate *newest(struct apply *a)
{
	struct apply_candidate *best = NULL;

	for (unsigned i = 0; i < a->ncandidates; i++) {
		struct apply_candidate *c = &a->candidate[i];

		if (!c->tried && (best == NULL || c->release.sequence > best->release.sequence))
			best = c;
	}
	return best;
}

static enum kb_err install(struct apply *a, const struct apply_candidate *c)
{
	const char *dev = a->o.source[c->source].dev;
	KB_CLEANUP_FD int fd = -1;
	enum kb_err e = media_open(&a->media, dev, true, fstypes, USB_FOLDER);

	if (e != KB_OK) {
		log_err("%s: cannot be opened again: %s", dev, err_text(e));
		return e;
	}
	e = media_file(&a->media, c->name, &fd);
	if (e == KB_OK) {
		apply_job_fill(a, fd, place(a, c->source, c->name), STATE_SRC_USB, a->media.raw);
		e = apply_file(&a->job);
		if (e != KB_OK)
			log_err("%s: version %s: not installed: %s", place(a, c->source, c->name),
				c->release.version, a->job.why);
	}
	media_close(&a->media);
	return e;
}

static void name_the_others(const struct apply *a, const struct apply_candidate *taken)
{
	for (unsigned i = 0; i < a->ncandidates; i++) {
		const struct apply_candidate *c = &a->candidate[i];

		if (c != taken && !c->tried)
			log_notice("%s: version %s: ignored: %s", place(a, c->source, c->name),
				   c->release.version, "another one is newer");
	}
}

int apply_usb_run(struct apply *a)
{
	uint64_t total = 0, given_up = 0;
	struct apply_candidate *c;

	for (unsigned i = 0; i < a->o.nsources; i++)
		if (a->o.source[i].kind == STATE_SRC_USB)
			look_into(a, i);
	for (unsigned i = 0; i < a->ncandidates; i++)
		total += a->candidate[i].bytes;
	while ((c = newest(a)) != NULL) {
		apply_progress_span(total, given_up);
		c->tried = true;
		if (install(a, c) == KB_OK) {
			name_the_others(a, c);
			return APPLY_INSTALLED;
		}
		/* Only a bundle that is at fault makes room for the next one. */
		if (a->job.blame != INSTALL_BLAME_BUNDLE)
			return APPLY_FAILED;
		given_up += c->bytes;
	}
	return a->ncandidates > 0 ? APPLY_FAILED : APPLY_NOTHING;
}
