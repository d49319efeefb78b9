# SPDX-License-Identifier: Apache-2.0
"""What of the C library this code calls. Each call stands in a group: a new one is a decision, not an accident."""

import re

# What the compiler itself writes into an object.
GIVEN = re.compile(r"^(_GLOBAL_OFFSET_TABLE_|__stack_chk_(fail|guard)|__aarch64_\w+|__aeabi_\w+|__u?(div|mod)\w+)$")

MEMORY = set("memchr memrchr memcmp memcpy memccpy memmem memmove memset".split())
STRINGS = set("""
    strlen strnlen strcmp strncmp strcasecmp strncasecmp strchr strrchr strstr strspn strcspn strsep
""".split())
FORMATTING = set("snprintf vsnprintf".split())
NUMBERS = set("strtol strtoul".split())
ERRORS = set("errno_location".split())

# Process 1 reaches the kernel with these. None of them takes memory.
ENDS_1 = set("""
    open openat close read pread write pwrite lseek fallocate fsync posix_fadvise sync
    lgetxattr lsetxattr lchown chmod
    stat lstat fstat fstatfs statvfs readlink mkdir rename unlink unlinkat fcntl flock ioctl isatty dup2 dup3 pipe2 poll
    mount umount2 chroot chdir uname unshare fork execve waitpid kill getpid getppid setsid prctl setrlimit _exit reboot
    sched_getaffinity sched_cpucount
    syscall sigemptyset sigfillset sigprocmask clock_gettime nanosleep socket bind setsockopt recvmsg
""".split())
# inih's allocator stays unused (tests/unit/conf_heap_test.c); fnmatch allocates only for characters of several bytes,
# which the C locale lacks. The rest is read once, or written where /init is not process 1.
SINGLE_1 = set("ini_parse_stream fnmatch getenv environ stderr fwrite".split())
PROCESS_1 = MEMORY | STRINGS | FORMATTING | NUMBERS | ERRORS | ENDS_1 | SINGLE_1

# Touches neither kernel nor disk. `make lint ONLY=bounded` looks after the heap.
HEAP = set("malloc calloc realloc free strdup mallopt".split())
THREADS = set("""
    pthread_create pthread_join pthread_attr_init pthread_attr_setstacksize pthread_attr_destroy
    pthread_mutex_init pthread_mutex_lock pthread_mutex_unlock pthread_mutex_destroy
    pthread_cond_init pthread_cond_wait pthread_cond_timedwait pthread_cond_broadcast pthread_cond_destroy
    pthread_condattr_init pthread_condattr_setclock pthread_condattr_destroy
""".split())
PURE = MEMORY | STRINGS | FORMATTING | NUMBERS | ERRORS | HEAP | THREADS | set("""
    sscanf strtoll strerror strsignal gmtime_r strftime ini_parse_stream fnmatch ctype_b_loc
""".split())
# OpenSSL, zstd, LZ4, liblzma, json-c and zlib, as far as they work on memory.
LIBRARIES = re.compile(r"^(?:(?:EVP|ERR|OSSL_PARAM|ZSTD|LZ4|lzma|json_object|json_tokener)_(?!\w*(?:file|fd|fp)\b)\w+"
                       r"|(?:de|in)flate\w*|zlibVersion)$")
# A program's own output: without fopen() there are no streams but these two.
OUTPUT = "printf fprintf puts putchar fputs fputc putc fwrite fflush ferror stdout stderr"


VARIANT = re.compile(r"^(?:__isoc\d+_|__xpg_|__)?([A-Za-z]\w*?)(?:64)?(?:_time64)?(?:_2|_chk)?$")


def plain(symbol: str) -> str:
    """The C library's name as one writes it: __openat64_2 is openat, __isoc23_strtol is strtol."""
    variant = VARIANT.match(symbol)
    return symbol if variant is None or is_library(symbol) else variant[1]


def is_library(symbol: str) -> bool:
    return LIBRARIES.match(symbol) is not None


def wanted(tree, name: str) -> dict:
    """{call as one writes it: symbol} of what the object takes from libraries, not from the tree's own functions."""
    return {plain(symbol.name): symbol.name for symbol in tree.symbols(name)
            if symbol.section == "*UND*" and not GIVEN.match(symbol.name) and symbol.name not in tree.exported}
