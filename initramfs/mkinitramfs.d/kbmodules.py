# SPDX-License-Identifier: Apache-2.0
"""Which kernel modules an image needs, and in which order: what depmod wrote, read without kmod."""

import configparser
import difflib
import fnmatch
import re
from pathlib import Path
from typing import NamedTuple

import kbcompress

SUFFIXES = (".ko", ".ko.gz", ".ko.xz", ".ko.zst")
SETS = Path(__file__).resolve().parent / "module-sets.ini"
DEFAULT_SETS = ("watchdog-server", "watchdog", "pstore", "virtio", "nvme", "sd", "usb", "ext4", "vfat")
# With --for-this-machine, whose /sys names the drivers of its disks. A watchdog may have no driver there yet.
MACHINE_SETS = ("watchdog-server", "watchdog", "pstore", "usb", "ext4", "vfat")
# Buses on which firmware or a driver says what is there. A driver of none of them looks for its hardware itself.
TOLD = {"of", "acpi*", "platform", "amba", "i2c", "spi", "spmi", "rpmsg", "scmi", "pci"}


class ModuleError(Exception):
    """Says which module, and what to do."""


def normal(name: str) -> str:
    """A module's name as the kernel has it: '-' and '_' are the same."""
    return name.replace("-", "_")


def file_name(path: str) -> str:
    """The module's name as its file has it, or '' for something else."""
    base = path.rsplit("/", 1)[-1]
    for suffix in SUFFIXES:
        if base.endswith(suffix):
            return base[:-len(suffix)]
    return ""


class Set(NamedTuple):
    """One section of module-sets.ini."""
    modules: list
    helpers: list
    soc: list
    load_first: bool
    folders: list
    without: list
    asked_with: dict
    given: list


def read_sets(path: Path = SETS) -> dict:
    """{name: Set}"""
    parser = configparser.ConfigParser(interpolation=None)
    parser.read_string(path.read_text())
    return {name: Set(parser[name].get("modules", "").split(), parser[name].get("helpers", "").split(),
                      parser[name].get("soc", "").split(), parser[name].getboolean("load-first", False),
                      parser[name].get("folders", "").split(), parser[name].get("without", "").split(),
                      dict(pair.split(":", 1) for pair in parser[name].get("asked-with", "").split()),
                      parser[name].get("given", "").split())
            for name in parser.sections()}


def is_watchdog(path: str) -> bool:
    """True for the driver of a watchdog in hardware, by its place among the kernel's modules."""
    name = normal(file_name(path))
    if name.startswith("pretimeout_") or name in ("watchdog", "softdog", "iTCO_vendor_support"):
        return False
    return "drivers/watchdog/" in path or name == "ipmi_watchdog"


class Modules:
    """One kernel's module folder, /lib/modules/VERSION."""

    def __init__(self, folder: Path):
        self.folder = Path(folder)
        self.depends = {}       # normal name: (path, [paths])
        self.builtin = {}       # normal name: path
        self.of_pc = False      # a PC's kernel, as what is built into it shows
        self.soft = {}          # normal name: (pre, post)
        self.aliases = None     # read only when a soft dependency names one
        self.devices = None     # [(begin, pattern, module)] of devices: read only when asked for
        if not self.folder.is_dir():
            raise ModuleError(f"{folder}: no such folder; it is usually /lib/modules/VERSION")
        self._read_depends()
        for path in self._lines("modules.builtin", optional=True):
            self.builtin[normal(file_name(path))] = path
            self.of_pc |= path.startswith("kernel/arch/x86/")
        self._read_soft()

    def _lines(self, name: str, optional: bool = False):
        path = self.folder / name
        try:
            text = path.read_text(errors="surrogateescape")
        except FileNotFoundError:
            if optional:
                return []
            version = self.folder.resolve().name
            raise ModuleError(f"{path}: not found; make it with: depmod -b "
                              f"{self.folder.resolve().parent.parent.parent} {version}") from None
        lines = (line.strip() for line in text.splitlines())
        return [line for line in lines if line and not line.startswith("#")]

    def _read_depends(self) -> None:
        for line in self._lines("modules.dep"):
            path, colon, rest = line.partition(":")
            if not colon or not file_name(path):
                raise ModuleError(f"{self.folder}/modules.dep: cannot be understood: {line[:80]!r}")
            self.depends[normal(file_name(path))] = (path, rest.split())

    def _read_soft(self) -> None:
        for line in self._lines("modules.softdep", optional=True):
            words = line.split()
            if len(words) < 3 or words[0] != "softdep":
                continue
            pre, post = self.soft.setdefault(normal(words[1]), ([], []))
            into = pre
            for word in words[2:]:
                if word in ("pre:", "post:"):
                    into = pre if word == "pre:" else post
                else:
                    into.append(word)

    def known(self, name: str) -> bool:
        return normal(name) in self.depends

    def is_builtin(self, name: str) -> bool:
        return normal(name) in self.builtin

    def lost(self, params: dict) -> list:
        """What is to be said of parameters for modules that are built in: nothing in the image carries them."""
        return [f"--module {name}:{text}: {name} is built into this kernel; write onto its command line: "
                + " ".join(f"{normal(name)}.{word}" for word in text.split())
                for name, text in params.items() if text.strip() and self.is_builtin(name) and not self.known(name)]

    def builtin_of(self, sets: list, others: list) -> list:
        """What is wanted, and built into this kernel."""
        table, wanted = read_sets(), list(others)
        for one in (table[name] for name in sets if name in table):
            wanted += one.helpers + one.modules + ([] if self.of_pc else one.soc)
            places = tuple(f"kernel/drivers/{folder}/" for folder in one.folders)
            without = {normal(module) for module in one.without}
            wanted += [name for name, path in self.builtin.items() if path.startswith(places) and name not in without]
        return sorted({normal(module) for module in wanted if self.is_builtin(module)})

    def _providers(self, name: str) -> list:
        """The modules that a soft dependency means: it is a module's name, or an alias such as
        crypto-crc32c or crc32c. Of several the portable one, whatever the processor can do."""
        if self.known(name):
            return [normal(name)]
        if self.aliases is None:
            lines = (line.split() for line in self._lines("modules.alias", optional=True))
            self.aliases = [(normal(words[1]), normal(words[2])) for words in lines
                            if len(words) == 3 and words[0] == "alias" and ":" not in words[1]]
        found = sorted({module for alias, module in self.aliases
                        if fnmatch.fnmatchcase(normal(name), alias) and self.known(module)})
        return [module for module in found if module.endswith("_generic")] or found

    def _device_aliases(self) -> list:
        """Patterns of devices; what stands before the first wildcard must be equal, and is quicker to compare."""
        if self.devices is None:
            lines = (line.split() for line in self._lines("modules.alias", optional=True))
            self.devices = [(re.split(r"[*?[]", words[1], maxsplit=1)[0], words[1], normal(words[2]))
                            for words in lines if len(words) == 3 and words[0] == "alias" and ":" in words[1]]
        return self.devices

    def aliases_of(self, names: set) -> list:
        """[(alias, module)] of these modules, normal names."""
        lines = (line.split() for line in self._lines("modules.alias", optional=True))
        return [(words[1], normal(words[2])) for words in lines
                if len(words) == 3 and words[0] == "alias" and normal(words[2]) in names]

    def of_alias(self, alias: str) -> list:
        """The modules that a device with this modalias may have as its driver."""
        return sorted({module for begin, pattern, module in self._device_aliases()
                       if alias.startswith(begin) and fnmatch.fnmatchcase(alias, pattern) and self.known(module)})

    def in_folders(self, folders: list) -> list:
        """Drivers below kernel/drivers/FOLDER, folder by folder, of devices that the board's firmware names."""
        buses = {}
        for _, pattern, module in self._device_aliases():
            buses.setdefault(module, set()).add(pattern.split(":", 1)[0])
        plugged = {name for name, kinds in buses.items() if "usb" in kinds} - {"usbcore"}     # which drives hubs

        def may_be_packed(name: str) -> bool:
            """What somebody plugs in is driven only if it is mass storage (docs/LIMITS.md)."""
            needs = {normal(file_name(path)) for path in self.depends[name][1]}
            return bool(buses.get(name, set()) & TOLD) and not plugged & {name, *needs}

        drivers = [name for name in sorted(self.depends) if may_be_packed(name)]
        return [name for folder in folders for name in drivers
                if self.depends[name][0].startswith(f"kernel/drivers/{folder}/")]

    def order(self, names: list) -> list:
        """Paths of the modules and all that they need, each behind what it needs."""
        result, seen = [], set()

        def visit(name: str) -> None:
            if name in seen:    # or about to be: soft dependencies may go in circles
                return
            seen.add(name)
            path, depends = self.depends[name]
            pre, post = self.soft.get(name, ((), ()))
            for soft in pre:
                for module in self._providers(soft):
                    visit(module)
            for needed in reversed(depends):
                if normal(file_name(needed)) not in self.depends:
                    raise ModuleError(f"{self.folder}/modules.dep: {path} needs {needed}, which it "
                                      "does not have")
                visit(normal(file_name(needed)))
            result.append(path)
            for soft in post:
                for module in self._providers(soft):
                    visit(module)

        for name in names:
            visit(normal(name))
        return result

    def unknown(self, name: str) -> ModuleError:
        near = difflib.get_close_matches(normal(name), [*self.depends, *self.builtin], n=4,
                                         cutoff=0.6)
        hint = f"; near to it: {', '.join(sorted(near))}" if near else ""
        return ModuleError(f"module {name}: not in {self.folder}{hint}")

    def read(self, path: str) -> bytes:
        """The module's ELF file, unpacked."""
        full = self.folder / path if not path.startswith("/") else Path(path)
        try:
            data = full.read_bytes()
        except OSError as error:
            raise ModuleError(f"{full}: {error.strerror}; modules.dep names it: run depmod "
                              "again?") from None
        data = kbcompress.decompress(data, str(full))
        if data[:4] != b"\x7fELF":
            raise ModuleError(f"{full}: not a kernel module")
        return data


def _take_folders(modules: Modules, name: str, one: Set, names: list, notes: list) -> None:
    without = {normal(module) for module in one.without}
    found = [module for module in modules.in_folders(one.folders) if module not in without]
    names += found
    if not found:
        notes.append(f"set {name}: this kernel has no such drivers as modules")


def choose(modules: Modules, sets: list, explicit: list, machine=()) -> tuple:
    """(names in load order, notes, warnings). First the sets that say so, in the order of their file; what the machine
    needs; then the other sets as they are given; then what is named singly. A module that this kernel lacks is an error
    only if named singly; a set of which it has nothing is a warning."""
    table = read_sets()
    for name in sets:
        if name not in table:
            near = difflib.get_close_matches(name, table, n=2, cutoff=0.5)
            raise ModuleError(f"module set {name}: unknown; "
                              + (f"did you mean {near[0]}? There are: " if near else "there are: ")
                              + ", ".join(sorted(table)))
    names, notes, warnings = [], [], []
    first = [name for name in table if table[name].load_first and name in sets]
    for name in first + [None] + [name for name in sets if name not in first]:
        if name is None:
            names += machine
            continue
        if table[name].folders:
            _take_folders(modules, name, table[name], names, notes)
            continue
        wanted = table[name].modules + ([] if modules.of_pc else table[name].soc)
        if not any(modules.known(module) or modules.is_builtin(module) for module in wanted):
            few = ", ".join(wanted[:4]) + (", …" if len(wanted) > 4 else "")
            warnings.append(f"module set {name}: this kernel has none of its modules ({few}); name what it has with "
                            "--module, or the sets that you want with --module-set")
            continue
        for module in [*table[name].helpers, *wanted]:
            if modules.known(module):
                names.append(module)
            elif not modules.is_builtin(module):
                notes.append(f"{module} (set {name}) is not in this kernel")
    for module in explicit:
        if modules.known(module):
            names.append(module)
        elif modules.is_builtin(module):
            notes.append(f"{module} is built into this kernel")
        else:
            raise modules.unknown(module)
    return names, notes, warnings
