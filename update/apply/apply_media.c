/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Removable media: every bundle on every one of them is looked at; the newest that is acceptable is
 * installed; the log names each other one, and why not. Nothing of what is refused is written
 * anywhere, so a stick that is left in costs some milliseconds of a boot and no wear.
 */
#include "update/apply/apply_progress.h"
#include "update/apply/apply_asked.h"
#include "update/apply/apply_sources.h"
#include "lib/log.h"
#include "lib/util.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define FOLDER		  "keelboot"
#define FILES_MAX	  4096u /* names that are looked at in one folder */
#define FAILURES_REPORTED 4u	/* in the history, the rest by their number */
#define LITTER_MAX	  20u	/* of what is no bundle so many are named, the rest is counted */

/*
 * What the medium may be mounted with: as system.conf says, and never anything but these two. FAT
 * is what sticks come with; a device maker's ext4 stick is refused on purpose: its parser is ten
 * times as large.
 */
static const char *const *names_of_filesystems(const struct conf *conf)
{
	static const char *list[3];
	unsigned n = 0;

	if (conf->media_filesystems & CONF_FS_VFAT)
		list[n++] = "vfat";
	if (conf->media_filesystems & CONF_FS_EXFAT)
		list[n++] = "exfat";
	list[n] = NULL;
	return list;
}

/* Where a bundle is, for people. */
static const char *place_text(const struct apply *a, unsigned source, const char *name)
{
	static char text[APPLY_FILE_PATH_MAX + MEDIA_NAME_MAX + 16];
	char safe[MEDIA_NAME_MAX + 1];

	util_print_safe(safe, sizeof(safe), name);
	snprintf(text, sizeof(text), "%s%s%s", a->o.source[source].dev,
		 name[0] != '\0' ? ": " FOLDER "/" : ": raw bundle", safe);
	return text;
}

/* A place for one more; when all are taken, that of the oldest release, if it is older still. */
static struct apply_candidate *place_for(struct apply *a, uint64_t sequence)
{
	struct apply_candidate *oldest = &a->candidate[0];

	if (a->ncandidates < APPLY_CANDIDATES_MAX)
		return &a->candidate[a->ncandidates++];
	for (unsigned i = 1; i < a->ncandidates; i++)
		if (a->candidate[i].release.sequence < oldest->release.sequence)
			oldest = &a->candidate[i];
	return oldest->release.sequence < sequence ? oldest : NULL;
}

static void add_candidate(struct apply *a, unsigned source, const char *name)
{
	bool full = a->ncandidates == APPLY_CANDIDATES_MAX;
	struct apply_candidate *c = place_for(a, a->job.release.sequence);

	if (full)
		log_notice(
			"%s: version %s: ignored: %d newer ones are there",
			place_text(a, c == NULL ? source : c->source, c == NULL ? name : c->name),
			c == NULL ? a->job.release.version : c->release.version,
			APPLY_CANDIDATES_MAX);
	if (c == NULL)
		return;
	*c = (struct apply_candidate){
		.source = source,
		.release = a->job.release,
	};
	snprintf(c->name, sizeof(c->name), "%s", name);
}

static void look_at_file(struct apply *a, unsigned source, const char *name)
{
	KB_CLEANUP_FD int fd = -1;
	enum kb_err err = media_file(&a->media, name, &fd);

	apply_progress_look();
	if (err != KB_OK) {
		log_notice("%s: ignored: %s", place_text(a, source, name),
			   err == KB_EINVAL ? "not a regular file" : err_text(err));
		return;
	}
	apply_shared_fill(a, fd, name, a->o.source[source].kind, a->media.raw);
	err = apply_file_look(&a->job);
	if (err == KB_OK)
		add_candidate(a, source, name);
	else if (a->job.verified) /* on the console where somebody waits before it */
		log_line(plan_is_rescue(a->o.mode) ? LOG_LEVEL_ERR : LOG_LEVEL_NOTICE,
			 "%s: version %s: skipped: %s", place_text(a, source, name),
			 a->job.release.version, a->job.why);
	else
		log_notice("%s: refused: %s", place_text(a, source, name), a->job.why);
}

static void look_at_folder(struct apply *a, unsigned source)
{
	char name[MEDIA_NAME_MAX + 1];
	enum kb_err err;
	unsigned n = 0, opened = 0, litter = 0;

	while ((err = media_next(&a->media, name)) == KB_OK && n++ < FILES_MAX) {
		if (media_is_bundle(name) && opened++ == APPLY_OPENED_MAX)
			break;
		if (media_is_bundle(name))
			look_at_file(a, source, name);
		else if (litter++ < LITTER_MAX)
			log_info("%s: ignored: not named *" MEDIA_SUFFIX,
				 place_text(a, source, name));
	}
	if (litter > LITTER_MAX)
		log_info("%s: ignored: %u more that are not named *" MEDIA_SUFFIX,
			 a->o.source[source].dev, litter - LITTER_MAX);
	if (err == KB_OK)
		log_warn("%s: only the first %u files, and %u bundles, of " FOLDER "/ are examined",
			 a->o.source[source].dev, FILES_MAX, APPLY_OPENED_MAX);
	else if (err != KB_ENOENT)
		log_warn("%s: folder " FOLDER
			 "/ cannot be read completely; some bundles may be missing",
			 a->o.source[source].dev);
}

static void log_not_opened(const char *dev, const char *const *fs, enum kb_err err)
{
	if (err == KB_ENODEV)
		log_info("%s: empty", dev);
	else if (err == KB_ENOENT)
		log_info("%s: no folder " FOLDER "/", dev);
	else if (err == KB_EMOUNT && fs[0] == NULL)
		log_info("%s: ignored: no raw bundle, and none is mounted (filesystems=none)", dev);
	else if (err == KB_EMOUNT)
		log_info("%s: ignored: no raw bundle, and no file system of %s%s%s", dev, fs[0],
			 fs[1] != NULL ? ", " : "", fs[1] != NULL ? fs[1] : "");
	else
		log_warn("%s: cannot be examined: %s", dev, err_text(err));
}

static void look_at_medium(struct apply *a, unsigned source)
{
	const char *dev = a->o.source[source].dev;
	const char *const *fs = names_of_filesystems(&a->conf);
	enum kb_err err = media_open(&a->media, dev, true, fs, FOLDER);

	apply_progress_look();
	if (err != KB_OK) {
		log_not_opened(dev, fs, err);
		return;
	}
	if (a->media.raw)
		look_at_file(a, source, "");
	else
		look_at_folder(a, source);
	if (!a->media.raw)
		apply_asked_look(a, source);
	media_close(&a->media);
}

/* Twice the same release, as two files or on two sticks, is tried once from each. */
static struct apply_candidate *newest_candidate(struct apply *a)
{
	struct apply_candidate *best = NULL;

	for (unsigned i = 0; i < a->ncandidates; i++) {
		struct apply_candidate *c = &a->candidate[i];

		if (!c->tried && (best == NULL || c->release.sequence > best->release.sequence))
			best = c;
	}
	return best;
}

static enum kb_err install_candidate(struct apply *a, const struct apply_candidate *c)
{
	const char *dev = a->o.source[c->source].dev;
	KB_CLEANUP_FD int fd = -1;
	enum kb_err err = media_open(&a->media, dev, true, names_of_filesystems(&a->conf), FOLDER);

	/* What is gone is to blame, and no reason to skip the next one. */
	a->job.blame = INSTALL_BLAME_BUNDLE;
	if (err != KB_OK) {
		log_err("%s: cannot be opened again: %s", dev, err_text(err));
		return err;
	}
	err = media_file(&a->media, c->name, &fd);
	if (err != KB_OK) {
		log_err("%s: cannot be opened again: %s", place_text(a, c->source, c->name),
			err_text(err));
	} else {
		apply_shared_fill(a, fd, place_text(a, c->source, c->name),
				  a->o.source[c->source].kind, a->media.raw);
		a->job.unreported = a->nfailed >= FAILURES_REPORTED;
		err = apply_file_install(&a->job);
		/* In rescue, what is there already did not mount. */
		if (err == KB_EAPPLIED && plan_is_rescue(a->o.mode))
			a->job.blame = INSTALL_BLAME_BUNDLE;
		if (err != KB_OK)
			log_err("%s: version %s: not installed: %s",
				place_text(a, c->source, c->name), c->release.version, a->job.why);
	}
	media_close(&a->media);
	return err;
}

/* Why c was not installed, though it could have been. */
static const char *passed_over(const struct apply *a, const struct apply_candidate *c,
			       const struct apply_candidate *taken)
{
	static char text[APPLY_FILE_PATH_MAX + MEDIA_NAME_MAX + 64];

	if (memcmp(c->release.id, taken->release.id, sizeof(c->release.id)) == 0) {
		snprintf(text, sizeof(text), "the same release comes from %s",
			 place_text(a, taken->source, taken->name));
		return text;
	}
	return c->release.sequence < taken->release.sequence ? "another bundle is newer"
							     : "another bundle is as new";
}

static void name_the_others(const struct apply *a, const struct apply_candidate *taken)
{
	for (unsigned i = 0; i < a->ncandidates; i++) {
		const struct apply_candidate *c = &a->candidate[i];
		const char *why;

		if (c == taken || c->tried)
			continue;
		why = passed_over(a, c, taken); /* before place_text() is used again */
		log_notice("%s: version %s: ignored: %s", place_text(a, c->source, c->name),
			   c->release.version, why);
	}
}

/* One after the other, until one is installed, or it is not a bundle's fault that none is. */
static enum apply_end install_newest(struct apply *a)
{
	struct apply_candidate *c;

	while ((c = newest_candidate(a)) != NULL) {
		apply_progress_next();
		c->tried = true;
		if (install_candidate(a, c) == KB_OK) {
			name_the_others(a, c);
			return APPLY_INSTALLED;
		}
		/* Only a bundle that is at fault makes room for the next one. */
		if (a->job.blame != INSTALL_BLAME_BUNDLE)
			return APPLY_FAILED;
		a->nfailed++;
	}
	return a->ncandidates > 0 ? APPLY_FAILED : APPLY_NOTHING;
}

enum apply_end apply_media_run(struct apply *a)
{
	enum apply_end end;

	for (unsigned i = 0; i < a->o.nsources; i++)
		if (a->o.source[i].kind == STATE_SRC_USB || a->o.source[i].kind == STATE_SRC_SD)
			look_at_medium(a, i);
	end = install_newest(a);
	if (a->nfailed > FAILURES_REPORTED)
		apply_file_report_more(&a->job, a->nfailed - FAILURES_REPORTED);
	return end;
}
