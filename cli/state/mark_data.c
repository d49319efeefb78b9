/* SPDX-License-Identifier: Apache-2.0 */
/* What was kept of the data for a trial goes when the trial is committed. */
#include "cli/state/mark.h"

#include "initramfs/data/kept.h"
#include "selector/data.h"
#include "lib/log.h"
#include "lib/os.h"
#include "lib/os_file.h"
#include "lib/os_tree.h"
#include "lib/util.h"

#define DELETE_MS 60000

/* What is mounted there may be another file system, or none. */
static enum kb_err open_data(const struct device *d, int *top)
{
	KB_CLEANUP_FD int fd = -1;
	struct os_file_at part;

	TRY(os_file_look(d->data_path, &part));
	TRY(os_file_folder(d->conf.data_mount, &fd));
	if (!os_tree_is_on(fd, part.number))
		return KB_ENODEV;
	*top = util_take(&fd);
	return KB_OK;
}

static enum kb_err forget(struct device *d)
{
	enum kb_err err = KB_OK;

	TRY(device_open_to_change(d));
	if (d->state.data.phase == STATE_DATA_DROP) {
		data_forget(&d->state);
		err = device_save(d);
	}
	device_close(d);
	return err;
}

static enum kb_err drop(const struct device *d)
{
	struct tree_job job = { .dev = d->data_path, .until_ms = os_now_ms() + DELETE_MS };
	KB_CLEANUP_FD int top = -1;
	enum kb_err err = open_data(d, &top);

	if (err == KB_OK)
		err = kept_drop(&job, top);
	if (err != KB_OK)
		log_info("data: what was kept for the trial is deleted by the next boot: %s",
			 job.why[0] != '\0' ? job.why : err_text(err));
	return err;
}

void mark_drop_data(struct device *d)
{
	if (!d->run_found || d->data_path[0] == '\0' || d->opts->state != NULL)
		return;
	if (drop(d) == KB_OK && forget(d) != KB_OK)
		log_info("data: what was kept is deleted; the next boot notes that");
}
