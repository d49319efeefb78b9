# SPDX-License-Identifier: Apache-2.0
"""Only the real ends of the seams (REAL in the Makefile) call the C library for what touches kernel or disk."""

import re

from object_checks import call_of

KERNEL = set("""
    open openat creat read pread readv preadv write pwrite writev pwritev fallocate posix_fallocate fsync fdatasync
    sync syncfs rename renameat renameat2 unlink unlinkat remove mkdir mkdirat rmdir link linkat symlink symlinkat
    readlink readlinkat stat lstat fstat fstatat statx statvfs fstatvfs statfs fstatfs access faccessat
    truncate ftruncate lseek chmod fchmod chown fchown utimensat futimens chdir fchdir chroot
    mount umount umount2 unshare setns pivot_root
    fork vfork execl execle execlp execv execve execvp execvpe fexecve posix_spawn posix_spawnp system popen daemon
    wait waitpid wait3 wait4 waitid kill tgkill raise poll ppoll select pselect epoll_create1 epoll_ctl epoll_wait
    socket socketpair bind connect listen accept accept4 send sendto sendmsg recv recvfrom recvmsg
    ioctl fcntl flock lockf dup dup2 dup3 pipe pipe2 close close_range closefrom mmap munmap mremap mprotect msync
    memfd_create posix_fadvise readahead sendfile splice copy_file_range getdents
    opendir fdopendir readdir closedir scandir ftw nftw glob fopen freopen fdopen tmpfile mkstemp mkdtemp
    realpath getcwd
    clock_gettime gettimeofday time nanosleep clock_nanosleep sleep usleep alarm timer_create timerfd_create
    sigprocmask sigaction sigtimedwait signalfd setsid prctl setrlimit getrlimit mlockall reboot syscall _exit
    isatty inotify_init1 eventfd
""".split())

# Ends that process 1 links none of, as their headers say.
BESIDE = ("os_file_", "os_mounts_", "os_clock_", "os_worker_", "os_command_")

# What goes past the seams, and why. A file leaves this list, never comes onto it without a reason.
PAST = {
    # Build hosts: their files are a person's, and no device runs these.
    "cli/bundle/": "*",
    "cli/key/": "*",
    "cli/image/": "*",
    "cli/check/check_config_cmd.c": "open read",   # a pipe, too
    "cli/output/tool.c": "*",
    "cli/state/state_init.c": "*",
    "cli/state/state_export.c": "freopen",          # a command's own output
    "cli/output/output.c": "isatty",
    "cli/output/output_progress.c": "isatty",
    # Behind a cage: after it, no call but these is possible.
    "lib/cage.c": "*",
    "lib/cage_filter.c": "*",
    "update/decoder/decoder_limits.c": "close prctl",
    "update/decoder/decoder_main.c": "_exit",
    "initramfs/prober/": "*",
    # Nothing depends on them: a line of the log that is lost, and the end of a descriptor.
    "lib/log.c": "write",
    "lib/util.c": "close",
    # An end of its own, which the simulations replace as a whole by a text.
    "lib/conf_load.c": "open fstat",
}


def plain(symbol: str) -> str:
    """The C library's name as one writes it: __openat64_2 is openat."""
    return re.sub(r"^__(\w+?)(?:_2|_chk)$", r"\1", symbol).removesuffix("64") or symbol


def listed(tree, variable: str) -> set:
    """The words of a variable of the Makefile."""
    found = re.search(rf"^{variable} *:= ((?:.*\\\n)*.*)$", tree.text("Makefile"), re.M)
    return set(found[1].replace("\\\n", " ").split()) if found else set()


def allowed(name: str) -> tuple:
    """(the entry of PAST, its calls) of a file; (None, "") where it has none."""
    return next(((entry, calls) for entry, calls in PAST.items() if name == entry or
                 (entry.endswith("/") and name.startswith(entry))), (None, ""))


def seam(tree) -> list:
    """Kernel and disk are reached by lib/os*.h and lib/bdev.h only; a short list says what goes past them. Process 1
    calls none of the ends that are for others."""
    real, first = listed(tree, "REAL"), listed(tree, "OF_INIT")
    sources = [name for name in tree.sources(shipped=True) if name not in real]
    tree.compile(sources)
    found, used = [], {}
    for name in sources:
        wanted = {plain(symbol.name): symbol.name for symbol in tree.symbols(name) if symbol.section == "*UND*"}
        if name.rpartition("/")[0] in first:
            found += [f"{name}:{call_of(tree, name, call)}: {call}() is not for process 1" for call in sorted(wanted)
                      if call.startswith(BESIDE)]
        entry, calls = allowed(name)
        for call in sorted(KERNEL & set(wanted)):
            used.setdefault(entry, set()).add(call)
            if calls != "*" and call not in calls.split():
                found.append(f"{name}:{call_of(tree, name, call)}: {call}() goes past the seam: use lib/os.h, "
                             "lib/os_file.h or lib/bdev.h")
    for entry, calls in PAST.items():
        if not any(name.startswith(entry) for name in sources):
            continue
        spare = {"*"} if calls == "*" and entry not in used else set(calls.split()) - {"*"} - used.get(entry, set())
        found += [f"tests/lint/seam.py:1: {entry} does not use {call} any more: take it off the list"
                  for call in sorted(spare)]
    return found
