/* SPDX-License-Identifier: Apache-2.0 */
/* The simulation's block devices: bdev_file_open() finds those that the fixture has laid out. */
#include "tests/sim/os_sim_int.h"

#include "lib/bdev_ranges.h"
#include "lib/util.h"

#include <sys/mman.h>

#define DEVS_MAX 8
#define OPEN_MAX 16

static struct {
	char path[64];
	struct bdev *dev, *direct;
} devs[DEVS_MAX];

static struct open {
	const struct bdev_file *file; /* NULL: free */
	unsigned dev;
	struct bdev *to;
	bool write;
} opens[OPEN_MAX];
static struct {
	int fd; /* 0: none */
	unsigned dev;
} by_fd;
static bool quiet;

void os_sim_bdev_reset(void)
{
	memset(devs, 0, sizeof(devs));
	memset(opens, 0, sizeof(opens));
	memset(&by_fd, 0, sizeof(by_fd));
	quiet = false;
}

/* Its index; that of the first free one, or DEVS_MAX: it was not laid out. */
static unsigned find_dev(const char *path)
{
	unsigned i = 0;

	while (i < DEVS_MAX && devs[i].dev != NULL && strcmp(devs[i].path, path) != 0)
		i++;
	return i;
}

void os_sim_bdev(const char *path, struct bdev *dev)
{
	unsigned i = find_dev(path);

	if (i == DEVS_MAX)
		abort();
	snprintf(devs[i].path, sizeof(devs[i].path), "%s", path);
	devs[i].dev = devs[i].direct = dev;
}

void os_sim_bdev_direct(const char *path, struct bdev *dev)
{
	devs[find_dev(path)].direct = dev;
}

void os_sim_bdev_fd(int fd, const char *path)
{
	by_fd = (typeof(by_fd)){ fd, find_dev(path) };
}

void os_sim_bdev_quiet(void)
{
	quiet = true;
}

static struct open *find_open(const void *b)
{
	for (unsigned i = 0; i < OPEN_MAX; i++) {
		if (opens[i].file == b)
			return &opens[i];
	}
	return NULL;
}

struct bdev *os_sim_bdev_of(int fd)
{
	for (unsigned i = 0; i < OPEN_MAX; i++) {
		if (opens[i].file != NULL && opens[i].file->fd == fd)
			return opens[i].to;
	}
	return NULL;
}

static enum kb_err sim_read(struct bdev *b, uint64_t off, void *buf, size_t len)
{
	struct open *o = find_open(b);

	return o == NULL || os_sim_over() ? KB_EIO : bdev_read(o->to, off, buf, len);
}

/* Whether a call that changes something may happen; a line of the trace. */
static enum kb_err change(const struct open *o, const char *verb, uint64_t off, uint64_t len)
{
	if (o == NULL)
		return KB_EIO;
	if (quiet)
		return o->write ? KB_OK : KB_EPERM;
	return os_sim_call(o->write ? KB_OK : KB_EPERM, "%s %s at %llu KiB, %llu bytes", verb,
			   devs[o->dev].path, (unsigned long long)off >> 10,
			   (unsigned long long)len);
}

static enum kb_err sim_write(struct bdev *b, uint64_t off, const void *buf, size_t len)
{
	struct open *o = find_open(b);

	TRY(change(o, "write", off, len));
	return bdev_write(o->to, off, buf, len);
}

static enum kb_err sim_zero(struct bdev *b, uint64_t off, uint64_t len)
{
	struct open *o = find_open(b);

	TRY(change(o, "zero", off, len));
	return bdev_zero(o->to, off, len);
}

static enum kb_err sim_discard(struct bdev *b, uint64_t off, uint64_t len)
{
	struct open *o = find_open(b);

	TRY(change(o, "discard", off, len));
	return bdev_discard(o->to, off, len);
}

static enum kb_err sim_flush(struct bdev *b)
{
	struct open *o = find_open(b);

	if (o == NULL)
		return KB_EIO;
	if (!quiet)
		TRY(os_sim_call(KB_OK, "flush %s", devs[o->dev].path));
	return bdev_flush(o->to);
}

static enum kb_err sim_flush_range(struct bdev *b, uint64_t off, uint64_t len)
{
	struct open *o = find_open(b);

	if (o == NULL)
		return KB_EIO;
	if (!quiet)
		TRY(os_sim_call(KB_OK, "flush %s at %llu KiB, %llu bytes", devs[o->dev].path,
				(unsigned long long)off >> 10, (unsigned long long)len));
	return bdev_flush_range(o->to, off, len);
}

static enum kb_err sim_drop_cache(struct bdev *b, uint64_t off, uint64_t len)
{
	struct open *o = find_open(b);

	return o == NULL || os_sim_over() ? KB_EIO : bdev_drop_cache(o->to, off, len);
}

static const struct bdev_ops sim_ops = {
	.read = sim_read,
	.write = sim_write,
	.flush = sim_flush,
	.zero = sim_zero,
	.discard = sim_discard,
	.drop_cache = sim_drop_cache,
};

static const struct bdev_ops sim_ranged_ops = {
	.read = sim_read,
	.write = sim_write,
	.flush = sim_flush,
	.flush_range = sim_flush_range,
	.zero = sim_zero,
	.discard = sim_discard,
	.drop_cache = sim_drop_cache,
};

void bdev_ranges_use(struct bdev_file *readback, const struct bdev_file *writer)
{
	if (find_open(readback) == NULL || find_open(writer) == NULL || !find_open(writer)->write)
		abort();
	readback->bdev.ops = &sim_ranged_ops;
	readback->writer = writer->fd;
}

/* Two paths of one device are one. */
static struct bdev_id id_of(unsigned dev)
{
	return (struct bdev_id){ BDEV_ID_DEVICE, (uintptr_t)devs[dev].dev, 0 };
}

struct bdev_id bdev_file_id(const char *path)
{
	unsigned i = find_dev(path);

	return i < DEVS_MAX && devs[i].dev != NULL ? id_of(i) : (struct bdev_id){ 0 };
}

static void attach(struct open *o, struct bdev_file *b, unsigned dev, bool write, bool direct)
{
	*o = (struct open){ .file = b, .dev = dev, .write = write };
	o->to = direct ? devs[dev].direct : devs[dev].dev;
	b->bdev = *devs[dev].dev;
	b->bdev.ops = &sim_ops;
	b->block = true;
	b->id = id_of(dev);
}

enum kb_err bdev_file_open(struct bdev_file *b, const char *path, unsigned flags)
{
	struct open *o = find_open(NULL);
	unsigned i = find_dev(path);

	*b = (struct bdev_file){ .fd = -1 };
	if (o == NULL)
		return KB_EIO;
	TRY(OS_SIM_CALL("bdev_file_open", i < DEVS_MAX && devs[i].dev != NULL ? KB_OK : KB_ENOENT,
			"open %s%s%s", path, flags & BDEV_FILE_WRITE ? " rw" : " ro",
			flags & BDEV_FILE_EXCL ? " excl" : ""));
	attach(o, b, i, flags & BDEV_FILE_WRITE, flags & BDEV_FILE_DIRECT);
	b->bytes = b->bdev.size;
	/* Something real to lock. */
	b->fd = memfd_create("bdev", MFD_CLOEXEC);
	return KB_OK;
}

enum kb_err bdev_file_from_fd(struct bdev_file *b, int fd)
{
	struct open *o = find_open(b) != NULL ? find_open(b) : find_open(NULL);

	*b = (struct bdev_file){ .fd = -1 };
	TRY(os_sim_turn("bdev_file_from_fd"));
	if (fd != by_fd.fd || by_fd.fd == 0 || o == NULL)
		return KB_EINVAL;
	attach(o, b, by_fd.dev, true, true);
	b->fd = fd;
	return KB_OK;
}

/* A trace does not look what is in a device. */
bool bdev_file_is_member(struct bdev_file *b)
{
	(void)b;
	return false;
}

void bdev_file_close(struct bdev_file *b)
{
	struct open *o = find_open(b);

	if (o != NULL)
		o->file = NULL;
	util_close(&b->fd);
}
