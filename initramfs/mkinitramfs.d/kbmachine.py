# SPDX-License-Identifier: Apache-2.0
"""The modules that a machine needs to see its disks, sticks and watchdogs, by its /sys: the drivers of each device on
the way from the board to them, and of all that supplies those (clocks, regulators, phys, buses)."""

import os
from pathlib import Path

import kbmodules

# Below /sys: each entry is, or leads to, a device that a boot needs.
WANTED = ("class/block", "class/nvme", "class/mmc_host", "class/watchdog", "bus/usb/devices")


class MachineError(Exception):
    """Says what /sys lacks."""


class Sysfs:
    """A tree like /sys. Its links may be absolute for another root: only what is behind the folder counts."""

    def __init__(self, folder: Path):
        self.folder = Path(folder).resolve()
        if not (self.folder / "devices").is_dir():
            raise MachineError(f"{folder}: not the /sys of a machine: it has no folder devices")

    def text(self, path: Path, name: str) -> str:
        """The first line of an attribute, or ''."""
        try:
            return (path / name).read_text(errors="replace").split("\n", 1)[0]
        except OSError:
            return ""

    def link(self, path: Path, name: str):
        """Where a link leads to, or None."""
        target = path / name
        return target.resolve() if target.is_symlink() and target.exists() else None

    def devices(self) -> list:
        """Those of WANTED; disks without hardware (loop, dm, zram) are left out."""
        found = []
        for kind in WANTED:
            for entry in sorted((self.folder / kind).glob("*")):
                if kind.endswith("usb/devices") and not entry.name.startswith("usb"):
                    continue
                path = entry.resolve()
                if not path.is_relative_to(self.folder / "devices/virtual"):
                    found.append(path)
        return found

    def above(self, path: Path) -> list:
        """The device and those that it is on, up to the board's root."""
        top = self.folder / "devices"
        return [path, *(parent for parent in path.parents if parent != top and parent.is_relative_to(top))]

    def suppliers(self, path: Path) -> list:
        """The devices without which this one does not work, as far as the kernel names them: see names_all()."""
        links = [self.link(entry, "supplier") for entry in sorted(path.glob("supplier:*"))]
        return [link for link in links if link]

    def names_all(self) -> bool:
        """Did the running kernel keep the links to all suppliers? With fw_devlink=permissive, the default until Linux
        5.13, those of the device tree go once a device has its driver. Only a kernel that keeps them has this file, on
        devices without a driver; of these a board has some."""
        return any("waiting_for_supplier" in files for _, _, files in os.walk(self.folder / "devices"))

    def has_device_tree(self) -> bool:
        return (self.folder / "firmware/devicetree/base").is_dir()


def chain(sysfs: Sysfs) -> list:
    """All devices that the wanted ones need, suppliers first."""
    result, seen = [], set()

    def visit(path: Path) -> None:
        if path in seen:        # or about to be: suppliers may go in circles
            return
        seen.add(path)
        for supplier in sysfs.suppliers(path):
            for above in reversed(sysfs.above(supplier)):
                visit(above)
        result.append(path)

    for device in sysfs.devices():
        for path in reversed(sysfs.above(device)):
            visit(path)
    return result


def _module_of(sysfs: Sysfs, path: Path) -> str:
    """The module whose driver has this device, or ''."""
    driver = sysfs.link(path, "driver")
    module = sysfs.link(driver, "module") if driver else None
    return module.name if module else ""


def builtin(folder: Path, kernel: kbmodules.Modules) -> list:
    """The drivers that the kernel of the image has built in: they need no module, but maybe firmware."""
    sysfs = Sysfs(folder)
    return [name for name in (_module_of(sysfs, path) for path in chain(sysfs)) if name and kernel.is_builtin(name)]


def modules(folder: Path, kernel: kbmodules.Modules) -> tuple:
    """(names in load order, notes, warnings). The driver that has a device is taken, if the kernel of the image has it
    as a module; else all that its modalias fits. What is built into that kernel needs no module."""
    sysfs = Sysfs(folder)
    names, notes, warnings = [], [], []
    devices = chain(sysfs)
    for path in devices:
        module, alias = _module_of(sysfs, path), sysfs.text(path, "modalias")
        shown = f"/{path.relative_to(sysfs.folder)}"
        if module and kernel.known(module):
            found = [kbmodules.normal(module)]
        else:
            found = kernel.of_alias(alias) if alias else []
        if not found and module and not kernel.is_builtin(module):
            warnings.append(f"{shown}: its driver {module} is not in {kernel.folder}")
        for name in (one for one in found if one not in names):
            notes.append(f"{name} is needed by {shown}")
            names.append(name)
    # There may be no card now.
    if any("mmc_host" in path.parts for path in devices) and kernel.known("mmc_block") and "mmc_block" not in names:
        notes.append("mmc_block is needed by cards")
        names.append("mmc_block")
    if sysfs.has_device_tree() and not sysfs.names_all():
        warnings.append("the running kernel names few suppliers of a device, or none (fw_devlink=on names all, the "
                        "default since Linux 5.13): add --module-set soc if a disk of this board needs any")
    return names, notes, warnings
