# SPDX-License-Identifier: Apache-2.0
"""The key of the device's certificate is in a token (PKCS#11, with softhsm2 for one), and stays there."""
import json
import os
import shutil
import stat
import tempfile
from pathlib import Path

import pytest
from authority import secure
from cli_device import FAILURE, OK, REBOOT, USAGE
from conftest import Fleet
from ddi_server import Server
from test_signing import MODULE, new_tokens

PIN = "2468"
pytestmark = [
    pytest.mark.skipif(not shutil.which("softhsm2-util"), reason="package softhsm2 is not installed"),
    pytest.mark.skipif(not list(Path("/usr/lib").glob("*/engines-3/pkcs11.so")),
                       reason="package libengine-pkcs11-openssl is not installed")]


class Token:
    """A token in software with the key "device", which the user who talks to the server may reach."""

    def __init__(self, folder, key):
        self.folder = folder
        self.env, softhsm = new_tokens(folder)
        self.write_pin(PIN)
        softhsm("--init-token", "--free", "--label", "fleet", "--pin", PIN, "--so-pin", "13579")
        softhsm("--import", key, "--token", "fleet", "--label", "device", "--id", "01", "--pin", PIN)
        self.give("nobody")

    def write_pin(self, pin):
        (self.folder / "pin").write_text(pin)

    def give(self, user):
        if os.geteuid() == 0:
            for path in (self.folder, *self.folder.rglob("*")):
                shutil.chown(path, user, "nogroup")
                path.chmod(path.stat().st_mode & ~(stat.S_IRWXG | stat.S_IRWXO))

    def uri(self, name="device", pin=None):
        return f"pkcs11:token=fleet;object={name}?module-path={MODULE}&{pin or f'pin-source=file:{self.folder}/pin'}"


@pytest.fixture(name="token")
def make_token(authority):
    """Where its user can get to, which pytest's own folder is not."""
    with tempfile.TemporaryDirectory(prefix="kb-") as folder:
        yield Token(Path(folder), authority / "device.key")


@pytest.fixture(name="device")
def make_device(ready, tmp_path, authority, token):
    """A device, and a server that knows it by its certificate alone; contact(uri, OPTION, …) is one contact."""
    with Server(tls=secure(authority, client=True), token=None).running() as server:
        fleet = Fleet(ready, server, tmp_path)
        fleet.environment = lambda more=fleet.environment: more(**token.env, **fleet.more)
        fleet.more = {}

        def contact(uri, *options, code=OK):
            fleet.configure(ca_file=authority / "ca.pem", token_file="", certificate=authority / "device.pem",
                            private_key=uri)
            return fleet("once", *options, code=code)
        fleet.contact = contact
        yield fleet


def polls(device):
    return len(device.server.requests("poll"))


def test_the_key_stays_in_the_token(device, token):
    device.contact(token.uri())
    assert polls(device) == 1


def test_a_whole_update_with_it(device, token, bundle):
    device.server.assign(bundle)
    device.contact(token.uri(), code=REBOOT)
    assert device.staged


@pytest.mark.parametrize("name, pin", [("nobody-has-that", PIN), ("device", "97531")])
def test_no_such_key_or_a_wrong_pin_is_said_without_the_pin(device, token, name, pin):
    token.write_pin(pin)
    said = device.contact(token.uri(name), code=FAILURE)
    assert "private key" in said and pin not in said
    assert polls(device) == 0


@pytest.mark.skipif(os.geteuid() != 0, reason="only root parts from its rights")
def test_the_user_without_rights_opens_the_token(device, token):
    token.give("root")
    said = device.contact(token.uri(), code=FAILURE)
    assert "private key" in said and polls(device) == 0


def test_a_pin_does_not_belong_into_the_configuration(device, token):
    said = device.contact(token.uri(pin=f"pin-value={PIN}"), code=USAGE)
    assert "pin-source=file:" in said and PIN not in said
    assert polls(device) == 0


@pytest.mark.parametrize("pin", [PIN + "\n", "9" * 256])
def test_a_pin_that_would_be_wrong_is_not_tried(device, token, pin):
    """A token counts them."""
    token.write_pin(pin)
    said = device.contact(token.uri(), code=USAGE)
    assert f"{token.folder}/pin: expected a PIN and no newline" in said and PIN not in said
    token.write_pin(PIN)
    device.contact(token.uri())


@pytest.mark.parametrize("pin", ["", "\n", " \n"])
def test_a_pin_that_is_not_written_yet_is_waited_for(device, token, pin):
    """3 would end the service for good."""
    token.write_pin(pin)
    said = device.contact(token.uri(), code=FAILURE)
    assert f"{token.folder}/pin: it is empty" in said and TRIED not in said
    token.write_pin(PIN)
    device.contact(token.uri())


def test_a_pin_that_is_nowhere_and_a_module_by_no_path(device, token):
    """The PIN may come later; the other is wrong."""
    for uri, code, says in (
            (token.uri(pin="pin-source=file:/no/such"), FAILURE, "/no/such: No such file or directory"),
            (token.uri().replace(MODULE, "softhsm2"), USAGE, "module-path=softhsm2: expected an absolute path")):
        assert says in device.contact(uri, code=code)


def test_without_the_engine_the_package_is_named(device, token, tmp_path):
    device.more = {"OPENSSL_ENGINES": str(tmp_path)}
    said = device.contact(token.uri(), code=FAILURE)
    assert "libengine-pkcs11-openssl" in said and polls(device) == 0


def test_p11_kit_knows_the_module(device, token):
    device.contact(token.uri().replace(f"module-path={MODULE}&", ""))


TRIED = "Login failed"      # of the engine, on standard error


def test_a_pin_that_was_refused_is_not_tried_again(device, token):
    """A few tries lock a token. Neither a person nor a timer spends another one of the same."""
    token.write_pin("97531")
    assert TRIED in device.contact(token.uri(), code=FAILURE)
    for words in (("once",), ("once", "--when-due"), ("once",), ("once", "--dry-run")):
        said = device(*words, code=None)
        assert TRIED not in said and "97531" not in said
    assert "the token refused the PIN of the private key; it is not tried again until" in device.once(code=FAILURE)
    assert "The token refused the PIN of private-key=." in device("status", code=None)
    assert json.loads(device("status", "--json", code=None))["pin_refused"] and polls(device) == 0
    token.write_pin(PIN)
    device.once()
    assert polls(device) == 1 and "refused" not in device("status", code=None)


@pytest.mark.parametrize("first", [True, False])
def test_a_dry_run_spends_one_try_and_no_more(device, token, bundle, first):
    """The page has it before all others. Of what it would do, it writes nothing."""
    if not first:
        device.contact(token.uri())
    device.server.assign(bundle)
    before = {} if first else {**device.record, "device_pin": 0}
    token.write_pin("97531")
    for expected in (True, False, False):
        assert (TRIED in device.contact(token.uri(), "--dry-run", code=FAILURE)) == expected
    assert device.record["device_pin"] and (first or {**device.record, "device_pin": 0} == before)
    assert json.loads(device("status", "--json", code=None))["pin_refused"]
    token.write_pin(PIN)
    device.once(code=REBOOT)


def test_another_pin_or_key_is_one_more_try(device, token):
    token.write_pin("97531")
    device.contact(token.uri(), code=FAILURE)
    token.write_pin("975310")
    for expected in (True, False):
        assert (TRIED in device.once(code=FAILURE)) == expected
    for expected in (True, False):
        assert (TRIED in device.contact(token.uri().replace(";object", ";type=private;object"),
                                        code=FAILURE)) == expected


def test_a_key_or_a_token_that_is_missing_is_looked_for_again(device, token):
    """It may be plugged in later: that is no PIN that was refused."""
    for uri in (token.uri("nobody-has-that"), token.uri().replace("=fleet", "=other")):
        for _ in range(2):
            assert "The private key was not found" in device.contact(uri, code=FAILURE)
    device.contact(token.uri())
    assert polls(device) == 1


def test_the_record_of_an_action_keeps_it(device, token, bundle):
    device.server.assign(bundle)
    device.contact(token.uri(), code=REBOOT)
    token.write_pin("97531")
    assert TRIED in device.once(code=REBOOT)
    assert TRIED not in device.once(code=REBOOT)
    assert device.staged and device.record["phase"] == "staged"
