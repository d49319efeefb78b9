# SPDX-License-Identifier: Apache-2.0
"""Only the real ends of the seams (REAL in the Makefile) call the C library for what touches kernel or disk."""

import re

from object_checks import call_of

KERNEL = set("""
    open openat creat read pread readv preadv write pwrite writev pwritev fallocate posix_fallocate fsync fdatasync
    sync syncfs rename renameat renameat2 unlink unlinkat remove mkdir mkdirat rmdir link linkat symlink symlinkat
    readlink readlinkat stat lstat fstat fstatat statx statvfs fstatvfs statfs fstatfs access faccessat
    truncate ftruncate lseek chmod fchmod chown fchown utimensat futimens chdir fchdir chroot mount umount umount2 unshare setns pivot_root
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
    "update/decoder/decoder_main.c": "_exit mmap recv send",
    "initramfs/prober/": "*",
    # Ends of their own, of one process.
    "initramfs/guardian/": "*",
    "lib/log.c": "write",
    "lib/util.c": "close",
    "lib/conf_load.c": "open read fstat getdents",
    "selector/store.c": "flock nanosleep",
    # Still to be moved.
    "update/decoder/decoder.c": "_exit close dup2 execve fcntl fork ftruncate kill memfd_create mmap munmap nanosleep "
                                "poll recv send socketpair waitpid",
    "cli/device/device_mounted.c": "fopen stat",
    "cli/stage/install_cmd.c": "execlp",
    "cli/state/mark_guardian.c": "kill",
}


def plain(symbol: str) -> str:
    """The C library's name as one writes it: __openat64_2 is openat."""
    return re.sub(r"^__(\w+?)(?:_2|_chk)$", r"\1", symbol).removesuffix("64") or symbol


def real_ends(tree) -> set:
    found = re.search(r"^REAL *:= (.*)$", tree.text("Makefile"), re.M)
    return set(found[1].split()) if found else set()


def allowed(name: str) -> tuple:
    """(the entry of PAST, its calls) of a file; (None, "") where it has none."""
    return next(((entry, calls) for entry, calls in PAST.items() if name == entry or
                 (entry.endswith("/") and name.startswith(entry))), (None, ""))


def seam(tree) -> list:
    """Kernel and disk are reached by lib/os*.h and lib/bdev.h only; a short list says what goes past them."""
    sources = [name for name in tree.sources(shipped=True) if name not in real_ends(tree)]
    tree.compile(sources)
    found, used = [], {}
    for name in sources:
        wanted = {plain(symbol.name): symbol.name for symbol in tree.symbols(name) if symbol.section == "*UND*"}
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
