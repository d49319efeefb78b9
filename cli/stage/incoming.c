/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/stage/incoming.h"

#include "cli/output/output.h"
#include "cli/output/tool.h"
#include "lib/log.h"
#include "lib/os_file.h"
#include "lib/util.h"
#include "selector/refused.h"
#include "selector/why.h"
#include "update/apply/apply_file.h"
#include "update/bundle/manifest_fits.h"
#include "update/install/install_pipe.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *incoming_helper(void)
{
	static const struct tool helper = { "KEELBOOT_HELPER", "keelboot-helper", "keelboot-helper",
					    "keelboot" };
	static char path[PATH_MAX];

	return tool_find(&helper, path) ? path : NULL;
}

enum kb_err incoming_open(const char *file, int *fd, uint64_t *size)
{
	KB_CLEANUP_FD int opened = -1;
	enum kb_err err = os_file_open_path(file, &opened);

	if (err == KB_OK)
		err = os_file_size(opened, size);
	if (err == KB_EINVAL)
		log_err("%s: not a file; use the path of a .keel file", file);
	else if (err != KB_OK)
		log_err("%s: %s", file, strerror(errno));
	else
		*fd = util_take(&opened);
	return err;
}

enum kb_err incoming_keys(const struct device *d, struct keyring *keys)
{
	char dir[DEVICE_PATH_MAX];
	enum kb_err err;

	snprintf(dir, sizeof(dir), "%s%s", d->opts->conf_root, d->conf.keyring);
	err = keyring_open(keys, dir, d->conf.signatures_required);
	return err; /* reported */
}

enum kb_err incoming_device_named(const struct device *d)
{
	if (d->conf.compatible[0] != '\0')
		return KB_OK;
	log_err("system.conf does not say what this device is; set [system] compatible=");
	return KB_EINVAL;
}

static enum kb_err check_compatible(struct reader *r, const struct device *d, const char *name)
{
	char why[MANIFEST_WHY];
	enum kb_err err;

	TRY(incoming_device_named(d));
	err = manifest_fits_device(why, &r->m, d->conf.compatible);
	if (err == KB_OK)
		err = manifest_fits_slots(why, &r->m, d->conf.loader_copies);
	return err == KB_OK ? KB_OK : output_fail(r->why, sizeof(r->why), name, err, "%s", why);
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

/* ---------------------------------------------------------------- slots, and what they hold */

/* A class twice, or a path that nobody can use: skipped; the engine names what it misses. */
static void add_part(const struct device *d, struct apply_slot *slot, int n, const char *cls)
{
	struct apply_slot *s = &slot[n];
	struct apply_part *p = &s->part[s->nparts];
	char path[DEVICE_PATH_MAX];

	for (unsigned i = 0; i < s->nparts; i++)
		if (strcmp(s->part[i].cls, cls) == 0)
			return;
	if (s->nparts == CONF_CLASSES_MAX || device_slot_path(d, n, cls, path) != KB_OK ||
	    strlen(path) > APPLY_FILE_PATH_MAX)
		return;
	snprintf(p->cls, sizeof(p->cls), "%s", cls);
	memcpy(p->path, path, strlen(path) + 1);
	s->nparts++;
}

void incoming_slots(const struct device *d, struct apply_slot *slot)
{
	for (unsigned i = 0; i < d->opts->nparts; i++)
		add_part(d, slot, d->opts->part[i].slot, d->opts->part[i].cls);
	for (unsigned i = 0; i < d->nparts; i++)
		add_part(d, slot, d->part[i].slot, d->part[i].cls);
	for (unsigned i = 0; i < d->conf.nslots; i++)
		for (unsigned c = 0; c < d->conf.slot[i].nclasses; c++)
			add_part(d, slot, (int)i, d->conf.slot[i].cls[c].name);
}

struct usable {
	const struct apply_seeds *seeds;
	int target;
};

static const struct install_seed *find_seed(const struct usable *u,
					    const uint8_t digest[DIGEST_LEN])
{
	for (unsigned i = 0; i < u->seeds->n; i++)
		if (u->seeds->seed[i].slot != u->target &&
		    memcmp(u->seeds->seed[i].digest, digest, DIGEST_LEN) == 0)
			return &u->seeds->seed[i];
	return NULL;
}

static bool has_usable(void *ctx, const uint8_t digest[DIGEST_LEN])
{
	return find_seed(ctx, digest) != NULL;
}

bool incoming_can_use(const struct manifest_encoding *enc, const struct apply_seeds *seeds,
		      int target)
{
	const struct usable u = { seeds, target };

	return enc->kind == MANIFEST_ENC_FULL ||
	       (enc->kind == MANIFEST_ENC_SEED && find_seed(&u, enc->seed) != NULL);
}

static enum kb_err check_readable(struct reader *r, const struct reader_seeds *have,
				  const char *name)
{
	const struct manifest_encoding *enc;
	enum kb_err err = KB_OK;

	for (unsigned i = 0; i < r->m.nimages && err == KB_OK; i++)
		err = r->part.n > 0 && r->part.encoding[i] != 0
			      ? reader_carried_encoding(r, i, have, &enc)
			      : reader_pick_encoding(r, i, have, &enc);
	if (err != KB_OK)
		log_err("%s: %s", name, r->why);
	return err;
}

enum kb_err incoming_readable(struct reader *r, const struct apply_seeds *seeds, int target,
			      const char *name)
{
	struct usable u = { seeds, target };
	const struct reader_seeds have = { .have = has_usable, .ctx = &u };

	return check_readable(r, &have, name);
}

/* ---------------------------------------------------------------- tables and chunks */

static bool has_any(void *ctx, const uint8_t digest[DIGEST_LEN])
{
	(void)ctx;
	(void)digest;
	return true;
}

enum kb_err incoming_tables(struct reader *r, const char *name)
{
	static struct reader_walk walk;
	const struct reader_seeds any = { .have = has_any };

	/* Of each image one encoding, at least, is of a kind that is known. */
	TRY(check_readable(r, &any, name));
	for (unsigned i = 0; i < r->m.nencodings; i++) {
		const struct manifest_encoding *enc = &r->m.encoding[i];
		char why[sizeof(r->why)];
		enum kb_err err = KB_OK;

		if (enc->kind != MANIFEST_ENC_UNKNOWN)
			err = reader_walk_all(&walk, r, enc->image, enc);
		memcpy(why, r->why, sizeof(why));
		if (err != KB_OK)
			return output_fail(r->why, sizeof(r->why), name, err, "image %s: %s",
					   r->m.image[enc->image].name, why);
	}
	return KB_OK;
}

/* Before it is decoded, since that takes longer. */
static enum kb_err verify_payload(struct install_pipe *pipe, const struct manifest_encoding *enc)
{
	enum kb_err err = reader_payload_check(pipe->r, enc, NULL, NULL);

	if (err != KB_OK)
		snprintf(pipe->why, sizeof(pipe->why), "image %s: %.200s",
			 pipe->r->m.image[enc->image].name, pipe->r->why);
	return err;
}

static enum kb_err verify_encoding(struct install_pipe *pipe, const struct manifest_encoding *enc,
				   const struct install_seed *seed, struct output_progress *p)
{
	uint64_t done = 0, total = pipe->r->m.image[enc->image].size;
	struct install_pipe_chunk chunk;
	enum kb_err err;

	if (!reader_is_partial(pipe->r))
		TRY(verify_payload(pipe, enc));
	pipe->seed = seed != NULL ? &seed->at : NULL;
	TRY(install_pipe_begin(pipe, enc->image, enc));
	while ((err = install_pipe_next(pipe, &chunk)) == KB_OK) {
		if (done == 0)
			TRY(manifest_fits_processor(pipe->why, &pipe->r->m.image[enc->image],
						    chunk.plain, chunk.c.len));
		done += chunk.c.len;
		output_progress_step(p, "verify", done, total);
	}
	return err == KB_ENOENT ? KB_OK : err;
}

/* That an install takes. */
static enum kb_err pick_encoding(struct reader *r, unsigned image, const struct reader_seeds *have,
				 const struct manifest_encoding **enc)
{
	return reader_is_partial(r) ? reader_carried_encoding(r, image, have, enc)
				    : reader_pick_encoding(r, image, have, enc);
}

/* What an install would take, and what stands in for a seed that changes until then. */
static enum kb_err verify_image(struct install_pipe *pipe, const struct apply_seeds *seeds,
				unsigned image, struct output_progress *p)
{
	struct usable u = { seeds, STATE_NONE };
	const struct reader_seeds have = { .have = has_usable, .ctx = &u };
	const struct manifest_encoding *enc, *full;
	enum kb_err err;

	err = pick_encoding(pipe->r, image, &have, &enc);
	if (err != KB_OK) {
		memcpy(pipe->why, pipe->r->why, sizeof(pipe->why));
		return err;
	}
	if (enc->kind == MANIFEST_ENC_SEED) {
		err = verify_encoding(pipe, enc, find_seed(&u, enc->seed), p);
		/* A chunk that the seed does not give comes whole. */
		if ((err != KB_OK && err != KB_ESEED) || reader_is_partial(pipe->r) ||
		    reader_pick_encoding(pipe->r, image, NULL, &full) != KB_OK)
			return err;
		enc = full;
	}
	return verify_encoding(pipe, enc, NULL, p);
}

enum kb_err incoming_verify(struct reader *r, const struct apply_seeds *seeds,
			    const struct install_lack *lack, const char *name,
			    struct output_progress *p)
{
	static struct install_pipe pipe;
	const char *helper;
	struct digest digest = { 0 }, whole = { 0 };
	enum kb_err err;

	TRY(incoming_readable(r, seeds, STATE_NONE, name));
	helper = incoming_helper();
	if (helper == NULL)
		return KB_EEXEC;
	err = digest_init(&digest);
	if (err == KB_OK)
		err = digest_init(&whole);
	pipe = (struct install_pipe){
		.r = r, .helper = helper, .digest = &digest, .whole = &whole, .lack = lack
	};
	for (unsigned i = 0; i < r->m.nimages && err == KB_OK; i++)
		err = verify_image(&pipe, seeds, i, p);
	install_pipe_close(&pipe);
	digest_free(&digest);
	digest_free(&whole);
	output_progress_end(p);
	if (err == KB_OK)
		return KB_OK;
	return output_fail(r->why, sizeof(r->why), name, err, "%s",
			   pipe.why[0] != '\0' ? pipe.why : err_text(err));
}

/* The slot that holds release r; STATE_NONE: none. */
static int slot_with(const struct state *s, const struct plan_release *r)
{
	for (int i = 0; i < s->nslots; i++)
		if (state_holds(&s->slot[i], r->id))
			return i;
	return STATE_NONE;
}

/* The slot whose next chance is waited for: that it waits, and for what. */
static void describe_waiting(const struct state *s, char *out, size_t size)
{
	char outlook[WHY_OUTLOOK_MAX + 1];

	for (int i = 0; i < s->nslots; i++) {
		if (!state_is_waiting(&s->slot[i]))
			continue;
		why_outlook(s, i, outlook);
		snprintf(out, size, " (slot %c: %s%s%s)", state_slot_letter(i), why_not(s, i),
			 outlook[0] != '\0' ? "; " : "", outlook);
		return;
	}
}

/* What the state knows of this case, in parentheses, for a person who can look into it. */
static void describe_case(const struct state *s, const struct plan_release *r, enum kb_err err,
			  char *out, size_t size)
{
	int slot = slot_with(s, r);

	out[0] = '\0';
	if (err == KB_EAPPLIED && slot != STATE_NONE)
		snprintf(out, size, " (slot %c, %s)", state_slot_letter(slot),
			 state_st_name(s->slot[slot].st));
	else if (err == KB_EWAITS)
		describe_waiting(s, out, size);
	else if (err == KB_EREJECTED && !state_is_rejected(s, r->id))
		snprintf(out, size, " (above sequence %" PRIu64 ")", s->forgotten_max);
	else if (err == KB_EREJECTED && slot != STATE_NONE && s->slot[slot].reason[0] != '\0')
		snprintf(out, size, " (%s)", s->slot[slot].reason);
	else if (err == KB_EDOWNGRADE && r->sequence < s->floor)
		snprintf(out, size, " (%" PRIu64 ")", s->floor);
}

void incoming_report_refused(const struct state *s, const struct plan_release *r,
			     enum plan_mode mode, enum kb_err err)
{
	struct refused what = refused_why(s, r, mode, s->floor, err);
	char text[REFUSED_TEXT_MAX + 1], more[160], boot[40];
	int slot = slot_with(s, r);

	describe_case(s, r, err, more, sizeof(more));
	if (err == KB_EAPPLIED && slot != STATE_NONE && device_next_boot(s, true) != slot) {
		snprintf(boot, sizeof(boot), "to boot it: keelboot switch %c",
			 state_slot_letter(slot));
		what.todo = boot;
	}
	if (err == KB_EAPPLIED && more[0] == '\0')
		what.todo = "to install it again: keelboot install FILE";
	refused_text(text, what, more);
	log_line(err == KB_EAPPLIED ? LOG_LEVEL_WARNING : LOG_LEVEL_ERR,
		 "%s (sequence %" PRIu64 "): %s: %s", r->version, r->sequence,
		 err == KB_EAPPLIED ? "nothing to do" : "refused", text);
}
