# SPDX-License-Identifier: Apache-2.0
"""`keelboot channel` on plain files, and the commands of docs/FLEET.md as they stand there."""
import json
import re
import shlex

import pytest
from channel_site import seal
from cli_device import FAILURE, KEELBOOT, MIB, OK, REBOOT, USAGE, VERIFY, call, document, run
from conftest import FLEET
from page import commands, way



@pytest.fixture(name="stable")
def make_stable(publish, bundle):
    return publish((bundle, "--percent", 10, "--attribute", "site=lab", "--daily", "22:00-04:00", "--from", 5,
                    "--not-before", "2026-01-02T03:04:05Z", "--not-after", "2096-01-02T03:04:05Z"))


def test_what_create_writes_is_what_the_bundle_says(publish, bundle):
    told = json.loads(publish.document((bundle, "--percent", 10)).read_text())
    of_bundle = document("bundle", "inspect", bundle)
    release = told["releases"][0]
    assert told["name"] == "stable" and told["format"] == 1 and release["percent"] == 10
    assert [release[key] for key in ("release", "version", "sequence", "compatible")] == [
        of_bundle[key] for key in ("release", "version", "sequence", "compatible")]
    assert release["size"] == bundle.stat().st_size and release["url"] == bundle.name
    assert call("sha256sum", bundle).stdout.split()[0] == release["sha256"]


def test_the_same_input_gives_the_same_file(publish, bundle):
    first = publish.sign(publish.document(bundle, sequence=5, created=1_700_000_000)).read_bytes()
    again = publish.sign(publish.document(bundle, sequence=5, created=1_700_000_000)).read_bytes()
    assert first == again and b"2023-11-14T22:13:20Z" in first and b"2023-12-14T22:13:20Z" in first


def test_inspect_prints_a_table_for_a_person_and_the_document_for_a_program(stable, publish, factory):
    said = run("channel", "inspect", stable, "--key", factory.public, code=OK).stdout
    assert "stable: sequence 1, created 2" in said and "signed by release" in said
    assert "10 %, site=lab, from 2026-01-02T03:04:05Z, until 2096-01-02T03:04:05Z, 22:00-04:00, sequence 5" in said
    told = document("channel", "inspect", stable, "--keys", factory.public.parent)
    assert told["channel"] == json.loads((publish.folder / "stable.json").read_text())
    assert told["signature_checked"] and told["signer"] == "release"
    told = document("channel", "inspect", stable)
    assert not told["signature_checked"] and told["signer"] is None
    assert "the signature was not checked" in run("channel", "inspect", stable, code=OK).stdout


def test_a_second_signature_leaves_the_first(stable, factory):
    stranger = factory.public.parent / "stranger"
    both = ("--key", factory.public, "--key", f"{stranger}.pem", "--signatures-required", 2)
    assert "signed by 1 trusted key (release), but 2 must sign" in run("channel", "inspect", stable, *both,
                                                                       code=VERIFY).stderr
    run("channel", "sign", stable, "--key", f"{stranger}.key", code=OK)
    assert document("channel", "inspect", stable, *both)["signer"] == "release, stranger"


def test_ecdsa_signs_as_well(stable, tmp_path):
    run("key", "generate", "-o", tmp_path / "p256", "--type", "p256", code=OK)
    run("channel", "sign", stable, "--key", tmp_path / "p256.key", code=OK)
    assert document("channel", "inspect", stable, "--key", tmp_path / "p256.pem")["signer"] == "p256"


@pytest.mark.parametrize("words, says", [
    (["create"], "missing option: -o"), (["create", "-o", "x.json"], "missing option: --name"),
    (["create", "--name", "a/b"], "expected letters"), (["create", "--name", ".x"], "expected letters"),
    (["create", "--sequence", "0"], "out of range"), (["create", "--valid", "0"], "out of range"),
    (["create", "--expires", "soon"], "expected a time"), (["create", "--percent", "101"], "out of range"),
    (["create", "--attribute", "site"], "expected NAME=VALUE"),
    (["create", "--attribute", "site=lab", "--attribute", "ring=1", "--attribute", "site=office"], "came before"),
    (["create", "--attribute", "site=lab", "--attribute", "site=lab"], "came before"),
    (["create", "--daily", "22-4"], "expected a window"),
    (["create", "--not-before", "2026-02-30T00:00:00Z"], "expected a time"), (["create", "--withdrawn", ""], "empty"),
    (["create", "--name", "x", "-o", "x.json", "--percent", "5"], "stand before its BUNDLE"),
    (["sign"], "missing argument"),
    (["sign", "x.json"], "missing option: --key"), (["inspect"], "missing argument: FILE"),
    (["inspect", "x", "--signatures-required", "0"], "want 1 to 16"),
    (["inspect", "a", "b"], "see `keelboot help channel inspect`"),
    (["sing"], "did you mean `keelboot channel sign`"), ([], "Usage"),
])
def test_wrong_usage_is_said(words, says):
    assert says in run("channel", *words, code=USAGE).stderr


def test_a_reason_that_is_not_ascii_is_refused_in_so_many_words(bundle, tmp_path):
    said = run("channel", "create", "--name", "x", "-o", tmp_path / "x.json", "--withdrawn", "l\u00e4dt nicht", bundle,
               code=FAILURE).stderr
    assert "release 1: withdrawn: expected a reason of printable ASCII, 1 to 160 characters" in said
    assert not (tmp_path / "x.json").exists()


def test_what_cannot_be_read_is_said(stable, publish, tmp_path):
    assert "No such file" in run("channel", "inspect", tmp_path / "none", code=FAILURE).stderr
    assert "missing option: -o FILE" in run("channel", "sign", publish.folder / "stable.json", "--key", publish.key,
                                            code=FAILURE).stderr
    large = tmp_path / "large"
    large.write_bytes(bytes(MIB))
    assert "larger than a channel file may be" in run("channel", "inspect", large, code=VERIFY).stderr
    large.write_bytes(b"")
    assert "empty, or larger" in run("channel", "sign", large, "--key", publish.key, "-o", tmp_path / "x",
                                     code=VERIFY).stderr
    text = (publish.folder / "stable.json").read_bytes()
    for damaged, says in ((seal(text, publish.key, length=len(text) + 1), "not as long as its header says"),
                          (seal(text, publish.key)[:512] + b"\0" + seal(text, publish.key)[513:], "signature area"),
                          (seal(text.ljust(65537), publish.key), "not a channel file")):
        large.write_bytes(damaged)
        assert says in run("channel", "inspect", large, code=VERIFY).stderr
    run("channel", "create", "--name", "x", "-o", tmp_path / "x.json", large, code=VERIFY)


def test_a_bundle_that_nobody_signed_is_offered_to_no_device(tmp_path):
    """Signed later it is another file, whose SHA-256 no channel names: all devices would refuse it."""
    image, naked, out = (tmp_path / name for name in ("root.img", "naked.keel", "x.json"))
    image.write_bytes(bytes(1 << 16))
    run("bundle", "create", "-o", naked, "--compatible", "acme-box", "--version", "2.0", "--sequence", 20, "--image",
        f"root={image}", code=OK)
    said = run("channel", "create", "--name", "x", "-o", out, naked, code=FAILURE).stderr
    assert f"first: keelboot bundle sign {naked} --key FILE" in said and not out.exists()
    run("key", "generate", "-o", tmp_path / "k", code=OK)
    run("bundle", "sign", naked, "--key", tmp_path / "k.key", code=OK)
    run("channel", "create", "--name", "x", "-o", out, naked, code=OK)


def test_a_name_that_is_no_address_wants_one(bundle, tmp_path):
    words = ("channel", "create", "--name", "x", "-o", tmp_path / "x.json")
    for letter in ' "#%:<>?[\\]^`{|}':
        odd = tmp_path / f"a{letter}b.keel"
        odd.write_bytes(bundle.read_bytes())
        assert "use --url" in run(*words, odd, code=FAILURE).stderr, letter
        run(*words, "--url", f"a%{ord(letter):02x}b.keel", odd, code=OK)


def test_the_help_of_each_verb_is_found():
    for verb in ("create", "sign", "inspect"):
        assert f"Usage: keelboot channel {verb}" in run("channel", verb, "--help", code=OK).stdout
    assert "inspect" in run("channel", "--help", code=OK).stdout


# ---------------------------------------------------------------- the page


def test_the_commands_of_the_page_roll_an_update_out_and_withdraw_it(ready, site, tmp_path):
    """From an empty machine, in under 15 commands; what they serve is served. The first three built what is tested."""
    words = way("Without a server")[len(commands("Begin")):]
    web = tmp_path / "www"
    (web / "acme").mkdir(parents=True)
    (tmp_path / "root.img").write_bytes(bytes(4096) * 64)
    conf = ready.root / "etc/keelboot/system.conf"
    conf.write_text(conf.read_text().replace("test-board", "acme-box"))
    codes, staged = [], []
    for word in words:
        word = word.replace("/srv/www", str(web)).replace("https://cdn.example.com", site.url) \
            .replace("/etc/keelboot/system.conf", str(conf))
        if word.startswith("keelboot-fleet"):
            contact(ready, site, web, tmp_path, codes, staged)
            continue
        call("sh", "-ec", re.sub(r"^keelboot ", f"{shlex.quote(KEELBOOT)} ", word), cwd=tmp_path)
        if word.startswith("keelboot key"):
            ready.trust(tmp_path / "release.pem")
        if word.startswith("printf"):
            conf.write_text(conf.read_text() + "id=device-1\n")
        if "channel sign" in word and codes:
            contact(ready, site, web, tmp_path, codes, staged)
    # A device of the first tenth has it at once, any other behind the next file; then it is withdrawn.
    assert codes[1:] == [REBOOT, OK] and staged[1:] == [True, False] and staged[0] == (codes[0] == REBOOT)


def contact(dev, site, web, folder, codes, staged):
    site.files = {str(path.relative_to(web)): path.read_bytes() for path in web.rglob("*") if path.is_file()}
    options = dev.options()
    at = options.index("--conf-root")
    done = call(FLEET, "once", "--conf-root", options[at + 1], "--keelboot", KEELBOOT, "--", *options[:at],
                *options[at + 2:], code=None, cwd=folder)
    codes.append(done.returncode)
    staged.append(bool(dev.json("status")["staged"]))
