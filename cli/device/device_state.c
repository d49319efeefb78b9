/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/device/device.h"

#include "cli/device/device_find.h"
#include "cli/output/output.h"
#include "lib/log.h"
#include "lib/os.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* Fills state_path: --state, else what init saw, else by system.conf. */
static enum kb_err find_device(struct device *d)
{
	char facts[DEVICE_PATH_MAX];
	enum kb_err err;

	if (d->opts->state != NULL) {
		snprintf(d->state_path, sizeof(d->state_path), "%s", d->opts->state);
		return KB_OK;
	}
	if (d->state_path[0] != '\0')
		return KB_OK;
	err = device_find(d->conf.state, "/dev/disk", "/sys/class/block", d->state_path,
			  sizeof(d->state_path));
	if (err == KB_OK)
		return KB_OK;
	d->state_path[0] = '\0';
	snprintf(facts, sizeof(facts), "%s/devices", d->opts->run_dir);
	if (err == KB_EAMBIGUOUS)
		log_err("two partitions match %s; name one: --state /dev/...", d->conf.state);
	else if (os_exists(facts))
		log_err("no state partition: this device's disk has no %s: boots are not counted, and no update is installed; make a partition of %u MiB or more, then: keelboot state init",
			d->conf.state, STORE_MIN_SIZE >> 20);
	else
		log_err("no state partition: found neither %s/devices nor %s; name it: --state /dev/..., or set [state] in system.conf",
			d->opts->run_dir, d->conf.state);
	return err;
}

static void report_open_failure(const struct device *d, enum kb_err err, bool write)
{
	const char *path = d->state_path;

	if (err == KB_ENOENT)
		log_err("state partition %s: not found; name another: --state /dev/...", path);
	else if (err == KB_EPERM)
		log_err("state partition %s: no permission to %s; run as root%s", path,
			write ? "write" : "read",
			write ? ", and make sure that it is not write-protected" : "");
	else if (err == KB_EINVAL)
		log_err("state partition %s: neither a block device nor a file", path);
	else
		log_err("state partition %s: cannot be opened: %s", path, err_text(err));
}

static enum kb_err select_range(struct device *d)
{
	uint64_t off = d->opts->offset, size = d->opts->size, all = d->file.bdev.size;

	d->dev = &d->file.bdev;
	if (off == 0 && size == 0)
		return KB_OK;
	if (size == 0 && off < all)
		size = all - off;
	if (device_range_init(&d->range, &d->file.bdev, off, size) != KB_OK) {
		log_err("--offset and --size: not multiples of %d inside the %" PRIu64
			" bytes of %s",
			BDEV_ALIGN, d->file.bytes, d->state_path);
		return KB_EINVAL;
	}
	d->dev = &d->range.bdev;
	return KB_OK;
}

static enum kb_err lock_store(struct device *d)
{
	enum kb_err err = store_lock(d->file.fd, d->opts->lock_wait_ms);

	if (err == KB_EBUSY)
		log_err("state partition %s: another command or an update still holds the lock after %u s; try again when it has ended, or wait longer: --wait SECONDS",
			d->state_path, d->opts->lock_wait_ms / 1000);
	else if (err != KB_OK)
		log_err("state partition %s: cannot be locked: %s", d->state_path, err_text(err));
	return err;
}

static enum kb_err load_store(struct device *d)
{
	enum kb_err err = store_load(&d->store, d->dev, &d->state, &d->finding);

	if (err == KB_EINVAL)
		log_err("state partition %s: %" PRIu64 " bytes; the minimum is %u MiB",
			d->state_path, d->dev == &d->file.bdev ? d->file.bytes : d->dev->size,
			STORE_MIN_SIZE >> 20);
	else if (err != KB_OK)
		log_err("state partition %s: neither region can be read: %s", d->state_path,
			err_text(err));
	if (err == KB_OK && d->finding == STORE_LOST)
		device_content_find(&d->content, d->dev);
	return err;
}

static enum kb_err open_and_load(struct device *d, bool write)
{
	unsigned flags = BDEV_FILE_DIRECT | (write ? BDEV_FILE_WRITE : 0u);
	enum kb_err err;

	TRY(find_device(d));
	err = bdev_file_open(&d->file, d->state_path, flags);
	if (err != KB_OK)
		report_open_failure(d, err, write);
	if (err == KB_OK)
		err = select_range(d);
	if (err == KB_OK && write)
		err = lock_store(d);
	if (err == KB_OK)
		err = load_store(d);
	if (err != KB_OK)
		device_close(d);
	return err;
}

enum kb_err device_open_to_read(struct device *d)
{
	return open_and_load(d, false);
}

enum kb_err device_open_to_write(struct device *d)
{
	return open_and_load(d, true);
}

enum kb_err device_open_to_change(struct device *d)
{
	enum kb_err err;

	TRY(open_and_load(d, true));
	err = device_need_state(d);
	if (err != KB_OK)
		device_close(d);
	return err;
}

void device_close(struct device *d)
{
	bdev_file_close(&d->file);
}

void device_report_content(const struct device *d, const char *also)
{
	log_err("%s is %s, not a state partition; name %s%s", d->state_path, d->content.what,
		d->content.disk
			? "its partition: --state /dev/..., or where that lies in an image: --offset N --size N"
			: "another: --state /dev/...",
		also);
}

enum kb_err device_need_state(const struct device *d)
{
	switch (d->finding) {
	case STORE_FOUND:
		return KB_OK;
	case STORE_BLANK:
		log_err("state partition %s: never written; boot the device with Keelboot once, or write its first state: keelboot state init",
			d->state_path);
		return KB_EBLANK;
	case STORE_LOST:
		break;
	}
	if (d->content.what != NULL)
		device_report_content(d, "");
	else
		log_err("state partition %s: both regions are damaged, if this is the right partition; the next boot makes a new state from the slots",
			d->state_path);
	return KB_EIO;
}

enum kb_err device_save(struct device *d)
{
	enum kb_err err = store_save(&d->store, &d->state);

	if (err != KB_OK)
		log_err("state not saved: cannot write to %s: %s; the change may be lost: see `keelboot status`, and run the command again",
			d->state_path, err_text(err));
	return err;
}

static enum kb_err add_history(struct device *d, struct history_event *e, const char *reason,
			       const char *detail)
{
	enum kb_err err;

	e->time = output_now();
	history_set_text(e->reason, reason);
	history_set_text(e->detail, detail);
	err = store_history_add(&d->store, e);
	if (err != KB_OK)
		log_warn("history: cannot add an entry; nothing else is lost");
	return err;
}

enum kb_err device_history(struct device *d, enum history_kind kind, int slot, const char *reason,
			   const char *detail)
{
	struct history_event e = { .kind = kind, .slot = (int8_t)slot };

	if (slot != STATE_NONE) {
		e.sequence = d->state.slot[slot].sequence;
		memcpy(e.version, d->state.slot[slot].version, sizeof(e.version));
	}
	return add_history(d, &e, reason, detail);
}

enum kb_err device_history_for(struct device *d, const struct history_event *of, const char *reason,
			       const char *detail)
{
	struct history_event e = { .kind = of->kind, .slot = of->slot, .sequence = of->sequence };

	memcpy(e.version, of->version, sizeof(e.version));
	return add_history(d, &e, reason, detail);
}

void device_history_release(struct device *d, enum history_kind kind, const struct plan_release *r,
			    const char *reason, const char *detail)
{
	struct history_event e = { .kind = kind, .slot = STATE_NONE, .sequence = r->sequence };

	memcpy(e.version, r->version, sizeof(e.version));
	add_history(d, &e, reason, detail);
}
