/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One program of the device in a process of its own: what it does to the disks is recorded in
 * memory that is shared with the explorer. keelboot-apply and keelboot-verify are processes of
 * their own again, as on the device; their operations are done once more in the process of the
 * boot, so that it sees them.
 */
#include "tests/sim/powercut.h"

#include "tests/sim/os_sim_int.h"

#include <sys/wait.h>

#define OPS_MAX	  4096u
#define DATA_MAX  (32u << 20)
#define PAGES_MAX 8192u
#define HANG_S	  60

struct sent_page {
	uint32_t at;
	uint8_t disk;
};

/* Shared with the processes. */
struct shared {
	struct powercut_job job;
	struct cut_content like[POWERCUT_DISKS]; /* size, blank, and what is bad */
	unsigned npages;
	struct sent_page sent[PAGES_MAX];
	struct cut_page page[PAGES_MAX]; /* the programs read them where they are */
	int status;
	struct powercut_result result;
	size_t used; /* of data */
	bool off, dirty[POWERCUT_DISKS];
	struct powercut_op op[OPS_MAX];
	uint8_t data[DATA_MAX];
};

static struct {
	int to, from; /* pipes */
	pid_t pid;
} starter;
static struct shared *shared;
struct cut_power powercut_child_power;
struct cut_disk powercut_child_disk[POWERCUT_DISKS];
const struct powercut_job *powercut_child_job;

/* ---------------------------------------------------------------- the record of what is done */

/* The flush of a range leaves what lies elsewhere. */
static bool is_dirty(const struct cut_op *op)
{
	const struct cut_disk *d = op->disk;

	return op->kind != CUT_FLUSH || (!d->ignore_flush && (d->nversions > 0 || d->ntrims > 0));
}

static void watch(void *ctx, const struct cut_op *op)
{
	struct powercut_op *o = &shared->op[shared->result.nops];

	(void)ctx;
	if (shared->result.nops == OPS_MAX ||
	    (op->kind == CUT_WRITE && shared->used + op->len > DATA_MAX)) {
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
	shared->result.idle += op->kind == CUT_FLUSH && !shared->dirty[o->disk];
	shared->result.ranges += op->kind == CUT_FLUSH && op->len < op->disk->bdev.size;
	shared->dirty[o->disk] = is_dirty(op);
	shared->off |= powercut_child_power.cut_at != 0 &&
		       powercut_child_power.ops == powercut_child_power.cut_at;
}

enum kb_err powercut_child_redo(struct cut_disk *disks, const struct powercut_op *op)
{
	struct cut_disk *d = &disks[op->disk];

	return op->kind == CUT_WRITE	 ? cut_disk_write(d, op->off, op->data, op->len)
	       : op->kind == CUT_ZERO	 ? cut_disk_zero(d, op->off, op->len)
	       : op->kind == CUT_DISCARD ? cut_disk_discard(d, op->off, op->len)
					 : cut_disk_flush_range(d, op->off, op->len);
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
	pid = report_fork(HANG_S);
	if (pid == 0) {
		os_sim_bdev_quiet();
		_exit(fn(argc, (char **)argv));
	}
	status = report_wait(pid);
	powercut_child_power.watch = NULL;
	for (unsigned i = first; i < shared->result.nops; i++)
		if (powercut_child_redo(powercut_child_disk, &shared->op[i]) != KB_OK)
			break;
	powercut_child_power.watch = watch;
	powercut_child_power.off |= shared->off;
	return status;
}

/* ---------------------------------------------------------------- processes */

const uint8_t *powercut_child_first(enum powercut_disk disk)
{
	static uint8_t block[BDEV_ALIGN] __attribute__((aligned(BDEV_ALIGN)));
	struct bdev *b = &powercut_child_disk[disk].bdev;

	return bdev_read(b, 0, block, sizeof(block)) == KB_OK ? block : NULL;
}

static void prepare(const struct powercut_job *j)
{
	cut_power_init(&powercut_child_power);
	for (unsigned i = 0; i < POWERCUT_DISKS; i++) {
		struct cut_disk *d = &powercut_child_disk[i];
		const struct cut_content *like = &shared->like[i];

		cut_disk_init(d, &powercut_child_power, like->size);
		d->unit = j->story->unit;
		d->discarded = j->story->discarded;
		d->atomic = i == POWERCUT_LOADER && !j->story->uboot;
		d->bdev.sector = d->unit * CUT_SECTOR;
	}
	for (unsigned i = 0; i < shared->npages; i++) {
		const struct sent_page *p = &shared->sent[i];

		cut_content_share(&powercut_child_disk[p->disk].durable, p->at, &shared->page[i]);
	}
	for (unsigned i = 0; i < POWERCUT_DISKS; i++) {
		struct cut_content *c = &powercut_child_disk[i].durable;

		c->hash = shared->like[i].hash;
		c->nbad = shared->like[i].nbad;
		memcpy(c->bad, shared->like[i].bad, sizeof(c->bad));
	}
	powercut_child_power.cut_at = j->cut_at;
	powercut_child_power.watch = watch;
}

static void run_one(void)
{
	pid_t pid = report_fork(HANG_S);

	if (pid == 0) {
		powercut_child_job = &shared->job;
		prepare(powercut_child_job);
		powercut_world_run(powercut_child_job, &shared->result);
		_exit(0);
	}
	shared->status = report_wait(pid);
}

/*
 * A process that starts the programs: small, since a fork of the explorer with all its images would
 * take longer than the program. It ends with the explorer.
 */
void powercut_child_begin(void)
{
	int there[2], back[2];
	char c;

	shared = report_share(sizeof(*shared));
	if (pipe(there) < 0 || pipe(back) < 0)
		abort();
	starter.pid = report_fork(0);
	if (starter.pid == 0) {
		close(there[1]);
		close(back[0]);
		while (read(there[0], &c, 1) == 1) {
			run_one();
			if (write(back[1], &c, 1) != 1)
				break;
		}
		_exit(0);
	}
	close(there[0]);
	close(back[1]);
	starter.to = there[1];
	starter.from = back[0];
}

void powercut_child_end(void)
{
	close(starter.to);
	report_wait(starter.pid);
}

static void send_image(const struct powercut_image *im)
{
	shared->npages = 0;
	for (unsigned i = 0; i < POWERCUT_DISKS; i++) {
		const struct cut_content *c = &im->disk[i];

		shared->like[i] = *c;
		for (uint64_t page = 0; page < c->size / BDEV_ALIGN; page++) {
			const uint8_t *data = cut_content_page(c, page);
			unsigned n = shared->npages;

			if (data == NULL)
				continue;
			if (shared->npages++ == PAGES_MAX)
				abort();
			shared->sent[n] = (struct sent_page){ (uint32_t)page, (uint8_t)i };
			shared->page[n].refs = 1;
			shared->page[n].key = 0;
			memcpy(shared->page[n].data, data, BDEV_ALIGN);
		}
	}
}

void powercut_child_run(const struct powercut_job *j, const struct powercut_image *im,
			struct powercut_result *out)
{
	char c = 0;

	send_image(im);
	shared->job = *j;
	shared->result = (struct powercut_result){ .run = im->run, .op = shared->op };
	shared->used = 0;
	memset(shared->dirty, 0, sizeof(shared->dirty));
	shared->off = false;
	fflush(NULL);
	if (write(starter.to, &c, 1) != 1 || read(starter.from, &c, 1) != 1)
		abort();
	*out = shared->result;
	if (!WIFSIGNALED(shared->status) && out->end != POWERCUT_DIED)
		return;
	out->end = POWERCUT_DIED;
	out->code = WIFSIGNALED(shared->status) ? WTERMSIG(shared->status) : 0;
}
