# SPDX-License-Identifier: Apache-2.0
"""The disks of a Machine: plugging them in and out, and what was written to them."""

import time

from drives import Drive, DriveError
from records import Stats, count_writes


class Disks:
    """The part of Machine that is about disks; uses its qmp(), wait_event() and console."""

    def add(self, drive: Drive) -> Drive:
        """Makes a drive known; before start(), or with plugged=False for plug(). Returns it,
        named."""
        if not drive.name:
            drive = Drive(**{**drive.__dict__, "name": f"{drive.bus}{len(self.drives)}"})
        if drive.name in self.drives:
            raise DriveError(f"two drives are named {drive.name}")
        if drive.bus == "sd" and any(d.bus == "sd" for d in self.drives.values()):
            # QEMU takes a second one; the guest sees one of the two.
            raise DriveError(f"drive {drive.name}: a machine has one SD slot")
        drive.check()
        self.drives[drive.name] = drive
        return drive

    def plug(self, name: str) -> None:
        """Plugs in a usb drive that was added with plugged=False, or unplugged."""
        drive = self.drives[name]
        drive.check()
        for item in drive.objects():
            self.qmp("object-add", **item)
        for node in drive.nodes(self._workdir):
            self.qmp("blockdev-add", **node)
        self.qmp("device_add", **drive.device(self.board.usb, self.board.virtio))
        self.console.note(f"plugged {name}")

    def unplug(self, name: str) -> None:
        """Pulls a usb drive out. QEMU closes the file: it may be changed, and plugged in again."""
        drive, since = self.drives[name], time.monotonic()
        self.qmp("device_del", id=name)
        self.wait_event("DEVICE_DELETED", since=since, device=name)
        for node in reversed(drive.nodes(self._workdir)):
            self.qmp("blockdev-del", node_name=node["node-name"])
        for item in drive.objects():
            self.qmp("object-del", id=item["id"])
        self.console.note(f"unplugged {name}")

    def _blockstats(self):
        for entry in self.qmp("query-blockstats"):
            name = entry.get("node-name", "").removesuffix(".top")
            if name in self.drives:
                yield name, entry

    def stats(self) -> dict:
        """{drive name: Stats} of what is plugged in now, as QEMU counted it. It does not count for
        SD cards."""
        return {name: Stats.of(entry["stats"]) for name, entry in self._blockstats()}

    def writes(self) -> dict:
        """{drive name: writes and discards} of the drives that the guest wrote to since QEMU was
        started, failed attempts included; {} says that it wrote nothing anywhere. SD cards: 1 for
        any number."""
        counts = {name: count_writes(entry) for name, entry in self._blockstats()}
        return {name: count for name, count in counts.items() if count}
