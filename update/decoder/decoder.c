/* SPDX-License-Identifier: Apache-2.0 */
#include "update/decoder/decoder.h"
#include "update/wire/decoder_wire.h"
#include "lib/log.h"
#include "lib/os_clock.h"
#include "lib/util.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define DECODER_HELLO_MS 10000u
#define DECODER_LEN	 ((size_t)DECODER_SLOTS * DECODER_WIRE_AREA)

/* Sealed, so that the child cannot shrink it below us (SIGBUS). */
static enum kb_err make_shared(struct decoder *d, int *out)
{
	KB_CLEANUP_FD int fd = memfd_create("keelboot-decoder", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	void *p;

	if (fd < 0 || ftruncate(fd, (off_t)DECODER_LEN) < 0 ||
	    fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) < 0) {
		log_err("unable to allocate memory for the decoder: %s", strerror(errno));
		return KB_EIO;
	}
	/* bound: DECODER_SLOTS areas, 8 MiB and a little, whatever the bundle says */
	p = mmap(NULL, DECODER_LEN, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (p == MAP_FAILED) {
		log_err("unable to map memory for the decoder: %s", strerror(errno));
		return KB_EIO;
	}
	d->shared = p;
	*out = util_take(&fd);
	return KB_OK;
}

/* Between fork and exec: only calls that are safe after a fork. */
static void become_decoder(const char *helper, int sock, int shared)
{
	static const char *const argv[] = { "keelboot-decoder", NULL };
	static const char *const envp[] = { NULL };
	struct decoder_answer answer = { .status = DECODER_WIRE_NO_EXEC };
	/* Out of the way first, since one may have the number that the other is to get. */
	int a = fcntl(sock, F_DUPFD_CLOEXEC, 16), b = fcntl(shared, F_DUPFD_CLOEXEC, 16);

	if (a < 0 || b < 0 || dup2(a, DECODER_WIRE_SOCK) < 0 || dup2(b, DECODER_WIRE_SHARED) < 0)
		_exit(126);
	execve(helper, (char *const *)argv, (char *const *)envp);
	answer.slot = (uint32_t)errno;
	_exit(send(DECODER_WIRE_SOCK, &answer, sizeof(answer), MSG_NOSIGNAL) < 0 ? 126 : 127);
}

static enum kb_err spawn_decoder(struct decoder *d, const char *helper, int shared)
{
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0) {
		log_err("unable to create a socket for the decoder: %s", strerror(errno));
		return KB_EIO;
	}
	d->pid = fork();
	if (d->pid == 0)
		become_decoder(helper, pair[1], shared);
	close(pair[1]);
	d->sock = pair[0];
	if (d->pid < 0) {
		log_err("unable to start the decoder: %s", strerror(errno));
		return KB_EEXEC;
	}
	return KB_OK;
}

/* Waits for one answer, whole; anything else is a broken protocol. */
static enum kb_err await_answer(struct decoder *d, struct decoder_answer *a, unsigned timeout_ms)
{
	uint64_t end = os_clock_ms() + timeout_ms;
	ssize_t n;

	for (;;) {
		struct pollfd p = { .fd = d->sock, .events = POLLIN };
		uint64_t now = os_clock_ms();
		int rc = poll(&p, 1, now < end ? (int)(end - now) : 0);

		if (rc > 0)
			break;
		if (rc == 0)
			return KB_ETIMEDOUT;
		if (errno != EINTR)
			return KB_EIO;
	}
	n = recv(d->sock, a, sizeof(*a), MSG_DONTWAIT | MSG_TRUNC);
	return n == (ssize_t)sizeof(*a) ? KB_OK : KB_ECHILD;
}

/* Says how the child ended, if it did; it is reaped then. */
static void explain_death(struct decoder *d)
{
	int status;

	for (int i = 0; i < 50 && d->pid > 0; i++) {
		struct timespec ms = { 0, 10 * 1000000 };

		if (waitpid(d->pid, &status, WNOHANG) == d->pid) {
			d->pid = -1;
			if (WIFSIGNALED(status))
				log_err("the decoder was killed by signal %d (%s)%s",
					WTERMSIG(status), strsignal(WTERMSIG(status)),
					WTERMSIG(status) == SIGSYS
						? ": it made a forbidden system call"
						: "");
			else
				log_err("the decoder ended with status %d", WEXITSTATUS(status));
			return;
		}
		nanosleep(&ms, NULL);
	}
}

static enum kb_err note_loss(struct decoder *d, enum kb_err err)
{
	if (err == KB_ETIMEDOUT)
		log_err("the decoder does not answer");
	else
		explain_death(d);
	return KB_ECHILD;
}

static enum kb_err await_hello(struct decoder *d, const char *helper)
{
	struct decoder_answer a;
	enum kb_err err = await_answer(d, &a, DECODER_HELLO_MS);

	if (err == KB_OK && a.status == DECODER_WIRE_HELLO)
		return KB_OK;
	if (err == KB_OK && a.status == DECODER_WIRE_NO_EXEC) {
		log_err("unable to run %s as decoder: %s", helper, strerror((int)a.slot));
		return KB_EEXEC;
	}
	explain_death(d);
	log_err("unable to run %s as decoder: it is not Keelboot's helper, or the kernel lacks CONFIG_SECCOMP_FILTER",
		helper);
	return KB_EEXEC;
}

enum kb_err decoder_start(struct decoder *d, const char *helper)
{
	KB_CLEANUP_FD int shared = -1;
	enum kb_err err;

	*d = (struct decoder){ .pid = -1, .sock = -1, .area = DECODER_WIRE_AREA };
	err = make_shared(d, &shared);
	if (err == KB_OK)
		err = spawn_decoder(d, helper, shared);
	if (err == KB_OK)
		err = await_hello(d, helper);
	if (err != KB_OK)
		decoder_stop(d);
	return err;
}

uint8_t *decoder_input(struct decoder *d)
{
	return d->shared + (d->asked % DECODER_SLOTS) * d->area;
}

enum kb_err decoder_ask(struct decoder *d, enum reader_form form, uint32_t stored, uint32_t plain)
{
	struct decoder_ask q = { (uint32_t)(d->asked % DECODER_SLOTS), form, stored, plain };

	if (d->asked - d->answered >= DECODER_SLOTS || stored > DECODER_WIRE_STORED_MAX ||
	    plain > MANIFEST_CHUNK_MAX)
		return KB_EINVAL;
	if (send(d->sock, &q, sizeof(q), MSG_NOSIGNAL) != (ssize_t)sizeof(q))
		return note_loss(d, KB_ECHILD);
	d->asked++;
	return KB_OK;
}

enum kb_err decoder_get(struct decoder *d, uint8_t *out, uint32_t plain, unsigned timeout_ms)
{
	uint32_t slot = (uint32_t)(d->answered % DECODER_SLOTS);
	struct decoder_answer a;
	enum kb_err err;

	if (d->asked == d->answered || plain > MANIFEST_CHUNK_MAX)
		return KB_EINVAL;
	err = await_answer(d, &a, timeout_ms);
	if (err != KB_OK)
		return note_loss(d, err);
	if (a.slot != slot || a.status > 1) {
		log_err("the decoder broke its protocol");
		return KB_ECHILD;
	}
	d->answered++;
	if (a.status != 0)
		return KB_EFORMAT;
	memcpy(out, d->shared + slot * d->area + DECODER_WIRE_STORED_MAX, plain);
	return KB_OK;
}

void decoder_stop(struct decoder *d)
{
	util_close(&d->sock);
	if (d->pid > 0) {
		kill(d->pid, SIGKILL);
		while (waitpid(d->pid, NULL, 0) < 0 && errno == EINTR)
			;
	}
	d->pid = -1;
	if (d->shared != NULL)
		munmap(d->shared, DECODER_LEN);
	d->shared = NULL;
}
