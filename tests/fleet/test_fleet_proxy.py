# SPDX-License-Identifier: Apache-2.0
"""hawkBit behind nginx, and our own server behind it: certificates, redirects, limits of a proxy."""
import hashlib
import time

import authority as certificates
import nginx
import pytest
from cli_device import FAILURE, KIB, REBOOT
from clock import Clock
from conftest import Fleet
from parts_box import fill, is_installed


@pytest.fixture(name="fronts")
def make_fronts(shop, tmp_path):
    """Makes nginx before the server."""
    running = []

    def make(**how):
        front = nginx.running_or_skipped(tmp_path / f"front-{len(running)}", upstream=shop.url, **how)
        running.append(front)
        return front.__enter__()
    yield make
    for front in running:
        front.__exit__(None, None, None)


def behind(ready, shop, front, folder, **keys):
    device = Fleet(ready, front, folder, shop.target)
    device.configure(distribution=shop.target, **keys)
    return device


@pytest.fixture(name="front")
def make_front(fronts):
    return fronts()


@pytest.fixture(name="device")
def make_device(ready, shop, front, tmp_path):
    return behind(ready, shop, front, tmp_path)


def paths(front):
    return [row["name"] for row in front.log]


def run_to_the_end(device, action):
    device.once(code=REBOOT)
    device.reboot()
    device.once()
    assert action.state == "running"
    device.good()
    device.once()
    assert action.state == "finished" and action.shown[-1] == "finished"


# ---------------------------------------------------------------- certificates


@pytest.mark.parametrize("http2", [False, True])
def test_an_update_with_a_certificate_and_a_token(ready, shop, fronts, authority, bundle, tmp_path, http2):
    front = fronts(tls=authority, client=True, http2=http2)
    keys = {"ca_file": authority / "ca.pem"}
    device = behind(ready, shop, front, tmp_path, **keys)
    action = shop.assign(bundle)
    assert "(400); if it wants a certificate" in device.once(code=FAILURE)
    device.configure(**keys, certificate=authority / "stranger.pem", private_key=authority / "stranger.key")
    assert "(400)" in device.once(code=FAILURE)
    device.configure(**keys, distribution=shop.target, certificate=authority / "device.pem",
                     private_key=authority / "device.key")
    run_to_the_end(device, action)
    served = [row for row in front.log if row["status"][0] == "2"]
    assert {row["verify"] for row in served} == {"SUCCESS"}
    bundles = [row for row in served if row["name"].endswith(".keel")]
    assert {row["protocol"] for row in bundles} == {"HTTP/2.0" if http2 else "HTTP/1.1"}
    assert {row["protocol"] for row in served if row not in bundles} == {"HTTP/1.1"}, "fewer bytes for one request"


def test_a_certificate_in_place_of_a_token(ready, shop, fronts, authority, bundle, tmp_path):
    """The proxy says who it is that has shown one, and hawkBit believes it. Ours takes whoever comes then."""
    certificates.issue(authority, shop.target)
    keys = {"ca_file": authority / "ca.pem", "certificate": authority / f"{shop.target}.pem",
            "private_key": authority / f"{shop.target}.key", "token_file": ""}
    front = fronts(tls=authority, client=True)
    front.set(proxy=["proxy_set_header X-Controller-Id $subject;", "proxy_set_header X-Authority the-ca;"],
              http="map $ssl_client_s_dn $subject { ~CN=(?<cn>[^,]+) $cn; }")
    device = behind(ready, shop, front, tmp_path, **keys)
    with shop.certificates("the-ca"):
        action = shop.assign(bundle)
        run_to_the_end(device, action)
        device.configure(**{**keys, "certificate": authority / "device.pem", "private_key": authority / "device.key"})
        if shop.name == "hawkbit":
            assert "(401)" in device.once(code=FAILURE), "it is another device's"
    assert not [row for row in front.log if row["Authorization"]]


def test_a_device_at_1970_asks_nobody_until_its_clock_is_set(ready, shop, fronts, authority, bundle, tmp_path):
    front, clock = fronts(tls=authority), Clock(tmp_path)
    device = behind(ready, shop, front, tmp_path, ca_file=authority / "ca.pem")
    plain = device.environment
    device.environment = lambda: plain(LD_PRELOAD=str(clock.library), CLOCK_FILE=str(clock.file))
    action = shop.assign(bundle)
    clock.add(3600 - time.time())
    for _ in range(2):
        assert "certificate is not yet valid" in device.once(code=FAILURE)
    assert front.log == []
    clock.add(0)
    run_to_the_end(device, action)


@pytest.mark.parametrize("name", ["expired", "stranger"])
def test_a_certificate_of_the_server_that_does_not_count(ready, shop, fronts, authority, bundle, tmp_path, name):
    """Nobody is asked, and no token is sent; what is here goes its way. Its end is told when there is a good one."""
    why = {"expired": "certificate has expired", "stranger": "unable to get local issuer"}[name]
    front = fronts(tls=authority)
    device = behind(ready, shop, front, tmp_path, ca_file=authority / "ca.pem")
    action = shop.assign(bundle)
    front.set(certificate=name)
    for _ in range(2):
        assert why in device.once(code=FAILURE)
    assert front.log == [] and action.shown == ["running"]
    front.set()
    device.once(code=REBOOT)
    front.set(certificate=name)
    asked, shown = len(front.log), action.shown
    assert why in device.once(code=REBOOT) and device.staged
    device.reboot()
    device.good()
    for _ in range(3):
        assert why in device.once(code=FAILURE)
    assert len(front.log) == asked and action.shown == shown
    front.set()
    device.once()
    assert action.state == "finished" and action.shown.count("finished") == 1


# ---------------------------------------------------------------- redirects


@pytest.mark.parametrize("status", [302, 307])
def test_a_bundle_on_another_host_which_sees_neither_token_nor_certificate(
        ready, shop, fronts, authority, bundle, tmp_path, status):
    front = fronts(tls=authority, client=True)
    keys = {"ca_file": authority / "ca.pem", "certificate": authority / "device.pem",
            "private_key": authority / "device.key"}
    with nginx.running_or_skipped(tmp_path / "store", tls=authority, client="optional") as store:
        front.set(redirect=store.url, status=status)
        action = shop.assign(bundle)
        device = behind(ready, shop, front, tmp_path, **keys)
        # It is asked for there by the path that the server gives it, and missing once: that passes.
        device.once(code=FAILURE)
        asked = [row["name"] for row in front.log if row["status"] == str(status)]
        store.files[asked[0].lstrip("/")] = bundle.read_bytes()
        run_to_the_end(device, action)
        there = [row for row in store.log if row["status"] == "200"]
        assert len(there) == 1 and there[0]["verify"] == "NONE" and not there[0]["Authorization"]
        assert all(row["Authorization"].endswith(" secret") for row in front.log if row["status"][0] != "4")
        assert {row["verify"] for row in front.log} == {"SUCCESS"}


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_polls_and_messages_lead_to_no_other_host(shop, front, device, bundle, tmp_path, status):
    with nginx.running_or_skipped(tmp_path / "elsewhere") as elsewhere:
        front.set(server=[f"location ~ /controller/v1/[^/]+$ {{ return {status} {elsewhere.url}$request_uri; }}"])
        assert "redirects to another address" in device.once(code=FAILURE)
        front.set(server=[f"location ~ /feedback$ {{ return {status} {elsewhere.url}$request_uri; }}"])
        action = shop.assign(bundle)
        assert "redirects a message" in device.once(code=None)
        assert elsewhere.log == [] and device.staged
    front.set()
    device.reboot()
    device.good()
    device.once(code=None)
    device.once()
    assert action.state == "finished"


def test_who_asks_by_http_is_not_led_to_https_on_another_port(shop, fronts, device, front, authority):
    """That is another address: the one in system.conf has to be mended."""
    secure = fronts(tls=authority)
    front.set(server=[f"location /DEFAULT/ {{ return 301 {secure.url}$request_uri; }}"])
    device.configure(ca_file=authority / "ca.pem")
    assert "if that is the server, write server=https://127.0.0.1:" in device.once(code=FAILURE)
    assert secure.log == []


# ---------------------------------------------------------------- what a proxy does


@pytest.mark.parametrize("status", [429, 503])
def test_a_proxy_that_limits_requests_delays_and_loses_nothing(shop, front, device, bundle, status):
    """One request of each path passes in ten seconds."""
    action = shop.assign(bundle)
    front.set(limit=status)
    for _ in range(12):
        device.once(code=None)
        front.set(limit=status)
        if device.staged:
            break
    device.reboot()
    device.good()
    for _ in range(4):
        device.once(code=None)
        front.set(limit=status)
    assert action.state == "finished" and action.shown.count("finished") == 1
    front.set()
    device.once()


def test_a_proxy_whose_server_is_away_says_502_and_is_waited_for(shop, front, device, bundle):
    front.set(server=["location ~ /deploymentBase/ { return 502; }"])
    action = shop.assign(bundle)
    for _ in range(3):
        assert "answers 502" in device.once(code=FAILURE)
    front.set()
    run_to_the_end(device, action)


def test_an_error_page_in_place_of_json_changes_nothing(shop, front, device, bundle):
    """As of the login page of a hotel."""
    action = shop.assign(bundle)
    front.set(server=["location /DEFAULT/ { default_type text/html; return 200 '<html>log in</html>'; }"])
    device.once(code=FAILURE)
    assert not device.folder.joinpath("action.json").exists() and action.shown == ["running"]
    front.set(gzip=True)
    run_to_the_end(device, action)


def test_parts_come_through_a_proxy(ready, shop, fronts, authority, release, tmp_path):
    """Over HTTP/2."""
    front = fronts(tls=authority, http2=True)
    front.set(gzip=True)
    device = behind(ready, shop, front, tmp_path, ca_file=authority / "ca.pem", partial="require")
    fill(device.dev.slots["a"], release, [0, 20, 40, 41, 42])
    fill(device.dev.slots["b"], release, [0, *range(20, 31), 40, 50])
    shop.assign(release)
    device.once(code=REBOOT)
    asked = [row for row in front.log if row["name"].endswith(".keel")]
    assert {row["status"] for row in asked} == {"206"}
    assert {row["If-Range"].strip('"') for row in asked[1:]} == {hashlib.sha1(release.read_bytes()).hexdigest()}
    assert sum(int(row["sent"]) for row in asked) <= 64 * KIB + 1.02 * 3 * 33 * KIB
    device.reboot()
    assert is_installed(device, release)
