/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The chunks of an image on their way through the decoder: stored bytes of a signed bundle, and a
 * decoder that says and writes what the input tells it to. Whatever it does, what comes out is what
 * was signed, or an error.
 */
#include "cli/bundle/bundle_table.h"
#include "lib/bytes.h"
#include "lib/util.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/fuzz_bundle.h"
#include "update/wire/decoder_wire.h"
#include "update/install/install_pipe.h"

#include <fcntl.h>
#include <openssl/evp.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#define CHUNK	   16384u
#define CHUNKS_MAX 9u
#define SHARED_LEN ((size_t)DECODER_SLOTS * DECODER_WIRE_AREA)

/* What the decoder does with a request. */
enum act {
	ACT_HONEST,
	ACT_OTHER_BYTES,
	ACT_OTHER_SLOT,
	ACT_SAYS_NO,
	ACT_OTHER_STATUS,
	ACT_SHORT,
	ACT_LONG,
	ACT_TWICE,
	ACT_ENDS,
	ACT_COUNT
};

static struct {
	unsigned n;
	struct {
		enum reader_form form;
		uint32_t len, stored;
		uint8_t fill;
		enum act act;
		bool have, wrong_hash;
	} c[CHUNKS_MAX];
	uint8_t payload[CHUNKS_MAX * (CHUNK + READER_STORED_MORE)];
	size_t payload_len;
	uint8_t hashes[CHUNKS_MAX * DIGEST_LEN];
	uint8_t pages[READER_PAGE];
	size_t pages_len;
	bool honest; /* nothing is wrong with any of it */
} s;

static struct reader reader;
static struct install_pipe pipe_;
static struct digest digest;
static int peer = -1;

static void plain_of(unsigned i, uint8_t *out)
{
	memset(out, s.c[i].form == READER_ZERO ? 0 : s.c[i].fill, s.c[i].len);
	if (s.c[i].form != READER_ZERO)
		bytes_put32(out, i + 1);
}

static void take_chunk(struct fuzz_in *in, unsigned i)
{
	uint8_t how = fuzz_u8(in), act = fuzz_u8(in);

	s.c[i].form = (enum reader_form)(how % 3);
	s.c[i].have = (how & 0xc0) == 0xc0;
	s.c[i].wrong_hash = (how & 0x38) == 0x38;
	s.c[i].act = act < 0x80 ? ACT_HONEST : (enum act)(act % ACT_COUNT);
	s.c[i].fill = fuzz_u8(in);
	s.c[i].len = i + 1 < s.n ? CHUNK : 4096;
	s.c[i].stored = s.c[i].form == READER_ZERO  ? 0
			: s.c[i].form == READER_RAW ? s.c[i].len
						    : 1u + fuzz_u16(in) % (s.c[i].len + 4096);
	if (s.c[i].wrong_hash || (s.c[i].form == READER_ZSTD && s.c[i].act != ACT_HONEST))
		s.honest = false;
}

static void make_chunk(struct bundle_table *t, unsigned i)
{
	static uint8_t plain[CHUNK];
	uint8_t *hash = s.hashes + (size_t)i * DIGEST_LEN;

	plain_of(i, plain);
	FUZZ_CHECK(EVP_Digest(plain, s.c[i].len, hash, NULL, EVP_sha256(), NULL) == 1);
	hash[31] ^= s.c[i].wrong_hash;
	FUZZ_CHECK(bundle_table_record(t, i, s.payload_len, s.c[i].form, s.c[i].stored) == KB_OK);
	if (s.c[i].form == READER_RAW)
		memcpy(s.payload + s.payload_len, plain, s.c[i].len);
	else
		memset(s.payload + s.payload_len, 0x10 + (int)i, s.c[i].stored);
	s.payload_len += s.c[i].stored;
}

static int make_bundle(struct fuzz_in *in, uint64_t *size)
{
	struct bundle_table t = { 0 };
	struct fuzz_image im = { .chunk = CHUNK,
				 .hashes = s.hashes,
				 .pages = s.pages,
				 .payload = s.payload,
				 .sign = true };
	int fd;

	s.n = 1 + fuzz_u8(in) % CHUNKS_MAX;
	s.honest = true;
	s.payload_len = 0;
	for (unsigned i = 0; i < s.n; i++)
		take_chunk(in, i);
	/* What a chunk rests upon that the slot has: unit/install_pipe_test. */
	for (unsigned i = s.n, wanted = 0; i-- > 0;) {
		s.c[i].have &= s.c[i].form != READER_ZSTD || !wanted;
		wanted |= s.c[i].form == READER_ZSTD && !s.c[i].have;
	}
	for (unsigned i = 0; i < s.n; i++)
		make_chunk(&t, i);
	FUZZ_CHECK(t.len <= sizeof(s.pages));
	memcpy(s.pages, t.pages, t.len);
	im.pages_len = t.len;
	bundle_table_free(&t);
	im.size = (uint64_t)(s.n - 1) * CHUNK + 4096;
	im.payload_len = s.payload_len;
	*size = fuzz_bundle_build(&im, &fd);
	return fd;
}

/* ---------------------------------------------------------------- the other side */

static void say(uint32_t slot, uint32_t status, size_t len)
{
	uint32_t a[4] = { slot, status, 0, 0 };

	/* Nobody may be there to hear it. */
	if (send(peer, a, len, MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
		return;
}

/* Called before the chunk's stored bytes are read: the request that follows is for the slot that is
 * next. The answer lies there when it is asked for. */
static bool on_chunk(void *ctx, const struct reader_chunk *c)
{
	struct decoder *d = &pipe_.dec;
	uint32_t slot = (uint32_t)(d->asked % DECODER_SLOTS);
	uint8_t *out = d->worker.shared + slot * d->area + DECODER_WIRE_STORED_MAX;
	enum act act = s.c[c->index].act;

	(void)ctx;
	FUZZ_CHECK(c->index < s.n && c->stored == s.c[c->index].stored);
	if (s.c[c->index].have)
		return true;
	if (c->form != READER_ZSTD)
		return false;
	plain_of(c->index, out);
	if (act == ACT_OTHER_BYTES)
		out[s.c[c->index].fill] ^= 1;
	if (act == ACT_ENDS && s.c[c->index].fill & 1) {
		close(peer);
		peer = -1;
	} else if (act == ACT_ENDS) {
		shutdown(peer, SHUT_WR);
	}
	if (act == ACT_ENDS)
		return false;
	if (act == ACT_SHORT || act == ACT_LONG)
		say(slot, 0,
		    act == ACT_LONG	     ? 12
		    : s.c[c->index].fill & 1 ? 7
					     : 4); /* an errno: the program did not start */
	else
		say(slot + (act == ACT_OTHER_SLOT),
		    act == ACT_SAYS_NO	      ? 1
		    : act == ACT_OTHER_STATUS ? s.c[c->index].fill | 2u
					      : 0,
		    sizeof(struct decoder_answer));
	if (act == ACT_TWICE)
		say(slot, 0, sizeof(struct decoder_answer));
	return false;
}

static void start_decoder(void)
{
	static uint8_t *shared;
	int pair[2];

	if (shared == NULL)
		shared = mmap(NULL, SHARED_LEN, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
			      -1, 0);
	FUZZ_CHECK(shared != MAP_FAILED);
	FUZZ_CHECK(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) == 0);
	peer = pair[1];
	pipe_.dec = (struct decoder){
		.worker = { .pid = -1, .sock = pair[0], .shared = shared, .len = SHARED_LEN },
		.area = DECODER_WIRE_AREA,
		.slots = DECODER_SLOTS,
	};
	pipe_.decoding = true;
}

/* ---------------------------------------------------------------- the run */

static void check_chunk(const struct install_pipe_chunk *out, unsigned i)
{
	const uint8_t *hash = s.hashes + (size_t)i * DIGEST_LEN;
	static const uint8_t zero[CHUNK];

	FUZZ_CHECK(i < s.n && out->c.index == i && out->c.len == s.c[i].len);
	FUZZ_CHECK(memcmp(out->c.hash, hash, DIGEST_LEN) == 0);
	if (out->had) {
		FUZZ_CHECK(out->plain == NULL && s.c[i].have);
		return;
	}
	FUZZ_CHECK(out->plain == NULL || out->plain < pipe_.dec.worker.shared ||
		   out->plain >= pipe_.dec.worker.shared + SHARED_LEN);
	FUZZ_CHECK((out->plain == NULL) == (s.c[i].form == READER_ZERO));
	FUZZ_CHECK(fuzz_bundle_digest_is(out->plain != NULL ? out->plain : zero, out->c.len, hash));
}

static enum kb_err go(const struct manifest_encoding *enc)
{
	struct install_pipe_chunk out;
	enum kb_err err = install_pipe_begin(&pipe_, 0, enc);
	unsigned i = 0;

	while (err == KB_OK) {
		err = install_pipe_next(&pipe_, &out);
		if (err == KB_OK)
			check_chunk(&out, i++);
	}
	FUZZ_CHECK(err != KB_ENOENT || i == s.n);
	FUZZ_CHECK(err == KB_OK || err == KB_ENOENT ||
		   (pipe_.why[0] != '\0' && fuzz_printable(pipe_.why, sizeof(pipe_.why))));
	return err;
}

/* A walk that is given up: the next one does not hear the answers that are still on their way. */
static void check_again(const struct manifest_encoding *enc)
{
	struct install_pipe_chunk out;
	enum kb_err err = install_pipe_begin(&pipe_, 0, enc);

	if (err != KB_OK || install_pipe_next(&pipe_, &out) != KB_OK ||
	    pipe_.dec.asked == pipe_.dec.answered)
		return;
	/* The descriptor and the memory are this file's to keep. */
	pipe_.dec.worker.sock = fcntl(pipe_.dec.worker.sock, F_DUPFD_CLOEXEC, 3);
	pipe_.dec.worker.shared = NULL;
	FUZZ_CHECK(install_pipe_begin(&pipe_, 0, enc) == KB_OK && !pipe_.decoding);
	FUZZ_CHECK(pipe_.dec.worker.sock == -1);
}

/* What the caller may not ask for; and a decoder that says nothing. */
static void check_misuse(struct decoder *d)
{
	static uint8_t out[64];

	FUZZ_CHECK(decoder_ask(d, READER_ZSTD, DECODER_WIRE_STORED_MAX + 1, 1) == KB_EINVAL);
	FUZZ_CHECK(decoder_ask(d, READER_ZSTD, 1, MANIFEST_CHUNK_MAX + 1) == KB_EINVAL);
	if (d->asked == d->answered)
		FUZZ_CHECK(decoder_get(d, out, 1, 0) == KB_EINVAL);
	if (d->asked == d->answered && decoder_ask(d, READER_ZSTD, 1, 1) == KB_OK)
		FUZZ_CHECK(decoder_get(d, out, 1, 0) != KB_EINVAL);
}

void fuzz_one(const uint8_t *data, size_t size)
{
	struct fuzz_in in = { data, size };
	uint8_t how = fuzz_u8(&in);
	const struct manifest_encoding *enc;
	uint64_t len;
	enum kb_err err;
	int fd = make_bundle(&in, &len), sock;

	FUZZ_CHECK(len > 0);
	FUZZ_CHECK(reader_open(&reader, fd, false, len, fuzz_bundle_keys()) == KB_OK);
	FUZZ_CHECK(reader_pick_encoding(&reader, 0, NULL, &enc) == KB_OK);
	if (digest.ctx == NULL)
		FUZZ_CHECK(digest_init(&digest) == KB_OK);
	memset(&pipe_, 0, sizeof(pipe_));
	pipe_.r = &reader;
	pipe_.helper = "/nonexistent";
	pipe_.digest = &digest;
	pipe_.have = on_chunk;
	start_decoder();
	sock = pipe_.dec.worker.sock;
	if (how & 1) /* the medium is gone */
		FUZZ_CHECK(ftruncate(fd, (off_t)(len - 1 - how / 4)) == 0);
	if (how == 0x80) /* with its tables */
		FUZZ_CHECK(ftruncate(fd, (off_t)reader.h.tables_off + 40) == 0);
	if (how & 2) {
		check_again(enc);
	} else {
		err = go(enc);
		FUZZ_CHECK((how & 1) || how == 0x80 || !s.honest || err == KB_ENOENT);
		check_misuse(&pipe_.dec);
	}
	close(sock);
	util_close(&peer);
	reader_close(&reader);
}
