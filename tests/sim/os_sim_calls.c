/* SPDX-License-Identifier: Apache-2.0 */
/* The simulation's time, descriptors, mounts, and the ends of a boot. */
#include "tests/sim/os_sim_int.h"

#include "lib/util.h"

#include <sys/file.h>
#include <sys/mount.h>

uint64_t os_now_ms(void)
{
	return os_sim_now();
}

uint64_t os_time_s(void)
{
	return 1700000000 + os_sim_now() / 1000;
}

void os_sleep_ms(unsigned ms)
{
	/* Short ones are somebody's polling. */
	if (ms >= 1000 && os_sim_call(KB_OK, "sleep %u s", ms / 1000) != KB_OK)
		return;
	os_sim_advance(ms);
}

enum kb_err os_open(const char *path, int flags, int *fd)
{
	(void)flags;
	*fd = -1;
	TRY(os_sim_turn("open"));
	if (!os_exists(path)) {
		errno = ENOENT;
		return KB_ENOENT;
	}
	if (os_sim_call(KB_OK, "open %s", path) != KB_OK)
		return KB_EIO;
	*fd = strcmp(path, "/dev/kmsg") == 0 ? os_sim_log_fd() : os_sim_fd_new(OS_SIM_FD_FILE);
	return KB_OK;
}

void os_close(int *fd)
{
	struct os_sim_fd *f = os_sim_fd_get(*fd), *peer;

	if (f == NULL) {
		if (*fd >= 0 && *fd < OS_SIM_FD)
			util_close(fd);
		*fd = -1;
		return;
	}
	peer = os_sim_fd_get(f->peer);
	if (peer != NULL)
		peer->peer = -1;
	if (f->kind == OS_SIM_FD_WDT && os_sim_call(KB_OK, "close watchdog") != KB_OK)
		errno = 0; /* the run is over */
	f->kind = OS_SIM_FD_FREE;
	*fd = -1;
}

/* Of the machine that runs the test. */
enum kb_err os_lock(int fd)
{
	TRY(os_sim_turn("lock"));
	if (os_sim_fd_get(fd) != NULL)
		return KB_OK;
	return flock(fd, LOCK_EX | LOCK_NB) == 0 ? KB_OK : err_errno(errno);
}

void os_unlock(int fd)
{
	flock(fd, LOCK_UN);
}

enum kb_err os_pipe(int fds[2])
{
	fds[0] = fds[1] = -1;
	TRY(os_sim_turn("pipe"));
	fds[0] = os_sim_fd_new(OS_SIM_FD_READ);
	fds[1] = os_sim_fd_new(OS_SIM_FD_WRITE);
	os_sim_fd_get(fds[0])->peer = fds[1];
	os_sim_fd_get(fds[1])->peer = fds[0];
	return KB_OK;
}

static bool readable(int fd)
{
	struct os_sim_fd *f = os_sim_fd_get(fd);

	if (f == NULL)
		return false;
	if (f->kind == OS_SIM_FD_UEVENT)
		return os_sim_uevent_pending();
	if (f->kind == OS_SIM_FD_MODULE)
		return f->due <= os_sim_now();
	return f->kind == OS_SIM_FD_READ && os_sim_procs_readable(f);
}

enum kb_err os_poll(const int *fds, bool *ready, unsigned n, unsigned timeout_ms)
{
	uint64_t end = os_sim_now() + timeout_ms;
	bool any = false;

	for (unsigned i = 0; i < n; i++)
		ready[i] = false;
	TRY(os_sim_turn("poll"));
	os_sim_advance(0);
	for (;;) {
		for (unsigned i = 0; i < n; i++) {
			ready[i] = readable(fds[i]);
			any = any || ready[i];
		}
		if (any)
			return KB_OK;
		if (os_sim_now() >= end)
			return KB_ETIMEDOUT;
		os_sim_pass(end);
	}
}

/* ---------------------------------------------------------------- mounts */
static const struct {
	unsigned long flag;
	const char *name;
} mount_flags[] = {
	{ MS_NOSUID, "nosuid" },     { MS_NODEV, "nodev" },
	{ MS_NOEXEC, "noexec" },     { MS_NOSYMFOLLOW, "nosymfollow" },
	{ MS_REMOUNT, "remount" },   { MS_BIND, "bind" },
	{ MS_MOVE, "move" },	     { MS_NOATIME, "noatime" },
	{ MS_RELATIME, "relatime" }, { MS_STRICTATIME, "strictatime" },
};

/* "ro,nodev", as mount(8) would say it. */
static const char *flags_text(unsigned long flags)
{
	static char out[128];

	snprintf(out, sizeof(out), "%s", flags & MS_RDONLY ? "ro" : "rw");
	for (unsigned i = 0; i < KB_ARRAY_LEN(mount_flags); i++) {
		if (flags & mount_flags[i].flag)
			strcat(strcat(out, ","), mount_flags[i].name);
	}
	return out;
}

/* As the kernel has it: they are no data of any file system. */
static bool names_a_flag(const char *options)
{
	for (size_t len; options != NULL && *options != '\0'; options += len) {
		options += *options == ',';
		len = strcspn(options, ",");
		for (unsigned i = 0; i < KB_ARRAY_LEN(mount_flags); i++) {
			if (strlen(mount_flags[i].name) == len &&
			    strncmp(options, mount_flags[i].name, len) == 0)
				return true;
		}
	}
	return false;
}

enum kb_err os_mount(const char *source, const char *target, const char *fstype,
		     unsigned long flags, const char *options)
{
	enum kb_err err = names_a_flag(options) ? KB_EMOUNT : os_sim_check_mount(source, fstype);

	TRY(OS_SIM_CALL("mount", err, "mount %s %s %s %s%s%s", source != NULL ? source : "none",
			target, fstype != NULL ? fstype : "none", flags_text(flags),
			options != NULL ? "," : "", options != NULL ? options : ""));
	if (fstype == NULL || strcmp(fstype, "tmpfs") != 0)
		os_sim_do_mount(source, target);
	return KB_OK;
}

enum kb_err os_protect(const char *dev, bool on)
{
	return OS_SIM_CALL("protect", KB_OK, "%s %s", on ? "protect" : "unprotect", dev);
}

enum kb_err os_umount(const char *target)
{
	TRY(OS_SIM_CALL("umount", KB_OK, "umount %s", target));
	os_sim_remove(target);
	return KB_OK;
}

enum kb_err os_switch_root(const char *target)
{
	TRY(OS_SIM_CALL("switch_root", KB_OK, "switch_root %s", target));
	os_sim_do_switch_root(target);
	return KB_OK;
}

/* As it is below: an overlay shows what the root has. */
enum kb_err os_change_root(const char *target)
{
	return OS_SIM_CALL("change_root", KB_OK, "change_root %s", target);
}

/* ---------------------------------------------------------------- ends */
void os_sim_join(char *out, size_t size, const char *const *words)
{
	size_t used = 0;

	out[0] = '\0';
	for (; words != NULL && *words != NULL && used + strlen(*words) + 2 < size; words++)
		used += (size_t)snprintf(out + used, size - used, " %s", *words);
}

enum kb_err os_exec(const char *path, const char *const *argv, const char *const *envp)
{
	char args[1024], env[2048];

	TRY(os_sim_turn("exec"));
	os_sim_join(args, sizeof(args), argv);
	os_sim_join(env, sizeof(env), envp);
	if (os_sim_call(os_executable(path) ? KB_OK : KB_EEXEC, "exec %s:%s; env%s", path, args,
			env) == KB_OK)
		os_sim_finish(OS_SIM_EXEC);
	return KB_EEXEC;
}

void os_reboot(void)
{
	if (os_sim_turn("reboot") == KB_OK && os_sim_call(KB_OK, "reboot") == KB_OK)
		os_sim_finish(OS_SIM_REBOOT);
}

void os_reboot_to(const char *words)
{
	if (os_sim_turn("reboot") == KB_OK && os_sim_call(KB_OK, "reboot \"%s\"", words) == KB_OK)
		os_sim_finish(OS_SIM_REBOOT);
}

enum kb_err os_can_kexec(void)
{
	return os_sim_call(KB_OK, "can kexec");
}

bool os_has_kexec(void)
{
	return os_sim_call(KB_OK, "has kexec") == KB_OK;
}

void os_kexec(void)
{
	if (os_sim_turn("kexec") == KB_OK && os_sim_call(KB_OK, "kexec") == KB_OK)
		os_sim_finish(OS_SIM_KEXEC);
}

void os_stdio(void)
{
}

bool os_is_init(void)
{
	return true;
}
