#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""What a fleet costs its server, and keelboot-fleet its device: `make bench-fleet`. All of it on the loopback.

What an idle poll sends is seen on the line, and played for 10,000 devices against hawkBit (KEELBOOT_HAWKBIT's jar, or
else what qemu/hawkbit has built; without, it is left out) and against a channel file on nginx. When they ask comes from
the client's own code (fleet_times.c), in simulated time. A figure that is not as wanted ends it with 1.

Example: tests/bench/fleet_load.py --devices 1000
"""

import argparse
import contextlib
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

TOP = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(TOP / f"tests/{folder}") for folder in ("fleet", "format", "bench", "")]

import authority                                        # noqa: E402
import hawkbit                                          # noqa: E402
import large                                            # noqa: E402
import nginx                                            # noqa: E402
import resident                                         # noqa: E402
from channel_site import Publisher                      # noqa: E402
from cli_device import OK, REBOOT, Device, call, run    # noqa: E402
from conftest import ByChannel, Fleet                   # noqa: E402
from daemon import Daemon, between_contacts             # noqa: E402
from ddi_server import Server                           # noqa: E402
from fleet_player import Play                           # noqa: E402
from wire import Wire                                   # noqa: E402

REPORT = TOP / "build/report/bench-fleet.json"
TIMES = TOP / "build/tests/bench/fleet_times"
DAY, SLEEP, HOUR = 86400, 300, 3600
WINDOW = 60             # seconds that are played in real time
FILE = "stable.channel"
MIB = 1 << 20
SIZE, SIZE_OF_PARTS, ROUNDS = 192 * MIB, 96 * MIB, 5
LINE, SIZE_OF_LINE, ROUNDS_OF_LINE = 24, 96 * MIB, 2
MANY = 10000            # devices of the herds: fewer have peaks by chance
# What is played: name, the server's interval, seconds, and when it is away, until when, and its Retry-After.
HERDS = (("a region got its power back", SLEEP, DAY, 0, 0, 0),
         ("the server was away for 10 min", SLEEP, 6 * HOUR, 7200, 7800, 0),
         ("the server was away for 1 h", SLEEP, 6 * HOUR, 7200, 10800, 0),
         ("it said 429 for 5 min, Retry-After: 60", SLEEP, 6 * HOUR, 7200, 7500, 60),
         ("it said 429 for 10 min, Retry-After: 600", SLEEP, 6 * HOUR, 7200, 7800, 600),
         ("the server was away for 1 h, and named the time", SLEEP, 6 * HOUR, 7200, 10800, "date"),
         ("the server was away for 4 h, and named the time, polls each hour", HOUR, DAY, 4 * HOUR, 8 * HOUR, "date"),
         ("a region got its power back, polls each hour", HOUR, DAY, 0, 0, 0),
         ("the server was away for 1 h, polls each hour", HOUR, DAY, 4 * HOUR, 5 * HOUR, 0))


# ---------------------------------------------------------------- a device


class Bench:
    """A folder with a device that runs 1.0, and a release that is signed."""

    def __init__(self, folder):
        self.folder, self.number = folder, 0
        run("key", "generate", "-o", folder / "release", code=OK)
        self.bundle = self.release("2.0", 20, os.urandom(MIB))
        self.authority = folder / "authority"
        self.authority.mkdir()
        authority.make(self.authority)

    def release(self, version, sequence, data, *options) -> Path:
        """As it is made by default, but for these options."""
        image, out = self.folder / f"root-{version}.img", self.folder / f"acme-{version}.keel"
        image.write_bytes(data)
        run("bundle", "create", "-o", out, "--compatible", "test-board", "--version", version, "--sequence", sequence,
            "--image", f"root={image}", "--key", self.folder / "release.key", *options, code=OK)
        image.unlink()
        return out

    def device(self, server, kind=Fleet) -> Fleet:
        self.number += 1
        folder = self.folder / f"device-{self.number}"
        folder.mkdir()
        device = Device(folder)
        device.init("--slots", 2, "--good", "a", "--version", "1.0", "--sequence", 10)
        device.boot("a", version="1.0")
        device.trust(self.folder / "release.pem")
        return kind(device, server, folder)

    def publish(self, web) -> None:
        """A channel file that gives a release to nobody."""
        folder = self.folder / f"publisher-{web.port}"
        folder.mkdir()
        Publisher(web, folder, self.folder / "release.key")((self.bundle, "--percent", 0))


# ---------------------------------------------------------------- polls


def idle_poll(device, port, configure) -> tuple:
    """(bytes up, down, connections, what is sent) of a contact that finds nothing new."""
    with Wire(port).running() as wire:
        configure(wire.port)
        device.once()
        device.once()
        before = wire.up, wire.down, wire.connections
        device.once()
        time.sleep(0.3)
        return (*(now - then for now, then in zip((wire.up, wire.down, wire.connections), before)), wire.first)


def poll_of_daemon(device, port, configure) -> dict:
    """The same of keelboot-fleet run, whose session of TLS goes on."""
    with Wire(port).running() as wire:
        configure(wire.port)
        with Daemon(device, wire, device.dev.path).running() as daemon:
            daemon.contact()
            before = wire.up, wire.down, wire.connections
            daemon.contact()
            return row((*(now - then for now, then in zip((wire.up, wire.down, wire.connections), before)), b""))


def row(poll) -> dict:
    up, down, connections, _ = poll
    return {"bytes_up": up, "bytes_down": down, "connections": connections}


def polls_by_tls(bench, device, port, path="") -> dict:
    """Of a timer, and of the daemon."""
    def configure(port):
        device.configure(f"https://127.0.0.1:{port}{path}", ca_file=bench.authority / "ca.pem")
    return {"tls": row(idle_poll(device, port, configure)), "tls_daemon": poll_of_daemon(device, port, configure)}


def polls_of_channel(bench, web, tls) -> tuple:
    """Plain, and by TLS; and what was sent."""
    bench.publish(web)
    bench.publish(tls)
    device = bench.device(web, ByChannel)
    plain = idle_poll(device, web.port, lambda port: device.configure(f"http://127.0.0.1:{port}/{FILE}"))
    return {"plain": row(plain), **polls_by_tls(bench, bench.device(tls, ByChannel), tls.port, f"/{FILE}")}, plain[3]


def polls_of_hawkbit(bench, server, tls) -> tuple:
    server.target("device-1", "secret")
    device = bench.device(server)
    plain = idle_poll(device, server.port, lambda port: device.configure(f"http://127.0.0.1:{port}"))
    return {"plain": row(plain), **polls_by_tls(bench, device, tls.port)}, plain[3]


# ---------------------------------------------------------------- when they ask


def times(*words) -> list:
    return list(map(int, subprocess.run([TIMES, *map(str, words)], check=True, text=True,
                                        capture_output=True).stdout.split()))


def peak(counts, width) -> float:
    """The most contacts a second, over so many seconds."""
    have = most = sum(counts[:width])
    for at in range(width, len(counts)):
        have += counts[at] - counts[at - width]
        most = max(most, have)
    return most / width


def herd(devices, name, sleep, seconds, away, back, wait) -> dict:
    counts = times(devices, sleep, seconds, away, back, wait)
    mean = devices / sleep
    return {"when": name, "contacts_a_device_and_day": round(sum(counts) / devices * DAY / seconds, 1),
            "mean_a_second": round(mean, 1),
            "peak_to_mean": {f"{width} s": round(peak(counts[away:], width) / mean, 2) for width in (1, 10, 60)}}


# ---------------------------------------------------------------- load


def load(devices, port, pid, request, warm) -> dict:
    """request: as it was seen of device-1, by another port."""
    def of_device(number):
        there = re.sub(rb"Host: [^\r]+", b"Host: 127.0.0.1:%d" % port, request)
        return there.replace(b"device-1", b"device-%d" % number)
    play = Play(port, pid, of_device)
    play.at_once([1 + n % devices for n in range(warm)])
    numbers = times(devices, SLEEP, DAY, 0, 0, 0, "--list", 0, WINDOW)
    contacts = sorted(zip(numbers[::2], numbers[1::2]))
    return {"in_real_time": play.at_times(contacts), "as_fast_as_answered": play.at_once(range(1, devices + 1))}


def register(server, devices) -> None:
    for first in range(2, devices + 1, 500):
        server("POST", "targets", [{"controllerId": f"device-{n}", "name": f"device-{n}", "securityToken": "secret"}
                                   for n in range(first, min(first + 500, devices + 1))])


def with_channel(bench, devices) -> dict:
    with contextlib.ExitStack() as stack:
        web = stack.enter_context(nginx.Nginx(bench.folder / "web").running())
        tls = stack.enter_context(nginx.Nginx(bench.folder / "tls", tls=bench.authority).running())
        polls, request = polls_of_channel(bench, web, tls)
        return {"idle_poll": polls, "load": load(devices, web.port, web.process.pid, request, 2000)}


def with_hawkbit(bench, devices) -> dict:
    with contextlib.ExitStack() as stack:
        server = stack.enter_context(hawkbit.running(bench.folder / "hawkbit"))
        tls = stack.enter_context(nginx.Nginx(bench.folder / "front", tls=bench.authority, http2=True,
                                              upstream=server.url).running())
        polls, request = polls_of_hawkbit(bench, server, tls)
        register(server, devices)
        return {"idle_poll": polls, "load": load(devices, server.port, server.process.pid, request, 3000)}


# ---------------------------------------------------------------- the device


def memory(bench) -> dict:
    """KiB of keelboot-fleet run between two contacts, both of its processes; plain and by TLS."""
    found = {}
    for name, tls in (("plain", None), ("tls", authority.secure(bench.authority))):
        with Server(tls=tls).running() as server:
            device = bench.device(server)
            device.configure(ca_file=bench.authority / "ca.pem")
            with between_contacts(device) as (daemon, child):
                time.sleep(5)       # who serves orders gives back when none has come for two seconds
                found[name] = resident.held(daemon.pid, child)
    return found


def beside(curl, ours) -> dict:
    """MiB a second of each turn."""
    return {"mib_a_second": {"curl": curl, "keelboot-fleet": ours},
            "ratio": round(statistics.median(ours) / statistics.median(curl), 2)}


def rate_of(rows) -> float:
    """MiB a second of requests that follow each other, with what is between them. The time is nginx's, in ms."""
    begin, end = float(rows[0]["end"]) - float(rows[0]["seconds"]), float(rows[-1]["end"])
    return round(sum(int(row["sent"]) for row in rows) / MIB / max(end - begin, 0.001), 1)


def is_ours(row) -> bool:
    return "keelboot" in row["agent"]


def by_curl(bench, store, name) -> None:
    """With its defaults."""
    call("curl", "-s", "--cacert", bench.authority / "ca.pem", "-o", bench.folder / "curl.out", f"{store.url}/{name}")


def speed(bench, rate=0, tls=False) -> dict:
    """Whole bundles (partial=no) beside curl, by turns, from the request to the last byte. rate: MiB a second, of the
    line."""
    store = nginx.Nginx(bench.folder / f"store-{rate}-{tls}", tls=bench.authority if tls else None)
    with store.running(), Server().running() as server:
        bundle = bench.release("4.0", 40, os.urandom(SIZE_OF_LINE if rate else SIZE), "--compress", "none")
        store.files[bundle.name] = bundle.read_bytes()
        if rate:
            store.set(speed=rate * MIB)
        device = bench.device(server)
        device.configure(ca_file=bench.authority / "ca.pem")
        large.enlarge(device.dev, bundle.stat().st_size)
        for _ in range(2 * (ROUNDS_OF_LINE if rate else ROUNDS)):
            by_curl(bench, store, bundle.name)
            server.assign(bundle, link=f"{store.url}/{bundle.name}", update="skip")
            device.once()               # it is not staged
            for name in ("action.json", "bundle.keel"):
                (device.folder / name).unlink()
        rows = store.requests(bundle.name)
    return {"bytes": bundle.stat().st_size, **beside(*([rate_of([row]) for row in rows if is_ours(row) is ours]
                                      for ours in (False, True)))}


def speed_of_parts(bench) -> dict:
    """The same as it is shipped (partial=auto): slots have every other 4 MiB of a release. Its ranges, with what is
    between them, beside a whole one by curl; index and hashing of the slots come before."""
    store = nginx.Nginx(bench.folder / "store-parts")
    with store.running(), Server().running() as server:
        data, frame = os.urandom(SIZE_OF_PARTS), 4 * MIB
        bundle, device = bench.release("3.0", 30, data), bench.device(server)
        store.files[bundle.name] = bundle.read_bytes()
        server.assign(bundle, link=f"{store.url}/{bundle.name}")
        device.configure(partial=None, timeout=60)
        for slot in device.dev.slots.values():
            slot.write_bytes(b"".join(data[at:at + frame] + bytes(frame) for at in range(0, len(data), 2 * frame)))
        for _ in range(ROUNDS):
            by_curl(bench, store, bundle.name)
            device.once(code=REBOOT)
            device.dev("unstage")
            (device.folder / "action.json").unlink()
        rows, curl, ours = store.requests(bundle.name), [], []
    for row in rows:
        if not is_ours(row):
            curl.append(rate_of([row]))
            ours.append([])
        else:
            ours[-1].append(row)
    ranges = [turn[1:] for turn in ours]
    return {"bytes": sum(int(row["sent"]) for row in ranges[0]), "ranges": len(ranges[0]),
            **beside(curl, list(map(rate_of, ranges)))}


def speeds(bench) -> dict:
    """In memory: what the program costs. On the disk, which keelboot-fleet flushes, and curl does not."""
    with tempfile.TemporaryDirectory(prefix="keelboot-fleet-", dir="/dev/shm") as name:
        os.chmod(name, 0o755)
        there = Bench(Path(name))
        found = {"in memory": speed(there), "by TLS, in memory": speed(there, tls=True),
                 "in parts, in memory": speed_of_parts(there)}
    return {**found, f"line of {LINE} MiB/s, to the disk": speed(bench, LINE),
            "as fast as it can, to the disk": speed(bench)}


# ---------------------------------------------------------------- all of it


def judge(found) -> list:
    """(what, figure, wanted, whether it is met)."""
    rows = []
    for name, server in found["servers"].items():
        for way, poll in server["idle_poll"].items():
            took = poll["bytes_up"] + poll["bytes_down"]
            rows.append((f"{name}: bytes of an idle poll, {way}", took, "<= 2048", took <= 2048))
            once = poll["connections"] == 1
            rows.append((f"{name}: requests of an idle poll, {way}", poll["connections"], "1", once))
    for one in found["herds"]:
        width = "1 s" if one["mean_a_second"] > 10 else "10 s"      # of three contacts, chance makes many
        ratio = one["peak_to_mean"][width]
        rows.append((f"peak to mean in {width}, {one['when']}", ratio, "< 3", ratio < 3))
    for way, one in found["memory_kib"].items():
        rows.append((f"KiB between polls, {way}, libraries in full", one["all"], "<= 6144", one["all"] <= 6144))
    for name, one in found["speed"].items():
        if not name.startswith("as fast"):
            rows.append((f"speed to curl's, {name}", one["ratio"], ">= 0.9", one["ratio"] >= 0.9))
    return rows


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--devices", type=int, default=10000)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="keelboot-fleet-") as name:
        os.chmod(name, 0o755)
        bench = Bench(Path(name))
        found = {"devices": args.devices, "sleep_s": SLEEP, "cores": os.cpu_count(), "servers": {}}
        found["herds"] = [herd(MANY, *one) for one in HERDS]
        found["memory_kib"], found["speed"] = memory(bench), speeds(bench)
        found["servers"]["channel"] = with_channel(bench, args.devices)
        if hawkbit.missing():
            print(f"bench-fleet: NOT WHOLE, without hawkBit: {hawkbit.missing()}")
        else:
            found["servers"]["hawkbit"] = with_hawkbit(bench, args.devices)
    found["wanted"] = [{"what": what, "figure": figure, "wanted": wanted, "met": met}
                       for what, figure, wanted, met in judge(found)]
    REPORT.parent.mkdir(parents=True, exist_ok=True)
    REPORT.write_text(json.dumps(found, indent=1) + "\n")
    for one in found["wanted"]:
        print(f"{'met   ' if one['met'] else 'MISSED'} {one['what']}: {one['figure']} ({one['wanted']})")
    whole = "hawkbit" in found["servers"]
    return 0 if whole and all(one["met"] for one in found["wanted"]) else 1


if __name__ == "__main__":
    sys.exit(main())
