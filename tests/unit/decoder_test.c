/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The real decoder process: this test is its own helper, and, started under other names, decoders
 * that misbehave.
 */
#define ZSTD_STATIC_LINKING_ONLY /* ZSTD_writeSkippableFrame */
#include "update/install/decoder.h"
#include "update/decoder/decoder_main.h"
#include "update/decoder/decoder_limits.h"
#include "update/wire/decoder_wire.h"
#include "update/decoder/decoder_zstd.h"
#include "lib/cage.h"
#include "tests/unit/child.h"
#include "tests/unit/folder.h"
#include "tests/unit/patch.h"

#include <sys/socket.h>
#include <dlfcn.h>
#include <sys/auxv.h>
#include <zstd.h>

#define CHUNK (256u << 10)

static uint8_t plain[MANIFEST_CHUNK_MAX], out[MANIFEST_CHUNK_MAX];
static uint8_t packed[2 * MANIFEST_CHUNK_MAX];
static struct decoder d;

/* ---------------------------------------------------------------- decoders that misbehave */

/* As the real one does it. */
static void say(const void *msg, size_t len)
{
	syscall(SYS_sendto, OS_WORKER_SOCK, msg, len, MSG_NOSIGNAL, NULL, 0);
}

static void hear(struct decoder_ask *q)
{
	syscall(SYS_recvfrom, OS_WORKER_SOCK, q, sizeof(*q), 0, NULL, NULL);
}

static int hello_then(const char *how)
{
	struct decoder_answer a = { 0, DECODER_WIRE_HELLO };
	struct decoder_ask q;

	if (decoder_limits_privileges() != KB_OK || decoder_limits_syscalls() != KB_OK)
		_exit(9);
	say(&a, sizeof(a));
	hear(&q);
	if (strcmp(how, "opens") == 0)
		open("/etc/passwd", O_RDONLY);
	else if (strcmp(how, "maps") == 0)
		mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	else if (strcmp(how, "sends-elsewhere") == 0)
		syscall(SYS_sendto, 2, &a, sizeof(a), 0, NULL, 0);
	else if (strcmp(how, "writes-to-the-seed") == 0)
		syscall(SYS_pwrite64, OS_WORKER_GIVEN, &a, sizeof(a), 0);
	else if (strcmp(how, "reads-elsewhere") == 0)
		syscall(SYS_pread64, OS_WORKER_SOCK, &a, sizeof(a), 0);
	else if (strcmp(how, "dies") == 0)
		_exit(3);
	else if (strcmp(how, "babbles") == 0)
		say(&q, 3);
	else if (strcmp(how, "wrong-slot") == 0)
		say(&(struct decoder_answer){ 2, 0 }, sizeof(a));
	for (;;)
		hear(&q);
}

/* What a decoder may still do: sent as text in the shared memory instead of plain bytes. */
static int reports_rights(void)
{
	uint8_t *shared = mmap(NULL, DECODER_WIRE_AREA, PROT_READ | PROT_WRITE, MAP_SHARED,
			       OS_WORKER_SHARED, 0);
	struct decoder_answer a = { 0, DECODER_WIRE_HELLO };
	char status[4096] = "";
	struct decoder_ask q;
	int fd, shrunk;

	shrunk = ftruncate(OS_WORKER_SHARED, 4096);
	if (decoder_limits_privileges() != KB_OK)
		_exit(9);
	fd = open("/proc/thread-self/status", O_RDONLY);
	/* No descriptor is left to open one: that too is part of the report. */
	send(OS_WORKER_SOCK, &a, sizeof(a), MSG_NOSIGNAL);
	recv(OS_WORKER_SOCK, &q, sizeof(q), 0);
	snprintf(status, sizeof(status), "uid %d gid %d open %d shrunk %d fork %d", (int)getuid(),
		 (int)getgid(), fd, shrunk, (int)fork());
	memcpy(shared + DECODER_WIRE_STORED_MAX, status, sizeof(status));
	a.status = 0;
	send(OS_WORKER_SOCK, &a, sizeof(a), MSG_NOSIGNAL);
	return 0;
}

static int child_main(const char *name)
{
	const char *base = strrchr(name, '/');

	base = base != NULL ? base + 1 : name;
	if (strcmp(base, "reports-rights") == 0)
		return reports_rights();
	if (strncmp(base, "evil-", 5) == 0)
		return hello_then(base + 5);
	return decoder_main();
}

static const char *evil(const char *name)
{
	const char *path = folder_at(name);

	unlink(path);
	assert_int_equal(symlink(TEST_SELF, path), 0);
	return path;
}

/* ---------------------------------------------------------------- helpers */

static void fill(uint8_t *p, size_t len, unsigned seed)
{
	for (size_t i = 0; i < len; i++) {
		seed = seed * 1103515245u + 12345u;
		p[i] = (uint8_t)(seed >> 24 & 0x3f);
	}
}

static uint32_t pack(uint8_t *dst, const uint8_t *src, size_t len)
{
	return frame_make(dst, sizeof(packed), src, len);
}

/* One request with these stored bytes, in a fresh decoder. */
static enum kb_err once(const void *stored, uint32_t n, uint32_t len)
{
	enum kb_err err;

	OK(decoder_start(&d, TEST_SELF, NULL, DECODER_SLOTS));
	memcpy(decoder_input(&d), stored, n);
	OK(decoder_ask(&d, READER_ZSTD, n, len));
	err = decoder_get(&d, out, len, 10000);
	decoder_stop(&d);
	return err;
}

/* ---------------------------------------------------------------- tests */

static void decode_in_flight(unsigned slots)
{
	OK(decoder_start(&d, TEST_SELF, NULL, slots));
	for (unsigned round = 0; round < 3; round++) {
		for (unsigned i = 0; i < slots; i++) {
			fill(plain, CHUNK, round * 10 + i);
			OK(decoder_ask(&d, READER_ZSTD, pack(decoder_input(&d), plain, CHUNK),
				       CHUNK));
		}
		FAILS(decoder_ask(&d, READER_ZSTD, 1, 1), KB_EINVAL);
		for (unsigned i = 0; i < slots; i++) {
			fill(plain, CHUNK, round * 10 + i);
			OK(decoder_get(&d, out, CHUNK, 10000));
			assert_memory_equal(out, plain, CHUNK);
		}
		FAILS(decoder_get(&d, out, CHUNK, 10), KB_EINVAL);
	}
	decoder_stop(&d);
}

TEST(decodes_several_chunks_in_flight)
{
	decode_in_flight(DECODER_SLOTS);
}

TEST(of_one_slot_decodes_one_chunk_after_the_other)
{
	decode_in_flight(1);
}

TEST(decodes_the_largest_chunk)
{
	fill(plain, MANIFEST_CHUNK_MAX, 7);
	OK(once(packed, pack(packed, plain, MANIFEST_CHUNK_MAX), MANIFEST_CHUNK_MAX));
	assert_memory_equal(out, plain, MANIFEST_CHUNK_MAX);
}

TEST(refuses_wrong_lengths)
{
	uint32_t n;

	fill(plain, CHUNK, 1);
	n = pack(packed, plain, CHUNK);
	FAILS(once(packed, n, CHUNK - 4096), KB_EFORMAT);
	FAILS(once(packed, n, CHUNK + 4096), KB_EFORMAT);
	FAILS(once(packed, n - 1, CHUNK), KB_EFORMAT);
	FAILS(once(packed, 0, CHUNK), KB_EFORMAT);
}

TEST(refuses_what_follows_and_second_frames)
{
	uint32_t n;

	fill(plain, CHUNK, 2);
	n = pack(packed, plain, CHUNK);
	packed[n] = 0;
	FAILS(once(packed, n + 1, CHUNK), KB_EFORMAT);
	memset(packed + n, 0, 3); /* an empty block, which is none that zstd writes */
	OK(once(packed, n + 3, CHUNK));
	packed[n] = 1; /* the last one */
	FAILS(once(packed, n + 3, CHUNK), KB_EFORMAT);
	n = pack(packed, plain, CHUNK / 2);
	n += pack(packed + n, plain + CHUNK / 2, CHUNK / 2);
	FAILS(once(packed, n, CHUNK), KB_EFORMAT);
}

TEST(refuses_a_skippable_frame)
{
	uint32_t n = (uint32_t)ZSTD_writeSkippableFrame(packed, sizeof(packed), "x", 1, 0);

	FAILS(once(packed, n, 0), KB_EFORMAT);
	fill(plain, CHUNK, 2);
	n += pack(packed + n, plain, CHUNK);
	FAILS(once(packed, n, CHUNK), KB_EFORMAT);
}

/* Here, so that the sanitizers see it. */
TEST(reads_nothing_behind_a_header_that_is_cut)
{
	uint32_t n;

	fill(plain, CHUNK, 1);
	n = pack(packed, plain, CHUNK);
	FAILS(decoder_zstd(true, out, CHUNK, packed, n), KB_EINVAL); /* before its time */
	OK(decoder_zstd_init());
	OK(decoder_zstd(true, out, CHUNK, packed, n));
	for (size_t len = 1; len <= 9; len++) {
		uint8_t *cut = malloc(len);

		assert_non_null(cut);
		memcpy(cut, packed, len);
		FAILS(decoder_zstd(true, out, CHUNK, cut, len), KB_EFORMAT);
		free(cut);
	}
}

TEST(refuses_a_bomb)
{
	static uint8_t zeroes[64u << 20];
	uint32_t n = pack(packed, zeroes, sizeof(zeroes));

	assert_true(n < 16384);
	FAILS(once(packed, n, CHUNK), KB_EFORMAT);
	FAILS(once(packed, n, MANIFEST_CHUNK_MAX), KB_EFORMAT);
}

TEST(refuses_every_other_header)
{
	static const struct {
		unsigned at;
		uint8_t is;
	} other[] = { { 0, 0x50 }, { 3, 0xfc }, { 4, 0x20 }, { 4, 0x40 }, { 4, 0x80 },
		      { 4, 0xc0 }, { 4, 0x04 }, { 4, 0x01 }, { 4, 0x08 }, { 4, 0x10 },
		      { 5, 0x61 }, { 5, 0x68 }, { 5, 0xff } };
	uint32_t n;

	fill(plain, CHUNK, 5);
	n = pack(packed, plain, CHUNK);
	EQUAL((packed[4], 0), (packed[5], 0x60));
	OK(once(packed, n, CHUNK));
	packed[5] = 0x40;
	OK(once(packed, n, CHUNK));
	for (unsigned i = 0; i < KB_ARRAY_LEN(other); i++) {
		uint8_t was = packed[other[i].at];

		packed[other[i].at] = other[i].is;
		FAILS(once(packed, n, CHUNK), KB_EFORMAT);
		packed[other[i].at] = was;
	}
	/* A frame of which nothing stands behind the header. */
	FAILS(once(packed, 6, 0), KB_EFORMAT);
	/* With all that zstd says of its own accord: sizes, and an end. */
	n = (uint32_t)ZSTD_compress(packed, sizeof(packed), plain, CHUNK, 3);
	FAILS(once(packed, n, CHUNK), KB_EFORMAT);
}

/* ---------------------------------------------------------------- frames of several chunks */

#define TEXT_CHUNKS 48u /* 12 MiB: more than a frame and all that it refers to */

static uint8_t pieces[TEXT_CHUNKS][CHUNK];

/* One after the other, since the frame rests on what was before. */
static enum kb_err one(enum reader_form form, const void *input, uint32_t n)
{
	memcpy(decoder_input(&d), input, n);
	OK(decoder_ask(&d, form, n, CHUNK));
	return decoder_get(&d, out, CHUNK, 10000);
}

static void known(unsigned i)
{
	memset(out, 0, CHUNK);
	OK(one(READER_RAW, pieces[i], CHUNK));
	assert_true(bytes_all(out, CHUNK, 0) || d.worker.pid > 0);
}

/* Chunk i, which differs from all others, but holds pieces of each before. */
static void fill_text(void)
{
	for (unsigned i = 0; i < TEXT_CHUNKS; i++) {
		fill(pieces[i], CHUNK, i);
		for (unsigned k = 0; k < i; k++)
			memcpy(pieces[i] + k * 4096, pieces[k] + (CHUNK - (k + 1) * 4096), 2048);
	}
}

static void decodes_next(ZSTD_CCtx *z, unsigned i, bool begins)
{
	uint32_t n = frame_put(z, packed, sizeof(packed), pieces[i], CHUNK);

	OK(one(begins ? READER_ZSTD : READER_ZSTD_NEXT, packed, n));
	assert_memory_equal(out, pieces[i], CHUNK);
}

TEST(frames_go_on_and_refer_to_what_was_before)
{
	const size_t history = MANIFEST_HISTORY, frame = MANIFEST_FRAME_MAX / CHUNK;
	ZSTD_CCtx *z = NULL;

	fill_text();
	OK(decoder_start(&d, TEST_SELF, NULL, DECODER_SLOTS));
	for (size_t i = 0; i < TEXT_CHUNKS; i++) {
		size_t before = i * CHUNK < history ? i * CHUNK : history;

		if (i % frame == 0) {
			ZSTD_freeCCtx(z);
			z = frame_begin(&pieces[0][0] + i * CHUNK - before, before);
		}
		decodes_next(z, (unsigned)i, i % frame == 0);
	}
	ZSTD_freeCCtx(z);
	decoder_stop(&d);
}

TEST(what_is_known_counts_as_if_it_were_decoded)
{
	ZSTD_CCtx *z = frame_begin(pieces, 4 * CHUNK);

	OK(decoder_start(&d, TEST_SELF, NULL, DECODER_SLOTS));
	for (unsigned i = 0; i < 4; i++)
		known(i);
	decodes_next(z, 4, true);
	decodes_next(z, 5, false);
	known(6); /* closes the frame */
	FAILS(one(READER_ZSTD_NEXT, packed, 100), KB_EFORMAT);
	ZSTD_freeCCtx(z);
	decoder_stop(&d);
}

TEST(nothing_reaches_across_a_fresh_start)
{
	ZSTD_CCtx *z = frame_begin(pieces, CHUNK);
	uint32_t n = frame_put(z, packed, sizeof(packed), pieces[0], CHUNK);

	assert_true(n < 1000);
	OK(decoder_start(&d, TEST_SELF, NULL, DECODER_SLOTS));
	known(0);
	OK(one(READER_ZSTD, packed, n));
	d.fresh = true;
	FAILS(one(READER_ZSTD, packed, n), KB_EFORMAT);
	ZSTD_freeCCtx(z);
	decoder_stop(&d);
}

TEST(a_frame_holds_4_mib)
{
	ZSTD_CCtx *z = frame_begin(NULL, 0);
	uint32_t n;

	OK(decoder_start(&d, TEST_SELF, NULL, DECODER_SLOTS));
	FAILS(one(READER_ZSTD_NEXT, packed, 100), KB_EFORMAT); /* none is open */
	for (unsigned i = 0; i < MANIFEST_FRAME_MAX / CHUNK; i++)
		decodes_next(z, i, i == 0);
	n = frame_put(z, packed, sizeof(packed), pieces[0], CHUNK);
	FAILS(one(READER_ZSTD_NEXT, packed, n), KB_EFORMAT);
	FAILS(one(READER_ZSTD_NEXT, packed, n), KB_EFORMAT); /* it is closed */
	ZSTD_freeCCtx(z);
	decoder_stop(&d);
}

/* ---------------------------------------------------------------- with a seed */

#define SEED_LEN (2 * CHUNK)

static struct decoder_seed seed = { .size = SEED_LEN };
static uint8_t seed_bytes[SEED_LEN];

static void start_with_seed(uint64_t holds)
{
	fill(seed_bytes, SEED_LEN, 77);
	seed.fd = memfd_create("seed", MFD_CLOEXEC);
	assert_int_equal(write(seed.fd, seed_bytes, holds), holds);
	OK(decoder_start(&d, TEST_SELF, &seed, DECODER_SLOTS));
	close(seed.fd);
}

/* The second chunk of an image: a piece of the seed that begins where it does, or so much behind.
 */
static enum kb_err ask_copy(int64_t behind)
{
	static struct patch c;

	memset(&c, 0, sizeof(c));
	patch_seed(&c, CHUNK, behind);
	memcpy(decoder_input(&d), c.commands.p, c.commands.n);
	d.at = CHUNK;
	OK(decoder_ask(&d, READER_COPY, (uint32_t)c.commands.n, CHUNK));
	return decoder_get(&d, out, CHUNK, 10000);
}

TEST(copies_and_patches_are_made_from_the_seed)
{
	static struct patch p;

	memset(&p, 0, sizeof(p));
	start_with_seed(SEED_LEN);
	OK(ask_copy(0));
	assert_memory_equal(out, seed_bytes + CHUNK, CHUNK);
	OK(ask_copy(-5));
	assert_memory_equal(out, seed_bytes + CHUNK - 5, CHUNK);
	FAILS(ask_copy(1), KB_EFORMAT);
	patch_seed(&p, CHUNK - 3, -9);
	patch_word(&p, 7, 0x01020304);
	patch_end(&p);
	patch_literal(&p, "abc", 3);
	d.at = CHUNK;
	OK(decoder_ask(&d, READER_PATCH, patch_stored(&p, decoder_input(&d), CHUNK), CHUNK));
	OK(decoder_get(&d, out, CHUNK, 10000));
	assert_memory_equal(out, seed_bytes + CHUNK - 9, 7);
	assert_int_equal(bytes_get32(out + 7), bytes_get32(seed_bytes + CHUNK - 2) + 0x01020304);
	assert_memory_equal(out + CHUNK - 3, "abc", 3);
	decoder_stop(&d);
}

TEST(a_seed_that_is_too_short_or_missing_is_another_failure)
{
	start_with_seed(CHUNK + 4096);
	FAILS(ask_copy(0), KB_EIO);
	OK(ask_copy(4096 - (int64_t)CHUNK));
	decoder_stop(&d);
	OK(decoder_start(&d, TEST_SELF, NULL, DECODER_SLOTS));
	FAILS(ask_copy(0), KB_EFORMAT); /* of no bytes */
	decoder_stop(&d);
}

TEST(survives_every_flipped_byte_of_a_small_frame)
{
	uint32_t n;

	fill(plain, 16384, 4);
	memset(plain + 4096, 0, 8192);
	n = pack(packed, plain, 16384);
	OK(decoder_start(&d, TEST_SELF, NULL, DECODER_SLOTS));
	for (uint32_t i = 0; i<n; i += n> 4096 ? 7 : 1) {
		enum kb_err err;

		memcpy(decoder_input(&d), packed, n);
		decoder_input(&d)[i] ^= 0x55;
		OK(decoder_ask(&d, READER_ZSTD, n, 16384));
		err = decoder_get(&d, out, 16384, 10000);
		assert_true(err == KB_OK || err == KB_EFORMAT);
	}
	memcpy(decoder_input(&d), packed, n);
	OK(decoder_ask(&d, READER_ZSTD, n, 16384));
	OK(decoder_get(&d, out, 16384, 10000));
	assert_memory_equal(out, plain, 16384);
	decoder_stop(&d);
}

TEST(refuses_other_forms)
{
	OK(decoder_start(&d, TEST_SELF, NULL, DECODER_SLOTS));
	OK(decoder_ask(&d, READER_ZERO, 4096, 4096));
	FAILS(decoder_get(&d, out, 4096, 10000), KB_EFORMAT);
	FAILS(decoder_ask(&d, READER_ZSTD, 16, MANIFEST_CHUNK_MAX + 1), KB_EINVAL);
	decoder_stop(&d);
}

/* What a parent that was mistaken might ask: nothing outside the shared memory is touched. */
TEST(refuses_requests_out_of_bounds)
{
	static const struct decoder_ask bad[] = {
		{ .slot = DECODER_SLOTS, .form = READER_ZSTD, .stored = 16, .plain = 4096 },
		{ .slot = 100000, .form = READER_ZSTD, .stored = 16, .plain = 4096 },
		{ .slot = 0,
		  .form = READER_ZSTD,
		  .stored = DECODER_WIRE_STORED_MAX + 1,
		  .plain = 4096 },
		{ .slot = 0, .form = READER_ZSTD, .stored = 16, .plain = MANIFEST_CHUNK_MAX + 1 },
		{ .slot = 0, .form = READER_RAW, .stored = 16, .plain = 4096 },
	};
	struct decoder_answer a;

	OK(decoder_start(&d, TEST_SELF, NULL, DECODER_SLOTS));
	/* What would decode, if it were looked at. */
	for (unsigned i = 0; i < DECODER_SLOTS; i++)
		pack(d.worker.shared + (size_t)i * DECODER_WIRE_AREA, plain, MANIFEST_CHUNK_MAX);
	for (size_t i = 0; i < KB_ARRAY_LEN(bad); i++) {
		send(d.worker.sock, &bad[i], sizeof(bad[i]), 0);
		assert_int_equal(recv(d.worker.sock, &a, sizeof(a), 0), sizeof(a));
		EQUAL((a.slot, bad[i].slot), (a.status, 1));
	}
	decoder_stop(&d);
}

TEST(ends_when_a_request_is_cut)
{
	static const struct decoder_ask q = {
		.slot = 0, .form = READER_ZSTD, .stored = 16, .plain = 4096
	};
	struct decoder_answer a;

	OK(decoder_start(&d, TEST_SELF, NULL, DECODER_SLOTS));
	assert_int_equal(send(d.worker.sock, &q, sizeof(q) - 1, 0), sizeof(q) - 1);
	assert_int_equal(recv(d.worker.sock, &a, sizeof(a), 0), 0);
	decoder_stop(&d);
}

TEST(ends_when_nobody_hears_its_answer)
{
	struct pollfd p;

	OK(decoder_start(&d, TEST_SELF, NULL, DECODER_SLOTS));
	assert_int_equal(shutdown(d.worker.sock, SHUT_RD), 0);
	OK(decoder_ask(&d, READER_ZSTD, 16, 4096));
	p = (struct pollfd){ .fd = d.worker.sock };
	EQUAL((poll(&p, 1, TEST_LONG_MS), 1), ((p.revents & POLLHUP) != 0, true));
	decoder_stop(&d);
}

static bool no_context;

/* In front of libzstd's: one that needs more memory than it is given. */
ZSTD_DCtx *ZSTD_initStaticDCtx(void *workspace, size_t size)
{
	ZSTD_DCtx *(*real)(void *, size_t);

	*(void **)&real = dlsym(RTLD_NEXT, "ZSTD_initStaticDCtx");
	return no_context ? NULL : real(workspace, size);
}

/* A decoder with this as the memory that it shares: it has to end by itself. */
static void says_no_hello(int shared)
{
	struct decoder_answer a;
	int pair[2];
	ssize_t n;
	pid_t pid;

	assert_true(shared >= 0);
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
	pid = fork();
	if (pid == 0) {
		int sock = fcntl(pair[1], F_DUPFD, 16);

		shared = fcntl(shared, F_DUPFD, 16);
		dup2(sock, OS_WORKER_SOCK);
		dup2(shared, OS_WORKER_SHARED);
		_exit(decoder_main());
	}
	close(pair[1]);
	close(shared);
	n = recv(pair[0], &a, sizeof(a), 0);
	close(pair[0]);
	EQUAL((n, 0), (test_exit_code(pid), 1));
}

TEST(without_shared_memory_or_a_context_it_says_no_hello)
{
	int fd;

	says_no_hello(open("/dev/null", O_RDWR | O_CLOEXEC));
	fd = memfd_create("shared", MFD_CLOEXEC);
	assert_int_equal(ftruncate(fd, (off_t)DECODER_SLOTS * DECODER_WIRE_AREA), 0);
	no_context = true;
	says_no_hello(fd);
	no_context = false;
}

static enum kb_err with_evil(const char *name, bool dead)
{
	enum kb_err err;

	err = decoder_start(&d, evil(name), NULL, DECODER_SLOTS);
	if (err != KB_OK)
		return err;
	err = decoder_ask(&d, READER_ZSTD, 16, 4096);
	if (err == KB_OK)
		err = decoder_get(&d, out, 4096, dead ? 30000 : 1000);
	/* One that is dead was reaped: silence alone proves nothing. */
	assert_int_equal(d.worker.pid == -1, dead);
	decoder_stop(&d);
	return err;
}

TEST(the_real_one_is_caged)
{
	char text[4096];

	OK(decoder_start(&d, TEST_SELF, NULL, DECODER_SLOTS));
	OK(os_read_file(strf("/proc/%d/status", (int)d.worker.pid), text, sizeof(text), NULL));
	assert_int_equal(status_number(text, "\nSeccomp:\t", 10), 2); /* a filter */
	assert_int_equal(status_number(text, "\nNoNewPrivs:\t", 10), 1);
	if (geteuid() == 0)
		assert_int_equal(status_number(text, "\nUid:\t", 10), CAGE_USER_DECODER);
	decoder_stop(&d);
}

TEST(is_killed_when_it_does_what_it_may_not)
{
	FAILS(with_evil("evil-opens", true), KB_ECHILD);
	FAILS(with_evil("evil-maps", true), KB_ECHILD);
	FAILS(with_evil("evil-sends-elsewhere", true), KB_ECHILD);
	FAILS(with_evil("evil-writes-to-the-seed", true), KB_ECHILD);
	FAILS(with_evil("evil-reads-elsewhere", true), KB_ECHILD);
}

TEST(its_death_and_its_nonsense_are_noticed)
{
	FAILS(with_evil("evil-dies", true), KB_ECHILD);
	FAILS(with_evil("evil-babbles", false), KB_ECHILD);
	FAILS(with_evil("evil-wrong-slot", false), KB_ECHILD);
	FAILS(with_evil("evil-sleeps", false), KB_ECHILD);
}

TEST(holds_no_rights)
{
	OK(with_evil("reports-rights", false));
	assert_string_equal((char *)out,
			    strf("uid %d gid %d open -1 shrunk -1 fork -1",
				 geteuid() == 0 ? (int)CAGE_USER_DECODER : (int)getuid(),
				 geteuid() == 0 ? (int)CAGE_USER_DECODER : (int)getgid()));
}

/* In a child with so little of one thing: it has to fail, whole, and not to crash. */
static void starved(int what, rlim_t limit)
{
	pid_t pid = fork();

	if (pid == 0) {
		struct rlimit r = { limit, limit };
		enum kb_err err;

		setrlimit((__rlimit_resource_t)what, &r);
		err = decoder_start(&d, TEST_SELF, NULL, DECODER_SLOTS);
		decoder_stop(&d);
		_exit(err == KB_EIO ? 0 : 1);
	}
	assert_int_equal(test_exit_code(pid), 0);
}

TEST(without_memory_or_descriptors_it_does_not_start)
{
	int first = dup(0);

	close(first);
	for (int more = 0; more < 3; more++)
		starved(RLIMIT_NOFILE, (rlim_t)(first + more));
	starved(RLIMIT_AS, 1u << 20);
}

/* That the helper does not start, and what is said of it. */
static void does_not_start(const char *helper, const char *said)
{
	char text[512];
	int fds[2];
	ssize_t n;

	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	log_to(fds[1], 0);
	FAILS(decoder_start(&d, helper, NULL, DECODER_SLOTS), KB_EEXEC);
	log_to(2, 0);
	assert_int_equal(d.worker.sock, -1);
	assert_null(d.worker.shared);
	n = read(fds[0], text, sizeof(text) - 1);
	close(fds[0]);
	close(fds[1]);
	assert_true(n > 0);
	text[n] = '\0';
	if (strstr(text, said) == NULL || strstr(text, "127") != NULL)
		fail_msg("%s", text);
}

TEST(says_when_the_helper_cannot_be_run)
{
	does_not_start("/nowhere/keelboot-helper",
		       "unable to run /nowhere/keelboot-helper as decoder: No such file or "
		       "directory\n");
	does_not_start("/etc/passwd", "/etc/passwd as decoder: Permission denied\n");
	does_not_start("/bin/true", "it is not Keelboot's helper");
}

static int decoder(void)
{
	return child_main((const char *)(uintptr_t)getauxval(AT_EXECFN));
}

static void begin(void)
{
	log_set_level(LOG_LEVEL_ERR); /* one case reads what is said */
	folder_make();
}

TEST_MAIN("decoder", .first = begin, .last = folder_remove, .decoder = decoder)
