# SPDX-License-Identifier: Apache-2.0
"""A proxy that a device has to ask (https_proxy=, http_proxy=): a test for each row of its table in docs/FLEET.md."""
import re
import socket

import pytest
from authority import secure
from cli_device import FAILURE, REBOOT, TOP
from conftest import Fleet
from ddi_server import Server
from forward import Proxy

WHO = "gateway:deep-secret"
ROWS = {
    "opens a tunnel": "test_a_tunnel_shows_the_proxy_the_servers_name_and_nothing_else",
    "asks for the device": "test_by_http_the_proxy_asks_and_sees_what_everybody_on_the_way_sees",
    "wants a user": "test_who_asks_is_told_to_the_proxy_alone",
    "407": "test_a_proxy_that_wants_to_know_who_asks_loses_nothing",
    "opens no tunnel": "test_a_proxy_that_opens_no_tunnel_is_one_line_and_the_next_contact",
    "is away": "test_a_proxy_that_is_away_is_tried_again",
    "says nothing": "test_a_proxy_that_says_nothing_costs_the_timeout",
    "is not asked": "test_what_no_proxy_names_is_asked_past_it",
}


def refuse(status):
    headers = {"Proxy-Authenticate": 'Basic realm="x"'} if status == 407 else {}
    return lambda handler: handler.reply(status, b"no", headers)


@pytest.fixture(name="proxy")
def make_proxy():
    with Proxy().running() as proxy:
        yield proxy


@pytest.fixture(name="far", params=[False, True], ids=["http", "https"])
def make_far(request, authority):
    """A server that is behind it."""
    with Server(tls=secure(authority) if request.param else None).running() as server:
        yield server


@pytest.fixture(name="safe")
def make_safe(authority):
    with Server(tls=secure(authority)).running() as server:
        yield server


@pytest.fixture(name="behind")
def make_behind(ready, proxy, authority, tmp_path):
    """A device whose every request goes by the proxy; who: as whom."""
    def make(server, who=None, address=None, **keys):
        device = Fleet(ready, server, tmp_path)
        device.configure(ca_file=authority / "ca.pem", **keys)
        address = address or proxy.address(who)
        device.more = {"http_proxy": address, "https_proxy": address}
        return device
    return make


def says(device, status):
    """In one line. A port may hold the same digits."""
    return sum(bool(re.search(rf"\b{status}\b", line)) for line in device.said.splitlines()) == 1


def methods(proxy):
    return {method for method, *_ in proxy.seen}


def run_to_the_end(device, action):
    device.once(code=REBOOT)
    device.reboot()
    device.good()
    device.once()
    assert action.told[-1] == "closed/success"


def test_the_page_has_these_rows():
    part = (TOP / "docs/FLEET.md").read_text().partition("| the proxy |")[2].partition("\n\n")[0]
    rows = re.findall(r"^\| ([^|]+) \|", part, re.M)
    assert len(rows) == len(ROWS) and all(any(row.startswith(key) for row in rows) for key in ROWS)
    assert all(name in globals() for name in ROWS.values())


def test_a_tunnel_shows_the_proxy_the_servers_name_and_nothing_else(behind, proxy, safe, bundle):
    action = safe.assign(bundle)
    run_to_the_end(behind(safe), action)
    assert methods(proxy) == {"CONNECT"} and {where for *_, where in proxy.seen} == {f"127.0.0.1:{safe.server_port}"}
    for _, headers, _ in proxy.seen:
        assert set(headers) <= {"Host", "User-Agent", "Proxy-Connection"}
    assert proxy.passed and b"secret" not in proxy.passed and b"device-1" not in proxy.passed
    assert safe.requests("poll")[0]["Authorization"] == "TargetToken secret"


def test_by_http_the_proxy_asks_and_sees_what_everybody_on_the_way_sees(behind, proxy, server, bundle):
    action = server.assign(bundle)
    device = behind(server)
    run_to_the_end(device, action)
    assert "the token is sent unencrypted" in device.said
    assert methods(proxy) == {"GET", "POST", "PUT"} and len(proxy.seen) == len(server.seen)
    assert all(where.startswith(server.url) for *_, where in proxy.seen)


def test_who_asks_is_told_to_the_proxy_alone(behind, proxy, far, bundle):
    proxy.who = WHO
    action = far.assign(bundle)
    device = behind(far, WHO)
    run_to_the_end(device, action)
    assert "deep-secret" not in device.said
    assert all("Proxy-Authorization" in headers for _, headers, _ in proxy.seen)
    assert not any("Proxy-Authorization" in headers for _, headers, *_ in far.seen)


def test_a_proxy_that_wants_to_know_who_asks_loses_nothing(behind, proxy, far, bundle):
    """Ten contacts in a row, in each phase: more than what a server that refuses is given."""
    action = far.assign(bundle)
    device = behind(far, "gateway:wrong-word")
    proxy.who = WHO

    def is_refused():
        for _ in range(10):
            device.once(code=None)
            assert says(device, 407) and "wrong-word" not in device.said
    is_refused()
    proxy.who = None
    device.once(code=REBOOT)
    proxy.who = WHO
    is_refused()
    assert device.staged
    device.reboot()
    device.good()
    is_refused()
    proxy.who = None
    device.once()
    assert action.told[-1] == "closed/success" and action.told.count("closed/success") == 1


def test_nor_does_one_that_wants_it_of_a_bundle_alone(behind, proxy, server, bundle):
    action = server.assign(bundle)
    device = behind(server)
    server.on["artifact"] = refuse(407)
    for _ in range(10):
        device.once(code=FAILURE)
        assert action.state == "running" and "407" in device.said
    del server.on["artifact"]
    run_to_the_end(device, action)


def test_nor_of_a_message(behind, proxy, server, bundle):
    action = server.assign(bundle)
    device = behind(server)
    server.on["feedback"] = [None, refuse(407)]
    device.once(code=REBOOT)
    assert len(action.told) == 1
    device.once(code=REBOOT)
    assert action.told == ["proceeding/none"] * 2, "what was refused is sent again"


@pytest.mark.parametrize("status", [400, 403, 404, 429, 502, 503])
def test_a_proxy_that_opens_no_tunnel_is_one_line_and_the_next_contact(behind, proxy, safe, bundle, status):
    """Its words are not the server's: a 404 of it says nothing of an action."""
    action = safe.assign(bundle)
    device = behind(safe)
    device.once(code=REBOOT)
    before, proxy.on["CONNECT"] = device.record, refuse(status)
    device.once(code=REBOOT)
    assert says(device, status) and device.record == before
    assert device.staged and action.state == "running"
    device.reboot()
    device.good()
    device.once(code=FAILURE)
    del proxy.on["CONNECT"]
    device.once()
    assert action.told[-1] == "closed/success"


def test_a_proxy_that_is_away_is_tried_again(behind, proxy, far, bundle):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))        # nobody listens there
        device = behind(far, address=f"http://{WHO}@127.0.0.1:{taken.getsockname()[1]}")
        device.once(code=FAILURE)
    assert device.said.count("onnect") >= 1 and "deep-secret" not in device.said and not far.seen
    device.more = {"http_proxy": proxy.address(), "https_proxy": proxy.address()}
    run_to_the_end(device, far.assign(bundle))


def test_a_proxy_that_says_nothing_costs_the_timeout(behind, proxy, safe):
    proxy.on["CONNECT"] = lambda handler: handler.raw(then=[b"H"] * 40, pause=0.5)
    device = behind(safe, timeout=2)
    device.once(code=FAILURE)
    assert proxy.longest() < 15 and device.was_within(15) and not safe.seen


def test_what_no_proxy_names_is_asked_past_it(behind, proxy, far, bundle):
    device = behind(far)
    device.more["no_proxy"] = "127.0.0.1"
    run_to_the_end(device, far.assign(bundle))
    assert not proxy.seen
