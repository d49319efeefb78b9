# SPDX-License-Identifier: Apache-2.0
"""Signing where the private key is not in a file beside Keelboot: on a machine that has only openssl, and in a
token (PKCS#11, with softhsm2 for one)."""
import base64
import hashlib
import json
import os
from pathlib import Path

import pytest
from cli_device import FAILURE, OK, TOP, USAGE, VERIFY, call, document, run

TOOL = TOP / "cli/keelboot-pkcs11"
MODULE = "/usr/lib/softhsm/libsofthsm2.so"
PIN = "2468"
KINDS = ("ed25519", "p256")


def openssl(*args):
    call("openssl", *args, text=False)


def make_key(path: Path, kind: str) -> None:
    how = {"ed25519": ["ed25519"], "p256": ["EC", "-pkeyopt", "ec_paramgen_curve:P-256"]}[kind]
    openssl("genpkey", "-algorithm", *how, "-out", path.with_suffix(".key"))
    openssl("pkey", "-in", path.with_suffix(".key"), "-pubout", "-out", path.with_suffix(".pem"))


@pytest.fixture(name="keys", scope="module")
def make_keys(tmp_path_factory):
    """Keys that openssl made, NAME.key and NAME.pem."""
    folder = tmp_path_factory.mktemp("keys")
    for kind in KINDS:
        make_key(folder / kind, kind)
        make_key(folder / f"other-{kind}", kind)
    return folder


@pytest.fixture(name="bundle")
def make_bundle(tmp_path):
    """One that nobody signed yet."""
    image = tmp_path / "root.img"
    image.write_bytes(os.urandom(8192))
    path = tmp_path / "out.keel"
    run("bundle", "create", "-o", path, "--compatible", "x", "--version", "1", "--sequence", 1,
                 "--image", f"root={image}", "--sig-capacity", 512, code=OK)
    return path


def verify(bundle, *public, required=1):
    args = [arg for key in public for arg in ("--key", key)]
    return run("bundle", "verify", bundle, *args, "--signatures-required", required).returncode


def emit(bundle):
    """The file of what has to be signed."""
    path = bundle.with_suffix(".tbs")
    run("bundle", "sign", bundle, "--emit-digest", path, code=OK)
    return path


def sign(keys, kind, tbs):
    """As keelboot-bundle(1) has it."""
    out = tbs.with_name(f"{kind}.sig")
    if "ed25519" in kind:
        openssl("pkeyutl", "-sign", "-rawin", "-inkey", keys / f"{kind}.key", "-in", tbs, "-out", out)
    else:
        openssl("dgst", "-sha256", "-sign", keys / f"{kind}.key", "-out", out, tbs)
    return out


# ---------------------------------------------------------------- a machine without Keelboot


def test_what_is_emitted_is_what_the_format_says_and_is_named_by_its_sha256(bundle):
    before = bundle.read_bytes()
    path = bundle.with_suffix(".tbs")
    result = run("bundle", "sign", bundle, "--emit-digest", path)
    data = path.read_bytes()
    assert data == b"keelboot bundle v1\0" + before[:512]
    assert result.stdout == f"{hashlib.sha256(data).hexdigest()}  {path}\n"
    assert bundle.read_bytes() == before


@pytest.mark.parametrize("kind", KINDS)
def test_openssl_signs_and_it_is_attached(bundle, keys, kind):
    signature = sign(keys, kind, emit(bundle))
    assert verify(bundle, keys / f"{kind}.pem") == VERIFY
    attach = ("bundle", "sign", bundle, "--attach", signature, "--key", keys / f"{kind}.pem")
    who = run("key", "show", keys / f"{kind}.pem").stdout.split("public ")
    assert run(*attach, code=OK).stdout == f"{bundle}: signed by {who[0].split()[-1]} {who[1]}"
    assert verify(bundle, keys / f"{kind}.pem") == OK
    once = bundle.read_bytes()
    run(*attach, code=OK)
    assert bundle.read_bytes() == once, "the same key's signature is replaced"


def test_signatures_made_apart_count_together(bundle, keys):
    tbs = emit(bundle)
    for kind in KINDS:
        run("bundle", "sign", bundle, "--attach", sign(keys, kind, tbs), "--key", keys / f"{kind}.pem", code=OK)
    public = [keys / f"{kind}.pem" for kind in KINDS]
    assert verify(bundle, *public, required=2) == OK
    assert verify(bundle, public[0], keys / "other-p256.pem", required=2) == VERIFY


def test_a_signature_of_p256_may_be_two_plain_numbers(bundle, keys):
    """As tokens give it: both have to become the same DER."""
    signature = sign(keys, "p256", emit(bundle))
    der = signature.read_bytes()
    r, rest = der[4:4 + der[3]], der[4 + der[3]:]
    s = rest[2:2 + rest[1]]
    signature.write_bytes(r[-32:].rjust(32, b"\0") + s[-32:].rjust(32, b"\0"))
    run("bundle", "sign", bundle, "--attach", signature, "--key", keys / "p256.pem", code=OK)
    assert der in bundle.read_bytes()[:1024]
    assert verify(bundle, keys / "p256.pem") == OK


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_no_signature_of_it_is_not_attached(bundle, keys, kind, tmp_path):
    tbs, before = emit(bundle), bundle.read_bytes()
    good = sign(keys, kind, tbs).read_bytes()
    other = tmp_path / "other.tbs"
    other.write_bytes(tbs.read_bytes()[:-1] + bytes([tbs.read_bytes()[-1] ^ 1]))
    bad = [b"", good[:-1], good + b"\0", bytes(64), b"x" * 81, b"x" * 1000,
           sign(keys, f"other-{kind}", tbs).read_bytes(), sign(keys, kind, other).read_bytes(),
           sign(keys, KINDS[kind == "ed25519"], tbs).read_bytes()]
    for text in bad:
        (tmp_path / "bad.sig").write_bytes(text)
        attach = ("bundle", "sign", bundle, "--attach", tmp_path / "bad.sig", "--key", keys / f"{kind}.pem")
        assert "not a signature of this bundle by" in run(*attach, code=VERIFY).stderr, text
        assert bundle.read_bytes() == before


def test_wrong_use_says_what_is_missing(bundle, keys, tmp_path):
    public, private = keys / "p256.pem", keys / "p256.key"
    for args, says in (
            (("--attach", "x"), "--attach needs one --key"),
            (("--attach", "x", "--key", public, "--key", public), "--attach needs one --key"),
            (("--emit-digest", "x", "--key", private), "--emit-digest takes no --key"),
            (("--emit-digest", "x", "--attach", "y"), "--emit-digest takes no --key"),
            ((), "missing option: --key")):
        assert says in run("bundle", "sign", bundle, *args, code=USAGE).stderr
    assert "none: not found" in run("bundle", "sign", bundle, "--attach", tmp_path / "none", "--key", public,
                                    code=FAILURE).stderr
    (tmp_path / "sig").write_bytes(bytes(64))
    result = run("bundle", "sign", bundle, "--attach", tmp_path / "sig", "--key", private)
    assert result.returncode != OK and "needs the public half" in result.stderr


# ---------------------------------------------------------------- the same of a channel file


@pytest.fixture(name="channel")
def make_channel(bundle, keys):
    """A document that nobody signed yet, of a bundle that somebody did."""
    run("bundle", "sign", bundle, "--key", keys / "ed25519.key", code=OK)
    path = bundle.with_name("stable.json")
    run("channel", "create", "--name", "stable", "--sequence", 7, "-o", path, bundle, code=OK)
    return path


def emit_channel(path):
    tbs = path.with_suffix(".tbs")
    done = run("channel", "sign", path, "--emit-digest", tbs, code=OK)
    assert done.stdout == f"{hashlib.sha256(tbs.read_bytes()).hexdigest()}  {tbs}\n"
    return tbs


def signers(path, *public, required=1):
    args = [arg for key in public for arg in ("--key", key)]
    done = run("channel", "inspect", path, "--json", *args, "--signatures-required", required)
    return json.loads(done.stdout)["signer"] if done.returncode == OK else done.returncode


def test_of_a_channel_what_is_emitted_is_what_its_page_says(channel, tmp_path):
    before, tbs = channel.read_bytes(), emit_channel(channel).read_bytes()
    assert tbs[:19] == b"keelboot channel 1\0" and len(tbs) == 19 + 512 and hashlib.sha256(before).digest() in tbs
    assert channel.read_bytes() == before and not list(tmp_path.glob("*.channel"))


@pytest.mark.parametrize("kind", KINDS)
def test_of_a_channel_openssl_signs_and_it_is_attached(channel, keys, kind):
    signature, out = sign(keys, kind, emit_channel(channel)), channel.with_suffix(".channel")
    attach = ("--attach", signature, "--key", keys / f"{kind}.pem")
    assert "missing option: -o FILE" in run("channel", "sign", channel, *attach, code=FAILURE).stderr
    run("channel", "sign", channel, *attach, "-o", out, code=OK)
    assert signers(out, keys / f"{kind}.pem") == kind
    # What Keelboot signs itself is the same file.
    once = out.read_bytes()
    if kind == "ed25519":
        run("channel", "sign", channel, "--key", keys / f"{kind}.key", "-o", out, code=OK)
        assert out.read_bytes() == once
    run("channel", "sign", out, *attach, code=OK)
    assert out.read_bytes() == once, "the same key's signature is replaced"


def test_of_a_channel_signatures_made_apart_count_together(channel, keys):
    tbs, out = emit_channel(channel), channel.with_suffix(".channel")
    run("channel", "sign", channel, "--attach", sign(keys, "p256", tbs), "--key", keys / "p256.pem", "-o", out, code=OK)
    # Of the file it is the same as of its document.
    assert emit_channel(out).read_bytes() == (tbs.read_bytes())
    run("channel", "sign", out, "--attach", sign(keys, "ed25519", tbs), "--key", keys / "ed25519.pem", code=OK)
    assert signers(out, keys / "p256.pem", keys / "ed25519.pem", required=2) == "p256, ed25519"
    assert signers(out, keys / "p256.pem", keys / "other-p256.pem", required=2) == VERIFY


@pytest.mark.parametrize("kind", KINDS)
def test_of_a_channel_what_is_no_signature_of_it_is_not_attached(channel, bundle, keys, kind, tmp_path):
    tbs, out = emit_channel(channel), channel.with_suffix(".channel")
    good = sign(keys, kind, tbs).read_bytes()
    bad = [b"", good[:-1], good + b"\0", bytes(64), b"x" * 1000, sign(keys, f"other-{kind}", tbs).read_bytes(),
           sign(keys, kind, emit(bundle)).read_bytes()]
    for text in bad:
        (tmp_path / "bad.sig").write_bytes(text)
        attach = ("--attach", tmp_path / "bad.sig", "--key", keys / f"{kind}.pem")
        said = run("channel", "sign", channel, *attach, "-o", out, code=VERIFY).stderr
        assert "not a signature of this channel file by" in said and "keelboot-channel(1)" in said
        assert not out.exists()
    # Nor has a bundle any use for it.
    (tmp_path / "good.sig").write_bytes(good)
    run("bundle", "sign", bundle, "--attach", tmp_path / "good.sig", "--key", keys / f"{kind}.pem", code=VERIFY)


def test_of_a_channel_wrong_use_says_what_is_missing(channel, keys, tmp_path):
    public, private, out = keys / "p256.pem", keys / "p256.key", channel.with_suffix(".channel")
    for args, says in (
            (("--attach", "x", "-o", out), "--attach needs one --key"),
            (("--attach", "x", "--key", public, "--key", public), "--attach needs one --key"),
            (("--emit-digest", "x", "--key", private), "--emit-digest takes no --key"),
            (("--emit-digest", "x", "-o", out), "--emit-digest takes no --key"),
            (("--emit-digest", "x", "--attach", "y"), "--emit-digest takes no --key"),
            ((), "missing option: --key")):
        assert says in run("channel", "sign", channel, *args, code=USAGE).stderr
    none = ("--attach", tmp_path / "none", "--key", public)
    assert "none: not found" in run("channel", "sign", channel, *none, "-o", out, code=FAILURE).stderr
    (tmp_path / "sig").write_bytes(bytes(64))
    done = run("channel", "sign", channel, "--attach", tmp_path / "sig", "--key", private, "-o", out)
    assert done.returncode != OK and "needs the public half" in done.stderr and not out.exists()
    assert "no device takes it by another name" in run(
        "channel", "sign", channel, "--attach", sign(keys, "p256", emit_channel(channel)), "--key", public, "-o",
        tmp_path / "beta.channel", code=None).stderr


# ---------------------------------------------------------------- public keys that a device does not take

WANTED = 'one PEM "PUBLIC KEY", Ed25519 or P-256 with the uncompressed point'


def test_a_key_has_a_name_and_not_only_a_folder(tmp_path):
    """It was made as .key there, which no list shows."""
    for name in (f"{tmp_path}/", ""):
        assert f"such as {name}release-2026" in run("key", "generate", "-o", name, code=USAGE).stderr
    assert not list(tmp_path.iterdir())


def test_a_public_key_that_a_device_does_not_take_is_not_called_a_private_one(bundle, keys, tmp_path):
    folder = tmp_path / "odd"
    folder.mkdir()
    openssl("ec", "-in", keys / "p256.key", "-pubout", "-conv_form", "compressed", "-out", folder / "compressed.pem")
    openssl("genpkey", "-algorithm", "ed448", "-out", tmp_path / "ed448.key")
    openssl("pkey", "-in", tmp_path / "ed448.key", "-pubout", "-out", folder / "ed448.pem")
    openssl("req", "-x509", "-new", "-key", keys / "p256.key", "-subj", "/CN=x", "-out", folder / "certificate.pem")
    (folder / "two.pem").write_bytes((keys / "p256.pem").read_bytes() + (keys / "ed25519.pem").read_bytes())
    (folder / "none.pem").write_text("what is this?\n")
    for file in sorted(folder.iterdir()):
        said = run("key", "show", file, code=FAILURE).stderr
        assert f"a device accepts: expected {WANTED}; to convert a compressed one: openssl ec -pubin -conv_form " \
            "uncompressed -in " in said and "passphrase" not in said
        assert document("key", "show", file, code=FAILURE)["keys"] == \
            [{"file": str(file), "error": "malformed or damaged data"}]
        for args in ("verify", "--key"), ("sign", "--attach", file, "--key"):
            said = run("bundle", args[0], bundle, *args[1:], file).stderr
            assert f"key {file}: malformed or damaged data; " in said and WANTED in said
    said = run("bundle", "verify", bundle, "--keys", folder).stderr
    assert said.count(f"skipped: malformed or damaged data; expected {WANTED}, in each file") == 5
    (folder / "retired.d").mkdir()
    (folder / "compressed.pem").rename(folder / "retired.d/compressed.pem")
    said = run("bundle", "verify", bundle, "--keys", folder).stderr
    assert f"retired.d/compressed.pem: not {WANTED}: malformed" in said
    (tmp_path / "bad.key").write_text("-----BEGIN PRIVATE KEY-----\nMCow\n-----END PRIVATE KEY-----\n")
    assert "no private key in PEM form, or a wrong passphrase" in run("key", "show", tmp_path / "bad.key").stderr
    # What is advised helps.
    openssl("ec", "-pubin", "-conv_form", "uncompressed", "-in", folder / "retired.d/compressed.pem", "-out",
            tmp_path / "new.pem")
    assert (tmp_path / "new.pem").read_bytes() == (keys / "p256.pem").read_bytes()


@pytest.mark.parametrize("inner", ["", "retired.d/"])
def test_a_full_keyring_names_the_folder_the_bound_and_what_to_do(bundle, keys, tmp_path, inner):
    """A key that leaves retired.d may be trusted again: nobody is to remove one that is among the others, too."""
    remedy = "not in the folder above either" if inner else "not in use"
    for what, number in ("keys", 16), ("files of keys", 64):
        ring = tmp_path / what
        (ring / inner).mkdir(parents=True)
        (ring / "p256.pem").write_bytes((keys / "p256.pem").read_bytes())
        for i in range(number + (inner != "")):
            point = bytes([i + 2 if what == "keys" else 2]) * 32
            spki = base64.b64encode(bytes.fromhex("302a300506032b6570032100") + point).decode()
            (ring / inner / f"{i:02}.pem").write_text(f"-----BEGIN PUBLIC KEY-----\n{spki}\n-----END PUBLIC KEY-----\n")
        lines = run("bundle", "verify", bundle, "--keys", ring, code=FAILURE).stderr.splitlines()
        says = f"keyring {ring}/{inner}".rstrip("/")
        wanted = f"{says}: more than {number} {what}, so no key is trusted; remove those that are {remedy}"
        assert [line for line in lines if "more than" in line] == [f"keelboot: {wanted}"]


# ---------------------------------------------------------------- a token


def new_tokens(folder):
    """The environment of tokens in software, none yet; and softhsm2-util in it."""
    (folder / "tokens").mkdir()
    (folder / "softhsm2.conf").write_text(f"directories.tokendir = {folder}/tokens\nobjectstore.backend = file\n")
    env = {"SOFTHSM2_CONF": str(folder / "softhsm2.conf"), "KEELBOOT_PKCS11": str(TOOL)}
    return env, lambda *args: call("softhsm2-util", *args, env={**os.environ, **env}).stdout


@pytest.fixture(name="token", scope="module")
def make_token(tmp_path_factory, keys):
    """The environment of a token in software, with a key of each kind and one that bundles are not signed with."""
    folder = tmp_path_factory.mktemp("token")
    (folder / "pin").write_text(PIN + "\n")
    env, softhsm = new_tokens(folder)
    softhsm("--init-token", "--free", "--label", "release", "--pin", PIN, "--so-pin", "13579")
    openssl("genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-384", "-out", folder / "p384.key")
    for number, (label, file) in enumerate((("ed25519", keys / "ed25519.key"), ("p256", keys / "p256.key"),
                                            ("p384", folder / "p384.key"), ("twin", keys / "other-p256.key"),
                                            ("twin", keys / "other-ed25519.key"))):
        softhsm("--import", file, "--token", "release", "--label", label, "--id", f"0{number}", "--pin", PIN)
    return {**env, "PIN_FILE": str(folder / "pin")}


def uri(token, key, pin=True, module=MODULE):
    return f"pkcs11:token=release;{key}?module-path={module}" + (f"&pin-source=file:{token['PIN_FILE']}" if pin else "")


@pytest.mark.parametrize("kind", KINDS)
def test_key_in_a_token_signs(bundle, keys, token, kind):
    said = run("bundle", "sign", bundle, "--key", uri(token, f"object={kind};type=private"), env=token, code=OK).stdout
    assert verify(bundle, keys / f"{kind}.pem") == OK
    shown = [run("key", "show", key, env=token).stdout for key in (uri(token, f"object={kind}"), keys / f"{kind}.pem")]
    assert {text.split("id ")[1] for text in shown} == {said.split("id ")[1]}


def test_bundles_are_created_with_keys_in_tokens(tmp_path, keys, token):
    (tmp_path / "root.img").write_bytes(bytes(4096))
    result = run("bundle", "create", "-o", tmp_path / "out.keel", "--compatible", "x", "--version", "1", "--sequence",
                 1, "--image", f"root={tmp_path}/root.img", "--key", uri(token, "id=%00"), "--key",
                 uri(token, "id=%01"), env=token)
    assert result.returncode == OK and "2 signatures" in result.stdout, result.stderr
    assert verify(tmp_path / "out.keel", keys / "ed25519.pem", keys / "p256.pem", required=2) == OK


def test_signatures_of_a_token_are_right_each_time(keys, token):
    """Numbers of ECDSA that begin with zeroes or a high bit: DER is not always as long."""
    env = {**os.environ, **token}
    for i in range(20):
        data = os.urandom(531)
        assert len(call(TOOL, "sign", uri(token, "object=p256"), input=data, env=env, text=False).stdout) == 64, i


def test_signing_with_several_keys_names_each(bundle, keys):
    result = run("bundle", "sign", bundle, *(arg for kind in KINDS for arg in ("--key", keys / f"{kind}.key")))
    shown = run("key", "show", *(keys / f"{kind}.pem" for kind in KINDS))
    assert [line.split("id ")[1] for line in result.stdout.splitlines()] == \
        [line.split("id ")[1] for line in shown.stdout.splitlines()]


def test_of_two_tokens_with_one_label_the_serial_number_decides(bundle, keys, tmp_path):
    """The first of them signed, with a key that nobody may have meant."""
    env, softhsm = new_tokens(tmp_path)
    for kind in "p256", "other-p256":
        softhsm("--init-token", "--free", "--label", kind, "--pin", PIN, "--so-pin", "13579")
        softhsm("--import", keys / f"{kind}.key", "--token", kind, "--label", "vendor", "--id", "01", "--pin", PIN)
    # softhsm2-util finds a token by its label too: so both get the same one when they are finished.
    for file in tmp_path.glob("tokens/*/token.object"):
        file.write_bytes(file.read_bytes().replace(b"other-p256".ljust(32), b"p256".ljust(32)))
    serials = [line.split(":")[1].strip() for line in softhsm("--show-slots").splitlines() if "Serial number" in line]
    serials = [serial for serial in serials if serial]
    assert len(set(serials)) == 2

    def sign_by(key):
        return run("bundle", "sign", bundle, "--key", f"pkcs11:{key};object=vendor?module-path={MODULE}",
                   env={**env, "KEELBOOT_PIN": PIN})

    before = bundle.read_bytes()
    result = sign_by("token=p256")
    assert result.returncode == FAILURE and bundle.read_bytes() == before
    assert "there are several tokens (token=p256): say which one, serial=" in result.stderr
    assert all(f"serial={serial}" in result.stderr for serial in serials)
    assert "there are several tokens: say which one, token=LABEL" in sign_by("model=SoftHSM%20v2").stderr
    ids = {sign_by(f"token=p256;serial={serial}").stdout.split("id ")[1] for serial in serials}
    assert ids == {run("key", "show", keys / f"{kind}.pem").stdout.split("id ")[1] for kind in ("p256", "other-p256")}


@pytest.mark.parametrize("key, environ, says", [
    ("slot-id=5;object=p256", {}, 'slot-id= before the "?" of the URI is not understood; want some of token=, '),
    ("Serial=1;object=p256", {}, 'Serial= before the "?" of the URI is not understood'),
    ("library-version=1;object=p256", {}, "library-version= before"),
    ("object=p256;pin-source=/x", {}, "pin-source= before"),
    ("object=p256;junk", {}, "junk= before"),
    ("object=ed25519;object=p256", {}, "object= is in the URI twice"),
    ("object=p256;type=cert", {}, "type= of the URI: a pair of keys signs"),
    ("object=nobody", {}, "no public key of that name"),
    ("object=twin", {}, "several public keys of that name: say which one, id="),
    ("object=p384", {}, "neither Ed25519 nor on P-256"),
    ("serial=1;object=p256", {}, "no token fits"),
    ("", {}, "the URI names no key"),
    ("object=p256", {"PIN_FILE": "/no/such"}, "pin-source=/no/such: No such file"),
])
def test_what_is_wrong_with_a_token_is_said(bundle, token, key, environ, says):
    before = bundle.read_bytes()
    name = uri({**token, **environ}, key)
    assert says in run("bundle", "sign", bundle, "--key", name, env=token, code=FAILURE).stderr
    assert bundle.read_bytes() == before


def test_wrong_pin_missing_module_and_missing_tool(bundle, token, tmp_path):
    (tmp_path / "pin").write_text("0000")
    key, pin = "object=p256", tmp_path / "pin"
    for name, env, says in (
            (uri({"PIN_FILE": pin}, key), token, "the token refuses the PIN"),
            (uri(token, key, module="/no/such.so"), token, "/no/such.so: cannot be loaded as a PKCS#11 module"),
            (uri(token, key), {"KEELBOOT_PKCS11": "/no/such"}, "/no/such: No such file or directory")):
        assert says in run("bundle", "sign", bundle, "--key", name, env=env, code=FAILURE).stderr
    run("bundle", "sign", bundle, "--key", uri(token, key, pin=False), env={**token, "KEELBOOT_PIN": PIN}, code=OK)


def program(path, script):
    """A tool for keys in tokens that does not do its work."""
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return path


@pytest.mark.parametrize("says, script", [
    ("helper process failed", "exit 1"), ("malformed", "head -c 1000 /dev/zero"), ("neither Ed25519", "printf junk"),
    ("neither Ed25519", "exit 0"), ("helper process failed", "kill -9 $$")])
def test_tool_that_misbehaves_signs_nothing(bundle, tmp_path, says, script):
    tool, before = program(tmp_path / "tool", script), bundle.read_bytes()
    result = run("bundle", "sign", bundle, "--key", "pkcs11:object=x", env={"KEELBOOT_PKCS11": str(tool)})
    assert result.returncode != OK
    assert says in result.stderr or not result.stderr, result.stderr
    assert bundle.read_bytes() == before


def test_tool_whose_signature_is_not_of_its_key_signs_nothing(bundle, tmp_path, keys):
    openssl("pkey", "-pubin", "-in", keys / "p256.pem", "-outform", "DER", "-pubout", "-out", tmp_path / "der")
    tool = program(tmp_path / "tool", f'[ "$1" = sign ] && exec head -c 64 /dev/urandom\nexec cat {tmp_path}/der')
    before = bundle.read_bytes()
    assert "unable to sign with pkcs11:object=x" in run("bundle", "sign", bundle, "--key", "pkcs11:object=x",
                                                        env={"KEELBOOT_PKCS11": str(tool)}, code=FAILURE).stderr
    assert bundle.read_bytes() == before


def with_pin(token, key="object=p256", pin=PIN):
    return f"pkcs11:token=release;{key}?module-path={MODULE}&pin-value={pin}"


def test_a_pin_in_a_uri_is_never_told(bundle, keys, token, tmp_path):
    """What is told lands in the logs of build servers."""
    good, wrong, shown = with_pin(token), with_pin(token, pin="97531"), "pkcs11:token=release;object=p256"
    recipe = tmp_path / "x.ini"
    openssl("pkey", "-pubin", "-in", keys / "p256.pem", "-outform", "DER", "-pubout", "-out", tmp_path / "der")
    lying = program(tmp_path / "lying", f'[ "$1" = sign ] && exec head -c 64 /dev/zero\nexec cat {tmp_path}/der')
    junk = program(tmp_path / "junk", "printf junk")
    recipe.write_text(f"[bundle]\nkey={wrong}\n")
    create = ("bundle", "create", "-o", tmp_path / "new.keel", "--compatible", "x", "--version", "1", "--sequence", 1,
              "--image", f"root={tmp_path}/root.img")
    for args, tool, says in (
            (("key", "show", good), TOOL, f"{shown}: ecdsa-p256 private key, id "),
            (("key", "show", good, "--json"), TOOL, f'"{shown}"'),
            (("key", "show", with_pin(token, "object=no"), "--json"), TOOL, '"pkcs11:token=release;object=no"'),
            (("key", "show", f"pkcs11:token=no&pin-value=2468;object=x?module-path={MODULE}"), TOOL, "no token fits"),
            (("key", "show", "pkcs11:object=x;pin-value=2468", "--json"), TOOL, '"pkcs11:object=x;"'),
            (("bundle", "sign", bundle, "--key", good, "-o", tmp_path / "signed.keel"), TOOL, "signed"),
            (("bundle", "sign", bundle, "--key", wrong), TOOL, "the token refuses the PIN"),
            (("bundle", "sign", bundle, "--key", good), lying, f"unable to sign with {shown}: "),
            (("bundle", "sign", bundle, "--key", good), junk, f"{shown}: neither Ed25519"),
            (("bundle", "sign", bundle, "--attach", recipe, "--key", good), TOOL, f"key {shown}: not found"),
            (("bundle", "verify", bundle, "--key", good), TOOL, f"key {shown}: not found"),
            ((*create, "--key", good), lying, f"unable to sign with {shown}: "),
            ((*create, *(["--key", good] * 9)), TOOL, f"--key {shown}: more than 8 keys"),
            ((*create, recipe), TOOL, "the token refuses the PIN")):
        result = run(*args, env={**token, "KEELBOOT_PKCS11": str(tool)})
        said = result.stdout + result.stderr
        assert says in said and PIN not in said and "97531" not in said, said
    assert "pkcs12:object=x: no URI" in call(TOOL, "public", "pkcs12:object=x?pin-value=2468", code=None).stderr


# ---------------------------------------------------------------- keys that are published


def test_example_keys_are_known_to_be_published():
    """docs/examples/keys: the private halves are there, so the public ones have to be known."""
    folder = TOP / "docs/examples/keys"
    private = sorted(folder.glob("*.key"))
    assert len(private) == 2
    for file in private:
        lines = run("key", "show", file, file.with_suffix(".pem")).stdout.splitlines()
        assert lines[0].split("id ")[1].split()[0] == lines[1].split("id ")[1].split()[0]
        assert all("published" in line for line in lines), lines


def test_no_private_key_but_those_is_in_the_tree():
    if not (TOP / ".git").exists():
        pytest.skip("not a checkout")
    found = call("git", "-C", TOP, "grep", "-lI", "^-----BEGIN.*PRIVATE KEY-----$", code=None).stdout.split()
    assert all(name.startswith("docs/examples/keys/") for name in found), found
