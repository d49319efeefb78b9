/* SPDX-License-Identifier: Apache-2.0 */
#include "initramfs/disks/probe_job.h"

#include "initramfs/disks/probe_answer.h"
#include "lib/log.h"
#include "lib/os.h"

#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#define TRIES	      2	   /* probers for one state of a disk */
#define SPARE_MS      1000 /* by which a prober must be done before its deadline here */
#define EXIT_MS	      1000 /* from the answer to the end of the process */
#define STATUS_MS     100  /* from the end of its pipe to the end of the process */
#define KILL_EVERY_MS 2000
#define KEPT	      2			       /* jobs for better disks */
#define QUEUE_MS      (3u * PROBE_DEADLINE_MS) /* that a disk waits for a prober */

/* From now on the process is only waited for. */
static void detach_job(struct probe_job *j, unsigned grace_ms)
{
	os_close(&j->fd);
	j->disk = -1;
	j->deadline_ms = os_now_ms() + grace_ms;
}

static void reap_prober(struct probe_job *j)
{
	int status;

	if (j->pid > 0 && os_wait(j->pid, 0, &status) != KB_ETIMEDOUT)
		j->pid = 0;
}

static void kill_one(struct probe_job *j)
{
	int status;

	os_kill_begin(j->pid);
	if (os_wait(j->pid, STATUS_MS, &status) == KB_OK)
		j->pid = 0;
	detach_job(j, KILL_EVERY_MS);
}

void probe_job_queue(struct probe_disk *d)
{
	d->queued = true;
	d->queued_ms = os_now_ms();
}

/* A disk that is to be tried again is still waited for. */
static void give_up(struct probe *p, struct probe_disk *d, const char *why)
{
	if (!d->queued && d->tries < TRIES) {
		log_warn("disk %s: cannot be examined: %s; trying again", d->dev, why);
		probe_job_queue(d);
		return;
	}
	d->queued = false;
	log_warn(
		"disk %s: cannot be examined: %s; only the kernel's names of its partitions are known",
		d->dev, why);
	d->state = PROBE_UNREADABLE;
	p->changed = true;
}

static struct probe_job *free_job(struct probe *p)
{
	for (unsigned i = 0; i < PROBE_JOBS_MAX; i++) {
		if (p->job[i].pid == 0)
			return &p->job[i];
	}
	return NULL;
}

static void start_one(struct probe *p, struct probe_job *j, int index)
{
	struct probe_disk *d = &p->disk[index];
	unsigned deadline = PROBE_DEADLINE_MS * (d->tries == 0 ? 1 : 3);
	char budget[16];
	const char *const argv[] = { "keelboot-prober", d->dev, budget, NULL };
	struct os_spawn sp = {
		.path = os_executable(PROBE_ALONE) ? PROBE_ALONE : PROBE_HELPER,
		.argv = argv,
		.cpu_s = deadline / 1000,
	};
	enum kb_err err;
	int fds[2];

	snprintf(budget, sizeof(budget), "%u", deadline - SPARE_MS);
	d->queued = false;
	d->tries++;
	err = os_pipe(fds);
	if (err == KB_OK) {
		sp.fd3 = fds[1];
		err = os_spawn(&sp, &j->pid);
		os_close(&fds[1]);
		if (err != KB_OK)
			os_close(&fds[0]);
	}
	if (err != KB_OK) {
		j->pid = 0;
		log_err("disk %s: unable to start %s: %m", d->dev, sp.path);
		give_up(p, d, err_text(err));
		return;
	}
	j->fd = fds[0];
	j->disk = j->of = index;
	j->len = 0;
	j->deadline_ms = os_now_ms() + deadline;
}

static unsigned count_busy(const struct probe *p)
{
	unsigned n = 0;

	for (unsigned i = 0; i < PROBE_JOBS_MAX; i++)
		n += p->job[i].pid != 0;
	return n;
}

/* A prober that the kernel holds, as long as a medium does not answer, keeps its job when it was
 * given up. Its disk gets no second one beside it. */
static bool keeps_a_job(const struct probe *p, int index)
{
	for (unsigned i = 0; i < PROBE_JOBS_MAX; i++)
		if (p->job[i].pid != 0 && p->job[i].of == index)
			return true;
	return false;
}

/*
 * How many jobs there are for a disk like this one. Some may be held forever: so what can be
 * plugged in never gets the last ones, and what is not the device's disk by system.conf those
 * before them neither.
 */
static unsigned find_room(const struct probe *p, const struct probe_disk *d)
{
	unsigned n = PROBE_JOBS_MAX;

	if (d->usb || d->sd || d->removable)
		n -= KEPT;
	if (p->worth != NULL && p->worth(p->ctx, p, d) < PROBE_WORTH_UNKNOWN)
		n -= KEPT;
	return n;
}

/* Those with the most room go first. */
void probe_job_start(struct probe *p)
{
	for (unsigned most = PROBE_JOBS_MAX; most >= PROBE_JOBS_MAX - 2 * KEPT; most -= KEPT) {
		for (int i = 0; i < PROBE_DISKS_MAX && count_busy(p) < most; i++) {
			const struct probe_disk *d = &p->disk[i];
			struct probe_job *j = free_job(p);

			if (j != NULL && d->state != PROBE_FREE && d->queued &&
			    !keeps_a_job(p, i) && find_room(p, d) == most)
				start_one(p, j, i);
		}
	}
}

static void take_answer(struct probe *p, struct probe_job *j)
{
	struct probe_disk *d = &p->disk[j->disk];
	const struct prober_answer *a = &j->answer;

	if (probe_answer_check(a, j->len) != KB_OK) {
		kill_one(j);
		give_up(p, d, "the prober's answer is malformed");
		return;
	}
	if (a->flags & PROBER_TABLE_UNREADABLE) {
		kill_one(j);
		give_up(p, d, "its partition table cannot be read");
		return;
	}
	detach_job(j, EXIT_MS);
	probe_answer_merge(d, a);
	d->state = PROBE_READY;
	p->changed = true;
	if (d->has_table)
		log_info("disk %s: %llu MiB, %s, %u partitions", d->dev,
			 (unsigned long long)(d->size >> 20),
			 a->table[0] != '\0' ? a->table : "partitions", d->n);
	else
		log_info("disk %s: %llu MiB, no partitions, %s", d->dev,
			 (unsigned long long)(d->size >> 20),
			 d->whole.fstype[0] != '\0' ? d->whole.fstype : "no file system");
}

/* Its pipe was closed before the answer was complete. */
static void take_end(struct probe *p, struct probe_job *j)
{
	struct probe_disk *d = &p->disk[j->disk];
	char why[64] = "the prober closed its pipe";
	int status;

	if (os_wait(j->pid, STATUS_MS, &status) == KB_OK) {
		j->pid = 0;
		if (WIFSIGNALED(status))
			snprintf(why, sizeof(why), "the prober was ended by signal %d",
				 WTERMSIG(status));
		else
			snprintf(why, sizeof(why), "the prober failed with status %d",
				 WEXITSTATUS(status));
	} else {
		os_kill_begin(j->pid);
	}
	detach_job(j, KILL_EVERY_MS);
	give_up(p, d, why);
}

void probe_job_read(struct probe *p, struct probe_job *j)
{
	enum kb_err err;
	size_t len;

	while (j->fd >= 0 && j->disk >= 0) {
		err = os_read(j->fd, (char *)&j->answer + j->len, sizeof(j->answer) - j->len, &len);
		if (err == KB_EBUSY)
			return;
		if (err != KB_OK || len == 0) {
			take_end(p, j);
			return;
		}
		j->len += len;
		if (!probe_answer_partial(&j->answer, j->len))
			take_answer(p, j);
	}
}

void probe_job_expire(struct probe *p)
{
	uint64_t now = os_now_ms();

	for (unsigned i = 0; i < PROBE_JOBS_MAX; i++) {
		struct probe_job *j = &p->job[i];

		if (j->disk < 0)
			reap_prober(j);
		if (j->pid == 0 || now < j->deadline_ms)
			continue;
		if (j->disk >= 0) {
			struct probe_disk *d = &p->disk[j->disk];

			kill_one(j);
			give_up(p, d, "no answer in time");
		} else {
			os_kill_begin(j->pid);
			j->deadline_ms = now + KILL_EVERY_MS;
		}
	}
	now = os_now_ms();
	for (unsigned i = 0; i < PROBE_DISKS_MAX; i++) {
		struct probe_disk *d = &p->disk[i];

		if (d->state != PROBE_FREE && d->queued && now >= d->queued_ms + QUEUE_MS)
			give_up(p, d,
				d->tries > 0 ? "its prober cannot be ended" : "no prober is free");
	}
}

static unsigned nearer_of(uint64_t now, uint64_t then, unsigned wait_ms)
{
	if (then <= now)
		return 0;
	return then - now < wait_ms ? (unsigned)(then - now) : wait_ms;
}

unsigned probe_job_wait(const struct probe *p, unsigned wait_ms)
{
	uint64_t now = os_now_ms();

	for (unsigned i = 0; i < PROBE_JOBS_MAX; i++)
		if (p->job[i].pid > 0)
			wait_ms = nearer_of(now, p->job[i].deadline_ms, wait_ms);
	for (unsigned i = 0; i < PROBE_DISKS_MAX; i++)
		if (p->disk[i].state != PROBE_FREE && p->disk[i].queued)
			wait_ms = nearer_of(now, p->disk[i].queued_ms + QUEUE_MS, wait_ms);
	return wait_ms;
}

void probe_job_cancel(struct probe *p, const struct probe_disk *d)
{
	for (unsigned i = 0; i < PROBE_JOBS_MAX; i++) {
		struct probe_job *j = &p->job[i];

		if (j->pid == 0 || j->of < 0 || &p->disk[j->of] != d)
			continue;
		j->of = -1; /* its place may be another's */
		if (j->disk < 0)
			continue;
		os_kill_begin(j->pid);
		detach_job(j, KILL_EVERY_MS);
	}
}

void probe_job_end(struct probe *p)
{
	for (unsigned i = 0; i < PROBE_JOBS_MAX; i++) {
		struct probe_job *j = &p->job[i];
		int status;

		if (j->pid == 0)
			continue;
		os_kill_begin(j->pid);
		/* One that the kernel holds is left behind: it holds nothing of ours. */
		if (os_wait(j->pid, STATUS_MS, &status) != KB_OK) {
			log_warn("disks: a prober cannot be ended; left behind");
			os_forget(j->pid);
		}
		j->pid = 0;
	}
}
