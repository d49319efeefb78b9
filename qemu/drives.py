# SPDX-License-Identifier: Apache-2.0
"""Disks of a machine, and the faults put under them, as QEMU's block graph:

    device -> throttle -> blkdebug (errors) -> blklogwrites (log) -> raw -> file

The log lies below the errors, so that it holds what reached the medium. The same dictionaries go to
the command line and, for what is plugged in later, to QMP.
"""

import os
import re
from dataclasses import dataclass
from pathlib import Path

BUSES = {"virtio": "virtio-blk-pci", "nvme": "nvme", "usb": "usb-storage", "sd": "sd-card", "sata": "ide-hd"}
LOG_MAGIC = b"rhswfsj\0"


class DriveError(ValueError):
    """Says which drive cannot be, and why."""


@dataclass(frozen=True)
class Fault:
    """I/O errors: every `iotype` (read, write, write-zeroes, discard, flush) that touches the range
    fails.

    offset None: anywhere on the disk. A range costs one rule for each `step` bytes: requests
    smaller than that can slip between the rules. once: each rule ends after its first hit.
    On an sd drive the guest sees no error (QEMU drops it): a faulted write is lost in silence, as
    with a worn-out card. On nvme and usb the guest's driver tries again a few times.
    """
    iotype: str = "write"
    offset: object = None
    length: int = 4096
    errno: int = 5
    once: bool = False
    step: int = 4096

    def rules(self) -> str:
        # QEMU's JSON form takes the rules inline, but a range of them outgrows a command line
        # argument.
        offsets = [None]
        if self.offset is not None:
            offsets = range(self.offset, self.offset + self.length, self.step)
        text = []
        for offset in offsets:
            text.append(f'[inject-error]\nevent = "none"\niotype = "{self.iotype}"\n'
                        f'errno = "{self.errno}"\n')
            if offset is not None:
                text.append(f'sector = "{offset // 512}"\n')
            if self.once:
                text.append('once = "on"\n')
        return "".join(text)


@dataclass(frozen=True)
class Drive:
    """One disk. `file` is a raw image (format="qcow2" for others); `name` its id in QMP and
    statistics.

    bus         virtio, nvme, usb, sd; sata, where the board has ports for it
    plugged     False: known, and plugged in later with Machine.plug(name); usb only
    removable   usb: what the stick says of itself
    faults      Fault(...), ...
    bps, iops   throttle to so many bytes or requests a second
    log         file for blklogwrites: every write, discard and flush in order (see blklog.py)
    log_count   after how many entries the log's own count is brought up to date. A log that a
                killed QEMU leaves goes on behind the count; one that a later start continues needs 1.
    durable     flushes reach the host's disk. Not needed against power_cut(), which is a SIGKILL:
                the host's page cache survives that. Off by default, because a guest's fsync is then
                quick.
    sector      logical sector size of the device; serial: what it reports (20 characters at most)
    """
    file: object
    bus: str = "virtio"
    name: str = ""
    plugged: bool = True
    readonly: bool = False
    serial: str = ""
    removable: bool = True
    faults: tuple = ()
    bps: int = 0
    iops: int = 0
    log: object = None
    log_count: int = 1
    durable: bool = False
    sector: int = 512
    format: str = "raw"

    def check(self) -> None:
        if self.bus not in BUSES:
            raise DriveError(f"drive {self.name}: bus {self.bus!r}: expected one of {', '.join(BUSES)}")
        if not re.fullmatch(r"[A-Za-z][A-Za-z0-9_-]{0,20}", self.name):
            raise DriveError(f"drive name {self.name!r}: expected a letter, then up to 20 letters, digits, - or _")
        if not self.plugged and self.bus != "usb":
            raise DriveError(f"drive {self.name}: only usb drives are plugged in later")
        try:
            size = os.stat(self.file).st_size
        except OSError as error:
            raise DriveError(f"drive {self.name}: {self.file}: {error.strerror}") from None
        if self.bus == "sd" and self.format == "raw" and size & (size - 1):
            # QEMU insists: cards of other sizes would be read past their end.
            raise DriveError(f"drive {self.name}: an SD card's size is a power of two, {self.file} has "
                             f"{size} bytes; truncate -s {1 << size.bit_length()} {self.file}")
        if self.bus in ("sd", "usb", "sata") and self.sector != 512:
            # usb-storage takes the property and goes on with 512.
            raise DriveError(f"drive {self.name}: QEMU's {self.bus} disks have sectors of 512 bytes; "
                             "use virtio or nvme")
        if self.bus == "sd" and self.readonly:
            raise DriveError(f"drive {self.name}: QEMU's SD cards have no write protection; "
                             "use usb")
        if self.log and self.readonly:
            raise DriveError(f"drive {self.name}: read-only, so there are no writes to log")

    @property
    def top(self) -> str:
        """Name of the node that the device sits on."""
        return f"{self.name}.top"

    def objects(self) -> list:
        limits = {"bps-total": self.bps, "iops-total": self.iops}
        limits = {key: value for key, value in limits.items() if value}
        group = {"qom-type": "throttle-group", "id": f"{self.name}.limits", "limits": limits}
        return [group] if limits else []

    def nodes(self, workdir: Path) -> list:
        """The blockdev definitions, lowest first. Writes the fault rules to `workdir`."""
        layers = [{"driver": "file", "filename": str(self.file), "discard": "unmap",
                   "cache": {"no-flush": not self.durable}, "node-name": f"{self.name}.file"},
                  {"driver": self.format, "file": f"{self.name}.file", "discard": "unmap",
                   "node-name": f"{self.name}.image"}]
        if self.log:
            layers += self._log_nodes()
        if self.faults:
            rules = workdir / f"{self.name}.blkdebug"
            rules.write_text("".join(fault.rules() for fault in self.faults))
            layers.append({"driver": "blkdebug", "image": layers[-1]["node-name"],
                           "config": str(rules), "discard": "unmap",
                           "node-name": f"{self.name}.fault"})
        if self.objects():
            layers.append({"driver": "throttle", "file": layers[-1]["node-name"],
                           "discard": "unmap", "throttle-group": f"{self.name}.limits",
                           "node-name": f"{self.name}.throttle"})
        layers[-1]["node-name"] = self.top
        for layer in layers:
            layer["read-only"] = self.readonly and not layer["node-name"].endswith(".log")
        return layers

    def _log_nodes(self) -> list:
        log = Path(self.log)
        if not log.exists():
            log.touch()             # blklogwrites opens and extends, but does not create
        with open(log, "rb") as file:
            started = file.read(8) == LOG_MAGIC
        # A start after a power cut goes on with the log, not over it. The superblock counts the
        # entries: without an update each time, a killed QEMU would leave a log that says it has
        # none.
        how = {"log-append": True} if started else {"log-sector-size": self.sector}
        return [{"driver": "file", "filename": str(log), "cache": {"no-flush": True},
                 "node-name": f"{self.name}.log"},
                {"driver": "blklogwrites", "file": f"{self.name}.image", "log": f"{self.name}.log",
                 **how, "log-super-update-interval": self.log_count, "discard": "unmap",
                 "node-name": f"{self.name}.writes"}]

    def device(self, usb: str = "xhci.0", virtio: str = BUSES["virtio"]) -> dict:
        """The -device (or device_add) definition. usb: the bus for sticks; virtio: what a disk is there."""
        device = {"driver": virtio if self.bus == "virtio" else BUSES[self.bus], "id": self.name, "drive": self.top}
        if self.bus == "sd":
            return device
        device["serial"] = (self.serial or self.name)[:20]
        if self.sector != 512:
            device.update({"logical_block_size": self.sector, "physical_block_size": self.sector})
        if self.bus == "usb":
            device.update({"bus": usb, "removable": self.removable})
        if self.bus in ("virtio", "usb", "sata"):
            # The default for writes would stop the machine when the host's disk is full: tests
            # would hang.
            device.update({"rerror": "report", "werror": "report"})
        return device
