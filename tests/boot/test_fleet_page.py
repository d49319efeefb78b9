# SPDX-License-Identifier: Apache-2.0
"""The sections "Begin" and "With hawkBit" of docs/FLEET.md, word by word, with hawkBit itself and two devices in QEMU.
Only its addresses are other ones. No checkout of hawkBit is fetched: the jar is the one of all tests, which was made of
it before. Run by `make check-fleet`."""
import json
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).resolve().parents[1] / "fleet"))

import hawkbit                                                                    # noqa: E402
import kbhawkbit                                                                  # noqa: E402
from conftest import Bench, Shared                                                # noqa: E402
from fleet_devices import BROKEN, TOP, Fleet, actions, running, wait_for_version  # noqa: E402
from loopback import stop                                                         # noqa: E402
from page import blocks, commands, way                                            # noqa: E402

SECTION = "With hawkBit"
JAR = kbhawkbit.kept(kbhawkbit.FOLDER).relative_to(TOP)
# What a device of this test has besides; its busybox makes no /etc/machine-id.
CONF = "[system]\nstable-after=0\n{}id-file=/data/machine-id\n"

pytestmark = pytest.mark.skipif(not all(map(shutil.which, ("curl", "jq"))), reason="curl or jq is missing: "
                                "qemu/deps fleet")


class Page:
    """A person with that page, in a folder that has what Keelboot's sources have."""

    def __init__(self, folder):
        self.folder, self.port, self.server, self.functions = folder, hawkbit.free_port(), None, ""
        self.device = Shared(folder / "device", compatible="acme-box", watchdog=30)
        (folder / JAR).parent.mkdir(parents=True)
        (folder / JAR).symlink_to(kbhawkbit.jar())
        self.environment = {**os.environ, "PATH": f"{self.device.build}:{os.environ['PATH']}",
                            "JAVA_TOOL_OPTIONS": " ".join(hawkbit.JAVA[1:-1])}

    def builds(self, deps, make, path, checkout, build):
        """In the sources of this test, where all is built; hawkBit's are not asked for."""
        def run(word):
            return subprocess.run(["sh", "-ec", word], cwd=TOP, text=True, stdout=subprocess.PIPE, check=True,
                                  timeout=900).stdout.strip()
        run(deps)
        run(make)
        assert run(f"{path}command -v keelboot") == str(TOP / "build/keelboot")
        folder = re.fullmatch(rf"git clone -b {kbhawkbit.VERSION} https://\S+/hawkbit (\S+)\n", checkout)[1]
        assert build == f"qemu/hawkbit {folder}\n" and run(build.replace(folder, "")) == str(kbhawkbit.jar())

    def address(self, text):
        return text.replace("localhost:8080", f"127.0.0.1:{self.port}") \
            .replace("updates.example.com:8080", f"10.0.2.2:{self.port}")

    def __call__(self, word) -> str:
        done = subprocess.run(["sh", "-ec", self.functions + self.address(word)], cwd=self.folder, text=True,
                              env=self.environment, capture_output=True, check=False, timeout=600)
        assert done.returncode == 0, f"{word}\n{done.stdout}{done.stderr}"
        if re.match(r"\w+\(\) \{", word):
            self.functions += self.address(word)
        return done.stdout

    def start(self, word):
        """The server stays until the test ends."""
        command = f"exec {word.strip().removesuffix('&')} --server.port={self.port} --server.address=127.0.0.1"
        with open(self.folder / "hawkbit.log", "wb") as log:
            self.server = subprocess.Popen(["sh", "-c", command], cwd=self.folder, stdin=subprocess.DEVNULL, stdout=log,
                                           stderr=log, env=self.environment)

    def machines(self, bench, fleet, names) -> list:
        """They trust the page's key, and have the page's lines in system.conf."""
        (self.device.work / "keys").mkdir()
        shutil.copy(self.folder / "release.key", self.device.work / "dev.key")
        shutil.copy(self.folder / "release.pem", self.device.work / "keys")
        (conf,) = [block for block in blocks(SECTION) if block.startswith("[")]
        (bench.work / "fleet.conf").write_text(CONF.format(self.address(conf)))
        first, made = fleet.image("1.0"), []
        for version, check in ("2.0", "exit 0"), ("2.1", BROKEN):
            (self.folder / f"root-{version}.img").symlink_to(fleet.image(version, check))
        for name in names:
            (bench.work / name).write_text(f"{name}\n")
            made.append(fleet.machine(bench.disk("1.0", name=name, slots=(first, ...), data={
                "fleet.conf": bench.work / "fleet.conf", "machine-id": bench.work / name})))
        return made


@pytest.fixture(name="page")
def make_page(tmp_path):
    if hawkbit.missing():
        pytest.skip(hawkbit.missing())
    page = Page(tmp_path)
    yield page
    if page.server:
        stop(page.server)


def wait_until(is_so, shown, seconds=900):
    """shown: what was seen instead."""
    end = time.monotonic() + seconds
    while not is_so(seen := shown()):
        assert time.monotonic() < end, seen
        time.sleep(2)


def wait_for_rollout(page, look, name, state):
    """By the page's own look."""
    wait_until(lambda text: f'"{name}"\n"{state}"\n' in text, lambda: page(look))


def wait_for_contact(server, name):
    """Its first one makes it a target."""
    wait_until(lambda targets: name in [target["controllerId"] for target in targets],
               lambda: server.content("targets"))
    wait_for_version(server, name, "1.0")


def test_the_commands_of_the_page_roll_one_update_out_and_see_the_next_one_stop(page, tmp_path):
    """From an empty machine, in under 15 commands."""
    words = way(SECTION)[len(commands("Begin")):]
    checkout, build, start, configure, key, *words = words
    token, function, release, look, again, last_look = words
    page.builds(*commands("Begin"), checkout, build)
    page.start(start)
    page(configure)
    page(key)

    work = tmp_path / "bench"
    work.mkdir()
    bench, names = Bench(page.device, work), ["gateway-1", "gateway-2"]
    machines = page.machines(bench, Fleet(bench), names)
    server = hawkbit.Hawkbit(page.port, None)
    with running(machines):
        for name, machine in zip(names, machines):
            machine.expect(r"system 1\.0 is ready", 300)
            bench.ask(machine, token.strip())
            wait_for_contact(server, name)
        page(function)
        page(release)
        wait_for_rollout(page, look, "acme 2.0", "finished")
        for name, machine in zip(names, machines):
            assert "system 2.0 is up on slot b" in machine.text
            assert [one["status"] for one in actions(server, name)] == ["finished"]

        page(again)
        wait_for_rollout(page, last_look, "acme 2.1", "paused")
        assert look == last_look
        groups = server.content("rollouts/2/deploygroups")
        assert [group["status"] for group in groups] == ["error", "scheduled"]
        tried = server("GET", f"rollouts/2/deploygroups/{groups[0]['id']}/targets")["content"]
        (tried,) = [target["controllerId"] for target in tried]
        for name, machine in zip(names, machines):
            if name == tried:
                machine.expect(r"system 2\.0 is up on slot b", 300)
                said = json.dumps(actions(server, name)[-1]["entries"])
                assert "2.1 in slot a fell back" in said and "modem0: firmware 2.1 does not register" in said
            else:
                assert "system 2.1" not in machine.text
            wait_for_version(server, name, "2.0")
