# SPDX-License-Identifier: Apache-2.0
"""One device in QEMU, and the manners of its server: of our own, and with `make check-fleet` of hawkBit behind nginx.
Each story changes one of them while the device runs, and ends as it began. The last one updates the device all the
same."""
import random
import re
import sys
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).resolve().parents[1] / "fleet"))

from cli_device import flip                                                       # noqa: E402
from conftest import Bench                                                        # noqa: E402
from fleet_gateway import FAILURE, STAGED, booted, of_page                                 # noqa: E402
from fleet_sites import SITES                                                     # noqa: E402

EARLY = "SSL certificate problem: certificate is not yet valid"
FULL = "answers 429: too many requests, or a quota is used up (429)"
DAMAGED = "its payload is not what was signed: the bundle is damaged; copy it again; it is fetched anew"
MIB = 1 << 20


def pytest_generate_tests(metafunc):
    servers = metafunc.config.getoption("--servers").split(",")
    metafunc.parametrize("site", [one for one in SITES if one in servers], indirect=True, scope="module")


@pytest.fixture(name="site", scope="module")
def make_site(request, tmp_path_factory):
    with SITES[request.param](tmp_path_factory.mktemp(request.param)) as site:
        yield site


@pytest.fixture(name="booted", scope="module")
def make_booted(device, site, tmp_path_factory):
    with booted(Bench(device, tmp_path_factory.mktemp("gateway")), site) as gateway:
        yield gateway


@pytest.fixture(name="gateway")
def make_gateway(booted):
    """Nothing is amiss, whatever the story before came to."""
    booted.way.cut, booted.way.pace, booted.way.passed, booted.way.away = [], 0, 0, False
    booted.way.seen.clear()
    booted.is_well()
    return booted


@pytest.fixture(name="empty")
def make_empty(gateway):
    """Nothing is staged."""
    if gateway.action and gateway.action.state == "running":
        gateway.shop.cancel(gateway.action)
        gateway.is_cancelled(gateway.action)
    gateway.way.seen.clear()
    return gateway


@pytest.fixture(name="staged")
def make_staged(gateway):
    """A release is, and an application is busy."""
    if not gateway.action or gateway.action.state != "running":
        gateway.assign()
    gateway.is_staged(gateway.action)
    gateway.way.seen.clear()
    return gateway


@pytest.fixture(name="trial")
def make_trial(request, gateway):
    """That release runs, and nobody has judged it."""
    if "system 2.0" not in gateway.machine.text:
        action = request.getfixturevalue("staged").action
        gateway.ask("touch /data/wait && sync && rm /data/busy")
        gateway.machine.expect(r"system 2\.0 is ready", 400)
        gateway.says(EARLY)
        gateway.set_clock()
        gateway.until(lambda: "2.0 in slot b is on trial" in action.messages)
    return gateway


# ---------------------------------------------------------------- who it is


def test_a_clock_at_1970_asks_nobody_until_it_is_set(gateway):
    """The boot began so."""
    assert gateway.year == "1970" and gateway.asked_first == 0
    for said, code in gateway.first:
        assert of_page(EARLY) in said and code == FAILURE


@pytest.mark.parametrize("name, why", [
    ("expired", "certificate has expired"), ("stranger", "unable to get local issuer certificate")],
    ids=["expired", "of another CA"])
def test_a_certificate_that_does_not_count(staged, site, name, why):
    """Nobody is asked, and no token is sent."""
    with staged.untouched():
        with site.certificate(name):
            staged.contacts()
            asked = staged.asked()
            staged.says(f"SSL certificate problem: {why}")
            assert staged.asked() == asked
        staged.is_well()


def test_a_token_that_is_wrong(staged):
    with staged.untouched():
        staged.ask("echo wrong >/data/token")
        staged.says("answers 401: it does not accept this device's token or certificate (401); see [fleet] "
                    "token-file=, certificate=")
        assert 401 in staged.way.answers("poll")
        staged.ask(f"echo {staged.shop.token} >/data/token")
        staged.is_well()


# ---------------------------------------------------------------- where it is led


def test_a_poll_is_not_led_to_another_host(staged, site):
    before = len(site.elsewhere)
    with staged.untouched():
        with site.redirect("poll"):
            staged.contacts()
            staged.says("the server redirects to another address: not followed; if that is the server, write "
                        f"server={site.url_elsewhere}")
        staged.is_well()
    assert len(site.elsewhere) == before


def test_a_message_is_not_led_to_another_host(empty, site):
    """The release is staged all the same, and that is said later."""
    before, begin = len(site.elsewhere), len(empty.machine.text)
    with site.redirect("feedback"):
        action = empty.assign()
        empty.until(lambda: f"Action {action.id}: {STAGED}\n" in empty.machine.text)
        empty.contacts()
        empty.printed(f"the server redirects a message to {site.url_elsewhere}: not followed", begin)
        assert empty.staged and STAGED not in action.messages
    empty.is_staged(action)
    assert len(site.elsewhere) == before


def test_a_bundle_on_another_host_which_sees_no_token(empty, site):
    """It is asked for there by the path that the server gives it, and missing at first: that passes."""
    before, begin = len(site.elsewhere), len(empty.machine.text)
    with site.redirect("artifact"):
        action = empty.assign()
        path, _ = empty.until(lambda: site.elsewhere[before:])[0]
        empty.contacts()
        empty.printed(f"action {action.id}: not fetched: the server answers 404", begin)
        site.store.files[path.lstrip("/")] = empty.bundle.read_bytes()
        empty.is_staged(action)
    asked = site.elsewhere[before:]
    assert {name for name, _ in asked} == {path} and not any("Authorization" in headers for _, headers in asked)
    assert all(headers["Authorization"] == f"TargetToken {empty.shop.token}" for _, headers, _ in empty.way.seen)


# ---------------------------------------------------------------- what it is refused


def test_a_server_that_says_429_and_goes_on_so(staged):
    """It is asked once in each contact."""
    with staged.untouched():
        with staged.shop.crowded(staged.way):
            staged.contacts()
            asked, begin = staged.asked(), len(staged.machine.text)
            staged.says(FULL, contacts=4)
            seen = [(kind, status) for kind, _, status in staged.way.seen[asked:]]
            assert set(seen) == {("poll", 429)}
            # The one that had begun before may ask only now.
            assert 4 <= len(seen) <= staged.machine.text.count("fleet: begins\n", begin) + 1
            assert "Contacts are refused since 20" in staged.ask("keelboot-fleet status; :")
        staged.is_well()
    assert "refused" not in staged.ask("keelboot-fleet status; :")


def use_up(shop, action):
    """Others take all entries that the action may have."""
    say = {"status": {"execution": "proceeding", "result": {"finished": "none"}, "details": ["again"]}}
    while shop.say(action, say) == 200:
        assert len(action.shown) <= shop.quota


def test_a_quota_that_is_used_up_in_the_download(empty):
    """What the device stages is not heard; that it forgot it is."""
    begin = len(empty.machine.text)
    empty.way.pace = MIB // 4
    action = empty.assign()
    empty.until(lambda: empty.way.passed >= MIB)
    use_up(empty.shop, action)
    empty.way.pace = 0
    empty.until(lambda: f"Action {action.id}: {STAGED}\n" in empty.machine.text)
    empty.is_well()
    empty.printed(FULL, begin)
    assert empty.way.answers("feedback").count(429) == 1 and STAGED not in action.messages and empty.staged
    empty.shop.cancel(action)
    empty.is_cancelled(action)
    empty.is_empty()


# ---------------------------------------------------------------- what comes


def test_a_download_cut_at_twenty_random_points_goes_on_where_it_ended(empty):
    begin, size = len(empty.machine.text), empty.bundle.stat().st_size
    points = sorted(random.Random(size).sample(range(1, size), 20))
    empty.way.cut = [point - before for before, point in zip([0, *points], points)]
    empty.is_staged(empty.assign())
    said = re.findall("fleet: keelboot-fleet: (.*)", empty.machine.text[begin:])
    assert len(said) <= 3 and all("transfer closed with" in line for line in said), "nine requests in one contact"
    assert empty.way.answers("artifact") == [200] + [206] * 20
    assert [headers["Range"] for headers in empty.way.requests("artifact")[1:]] == [f"bytes={n}-" for n in points]


# ---------------------------------------------------------------- cancels


def test_a_cancel_before_the_download(empty):
    with empty.untouched():
        with empty.unheard():
            action = empty.assign()
            empty.shop.cancel(action)
        empty.until(lambda: action.state == "canceled")
        empty.is_well()
    assert not empty.way.requests("artifact") and "fetching" not in " ".join(action.messages)
    empty.is_empty()


def test_a_cancel_in_a_slow_download(empty):
    """It is heard when the download is cut: the rest is not there any more."""
    begin = len(empty.machine.text)
    with empty.untouched():
        empty.way.pace, empty.way.cut = MIB // 4, [3 * MIB]
        action = empty.assign()
        empty.until(lambda: empty.way.passed >= MIB)
        empty.shop.cancel(action)
        empty.is_cancelled(action)
        empty.way.pace = 0
        empty.is_well()
    assert empty.way.answers("artifact") == [200, 404]
    empty.printed(f"action {action.id}: not fetched: the server answers 404", begin)
    empty.is_empty()


def test_a_cancel_of_what_is_fetched(empty):
    with empty.untouched():
        action, size = empty.assign(window="closed"), empty.bundle.stat().st_size
        empty.until(lambda: f"is fetched, {size} bytes; the maintenance window is closed" in " ".join(action.messages))
        assert "bundle.keel" in empty.ask("ls /data/keelboot/fleet").split()
        empty.shop.cancel(action)
        empty.is_cancelled(action)
        empty.is_well()
    empty.is_empty()


def test_a_cancel_of_what_is_staged(empty):
    with empty.untouched():
        action = empty.assign()
        empty.is_staged(action)
        empty.shop.cancel(action)
        empty.is_cancelled(action)
        empty.is_well()
    empty.is_empty()


def test_an_artifact_that_was_changed_on_the_server(empty, tmp_path):
    """It is fetched once more, and nothing of it staged. Once the file is the right one, a new action takes it."""
    begin, whole = len(empty.machine.text), empty.bundle.read_bytes()
    with empty.untouched():
        with empty.unheard():
            action = empty.assign()
            empty.shop.change_file(action, flip(empty.bundle, tmp_path / "changed", len(whole) // 2).read_bytes())
        empty.until(lambda: action.state == "error")
        empty.shop.mend_file(action, whole)
        empty.is_empty()
    assert len(empty.way.requests("artifact")) == 2
    said = empty.machine.text[begin:]
    assert said.count(f"{of_page(DAMAGED)}\n") == 1
    assert f"Reported for action {action.id}: closed/failure: 2.0.keel is no bundle for this device: " in said
    empty.is_staged(empty.assign())


def test_a_cancel_of_what_is_in_a_slot_is_too_late(trial):
    """The action goes on."""
    action, begin = trial.action, len(trial.machine.text)
    with trial.untouched():
        trial.shop.cancel(action)
        trial.until(lambda: "cancel_rejected" in action.shown)
        trial.is_well()
    trial.printed(f"Action {action.id}: too late to cancel: 2.0 in slot b is on trial", begin)
    assert action.state == "running" and "2.0 in slot b is on trial" in action.messages[-1]


# ---------------------------------------------------------------- and all the same


def test_the_release_is_good_and_that_is_heard_with_its_quota_used_up(trial):
    """In its second boot: none of the stories cost one."""
    action = trial.action
    use_up(trial.shop, action)
    trial.ask("rm /data/wait")
    trial.until(lambda: action.state == "finished")
    assert action.shown.count("finished") == 1 and "2.0 in slot b is good" in action.messages
    trial.until(lambda: trial.shop.attributes.get("keelboot.version") == "2.0")
    assert trial.bench.causes(trial.machine) == ["guest"]
    trial.is_well()
