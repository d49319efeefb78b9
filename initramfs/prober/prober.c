/* SPDX-License-Identifier: Apache-2.0 */
#include "initramfs/prober/prober.h"

#include "initramfs/prober/prober_blkid.h"
#include "initramfs/prober/prober_cage.h"
#include "initramfs/prober/prober_gpt.h"
#include "initramfs/prober/prober_state.h"
#include "initramfs/prober/prober_range.h"
#include "lib/bytes.h"
#include "lib/md_member.h"
#include "lib/os.h"
#include "lib/util.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define BUDGET_MS 4000
#define ANSWER_FD 3

/* Shared with the worker. Step 0 is the table, step i the partition i - 1, the last one the
 * end of the disk: nothing may depend on it, since many a stick has no such end. */
struct look {
	/* at work on; a->n + 2 when done */
	volatile uint32_t step;
	enum prober_types types;
	struct prober_answer a;
};

static uint32_t number_of_steps(const struct look *l)
{
	return l->a.n <= PROBER_PARTS_MAX ? l->a.n + 2 : 1;
}

static void work_on_part(int fd, enum prober_types types, struct prober_part *part)
{
	prober_blkid_part(fd, types, part);
	prober_state_part(fd, part);
}

static bool is_member(int fd, uint64_t size)
{
	struct prober_range disk;

	prober_range_set(&disk, fd, 0, size);
	return md_member_is_disk(&disk.bdev);
}

/* What is to be seen at the end of a disk. */
static void work_on_end(int fd, struct prober_answer *a)
{
	if (prober_gpt_needs_backup(fd, a->size))
		a->flags |= PROBER_GPT_BACKUP;
	if (a->n > 0 && is_member(fd, a->size))
		a->flags |= PROBER_MEMBER;
}

/* In the worker: everything from the step that the last worker did not survive on. Says a byte for
 * each step that is done. */
static void probe_device(struct look *l, int fd, const char *dev, int say)
{
	while (l->step < number_of_steps(l)) {
		if (l->step == 0)
			prober_blkid_table(fd, dev, &l->a);
		else if (l->step <= l->a.n)
			work_on_part(fd, l->types, &l->a.part[l->step - 1]);
		else
			work_on_end(fd, &l->a);
		l->step++;
		if (write(say, "", 1) != 1)
			return;
	}
}

/* What stopped a worker is left out from now on. */
static void skip_step(struct look *l)
{
	uint32_t step = l->step;

	if (step == 0) {
		l->a.n = 0;
		l->a.table[0] = '\0';
		l->a.flags |= PROBER_TABLE_UNREADABLE;
	} else if (step <= PROBER_PARTS_MAX && step <= l->a.n) {
		struct prober_part *p = &l->a.part[step - 1];

		p->fstype[0] = p->label[0] = p->uuid[0] = p->pin[0] = '\0';
		p->flags |= PROBER_PART_UNREADABLE;
	}
	l->step = step + 1;
}

static unsigned left_ms(uint64_t end)
{
	uint64_t now = os_now_ms();

	return now < end ? (unsigned)(end - now) : 0;
}

/* Follows a worker until it ends or stays at a step for longer than that step may take. */
static void await_worker(int fd, uint64_t end, unsigned step_ms)
{
	bool ready;
	char c[64];
	size_t len;

	for (;;) {
		unsigned left = left_ms(end);
		enum kb_err err = os_poll(&fd, &ready, 1, left < step_ms ? left : step_ms);

		if (err != KB_OK)
			return;
		err = os_read(fd, c, sizeof(c), &len);
		if (err != KB_EBUSY && (err != KB_OK || len == 0))
			return;
	}
}

/* One worker, from step l->step on. */
static enum kb_err run_worker(struct look *l, int fd, const char *dev, uint64_t end,
			      unsigned budget_ms)
{
	unsigned step_ms = l->step == 0 ? budget_ms / 2 : budget_ms / 4;
	int fds[2], status;
	pid_t pid;

	TRY(os_pipe(fds));
	pid = fork();
	if (pid == 0) {
		/* All descriptors but two are gone then: a worker that the kernel holds must not
		 * hold the pipe to process 1 open. */
		if (prober_cage_worker(fd, fds[1], budget_ms) != KB_OK)
			_exit(1);
		probe_device(l, fd, dev, fds[1]);
		_exit(0);
	}
	os_close(&fds[1]);
	if (pid > 0) {
		await_worker(fds[0], end, step_ms);
		kill(pid, SIGKILL);
		/* One that the kernel holds in a read is left to process 1. */
		for (int i = 0; i < 20 && waitpid(pid, &status, WNOHANG) == 0; i++)
			os_sleep_ms(1);
	}
	os_close(&fds[0]);
	return pid > 0 ? KB_OK : KB_ECHILD;
}

void prober_look(int fd, const char *dev, unsigned budget_ms, enum prober_types types,
		 struct prober_answer *a)
{
	struct look *l =
		/* bound: one struct */
		mmap(NULL, sizeof(*l), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	uint64_t end = os_now_ms() + budget_ms;

	memset(a, 0, sizeof(*a));
	a->magic = PROBER_MAGIC;
	a->flags = PROBER_TABLE_UNREADABLE;
	if (l == MAP_FAILED)
		return;
	l->types = types;
	while (l->step < number_of_steps(l)) {
		if (left_ms(end) == 0 || run_worker(l, fd, dev, end, budget_ms) != KB_OK ||
		    l->step < number_of_steps(l))
			skip_step(l);
	}
	*a = l->a;
	a->magic = PROBER_MAGIC;
	if (a->n > PROBER_PARTS_MAX)
		a->n = 0;
	munmap(l, sizeof(*l));
}

static void be_the_first_to_go(void)
{
	static const char first[] = "1000"; /* when memory runs out */

	if (os_write_file("/proc/self/oom_score_adj", first, sizeof(first) - 1) != KB_OK)
		errno = 0; /* only a wish */
}

static bool write_all(int fd, const void *buf, size_t len)
{
	const char *p = buf;

	while (len > 0) {
		ssize_t n = write(fd, p, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return false;
		p += n;
		len -= (size_t)n;
	}
	return true;
}

int prober_main(int argc, char **argv)
{
	static struct prober_answer a;
	uint64_t budget = BUDGET_MS;
	int fd;

	if (argc < 2 || argc > 3 ||
	    (argc == 3 && bytes_decimal(&budget, argv[2], 600000) != KB_OK)) {
		fprintf(stderr,
			"usage: keelboot-prober DEVICE [MILLISECONDS]\n"
			"Writes what is on the device to descriptor 3; process 1 of the initramfs runs it.\n");
		return 3;
	}
	fd = open(argv[1], O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0) {
		fprintf(stderr, "keelboot-prober: unable to open %s: %m\n", argv[1]);
		return 1;
	}
	/* Partitions have caches of their own: after an install that of the whole disk is stale. */
	posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
	be_the_first_to_go();
	if (prober_cage_enter(fd, ANSWER_FD, (unsigned)budget) != KB_OK)
		return 1;
	prober_look(fd, argv[1], (unsigned)budget, PROBER_BOOT, &a);
	close(fd);
	return write_all(ANSWER_FD, &a, PROBER_ANSWER_LEN(a.n)) ? 0 : 1;
}
