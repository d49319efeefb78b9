/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/hostile/world.h"

#include "lib/bytes.h"
#include "lib/log.h"
#include "lib/util.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define PAGES (STORE_MIN_SIZE / BDEV_ALIGN)

/* The state partition, in memory; what was written is undone page by page. */
struct memory {
	struct bdev bdev;
	uint8_t *now, *base;
	uint8_t dirty[PAGES];
	unsigned writes;
};

static struct memory state_dev;
static struct store store, base_store;
static struct state state, base_state;
static struct keyring keys;
static uint8_t *slot[2];
static char slot_path[2][64], folder[48] = "/tmp/keelboot-hostile-XXXXXX";
static const char *helper_path;
static bool verify, touched;
static size_t slot_size = WORLD_SLOT;

void world_must(bool ok, const char *what)
{
	if (ok)
		return;
	fprintf(stderr, "hostile: %s\n", what);
	exit(3);
}

/* ---------------------------------------------------------------- the state partition */

static enum kb_err memory_read(struct bdev *b, uint64_t off, void *buf, size_t len)
{
	memcpy(buf, ((struct memory *)b)->now + off, len);
	return KB_OK;
}

static enum kb_err memory_write(struct bdev *b, uint64_t off, const void *buf, size_t len)
{
	struct memory *m = (struct memory *)b;

	memcpy(m->now + off, buf, len);
	memset(m->dirty + off / BDEV_ALIGN, 1, len / BDEV_ALIGN);
	m->writes++;
	return KB_OK;
}

static enum kb_err memory_flush(struct bdev *b)
{
	(void)b;
	return KB_OK;
}

static const struct bdev_ops memory_ops = {
	.read = memory_read,
	.write = memory_write,
	.flush = memory_flush,
};

static void memory_reset(struct memory *m)
{
	for (size_t i = 0; i < PAGES; i++) {
		if (m->dirty[i])
			memcpy(m->now + i * BDEV_ALIGN, m->base + i * BDEV_ALIGN, BDEV_ALIGN);
	}
	memset(m->dirty, 0, sizeof(m->dirty));
	m->writes = 0;
}

static void load(void)
{
	enum store_finding found;

	world_must(store_load(&store, &state_dev.bdev, &state, &found) == KB_OK, "no state");
}

/* Slot a is good with sequence 1, slot b empty. */
static void make_state(void)
{
	state_dev.bdev = (struct bdev){ .ops = &memory_ops, .size = STORE_MIN_SIZE, .sector = 512 };
	state_dev.now = calloc(1, STORE_MIN_SIZE);
	state_dev.base = calloc(1, STORE_MIN_SIZE);
	world_must(state_dev.now != NULL && state_dev.base != NULL, "no memory");
	load();
	state_init(&state, 2);
	state.slot[0].st = STATE_GOOD;
	state.slot[0].ever_good = state.slot[0].has_release = true;
	state.slot[0].sequence = 1;
	state_set_text(state.slot[0].version, "1.0");
	state.last = 0;
	world_must(store_save_both(&store, &state) == KB_OK, "the state cannot be made");
	memcpy(state_dev.base, state_dev.now, STORE_MIN_SIZE);
	load();
	base_store = store;
	base_state = state;
}

void world_save_state(const char *path)
{
	KB_CLEANUP_FD int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	bool good = fd >= 0 && ftruncate(fd, STORE_MIN_SIZE) == 0;

	for (uint64_t at = 0; at < STORE_MIN_SIZE && good; at += BDEV_ALIGN) {
		const uint8_t *p = state_dev.now + at;

		if (!bytes_all(p, BDEV_ALIGN, 0))
			good = pwrite(fd, p, BDEV_ALIGN, (off_t)at) == (ssize_t)BDEV_ALIGN;
	}
	world_must(good, path);
}

/* ---------------------------------------------------------------- the slots */

static void make_slot(unsigned i)
{
	KB_CLEANUP_FD int fd = -1;

	snprintf(slot_path[i], sizeof(slot_path[0]), "%s/%c", folder, 'a' + (int)i);
	fd = open(slot_path[i], O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	world_must(fd >= 0 && ftruncate(fd, (off_t)slot_size) == 0, "a slot cannot be made");
	slot[i] = mmap(NULL, slot_size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	world_must(slot[i] != MAP_FAILED, "a slot cannot be mapped");
	memset(slot[i], WORLD_FILL, slot_size);
}

static void remove_folder(void)
{
	for (unsigned i = 0; i < 2; i++)
		unlink(slot_path[i]);
	rmdir(folder);
}

static bool is_filled(const uint8_t *p, uint8_t with, size_t len)
{
	return p[0] == with && memcmp(p, p + 1, len - 1) == 0;
}

bool world_holds_only(const uint8_t *const *image, const uint64_t *size, unsigned n, size_t unit)
{
	for (uint64_t off = 0; off < slot_size && touched; off += unit) {
		const uint8_t *p = slot[1] + off;
		bool known = is_filled(p, WORLD_FILL, unit) || is_filled(p, 0, unit);

		for (unsigned i = 0; i < n && !known; i++)
			known = off + unit <= size[i] && memcmp(p, image[i] + off, unit) == 0;
		if (!known)
			return false;
	}
	return true;
}

const char *world_broken(const struct world_verdict *v, const uint8_t *const *image,
			 const uint64_t *size, unsigned n)
{
	bool whole = false;

	for (unsigned i = 0; i < n; i++)
		whole |= memcmp(slot[1], image[i], size[i]) == 0;
	if (v->other_written)
		return "the slot that runs was touched";
	if (!world_holds_only(image, size, n, BDEV_ALIGN))
		return "something is in the slot that nobody signed";
	if (v->on_trial != (v->err == KB_OK))
		return "what it says is not what the state says";
	if (v->on_trial && !whole)
		return "the slot holds no image from its first byte to its last";
	if (v->err != KB_OK && v->why[0] == '\0')
		return "no reason is given";
	return NULL;
}

const uint8_t *world_slot(void)
{
	return slot[1];
}

/* ---------------------------------------------------------------- the world */

void world_slots(size_t size)
{
	slot_size = size;
	if (access("/dev/shm", W_OK) == 0)
		snprintf(folder, sizeof(folder), "/dev/shm/keelboot-hostile-XXXXXX");
}

bool world_begin(int *argc, char **argv, int least)
{
	verify = strcmp(argv[*argc - 1], "verify-first") == 0;
	*argc -= verify;
	world_must(*argc >= least, "how it is called stands in its source");
	helper_path = argv[1];
	world_must(mkdtemp(folder) != NULL, "no temporary folder");
	make_slot(0);
	make_slot(1);
	atexit(remove_folder);
	make_state();
	log_set_level((enum log_level)0);
	world_must(world_keys(argv[2]) == KB_OK, "no keys");
	return verify;
}

enum kb_err world_keys(const char *dir)
{
	keyring_free(&keys);
	return keyring_open(&keys, dir, 1);
}

static void reset(void)
{
	if (state_dev.writes > 0)
		memory_reset(&state_dev);
	for (unsigned i = 0; i < 2 && touched; i++)
		memset(slot[i], WORLD_FILL, slot_size);
	touched = false;
	store = base_store;
	state = base_state;
}

struct world_verdict world_try(int fd, bool raw)
{
	static struct apply_file_job job;
	struct world_verdict v = { 0 };

	reset();
	job = (struct apply_file_job){
		.fd = fd,
		.name = "hostile",
		.raw = raw,
		.compatible = "test-board",
		.copies = "",
		.keys = &keys,
		.store = &store,
		.state = &state,
		.mountable = 1,
		.source = STATE_SRC_USB,
		.mode = PLAN_AUTOMATIC,
		.want = STATE_NONE,
		.verify_first = verify,
		.helper = helper_path,
	};
	for (unsigned i = 0; i < 2; i++) {
		job.slot[i].nparts = 1;
		snprintf(job.slot[i].part[0].cls, sizeof(job.slot[i].part[0].cls), "root");
		snprintf(job.slot[i].part[0].path, sizeof(job.slot[i].part[0].path), "%s",
			 slot_path[i]);
	}
	v.err = apply_file_install(&job);
	v.blame = job.blame;
	v.known = job.verified;
	v.slot_written = !is_filled(slot[1], WORLD_FILL, slot_size);
	v.other_written = !is_filled(slot[0], WORLD_FILL, slot_size);
	v.state_written = state_dev.writes > 0;
	touched = v.slot_written || v.other_written;
	if (v.state_written)
		load();
	v.on_trial = state.slot[1].st == STATE_TRIAL || state.slot[1].st == STATE_GOOD;
	v.other_written |= state.slot[0].st != STATE_GOOD || state.slot[0].sequence != 1;
	snprintf(v.why, sizeof(v.why), "%s", job.why);
	return v;
}

/* ---------------------------------------------------------------- files */

uint8_t *world_read_file(const char *path, uint64_t *size)
{
	KB_CLEANUP_FD int fd = open(path, O_RDONLY | O_CLOEXEC);
	off_t end = fd < 0 ? -1 : lseek(fd, 0, SEEK_END);
	uint8_t *p = end < 0 ? NULL : malloc((size_t)end + 1);

	world_must(p != NULL, path);
	world_must(pread(fd, p, (size_t)end, 0) == (ssize_t)end, path);
	*size = (uint64_t)end;
	return p;
}

int world_memfd(const void *data, uint64_t size)
{
	int fd = memfd_create("hostile", MFD_CLOEXEC);

	world_must(fd >= 0 && write(fd, data, size) == (ssize_t)size, "no memory for a bundle");
	return fd;
}

int world_open(const char *path)
{
	uint64_t size;
	uint8_t *p = world_read_file(path, &size);
	int fd = world_memfd(p, size);

	free(p);
	return fd;
}
