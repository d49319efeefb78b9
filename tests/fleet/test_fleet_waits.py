# SPDX-License-Identifier: Apache-2.0
"""When the server is asked next: what it wanted is kept over restarts and outages, and no download keeps it waiting."""
import itertools
import re
import select
import signal
import subprocess
import time

import pytest
import parts_box
from cli_device import FAILURE, OK, REBOOT, call
from test_fleet_rules import answers


def first_wait(fleet, *words):
    """Seconds, as the daemon says them first."""
    with subprocess.Popen(list(map(str, fleet.command("run", *words))), env=fleet.environment(), text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        line = next(line for line in process.stdout if line.startswith("Next contact"))
        process.terminate()
    return int(re.search(r"in (\d+) s", line)[1])


def test_a_start_keeps_to_the_interval_of_the_server(fleet, server):
    """Else the devices of a region that gets its power back ask eighteen times as often as they do."""
    fleet.configure(poll=30)
    server.sleep = "01:00:00"
    fleet.once()
    assert fleet.record["interval"] == 3600
    waits = [first_wait(fleet) for _ in range(4)]
    assert max(waits) > 33 and max(waits) < 3600


def test_so_does_a_contact_that_fails(fleet, server):
    server.sleep = "01:00:00"
    fleet.once()
    server.on["poll"] = answers(503)
    assert 1800 <= first_wait(fleet, "--now") <= 5401


def test_an_interval_below_that_of_system_conf_counts_while_the_server_says_it(fleet, server):
    server.sleep = "00:01:00"
    fleet.once()
    assert 54 <= first_wait(fleet, "--now") <= 66
    server.on["poll"] = answers(503)
    assert 300 <= first_wait(fleet, "--now") <= 901


@pytest.mark.parametrize("sleep, kept", [("01:05:00", 3600), ("00:05:00", 300)])
def test_the_interval_is_written_when_it_is_another_one(fleet, server, sleep, kept):
    """hawkBit may add a tenth by chance to each, and each write wears the disk."""
    server.sleep = "01:00:00"
    fleet.once()
    server.sleep = sleep
    fleet.once()
    assert fleet.record["interval"] == kept


def test_the_interval_of_a_server_is_kept_with_its_next_action(fleet, server, bundle):
    server.sleep = "01:00:00"
    fleet.once()
    server.assign(bundle, window="unavailable")
    server.on["poll"] = [None, answers(503)]
    fleet.once()
    fleet.once(code=FAILURE)
    assert fleet.record["interval"] == 3600 and fleet.record["phase"] == "fetched"


# ---------------------------------------------------------------- a download that takes long

CLOCK = """
#include <fcntl.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>
static int passed = -1;
__attribute__((constructor)) static void begin(void)
{
	passed = open(getenv("PASSED"), O_RDONLY | O_CLOEXEC);
}
int clock_gettime(clockid_t id, struct timespec *t)
{
	int result = (int)syscall(SYS_clock_gettime, id, t);
	char text[32] = "";
	if (id == CLOCK_BOOTTIME && passed >= 0 && pread(passed, text, sizeof(text) - 1, 0) > 0)
		t->tv_sec += atol(text);
	return result;
}
"""
PIECES = 50


class Hasty:
    """The device's own time goes on by what comes, and not by how fast this machine is."""

    def __init__(self, fleet, folder):
        self.fleet, self.file, self.passed = fleet, folder / "passed", 0
        (folder / "clock.c").write_text(CLOCK)
        call("cc", "-shared", "-fPIC", "-o", folder / "clock.so", folder / "clock.c")
        fleet.more = {"LD_PRELOAD": str(folder / "clock.so"), "PASSED": str(self.file)}
        self.wait(0)

    def wait(self, seconds):
        self.passed += seconds
        self._set()

    def uptime(self, seconds):
        """So long ago this boot began."""
        self.passed = seconds - time.clock_gettime(time.CLOCK_BOOTTIME)
        self._set()

    def _set(self):
        self.file.write_text(f"{int(self.passed):<31}")

    def takes(self, handler, upto):
        """So many bytes of the bundle are here, or the device has gone. false: it has."""
        file, end = self.fleet.folder / "bundle.keel", time.monotonic() + 60
        while not select.select([handler.connection], [], [], 0.005)[0]:
            if not file.exists() or file.stat().st_size >= upto:
                return True
            assert time.monotonic() < end
        return False

    def slowly(self, data, minutes, ranges=True, etag='"x"', parts=False):
        """An artifact that takes so long, by the device's own time. parts: of them, the file does not say what came."""
        def answer(handler):
            wanted = re.match(r"bytes=(\d+)-(\d*)", handler.headers.get("Range", "")) if ranges else None
            tag = etag() if callable(etag) else etag
            begin, end = (int(wanted[1]), int(wanted[2] or len(data) - 1) + 1) if wanted else (0, len(data))
            head = f"HTTP/1.1 {206 if wanted else 200} OK\r\nContent-Length: {end - begin}\r\nETag: {tag}\r\n"
            head += "Accept-Ranges: bytes\r\n" if ranges or ranges is None else ""
            head += f"Content-Range: bytes {begin}-{end - 1}/{len(data)}\r\n" if wanted else ""
            pieces = self.pieces(handler, data, range(begin, end), minutes, parts)
            handler.raw(head.encode() + b"\r\n", then=pieces)
        return answer

    def pieces(self, handler, data, those, minutes, parts):
        step = len(data) // PIECES
        for at in those[::step]:
            self.wait(minutes * 60 / PIECES)
            yield data[at:min(at + step, those.stop)]
            if not self.takes(handler, 0 if parts else min(at + step, those.stop)):
                break


@pytest.fixture(name="hasty")
def make_hasty(fleet, tmp_path):
    fleet.time = Hasty(fleet, tmp_path)
    return fleet


def test_a_slow_download_is_ended_so_that_the_server_is_asked_and_goes_on(hasty, server, bundle):
    server.assign(bundle)
    server.on["artifact"] = hasty.time.slowly(bundle.read_bytes(), 50)
    said = hasty.once(code=REBOOT)
    ranges = [headers.get("Range") for headers in server.requests("artifact")]
    assert 3 <= len(ranges) <= 7 and ranges[0] is None and all(ranges[1:])
    assert len(server.requests("poll")) == len(ranges) and "comes slowly; the server is asked between" in said
    assert hasty.staged and hasty.record["tries"] == 0


def test_a_reload_does_not_wait_for_all_of_it_where_root_is_the_user(hasty, server, bundle):
    """What it reads anew may be a shorter way to the same bundle."""
    hasty.user = "root"
    hasty.configure()
    server.token = None
    server.assign(bundle)
    slow = hasty.time.slowly(bundle.read_bytes(), 50)

    def reload(handler):
        hasty.token.write_text("renewed\n")
        daemon.send_signal(signal.SIGHUP)
        slow(handler)
    server.on["artifact"] = [reload, *[slow] * 20]
    with subprocess.Popen(list(map(str, hasty.command("run", "--now"))), env=hasty.environment(), text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as daemon:
        for line in daemon.stdout:
            if line.startswith("Next contact"):
                break
        daemon.kill()
    polls = [headers["Authorization"].split()[-1] for headers in server.requests("poll")]
    assert len(polls) > 2 and polls == ["secret"] + ["renewed"] * (len(polls) - 1)


def test_a_cancel_ends_it(hasty, server, bundle):
    action = server.assign(bundle)
    slow = hasty.time.slowly(bundle.read_bytes(), 600)
    server.on["artifact"] = lambda handler: (server.cancel(action), slow(handler))
    hasty.once()
    assert action.state == "canceled" and hasty.record["phase"] == "none"


@pytest.mark.parametrize("how", [{"ranges": False}, {"etag": ""}, {"ranges": None}])
def test_where_something_would_be_lost_it_is_not_ended_for_good(hasty, server, bundle, how):
    """None: a server that says it sends parts, and does not."""
    server.assign(bundle)
    server.on["artifact"] = hasty.time.slowly(bundle.read_bytes(), 40, **how)
    hasty.once(code=REBOOT)
    assert len(server.requests("artifact")) == (2 if how == {"ranges": None} else 1)


def test_a_cache_that_always_has_another_file_gives_it_as_a_whole(hasty, server, bundle):
    """And pays no heed to If-Range: what is ended after fifteen minutes cannot go on, so it is not ended again."""
    tags = itertools.count()
    server.assign(bundle)
    server.on["artifact"] = hasty.time.slowly(bundle.read_bytes(), 30, etag=lambda: f'"{next(tags)}"')
    assert "another file than the one that was begun" in hasty.once(code=FAILURE)
    hasty.once(code=REBOOT)
    assert [headers.get("Range", "")[:6] for headers in server.requests("artifact")] == ["", "bytes=", ""]


def test_so_are_ranges(hasty, server, release):
    hasty.configure(partial="auto")
    parts_box.fill(hasty.dev.slots["a"], release, range(20))
    parts_box.fill(hasty.dev.slots["b"], release, range(20))
    server.assign(release)
    server.on["artifact"] = hasty.time.slowly(release.read_bytes(), 200, parts=True)
    hasty.once(code=REBOOT)
    assert len(server.requests("poll")) >= 3 and hasty.record["parts"] == 1 and hasty.record["tries"] == 0


# ---------------------------------------------------------------- once, by a timer


def by_timer(fleet, code=OK):
    return fleet("once", "--when-due", code=code)


def test_a_timer_waits_as_long_as_the_server_asks(fleet, server):
    server.on["poll"] = [answers(429, {"Retry-After": "3600"})]
    by_timer(fleet, code=FAILURE)
    assert re.search(r"The server is asked in 3[0-9]{3} s, or by keelboot-fleet once\.", by_timer(fleet))
    assert len(server.requests("poll")) == 1
    # A person asks at once; so does a timer in another boot.
    fleet.once()
    assert len(server.requests("poll")) == 2
    (fleet.dev.run / "fleet-due").unlink()
    by_timer(fleet)
    assert len(server.requests("poll")) == 3


def test_it_does_so_behind_a_download_that_comes_slowly(hasty, server, bundle):
    """It was asked again at the next start of the timer."""
    server.assign(bundle)
    server.on["feedback"] = [answers(429, {"Retry-After": "3600"})]
    server.on["artifact"] = hasty.time.slowly(bundle.read_bytes(), 50)
    by_timer(hasty, code=FAILURE)
    assert re.search(r"The server is asked in 3[0-9]{3} s, or by keelboot-fleet once\.", by_timer(hasty))
    assert len(server.requests("poll")) == len(server.requests("artifact")) == 1
    hasty.time.wait(4000)
    by_timer(hasty, code=REBOOT)
    assert hasty.staged


def test_and_keeps_to_its_interval(hasty, server):
    fleet = hasty
    server.sleep = "01:00:00"
    fleet.once()
    fleet.time.uptime(4000)
    by_timer(fleet)
    assert len(server.requests("poll")) == 2
    assert 3200 < int(re.search(r"asked in (\d+) s", by_timer(fleet))[1]) <= 3960
    assert len(server.requests("poll")) == 2


def test_behind_a_start_devices_spread_over_it(hasty, server):
    """A start empties /run."""
    server.sleep = "01:00:00"
    hasty.once()
    hasty.time.uptime(10)
    first = 10 + int(re.search(r"asked in (\d+) s", by_timer(hasty))[1])
    assert 20 < first < 3600 and len(server.requests("poll")) == 1
    hasty.time.uptime(first + 60)
    by_timer(hasty)
    assert len(server.requests("poll")) == 2 and first + 3300 <= hasty.noted[0] <= first + 4020 + 40


@pytest.mark.parametrize("fails", [False, True])
def test_where_polls_are_rarer_than_the_first_hour_the_second_ones_are_spread(hasty, server, fails):
    """Else those that came together in it would do so again, each day."""
    server.sleep = "24:00:00"
    hasty.once()
    if fails:
        server.on["poll"] = answers(503)
    waits, code = [], FAILURE if fails else OK
    for up in range(3700, 3760, 10):
        (hasty.dev.run / "fleet-due").unlink(missing_ok=True)
        hasty.time.uptime(up)
        by_timer(hasty, code=code)
        waits.append(hasty.noted[0] - up)
        assert 3600 <= waits[-1] <= 86400 + 40
    assert min(waits) < 70000 and max(waits) - min(waits) > 7200
    due = hasty.noted[0]
    hasty.time.uptime(due + 1)
    by_timer(hasty, code=code)
    assert due + (43200 if fails else 77760) <= hasty.noted[0] <= due + 86400 + 40


def test_and_asks_ever_more_rarely_while_contacts_fail(fleet, server):
    fleet.once()
    server.on["poll"] = answers(503)
    for failures in range(1, 9):
        by_timer(fleet, code=FAILURE)
        assert fleet.noted[1] == failures
        fleet.note()
    by_timer(fleet, code=FAILURE)
    assert 1700 < int(re.search(r"asked in (\d+) s", by_timer(fleet))[1]) <= 5401
    del server.on["poll"]
    fleet.note()
    by_timer(fleet)
    assert fleet.noted == (0, 0)


def test_where_a_timer_waits_anyway_nothing_is_written(fleet, server):
    by_timer(fleet)
    before = (fleet.folder / "action.json").stat()
    by_timer(fleet)
    assert len(server.requests("poll")) == 2 and (fleet.folder / "action.json").stat().st_ino == before.st_ino


def test_a_reboot_does_not_wait_for_the_server(hasty, server, bundle):
    fleet = hasty
    fleet.time.uptime(4000)
    server.assign(bundle)
    server.sleep = "12:00:00"
    fleet.once(code=REBOOT)
    by_timer(fleet, code=REBOOT)
    polls = len(server.requests("poll"))
    assert "asked in" in by_timer(fleet, code=REBOOT) and len(server.requests("poll")) == polls


@pytest.mark.parametrize("note", ["1000000000000 0\n", "9" * 30 + " 0\n", "", "{soon}", "{soon} x\n",
                                  "{soon} 4294967295\n", "x" * 5000])
def test_a_wait_that_is_none_of_ours_is_no_wait(fleet, server, note):
    fleet.once()
    soon = int(time.clock_gettime(time.CLOCK_BOOTTIME)) + 1000
    (fleet.dev.run / "fleet-due").write_text(note.format(soon=soon))
    by_timer(fleet)
    assert len(server.requests("poll")) == 2


# ---------------------------------------------------------------- what a contact writes


WRITES = """
#include <fcntl.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>
static int noted = -1;
__attribute__((constructor)) static void begin(void)
{
	noted = open(getenv("WRITES"), O_WRONLY | O_APPEND | O_CLOEXEC);
}
int fsync(int fd)
{
	if (noted >= 0)
		(void)!write(noted, "x", 1);
	return (int)syscall(SYS_fsync, fd);
}
"""


@pytest.fixture(name="flushes")
def make_flushes(fleet, tmp_path):
    """How often the disk was told to keep something by what runs then; a record takes a few."""
    (tmp_path / "writes.c").write_text(WRITES)
    (tmp_path / "writes").touch()
    call("cc", "-shared", "-fPIC", "-o", tmp_path / "writes.so", tmp_path / "writes.c")
    libraries = [library for library in (fleet.more.get("LD_PRELOAD"), str(tmp_path / "writes.so")) if library]
    fleet.more = {**fleet.more, "LD_PRELOAD": " ".join(libraries), "WRITES": str(tmp_path / "writes")}

    def count(run, *args, **how):
        before = (tmp_path / "writes").stat().st_size
        run(*args, **how)
        return (tmp_path / "writes").stat().st_size - before
    return count


def test_an_idle_contact_writes_nothing(fleet, server, flushes):
    assert flushes(fleet.once) > 0, "the first one"
    assert flushes(fleet.once) == flushes(by_timer, fleet) == 0


def files_of(device):
    """What a write changes, of all that lies on a disk."""
    files = [device.dev.state, *device.dev.slots.values(), *device.dev.data.rglob("*")]
    return {path: (path.stat().st_ino, path.stat().st_mtime_ns) for path in files}


def of_a_day(device, flushes, begin, step=600):
    """A timer starts each ten minutes; how often the disk was told to keep something."""
    flushed = 0
    for uptime in range(begin, begin + 24 * 3600, step):
        device.time.uptime(uptime)
        flushed += flushes(by_timer, device, code=None)
    return flushed


@pytest.mark.parametrize("how", [answers(503), answers(429, {"Retry-After": "60"})], ids=["503", "429"])
def test_a_day_of_contacts_that_fail_writes_nothing(hasty, server, flushes, how):
    """When the next one is due stands in /run. But for a note since when the server refuses, by the first of them."""
    hasty.once()
    server.on["poll"] = how
    hasty.time.uptime(4000)
    by_timer(hasty, code=FAILURE)
    before, polls = files_of(hasty), len(server.requests("poll"))
    assert of_a_day(hasty, flushes, 4600) == 0 and files_of(hasty) == before
    # Each half hour to hour and a half, in the end.
    assert 16 < len(server.requests("poll")) - polls < 52
    assert hasty.noted[1] == len(server.requests("poll")) - 1


def test_nor_does_one_of_longer_intervals(hasty, server, flushes):
    server.sleep = "01:00:00"
    hasty.once()
    hasty.time.uptime(4000)
    by_timer(hasty)
    before, polls = files_of(hasty), len(server.requests("poll"))
    assert of_a_day(hasty, flushes, 4600) == 0 and files_of(hasty) == before
    assert 20 < len(server.requests("poll")) - polls < 26


def test_where_run_takes_no_note_a_line_says_so_and_the_server_is_asked(hasty, server, bundle):
    """The timer alone says when, then."""
    server.sleep = "01:00:00"
    server.assign(bundle)
    (hasty.dev.run / "fleet-due").mkdir()
    hasty.time.uptime(4000)
    for _ in range(2):
        said = by_timer(hasty, code=REBOOT)
        assert "nothing can be noted there: Is a directory; so the server is asked each time" in said
    assert len(server.requests("poll")) == 2 and hasty.staged


def test_a_dry_run_notes_nothing(hasty, server):
    server.sleep = "01:00:00"
    hasty.once()
    hasty.time.uptime(4000)
    hasty("once", "--when-due", "--dry-run")
    assert len(server.requests("poll")) == 2 and not (hasty.dev.run / "fleet-due").exists()


def test_an_end_that_a_server_does_not_take_costs_no_write_in_each_contact(fleet, server, bundle, flushes):
    action = server.assign(bundle)
    fleet.once(code=REBOOT)
    fleet.reboot()
    fleet.good()
    server.on["feedback"] = answers(503)
    fleet.once(code=FAILURE)
    tried = len(server.requests("feedback"))
    assert [flushes(fleet.once, code=FAILURE) for _ in range(4)] == [0] * 4
    assert len(server.requests("feedback")) == tried + 4
    del server.on["feedback"]
    assert flushes(fleet.once) > 0 and action.told[-1] == "closed/success"
    assert flushes(fleet.once) == 0


@pytest.mark.parametrize("why, how, keys", [
    ("window", {"window": "unavailable"}, {}), ("skip", {"download": "skip"}, {}), ("day", {}, {"daily_bytes": "64K"}),
    ("day, parts", {}, {"daily_bytes": "64K", "partial": "auto"}), ("person", {}, {})])
def test_an_action_that_waits_writes_nothing_while_all_is_as_before(fleet, server, bundle, factory, flushes, why, how,
                                                                    keys):
    """A window may be closed for weeks, and each write wears the disk."""
    fleet.configure(**keys)
    if why.startswith("person"):
        fleet.dev("stage", factory("3.0", 30))
    action = server.assign(bundle, **how)
    for _ in range(3):      # what came, and what the server heard
        fleet.once(code=None)
    assert action.active and len(action.statuses) >= 1 and fleet.record["phase"] in ("seen", "fetched")
    before, said = files_of(fleet), len(action.statuses)
    assert [flushes(fleet.once, code=None) for _ in range(3)] == [0] * 3 and files_of(fleet) == before
    assert len(action.statuses) == said and action.active, "it waits still"


@pytest.mark.parametrize("kind", ["deployment", "cancel", "confirmation"])
def test_a_timer_waits_as_long_as_any_answer_asks(fleet, server, bundle, kind):
    action = server.assign(bundle)
    fleet.configure(confirm="echo yes")
    if kind == "cancel":
        server.cancel(action)
    elif kind == "confirmation":
        server.confirmation = action.id
    server.on[kind] = answers(429, {"Retry-After": "3600"})
    by_timer(fleet, code=FAILURE)
    assert len(server.requests(kind)) == 1
    assert re.search(r"The server is asked in 3[0-9]{3} s, or by keelboot-fleet once\.", by_timer(fleet))
