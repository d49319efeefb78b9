/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/incoming.h"

#include "cli/output.h"
#include "cli/tool.h"
#include "lib/log.h"
#include "lib/util.h"
#include "selector/why.h"
#include "update/apply_file.h"
#include "update/install_pipe.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

const char *incoming_helper(void)
{
	static const struct tool helper = { "KEELBOOT_HELPER", "keelboot-helper",
					    "keelboot-helper" };
	static char path[PATH_MAX];

	return tool_find(&helper, path) ? path : NULL;
}

enum kb_err incoming_open(const char *file, int *fd, uint64_t *size)
{
	KB_CLEANUP_FD int opened = open(file, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	struct stat st;

	if (opened < 0 || fstat(opened, &st) < 0) {
		log_err("%s: %s", file, strerror(errno));
		return err_errno(errno);
	}
	if (!S_ISREG(st.st_mode)) {
		log_err("%s: not a file; give the path of a .keel file", file);
		return KB_EINVAL;
	}
	*fd = util_take(&opened);
	*size = (uint64_t)st.st_size;
	return KB_OK;
}

enum kb_err incoming_keys(const struct device *d, struct keyring *keys)
{
	char dir[DEVICE_PATH_MAX];
	enum kb_err err;

	snprintf(dir, sizeof(dir), "%s%s", d->opts->conf_root, d->conf.keyring);
	err = keyring_open(keys, dir, d->conf.signatures_required);
	if (err == KB_ENOENT)
		log_err("%s: no public key (*.pem) is there, so no bundle can be trusted", dir);
	else if (err != KB_OK && err != KB_EINVAL) /* told */
		log_err("%s: the keys cannot be read: %s", dir, err_text(err));
	return err;
}

static enum kb_err check_compatible(struct reader *r, const struct device *d, const char *name)
{
	if (d->conf.compatible[0] == '\0') {
		log_err("system.conf does not say what this device is; set [system] compatible=");
		return KB_EINVAL;
	}
	if (manifest_is_for(&r->m, d->conf.compatible))
		return KB_OK;
	return output_fail(r->why, sizeof(r->why), name, KB_ECOMPAT,
			   "made for \"%s\"%s, this device is \"%s\"", r->m.compatible[0],
			   r->m.ncompatible > 1 ? " and others" : "", d->conf.compatible);
}

enum kb_err incoming_look(struct reader *r, const struct device *d, const struct keyring *keys,
			  int fd, uint64_t size, const char *name)
{
	enum kb_err err = reader_open(r, fd, false, size, keys);

	if (err != KB_OK) {
		log_err("%s: %s", name, r->why[0] != '\0' ? r->why : err_text(err));
		return err;
	}
	err = check_compatible(r, d, name);
	if (err != KB_OK)
		reader_close(r);
	return err;
}

enum kb_err incoming_readable(struct reader *r, const char *name)
{
	const struct manifest_encoding *enc;
	enum kb_err err = KB_OK;

	for (unsigned i = 0; i < r->m.nimages && err == KB_OK; i++)
		err = reader_pick_encoding(r, i, &enc);
	if (err != KB_OK)
		log_err("%s: %s", name, r->why);
	return err;
}

enum kb_err incoming_tables(struct reader *r, const char *name)
{
	static struct reader_walk walk;
	const struct manifest_encoding *enc;

	TRY(incoming_readable(r, name));
	for (unsigned i = 0; i < r->m.nimages; i++) {
		char why[sizeof(r->why)];
		enum kb_err err;

		TRY(reader_pick_encoding(r, i, &enc));
		err = reader_walk_all(&walk, r, i, enc);
		memcpy(why, r->why, sizeof(why));
		if (err != KB_OK)
			return output_fail(r->why, sizeof(r->why), name, err, "image %s: %s",
					   r->m.image[i].name, why);
	}
	return KB_OK;
}

static enum kb_err verify_image(struct install_pipe *pipe, unsigned image, uint64_t *done,
				uint64_t total, struct output_progress *p)
{
	const struct manifest_encoding *enc;
	struct install_pipe_chunk chunk;
	enum kb_err err;

	TRY(reader_pick_encoding(pipe->r, image, &enc));
	TRY(install_pipe_begin(pipe, image, enc));
	while ((err = install_pipe_next(pipe, &chunk)) == KB_OK) {
		*done += chunk.c.len;
		output_progress_step(p, "verify", *done, total);
	}
	return err == KB_ENOENT ? KB_OK : err;
}

enum kb_err incoming_verify(struct reader *r, const char *name, struct output_progress *p)
{
	static struct install_pipe pipe;
	const char *helper;
	uint64_t done = 0, total = 0;
	struct digest digest = { 0 }, whole = { 0 };
	enum kb_err err;

	TRY(incoming_readable(r, name));
	helper = incoming_helper();
	if (helper == NULL)
		return KB_EEXEC;
	for (unsigned i = 0; i < r->m.nimages; i++)
		total += r->m.image[i].size;
	err = digest_init(&digest);
	if (err == KB_OK)
		err = digest_init(&whole);
	pipe = (struct install_pipe){
		.r = r, .helper = helper, .digest = &digest, .whole = &whole
	};
	for (unsigned i = 0; i < r->m.nimages && err == KB_OK; i++)
		err = verify_image(&pipe, i, &done, total, p);
	install_pipe_close(&pipe);
	digest_free(&digest);
	digest_free(&whole);
	output_progress_end(p);
	if (err == KB_OK)
		return KB_OK;
	return output_fail(r->why, sizeof(r->why), name, err, "%s",
			   pipe.why[0] != '\0' ? pipe.why : err_text(err));
}

static void report_applied(const struct state *s, const struct plan_release *r)
{
	for (int i = 0; i < s->nslots; i++) {
		const struct state_slot *slot = &s->slot[i];

		if (!state_holds(slot, r->id))
			continue;
		log_warn("%s is installed already: slot %c, %s; nothing to do", r->version,
			 state_slot_letter(i), state_st_name(slot->st));
		return;
	}
	log_warn("%s was installed here before; `keelboot install` installs it once more",
		 r->version);
}

static void report_rejected(const struct state *s, const struct plan_release *r)
{
	const char *why = "";

	if (!state_is_rejected(s, r->id)) {
		log_err("%s (sequence %" PRIu64 "): so many releases failed here that only those "
			"above sequence %" PRIu64 " are taken by themselves; `keelboot install` "
			"takes this one",
			r->version, r->sequence, s->forgotten_max);
		return;
	}
	for (int i = 0; i < s->nslots; i++)
		if (state_holds(&s->slot[i], r->id))
			why = s->slot[i].reason;
	log_err("%s failed on this device before%s%s; `keelboot install --again` tries it once "
		"more",
		r->version, why[0] != '\0' ? ": " : "", why);
}

static void report_waiting(const struct state *s, const struct plan_release *r)
{
	char outlook[WHY_OUTLOOK_MAX + 1];

	for (int i = 0; i < s->nslots; i++) {
		if (!state_is_waiting(&s->slot[i]))
			continue;
		why_outlook(s, i, outlook);
		log_err("%s was installed here before, and slot %c lost its trust: %s%s%s; "
			"`keelboot install` installs it now",
			r->version, state_slot_letter(i), why_not(s, i),
			outlook[0] != '\0' ? "; " : "", outlook);
		return;
	}
}

void incoming_report_refused(const struct state *s, const struct plan_release *r, enum kb_err err)
{
	if (err == KB_EAPPLIED)
		report_applied(s, r);
	else if (err == KB_EWAITS)
		report_waiting(s, r);
	else if (err == KB_EREJECTED)
		report_rejected(s, r);
	else if (err == KB_EDOWNGRADE && r->sequence < s->floor)
		log_err("%s (sequence %" PRIu64 ") is below this device's floor, %" PRIu64
			": it may not be installed any more",
			r->version, r->sequence, s->floor);
	else if (err == KB_EDOWNGRADE)
		log_err("%s (sequence %" PRIu64 ") is not newer than what is installed; "
			"`keelboot install` goes back",
			r->version, r->sequence);
	else if (err == KB_EAHEAD)
		log_err("%s (sequence %" PRIu64 ") is too far ahead of what proved itself here: "
			"once it is committed, no lower one is newer; if it shall be, set "
			"[install] max-sequence-jump= of system.conf, in the initramfs too",
			r->version, r->sequence);
	else if (err == KB_EBUDGET)
		log_err("%d updates in turn did not prove themselves; `keelboot mark good` a slot "
			"first",
			STATE_INSTALLS_LIMIT);
	else if (err == KB_EBUSY)
		log_err("the state was lost and made anew, and slots are under trial; "
			"`keelboot mark good` one first");
	else if (err == KB_ENOTARGET)
		log_err("no slot may be overwritten: one runs, another is needed to fall back to, "
			"or is under trial with a release as new; `keelboot mark good` first");
	else if (err == KB_ENEWER)
		log_err("the state was written by a newer Keelboot; update this command first");
	else
		log_err("%s is not taken: %s", r->version, err_text(err));
}
