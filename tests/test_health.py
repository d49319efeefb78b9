# SPDX-License-Identifier: Apache-2.0
"""hooks/health: each check of the running system, with what the kernel and systemd would say to it."""

import os
import re
import shutil
import socket
import socketserver
import subprocess
import threading
import time
from pathlib import Path

import pytest
from cli_device import FAILURE, KEELBOOT, TOP

HEALTH = TOP / "hooks/health"
SOME = "some avg10=0.00 avg60={}.00 avg300=0.00 total=0\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=0\n"


SHELLS = {"sh": [], "busybox": [shutil.which("busybox"), "sh"]}       # its applets go before all other programs
only_sh = pytest.mark.parametrize("health", ["sh"], indirect=True)


@pytest.fixture(name="health", params=SHELLS)
def make_health(request, tmp_path):
    """health(name, settings, files in /proc): its exit code and what it says."""
    (tmp_path / "bin").mkdir()

    def run(name, settings="", proc=None, code=0, tools=None, environ=None):
        for path, text in (proc or {}).items():
            (tmp_path / "proc" / path).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / "proc" / path).write_text(text)
        (tmp_path / "health").mkdir(exist_ok=True)
        (tmp_path / "health" / name).write_text(settings)
        for tool, text in (tools or {}).items():
            (tmp_path / "bin" / tool).write_text(f"#!/bin/sh\n{text}\n")
            (tmp_path / "bin" / tool).chmod(0o755)
        env = {"PATH": f"{tmp_path}/bin:{os.environ['PATH']}", "KEELBOOT_CONF": str(tmp_path), **(environ or {})}
        if proc is not None:
            env["KEELBOOT_PROC"] = str(tmp_path / "proc")
        done = subprocess.run([*SHELLS[request.param], HEALTH / name], env=env, text=True, capture_output=True,
                              timeout=60, check=False)
        assert done.returncode == code, done.stdout + done.stderr
        assert done.stderr == ""
        return done.stdout.strip()
    run.folder = tmp_path
    return run


def quickly(ask, seconds):
    """What it says, in this time; a busy machine may need more than one try."""
    for _ in range(5):
        begin, said = time.monotonic(), ask()
        if time.monotonic() - begin < seconds:
            return said
    raise AssertionError(f"never within {seconds} s")


def failed_units(*names):
    lines = [f"printf '%s\\n' '{name} loaded failed failed What it is'" for name in names]
    return {"systemctl": "\n".join(lines) or ":"}


@pytest.mark.parametrize("name, line, has", [
    ("free-space", "minimun=64M", "; it has minimum= paths="),
    ("free-space", "minimum 64M", "; it has minimum= paths="),
    ("clock", "witin = 5 ", "; it has within="), ("kernel", "within=5", ""), ("readonly-root", "=", "")])
def test_a_setting_that_a_check_does_not_have_fails_it(health, name, line, has):
    """The default counted, and nobody knew."""
    said = health(name, f"# as we want it\n\n  {line}\nminimum=1K\n", code=1)
    assert said == f"{line.strip()} in {health.folder}/health/{name}: this check has no such setting{has}"


def test_failed_units(health):
    health("failed-units", tools=failed_units())
    assert health("failed-units", tools=failed_units("app.service", "b.mount"), code=1) == "failed: app.service b.mount"
    health("failed-units", tools=failed_units("NetworkManager-wait-online.service"))
    health("failed-units", tools=failed_units("keelboot-check.service", "keelboot-mark-good.service"))
    health("failed-units", "ignore = app.service b.mount \n", tools=failed_units("app.service", "b.mount"))
    assert health("failed-units", "ignore=app.service\n", tools=failed_units("app.service", "c.service"), code=1) == \
        "failed: c.service"


def test_systemd_that_does_not_answer_is_no_good_sign(health):
    dead = {"systemctl": "echo Failed to connect to bus >&2; exit 1"}
    here, gone = {"KEELBOOT_SYSTEMD": str(health.folder)}, {"KEELBOOT_SYSTEMD": f"{health.folder}/gone"}
    assert health("failed-units", tools=dead, environ=here, code=1) == \
        "systemd does not answer: Failed to connect to bus"
    health("failed-units", tools=dead, environ=gone)
    health("failed-units", tools={"systemctl": "echo Warning: a unit file changed >&2"}, environ=here)


NETWORK = ("networking.service", "ifup@eth0.service", "systemd-networkd-wait-online@eth0.service",
           "chrony-wait.service", "NetworkManager-wait-online.service", "systemd-time-wait-sync.service")


def test_network_that_is_down_is_no_failed_unit_whatever_else_is_ignored(health):
    """ifupdown without an answer by DHCP is one."""
    units = failed_units(*NETWORK, "app.service", "modem@0.service", r"srv-a\x2db.mount")
    health("failed-units", tools=failed_units(*NETWORK))
    assert health("failed-units", tools=units, code=1) == r"failed: app.service modem@0.service srv-a\x2db.mount"
    health("failed-units", "ignore=app modem@* srv-a\\x2db.mount\n", tools=units)
    (health.folder / "app.service").write_text("")      # no pattern stands for files
    assert health("failed-units", "ignore=a*p.service m*\n", tools=units, code=1) == r"failed: srv-a\x2db.mount"


def test_free_space(health):
    (health.folder / "there").mkdir()
    health("free-space", f"paths={health.folder}/there /gone\n")
    assert "KiB free, wants" in health("free-space", f"paths={health.folder}/there\nminimum=900000G\n", code=1)


@pytest.mark.parametrize("mounts, code", [
    ("/dev/a / ext4 rw 0 0\n/dev/b {} squashfs ro,relatime 0 0\n", 0), ("/dev/a / ext4 ro 0 0\n", 0),
    ("/dev/a / ext4 ro 0 0\n/dev/b {} ext4 rw,relatime 0 0\n/dev/c {}/there/below ext4 ro 0 0\n", 1),
    ("/dev/b {} ext4 ro 0 0\noverlay {} overlay rw,lowerdir=/ 0 0\n", 1),
    ("/dev/a / ext4 rw 0 0\n/dev/b {}/the ext4 ro 0 0\n", 1)])
def test_free_space_passes_over_what_is_mounted_read_only(health, mounts, code):
    """A squashfs is always full. Shells differ in what [ -w ] says of it."""
    (health.folder / "there").mkdir()
    (health.folder / "link").symlink_to("there")
    assert ("KiB free" in health("free-space", f"paths={health.folder}/link\nminimum=900000G\n", code=code,
                                 proc={"mounts": mounts.replace("{}", str(health.folder))})) == bool(code)


def test_memory(health):
    proc = {"meminfo": "MemTotal: 100000 kB\nMemAvailable:      9000 kB\n", "pressure/memory": SOME.format(12)}
    health("memory", proc=proc)
    assert health("memory", "minimum=9M\n", proc=proc, code=1) == "9000 KiB of memory available, wants 9216"
    assert "12 % of the time, at most 11" in health("memory", "pressure=11\n", proc=proc, code=1)
    (health.folder / "proc/pressure/memory").unlink()
    health("memory", proc={"meminfo": "MemTotal: 1 kB\n"})


@pytest.mark.parametrize("taint, said", [(0, ""), (512 + 4096, ""), (128, "had an oops"), (16384 + 1, "a soft lockup")])
def test_kernel(health, taint, said):
    assert said in health("kernel", proc={"sys/kernel/tainted": f"{taint}\n"}, code=1 if said else 0)


@pytest.mark.parametrize("mounts, conf, code", [
    ("/dev/vda2 / ext4 ro,relatime 0 0\n", "", 0), ("/dev/vda2 / ext4 rw,relatime 0 0\n", "", 1),
    ("/dev/vda2 / ext4 rw 0 0\n", "[system]\nslots = writable\n", 0),
    ("/dev/vda2 / ext4 rw 0 0\n", "#slots=writable\n", 1),
    ("rootfs / rootfs rw 0 0\n/dev/vda2 / squashfs ro 0 0\n/dev/b /mnt ext4 rw 0 0\n", "", 0),
    ("/dev/vda2 / ext4 ro 0 0\noverlay / overlay rw,lowerdir=/ 0 0\n", "", 0)])
def test_readonly_root(health, mounts, conf, code):
    (health.folder / "system.conf").write_text(conf)
    assert ("made writable" in health("readonly-root", proc={"mounts": mounts}, code=code)) == bool(code)


@pytest.mark.parametrize("boot, code", [
    ('{"schema":1,"slot":"a","ambiguous":false,"writable":true,"warnings":[]}\n', 0),
    ('{"schema":1,"slot":"a","ambiguous":false,"warnings":[]}\n', 1), (None, 1)])
def test_readonly_root_asks_the_initramfs_that_mounted_it(health, boot, code):
    if boot:
        (health.folder / "boot.json").write_text(boot)
    health("readonly-root", proc={"mounts": "/dev/vda2 / ext4 rw 0 0\n"}, code=code,
           environ={"KEELBOOT_RUN": str(health.folder)})


def test_readonly_root_is_none_without_a_slot(health):
    health("readonly-root", proc={"mounts": "/dev/vda / ext4 rw 0 0\n"}, environ={"KEELBOOT_SLOT": ""})


@pytest.mark.parametrize("name, line, wants", [
    ("free-space", "minimum=16MB", "a number and K, M or G"),
    ("free-space", "minimum=1.5G", "a number and K, M or G"),
    ("free-space", "minimum=garbage", "a number and K, M or G"), ("memory", "minimum=16m", "a number and K, M or G"),
    ("memory", "minimum=010K", "a number and K, M or G"), ("memory", f"minimum={'9' * 13}G", "a number and K, M or G"),
    ("memory", "pressure=60%", "a number"), ("server", "within=10s", "a number of seconds"),
    ("listens", "within=-1", "a number of seconds"), ("default-route", "within=1 0", "a number of seconds"),
    ("clock", "within=0x10", "a number of seconds")])
def test_setting_that_is_wrong_is_named(health, name, line, wants):
    more = {"server": "url=http://127.0.0.1:1/\n", "listens": "sockets=no:1\n"}.get(name, "")
    proc = {"meminfo": "MemAvailable: 9000 kB\n", "pressure/memory": SOME.format(0), "net/route": ""}
    assert health(name, f"{more} {line} \n", code=1, proc=proc if name in ("memory", "default-route") else None) == \
        f"{line} in {health.folder}/health/{name}: expected {wants}"


ROUTE = "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n"
ROUTE_6 = f"{'0' * 32} 00 {'0' * 32} 00 {'0' * 32} ffffffff 00000001 00000000 00200200 lo\n"


def test_default_route(health):
    local = f"{ROUTE}eth0\t0002000A\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0\n"
    proc = {"net/route": local, "net/ipv6_route": ROUTE_6}
    assert health("default-route", "within=0\n", proc=proc, code=1) == "no default route"
    health("default-route", proc={"net/route": f"{local}eth0\t00000000\t0202000A\t0003\t0\t0\t0\t00000000\t0\t0\t0\n"})
    health("default-route", proc={"net/route": local, "net/ipv6_route": ROUTE_6.replace(" lo", " eth0")})


@pytest.mark.parametrize("line", ["*\t00000000\t00000000\t0201", "*\t00000000\t00000000\t0001",
                                  "eth0\t00000000\t00000000\t0200", "eth0\t00000000\t00000000\t0A03"])
def test_default_route_that_leads_nowhere_is_none(health, line):
    """As the kernel shows what is unreachable, prohibited, a black hole."""
    proc = {"net/route": f"{ROUTE}{line}\t0\t0\t0\t00000000\t0\t0\t0\n", "net/ipv6_route": ROUTE_6}
    assert health("default-route", "within=0\n", proc=proc, code=1) == "no default route"


def test_listens_finds_a_process_whose_name_the_kernel_cuts(health):
    """It keeps 15 bytes."""
    program = health.folder / "keelboot-very-long-daemon"
    shutil.copy(Path("/usr/bin/python3").resolve(), program)
    line = "import socket; s = socket.create_server(('127.0.0.1', 0)); print(s.getsockname()[1], flush=True); input()"
    with subprocess.Popen([program, "-Ic", line], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as daemon:
        port = daemon.stdout.readline().strip()
        health("listens", f"sockets=keelboot-very-long-daemon:{port}\nwithin=0\n")
        assert "nothing listens" in health("listens", f"sockets=keelboot-very-short:{port}\nwithin=0\n", code=1)
        assert "nothing listens" in health("listens", f"sockets=keelboot-very:{port}\nwithin=0\n", code=1)
        daemon.communicate("\n")


def test_listens(health):
    """A real process, with a port and a path."""
    path = health.folder / "sock"
    with socket.socket() as tcp, socket.socket(socket.AF_UNIX) as unix:
        tcp.bind(("127.0.0.1", 0))
        unix.bind(str(path))
        name, port = Path("/proc/self/comm").read_text().strip(), tcp.getsockname()[1]
        pairs = f"sockets={name}:{port} {name}:{path}\nwithin=0\n"
        assert health("listens", pairs, code=1) == f"nothing listens: {name}:{port}"
        tcp.listen()
        assert health("listens", pairs, code=1) == f"nothing listens: {name}:{path}"
        unix.listen()
        health("listens", pairs)
        assert "nothing listens: other" in health("listens", f"sockets=other:{port}\nwithin=0\n", code=1)
    assert "sockets= is not set" in health("listens", code=1)
    for wrong in ("sshd", "22", "sshd:ssh", ":22", "sshd:", "sshd:run/x"):
        assert health("listens", f"sockets=a:1 {wrong}\n", code=1) == \
            f"{wrong} in {health.folder}/health/listens: expected PROCESS:PORT or PROCESS:/PATH"


class NotFound(socketserver.BaseRequestHandler):
    """A server that answers with an error."""

    def handle(self):
        self.request.recv(4096)
        self.request.sendall(b"HTTP/1.0 404 Not Found\r\n\r\n")


def path_with(health, *more) -> dict:
    """What a script needs to be started, and no other program that asks for a page."""
    for tool in ("sh", "sed", "dirname", "readlink", "grep", "sleep", *more):
        (health.folder / "bin" / tool).symlink_to(shutil.which(tool))
    return {"PATH": str(health.folder / "bin")}


@pytest.mark.parametrize("timeout, most", ((12, 2), (5, 0)))
def test_a_check_ends_before_it_would_be_killed(health, timeout, most):
    proc = {"net/route": "Iface\n", "net/ipv6_route": ""}

    def ask():
        return health("default-route", "within=600\n", proc=proc, code=1, environ={"KEELBOOT_TIMEOUT": str(timeout)})
    assert quickly(ask, most + 5) == \
        f"no default route (after {most} s, not within=600: each check may take {timeout} s)"
    assert health("default-route", "within=1\n", proc=proc, code=1, environ={"KEELBOOT_TIMEOUT": "12"}) == \
        "no default route"


@pytest.mark.parametrize("name", ("curl", "wget"))
def test_server(health, name):
    if not shutil.which(name):
        pytest.skip(f"no {name}")
    client = path_with(health, name)
    with socketserver.TCPServer(("127.0.0.1", 0), NotFound) as server:
        url = f"http://127.0.0.1:{server.server_address[1]}/"
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        health("server", f"url={url}\nwithin=0\n", environ=client)
        server.shutdown()
        thread.join(60)
    assert health("server", f"url={url}\nwithin=1\n", code=1, environ=client) == f"{url}: no answer"
    assert "url= is not set" in health("server", code=1)


@pytest.mark.parametrize("name", ("curl", "wget"))
def test_server_that_accepts_and_says_nothing_takes_no_longer_than_it_may(health, name):
    """A few seconds more than within=, for the last try."""
    if not shutil.which(name):
        pytest.skip(f"no {name}")
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        url, client = f"http://127.0.0.1:{server.getsockname()[1]}/", path_with(health, name)
        assert quickly(lambda: health("server", f"url={url}\nwithin=2\n", code=1, environ=client), 12) == \
            f"{url}: no answer"


@only_sh
def test_server_asked_by_busybox(health):
    """Its words; the static one of Debian cannot look up names."""
    client = path_with(health)
    health("server", "url=http://x/\nwithin=0\n", environ=client,
           tools={"wget": "echo 'wget: server returned error: HTTP/1.1 404 Not Found' >&2; exit 1"})
    assert "no answer" in health("server", "url=http://x/\nwithin=0\n", code=1, environ=client,
                                 tools={"wget": "echo \"wget: can't connect to remote host: refused\" >&2; exit 1"})


@only_sh
def test_server_without_a_program_that_asks_it(health):
    assert health("server", "url=http://127.0.0.1/\n", code=1, environ=path_with(health)) == \
        "neither curl nor wget is installed"


@pytest.mark.parametrize("ahead, code", ((-60, 0), (86400, 1)))
def test_clock(health, ahead, code):
    release = health.folder / "os-release"
    release.write_text("")
    os.utime(release, (time.time() + ahead,) * 2)
    said = health("clock", "within=0\n", code=code, environ={"KEELBOOT_RELEASE": str(release)})
    assert ("before the release was built" in said) == bool(code)


def later(folder: Path, name: str, settings: str) -> subprocess.Popen:
    """`keelboot check` with this one, whose clock is behind and which knows no network."""
    (folder / "etc/keelboot/check.d").mkdir(parents=True)
    (folder / "health").mkdir()
    (folder / "health" / name).write_text(settings)
    release = folder / "os-release"
    release.write_text("")
    os.utime(release, (time.time() + 86400,) * 2)
    check = folder / "etc/keelboot/check.d/10-it"
    check.write_text(f"#!/bin/sh\nKEELBOOT_CONF={folder} KEELBOOT_PROC={folder} KEELBOOT_RELEASE={release} "
                     f"exec {HEALTH / name}\n")
    check.chmod(0o755)
    return subprocess.Popen([KEELBOOT, "--conf-root", folder, "check"], stdout=subprocess.PIPE, text=True)


def test_each_check_that_waits_says_its_sentence_before_it_is_killed(tmp_path):
    """With the time that each has by default, and that `keelboot check` gives it."""
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        url = f"http://127.0.0.1:{server.getsockname()[1]}/"
        wants = {"server": (f"url={url}\n", f"{url}: no answer"), "default-route": ("", "no default route"),
                 "listens": ("sockets=no:1\n", "nothing listens: no:1"), "clock": ("", "the clock is before the ")}
        running = {name: later(tmp_path / name, name, settings) for name, (settings, _) in wants.items()}
        for name, one in running.items():
            said = one.communicate(timeout=120)[0]
            assert one.returncode == FAILURE and f"output: {wants[name][1]}" in said, said
            assert "exit 1" in said


def test_what_waits_for_a_network_is_off():
    line = re.search(r"^HEALTH := (.*)$", (TOP / "Makefile").read_text(), re.M)[1]
    on = {name.partition("-")[2] for name in line.split()}
    for check in HEALTH.iterdir():
        if check.name != "common.sh":
            head = check.read_text().splitlines()[2]
            assert re.match("# on: " if check.name in on else "# off: ", head), check.name
