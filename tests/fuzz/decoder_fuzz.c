/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The decoder's own side: requests of any kind, and any stored bytes. The shipped decoder_main()
 * runs in this process, so its cage is left out here and its end is caught.
 */
#define ZSTD_STATIC_LINKING_ONLY /* ZSTD_getFrameHeader */
#include "tests/fuzz/fuzz.h"
#include "tests/unit/frame.h"
#include "update/install/decoder.h"
#include "update/decoder/decoder_main.h"
#include "update/decoder/decoder_limits.h"
#include "update/wire/decoder_wire.h"
#include "update/decoder/decoder_zstd.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>
#include <zstd.h>

#define REQUESTS_MAX 4u
#define SHARED_LEN   ((size_t)DECODER_SLOTS * DECODER_WIRE_AREA)
#define GUARD	     0xa5

static jmp_buf at_end;
static int exit_status;
enum kb_err decoder_limits_privileges(void)
{
	return KB_OK;
}

enum kb_err decoder_limits_syscalls(void)
{
	return KB_OK;
}

_Noreturn void fuzz_exit(int status);
_Noreturn void fuzz_exit(int status)
{
	exit_status = status;
	longjmp(at_end, 1);
}

static struct {
	uint8_t *shared;
	int memory, parent;
	unsigned n, whole; /* requests; those before the first that has another length */
	bool deaf;	   /* nobody takes the answers */
	struct decoder_ask q[REQUESTS_MAX];
	size_t qlen[REQUESTS_MAX];
	bool split; /* the second slot has what is behind the first half, the others the first */
	const uint8_t *stored;
	size_t len;
} s;

enum kb_err fuzz_memory(size_t len, uint8_t **shared);
enum kb_err fuzz_memory(size_t len, uint8_t **shared)
{
	FUZZ_CHECK(len == SHARED_LEN);
	*shared = s.shared;
	return KB_OK;
}

/* A seed, of which the last bytes cannot be read. */
#define SEED_LEN 8192u
#define SEED_BAD 16u

enum kb_err fuzz_given(uint64_t off, void *buf, size_t len);
enum kb_err fuzz_given(uint64_t off, void *buf, size_t len)
{
	uint8_t *p = buf;

	FUZZ_CHECK(len > 0 && off <= SEED_LEN && len <= SEED_LEN - off);
	for (size_t i = 0; i < len; i++)
		p[i] = (uint8_t)((off + i) * 7);
	return off + len > SEED_LEN - SEED_BAD ? KB_EIO : KB_OK;
}

static uint8_t *input_of(uint32_t slot)
{
	return s.shared + (size_t)slot * DECODER_WIRE_AREA;
}

static uint8_t *output_of(uint32_t slot)
{
	return input_of(slot) + DECODER_WIRE_STORED_MAX;
}

static void set_up(void)
{
	int pair[2];

	if (s.shared == NULL) {
		s.memory = memfd_create("shared", MFD_CLOEXEC);
		FUZZ_CHECK(ftruncate(s.memory, SHARED_LEN) == 0);
		s.shared = mmap(NULL, SHARED_LEN, PROT_READ | PROT_WRITE, MAP_SHARED, s.memory, 0);
		FUZZ_CHECK(s.shared != MAP_FAILED);
		for (uint32_t i = 0; i < DECODER_SLOTS; i++)
			memset(output_of(i), GUARD, MANIFEST_CHUNK_MAX);
	}
	FUZZ_CHECK(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) == 0);
	s.parent = fcntl(pair[0], F_DUPFD_CLOEXEC, 16);
	FUZZ_CHECK(s.parent >= 0 && dup2(pair[1], 15) == 15);
	close(pair[0]);
	close(pair[1]);
	FUZZ_CHECK(dup2(15, OS_WORKER_SOCK) >= 0 && dup2(s.memory, OS_WORKER_SHARED) >= 0);
	close(15);
}

/* The fields of an honest request are left out of the input; stored 0 stands for all there is. */
static void take_request(struct fuzz_in *in, unsigned i)
{
	struct decoder_ask *q = &s.q[i];
	uint8_t how = fuzz_u8(in);

	q->slot = how % 8; /* half of them do not exist */
	q->form = how & 0x08 ? fuzz_u32(in) : READER_ZSTD;
	q->fresh = q->form >> 8 & 1;
	q->form &= ~0x100u;
	q->plain = how & 0x10 ? fuzz_u32(in) : fuzz_u16(in);
	q->stored = how & 0x20 ? fuzz_u32(in) : 0;
	q->at = q->form < READER_FORMS && reader_form_is_seeded(q->form) ? fuzz_u16(in) : 0;
	q->seed = SEED_LEN;
	s.qlen[i] = (how & 0xc0) == 0xc0 ? fuzz_u8(in) % sizeof(*q) : sizeof(*q);
	if (s.qlen[i] != sizeof(*q) && s.whole == s.n)
		s.whole = i;
}

static const uint8_t *stored_of(uint32_t slot, size_t *len)
{
	size_t half = s.split ? s.len / 2 : s.len;

	*len = slot == 1 && s.split ? s.len - half : half;
	return slot == 1 && s.split ? s.stored + half : s.stored;
}

static size_t slot_len(uint32_t slot)
{
	size_t len;

	stored_of(slot, &len);
	return len;
}

static void send_requests(struct fuzz_in *in)
{
	uint8_t how = fuzz_u8(in);

	s.n = s.whole = 1 + how % REQUESTS_MAX;
	s.deaf = how & 0x80;
	s.split = how & 0x40;
	for (unsigned i = 0; i < s.n; i++)
		take_request(in, i);
	s.stored = fuzz_take(in, in->left, &s.len);
	for (uint32_t i = 0; i < DECODER_SLOTS; i++) {
		size_t len;
		const uint8_t *p = stored_of(i, &len);

		fuzz_copy(input_of(i), DECODER_WIRE_STORED_MAX, p, len);
	}
	for (unsigned i = 0; i < s.n; i++) {
		if (s.q[i].stored == 0)
			s.q[i].stored = (uint32_t)slot_len(s.q[i].slot);
		FUZZ_CHECK(send(s.parent, &s.q[i], s.qlen[i], 0) == (ssize_t)s.qlen[i]);
	}
	shutdown(s.parent, s.deaf ? SHUT_RDWR : SHUT_WR);
}

/* The begin of a frame that any decoder reads in little memory. */
static void check_frame(const uint8_t *p, size_t len)
{
	static const uint8_t head[5] = { 0x28, 0xb5, 0x2f, 0xfd, 0 };

	FUZZ_CHECK(len > 6 && memcmp(p, head, sizeof(head)) == 0 && p[5] <= 0x60);
}

/* What zstd itself makes of it, when nothing was before. */
static void check_decoded(const struct decoder_ask *q, bool first)
{
	uint8_t *want = malloc(q->plain + 1u);

	FUZZ_CHECK(want != NULL && q->slot < DECODER_SLOTS);
	FUZZ_CHECK(q->stored <= DECODER_WIRE_STORED_MAX && q->plain <= MANIFEST_CHUNK_MAX);
	FUZZ_CHECK(q->form == READER_ZSTD || q->form == READER_ZSTD_NEXT || q->form == READER_RAW ||
		   (q->form < READER_FORMS && reader_form_is_seeded(q->form)));
	FUZZ_CHECK(q->form != READER_ZSTD_NEXT || !first);
	FUZZ_CHECK(q->form != READER_RAW || q->stored == q->plain);
	if (q->form == READER_ZSTD) {
		check_frame(input_of(q->slot), q->stored);
		FUZZ_CHECK(!first || frame_read(want, q->plain, input_of(q->slot), q->stored));
		FUZZ_CHECK(!first || memcmp(want, output_of(q->slot), q->plain) == 0);
	}
	free(want);
}

/* Nobody writes behind what was asked for, nor over what is read; other slots stay as they are. */
static void check_guards(void)
{
	for (uint32_t i = 0; i < DECODER_SLOTS; i++) {
		uint8_t *out = output_of(i);
		const uint8_t *p;
		uint32_t end = 0;
		size_t len;

		for (unsigned k = 0; k < s.whole; k++)
			if (s.q[k].slot == i && s.q[k].plain > end &&
			    s.q[k].plain <= MANIFEST_CHUNK_MAX)
				end = s.q[k].plain;
		for (size_t at = end; at < MANIFEST_CHUNK_MAX; at += at < end + 64u ? 1 : 4093)
			FUZZ_CHECK(out[at] == GUARD);
		p = stored_of(i, &len);
		FUZZ_CHECK(len == 0 || memcmp(input_of(i), p, len) == 0);
	}
}

static void put_guards_back(void)
{
	for (unsigned k = 0; k < s.whole; k++)
		if (s.q[k].slot < DECODER_SLOTS && s.q[k].plain <= MANIFEST_CHUNK_MAX)
			memset(output_of(s.q[k].slot), GUARD, s.q[k].plain);
}

/* Other requests for the same slot may have decoded over it. */
static bool is_alone(unsigned i)
{
	for (unsigned k = 0; k < s.whole; k++)
		if (k != i && s.q[k].slot == s.q[i].slot)
			return false;
	return true;
}

/* One answer to each whole request, in order, and nothing else. */
static void check_answers(void)
{
	struct decoder_answer a;
	int flags = MSG_DONTWAIT | MSG_TRUNC;

	if (s.deaf) {
		FUZZ_CHECK(exit_status == 1);
		return;
	}
	FUZZ_CHECK(recv(s.parent, &a, sizeof(a), flags) == sizeof(a));
	FUZZ_CHECK(a.slot == 0 && a.status == DECODER_WIRE_HELLO);
	for (unsigned i = 0; i < s.whole; i++) {
		FUZZ_CHECK(recv(s.parent, &a, sizeof(a), flags) == sizeof(a));
		FUZZ_CHECK(a.slot == s.q[i].slot && a.status <= DECODER_NO_SEED);
		FUZZ_CHECK(a.status != DECODER_NO_SEED || reader_form_is_seeded(s.q[i].form));
		if (a.status == 0 && is_alone(i))
			check_decoded(&s.q[i], i == 0 || s.q[i].fresh);
	}
	FUZZ_CHECK(recv(s.parent, &a, sizeof(a), flags) <= 0);
	FUZZ_CHECK(exit_status == (s.whole < s.n && s.qlen[s.whole] > 0));
}

void fuzz_one(const uint8_t *data, size_t size)
{
	struct fuzz_in in = { data, size };

	set_up();
	send_requests(&in);
	exit_status = -1;
	if (setjmp(at_end) == 0)
		exit_status = decoder_main();
	check_guards();
	check_answers();
	put_guards_back();
	close(s.parent);
}
