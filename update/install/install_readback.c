/* SPDX-License-Identifier: Apache-2.0 */
#include "update/install/install_readback.h"
#include "lib/bytes.h"
#include "lib/os_clock.h"

#include <errno.h>
#include <string.h>
#include <time.h>

/* Devices are quick when asked for much at once: neighbours are read together. */
static uint8_t back[MANIFEST_CHUNK_MAX] __attribute__((aligned(BDEV_ALIGN)));

static enum kb_err check_item(struct install_readback *rb, const struct install_readback_item *it,
			      const uint8_t *data)
{
	uint8_t got[DIGEST_LEN];

	if (it->zero)
		return bytes_all(data, it->len, 0) ? KB_OK : KB_EIO;
	TRY(digest_buf(&rb->digest, data, it->len, got));
	return memcmp(got, it->hash, sizeof(got)) == 0 ? KB_OK : KB_EIO;
}

/* How many items from the first one on lie side by side and fit the buffer. */
static unsigned count_neighbours(const struct install_readback_item *it, unsigned n, uint32_t *len)
{
	unsigned i = 1;

	for (*len = it->len; i < n && it[i].off == it->off + *len; i++) {
		if (it[i].len > sizeof(back) - *len)
			break;
		*len += it[i].len;
	}
	return i;
}

static enum kb_err check_run(struct install_readback *rb, struct bdev *dev,
			     const struct install_readback_item *it, unsigned n, uint32_t len)
{
	const uint8_t *data = back;

	if (n == 1 && it->zero && bdev_is_zero(dev, it->off, len))
		return KB_OK;
	TRY(bdev_drop_cache(dev, it->off, len));
	TRY(bdev_read(dev, it->off, back, len));
	for (unsigned i = 0; i < n; i++) {
		TRY(check_item(rb, &it[i], data));
		data += it[i].len;
	}
	return KB_OK;
}

static void count_done(struct install_readback *rb, uint64_t bytes)
{
	pthread_mutex_lock(&rb->lock);
	rb->done += bytes;
	pthread_mutex_unlock(&rb->lock);
}

static enum kb_err check_segment(struct install_readback *rb,
				 const struct install_readback_segment *s, uint64_t *off)
{
	*off = s->from;
	TRY(bdev_flush_range(s->dev, s->from, s->to - s->from));
	for (unsigned i = 0; i < s->n;) {
		uint32_t len;
		unsigned n = count_neighbours(&s->item[i], s->n - i, &len);

		*off = s->item[i].off;
		TRY(check_run(rb, s->dev, &s->item[i], n, len));
		count_done(rb, len);
		i += n;
	}
	return KB_OK;
}

static struct install_readback_segment *segment_of(struct install_readback *rb, unsigned n)
{
	return &rb->seg[n % INSTALL_READBACK_RING];
}

/* Checks the oldest segment, and frees it. Called with the lock held. */
static void check_oldest_segment(struct install_readback *rb)
{
	struct install_readback_segment *s = segment_of(rb, rb->read);
	enum kb_err err;
	uint64_t off;

	pthread_mutex_unlock(&rb->lock);
	err = check_segment(rb, s, &off);
	pthread_mutex_lock(&rb->lock);
	if (err != KB_OK && rb->err == KB_OK) {
		rb->err = KB_EIO;
		rb->err_dev = s->dev;
		rb->err_off = off;
	}
	s->n = 0;
	s->bytes = 0;
	rb->read++;
	pthread_cond_broadcast(&rb->changed);
}

static void *thread_main(void *arg)
{
	struct install_readback *rb = arg;

	pthread_mutex_lock(&rb->lock);
	while (!rb->quit) {
		if (rb->read != rb->filled)
			check_oldest_segment(rb);
		else
			pthread_cond_wait(&rb->changed, &rb->lock);
	}
	pthread_mutex_unlock(&rb->lock);
	return NULL;
}

static enum kb_err start_thread(struct install_readback *rb)
{
	pthread_condattr_t ca;
	pthread_attr_t ta;
	int rc;

	pthread_condattr_init(&ca);
	pthread_condattr_setclock(&ca, CLOCK_MONOTONIC);
	pthread_cond_init(&rb->changed, &ca);
	pthread_mutex_init(&rb->lock, NULL);
	pthread_attr_init(&ta);
	pthread_attr_setstacksize(&ta, 256u << 10);
	rc = rb->threaded ? pthread_create(&rb->thread, &ta, thread_main, rb) : 0;
	pthread_attr_destroy(&ta);
	pthread_condattr_destroy(&ca);
	return rc == 0 ? KB_OK : KB_EIO;
}

enum kb_err install_readback_begin(struct install_readback *rb, bool threaded)
{
	memset(rb, 0, sizeof(*rb));
	rb->threaded = threaded;
	rb->most = INSTALL_READBACK_BYTES;
	TRY(digest_init(&rb->digest));
	if (start_thread(rb) != KB_OK) {
		digest_free(&rb->digest);
		return KB_EIO;
	}
	rb->started = true;
	return KB_OK;
}

void install_readback_image(struct install_readback *rb, uint64_t size)
{
	rb->most = size / 8;
	if (rb->most < INSTALL_READBACK_LEAST)
		rb->most = INSTALL_READBACK_LEAST;
	if (rb->most > INSTALL_READBACK_BYTES)
		rb->most = INSTALL_READBACK_BYTES;
}

static void wait_changed(struct install_readback *rb, unsigned timeout_ms)
{
	uint64_t end = os_clock_ms() + timeout_ms;
	const struct timespec ts = {
		.tv_sec = (time_t)(end / 1000),
		.tv_nsec = (long)(end % 1000) * 1000000,
	};

	pthread_cond_timedwait(&rb->changed, &rb->lock, &ts);
}

enum kb_err install_readback_push(struct install_readback *rb)
{
	const struct install_readback_segment *s = segment_of(rb, rb->filled);
	enum kb_err err;

	if (s->n > 0)
		bdev_write_out(s->dev, s->from, s->to - s->from);
	pthread_mutex_lock(&rb->lock);
	if (s->n > 0) {
		rb->filled++;
		if (rb->threaded)
			pthread_cond_broadcast(&rb->changed);
		else
			check_oldest_segment(rb);
		while (rb->filled - rb->read == INSTALL_READBACK_RING)
			wait_changed(rb, 1000);
	}
	err = rb->err;
	pthread_mutex_unlock(&rb->lock);
	return err;
}

enum kb_err install_readback_add(struct install_readback *rb, struct bdev *dev, uint64_t off,
				 uint32_t len, const uint8_t *hash, bool zero)
{
	struct install_readback_segment *s = segment_of(rb, rb->filled);
	struct install_readback_item *it;

	if (s->n > 0 && (s->dev != dev || s->n == INSTALL_READBACK_ITEMS || s->bytes >= rb->most)) {
		TRY(install_readback_push(rb));
		s = segment_of(rb, rb->filled);
	}
	s->dev = dev;
	if (s->n == 0 || off < s->from)
		s->from = off;
	if (s->n == 0 || off + len > s->to)
		s->to = off + len;
	it = &s->item[s->n++];
	*it = (struct install_readback_item){ .off = off, .len = len, .zero = zero };
	if (!zero)
		memcpy(it->hash, hash, sizeof(it->hash));
	s->bytes += len;
	rb->added += len;
	return KB_OK;
}

enum kb_err install_readback_wait(struct install_readback *rb, unsigned timeout_ms, uint64_t *done)
{
	enum kb_err err;

	pthread_mutex_lock(&rb->lock);
	if (rb->read != rb->filled)
		wait_changed(rb, timeout_ms);
	*done = rb->done;
	err = rb->err != KB_OK ? rb->err : rb->read != rb->filled ? KB_ETIMEDOUT : KB_OK;
	pthread_mutex_unlock(&rb->lock);
	return err;
}

void install_readback_end(struct install_readback *rb)
{
	if (!rb->started)
		return;
	pthread_mutex_lock(&rb->lock);
	rb->quit = true;
	pthread_cond_broadcast(&rb->changed);
	pthread_mutex_unlock(&rb->lock);
	if (rb->threaded)
		pthread_join(rb->thread, NULL);
	pthread_cond_destroy(&rb->changed);
	pthread_mutex_destroy(&rb->lock);
	digest_free(&rb->digest);
	rb->started = false;
}
