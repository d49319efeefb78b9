/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A raw stage partition: a bundle that the running system wrote to a partition of the device's own
 * disk, from its first byte on. What can never be installed is erased there, by its header: else
 * each boot would look at it again, and would have to count that.
 */
#include "update/apply/apply_progress.h"
#include "update/apply/apply_sources.h"
#include "lib/bdev.h"
#include "lib/log.h"
#include "lib/os.h"
#include "lib/os_file.h"

#define ERASE_LEN BDEV_ALIGN
#define ROUNDS	  2 /* looks at it before it is found damaged, and erased */

/* Who wrote a bundle there, or named it, took something else for the stage. */
static bool is_only_raw(const struct apply *a, const struct bdev_id *id)
{
	return !bdev_id_is_one(id, &a->dev.id) && apply_apart_slot(a->o.slot, id) == STATE_NONE;
}

static enum kb_err erase_header(const struct apply *a, const char *dev)
{
	static const uint8_t zero[ERASE_LEN] __attribute__((aligned(BDEV_ALIGN)));
	struct bdev_file file;
	enum kb_err err;

	TRY(bdev_file_open(&file, dev, BDEV_FILE_WRITE));
	err = is_only_raw(a, &file.id) ? KB_OK : KB_EBUSY;
	if (err == KB_OK)
		err = bdev_write(&file.bdev, 0, zero, sizeof(zero));
	if (err == KB_OK)
		err = bdev_flush(&file.bdev);
	bdev_file_close(&file);
	return err;
}

static void drop_bundle(struct apply *a, const char *dev)
{
	struct history_event ev = {
		.time = os_time_s(),
		.kind = HISTORY_REFUSED,
		.slot = STATE_NONE,
		.sequence = a->job.verified ? a->job.release.sequence : 0,
	};
	enum kb_err err = erase_header(a, dev);

	if (err != KB_OK) {
		log_err("%s: %s; the bundle cannot be erased: %s", dev, a->job.why, err_text(err));
		return;
	}
	log_notice("%s: %s; the bundle is erased", dev, a->job.why);
	if (a->job.verified)
		state_set_text(ev.version, a->job.release.version);
	history_set_text(ev.reason, a->job.why);
	history_set_text(ev.detail, state_source_name(STATE_SRC_RAW));
	if (store_history_add(&a->store, &ev) != KB_OK)
		log_warn("the history cannot be written");
}

/* What becomes of it when it was not installed. */
static enum apply_end erase_or_keep(struct apply *a, const char *dev, enum kb_err err)
{
	switch (apply_file_verdict(&a->job, err)) {
	case APPLY_FILE_KNOWN:
		if (state_on_trial(&a->state, a->job.release.id) == STATE_NONE)
			drop_bundle(a, dev);
		return APPLY_NOTHING;
	case APPLY_FILE_NEVER:
		drop_bundle(a, dev);
		return APPLY_NOTHING;
	case APPLY_FILE_LATER:
		log_notice("%s: not installed yet: %s", dev, a->job.why);
		return APPLY_NOTHING;
	case APPLY_FILE_FAILED:
		break;
	}
	/* What cannot be read now, the next boot may read. */
	if (err != KB_EIO && apply_file_copy_failed(&a->job, err))
		drop_bundle(a, dev);
	log_err("%s: %s", dev, a->job.why);
	return APPLY_FAILED;
}

/* One look at what lies there, and the install. *opened: it could be looked at. */
static enum kb_err install_once(struct apply *a, const struct apply_source *src, bool *opened)
{
	static const char *const none[] = { NULL };
	enum kb_err err = media_open(&a->media, src->dev, true, none, "");

	*opened = err == KB_OK;
	if (err != KB_OK)
		return err;
	os_file_forget(a->media.dev);
	apply_shared_fill(a, a->media.dev, src->dev, STATE_SRC_RAW, true);
	err = apply_file_look(&a->job);
	if (err == KB_OK) {
		apply_progress_next();
		err = apply_file_install(&a->job);
	}
	media_close(&a->media);
	return err;
}

/* Whether it is at fault for good: it, or what it is made from, may have been read wrong, or the
 * decoder been killed to get its memory. */
static bool looks_damaged(const struct apply *a, enum kb_err err)
{
	return a->job.seed_changed || (apply_file_verdict(&a->job, err) == APPLY_FILE_FAILED &&
				       apply_file_copy_failed(&a->job, err) && err != KB_EIO);
}

enum apply_end apply_raw_run(struct apply *a, const struct apply_source *src)
{
	enum kb_err err = KB_OK;
	bool opened;

	for (unsigned round = 0; round < ROUNDS; round++) {
		err = install_once(a, src, &opened);
		if (!opened && err == KB_EMOUNT && round == 0)
			return APPLY_NOTHING;
		if (!opened) {
			log_err("%s: cannot be opened: %s", src->dev, err_text(err));
			return APPLY_FAILED;
		}
		if (err == KB_OK)
			return APPLY_INSTALLED;
		if (!looks_damaged(a, err))
			break;
		if (round + 1 < ROUNDS)
			log_warn("%s: %s; reading it once more", src->dev, a->job.why);
	}
	return erase_or_keep(a, src->dev, err);
}
