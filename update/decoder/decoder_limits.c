/* SPDX-License-Identifier: Apache-2.0 */
#include "update/decoder/decoder_limits.h"
#include "lib/cage.h"
#include "lib/log.h"
#include "lib/os_worker.h"
#include "lib/util.h"

#include <errno.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#define LIMITS_AS  (64ull << 20)
#define LIMITS_CPU 3600u /* seconds: decoding, not waiting; hours of it are no update */

enum kb_err decoder_limits_privileges(void)
{
	const bool given = os_worker_is_given();
	const struct cage cage = {
		.who = "decoder",
		.user = CAGE_USER_DECODER,
		.memory = LIMITS_AS,
		.cpu_s = LIMITS_CPU,
		.files = OS_WORKER_SHARED + 1 + given,
		.nkeep = 5 + given,
		.keep = { 0, 1, 2, OS_WORKER_SOCK, OS_WORKER_SHARED, OS_WORKER_GIVEN },
	};

	return cage_enter(&cage);
}

enum kb_err decoder_limits_syscalls(void)
{
	static const struct cage_rule rules[] = {
		{ SYS_recvfrom, CAGE_EQUAL, 0, OS_WORKER_SOCK },
		{ SYS_sendto, CAGE_EQUAL, 0, OS_WORKER_SOCK },
		{ SYS_pread64, CAGE_EQUAL, 0, OS_WORKER_GIVEN },
		{ SYS_exit_group, CAGE_ALWAYS, 0, 0 },
		{ SYS_exit, CAGE_ALWAYS, 0, 0 },
		{ SYS_rt_sigreturn, CAGE_ALWAYS, 0, 0 },
	};

	/* The last chance to say anything but on the socket is before this. */
	if (prctl(PR_GET_SECCOMP, 0, 0, 0, 0) < 0) {
		log_err("decoder: unable to use seccomp (CONFIG_SECCOMP_FILTER): %s; nothing is decoded without it",
			strerror(errno));
		return KB_EPERM;
	}
	for (int fd = 0; fd <= 2; fd++)
		close(fd);
	close(OS_WORKER_SHARED);
	return cage_filter(rules, KB_ARRAY_LEN(rules)) == KB_OK ? KB_OK : KB_EPERM;
}
