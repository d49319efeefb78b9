/* SPDX-License-Identifier: Apache-2.0 */
/* The kernel seam on Linux: a worker's own side. Behind its cage it makes no other calls. Those on
 * its socket go past the C library: that of i386 and s390x would put all of them into one call,
 * whose socket a filter cannot see. */
#include "lib/os_worker.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

enum kb_err os_worker_memory(size_t len, uint8_t **shared)
{
	/* bound: as the one who started it has it */
	*shared = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_SHARED, OS_WORKER_SHARED, 0);
	if (*shared != MAP_FAILED)
		return KB_OK;
	*shared = NULL;
	return err_errno(errno);
}

enum kb_err os_worker_take(void *msg, size_t len)
{
	long n;

	do {
		n = syscall(SYS_recvfrom, OS_WORKER_SOCK, msg, len, 0, NULL, NULL);
	} while (n < 0 && errno == EINTR);
	if (n == 0)
		return KB_ENOENT;
	return n == (long)len ? KB_OK : KB_EIO;
}

enum kb_err os_worker_reply(const void *msg, size_t len)
{
	return syscall(SYS_sendto, OS_WORKER_SOCK, msg, len, MSG_NOSIGNAL, NULL, 0) == (long)len
		       ? KB_OK
		       : KB_EIO;
}

bool os_worker_is_given(void)
{
	return fcntl(OS_WORKER_GIVEN, F_GETFD) >= 0;
}

enum kb_err os_worker_given(uint64_t off, void *buf, size_t len)
{
	uint8_t *p = buf;

	while (len > 0) {
		ssize_t n = pread(OS_WORKER_GIVEN, p, len, (off_t)off);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return KB_EIO;
		p += n;
		off += (uint64_t)n;
		len -= (size_t)n;
	}
	return KB_OK;
}
