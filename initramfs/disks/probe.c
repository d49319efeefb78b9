/* SPDX-License-Identifier: Apache-2.0 */
#include "initramfs/disks/probe.h"

#include "initramfs/disks/probe_job.h"
#include "initramfs/disks/probe_sysfs.h"
#include "initramfs/disks/probe_table.h"
#include "initramfs/disks/probe_uevent.h"
#include "lib/log.h"
#include "lib/os.h"
#include "lib/util.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#define POLL_FAILED_MS	 100u
#define RESCAN_MS	 200 /* how often /sys is looked through when there are no uevents */
#define CHANGES_MAX	 8   /* probers for a disk; one that says "changed" forever is skipped */
#define UEVENTS_PER_STEP 256

static void drop_disk(struct probe *p, struct probe_disk *d)
{
	log_info("disk %s: gone", d->dev);
	probe_job_cancel(p, d);
	d->state = PROBE_FREE;
	d->queued = false;
	p->changed = true;
}

static bool same_disk(const struct probe_disk *a, const struct probe_disk *b)
{
	if (strcmp(a->path, b->path) != 0 || a->size != b->size || a->n != b->n ||
	    a->mapped != b->mapped)
		return false;
	for (unsigned i = 0; i < a->n; i++) {
		if (a->part[i].number != b->part[i].number ||
		    a->part[i].start != b->part[i].start || a->part[i].size != b->part[i].size)
			return false;
	}
	return true;
}

/* The name that system.conf has for it; NULL: it is a disk, or nothing that is looked at. */
static const char *mapped_as(const struct probe *p, const char *name)
{
	return p->mapped_as != NULL ? p->mapped_as(p->ctx, name) : NULL;
}

static bool read_disk(struct probe *p, struct probe_disk *d, const char *name)
{
	const char *mapped = mapped_as(p, name);

	if ((mapped == NULL && probe_sysfs_ignored(name)) || !probe_sysfs_read(d, name))
		return false;
	d->mapped = mapped;
	if (mapped != NULL)
		d->non = mapped_disks(name, d->on);
	return true;
}

/* Looks at a disk that is new, or not what it was; with `again` in any case. */
static void note_disk(struct probe *p, const char *name, bool again)
{
	static struct probe_disk fresh; /* too large for a stack of process 1 */
	struct probe_disk *d = probe_table_find(p, name);
	bool there;

	if (d == NULL && probe_table_skipped(p, name))
		return;
	there = read_disk(p, &fresh, name);
	if (!there) {
		if (d != NULL)
			drop_disk(p, d);
		return;
	}
	if (d != NULL && !again && same_disk(d, &fresh))
		return;
	if (d != NULL && d->changes >= CHANGES_MAX) {
		log_debug("disk %s: it keeps changing; ignored from now on", d->dev);
		return;
	}
	if (d != NULL) {
		probe_job_cancel(p, d);
		fresh.changes = d->changes + 1;
	} else {
		d = probe_table_place(p, &fresh);
	}
	if (d == NULL)
		return;
	probe_job_queue(&fresh);
	*d = fresh;
}

/* Everything that is there, and nothing that is not. A disk that is not listed is looked for by its
 * name: a list that is full says nothing of it. */
static void scan_sysfs(struct probe *p)
{
	static char names[PROBE_SYSFS_DISKS_MAX][64];
	unsigned n = 0;

	p->scanned_ms = os_now_ms();
	if (probe_sysfs_list(PROBE_SYSFS_DISKS, names, PROBE_SYSFS_DISKS_MAX, &n) != KB_OK) {
		log_err("disks: unable to read " PROBE_SYSFS_DISKS ": %m; is /sys mounted?");
		return;
	}
	for (unsigned i = 0; i < n; i++)
		note_disk(p, names[i], false);
	for (unsigned i = 0; i < PROBE_DISKS_MAX; i++) {
		struct probe_disk *d = &p->disk[i];
		bool there = false;

		for (unsigned k = 0; k < n && !there; k++)
			there = strcmp(names[k], d->dev + 5) == 0;
		if (d->state != PROBE_FREE && !there)
			note_disk(p, d->dev + 5, false);
	}
}

static void handle_uevent(struct probe *p, const struct probe_uevent *e)
{
	struct probe_disk *d = probe_table_find(p, e->disk);

	if (!e->partition)
		probe_table_forget(p, e->disk);
	if (!e->partition && e->action == PROBE_UEVENT_REMOVE) {
		if (d != NULL)
			drop_disk(p, d);
		return;
	}
	/* The kernel names a disk before its partitions, though these are there already: what is
	 * known already is no news. */
	note_disk(p, e->disk, !e->partition && e->action == PROBE_UEVENT_CHANGE);
}

static void tell(struct probe *p, const char *uevent, size_t len)
{
	const char *subsystem =
		uevent != NULL ? probe_uevent_value(uevent, len, "SUBSYSTEM") : NULL;

	if (subsystem != NULL && strcmp(subsystem, "usb") == 0)
		p->usb_ms = os_now_ms();
	if (p->hear != NULL)
		p->hear(p->hear_ctx, uevent, len);
}

/* For what came without an event. */
static void look_again(struct probe *p)
{
	tell(p, NULL, 0);
	scan_sysfs(p);
}

static void take_uevents(struct probe *p)
{
	static char buf[8192];
	struct probe_uevent e;
	size_t len;

	/* Names of mapped devices come without an event of the kernel. */
	if ((p->uevent_fd < 0 || p->mapped_as != NULL) && os_now_ms() - p->scanned_ms >= RESCAN_MS)
		p->uevent_fd < 0 ? look_again(p) : scan_sysfs(p);
	if (p->uevent_fd < 0)
		return;
	for (unsigned i = 0; i < UEVENTS_PER_STEP; i++) {
		enum kb_err err = os_uevent_read(p->uevent_fd, buf, sizeof(buf), &len);

		if (err == KB_EBUSY)
			return;
		if (err == KB_ENOSPC) {
			log_warn("disks: uevents were lost; looking through " PROBE_SYSFS_DISKS);
			look_again(p);
		} else if (err != KB_OK) {
			log_err("disks: no more uevents (%m); looking through " PROBE_SYSFS_DISKS
				" instead");
			os_close(&p->uevent_fd);
			return;
		} else {
			tell(p, buf, len);
			if (probe_uevent_parse(&e, buf, len))
				handle_uevent(p, &e);
		}
	}
}

void probe_start(struct probe *p)
{
	/* Not all of it at once: most of its pages are never needed. */
	for (unsigned i = 0; i < PROBE_DISKS_MAX; i++)
		p->disk[i].state = PROBE_FREE;
	for (unsigned i = 0; i < PROBE_JOBS_MAX; i++) {
		p->job[i].pid = 0;
		p->job[i].fd = -1;
	}
	p->uevent_fd = -1;
	p->usb_ms = os_now_ms();
	p->changed = false;
	probe_table_start(p);
	/* The socket first: what comes between is then seen twice rather than never. */
	if (os_uevent_open(&p->uevent_fd) != KB_OK)
		log_warn("disks: no uevents (%m); looking through " PROBE_SYSFS_DISKS " instead");
	look_again(p);
	probe_job_start(p);
}

/* Waits for the next thing to happen, or for wait_ms. */
static void await_event(struct probe *p, unsigned wait_ms)
{
	int fds[PROBE_JOBS_MAX + 1] = { p->uevent_fd };
	bool ready[PROBE_JOBS_MAX + 1] = { false };
	enum kb_err err;

	if ((p->uevent_fd < 0 || p->mapped_as != NULL) && wait_ms > RESCAN_MS)
		wait_ms = RESCAN_MS;
	wait_ms = probe_job_wait(p, wait_ms);
	for (unsigned i = 0; i < PROBE_JOBS_MAX; i++)
		fds[i + 1] = p->job[i].fd;
	err = os_poll(fds, ready, PROBE_JOBS_MAX + 1, wait_ms);
	for (unsigned i = 0; i < PROBE_JOBS_MAX && err == KB_OK; i++) {
		if (ready[i + 1])
			probe_job_read(p, &p->job[i]);
	}
	/* Who waits for minutes does not do so in a busy loop. */
	if (err != KB_OK && err != KB_ETIMEDOUT)
		os_sleep_ms(wait_ms < POLL_FAILED_MS ? wait_ms : POLL_FAILED_MS);
	probe_job_expire(p);
}

enum kb_err probe_step(struct probe *p, unsigned timeout_ms)
{
	uint64_t end = os_now_ms() + timeout_ms, now;

	for (;;) {
		take_uevents(p);
		probe_job_start(p);
		now = os_now_ms();
		await_event(p, p->changed || now >= end ? 0 : (unsigned)(end - now));
		if (p->changed) {
			/* One of those that had no place may have one now. */
			if (p->full) {
				p->full = false;
				scan_sysfs(p);
			}
			p->changed = false;
			return KB_OK;
		}
		if (now >= end)
			return KB_ETIMEDOUT;
	}
}

unsigned probe_pending(const struct probe *p)
{
	unsigned n = 0;

	for (unsigned i = 0; i < PROBE_DISKS_MAX; i++) {
		if (p->disk[i].state != PROBE_FREE && p->disk[i].queued)
			n++;
	}
	for (unsigned i = 0; i < PROBE_JOBS_MAX; i++) {
		if (p->job[i].pid > 0 && p->job[i].disk >= 0)
			n++;
	}
	return n;
}

void probe_stop(struct probe *p)
{
	for (unsigned i = 0; i < PROBE_DISKS_MAX; i++) {
		p->disk[i].queued = false;
		probe_job_cancel(p, &p->disk[i]);
	}
	probe_job_end(p);
	os_close(&p->uevent_fd);
}

static bool part_matches(const struct prober_part *part, const char *spec)
{
	static const struct {
		const char *key;
		size_t offset;
		bool either_case;
	} keys[] = {
		{ "PARTLABEL=", offsetof(struct prober_part, partlabel), false },
		{ "PARTUUID=", offsetof(struct prober_part, partuuid), true },
		{ "LABEL=", offsetof(struct prober_part, label), false },
		{ "UUID=", offsetof(struct prober_part, uuid), true },
	};

	if (spec[0] == '/')
		return strcmp(part->dev, spec) == 0;
	for (unsigned i = 0; i < KB_ARRAY_LEN(keys); i++) {
		const char *value = spec + strlen(keys[i].key);
		const char *text = (const char *)part + keys[i].offset;

		if (strncmp(spec, keys[i].key, strlen(keys[i].key)) != 0)
			continue;
		return value[0] != '\0' &&
		       (keys[i].either_case ? strcasecmp(text, value) : strcmp(text, value)) == 0;
	}
	return false;
}

static bool was_looked_at(const struct probe_disk *d)
{
	return d->state == PROBE_READY || d->state == PROBE_UNREADABLE;
}

static bool lies_on(const struct probe_disk *mapped, const struct probe_disk *disk)
{
	for (unsigned i = 0; i < mapped->non; i++) {
		if (strcmp(mapped->on[i], disk->dev + 5) == 0)
			return true;
	}
	return false;
}

static const struct prober_part *find_mapped(const struct probe *p, const struct probe_disk *disk,
					     const char *spec)
{
	for (unsigned i = 0; i < PROBE_DISKS_MAX; i++) {
		const struct probe_disk *d = &p->disk[i];

		if (was_looked_at(d) && d->mapped != NULL && strcmp(d->mapped, spec) == 0 &&
		    lies_on(d, disk))
			return &d->whole;
	}
	return NULL;
}

static const struct prober_part *find_on(const struct probe_disk *d, const char *spec)
{
	if (!was_looked_at(d) || d->mapped != NULL)
		return NULL;
	for (unsigned i = 0; i < d->n; i++) {
		if (part_matches(&d->part[i], spec))
			return &d->part[i];
	}
	return (!d->has_table || spec[0] == '/') && part_matches(&d->whole, spec) ? &d->whole
										  : NULL;
}

const struct prober_part *probe_find(const struct probe *p, const struct probe_disk *disk,
				     const char *spec)
{
	const struct prober_part *part = NULL;

	if (disk != NULL) {
		part = find_on(disk, spec);
		return part != NULL ? part : find_mapped(p, disk, spec);
	}
	for (unsigned i = 0; i < PROBE_DISKS_MAX && part == NULL; i++)
		part = find_on(&p->disk[i], spec);
	return part;
}

const struct prober_part *probe_find_other(const struct probe_disk *disk, const char *spec,
					   const struct prober_part *part)
{
	for (unsigned i = 0; i < disk->n; i++) {
		if (&disk->part[i] != part && part_matches(&disk->part[i], spec))
			return &disk->part[i];
	}
	return NULL;
}

const struct probe_disk *probe_disk_by_dev(const struct probe *p, const char *dev)
{
	for (unsigned i = 0; i < PROBE_DISKS_MAX; i++) {
		if (p->disk[i].state != PROBE_FREE && strcmp(p->disk[i].dev, dev) == 0)
			return &p->disk[i];
	}
	return NULL;
}
