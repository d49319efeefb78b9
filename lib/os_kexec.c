/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/os_kexec.h"

#include "lib/os.h"
#include "lib/os_inside.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define ON_CRASH 0x02	     /* KEXEC_FILE_ON_CRASH */
#define NO_FLAG	 (1ul << 31) /* there is none such: it is refused, but only by who would load */

enum kb_err os_kexec_open(const char *root, const char *path, int *fd, uint64_t *size)
{
	struct stat st;

	*fd = os_inside_open(root, path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	if (*fd < 0)
		return err_errno(errno);
	if (fstat(*fd, &st) == 0 && S_ISREG(st.st_mode)) {
		*size = (uint64_t)st.st_size;
		return KB_OK;
	}
	os_close(fd);
	errno = EINVAL;
	return KB_EINVAL;
}

static long load_pair(int kernel, int initramfs, const char *cmdline, unsigned long flags)
{
#ifdef SYS_kexec_file_load
	size_t len = cmdline != NULL ? strlen(cmdline) + 1 : 0;

	return syscall(SYS_kexec_file_load, kernel, initramfs, len, cmdline, flags);
#else
	(void)kernel, (void)initramfs, (void)cmdline, (void)flags;
	errno = ENOSYS;
	return -1;
#endif
}

enum kb_err os_kexec_load(int kernel, int initramfs, const char *cmdline)
{
	return load_pair(kernel, initramfs, cmdline, 0) == 0 ? KB_OK : err_errno(errno);
}

/* Since Linux 5.6. No size is refused, but only by who would open. */
static bool has_openat2(void)
{
	return syscall(SYS_openat2, -1, "", NULL, 0ul) >= 0 || errno != ENOSYS;
}

/* The loads of a kernel for a crash have a limit of their own. */
bool os_has_kexec(void)
{
	return has_openat2() &&
	       (load_pair(-1, -1, NULL, NO_FLAG | ON_CRASH) == 0 || errno != ENOSYS);
}

enum kb_err os_can_kexec(void)
{
	if (!has_openat2())
		return KB_ENOENT;
	if (load_pair(-1, -1, NULL, NO_FLAG) == 0 || errno == EINVAL)
		return KB_OK;
	return errno == ENOSYS ? KB_ENOENT : KB_EPERM;
}
