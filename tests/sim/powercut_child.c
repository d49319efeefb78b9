/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One program of the device in a process of its own: what it does to the disks is recorded in
 * memory that is shared with the explorer. keelboot-apply and keelboot-verify are processes of
 * their own again, as on the device; their operations are done once more in the process of the
 * boot, so that it sees them.
 */
#include "tests/sim/powercut_child.h"

#include "tests/sim/os_sim_int.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define OPS_MAX	 4096u
#define DATA_MAX (32u << 20)
#define HANG_S	 60

/* Shared with the processes. */
struct shared {
	struct powercut_result result;
	size_t used; /* of data */
	bool off;
	struct powercut_op op[OPS_MAX];
	uint8_t data[DATA_MAX];
};

static struct shared *shared;
struct cut_power powercut_child_power;
struct cut_disk powercut_child_disk[POWERCUT_DISKS];
static const struct powercut_job *job;
static int raw_fd = -1;

const struct powercut_op *powercut_child_ops(void)
{
	return shared->op;
}

/* ---------------------------------------------------------------- the record of what is done */

static void watch(void *ctx, const struct cut_op *op)
{
	struct powercut_op *o = &shared->op[shared->result.nops];

	(void)ctx;
	if (shared->result.nops == OPS_MAX || shared->used + op->len > DATA_MAX) {
		fprintf(stderr, "powercut: a program does more than %u operations\n", OPS_MAX);
		abort();
	}
	*o = (struct powercut_op){
		.kind = (uint8_t)op->kind,
		.disk = (uint8_t)(op->disk - powercut_child_disk),
		.off = op->off,
		.len = op->len,
	};
	if (op->kind == CUT_WRITE) {
		memcpy(shared->data + shared->used, op->data, op->len);
		o->data = shared->data + shared->used;
		shared->used += op->len;
	}
	shared->result.nops++;
}

enum kb_err powercut_child_redo(struct cut_disk *disks, const struct powercut_op *op)
{
	struct cut_disk *d = &disks[op->disk];

	switch ((enum cut_op_kind)op->kind) {
	case CUT_WRITE:
		return cut_disk_write(d, op->off, op->data, op->len);
	case CUT_ZERO:
		return cut_disk_zero(d, op->off, op->len);
	case CUT_DISCARD:
		return cut_disk_discard(d, op->off, op->len);
	case CUT_FLUSH:
		break;
	}
	return cut_disk_flush(d);
}

/* Runs fn in a process of its own, and does to the disks of this one what that did. Its status, as
 * from waitpid(). */
int powercut_child_process(int (*fn)(int argc, char **argv), const char *const *argv)
{
	unsigned first = shared->result.nops;
	int argc = 0, status;
	pid_t pid;

	while (argv[argc] != NULL)
		argc++;
	fflush(NULL);
	pid = fork();
	if (pid < 0)
		abort();
	if (pid == 0) {
		int code;

		alarm(HANG_S);
		os_sim_bdev_quiet();
		code = fn(argc, (char **)argv);
		shared->off = powercut_child_power.off;
		_exit(code);
	}
	if (waitpid(pid, &status, 0) != pid)
		abort();
	powercut_child_power.watch = NULL;
	for (unsigned i = first; i < shared->result.nops; i++)
		if (powercut_child_redo(powercut_child_disk, &shared->op[i]) != KB_OK)
			break;
	powercut_child_power.watch = watch;
	powercut_child_power.off = shared->off;
	return status;
}

/* ---------------------------------------------------------------- devices as files */

/* What a raw device is read from: the bundle, with the block that the disk holds before it. */
static int raw_file(void)
{
	int fd = memfd_create("raw", MFD_CLOEXEC);
	static uint8_t buf[BDEV_ALIGN] __attribute__((aligned(BDEV_ALIGN)));
	int from = powercut_release[POWERCUT_NEW].bundle;
	off_t at = 0;
	ssize_t n;

	while ((n = pread(from, buf, sizeof(buf), at)) > 0) {
		if (pwrite(fd, buf, (size_t)n, at) != n)
			abort();
		at += n;
	}
	if (bdev_read(&powercut_child_disk[POWERCUT_RAW].bdev, 0, buf, sizeof(buf)) == KB_OK &&
	    pwrite(fd, buf, sizeof(buf), 0) == (ssize_t)sizeof(buf)) {
		raw_fd = fd;
		return fd;
	}
	close(fd);
	return -1;
}

int powercut_child_open(const char *path, int flags)
{
	(void)flags;
	if (job == NULL)
		return -2;
	if (strcmp(path, "/dev/kmsg") == 0)
		return os_sim_log_fd();
	if (strcmp(path, POWERCUT_CHILD_RAW) == 0)
		return raw_file();
	if (strcmp(path, POWERCUT_CHILD_STICK) == 0 || strcmp(path, POWERCUT_CHILD_BUNDLE) == 0)
		return fcntl(powercut_release[POWERCUT_NEW].bundle, F_DUPFD_CLOEXEC, 3);
	return -2;
}

bool powercut_child_pwrite(int fd, const void *buf, size_t len, off_t off)
{
	return raw_fd < 0 || fd != raw_fd ||
	       cut_disk_write(&powercut_child_disk[POWERCUT_RAW], (uint64_t)off, buf, len) == KB_OK;
}

bool powercut_child_fsync(int fd)
{
	return raw_fd < 0 || fd != raw_fd ||
	       cut_disk_flush(&powercut_child_disk[POWERCUT_RAW]) == KB_OK;
}

/* ---------------------------------------------------------------- processes */

static void reap(pid_t pid, struct powercut_result *out)
{
	int status;

	if (waitpid(pid, &status, 0) != pid)
		abort();
	*out = shared->result;
	if (WIFSIGNALED(status) || out->end == POWERCUT_DIED) {
		out->end = POWERCUT_DIED;
		out->code = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
	}
}

static void prepare(const struct powercut_job *j, const struct powercut_image *im)
{
	for (unsigned i = 0; i < POWERCUT_DISKS; i++) {
		struct cut_disk *d = &powercut_child_disk[i];

		cut_disk_start(d, &im->disk[i]);
		d->unit = j->story->unit == 8 ? 8 : 1;
		d->discarded = j->story->discarded;
		d->bdev.size = im->disk[i].size;
		d->bdev.sector = j->story->unit == 8 ? BDEV_ALIGN : CUT_SECTOR;
	}
	cut_power_init(&powercut_child_power);
	powercut_child_power.cut_at = j->cut_at;
	powercut_child_power.watch = watch;
}

static void init(void)
{
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE,
		      MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (shared == MAP_FAILED)
		abort();
	for (unsigned i = 0; i < POWERCUT_DISKS; i++)
		cut_disk_init(&powercut_child_disk[i], &powercut_child_power, BDEV_ALIGN);
}

void powercut_child_run(const struct powercut_job *j, const struct powercut_image *im,
			struct powercut_result *out)
{
	pid_t pid;

	if (shared == NULL)
		init();
	memset(&shared->result, 0, sizeof(shared->result));
	shared->used = 0;
	shared->off = false;
	fflush(NULL);
	pid = fork();
	if (pid < 0)
		abort();
	if (pid == 0) {
		alarm(HANG_S);
		job = j;
		prepare(j, im);
		powercut_world_run(j, &shared->result);
		_exit(0);
	}
	reap(pid, out);
}
