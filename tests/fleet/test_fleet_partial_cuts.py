# SPDX-License-Identifier: Apache-2.0
"""Power cuts while only what differs is fetched: partial=auto."""
import re
import subprocess
import threading
import time

from cli_device import KIB, REBOOT
from killed import kill_all
from parts_box import is_installed

CUTS = 20


class Line:
    """Sends ranges of a file; after `left` bytes of them the line stands still, and `cut` is set."""

    def __init__(self, data):
        self.data, self.left, self.sent, self.ranges = data, None, 0, 0
        self.cut, self.over = threading.Event(), threading.Event()

    def __call__(self, handler):
        wanted = re.match(r"bytes=(\d+)-(\d*)", handler.headers.get("Range", ""))
        begin, end = (int(wanted[1]), min(int(wanted[2] or len(self.data)) + 1, len(self.data))) if wanted \
            else (0, len(self.data))
        self.ranges += bool(wanted)
        head = f"HTTP/1.1 {206 if wanted else 200} OK\r\nContent-Length: {end - begin}\r\nETag: \"one\"\r\n" \
               "Accept-Ranges: bytes\r\n"
        head += f"Content-Range: bytes {begin}-{end - 1}/{len(self.data)}\r\n" if wanted else ""
        part = self.data[begin:end] if self.left is None else self.data[begin:min(end, begin + self.left)]
        self.sent += len(part)
        handler.raw(head.encode() + b"\r\n", part)
        if self.left is not None:
            self.left -= len(part)
            if len(part) < end - begin:
                self.cut.set()
                self.over.wait(60)


def cut_power(fleet, line, after):
    """A contact whose device loses its power when so many bytes have come."""
    line.left = after
    line.cut.clear()
    line.over.clear()
    with subprocess.Popen(fleet.command("once"), env=fleet.environment(), start_new_session=True,
                          stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL) as running:
        assert line.cut.wait(120), "the download ended before it was cut"
        time.sleep(0.05)                # what has come is written by now
        kill_all(running)
    line.over.set()
    line.left = None


def lose_what_was_not_durable(fleet, how):
    """What a cut leaves of the file behind that: nothing, zeroes, or what lay on the disk before. The index is in
    memory until it is whole."""
    file = fleet.folder / "bundle.keel"
    if not file.exists():
        return
    data, durable = file.read_bytes(), fleet.record["durable"]
    rest = len(data) - durable
    file.write_bytes(data[:durable] + (b"", bytes(max(rest, 0)), b"\xa5" * max(rest, 0))[how % 3])


def test_twenty_power_cuts_all_over_the_download_leave_the_same_as_none(box, server, release):
    line = Line(release.read_bytes())
    server.assign(release)
    server.on["artifact"] = line
    box.once(code=REBOOT)
    whole = line.sent
    assert line.ranges >= 3 and whole < 64 * KIB + 1.02 * 3 * 33 * KIB + 8 * KIB
    staged = box.dev.json("status")["staged"]["path"]
    with open(staged, "rb") as file:
        expected = file.read()
    box.dev("unstage")
    (box.folder / "action.json").unlink()

    here, left = {0}, whole
    for i in range(CUTS):
        cut_power(box, line, max(1, left * (i + 1) // (CUTS + 1)))
        lose_what_was_not_durable(box, i)
        assert not box.staged and box.record["phase"] == "seen"
        if (box.folder / "bundle.keel").exists():
            here.add(box.record["durable"])
            left = len(expected) - box.record["durable"]
    assert len(here) >= 2, "before and behind what is durable"
    line.sent = 0
    box.once(code=REBOOT)
    assert line.sent <= whole, "what is durable does not come again"
    with open(box.dev.json("status")["staged"]["path"], "rb") as file:
        assert file.read() == expected
    box.reboot()
    assert is_installed(box, release)


def test_what_was_durable_of_parts_is_not_asked_for_again(box, server, release):
    """Parts that are whole become durable when a contact ends in order, as with a server that is away."""
    line = Line(release.read_bytes())
    server.assign(release)
    asked = []

    def answer(handler):
        asked.append(handler.headers.get("Range"))
        if len(asked) in (3, 4, 5, 6):
            handler.error(503)
        else:
            line(handler)
    server.on["artifact"] = answer
    box.once(code=None)
    lose_what_was_not_durable(box, 2)
    before, sent = set(asked[:2]), line.sent
    asked.clear()
    asked += ["x"] * 6
    box.once(code=REBOOT)
    assert line.sent - sent > 0 and not before & set(asked[6:])
    box.reboot()
    assert is_installed(box, release)
