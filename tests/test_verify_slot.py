# SPDX-License-Identifier: Apache-2.0
"""keelboot-verify, as process 1 starts it, on the state partition of a device."""

import os
import re
import shutil
import struct
from pathlib import Path

import pytest
from cli_device import HELPER, INCOMPATIBLE, OK, USAGE, VERIFY, call, run

# struct verify_answer
ANSWER = struct.Struct("<Q32s4I2Q16s132s132s")
MAGIC = int.from_bytes(b"KeelVER1", "little")


@pytest.fixture
def device(tmp_path):
    """A root with system.conf and the key dev.pem, and make(options of bundle create): the state
    partition of a device with that bundle in slot a."""
    (tmp_path / "etc/keelboot/keys").mkdir(parents=True)
    (tmp_path / "etc/keelboot/system.conf").write_text("[system]\ncompatible=box\n")
    for name in ("dev", "other"):
        run("key", "generate", "-o", tmp_path / name, code=OK)
    shutil.copy(tmp_path / "dev.pem", tmp_path / "etc/keelboot/keys")
    (tmp_path / "image").write_bytes(os.urandom(1 << 20))

    def make(*options, key="dev", compatible="box"):
        run("bundle", "create", "-o", tmp_path / "out.keel", "--compatible", compatible, "--version", "1.0",
            "--sequence", "1", "--image", f"root={tmp_path}/image", "--key", tmp_path / f"{key}.key", *options, code=OK)
        state = tmp_path / "state"
        state.unlink(missing_ok=True)
        run("state", "init", state, "--slots", "2", "--trial", "a", "--bundle", tmp_path / "out.keel", code=OK)
        return state
    return make


def verify(state: Path, slot="a"):
    """(exit code, answer or None, messages)"""
    ours, its = os.pipe()
    os.set_inheritable(its, True)
    # The shell makes it descriptor 3: it may be another here.
    command = f'exec -a keelboot-verify {HELPER} "$@" 3>&{its}'
    result = call("bash", "-c", command, "sh", "--state", state, "--slot", slot, "--root", state.parent, code=None,
                  pass_fds=[its])
    os.close(its)
    data = os.read(ours, 4096)
    os.close(ours)
    return result.returncode, ANSWER.unpack(data) if data else None, result.stderr


def test_slot_of_a_trusted_bundle_passes(device):
    code, answer, _ = verify(device())
    assert code == 0
    assert answer[0] == MAGIC
    assert any(answer[1])
    assert answer[2:] == (0, 0, 0, 0, 0, 0, bytes(16), bytes(132), bytes(132))


def test_slot_of_a_bundle_that_p256_signed_passes(device, tmp_path):
    call("openssl", "genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", tmp_path / "p256.key")
    call("openssl", "pkey", "-in", tmp_path / "p256.key", "-pubout", "-out", tmp_path / "etc/keelboot/keys/p256.pem")
    assert verify(device(key="p256"))[0] == 0
    (tmp_path / "etc/keelboot/keys/p256.pem").unlink()
    assert verify(device(key="p256"))[0] == VERIFY


def test_root_hash_is_passed_on(device):
    code, answer, _ = verify(device("--verity"))
    assert code == 0
    assert answer[2:6] == (1, 4096, 4096, 0)
    assert answer[7] == 1 << 20 and answer[6] == (1 << 20) + 4096 * 3
    assert answer[8].rstrip(b"\0") == b"sha256"
    assert len(answer[9].rstrip(b"\0")) == len(answer[10].rstrip(b"\0")) == 64


def test_unknown_signer_is_refused(device):
    code, answer, text = verify(device(key="other"))
    assert (code, answer) == (VERIFY, None)
    assert "manifest of slot a: not signed by the one trusted key" in text


def test_bundle_for_another_device_is_refused(device):
    code, answer, text = verify(device(compatible="crate"))
    assert (code, answer) == (INCOMPATIBLE, None)
    assert 'made for "crate", but this device is "box"' in text


def test_no_keys_and_no_manifest_are_refused(device, tmp_path):
    state = device()
    assert verify(state, "b")[:2] == (1, None)
    (tmp_path / "etc/keelboot/keys/dev.pem").unlink()
    code, answer, text = verify(state)
    assert (code, answer) == (VERIFY, None)
    assert "no usable public key" in text


def test_one_damaged_copy_is_survived_and_two_are_refused(device):
    state = device()
    data = bytearray(state.read_bytes())
    places = [match.start() for match in re.finditer(b"KEELSLOT", data)]
    assert len(places) == 2
    for place, wanted in zip(places, (0, 1)):
        data[place + 4096 + 600] ^= 1
        state.write_bytes(data)
        assert verify(state)[0] == wanted


@pytest.mark.parametrize("words", [[], ["--slot", "a"], ["--state", "/dev/null", "--slot", "z"],
                                   ["--state", "/dev/null", "--slot"]])
def test_usage(words):
    assert "usage:" in call("keelboot-verify", *words, executable=HELPER, code=USAGE).stderr
