# SPDX-License-Identifier: Apache-2.0
"""Some keys of the packed system.conf, read as the device reads it: lib/conf_load.c says which files
count, lib/conf.c and inih what a line is."""

import re

FOLDERS = ("etc/keelboot", "usr/lib/keelboot")      # /etc goes before /usr
FILE_MAX, LINE_MAX, NAME_MAX, DROPINS_MAX, PATH_MAX = 65536, 198, 63, 32, 127
KEYRING = "/etc/keelboot/keys"
BLANKS = b" \t\n\v\f\r"


def _is_dropin(name: bytes) -> bool:
    return name.endswith(b".conf") and not name.startswith(b".") and b"/" not in name and \
        len(name) <= NAME_MAX


def files(entries: dict) -> list:
    """The texts that count, in the order in which they do; entries: {path in the image: data}."""
    names = [f"{folder}/system.conf" for folder in FOLDERS]
    found = [entries[name] for name in names if len(entries.get(name, bytes(FILE_MAX + 1)))
             <= FILE_MAX][:1]
    dropins = {}
    for folder in reversed(FOLDERS):
        top = f"{folder}/system.conf.d/"
        dropins.update((path[len(top):].encode(), data) for path, data in entries.items()
                       if path.startswith(top) and _is_dropin(path[len(top):].encode()))
    return found + [dropins[name] for name in sorted(dropins)[:DROPINS_MAX]
                    if len(dropins[name]) <= FILE_MAX]


def _find(text: bytes, chars: bytes) -> int:
    """Where one of chars is, or " ;" or the end, which come before it."""
    blank = False
    for at, byte in enumerate(text):
        if byte in chars or blank and byte == ord(";"):
            return at
        blank = byte in BLANKS
    return len(text)


def pairs(text: bytes):
    """(section, key, value) of each line that has them."""
    section = b""
    for number, line in enumerate(text.replace(b"\0", b"\n").split(b"\n")):
        if number == 0 and line.startswith(b"\xef\xbb\xbf"):
            line = line[3:]
        line = line.lstrip(b" \t\r")
        heading = line.startswith(b"[")
        cut = len(line) > LINE_MAX and (heading or _find(line[:LINE_MAX], b"") == LINE_MAX)     # else of a comment
        if cut or heading and b"]" not in line:
            section = b"?" if heading else section
            continue
        line = line.strip(BLANKS)
        end = _find(line[1:], b"]") + 1 if heading else _find(line, b"=:")
        if line[:1] in (b"", b"#", b";") or line[end:end + 1] in (b"", b";"):
            continue
        if heading:
            section = line[1:end]
        else:
            value = line[end + 1:]
            yield section, line[:end].rstrip(BLANKS), value[:_find(value, b"")].strip(BLANKS)


def _is_path(value: bytes) -> bool:
    return 1 < len(value) <= PATH_MAX and value.startswith(b"/") and \
        all(0x20 <= byte <= 0x7e for byte in value) and b".." not in value.split(b"/")


def keyring(entries: dict) -> str:
    """The folder in which the device looks for its keys: [keyring] path=."""
    path = KEYRING
    for text in files(entries):
        for section, key, value in pairs(text):
            if (section, key) == (b"keyring", b"path") and _is_path(value):
                path = value.decode()
    return path


LOADERS = ("none", "grub", "uefi", "u-boot", "kexec", "systemd-boot", "efibootguard",
           "tryboot", "barebox")
UBOOT_CONFIG = "/etc/fw_env.config"


def loader(entries: dict) -> tuple:
    """(kind, of u-boot the file that names its environment): [loader]."""
    kind, path = LOADERS[0], UBOOT_CONFIG
    for text in files(entries):
        for section, key, value in pairs(text):
            if (section, key) == (b"loader", b"kind") and value.decode(errors="replace") in LOADERS:
                kind = value.decode()
            elif (section, key) == (b"loader", b"environment") and _is_path(value):
                path = value.decode()
    return kind, path if kind == "u-boot" else ""


def measures(entries: dict) -> bool:
    """[measure] pcr= names one: a bad value is read as one, too."""
    last = b"none"
    for text in files(entries):
        for section, key, value in pairs(text):
            if (section, key) == (b"measure", b"pcr"):
                last = value
    return last != b"none"


def unchecked_kernels(entries: dict) -> list:
    """Slots whose kernel is measured by nobody: by kexec, from a partition of its own."""
    if loader(entries)[0] != "kexec" or not measures(entries):
        return []
    return sorted({section.decode() for text in files(entries) for section, key, _ in pairs(text)
                   if section.startswith(b"slot.") and key == b"boot"})


# What Keelboot's own init does not open: container_of_path() of lib/container.c.
UNOPENED = re.compile(rb"/dev/(loop|nbd|md|dm-|(?!disk/|block/)[^/:]+/)")


def unopened(entries: dict) -> list:
    """"[slot.a] root=/dev/vg/a" of each device that is no partition of a disk."""
    found = {}
    for text in files(entries):
        for section, key, value in pairs(text):
            if section.startswith(b"slot.") or (section, key) in (
                    (b"state", b"partition"), (b"system", b"root-overlay"), (b"source.data", b"partition")):
                found[section, key] = value
    return [f"[{section.decode()}] {key.decode()}={value.decode(errors='replace')}"
            for (section, key), value in found.items() if UNOPENED.match(value)]
