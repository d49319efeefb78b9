# SPDX-License-Identifier: Apache-2.0
"""What a device is provisioned with may come later than keelboot-fleet, which begins again then."""
import re

import pytest
from cli_device import FAILURE, TOP, USAGE

FILES = ("token-file", "gateway-token-file", "id-file", "ca-file", "certificate", "private-key")


def names(fleet, key, path):
    """[fleet] with this file, and without what would go before it."""
    keys = {"token-file": fleet.token, "id": fleet.id, key: path}
    if key == "id-file":
        del keys["id"]
    if key == "gateway-token-file":
        del keys["token-file"]
    keys = {"server": fleet.server.url, "user": fleet.user, **keys}
    fleet.dev.configure("[fleet]\n" + "".join(f"{name}={value}\n" for name, value in keys.items()))


@pytest.mark.parametrize("verb", ["once", "run"])
@pytest.mark.parametrize("key", FILES)
def test_a_file_that_is_missing_or_empty_is_waited_for(fleet, server, tmp_path, verb, key):
    path = tmp_path / "later"
    names(fleet, key, path)
    assert f"[fleet] {key}={path}: No such file or directory" in fleet(verb, code=FAILURE)
    path.write_text("")
    assert f"[fleet] {key}={path}: it is empty" in fleet(verb, code=FAILURE)
    assert not server.seen


@pytest.mark.parametrize("text", ["\n", " \t\r\n\n"])
@pytest.mark.parametrize("key", FILES[:3])
def test_so_is_one_of_blanks(fleet, server, tmp_path, key, text):
    path = tmp_path / "later"
    names(fleet, key, path)
    path.write_text(text)
    assert f"[fleet] {key}={path}: it is empty" in fleet("run", code=FAILURE)
    path.write_text("\nword\n")
    assert "expected one word in its first line" in fleet("run", code=USAGE)
    assert not server.seen


def test_so_is_an_id_that_systemd_has_yet_to_make(fleet, server, tmp_path):
    """/etc/machine-id of an image: all its devices would be one target."""
    path = tmp_path / "machine-id"
    names(fleet, "id-file", path)
    path.write_text("uninitialized\n")
    assert f"[fleet] id-file={path}: not provisioned yet" in fleet("run", code=FAILURE)
    assert not server.seen


@pytest.mark.parametrize("key", FILES[:3])
def test_with_the_file_the_next_start_is_a_contact(fleet, server, tmp_path, key):
    path = tmp_path / "later"
    names(fleet, key, path)
    server.gateway = "secret"
    fleet.once(code=FAILURE)
    path.write_text("device-1\n" if key == "id-file" else "secret\n")
    fleet.once()
    assert server.requests("poll")


@pytest.mark.parametrize("keys", [{"channel": "https://x.example/stable.channel"}, {"server": ""}])
def test_what_no_later_start_mends_is_wrong_usage(fleet, keys):
    fleet.configure(**keys)
    fleet("run", code=USAGE)


def test_a_file_with_something_else_is_wrong_usage(fleet):
    fleet.token.write_bytes(b"\x01\x02")
    assert "expected one word in its first line" in fleet("run", code=USAGE)
    names(fleet, "id-file", fleet.token)
    fleet.token.write_text("a/b\n")
    assert "expected letters, digits" in fleet("run", code=USAGE)


@pytest.mark.parametrize("key, most", [("token-file", 255), ("gateway-token-file", 255), ("id-file", 64)])
def test_what_is_too_long_is_said_to_be_that(fleet, server, key, most):
    names(fleet, key, fleet.token)
    fleet.token.write_text("x" * (most + 1) + "\n")
    assert f"{key}={fleet.token}: too long: at most {most} characters" in fleet("run", code=USAGE)
    assert not server.seen
    fleet.token.write_text("x" * most + "\n")
    fleet.once(code=FAILURE)        # another token, or another device
    assert "(401)" in fleet.said and "too long" not in fleet.said


def test_the_unit_and_the_start_script_begin_again_after_1_and_not_after_3():
    unit = (TOP / "hooks/fleet/keelboot-fleet.service").read_text()
    assert re.search(r"^Restart=on-failure$", unit, re.M) and re.search(r"^RestartPreventExitStatus=3$", unit, re.M)
    # systemd counts it as a clean end: a reload that comes before main() would end it for good.
    # With 0 it has become a `reboot`, which may come to nothing.
    assert re.search(r"^RestartForceExitStatus=0 SIGHUP$", unit, re.M)
    # More often than systemd's limit of starts, it would end for good all the same: five in ten seconds.
    assert int(re.search(r"^RestartSec=(\d+)$", unit, re.M)[1]) >= 10
    assert re.search(r"^\t\t3\) break ;;$", (TOP / "hooks/fleet/keelboot-fleet.init").read_text(), re.M)
