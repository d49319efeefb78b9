/* SPDX-License-Identifier: Apache-2.0 */
#include "initramfs/prober/prober_state.h"

#include "lib/util.h"
#include "selector/store.h"

#include <string.h>
#include <unistd.h>

_Static_assert(sizeof(((struct prober_part *)0)->pin) > STATE_STR_MAX, "the pin has room");

/* A range of the disk, read through its descriptor. */
struct range {
	struct bdev bdev;
	int fd;
	uint64_t start;
};

static enum kb_err read_part(struct bdev *b, uint64_t off, void *buf, size_t len)
{
	const struct range *r = (struct range *)b;
	uint8_t *p = buf;

	while (len > 0) {
		ssize_t n = pread(r->fd, p, len, (off_t)(r->start + off));

		if (n <= 0)
			return KB_EIO;
		p += n;
		off += (uint64_t)n;
		len -= (size_t)n;
	}
	return KB_OK;
}

static enum kb_err refuse_write(struct bdev *b, uint64_t off, const void *buf, size_t len)
{
	(void)b;
	(void)off;
	(void)buf;
	(void)len;
	return KB_EPERM;
}

static enum kb_err flush_nothing(struct bdev *b)
{
	(void)b;
	return KB_OK;
}

static const struct bdev_ops ops = {
	.read = read_part,
	.write = refuse_write,
	.flush = flush_nothing,
};

void prober_state_part(int fd, struct prober_part *part)
{
	static struct state s;
	struct range r = { .bdev = { .ops = &ops, .sector = 512 }, .fd = fd, .start = part->start };
	enum store_finding found = STORE_LOST;
	struct store store;

	r.bdev.size = part->size - part->size % BDEV_ALIGN;
	if (part->flags & PROBER_PART_UNREADABLE || r.bdev.size < STORE_MIN_SIZE ||
	    !store_is_likely(&r.bdev) || store_load(&store, &r.bdev, &s, &found) != KB_OK ||
	    found != STORE_FOUND)
		return;
	part->flags |= PROBER_PART_STATE;
	util_print_safe(part->pin, sizeof(part->pin), s.disk);
}
