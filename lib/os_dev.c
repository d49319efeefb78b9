/* SPDX-License-Identifier: Apache-2.0 */
/* The kernel seam on Linux: watchdog, uevents. */
#include "lib/os.h"

#include "lib/util.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <linux/netlink.h>
#include <linux/watchdog.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#define UEVENT_BUFFER (1 << 20)

enum kb_err os_wdt_timeout(int fd, unsigned *timeout_s)
{
	int seconds = *timeout_s > INT32_MAX ? INT32_MAX : (int)*timeout_s;

	if (ioctl(fd, WDIOC_SETTIMEOUT, &seconds) < 0)
		return err_errno(errno);
	if (ioctl(fd, WDIOC_GETTIMEOUT, &seconds) < 0 || seconds <= 0)
		return KB_OK; /* write-only drivers: it took what it was given */
	*timeout_s = (unsigned)seconds;
	return KB_OK;
}

enum kb_err os_wdt_left(int fd, unsigned *left_s)
{
	int seconds = 0;

	if (ioctl(fd, WDIOC_GETTIMELEFT, &seconds) < 0)
		return err_errno(errno);
	*left_s = seconds > 0 ? (unsigned)seconds : 0;
	return KB_OK;
}

enum kb_err os_protect(const char *dev, bool on)
{
	KB_CLEANUP_FD int fd = open(dev, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	int readonly = on;

	if (fd < 0 || ioctl(fd, BLKROSET, &readonly) < 0)
		return err_errno(errno);
	return KB_OK;
}

/* A path may come from the command line, and what is written to a watchdog would destroy a disk. */
static enum kb_err open_watchdog(const char *dev, int *fd, struct os_wdt_info *info)
{
	struct watchdog_info wi = { .options = 0 };
	char identity[sizeof(wi.identity) + 1] = "";
	struct stat st;

	if (stat(dev, &st) != 0)
		return err_errno(errno);
	if (!S_ISCHR(st.st_mode))
		return KB_EINVAL;
	*fd = open(dev, O_WRONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (*fd < 0)
		return err_errno(errno);
	if (ioctl(*fd, WDIOC_GETSUPPORT, &wi) != 0) {
		util_close(fd);
		return KB_EINVAL;
	}
	memcpy(identity, wi.identity, sizeof(wi.identity));
	util_print_safe(info->identity, sizeof(info->identity), identity);
	info->options = wi.options;
	return KB_OK;
}

enum kb_err os_wdt_open(const char *dev, unsigned timeout_s, int *fd, struct os_wdt_info *info)
{
	int boot = 0, seconds = 0;
	unsigned left;

	*fd = -1;
	memset(info, 0, sizeof(*info));
	TRY(open_watchdog(dev, fd, info));
	if (ioctl(*fd, WDIOC_GETBOOTSTATUS, &boot) == 0)
		info->bootstatus = (uint32_t)boot;
	info->tells_left = os_wdt_left(*fd, &left) == KB_OK;
	info->timeout_s = timeout_s;
	/* A timeout that the hardware cannot have leaves it with its own. */
	if (info->tells_left || os_wdt_timeout(*fd, &info->timeout_s) != KB_OK)
		info->timeout_s = ioctl(*fd, WDIOC_GETTIMEOUT, &seconds) == 0 && seconds > 0
					  ? (uint32_t)seconds
					  : 0;
	os_wdt_ping(*fd);
	return KB_OK;
}

void os_wdt_ping(int fd)
{
	int dummy = 0;

	if (ioctl(fd, WDIOC_KEEPALIVE, &dummy) == 0)
		return;
	/* A driver without the ioctl counts anew at every write. */
	if (write(fd, "\0", 1) < 0)
		return;
}

void os_wdt_release(int *fd)
{
	os_wdt_ping(*fd);
	if (write(*fd, "V", 1) < 0)
		os_wdt_ping(*fd); /* it will count on, from now */
	util_close(fd);
}

enum kb_err os_uevent_open(int *fd)
{
	struct sockaddr_nl addr = { .nl_family = AF_NETLINK, .nl_groups = 1 };
	int size = UEVENT_BUFFER;

	*fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_KOBJECT_UEVENT);
	if (*fd < 0)
		return err_errno(errno);
	if (setsockopt(*fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size)) < 0)
		setsockopt(*fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
	if (bind(*fd, (struct sockaddr *)&addr, sizeof(addr)) == 0)
		return KB_OK;
	util_close(fd);
	return err_errno(errno);
}

enum kb_err os_uevent_read(int fd, char *buf, size_t size, size_t *len)
{
	struct sockaddr_nl from = { .nl_family = AF_NETLINK };
	struct iovec iov = { .iov_base = buf, .iov_len = size - 1 };
	struct msghdr msg = {
		.msg_name = &from, .msg_namelen = sizeof(from), .msg_iov = &iov, .msg_iovlen = 1
	};
	ssize_t n;

	*len = 0;
	for (;;) {
		n = recvmsg(fd, &msg, MSG_DONTWAIT);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return errno == ENOBUFS ? KB_ENOSPC : err_errno(errno);
		/* Anybody may send here; only the kernel has the port 0. */
		if (from.nl_pid == 0 && n > 0)
			break;
		msg.msg_namelen = sizeof(from);
	}
	buf[n] = '\0';
	if (msg.msg_flags & MSG_TRUNC)
		return KB_ENOSPC;
	*len = (size_t)n;
	return KB_OK;
}
