# SPDX-License-Identifier: Apache-2.0
"""What a server and Prometheus learn of the device, and what they do not."""
import itertools
import json
import os
import platform
import re
import select
import socket
import threading

import pytest
from clock import Clock
from cli_device import FAILURE, OK, REBOOT, USAGE, call, edit
from test_fleet_rules import answers


def test_the_server_learns_what_this_device_is(fleet, server):
    (fleet.dev.run / "boot.json").write_text(json.dumps({"slot": "a", "token": 1, "cause": "watchdog"}))
    fleet.once()
    told = server.attributes
    assert told["keelboot.kernel"] == platform.release() and told["keelboot.reset"] == "watchdog"
    assert told["keelboot.writes"] == str(fleet.dev.json("status")["state"]["sequence"])
    assert all(len(name) <= 128 and len(value) <= 127 for name, value in told.items())


def test_each_slot_says_what_it_holds_and_how_that_stands(fleet, server, bundle):
    def slots():
        return {name: value for name, value in server.attributes.items() if name.startswith("keelboot.slot.")}
    fleet.once()
    assert slots() == {"keelboot.slot.a": "1.0, good", "keelboot.slot.b": "empty"}
    server.assign(bundle)
    fleet.once(code=REBOOT)
    fleet.reboot()
    fleet.once()
    assert slots() == {"keelboot.slot.a": "1.0, good", "keelboot.slot.b": "2.0, trial"}
    fleet.good()
    fleet.once()
    assert slots() == {"keelboot.slot.a": "1.0, good", "keelboot.slot.b": "2.0, good"}
    fleet.fall_back("no modem")
    fleet.once()
    assert slots() == {"keelboot.slot.a": "1.0, good", "keelboot.slot.b": "2.0, bad"}
    fleet.configure(omit="slot.a keelboot.slot.b")
    server.wants_attributes = True
    fleet.once()
    assert not slots() and server.attributes["keelboot.slot"] == "a"


def test_wear_alone_is_no_message(fleet, server):
    fleet.once()
    before = server.attributes["keelboot.writes"]
    fleet.dev("reset-data")
    fleet.dev("reset-data", "--cancel")
    fleet.once()
    assert [kind for kind, _ in server.seen].count("attributes") == 1
    server.wants_attributes = True
    fleet.once()
    assert int(server.attributes["keelboot.writes"]) > int(before)


def boots_again(fleet):
    """The same slot; the record is of the boot before."""
    fleet.change(device_boot="an earlier boot")


BOOT = """
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
static char boot[64];
/* Before rights are given up. */
__attribute__((constructor)) static void begin(void)
{
	snprintf(boot, sizeof(boot), "%s\\n", getenv("BOOT"));
}
FILE *fopen(const char *path, const char *mode)
{
	FILE *(*there)(const char *, const char *) = (FILE *(*)(const char *, const char *))dlsym(RTLD_NEXT, "fopen");
	if (strcmp(path, "/proc/sys/kernel/random/boot_id") == 0)
		return fmemopen(boot, strlen(boot), "r");
	return there(path, mode);
}
FILE *fopen64(const char *path, const char *mode)
{
	return fopen(path, mode);
}
"""


@pytest.fixture(name="starts")
def make_starts(fleet, server, tmp_path):
    """A start with the boot's id of this number, and how many messages with attributes its first contact has sent."""
    (tmp_path / "boot.c").write_text(BOOT)
    call("cc", "-shared", "-fPIC", "-o", tmp_path / "boot.so", tmp_path / "boot.c")
    fleet.more = {"LD_PRELOAD": str(tmp_path / "boot.so")}

    def start(number, slot="a", code=OK, **facts):
        fleet.more["BOOT"] = f"b0075e3a-{number:04}-4b3c-9d1e-8c2f64a1e07d"
        fleet.dev.boot(slot, **{"version": "1.0", **facts})
        before = len(server.requests("attributes"))
        if (fleet.folder / "action.json").exists():
            fleet.change(attributes_due=0)
        fleet.once(code=code)
        return len(server.requests("attributes")) - before
    return start


def late_ones(server, starts):
    """Numbers of boots that send a change in their second contact."""
    assert starts(0, cause="guest") == 1
    return [number for number in range(1, 31) if starts(number, cause=f"reset {number}") == 0]


def test_what_changed_in_a_restart_is_sent_in_the_second_contact_of_every_other_boot(fleet, server, starts):
    """Where a region gets its power back, each has another reset to say, and all of them come."""
    late = late_ones(server, starts)
    assert 8 <= len(late) <= 22
    for number in late:
        assert starts(number, cause=f"again {number}") == 0
        fleet.once()
        assert server.attributes["keelboot.reset"] == f"again {number}"
        # What the server asks for, it gets.
        server.wants_attributes = True
        assert starts(number + 100, cause="asked") == 1 and server.attributes["keelboot.reset"] == "asked"


def test_another_release_is_news_at_once(fleet, server, starts, bundle):
    """As by a stick: no action is open."""
    late = late_ones(server, starts)
    fleet.dev("install", bundle)
    fleet.start("b")
    assert starts(late[0], slot="b", status="trial") == 1
    assert server.attributes["keelboot.slot"] == "b" and server.attributes["keelboot.version"] == "2.0"


def test_a_contact_that_fails_puts_no_change_off(fleet, server, starts, bundle):
    """It may be the first one again and again."""
    late = late_ones(server, starts)
    server.assign(bundle)
    server.on["deployment"] = answers(503)
    for number in late[:3]:
        assert starts(number, code=FAILURE, cause=f"failing {number}") == 1


def test_boots_are_counted_and_are_no_message(fleet, server):
    fleet.once()
    fleet.once()
    assert server.attributes["keelboot.boots"] == "1"
    before = (fleet.folder / "action.json").stat().st_ino
    fleet.once()
    assert (fleet.folder / "action.json").stat().st_ino == before, "one write in each boot"
    for _ in range(3):
        boots_again(fleet)
        fleet.once()
    assert fleet.record["device_boots"] == 4 and len(server.requests("attributes")) == 1
    server.wants_attributes = True
    fleet.once()
    assert server.attributes["keelboot.boots"] == "4"
    assert "keelboot_boots 4\n" in fleet("status", "--metrics")


def test_a_boot_without_a_server_costs_no_write(fleet, server):
    fleet.once()
    boots_again(fleet)
    before = (fleet.folder / "action.json").stat().st_ino
    server.on["poll"] = [answers(503)]
    fleet.once(code=FAILURE)
    assert (fleet.folder / "action.json").stat().st_ino == before
    fleet.once()
    assert fleet.record["device_boots"] == 2


def test_crashes_and_tries_are_counted_and_are_no_message(fleet, server):
    fleet.once()
    assert server.attributes["keelboot.crashes"] == server.attributes["keelboot.tries"] == "0"
    edit(fleet.dev, a_streak=2)
    fleet.once()
    assert len(server.requests("attributes")) == 1
    server.wants_attributes = True
    fleet.once()
    assert server.attributes["keelboot.crashes"] == "2"
    found = samples(fleet("status", "--metrics"))
    assert found['keelboot_slot_crashes{slot="a"}'] == 2 and found['keelboot_slot_crashes{slot="b"}'] == 0


def test_an_attribute_that_flips_in_each_contact_is_sent_eight_times_and_then_each_hour(fleet, server, tmp_path):
    """A server's quota and a metered line are not used up by a loose contact; what is sent at last is how it is."""
    clock = Clock(tmp_path)
    fleet.more = clock.environment
    fleet.once()
    server.seen.clear()

    number = itertools.count(1)

    def flips(times):
        for _ in range(times):
            fleet.dev.boot("a", version="1.0", reason=f"flip {next(number)}")
            fleet.once()
        return len(server.requests("attributes"))
    assert flips(11) == 8 and server.attributes["keelboot.reason"] == "flip 8"
    clock.add(3700)
    fleet.once()
    assert server.attributes["keelboot.reason"] == "flip 11" and flips(3) == 9
    # The server may ask at any time.
    server.wants_attributes = True
    fleet.once()
    assert server.attributes["keelboot.reason"] == "flip 14" and len(server.requests("attributes")) == 10
    # A clock that was ahead does not hold them back.
    clock.add(400 * 86400)
    assert flips(1) == 11
    clock.add(3700)
    assert flips(1) == 12
    # Nor is there ever more than eight hours' worth of them.
    clock.add(30 * 86400)
    assert flips(11) == 20


@pytest.mark.parametrize("answer", [None, answers(400), answers(404)], ids=["taken", "400", "404"])
def test_a_server_that_asks_in_each_contact_gets_them_nine_times_and_then_each_hour(fleet, server, tmp_path, answer):
    """The first ones are news to it. What it has, or refused, is bounded as changes are."""
    clock = Clock(tmp_path)
    fleet.more = clock.environment
    if answer:
        server.on["attributes"] = answer

    def asked(times):
        for _ in range(times):
            server.wants_attributes = True
            fleet.once()
        return len(server.requests("attributes"))
    assert asked(12) == 9
    before = (fleet.folder / "action.json").stat().st_ino
    assert asked(1) == 9 and (fleet.folder / "action.json").stat().st_ino == before, "nor does it cost a write"
    clock.add(3700)
    assert asked(3) == 10
    # A change is news.
    fleet.dev.boot("a", version="1.0", reason="flip")
    assert asked(3) == 11


def test_the_tries_of_a_trial_are_told(fleet, server, bundle):
    server.assign(bundle)
    fleet.once(code=REBOOT)
    fleet.reboot()
    fleet.once()
    left = fleet.dev.slot("b")["tries"]
    assert left == 2 and server.attributes["keelboot.tries"] == "2"
    assert samples(fleet("status", "--metrics"))['keelboot_slot_tries{slot="b"}'] == 2


def test_a_line_of_status_that_warns_is_a_message(fleet, server):
    """Its text is none: it may have figures."""
    def boots(*warnings):
        (fleet.dev.run / "boot.json").write_text(json.dumps(
            {"slot": "a", "token": 1, "warnings": [{"id": "loader", "text": text} for text in warnings]}))
        fleet.once()
        assert int(server.attributes["keelboot.warnings"]) == len(fleet.dev.json("status")["warnings"])
        return len(server.requests("attributes"))
    assert [boots(), boots("loader: 3 starts"), boots("loader: 4 starts"), boots(), boots()] == [1, 2, 2, 3, 3]
    server.wants_attributes = True
    boots("loader: 5 starts", "loader: 6 starts")
    assert server.attributes["keelboot.warning"] == fleet.dev.json("status")["warnings"][0]


def test_a_folder_that_the_unit_may_not_write_is_no_reason_to_be_root(fleet, server):
    """Without the drop-in for another mount=, systemd shows it read-only."""
    data = fleet.dev.data
    call("mount", "--bind", data, data)
    try:
        call("mount", "-o", "remount,bind,ro", data)
        said = fleet.once(code=FAILURE)
        assert "Read-only file system; it is mounted read-only, or ReadWritePaths= of the unit lacks it" in said
        assert "user=root" not in said
    finally:
        call("umount", data)
    fleet.once()


def test_a_boot_that_cannot_be_noted_costs_no_contact(fleet, server):
    fleet.once()
    boots_again(fleet)
    data = fleet.dev.data
    call("mount", "--bind", data, data)
    try:
        call("mount", "-o", "remount,bind,ro", data)
        server.wants_attributes = False
        assert "Read-only file system" in fleet.once()
    finally:
        call("umount", data)
    fleet.once()
    assert fleet.record["device_boots"] == 2


def test_what_is_to_be_kept_back_is(fleet, server):
    fleet.configure(omit="kernel keelboot.hardware")
    fleet.once()
    assert "keelboot.version" in server.attributes
    assert not {"keelboot.kernel", "keelboot.hardware"} & set(server.attributes)


def test_each_attribute_can_be_kept_back_by_its_name(fleet, server):
    fleet.once()
    names = sorted(server.attributes)
    assert len(names) > 15
    fleet.configure(omit=" ".join(name.removeprefix("keelboot.") for name in names))
    before = len(server.requests("attributes"))
    server.wants_attributes = True
    fleet.once()
    assert len(server.requests("attributes")) == before     # hawkBit refuses an empty list


@pytest.mark.parametrize("value", ["all", "kernel " * 28], ids=["all", "too long"])
def test_nothing_is_sent_where_all_is_to_be_kept_back_or_nobody_can_read_what(fleet, server, value):
    """A list of 128 bytes was ignored: the server got what its owner had kept back."""
    fleet.configure(omit=value)
    server.wants_attributes = True
    fleet.once()
    assert not server.requests("attributes")


LABEL = r'\w+="(?:[^"\\]|\\.)*"'
SAMPLE = re.compile(r"(\w+(?:\{" + LABEL + "(?:," + LABEL + r")*\})?) (\d+)")


def samples(text):
    """Each line of the text format: its name with labels, and its value."""
    found = {}
    for line in text.splitlines():
        if line.startswith("#"):
            assert re.fullmatch(r"# (HELP \w+ .+\.|TYPE \w+ gauge)", line), line
            continue
        name, value = SAMPLE.fullmatch(line).groups()
        assert name not in found, line
        found[name] = int(value)
    return found


def test_metrics_say_what_status_says(fleet, server, bundle):
    found = samples(fleet("status", "--metrics"))
    assert found['keelboot_slot_info{slot="a",state="good",version="1.0",booted="yes"}'] == 1
    assert found["keelboot_staged"] == 0 and found['keelboot_fleet_action{phase="none"}'] == 1
    server.assign(bundle)
    fleet.once(code=REBOOT)
    fleet("status", "--metrics", "--json", code=USAGE)
    found = samples(fleet("status", "--metrics", code=OK))
    assert found["keelboot_staged"] == 1 and found['keelboot_fleet_action{phase="staged"}'] == 1
    assert found['keelboot_fleet_action{phase="none"}'] == 0 and found["keelboot_fleet_unreported"] == 0
    assert found["keelboot_state_writes"] == fleet.dev.json("status")["state"]["sequence"]
    assert found['keelboot_slot_sequence{slot="a"}'] == 10


def test_a_reason_with_quotes_is_a_label(fleet):
    (fleet.dev.run / "boot.json").write_text(json.dumps(
        {"slot": "a", "token": 1, "cause": "none", "reason": 'b: check said "no\\'}))
    found = samples(fleet("status", "--metrics"))
    assert [name for name in found if 'reason="b: check said \\"no\\\\"' in name]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may see the state")
def test_metrics_without_a_state_are_an_error(fleet):
    fleet.dev.state.unlink()
    assert "no metrics: " in fleet("status", "--metrics", code=FAILURE)


class Relay(threading.Thread):
    """Passes bytes on to the server, and counts connections and the bytes of both ways."""

    def __init__(self, port):
        super().__init__(daemon=True)
        self.port, self.connections, self.bytes = port, 0, 0
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self.listener.getsockname()[1]}"

    def run(self):
        while True:
            try:
                near, _ = self.listener.accept()
            except OSError:
                return
            self.connections += 1
            with near, socket.create_connection(("127.0.0.1", self.port)) as far:
                ways = {near: far, far: near}
                while ways:
                    for source in select.select(list(ways), [], [])[0]:
                        data = source.recv(65536)
                        self.bytes += len(data)
                        if data:
                            ways[source].sendall(data)
                        else:
                            ways.clear()
                            break


def test_an_idle_contact_is_one_request_of_less_than_2_kb(fleet, server):
    fleet.once()
    relay = Relay(int(server.url.rsplit(":", 1)[1]))
    relay.start()
    try:
        fleet.configure(url=relay.url)
        fleet.once()                        # to this address it says what it is
        before, relay.bytes, relay.connections = len(server.seen), 0, 0
        fleet.once()
    finally:
        relay.listener.close()
    assert len(server.seen) == before + 1 and relay.connections == 1
    assert 200 < relay.bytes <= 2048, relay.bytes
