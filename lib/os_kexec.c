/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/os_kexec.h"

#include "lib/os.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Of linux/openat2.h, which older headers lack. */
#define INSIDE	 0x10 /* RESOLVE_IN_ROOT */
#define NO_MAGIC 0x02 /* RESOLVE_NO_MAGICLINKS */

enum kb_err os_kexec_open(const char *root, const char *path, int *fd, uint64_t *size)
{
	uint64_t how[3] = { O_RDONLY | O_NONBLOCK | O_CLOEXEC, 0, INSIDE | NO_MAGIC };
	int dir = open(root, O_PATH | O_DIRECTORY | O_CLOEXEC), errnum;
	struct stat st;

	*fd = dir < 0 ? -1 : (int)syscall(SYS_openat2, dir, path, how, sizeof(how));
	errnum = errno;
	os_close(&dir);
	errno = errnum;
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

enum kb_err os_kexec_load(int kernel, int initramfs, const char *cmdline)
{
#ifdef SYS_kexec_file_load
	if (syscall(SYS_kexec_file_load, kernel, initramfs, strlen(cmdline) + 1, cmdline, 0ul) == 0)
		return KB_OK;
#else
	(void)kernel, (void)initramfs, (void)cmdline;
	errno = ENOSYS;
#endif
	return err_errno(errno);
}
