# SPDX-License-Identifier: Apache-2.0
"""What a poll by TLS takes on the line, and how long a session of TLS goes on in its place."""

import pytest
from authority import secure
from channel_site import Publisher, private_key
from conftest import ByChannel, Fleet
from daemon import Daemon
from ddi_server import Server
from wire import Wire

KB_2 = 2048


class Line:
    """A device, its server by TLS, and what counts between them."""

    def __init__(self, device, server, wire, folder):
        self.device, self.server, self.wire = device, server, wire
        self.daemon = Daemon(device, wire, folder)


@pytest.fixture(name="by_channel", params=[False, True], ids=["http1", "http2"])
def make_line_of_channel(request, webs, ready, factory, bundle, authority, tmp_path):
    web = webs(tls=authority, http2=request.param)
    (tmp_path / "publisher").mkdir()
    Publisher(web, tmp_path / "publisher", private_key(factory))((bundle, "--percent", 0))
    with Wire(int(web.url.rpartition(":")[2])).running() as wire:
        device = ByChannel(ready, web, tmp_path)
        device.configure(f"https://127.0.0.1:{wire.port}/stable.channel", ca_file=authority / "ca.pem")
        yield Line(device, web, wire, tmp_path)


@pytest.fixture(name="by_server")
def make_line_of_server(ready, authority, tmp_path):
    with Server(tls=secure(authority)).running() as server, Wire(server.server_port).running() as wire:
        device = Fleet(ready, server, tmp_path)
        device.configure(f"https://127.0.0.1:{wire.port}", ca_file=authority / "ca.pem")
        yield Line(device, server, wire, tmp_path)


def polls(line, number):
    with line.daemon.running() as daemon:
        daemon.contact()
        return [daemon.contact() for _ in range(number)]


def resumed(line):
    """Of each connection: did it need no certificate?"""
    return line.server.resumed


# ---------------------------------------------------------------- bytes


def test_an_idle_poll_of_the_daemon_takes_less_than_2_kb_from_a_channel(by_channel):
    assert max(polls(by_channel, 3)) <= KB_2


def test_an_idle_poll_of_the_daemon_takes_less_than_2_kb_from_a_server(by_server):
    assert max(polls(by_server, 3)) <= KB_2


def test_a_contact_of_a_timer_shakes_hands_once(by_server):
    """Each process begins anew: docs/FLEET.md says what that takes. Its second request goes on."""
    by_server.device.once()
    assert resumed(by_server) == [False, True], "a poll, and attributes"
    by_server.server.wants_attributes = False
    before = by_server.wire.up + by_server.wire.down
    by_server.device.once()
    by_server.wire.settle()
    whole = by_server.wire.up + by_server.wire.down - before
    print(whole)
    assert KB_2 < whole <= 2700 and resumed(by_server)[2:] == [False]


# ---------------------------------------------------------------- how long a session goes on


def test_a_session_ends_after_a_day(by_server):
    """The server would let it go on."""
    by_server.server.sleep = "10:00:00"
    polls(by_server, 6)
    # The first contact has two requests.
    assert resumed(by_server)[:8] == [False, True, True, True, False, True, True, False]


@pytest.mark.parametrize("name, why", [("expired", "certificate has expired"),
                                       ("stranger", "unable to get local issuer")])
def test_a_session_is_no_pass_for_another_certificate(by_server, authority, name, why):
    """On the same address: as by whoever takes it over."""
    server = by_server.server
    with by_server.daemon.running() as daemon:
        daemon.contact()
        assert daemon.contact() < KB_2
        seen = len(server.seen)
        server.exchange(secure(authority, name))
        daemon.contact()
        assert why in daemon.said and len(server.seen) == seen


def test_a_session_with_a_certificate_of_the_device_goes_on(ready, authority, tmp_path):
    """And is the same device's."""
    with Server(tls=secure(authority, client=True)).running() as server, Wire(server.server_port).running() as wire:
        device = Fleet(ready, server, tmp_path)
        device.configure(f"https://127.0.0.1:{wire.port}", ca_file=authority / "ca.pem",
                         certificate=authority / "device.pem", private_key=authority / "device.key")
        line = Line(device, server, wire, tmp_path)
        polls(line, 2)
        assert line.server.resumed[-1] and len(server.requests("poll")) == 3
