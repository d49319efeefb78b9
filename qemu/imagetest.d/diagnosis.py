# SPDX-License-Identifier: Apache-2.0
"""What a system lacks that Keelboot needs, and what to do about it: read from its disk and its initramfs before it is
started, and from its console afterwards."""

import re
import tempfile
from dataclasses import dataclass
from pathlib import Path

import images
import unpack
from kbdisk import DiskError
from kbdisk import ext4_read
from releases import debugfs, is_ext4
from watch import CHECK_TODO, KERNEL

KEELBOOT_FILES = ("usr/lib/keelboot/keelboot-select", "usr/lib/keelboot/keelboot-helper", "etc/keelboot/modules")
DRIVER = "i6300esb"
LEVELS = ("error", "warning", "note")
MARKERS = ("usr/lib/systemd/system/keelboot-mark-good.service", "lib/systemd/system/keelboot-mark-good.service")


@dataclass(frozen=True)
class Finding:
    """level: error (no scenario can pass), warning (something is weaker than it could be), note."""
    id: str
    level: str
    what: str
    todo: str = ""


# ---------------------------------------------------------------- before it is started

def of_disk(subject) -> list:
    """Of the partition table."""
    if subject.table_error:
        return [Finding("no-table", "error",
                        f"the disk has no partition table that could be read: {subject.table_error}",
                        "use an image of the whole disk, raw or qcow2, not of one file system")]
    found = []
    names = ", ".join(part.name or str(part.number) for part in subject.parts) or "none"
    if hidden := subject.hidden(("slot.a", "root"), ("slot.b", "root"), ("source.data", "partition")):
        found.append(Finding("hidden", "note",
                             f"system.conf names what is no partition of this disk: {', '.join(hidden)}", "it is not "
                             "examined from outside: a release of your own is --bundle, and sticks bring it"))
    elif len(subject.slots()) < 2:
        found.append(Finding("no-slots", "error", f"no two slots (labels root-a and root-b); there are: {names}",
                             "an update needs a second partition for the root; system.conf names it in [slot.b]"))
    if subject.part("state") is None:
        found.append(Finding("no-state", "error",
                             f"no partition for the state (label keelboot-state); there are: {names}",
                             "make one of 16 MiB, and its first record: keelboot state init; on an installed Debian "
                             "keelboot adopt does both"))
    if subject.part("source.data") is None and not hidden:
        found.append(Finding("no-data", "note", "no data partition (label data): nothing can be staged",
                             "sticks and cards still bring updates"))
    return found


def _drivers(names) -> bool:
    return any(re.search(rf"(^|/){DRIVER}\.ko(\.|$)", name) for name in names)


def of_initramfs(subject) -> list:
    """Of an initramfs that was given."""
    if subject.initrd_error:
        return [Finding("initramfs", "warning", f"the initramfs cannot be read: {subject.initrd_error}",
                        "its content is not examined, and no test key is added to it: use --key")]
    entries = subject.entries
    if entries is None:
        return []
    found = []
    if not is_keelboots(entries):
        found.append(Finding("no-keelboot", "error", "the initramfs has no Keelboot in it",
                             "make it with keelboot image build, or install keelboot-initramfs-tools, keelboot-dracut "
                             "or keelboot-mkosi-initrd and make it anew"))
    elif not any("system.conf" in name for name in entries):
        found.append(Finding("no-conf", "warning", "the initramfs has no system.conf: the defaults count",
                             "keelboot image build --conf system.conf"))
    modular = any(re.search(r"\.ko(\.\w+)?$", name) for name in entries)
    if subject.watchdog and modular and not _drivers(entries):
        found.append(Finding("no-watchdog-driver", "warning",
                             f"the initramfs has no driver of QEMU's watchdog ({DRIVER})",
                             f"for the test: --module {DRIVER}, or MODULES of your generator; a kernel may have it "
                             "built in; --no-watchdog tests without one"))
    return found


def is_keelboots(entries: dict) -> bool:
    """Whether Keelboot is in this initramfs, as its init or as a part."""
    return any(name in entries for name in KEELBOOT_FILES) or b"keelboot:" in entries.get("init", b"")


def _largest_ext4(subject, folder: Path) -> tuple:
    """(image, offset, partition) of the file system that is most likely the root."""
    for part in sorted(subject.parts, key=lambda part: -part.size):
        head = images.read_range(subject.disk, part.offset, min(part.size, 1 << 20), folder / "head")
        if not is_ext4(head):
            continue
        if images.format_of(subject.disk) == "raw":
            return subject.disk, part.offset, part
        return images.read_range(subject.disk, part.offset, part.size, folder / "root"), 0, part
    return None, 0, None


def of_root(subject) -> list:
    """Of the system on a disk that starts by its own boot loader: what its root has of Keelboot."""
    if subject.initrd or subject.table_error:
        return []
    with tempfile.TemporaryDirectory() as folder:
        image, offset, part = _largest_ext4(subject, Path(folder))
        if image is None:
            return [Finding("root", "note", "no ext4 file system on the disk: its content was not examined")]
        where = f"{image}?offset={offset}" if offset else str(image)
        return _of_files(subject, where, image, offset, f"partition {part.name or part.number}")


def _names(where: str, folder: str) -> list:
    return re.findall(r"^/\d+/\d+/\d+/\d+/([^/]+)/", debugfs(where, [f"ls -p {folder}"]), re.M)


def _of_files(subject, where: str, image, offset: int, name: str) -> list:
    found = []
    here = {path: "Inode:" in debugfs(where, [f"stat /{path}"]) for path in ("usr/bin/keelboot", *MARKERS)}
    if not here["usr/bin/keelboot"]:
        found.append(Finding("no-command", "error", f"{name}: the system has no keelboot command",
                             "install the package keelboot, or make install-device DESTDIR=…: it marks a boot good"))
    elif not any(here[path] for path in MARKERS) and "Inode:" in debugfs(where, ["stat /usr/lib/systemd/systemd"]):
        found.append(Finding("no-mark-good", "warning", f"{name}: no keelboot-mark-good.service",
                             "something must call `keelboot health` or `keelboot mark good` in each boot"))
    initrds = [file for file in _names(where, "/boot") if file.startswith(("initrd", "initramfs"))]
    for file in initrds[:1]:
        found += _of_packed(subject, image, offset, f"/boot/{file}")
    kernels = [file for file in _names(where, "/usr/lib/modules") or _names(where, "/lib/modules") if file[0] != "."]
    if subject.watchdog and kernels:
        path = f"lib/modules/{kernels[-1]}/kernel/drivers/watchdog"
        drivers = _names(where, f"/usr/{path}") or _names(where, f"/{path}")
        if not _drivers(drivers):
            found.append(Finding("no-watchdog-driver", "warning", f"{name}: the kernel's modules lack {DRIVER}",
                                 "a hang does not end without the driver of a watchdog"))
    return found


def _of_packed(subject, image, offset: int, path: str) -> list:
    try:
        with tempfile.NamedTemporaryFile() as file:
            file.write(ext4_read(image, path, offset))
            file.flush()
            entries = unpack.unpack(file.name)
    except (DiskError, unpack.UnpackError, OSError) as error:
        return [Finding("initramfs", "note", f"{path} was not examined: {error}")]
    found = []
    if not is_keelboots(entries):
        found.append(Finding("no-keelboot", "error", f"{path} has no Keelboot in it",
                             "install keelboot-initramfs-tools or keelboot-dracut and make the initramfs anew"))
    if subject.watchdog and not _drivers(entries):
        found.append(Finding("no-watchdog-driver", "warning", f"{path} has no driver of QEMU's watchdog ({DRIVER})",
                             "Keelboot's hooks add the driver that the machine uses"))
    return found


def of_roots(image) -> list:
    """Of a root that is going to be an update."""
    if not is_ext4(image):
        return []
    if "Inode:" in debugfs(image, ["stat /usr/bin/keelboot"]):
        return []
    return [Finding("no-command", "warning", "the root has no /usr/bin/keelboot",
                    "install the package keelboot in it, or make install-device DESTDIR=…: it marks a boot as good")]


def before(subject) -> list:
    """All of it; the first of each id."""
    found = [*of_disk(subject), *of_initramfs(subject), *of_root(subject)]
    return list({finding.id: finding for finding in reversed(found)}.values())[::-1]


# ---------------------------------------------------------------- once it was started

# The first of them that was found is why a system does not come up with Keelboot.
WORST = ("silent", "check-failed", "dead-end", "no-keelboot", "no-table", "no-state")

SILENT = Finding("silent", "error", "it says nothing on its serial console",
                 "add console=ttyS0 to the kernel's command line (with UEFI: in the boot loader's configuration), "
                 "and the driver of 8250 serial ports to the kernel")


def of_console(subject, boot) -> list:
    """Of the first boot's words."""
    text, found = boot.text, []
    if boot.silent:
        return [SILENT]
    line = re.search(r"Kernel command line: (.*)", text)
    if line and not re.search(r"\bpanic=[1-9-]", line[1]) and not boot.lines:
        found.append(Finding("no-panic", "warning", "the kernel's command line has no panic=: a panic hangs forever",
                             "add panic=10"))
    if not KERNEL.search(text) and not boot.slot and not boot.up:
        found.append(Finding("no-kernel-console", "warning", "the console shows no message of the kernel",
                             "add console=ttyS0 to the kernel's command line, and take quiet away"))
    if boot.check:
        found.append(Finding("check-failed", "warning" if boot.up else "error", boot.check, CHECK_TODO))
    elif boot.dead:
        found.append(Finding("dead-end", "error", f"the boot ended: {boot.dead}", _cure(boot)))
    elif not boot.lines:
        up = "it comes up, but " if UP_WITHOUT.search(text) else ""
        found.append(Finding("no-keelboot", "error", f"{up}Keelboot says nothing in its boot",
                             "its initramfs must contain Keelboot: keelboot image build, or the package for your "
                             "initramfs generator (docs/DISTRIBUTIONS.md)"))
    for said in boot.lines:
        if "watchdog: not running" in said or "watchdog: none" in said:
            found.append(Finding("no-watchdog", "warning", "Keelboot has no watchdog: a hang does not end",
                                 f"pack the driver of the board's watchdog; QEMU's is {DRIVER}"))
        if "no system.conf" in said:
            found.append(Finding("no-conf", "warning", "Keelboot found no system.conf in its initramfs",
                                 "keelboot image build --conf system.conf"))
    return found


def worst(findings: list):
    """The error that explains most, or None."""
    errors = [finding for finding in findings if finding.level == "error"]
    return min(errors, key=lambda one: WORST.index(one.id) if one.id in WORST else len(WORST), default=None)


UP_WITHOUT = re.compile(r"\blogin: ?$|Reached target (?:\S+ - )?Multi-User", re.M)


def _cure(boot) -> str:
    if "firmware" in boot.dead:
        return "for UEFI the disk needs an EFI system partition with EFI/BOOT/BOOTX64.EFI; for a BIOS: --firmware bios"
    if "root file system" in boot.dead:
        return "give --initrd, and root= in --append if the initramfs needs it"
    return "the log shows what was missing"


def of_first(subject, boot, good: bool, shutdown: str) -> list:
    """Of a first boot that came up with Keelboot."""
    found = []
    if not good:
        found.append(Finding("not-good", "error", f"nothing marked slot {boot.slot} good",
                             "the system must call `keelboot health` once it is up: keelboot-mark-good.service, or "
                             "keelboot.init"))
    if not shutdown:
        found.append(Finding("no-shutdown", "warning", "no orderly shutdown: it reacts neither to Ctrl-Alt-Del nor to "
                             "the power button, or hangs in it until the watchdog ends it",
                             "power was cut instead; an orderly shutdown calls keelboot mark clean"))
    if boot.up.startswith("it was quiet"):
        found.append(Finding("no-login", "note", "its console shows no login: quiet was taken for up",
                             "a getty on ttyS0 makes the test quicker and surer"))
    return found
