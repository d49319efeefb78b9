/* SPDX-License-Identifier: Apache-2.0 */
/* The kernel seam on Linux: variables of UEFI. */
#include "lib/os_efivar.h"

#include "lib/util.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <unistd.h>

/* What is missing, or knows no flags, is not immutable. */
static enum kb_err make_mutable(const char *path)
{
	KB_CLEANUP_FD int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW);
	int flags = 0;

	if (fd < 0 || ioctl(fd, FS_IOC_GETFLAGS, &flags) < 0 || !(flags & FS_IMMUTABLE_FL))
		return KB_OK;
	flags &= ~FS_IMMUTABLE_FL;
	return ioctl(fd, FS_IOC_SETFLAGS, &flags) == 0 ? KB_OK : err_errno(errno);
}

enum kb_err os_efivar_write(const char *path, const void *data, size_t len)
{
	KB_CLEANUP_FD int fd = -1;
	ssize_t n;

	TRY(make_mutable(path));
	fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644);
	if (fd < 0)
		return err_errno(errno);
	/* The firmware gets what one call has. */
	do
		n = write(fd, data, len);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return err_errno(errno);
	return (size_t)n == len ? KB_OK : KB_EIO;
}

enum kb_err os_efivar_remove(const char *path)
{
	TRY(make_mutable(path));
	return unlink(path) == 0 || errno == ENOENT ? KB_OK : err_errno(errno);
}

const char *os_efivar_boot_file(void)
{
#if defined(__x86_64__)
	return "BOOTX64.EFI";
#elif defined(__aarch64__)
	return "BOOTAA64.EFI";
#elif defined(__i386__)
	return "BOOTIA32.EFI";
#elif defined(__arm__)
	return "BOOTARM.EFI";
#elif defined(__riscv) && __riscv_xlen == 64
	return "BOOTRISCV64.EFI";
#elif defined(__loongarch64)
	return "BOOTLOONGARCH64.EFI";
#else
	return ""; /* no processor that UEFI knows */
#endif
}
