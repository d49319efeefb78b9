/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/os_lend.h"

#include "lib/cage.h"
#include "lib/os.h"
#include "lib/os_mounts.h"
#include "lib/util.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <unistd.h>

#define PLACE	"/run/keelboot/lent"
#define FLAGS	(MS_NODEV | MS_NOSUID | MS_NOEXEC | MS_DIRSYNC)
/* All files of a FAT that nobody else has mounted are this group's, by the options. */
#define GROUP	65531
/* A power cut may leave a chain of clusters that ends in a free one. To remove such a file is an
 * error, by which a FAT would become read-only, for good. */
#define OPTIONS "umask=0077,errors=continue,gid=65531"
#define MEMORY	(256ull << 20)
#define FILES	16u
#define WAIT_S	30
#define LAST_FD 1024 /* to close, where the kernel has no close_range() */

enum what { READ = 1, WRITE, GIVE_BACK };

struct question {
	uint32_t what;
	char dev[OS_LEND_PATH];
};

/* Of what the lender does before it answers: what fails is said, and it ends. */
enum step { DONE, PLACE_MADE, MOUNTS_OWN, PROC_READ_ONLY, IN_CAGE, STEPS };

struct answer {
	uint32_t err;
	uint32_t failed;
};

/* ---------------------------------------------------------------- the lender */

static bool is_listed(const struct os_lend_list *list, const char dev[OS_LEND_PATH])
{
	for (unsigned i = 0; i < list->n; i++)
		if (strncmp(list->dev[i], dev, OS_LEND_PATH) == 0)
			return true;
	return false;
}

static enum { NOWHERE, TO_READ, TO_WRITE } mounted;
static char mounted_dev[OS_LEND_PATH];

static enum kb_err unmount(void)
{
	enum kb_err err = mounted != NOWHERE ? os_umount(PLACE) : KB_OK;

	mounted = NOWHERE;
	return err;
}

/*
 * One FAT has one state for all who have it mounted: to mount it once more takes that state, and to
 * remount it would change it for them. So it is never remounted: it is unmounted, and mounted anew.
 * Linux refuses that while somebody has it read-only. Whoever has it mounted to be written does not
 * let it be mounted to be read. Where names are written before what they free, a power cut costs
 * room, and no other file.
 */
static enum kb_err mount_to(const char *dev, bool write)
{
	enum kb_err err;

	if ((mounted == TO_WRITE || (mounted == TO_READ && !write)) &&
	    strcmp(dev, mounted_dev) == 0)
		return KB_OK;
	TRY(unmount());
	err = os_mount(dev, PLACE, "vfat", FLAGS | (write ? 0 : MS_RDONLY), OPTIONS);
	if (err == KB_EBUSY && !write) {
		write = true;
		err = os_mount(dev, PLACE, "vfat", FLAGS, OPTIONS);
	}
	if (err != KB_OK)
		return err;
	mounted = write ? TO_WRITE : TO_READ;
	memcpy(mounted_dev, dev, sizeof(mounted_dev));
	return KB_OK;
}

static enum kb_err open_top(int *dir)
{
	*dir = open(PLACE, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	return *dir >= 0 ? KB_OK : err_errno(errno);
}

static enum kb_err answer_question(const struct os_lend_list *list, const struct question *q,
				   int *dir)
{
	*dir = -1;
	if (q->what == GIVE_BACK)
		return unmount();
	if ((q->what != READ && q->what != WRITE) || !is_listed(list, q->dev))
		return KB_EPERM;
	TRY(mount_to(q->dev, q->what == WRITE));
	return open_top(dir);
}

static bool send_answer(int sock, struct answer a, int dir)
{
	struct iovec iov = { &a, sizeof(a) };
	union {
		struct cmsghdr head;
		uint8_t room[CMSG_SPACE(sizeof(int))];
	} control;
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };

	memset(&control, 0, sizeof(control));
	if (dir >= 0) {
		msg.msg_control = &control;
		msg.msg_controllen = sizeof(control);
		control.head.cmsg_len = CMSG_LEN(sizeof(int));
		control.head.cmsg_level = SOL_SOCKET;
		control.head.cmsg_type = SCM_RIGHTS;
		memcpy(CMSG_DATA(&control.head), &dir, sizeof(dir));
	}
	return sendmsg(sock, &msg, MSG_NOSIGNAL) == (ssize_t)sizeof(a);
}

static void serve(int sock, const struct os_lend_list *list)
{
	struct question q;

	while (recv(sock, &q, sizeof(q), 0) == (ssize_t)sizeof(q)) {
		KB_CLEANUP_FD int dir = -1;
		enum kb_err err;

		q.dev[sizeof(q.dev) - 1] = '\0';
		err = answer_question(list, &q, &dir);
		if (!send_answer(sock, (struct answer){ .err = (uint32_t)err }, dir))
			return;
	}
}

/* Whoever waits for the end of a pipe does not wait for this process. */
static void close_others(int from)
{
	if (syscall(SYS_close_range, (unsigned)from, ~0u, 0u) == 0)
		return;
	for (int fd = from; fd < LAST_FD; fd++)
		close(fd);
}

static enum kb_err have_place(void)
{
	TRY(os_mkdir("/run/keelboot", 0755));
	return os_mkdir(PLACE, 0700);
}

/* Its mounts are nobody else's, and it keeps one right: to mount. From a folder that it lends, ".."
 * leads into them: so its /proc is only to read, as that of whoever asks. */
static enum step enter_cage(void)
{
	static const struct cage_open cage = {
		.who = "lender",
		.capabilities = 1ull << CAP_SYS_ADMIN,
		.memory = CAGE_MEMORY(MEMORY),
		.files = FILES,
	};

	if (have_place() != KB_OK)
		return PLACE_MADE;
	if (os_mounts_own() != KB_OK)
		return MOUNTS_OWN;
	if (os_mounts_read_only() != NULL)
		return PROC_READ_ONLY;
	return cage_enter_open(&cage) == KB_OK ? DONE : IN_CAGE;
}

static void be_lender(int sock, pid_t parent, const struct os_lend_list *list)
	__attribute__((noreturn));

/* In the child. */
static void be_lender(int sock, pid_t parent, const struct os_lend_list *list)
{
	struct answer ready = { 0 };

	if (dup2(sock, 3) < 0)
		_exit(1);
	close_others(4);
	if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0 || getppid() != parent)
		_exit(1);
	ready.failed = enter_cage();
	if (send_answer(3, ready, -1) && ready.failed == DONE)
		serve(3, list);
	_exit(0);
}

/* ---------------------------------------------------------------- who asks */

static enum kb_err receive_answer(int sock, struct answer *a, int *dir)
{
	struct iovec iov = { a, sizeof(*a) };
	union {
		struct cmsghdr head;
		uint8_t room[CMSG_SPACE(sizeof(int))];
	} control;
	struct msghdr msg = { .msg_iov = &iov,
			      .msg_iovlen = 1,
			      .msg_control = &control,
			      .msg_controllen = sizeof(control) };
	ssize_t n;

	*a = (struct answer){ 0 };
	/* As when this process was stopped and goes on: by its limit, the call is not begun anew.
	 */
	do
		n = recvmsg(sock, &msg, MSG_CMSG_CLOEXEC);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return errno == EAGAIN ? KB_ETIMEDOUT : KB_ECHILD;
	if (n != (ssize_t)sizeof(*a))
		return KB_ECHILD;
	if (msg.msg_controllen >= CMSG_LEN(sizeof(int)) && control.head.cmsg_type == SCM_RIGHTS)
		memcpy(dir, CMSG_DATA(&control.head), sizeof(*dir));
	return (enum kb_err)a->err;
}

static enum kb_err wait_for_lender(struct os_lend *l)
{
	static const char *const whys[STEPS] = {
		[PLACE_MADE] = "the folder " PLACE " cannot be made (is /run writable?)",
		[MOUNTS_OWN] =
			"it gets no mounts of its own (that takes root and the right CAP_SYS_ADMIN; is it in a sandbox?)",
		[PROC_READ_ONLY] = "its /proc or /sys cannot be made read-only",
		[IN_CAGE] = "it cannot give up its other rights",
	};
	struct answer a = { 0 };
	int dir = -1;

	if (receive_answer(l->sock, &a, &dir) == KB_OK && a.failed == DONE)
		return KB_OK;
	l->why = a.failed < STEPS && whys[a.failed] != NULL ? whys[a.failed] : "it has ended";
	util_close(&l->sock);
	util_close(&dir);
	return KB_EPERM;
}

enum kb_err os_lend_begin(struct os_lend *l, const struct os_lend_list *list)
{
	const struct timeval limit = { .tv_sec = WAIT_S };
	pid_t parent = getpid(), pid;
	int pair[2];

	l->sock = -1;
	l->why = "no process can be started";
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return KB_EIO;
	pid = fork();
	if (pid == 0)
		be_lender(pair[1], parent, list);
	util_close(&pair[1]);
	if (pid < 0 || setsockopt(pair[0], SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit)) < 0) {
		util_close(&pair[0]);
		return KB_EIO;
	}
	l->sock = pair[0];
	return wait_for_lender(l);
}

static enum kb_err ask(struct os_lend *l, enum what what, const char *dev, int *dir)
{
	struct question q;
	struct answer a;
	enum kb_err err;

	*dir = -1;
	if (l->sock < 0)
		return KB_EPERM;
	memset(&q, 0, sizeof(q));
	q.what = what;
	snprintf(q.dev, sizeof(q.dev), "%s", dev);
	if (send(l->sock, &q, sizeof(q), MSG_NOSIGNAL) != (ssize_t)sizeof(q))
		return KB_ECHILD;
	err = receive_answer(l->sock, &a, dir);
	/* What it says later would be taken for the next answer. */
	if (err == KB_ETIMEDOUT || err == KB_ECHILD)
		util_close(&l->sock);
	return err;
}

enum kb_err os_lend_ask(struct os_lend *l, const char *dev, bool write, int *dir)
{
	enum kb_err err = ask(l, write ? WRITE : READ, dev, dir);

	if (err == KB_OK && *dir < 0)
		err = KB_ECHILD;
	if (err != KB_OK)
		util_close(dir);
	return err;
}

bool os_lend_is_fixed(int dir)
{
	struct statvfs fs;
	struct stat st;

	return fstatvfs(dir, &fs) == 0 && fstat(dir, &st) == 0 && fs.f_flag & ST_RDONLY &&
	       st.st_gid != GROUP;
}

void os_lend_give_back(struct os_lend *l)
{
	int dir;

	(void)!ask(l, GIVE_BACK, "", &dir);
}

void os_lend_end(struct os_lend *l)
{
	util_close(&l->sock);
}
