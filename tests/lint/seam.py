# SPDX-License-Identifier: Apache-2.0
"""Only the real ends of the seams (REAL in the Makefile) call the C library for what touches kernel or disk."""

from libc import OUTPUT, PURE, is_library, wanted
from object_checks import call_of
from tree import folders_of, listed

# Ends that process 1 links none of, as their headers say.
BESIDE = ("os_file_", "os_mounts_", "os_clock_", "os_worker_", "os_command_", "os_select_", "os_tree_",
          "os_memory_", "os_efivar_", "os_emmc_", "os_kexec_", "os_lend_", "os_processor_")

# What goes past the seams, and why: {a file, or a folder with all below it: its calls}. A file leaves this list, and
# comes onto it only with a reason.
PAST = (
    ("Bundles, keys and images are made of the files of a person: on a build host, as a rule.", {
        "cli/bundle/": "*",
        "cli/key/": "*",
        "cli/fleet/": "*",
        "cli/image/": "*",
    }),
    ("Run on devices too, by a person: files that this person named, beside slots and state.", {
        "cli/adopt/adopt_key.c": "stat",                # whose disk a key lies on
        "cli/check/check_config_cmd.c": "open read",   # a pipe, too
        "cli/state/state_init.c": "access ftruncate open unlink",   # makes a new state file
        "cli/state/state_export.c": "freopen",          # -o FILE
    }),
    ("Run on devices too: which program this is, and where its tools are.", {
        "cli/output/inputs.c": "stat",                  # two names of one file
        "cli/output/tool.c": "getauxval readlink realpath secure_getenv stat",
    }),
    ("A program's own output, and what its caller's environment asks of it.", {
        "cli/": OUTPUT,
        "cli/adopt/adopt_check.c": "geteuid",
        "cli/adopt/adopt_cmd.c": "fgets isatty stdin",  # asks before it writes
        "cli/output/output.c": "fileno getenv isatty",
        "cli/output/output_progress.c": "isatty",
        "cli/output/output_json.c": "exit",             # no memory
        "initramfs/init.c": "environ fwrite stderr",
        "initramfs/helper/helper.c": "fprintf stderr",
        "initramfs/select/missing.c": "fprintf",
        "initramfs/select/select_main.c": "dup2 environ fwrite puts stderr stdout",
        "initramfs/guardian/guardian_main.c": "fwrite stderr",
        "initramfs/data/data_verbs.c": "fwrite stderr",
        "initramfs/overlay/overlay_main.c": "environ fwrite stderr",
        "lib/bootlog.c": "getenv",
        "update/apply/apply_file.c": "getenv",
    }),
    ("In the process of another program, to start the command: no code of the tree's own is below it.", {
        "libkeelboot/keelboot.c": "access",
        "libkeelboot/keelboot_child.c": "_Fork _exit close dup2 execve fcntl open pipe2 pthread_sigmask "
                                        "setpgid sigaction sigemptyset sigfillset sigprocmask syscall waitpid write",
        "libkeelboot/keelboot_program.c": "access clock_gettime close kill poll read",
        "libkeelboot/keelboot_work.c": "close closedir open opendir read readdir strtoull",
    }),
    ("A program of its own, which talks to servers: slots and state it reaches by the command only.", {
        "fleet/": "*",
    }),
    ("A pipe that nobody reads any more is an error, not an end.", {
        "cli/main.c": "signal",
        "update/apply/apply.c": "signal",
        "update/verify/verify_slot.c": "signal",
    }),
    ("Behind a cage, or on the way into it: after it, no call but these is possible.", {
        "lib/cage.c": "chroot close fchdir geteuid getpid getrlimit mkdirat open openat prctl setgroups setresgid "
                      "setresuid setrlimit syscall unlinkat",
        "lib/cage_filter.c": "prctl",
        "update/decoder/decoder_limits.c": "close prctl",
        "update/decoder/decoder_main.c": "_exit",
        "initramfs/prober/": "*",
    }),
    ("Nothing depends on them: a line of the log that is lost, and the end of a descriptor.", {
        "lib/log.c": "write",
        "lib/util.c": "close",
    }),
    ("libubootenv reads and writes U-Boot's environment itself: it knows MTD, UBI and files.", {
        "selector/loader/loader_uboot.c": "libuboot_close libuboot_configure libuboot_env_store libuboot_exit "
                                          "libuboot_get_env libuboot_getname libuboot_getvalue libuboot_initialize "
                                          "libuboot_iterator libuboot_open libuboot_read_config libuboot_set_env",
    }),
    ("OpenSSL starts without a file of settings, and not without memory; in the helper, with few algorithms.", {
        "initramfs/helper/algorithms.c": "*",
        "initramfs/helper/left_out.c": "*",
        "update/crypto/ossl.c": "OPENSSL_init_crypto abort",
    }),
)


def entries() -> list:
    """(file or folder, its calls)"""
    return [(entry, set(calls.split())) for _, group in PAST for entry, calls in group.items()]


def entries_of(name: str) -> list:
    return [(entry, calls) for entry, calls in entries()
            if name == entry or (entry.endswith("/") and name.startswith(entry))]


def seam(tree) -> list:
    """Kernel and disk are reached by lib/os*.h and lib/bdev.h only; a short list says what goes past them. Process 1
    calls none of the ends that are for others."""
    real, first = listed(tree, "REAL"), folders_of(tree, "OF_INIT")
    found, used = [], {}
    for name in (name for name in tree.sources(shipped=True) if name not in real):
        if name.rpartition("/")[0] in first:
            found += [f"{name}:{call_of(tree, name, symbol.name)}: {symbol.name}() is not for process 1"
                      for symbol in tree.symbols(name) if symbol.section == "*UND*" and symbol.name.startswith(BESIDE)]
        for call, symbol in wanted(tree, name).items():
            if call in PURE or is_library(call):
                continue
            past = [entry for entry, calls in entries_of(name) if calls & {"*", call}]
            for entry in past:
                used.setdefault(entry, set()).update({"*", call})
            if not past:
                found.append(f"{name}:{call_of(tree, name, symbol)}: {call}() goes past the seam: use lib/os.h, "
                             "lib/os_file.h or lib/bdev.h")
    for entry, calls in entries():
        if entry != "cli/" and any(name.startswith(entry) for name in tree.sources(shipped=True)):
            found += [f"tests/lint/seam.py:1: {entry} does not use {call} any more: take it off the list"
                      for call in sorted(calls - used.get(entry, set()))]
    return found
