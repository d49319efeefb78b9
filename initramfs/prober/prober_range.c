/* SPDX-License-Identifier: Apache-2.0 */
#include "initramfs/prober/prober_range.h"

#include <unistd.h>

static enum kb_err read_range(struct bdev *b, uint64_t off, void *buf, size_t len)
{
	const struct prober_range *r = (struct prober_range *)b;
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
	.read = read_range,
	.write = refuse_write,
	.flush = flush_nothing,
};

void prober_range_set(struct prober_range *r, int fd, uint64_t start, uint64_t len)
{
	*r = (struct prober_range){
		.bdev = { .ops = &ops, .sector = 512, .size = len - len % BDEV_ALIGN },
		.fd = fd,
		.start = start,
	};
}
