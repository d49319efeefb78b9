/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Decoders of somebody who took one over: each name that this program is started under is a way to
 * misbehave. "caged-" ones have entered the decoder's cage before; the others never do.
 */
#include "update/install/decoder.h"
#include "update/decoder/decoder_limits.h"
#include "update/wire/decoder_wire.h"

#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <zstd.h>

static uint8_t *shared, noise[1u << 16];

static void say(uint32_t slot, uint32_t status)
{
	const struct decoder_answer a = { slot, status };

	send(OS_WORKER_SOCK, &a, sizeof(a), MSG_NOSIGNAL);
}

static uint8_t *plain_of(uint32_t slot)
{
	return shared + (size_t)slot * DECODER_WIRE_AREA + DECODER_WIRE_STORED_MAX;
}

/* Turns bits over in everything that was ever answered, for as long as somebody may be reading. */
static void write_for_ever(void)
{
	pid_t parent = getpid();

	if (fork() != 0)
		return;
	for (unsigned n = 0; getppid() == parent; n++) {
		for (uint32_t slot = 0; slot < DECODER_SLOTS; slot++) {
			for (uint32_t at = n % 509; at < MANIFEST_CHUNK_MAX; at += 509)
				plain_of(slot)[at] ^= 0x20;
		}
	}
	_exit(0);
}

static void try_what_is_not_allowed(const char *what)
{
	const char *const argv[] = { "sh", "-c", "true", NULL };

	if (strcmp(what, "forks") == 0)
		fork();
	else if (strcmp(what, "opens") == 0)
		open("/etc/passwd", O_RDONLY);
	else if (strcmp(what, "executes") == 0)
		execv("/bin/sh", (char *const *)argv);
	else if (strcmp(what, "connects") == 0)
		socket(AF_UNIX, SOCK_STREAM, 0);
	else if (strcmp(what, "kills") == 0)
		kill(-1, 0);
	else if (strcmp(what, "traces") == 0)
		syscall(SYS_ptrace, 0, 0, 0, 0);
	else if (strcmp(what, "maps") == 0)
		mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	say(0, 0);
}

static void decode(const struct decoder_ask *q)
{
	ZSTD_decompress(plain_of(q->slot), q->plain, shared + (size_t)q->slot * DECODER_WIRE_AREA,
			q->stored);
}

static void answer(const char *how, const struct decoder_ask *q)
{
	decode(q);
	if (strcmp(how, "wrong") == 0)
		plain_of(q->slot)[q->plain / 2] ^= 1;
	else if (strcmp(how, "zeroes") == 0)
		memset(plain_of(q->slot), 0, q->plain);
	else if (strcmp(how, "other-slot") == 0)
		say((q->slot + 1) % DECODER_SLOTS, 0);
	else if (strcmp(how, "twice") == 0)
		say(q->slot, 0);
	else if (strcmp(how, "nonsense") == 0)
		say(0xffffffffu, 0xa5a5a5a5u);
	else if (strcmp(how, "too-much") == 0)
		send(OS_WORKER_SOCK, noise, sizeof(noise), MSG_NOSIGNAL);
	else if (strcmp(how, "too-little") == 0)
		send(OS_WORKER_SOCK, noise, 1, MSG_NOSIGNAL);
	else if (strcmp(how, "floods") == 0)
		while (send(OS_WORKER_SOCK, noise, 8, MSG_NOSIGNAL) == 8)
			;
	else if (strcmp(how, "shrinks") == 0 && ftruncate(OS_WORKER_SHARED, 0) == 0)
		_exit(9); /* the seal did not hold */
	say(q->slot, 0);
	if (strcmp(how, "late") == 0)
		decode(q);
}

int main(void)
{
	const char *name = (const char *)(uintptr_t)getauxval(AT_EXECFN);
	const char *how = strrchr(name, '/') != NULL ? strrchr(name, '/') + 1 : name;
	bool caged = strncmp(how, "caged-", 6) == 0;
	struct decoder_ask q;

	shared = mmap(NULL, (size_t)DECODER_SLOTS * DECODER_WIRE_AREA, PROT_READ | PROT_WRITE,
		      MAP_SHARED, OS_WORKER_SHARED, 0);
	if (shared == MAP_FAILED)
		return 1;
	if (caged && (decoder_limits_privileges() != KB_OK || decoder_limits_syscalls() != KB_OK))
		return 2;
	if (strcmp(how, "silent") == 0)
		pause();
	say(0, DECODER_WIRE_HELLO);
	if (strcmp(how, "late") == 0)
		write_for_ever();
	while (recv(OS_WORKER_SOCK, &q, sizeof(q), 0) == (ssize_t)sizeof(q)) {
		if (caged)
			try_what_is_not_allowed(how + 6);
		else
			answer(how, &q);
	}
	return 0;
}
