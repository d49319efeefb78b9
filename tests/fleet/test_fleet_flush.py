# SPDX-License-Identifier: Apache-2.0
"""A download goes on while the disk makes durable what came; what a cut may take is never trusted."""
import os
import shutil
import signal
import subprocess
import tempfile
import threading
import time
from pathlib import Path

import large
import pytest
from cli_device import FAILURE, REBOOT, call
from daemon import children_of
from ddi_server import send_file

MIB = 1 << 20
STEP, COUNTED, MOST = 8 * MIB, 16 * MIB, 64 * MIB
PIECE = 65536
# A disk that takes nothing while HOLD is there, and then keeps a process alive whose parent has ended; and cannot write
# what it took where FAIL is, which it says once. The record is smaller than a bundle.
DISK = """
#include <errno.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>
int fsync(int fd)
{
	struct stat st;
	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_size > 1 << 20) {
		while (access(HOLD, F_OK) == 0) {
			prctl(PR_SET_PDEATHSIG, 0);
			usleep(10000);
		}
		if (unlink(FAIL) == 0) {
			errno = EIO;
			return -1;
		}
	}
	return (int)syscall(SYS_fsync, fd);
}
"""


class Disk:
    """Between keelboot-fleet and its disk."""

    def __init__(self, folder):
        # The user of keelboot-fleet looks here.
        self.folder = Path(tempfile.mkdtemp())
        self.folder.chmod(0o777)
        self.hold, self.fail, self.library = self.folder / "hold", self.folder / "fail", self.folder / "disk.so"
        source = folder / "disk.c"
        source.write_text(f'#define HOLD "{self.hold}"\n#define FAIL "{self.fail}"\n{DISK}')
        call("cc", "-shared", "-fPIC", "-o", self.library, source)
        self.library.chmod(0o755)


@pytest.fixture(name="disk")
def make_disk(tmp_path):
    disk = Disk(tmp_path)
    yield disk
    shutil.rmtree(disk.folder)


class Two:
    """An artifact that comes in two parts: the second one when go is set. What is kept back never comes."""

    def __init__(self, path, first, kept_back):
        self.data, self.first, self.go = path.read_bytes(), first, threading.Event()
        self.end = len(self.data) - kept_back

    def __call__(self, handler):
        handler.send_response(200)
        for name, value in (("Content-Length", len(self.data)), ("ETag", '"1"'), ("Accept-Ranges", "bytes")):
            handler.send_header(name, str(value))
        handler.end_headers()
        handler.wfile.write(self.data[:self.first])
        self.go.wait(60)
        handler.wfile.write(self.data[self.first:self.end])


def wait_until(is_so):
    end = time.monotonic() + 60
    while not is_so():
        assert time.monotonic() < end
        time.sleep(0.02)


class Download:
    """Of which the first 12 MiB meet a healthy disk."""

    def __init__(self, fleet, server, path, kept_back=0, **keys):
        self.fleet, self.server, self.path = fleet, server, path
        self.size = path.stat().st_size
        fleet.configure(timeout=60, **keys)
        server.assign(self.path)
        self.answer = Two(self.path, 12 * MIB, kept_back)
        server.on["artifact"] = [self.answer]

    @property
    def here(self):
        return (self.fleet.folder / "bundle.keel").stat().st_size

    @property
    def durable(self):
        return self.fleet.record["durable"] if (self.fleet.folder / "action.json").exists() else 0

    def run(self, disk, before_the_rest):
        """Its process, when the first part is durable as far as flushes go."""
        run = subprocess.Popen(self.fleet.command("once"), stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True,
                               env=self.fleet.environment(LD_PRELOAD=str(disk.library)), start_new_session=True)
        wait_until(lambda: self.durable >= STEP and self.here == 12 * MIB)
        before_the_rest.touch()
        self.answer.go.set()
        return run

    def cut(self, run):
        """With the power goes what is not on the disk: the file is as long as it was."""
        os.killpg(run.pid, signal.SIGKILL)
        run.communicate()
        with open(self.fleet.folder / "bundle.keel", "r+b") as file:
            file.seek(self.durable)
            file.write(bytes(self.here - self.durable))


def goes_on_behind(download, durable):
    """These bytes are here, and the next contact asks for what comes behind them."""
    fetched = []

    def answer(handler):
        data = download.path.read_bytes()
        same = (download.fleet.folder / "bundle.keel").read_bytes() == data[:durable]
        fetched.append((handler.headers["Range"], same))
        send_file(handler, data, '"1"')
    download.server.on["artifact"] = answer
    download.fleet.once(code=REBOOT)
    return fetched[0] == (f"bytes={durable}-", True)


@pytest.fixture(name="path")
def make_path(fleet, factory, tmp_path):
    return large.make(fleet, factory, tmp_path, 40 * MIB)


def test_the_transfer_does_not_wait_for_the_disk_and_a_cut_takes_what_is_not_durable(fleet, server, path, disk):
    download = Download(fleet, server, path)
    run = download.run(disk, disk.hold)
    wait_until(lambda: download.here == download.size)
    durable = download.durable
    assert STEP <= durable <= 12 * MIB, "nothing that came since then is on the disk"
    download.cut(run)
    disk.hold.unlink()
    assert download.durable == durable and goes_on_behind(download, durable)


@pytest.mark.parametrize("keys, most", [({}, MOST), ({"daily_bytes": "200M"}, COUNTED)])
def test_a_disk_that_stands_still_stops_the_transfer(fleet, server, factory, tmp_path, disk, keys, most):
    """Where a day's bytes are counted, what may come is counted before. The end is kept back: what is whole is refused
    and removed, before or after the cut."""
    download = Download(fleet, server, large.make(fleet, factory, tmp_path, 100 * MIB), kept_back=MIB, **keys)
    run = download.run(disk, disk.hold)
    wait_until(lambda: download.here >= download.durable + most)
    time.sleep(1)
    assert download.here <= download.durable + most + PIECE
    assert not keys or download.here <= fleet.record["day_bytes"]
    disk.hold.unlink()
    wait_until(lambda: download.durable >= 80 * MIB)
    download.cut(run)


def test_what_a_disk_could_not_write_is_fetched_again(fleet, server, path, disk):
    """Flushed once more, the disk would not say it again."""
    download = Download(fleet, server, path)
    run = download.run(disk, disk.fail)
    assert "the file or the record cannot be written" in run.communicate()[1]
    durable = download.durable
    assert STEP <= durable <= 12 * MIB and not disk.fail.exists()
    assert goes_on_behind(download, durable)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root parts from its rights")
def test_what_a_disk_keeps_of_the_other_process_does_not_keep_who_serves_it(fleet, server, path, disk):
    """The process that flushes has the link, too: who waits for orders sees no end of it."""
    download = Download(fleet, server, path)
    run = download.run(disk, disk.hold)
    wait_until(lambda: download.here == download.size)
    [talks] = children_of(run.pid)
    assert children_of(talks)
    os.kill(talks, signal.SIGKILL)
    try:
        assert run.wait(timeout=30) == FAILURE
    finally:
        os.killpg(run.pid, signal.SIGKILL)
    assert "the process that talks to the server died of signal 9" in run.communicate()[1]
