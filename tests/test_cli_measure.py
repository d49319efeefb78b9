# SPDX-License-Identifier: Apache-2.0
"""`keelboot measure`: the value of a PCR, as hashlib has it from the text that the boot measures."""
import hashlib

import pytest
from cli_device import INCOMPATIBLE, MIB, OK, USAGE, VERIFY, document, run
from test_cli_doctor import Board

CONF = "[measure]\npcr=13\n"


def value(text: str) -> str:
    """Of a PCR of zeroes that TPM2_PCR_Event extends."""
    return hashlib.sha256(bytes(32) + hashlib.sha256(text.encode()).digest()).hexdigest()


class Releases:
    """Signed bundles for a device, and a key that it does not know."""

    def __init__(self, dev):
        self.dev = dev
        for name in ("release", "stranger"):
            run("key", "generate", "-o", dev.path / name, code=OK)
        dev.trust(dev.path / "release.pem")
        dev.configure(CONF)
        self.image = dev.path / "root.img"
        self.image.write_bytes(hashlib.sha256(b"root").digest() * (MIB // 32))

    def make(self, name, *options, key="release", compatible="test-board"):
        out = self.dev.path / f"{name}.keel"
        run("bundle", "create", "-o", out, "--compatible", compatible, "--version", "2.0", "--sequence", 20, "--image",
            f"root={self.image}", "--key", self.dev.path / f"{key}.key", *options, code=OK)
        return out


@pytest.fixture(name="releases")
def make_releases(dev):
    return Releases(dev)


def test_value_is_that_of_the_text_of_the_release(releases):
    bundle = releases.make("two", "--verity")
    about = document("bundle", "inspect", bundle)
    told = releases.dev.json("measure", bundle)
    root = f"sha256:{about['images'][0]['verity_root_hash']}"
    assert (told["release"], told["version"], told["sequence"], told["root"], told["pcr"]) == (
        about["release"], "2.0", 20, root, 13)
    assert list(told["values"]) == ["good", "trial", "bad", "last-resort", "forced"]
    for tier, wanted in told["values"].items():
        text = releases.dev("measure", bundle, "--tier", tier, "--text").stdout
        assert text.splitlines() == ["keelboot-slot=1", "compatible=test-board", f"release={about['release']}",
                                     "version=2.0", "sequence=20", f"root={root}", f"tier={tier}"]
        assert wanted == value(text)
        assert releases.dev("measure", bundle, f"--tier={tier}").stdout == f"13:sha256={wanted}\n"
    both = [told["values"][tier] for tier in ("good", "trial")]
    assert releases.dev("measure", bundle).stdout == "good   13:sha256={}\ntrial  13:sha256={}\n".format(*both)


def test_slot_has_the_value_of_its_bundle(releases):
    dev, bundle = releases.dev, releases.make("two", "--verity")
    dev.init("--good", "a", "--version", "1.0", "--sequence", 10, runs="a")
    wanted = dev("measure", bundle).stdout
    dev("install", bundle, "--progress=none")
    for name in ("b", "other"):
        assert dev("measure", name).stdout == wanted
    assert dev("measure").stdout != wanted


def test_root_that_nothing_checks_is_warned_of(releases):
    told = releases.dev("measure", releases.make("plain"), "--tier", "good", "--text")
    assert "\nroot=-\n" in told.stdout and "bundle create --verity" in told.stderr
    assert "--verity" not in releases.dev("measure", releases.make("two", "--verity")).stderr


def test_device_seals_for_nothing_that_its_keys_do_not_vouch_for(releases):
    assert not releases.dev("measure", releases.make("evil", "--verity", key="stranger"), code=VERIFY).stdout
    assert not releases.dev("measure", releases.make("other", "--verity", compatible="other"),
                            code=INCOMPATIBLE).stdout


def test_host_has_no_keys_and_says_so(releases, tmp_path):
    bundle = releases.make("two", "--verity")
    told = run("measure", bundle, "--tier", "good", "--conf-root", tmp_path, code=OK)
    assert "its signature is not checked" in told.stderr
    assert told.stdout == releases.dev("measure", bundle, "--tier", "good").stdout
    both = releases.make("both", "--verity", compatible="test-board,test-board-2")
    assert "--compatible" in run("measure", both, "--conf-root", tmp_path).stderr
    named = run("measure", both, "--compatible", "test-board-2", "--tier", "good", "--text", "--conf-root", tmp_path)
    assert "\ncompatible=test-board-2\n" in named.stdout


def test_pcr_is_that_of_system_conf_or_of_the_option(releases):
    bundle = releases.make("two", "--verity")
    assert releases.dev("measure", bundle, "--pcr", 12, "--tier", "good").stdout.startswith("12:sha256=")
    releases.dev.configure("[measure]\npcr=14\n")
    assert releases.dev("measure", bundle, "--tier", "good").stdout.startswith("14:sha256=")
    releases.dev.configure()
    told = releases.dev("measure", bundle, "--tier", "good")
    assert told.stdout.startswith("13:sha256=") and "the boot measures nothing" in told.stderr


@pytest.mark.parametrize("words", [("--tier", "best"), ("--text",), ("--pcr", "16"), ("--pcr", "7"), ("a", "b")])
def test_wrong_words_are_refused(dev, words):
    dev("measure", *words, code=USAGE)


def test_status_says_what_was_measured(good):
    good.boot("a", measured={"pcr": 13, "banks": "sha256", "by": "this kernel"})
    assert "Measured:   PCR 13, by this kernel\n" in good("status").stdout
    assert good.json("status")["booted"]["measured"]["banks"] == "sha256"
    for nonsense in ([], "13", {"pcr": "13"}, None):
        good.boot("a", measured=nonsense)
        assert "Measured" not in good("status").stdout


def test_status_says_that_no_secret_opens(good):
    """Two texts, or that of no slot."""
    for by in ("this kernel", "nobody"):
        good.boot("a", measured={"pcr": 13, "banks": "sha256", "by": by, "spoiled": True})
        assert f"Measured:   PCR 13, by {by}; it has another text, too: no secret that is sealed to it opens in this " \
            "boot\n" in good("status").stdout
    for spoiled in (False, "no", None):
        good.boot("a", measured={"pcr": 13, "banks": "sha256", "by": "this kernel", "spoiled": spoiled})
        assert "Measured:   PCR 13, by this kernel\n" in good("status").stdout


# ---------------------------------------------------------------- keelboot doctor

TPM = "sys/class/tpm/tpm0/tpm_version_major"


@pytest.fixture(name="board")
def make_board(releases):
    """A healthy device that measures; slot b has a release with a hash tree."""
    releases.dev.init("--good", "a", "--version", "1.0", "--sequence", 10, runs="a")
    board = Board(releases.dev)
    board.releases = releases
    board.put(TPM, "2")
    return board


def findings(board) -> set:
    return {(severity, name) for severity, name in board.findings() if name.startswith("measure")}


def test_doctor_finds_nothing_where_all_can_be_measured(board):
    board.dev("install", board.releases.make("two", "--verity"), "--progress=none")
    assert findings(board) == set()
    board.put("etc/default/keelboot", "KEELBOOT_SETS='usb'")
    assert findings(board) == set()


def test_doctor_finds_a_device_without_a_tpm(board):
    board.put(TPM, "1")
    assert findings(board) == {("error", "measure-tpm")}
    (board.sys / TPM).unlink()
    (board.sys / TPM).parent.rmdir()
    assert findings(board) == {("error", "measure-tpm")}
    board.dev.configure()
    assert findings(board) == set()


def test_doctor_finds_a_chain_that_begins_with_linux(board):
    """Before kernel 5.12 no value is shown: then the firmware's log says it, where securityfs is mounted."""
    chain, pcr = {("warning", "measure-chain")}, "sys/class/tpm/tpm0/pcr-sha256/"
    board.put("sys/kernel/security/lsm", "capability")
    assert findings(board) == chain
    board.put("sys/kernel/security/tpm0/binary_bios_measurements", "x")
    assert findings(board) == set()
    for number in (0, 4, 7):
        assert findings(board) == set()
        board.put(pcr + str(number), "0" * 64)
    assert findings(board) == chain
    for number in (0, 4, 7):
        board.put(pcr + str(number), "0" * 62 + "A0")
        assert findings(board) == set()
        board.put(pcr + str(number), "0" * 64)
    board.dev.configure()
    assert findings(board) == set()


def test_doctor_finds_an_initramfs_that_has_nothing_to_measure_with(board):
    board.put("etc/default/keelboot", "# of this device\nKEELBOOT_APPLY=no")
    assert findings(board) == {("error", "measure-helper")}


def test_doctor_finds_a_kernel_that_nothing_checks(board):
    board.dev.configure(CONF + "[loader]\nkind=kexec\n[slot.a]\nroot=PARTLABEL=root-a\nboot=PARTLABEL=boot-a\n")
    assert ("error", "measure-kernel") in findings(board)


def test_doctor_finds_a_release_without_a_hash_tree(board):
    board.dev("install", board.releases.make("two"), "--progress=none")
    assert findings(board) == {("warning", "measure-tree")}
    board.dev.configure(CONF + "required=yes\n")
    assert findings(board) == {("error", "measure-tree")}
