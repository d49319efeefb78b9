/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The decoder ends, hangs or babbles at each point of its protocol, while an install is under way:
 * before it has said that it is there, after each request, after each answer. This test is its own
 * decoder; under other names it misbehaves. Time is not real where somebody waits for one that
 * hangs.
 */
#include "tests/unit/install_fixture.h"
#include "update/wire/decoder_wire.h"
#include "tests/unit/folder.h"
#include "tests/unit/raw.h"

#include <sys/socket.h>
#include <limits.h>
#include <sys/auxv.h>

#define KIB	  1024u
#define CHUNK	  (16 * KIB)
#define CHUNKS	  12u
#define IMAGE	  (CHUNKS * CHUNK)
#define PART	  (256 * KIB)
#define REAL_MS	  150 /* that a wait for one that may hang really takes, at most */
#define LONGEST_S 75  /* hello and one chunk have 10 s and 60 s */

static uint8_t image[IMAGE], page[PART] __attribute__((aligned(BDEV_ALIGN)));

/* ---------------------------------------------------------------- time */

static uint64_t skipped_ms;   /* that nobody has waited */
static int real_ms = REAL_MS; /* an honest one gets its time, on a busy machine too */

int poll(struct pollfd *fds, nfds_t n, int timeout)
{
	const int ms = timeout > real_ms ? real_ms : timeout;
	int rc = raw_poll(fds, n, ms * 1000ll);

	if (rc == 0 && timeout > real_ms)
		skipped_ms += (uint64_t)(timeout - real_ms);
	return rc;
}

int __poll_chk(struct pollfd *fds, nfds_t n, int timeout, size_t size);
int __poll_chk(struct pollfd *fds, nfds_t n, int timeout, size_t size)
{
	return poll(fds, n, timeout);
}

int nanosleep(const struct timespec *ts, struct timespec *rest)
{
	const struct timespec ms = { 0, 1000000 };

	skipped_ms += (uint64_t)ts->tv_sec * 1000 + (uint64_t)ts->tv_nsec / 1000000;
	return raw_sleep(&ms, NULL);
}

int clock_gettime(clockid_t id, struct timespec *ts)
{
	int rc = raw_clock(id, ts);

	ts->tv_sec += (time_t)(skipped_ms / 1000);
	ts->tv_nsec += (long)(skipped_ms % 1000) * 1000000;
	if (ts->tv_nsec >= 1000000000) {
		ts->tv_sec++;
		ts->tv_nsec -= 1000000000;
	}
	return rc;
}

/* ---------------------------------------------------------------- a request that is not taken */

static unsigned sends, refused; /* this one, from 1; 0: none */

ssize_t send(int fd, const void *p, size_t len, int flags)
{
	if (++sends == refused) {
		errno = ENOBUFS;
		return -1;
	}
	return syscall(SYS_sendto, fd, p, len, flags, NULL, 0);
}

/* ---------------------------------------------------------------- decoders that misbehave */

static void say(uint32_t slot, uint32_t status)
{
	const struct decoder_answer a = { slot, status };

	send(OS_WORKER_SOCK, &a, sizeof(a), MSG_NOSIGNAL);
}

static void hang(void)
{
	for (;;)
		pause();
}

/* What is done instead of going on; what comes back goes on after all. */
static void misbehave(const char *how, uint32_t slot)
{
	if (strcmp(how, "exit0") == 0)
		_exit(0);
	else if (strcmp(how, "exit7") == 0)
		_exit(7);
	else if (strcmp(how, "kill") == 0)
		syscall(SYS_kill, getpid(), SIGKILL);
	else if (strcmp(how, "segv") == 0)
		syscall(SYS_kill, getpid(), SIGSEGV);
	else if (strcmp(how, "hang") == 0)
		hang();
	else if (strcmp(how, "short") == 0)
		send(OS_WORKER_SOCK, "ab", 2, MSG_NOSIGNAL);
	else if (strcmp(how, "long") == 0)
		send(OS_WORKER_SOCK, page, 4096, MSG_NOSIGNAL);
	else if (strcmp(how, "empty") == 0)
		send(OS_WORKER_SOCK, "", 0, MSG_NOSIGNAL);
	else if (strcmp(how, "otherslot") == 0)
		say(slot + 1, 0);
	else if (strcmp(how, "oddstatus") == 0)
		say(slot, 77);
	else if (strcmp(how, "hello") == 0)
		say(slot, DECODER_WIRE_HELLO);
	else if (strcmp(how, "close") == 0)
		close(OS_WORKER_SOCK), hang();
	else if (strcmp(how, "lie") == 0)
		say(slot, 0); /* without having decoded anything */
	else if (strcmp(how, "flood") == 0)
		for (int i = 0; i < 4000; i++)
			send(OS_WORKER_SOCK, "abcdefgh", 8, MSG_NOSIGNAL | MSG_DONTWAIT);
}

static void decode(uint8_t *shared, const struct decoder_ask *q)
{
	uint8_t *area = shared + (size_t)q->slot * DECODER_WIRE_AREA;

	ZSTD_decompress(area + DECODER_WIRE_STORED_MAX, q->plain, area, q->stored);
}

/* name: HOW-POINT-N: before hello (h), after the n-th request (r), after the n-th answer (a). */
static int child_main(const char *name)
{
	uint8_t *shared = mmap(NULL, (size_t)DECODER_SLOTS * DECODER_WIRE_AREA,
			       PROT_READ | PROT_WRITE, MAP_SHARED, OS_WORKER_SHARED, 0);
	const char *base = strrchr(name, '/') + 1;
	struct decoder_ask q = { 0 };
	char how[32] = "", point = 0;
	unsigned at = 0;

	if (sscanf(base, "%31[a-z0-9]-%c-%u", how, &point, &at) != 3)
		_exit(9);
	if (point == 'h')
		misbehave(how, 0);
	say(0, DECODER_WIRE_HELLO);
	for (unsigned n = 1; recv(OS_WORKER_SOCK, &q, sizeof(q), 0) == (ssize_t)sizeof(q); n++) {
		if (point == 'r' && n == at)
			misbehave(how, q.slot);
		decode(shared, &q);
		say(q.slot, 0);
		if (point == 'a' && n == at)
			misbehave(how, q.slot);
	}
	_exit(0);
}

/* ---------------------------------------------------------------- an install with such a one */

static struct cut_disk state_disk, slot_disk;
static struct reader reader;
static struct state state;
static struct store store;
static int bundle = -1;

static void begin(void)
{
	enum store_finding found;

	bdev_sim_init(&state_disk, STORE_MIN_SIZE);
	bdev_sim_init(&slot_disk, PART);
	OK(store_load(&store, &state_disk.bdev, &state, &found));
	state_init(&state, 2);
	state.slot[0].st = STATE_GOOD;
	state.slot[0].ever_good = true;
	OK(store_save_both(&store, &state));
}

static unsigned open_fds(void)
{
	unsigned n = 0;

	for (int fd = 0; fd < 256; fd++)
		n += fcntl(fd, F_GETFD) >= 0;
	return n;
}

static enum kb_err install(const char *name)
{
	static struct install in;
	const char *path = folder_at(name);
	enum kb_err err;

	unlink(path);
	assert_int_equal(symlink(TEST_SELF, path), 0);
	in = (struct install){ .r = &reader,
			       .store = &store,
			       .s = &state,
			       .target = 1,
			       .nparts = 1,
			       .part = { { .cls = "root", .dev = &slot_disk.bdev } },
			       .helper = path };
	real_ms = strncmp(name, "nothing", 7) == 0 ? INT_MAX : REAL_MS;
	err = install_run(&in);
	unlink(path);
	if (err != KB_OK && in.why[0] == '\0')
		fail_msg("%s: no reason is told", name);
	return err;
}

/* What the medium and the state have after the power was cut; they go then. */
static void check(const char *name, enum kb_err err)
{
	enum store_finding found;
	struct state s;
	bool whole;

	bdev_sim_cut(&state_disk, 0);
	bdev_sim_cut(&slot_disk, 0);
	OK(bdev_read(&slot_disk.bdev, 0, page, PART));
	whole = memcmp(page, image, IMAGE) == 0;
	OK(store_load(&store, &state_disk.bdev, &s, &found));
	assert_int_equal(found, STORE_FOUND);
	if (err == KB_OK && (!whole || s.slot[1].st != STATE_TRIAL))
		fail_msg("%s: said to be installed", name);
	if (err != KB_OK && s.slot[1].st != STATE_WRITING && s.slot[1].st != STATE_EMPTY)
		fail_msg("%s: %s, and slot b is %s", name, err_text(err),
			 state_st_name(s.slot[1].st));
	cut_disk_free(&state_disk);
	cut_disk_free(&slot_disk);
}

static void try(const char *how, char point, unsigned n)
{
	unsigned fds = open_fds();
	struct timespec from, to;
	const char *name = strf("%s-%c-%u", how, point, n);
	enum kb_err err;

	begin();
	clock_gettime(CLOCK_MONOTONIC, &from);
	err = install(name);
	clock_gettime(CLOCK_MONOTONIC, &to);
	if (to.tv_sec - from.tv_sec > LONGEST_S)
		fail_msg("%s: takes %ld s", name, (long)(to.tv_sec - from.tv_sec));
	if (open_fds() != fds)
		fail_msg("%s: a descriptor stays open", name);
	if (waitpid(-1, NULL, WNOHANG) != -1 || errno != ECHILD)
		fail_msg("%s: the decoder stays", name);
	check(name, err);
}

static const char *const ends[] = { "exit0", "exit7", "kill",  "segv",	    "hang",
				    "short", "long",  "empty", "otherslot", "oddstatus",
				    "hello", "close", "lie",   "flood" };

TEST(an_end_before_hello_is_no_install)
{
	for (unsigned i = 0; i < KB_ARRAY_LEN(ends); i++)
		try(ends[i], 'h', 0);
}

static void at_each(char point)
{
	for (unsigned i = 0; i < KB_ARRAY_LEN(ends); i++) {
		for (unsigned n = 1; n <= CHUNKS; n++)
			try(ends[i], point, n);
	}
}

/* Threat 31: it dies, sleeps forever or speaks nonsense in the middle of any chunk. */
TEST(an_end_after_each_request_is_no_install)
{
	at_each('r');
}

TEST(an_end_after_each_answer_is_no_install_or_a_whole_one)
{
	at_each('a');
}

/* The answer to the next one would be taken for its own, and the bundle for a damaged one. */
TEST(a_request_that_is_not_taken_ends_it)
{
	for (unsigned n = 1; n <= CHUNKS; n++) {
		begin();
		sends = 0;
		refused = n;
		FAILS(install("nothing-r-0"), KB_ECHILD);
		refused = 0;
		check("not taken", KB_ECHILD);
	}
}

TEST(without_faults_it_installs)
{
	begin();
	OK(install("nothing-r-0"));
	check("none", KB_OK);
}

static int decoder(void)
{
	return child_main((const char *)(uintptr_t)getauxval(AT_EXECFN));
}

static void make(void)
{
	for (unsigned i = 0; i < IMAGE; i++)
		image[i] = (uint8_t)(i / 64 + i / CHUNK * 3 + 1);
	folder_make();
	fixture_open(&reader, &bundle, fixture_root(image, IMAGE, CHUNK, false));
}

static void clear(void)
{
	reader_close(&reader);
	close(bundle);
	folder_remove();
}

TEST_MAIN("decoder_deaths", .first = make, .last = clear, .quiet = true, .decoder = decoder)
