# SPDX-License-Identifier: Apache-2.0
"""A redirect to an address that this program has no room for, as one with a long signature: a line, and bounded."""
import re
import subprocess

import pytest
from cli_device import FAILURE, OK, REBOOT

MOST = 2047
HEAD = f"the server redirects to an address of {MOST + 1} characters, {MOST} at most are followed: "
TOO_LONG = f"{HEAD}http://127.0.0.1:"


def leads(length, status=302):
    """To an address of so many characters on the same host."""
    def answer(handler):
        rest = length - len(f"http://{handler.headers['Host']}{handler.path}?")
        handler.reply(status, b"", {"Location": f"{handler.path}?{'x' * rest}"})
    return answer


@pytest.mark.parametrize("asked, times", [("poll", 1), ("deployment", 1), ("feedback", 2), ("attributes", 1)])
def test_it_is_a_line_and_the_next_contact_asks_again(fleet, server, bundle, asked, times):
    action = server.assign(bundle)
    server.on[asked] = leads(MOST + 1)
    said = fleet.once(code=None)
    assert said.count(TOO_LONG) == len(server.requests(asked)) == times and fleet.was_within(20)
    assert "xxx" not in said
    server.on[asked] = None
    assert TOO_LONG not in fleet.once(code=REBOOT)
    assert action.told[-1] == "proceeding/none" and "keelboot.version" in server.attributes


def test_the_next_contact_is_when_it_would_be_after_any_failure(fleet, server):
    server.sleep = "00:05:00"
    fleet.once()
    server.on["poll"] = leads(MOST + 1)
    with subprocess.Popen(list(map(str, fleet.command("run", "--now"))), env=fleet.environment(), text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as daemon:
        wait = int(re.search(r"Next contact in (\d+) s", daemon.stdout.readline())[1])
        daemon.terminate()
    assert 300 <= wait <= 901


def test_of_a_bundle_it_is_waited_for_a_day_and_no_longer(fleet, server, bundle):
    """A portal may do that, which passes; what does not pass is closed in the end, with the reason."""
    action = server.assign(bundle)
    server.on["artifact"] = leads(MOST + 1)
    for _ in range(9):
        assert f"not fetched: {TOO_LONG}" in fleet.once(code=FAILURE)
    assert fleet.record["tries"] == 9 and action.told == ["proceeding/none"]
    assert len(server.requests("artifact")) == 9 and fleet.was_within(20)
    fleet.change(tries=287)
    fleet.once(code=FAILURE)
    assert action.told == ["proceeding/none", "closed/failure"]


def test_one_that_just_fits_is_followed(fleet, server, bundle):
    server.assign(bundle)
    server.on["artifact"] = [leads(MOST)]
    fleet.once(code=REBOOT)
    assert len(server.requests("artifact")) == 2


def test_of_a_channel_file_it_is_the_same(device, site, publish, bundle):
    publish(bundle)
    site.on = {"stable.channel": leads(MOST + 1)}
    assert TOO_LONG in device.once(code=FAILURE) and device.was_within(20)
    site.on = {}
    device.once(code=REBOOT)
    assert device("status", code=OK)
