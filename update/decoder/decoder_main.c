/* SPDX-License-Identifier: Apache-2.0 */
/* The decoder's side. After main's first lines it holds no descriptor but the socket, and that of
 * the seed, which it can only read. */
#include "update/decoder/decoder_main.h"
#include "update/decoder/decoder_limits.h"
#include "update/wire/decoder_wire.h"
#include "update/decoder/decoder_patch.h"
#include "update/decoder/decoder_zstd.h"
#include "update/decoder/remake.h"
#include "lib/log.h"
#include "lib/os_worker.h"

#include <unistd.h>

static struct remake remaker;

static enum kb_err send_reply(uint32_t slot, uint32_t status)
{
	struct decoder_answer a = { slot, status };

	return os_worker_reply(&a, sizeof(a));
}

static enum kb_err read_seed(void *ctx, uint64_t off, void *buf, size_t len)
{
	(void)ctx;
	return os_worker_given(off, buf, len);
}

static enum kb_err remake(uint8_t *dst, const uint8_t *area, const struct decoder_ask *q,
			  const struct delta_seed *seed)
{
	const struct remake_chunk c = {
		.packer = (enum remake_packer)(q->form - READER_REMAKE_ZLIB),
		.at = q->at,
		.stored = area,
		.stored_len = q->stored,
	};

	return remake_chunk(&remaker, dst, q->plain, &c, seed);
}

static enum kb_err decode(uint8_t *shared, const struct decoder_ask *q)
{
	const struct delta_seed seed = { .size = q->seed, .read = read_seed };
	uint8_t *area, *dst;

	if (q->slot >= DECODER_SLOTS || q->stored > DECODER_WIRE_STORED_MAX ||
	    q->plain > MANIFEST_CHUNK_MAX)
		return KB_EFORMAT;
	area = shared + (size_t)q->slot * DECODER_WIRE_AREA;
	dst = area + DECODER_WIRE_STORED_MAX;
	if (q->fresh)
		decoder_zstd_forget();
	switch (q->form) {
	case READER_ZSTD:
	case READER_ZSTD_NEXT:
		return decoder_zstd(q->form == READER_ZSTD, dst, q->plain, area, q->stored);
	case READER_COPY:
		return decoder_patch_copy(dst, q->plain, q->at, area, q->stored, &seed);
	case READER_PATCH:
		return decoder_patch(dst, q->plain, q->at, area, q->stored, &seed);
	case READER_REMAKE_ZLIB:
	case READER_REMAKE_XZ:
	case READER_REMAKE_ZSTD:
	case READER_REMAKE_LZ4:
		return remake(dst, area, q, &seed);
	case READER_RAW:
		return q->stored == q->plain ? decoder_zstd_know(area, q->plain) : KB_EFORMAT;
	default:
		return KB_EFORMAT;
	}
}

static enum decoder_status status_of(enum kb_err err)
{
	if (err == KB_OK)
		return DECODER_DONE;
	return err == KB_EIO ? DECODER_NO_SEED : DECODER_BAD;
}

/* Until the parent closes its end. */
static int serve(uint8_t *shared)
{
	for (;;) {
		struct decoder_ask q;
		enum kb_err err = os_worker_take(&q, sizeof(q));

		if (err == KB_OK)
			err = send_reply(q.slot, status_of(decode(shared, &q)));
		if (err != KB_OK)
			return err == KB_ENOENT ? 0 : 1;
	}
}

int decoder_main(void)
{
	const size_t len = (size_t)DECODER_SLOTS * DECODER_WIRE_AREA;
	uint8_t *shared;
	int rc;

	log_set_name("keelboot-decoder");
	if (os_worker_memory(len, &shared) != KB_OK) {
		log_err("decoder: unable to map the shared memory: only Keelboot can start it");
		return 1;
	}
	if (decoder_zstd_init() != KB_OK || decoder_patch_init() != KB_OK ||
	    remake_init(&remaker) != KB_OK) {
		log_err("decoder: this libzstd needs more memory than it is given");
		return 1;
	}
	remake_prepare();
	if (decoder_limits_privileges() != KB_OK || decoder_limits_syscalls() != KB_OK)
		_exit(1);
	rc = send_reply(0, DECODER_WIRE_HELLO) == KB_OK ? serve(shared) : 1;
	_exit(rc);
}
