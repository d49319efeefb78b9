# SPDX-License-Identifier: Apache-2.0
"""The table by which the hardware asks for modules (initramfs/alias_table.h), of what depmod wrote: a line is "PATTERN
MODULE…". What nothing could ask for is loaded at each boot."""

import kbmodules
from kbmodules import file_name, normal

# Of alias_table.h: a table beyond them is none.
TEXT_MAX, LINES_MAX = (512 << 10) - 2, 8192
PRINTABLE = range(0x21, 0x7f)


def crc32c(data: bytes) -> int:
    """As bytes_crc32c() of lib/bytes.c."""
    table = []
    for value in range(256):
        for _ in range(8):
            value = value >> 1 ^ (0x82f63b78 if value & 1 else 0)
        table.append(value)
    crc = 0xffffffff
    for byte in data:
        crc = crc >> 8 ^ table[(crc ^ byte) & 0xff]
    return crc ^ 0xffffffff


def _is_asked(alias: str) -> bool:
    """Init asks for devices and file systems. What a processor can do is no device: each has one."""
    return (":" in alias and not alias.startswith("cpu:")) or alias.startswith("fs-")


class Table:
    """Of the modules in paths, which are in load order."""

    def __init__(self, modules: kbmodules.Modules, paths: list):
        self.modules = modules
        self.names = [normal(file_name(path)) for path in paths]
        self.drivers = [normal(file_name(path)) for path in paths if kbmodules.is_watchdog(path)]
        self.needs = {name: [other for other in self._order([name]) if other != name] for name in self.names}
        self.asked = {}         # pattern: {module}
        self.of = {name: [] for name in self.names}     # module: [pattern]
        for alias, name in modules.aliases_of(set(self.names)):
            if _is_asked(alias):
                self.ask(alias, name)
        for name in self.names:
            if name.startswith("dm_") and name != "dm_mod":
                self.ask("dm-" + name[3:], name)

    def _order(self, names: list) -> list:
        return [normal(file_name(path)) for path in self.modules.order(names)]

    def ask(self, pattern: str, name: str) -> None:
        self.asked.setdefault(pattern, set()).add(name)
        self.of[name].append(pattern)

    def follow(self, name: str, other: str) -> None:
        """What asks for the other one asks for this one, too."""
        for pattern in list(self.of[other]):
            self.ask(pattern, name)

    def take_sets(self, sets: list, table: dict) -> list:
        """What else a set says; the modules of watchdogs, and what they need."""
        first = []
        for one in (table[name] for name in sets):
            names = [normal(name) for name in [*one.helpers, *one.modules, *one.soc] if normal(name) in self.of]
            silent = [name for name in names if not self.of[name]]
            if one.load_first:
                first += names
            for name, other in one.asked_with.items():
                if normal(name) in self.of and normal(other) in self.of:
                    self.follow(normal(name), normal(other))
            for name in silent:
                beside = self.needs[name] if one.load_first else \
                    [other for other in names if any(text.startswith(("fs-", "dm-")) for text in self.of[other])]
                for other in beside:
                    self.follow(name, other)
        return self._order(first)

    def lines(self, first: list, always: list, given: list) -> list:
        """Each sorted, without the end."""
        needed = {need for needs in self.needs.values() for need in needs}
        blind = [name for name in first if not self.of[name] and name not in needed]
        roots = [name for name in self.names if self.of[name] or name in blind or name in [*always, *given]]
        reached = {*roots, *(need for name in roots for need in self.needs[name])}
        silent = [name for name in self.names if name not in reached]
        words = {"always": [*always, *silent], "first": first, "blind": blind, "given": given,
                 "watchdog": [name for name in self.drivers if self.of[name]]}
        words.update((f"needs:{name}", needs) for name, needs in self.needs.items())
        words.update(self.asked)
        return sorted(f"{word} {' '.join(dict.fromkeys(self.in_order(names)))}"
                      for word, names in words.items() if names)

    def in_order(self, names) -> list:
        return sorted(names, key=self.names.index)


def text(modules: kbmodules.Modules, paths: list, sets: list, always: list, file_systems: bool) -> tuple:
    """(the table, why there is none). always: modules that are loaded whatever the hardware is; file_systems: those,
    too, as some program may mount what init does not know of."""
    table = Table(modules, paths)
    always = [normal(name) for name in always if normal(name) in table.of]
    if file_systems:
        always += [name for name, patterns in table.of.items() if any(text.startswith("fs-") for text in patterns)]
    known = kbmodules.read_sets()
    first = table.take_sets(sets, known)
    given = [normal(name) for one in sets for name in known[one].given if normal(name) in table.of]
    explicit = [name for name in table.drivers if name in always and name not in first]
    first += [name for driver in explicit for name in [*table.needs[driver], driver] if name not in first]
    lines = table.lines(first, always, [name for name in given if name not in always])
    data = "".join(line + "\n" for line in lines).encode(errors="surrogateescape")
    if any(byte not in PRINTABLE for byte in data.translate(None, b" \n")):
        return b"", "an alias of a module is no plain text"
    data += b"end %d %08x\n" % (len(lines), crc32c(data))
    if len(data) > TEXT_MAX or len(lines) > LINES_MAX:
        return b"", f"the table of their aliases is too large ({len(lines)} lines, {len(data)} bytes)"
    return data, ""
