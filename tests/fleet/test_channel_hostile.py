# SPDX-License-Identifier: Apache-2.0
"""A web server that was taken over: what it can do to devices that follow a channel, and what it cannot."""
import itertools
import json
import os
import time

import pytest
from channel_site import private_key, seal
from cli_device import FAILURE, MIB, OK, REBOOT, VERIFY, run
from clock import Clock
from large import create
from test_fleet_hostile import HEAD, body, endless, limited

YEAR = 365 * 86400
FAR = 3_800_000_000     # seconds since 1970: in 2090, where no clock of a test is


def without_clock(device, folder):
    """Its clock stands in 1970."""
    clock = Clock(folder)
    clock.add(3600 - time.time())
    device.more = clock.environment


def test_it_cannot_replay_an_older_file(device, publish, site, bundle):
    old = publish(bundle).read_bytes()
    publish((bundle, "--withdrawn", "no wifi"))
    device.once()
    site.files["stable.channel"] = old
    said = device.once(code=FAILURE)
    assert "not believed: its sequence is 1, and 2 was here before" in said
    assert not device.staged and device.seen["sequence"] == 2
    # The same one, signed again, is no older one.
    publish(bundle, sequence=2)
    device.once(code=REBOOT)


def test_nor_where_a_cut_came_before_the_newer_one_was_noted(device, publish, site, bundle):
    """The newer file is here, and the record names the one before, which the server says has not changed."""
    old = publish(bundle).read_bytes()
    device.configure(partial="no", max_bytes="1K")          # so that nothing is staged
    device.once()
    newer = publish((bundle, "--withdrawn", "no wifi")).read_bytes()
    (device.folder / "channel").write_bytes(newer)
    site.files["stable.channel"] = old
    device.once()
    assert site.requests("stable.channel")[-1]["If-None-Match"] and device.seen["sequence"] == 2
    site.on["stable.channel"] = lambda visitor: visitor.reply(200, old)
    assert "not believed: its sequence is 1, and 2 was here before" in device.once(code=FAILURE)


def test_nor_after_another_channel_was_followed_for_a_while(device, publish, site, bundle):
    old = publish(bundle, sequence=5).read_bytes()
    publish((bundle, "--withdrawn", "it crashes"), sequence=6)
    device.once()
    publish((bundle, "--percent", 0), name="beta", sequence=1)
    device.configure(f"{site.url}/beta.channel")
    device.once()
    assert device.seen["name"] == "beta" and device.seen["sequence"] == 1
    device.configure()
    site.files["stable.channel"] = old
    assert "not believed: its sequence is 5, and 6 was here before" in device.once(code=FAILURE)
    assert not device.staged
    publish(bundle, sequence=7)
    device.once(code=REBOOT)


def test_of_two_files_of_one_sequence_the_one_created_later_counts(device, publish, site, bundle):
    now = int(time.time())
    first = publish(bundle, sequence=5, created=now - 60).read_bytes()
    publish((bundle, "--withdrawn", "it crashes"), sequence=5, created=now)
    device.once()
    site.files["stable.channel"] = first
    said = device.once(code=FAILURE)
    assert "not believed: another file of its sequence, 5, was here before, and was created later" in said
    assert not device.staged


def test_what_was_seen_is_kept_before_anything_is_done_by_it(device, publish, site, bundle):
    """Else a power cut behind the download would make the device forget it."""
    publish(bundle)
    kept = []
    site.on[bundle.name] = lambda visitor: (kept.append(device.seen["sequence"]), visitor.reply(503))
    device.once(code=FAILURE)
    assert kept == [1]


def test_it_cannot_freeze_a_device_beyond_the_expiry(device, publish, site, bundle):
    publish(bundle, created=int(time.time()) - 40 * 86400)
    assert "not believed: it expired at" in device.once(code=FAILURE)
    assert not site.requests(bundle.name) and not (device.folder / "channel.json").exists()
    publish(bundle, created=int(time.time()) - 20 * 86400)
    device.once(code=REBOOT)


def test_the_path_of_its_address_is_in_no_line(device, publish, site, bundle):
    """It may be a secret."""
    publish(bundle, created=int(time.time()) - 40 * 86400)
    site.files["open-sesame/stable.channel"] = site.files["stable.channel"]
    device.configure(f"{site.url}/open-sesame/stable.channel")
    said = device.once(code=FAILURE)
    assert f"{site.url}: not believed: it expired at" in said and "sesame" not in said


def test_a_file_that_expires_while_it_is_here_is_not_believed_any_more(device, publish, site, bundle, tmp_path):
    clock = Clock(tmp_path)
    device.more = clock.environment
    publish(sequence=1)
    publish(bundle, sequence=2, valid=1)
    site.on[bundle.name] = lambda visitor: visitor.reply(503)
    device.once(code=FAILURE)
    assert site.requests(bundle.name)
    clock.add(2 * 86400)
    del site.on[bundle.name]
    assert "it expired at" in device.once(code=FAILURE)
    assert len(site.requests(bundle.name)) == 1 and not device.staged


def test_a_clock_that_is_behind_counts_as_the_time_of_the_latest_file(device, publish, bundle, tmp_path):
    without_clock(device, tmp_path)
    publish(created=FAR)
    device.once()
    publish(bundle, created=FAR - YEAR, valid=30)
    assert "it expired at 2089-" in device.once(code=FAILURE)
    publish((bundle, "--not-before", "2089-01-01T00:00:00Z"), created=FAR + 1)
    device.once(code=REBOOT)


def test_what_a_device_without_a_clock_cannot_know(device, publish, bundle, tmp_path):
    """It has seen nothing, and its clock is behind: so what has expired long ago is taken. It is genuine."""
    without_clock(device, tmp_path)
    publish(bundle, created=FAR - YEAR, valid=1)
    device.once(code=REBOOT)


@pytest.mark.parametrize("what", ["stranger", "bit", "document", "one of two", "unsigned", "bundle's signature",
                                  "bundle's letters", "a bundle", "cut", "longer"])
def test_it_cannot_forge_a_file(device, publish, site, factory, bundle, what):
    document = publish.document(bundle)
    file = publish.sign(document).read_bytes()
    stranger = publish.key.parent / "stranger.key"
    files = {
        "stranger": lambda: publish.sign(document, key=stranger).read_bytes(),
        "bit": lambda: file[:600] + bytes([file[600] ^ 1]) + file[601:],
        "document": lambda: file.replace(bundle.name.encode(), bundle.name.encode()[::-1]),
        "one of two": lambda: file,
        "unsigned": document.read_bytes,
        "bundle's signature": lambda: seal(document.read_bytes(), publish.key, domain=b"keelboot bundle v1"),
        "bundle's letters": lambda: seal(document.read_bytes(), publish.key, magic=b"KEELBNDL"),
        "a bundle": lambda: factory("1.0", 10, size=64 << 10).read_bytes(),
        "cut": lambda: file[:-1],
        "longer": lambda: file + b"\n",
    }
    assert seal(document.read_bytes(), publish.key) == file      # only what is changed is wrong
    site.files["stable.channel"] = files[what]()
    if what == "one of two":
        more = device.dev.root / "etc/keelboot/keys/other.pem"
        more.write_bytes(stranger.with_suffix(".pem").read_bytes())
        conf = device.dev.root / "etc/keelboot/system.conf"
        conf.write_text(conf.read_text() + "[keyring]\nsignatures-required=2\n")
    said = device.once(code=FAILURE)
    assert "not believed: " in said and "/proc/" not in said
    assert not device.staged and not site.requests(bundle.name)
    assert not (device.folder / "channel.json").exists()
    if what == "one of two":
        site.files["stable.channel"] = publish.sign(publish.sign(document), key=stranger).read_bytes()
        assert "not believed" not in device.once(code=None)


def test_a_channel_file_is_no_bundle(ready, publish, bundle):
    """Neither as it is, nor with the letters of one, nor with a bundle's header under its own signature."""
    file = publish(bundle)
    ready("stage", file, code=VERIFY)
    other = publish.folder / "other.keel"
    other.write_bytes(seal(file.read_bytes()[1536:], publish.key, magic=b"KEELBNDL"))
    assert "not signed by the one trusted key" in ready("stage", other, code=VERIFY).stderr
    data = bytearray(bundle.read_bytes())
    room = int.from_bytes(data[40:44], "little")
    signed = seal(b"", publish.key)
    data[512:512 + room] = signed[512:1536].ljust(room, b"\0")
    other.write_bytes(data)
    ready("stage", other, code=VERIFY)


def test_it_cannot_give_out_one_channel_for_another(device, publish, site, bundle):
    site.files["stable.channel"] = publish(bundle, name="beta").read_bytes()
    assert "not believed: it is a file of the channel beta" in device.once(code=FAILURE)
    assert not site.requests(bundle.name)
    done = run("channel", "sign", publish.document(bundle, name="beta"), "--key", publish.key, "-o",
               publish.folder / "stable.channel", code=FAILURE)
    assert "no device takes it by another name; write beta.channel" in done.stderr


@pytest.mark.parametrize("url, name", [("/beta.channel", "beta"), ("/a.b.channel", "a.b"), ("/a.b.channel", "a"),
                                       ("/stable", "stable")])
def test_the_name_of_a_channel_is_that_of_its_file(device, publish, site, url, name):
    publish(name=name)
    site.files[url[1:]] = publish.sign(publish.document(name=name)).read_bytes()
    device.configure(site.url + url)
    device.once(code=FAILURE if name == "a" else OK)


def test_another_bundle_in_the_place_of_the_one_that_was_announced_is_not_staged(device, publish, site, factory):
    """Genuine, of the same size, for this device, and newer than what runs."""
    second, third = factory("2.0", 20), factory("3.0", 30)
    publish(second)
    site.files[second.name] = third.read_bytes()
    if third.stat().st_size != second.stat().st_size:
        document = json.loads((publish.folder / "stable.json").read_text())
        document["releases"][0]["size"] = third.stat().st_size
        site.files["stable.channel"] = seal(json.dumps(document).encode(), publish.key)
    said = device.once(code=FAILURE)
    assert "it holds release" in said and "it is fetched anew" in said and not device.staged
    device.once()
    assert device.record["phase"] == "failed" and not device.staged and len(site.requests(second.name)) == 2


def test_all_of_another_one_does_not_come_in_its_place(device, publish, site, factory, tmp_path):
    """Which one it is stands in its head."""
    key, data = private_key(factory), os.urandom(6 * MIB)
    second, third = (create(tmp_path, f"{version}.0.keel", key, data, "--version", f"{version}.0", "--sequence",
                            10 * version) for version in (2, 3))
    publish(second)
    data = third.read_bytes()
    assert len(data) == second.stat().st_size
    head = ["HTTP/1.1 200 OK", f"Content-Length: {len(data)}"]
    site.on[second.name] = lambda handler: handler.send_as_read(head, data)
    said = device.once(code=FAILURE)
    assert "it holds release" in said and "was announced" in said and not device.staged and site.sent < MIB


def test_a_bundle_that_was_changed_is_not_staged(device, publish, site, bundle):
    publish(bundle)
    data = bytearray(bundle.read_bytes())
    data[len(data) // 2] ^= 1
    site.files[bundle.name] = bytes(data)
    device.once(code=FAILURE)
    device.once()
    assert device.record["phase"] == "failed" and not device.staged and len(site.requests(bundle.name)) == 2
    device.once()
    assert len(site.requests(bundle.name)) == 2


ANSWERS = {
    "1 GB": (endless(HEAD + b"Content-Length: 1073741824\r\n\r\n", b"x" * 65536), "more than 256 KiB"),
    "no end": (endless(HEAD + b"Transfer-Encoding: chunked\r\n\r\n", b"4000\r\n" + b"[" * 0x4000 + b"\r\n"),
               "more than 256 KiB"),
    "HTML": (body(b"<!doctype html><title>Log in to the hotel</title>"), "shorter than the header"),
    "a page": (body(b"<!doctype html>".ljust(5000)), "not a channel file"),
    "nothing": (body(b""), "shorter than the header"),
    "headers without end": (endless(b"HTTP/1.1 200 OK\r\n", b"X-More: %s\r\n" % (b"y" * 1000)), "headers without end"),
    "no HTTP": (lambda visitor: visitor.raw(b"220 mail.example.com ESMTP\r\n"), ""),
    "a length that lies": (body(b"{}", 4000), ""),
}


@pytest.mark.parametrize("name", ANSWERS)
def test_an_answer_that_is_no_file_costs_one_contact(device, publish, site, bundle, name):
    publish(bundle)
    device.once(code=REBOOT)
    record, before = device.record, device.dev.state.read_bytes()
    device.configure(timeout=2)
    site.on["stable.channel"], says = ANSWERS[name]
    said = device("once", code=REBOOT, preexec_fn=limited)
    assert device.was_within(8) and site.longest() < 8 and says in said and said.count("\n") <= 4
    assert device.record == record and device.dev.state.read_bytes() == before and device.staged


def test_a_body_that_trickles_ends_after_the_timeout(device, site):
    device.configure(timeout=2)
    site.on["stable.channel"] = endless(HEAD + b"Content-Length: 4000\r\n\r\n", b" ", pause=0.2)
    assert "no whole answer in time" in device.once(code=FAILURE)
    assert 1.5 < site.longest() < 8 and device.was_within(8)


DOCUMENTS = {
    "nesting": (b'{"format":' * 6000 + b"1" + b"}" * 5000, "nests too deep"),
    "no JSON": (b"\xff\xfe", "no JSON"),
    "a list": (b"[]", "JSON that is no object"),
    "two": (b"{} {}", "more than one JSON document"),
    "empty": (b"{}", "format: missing"),
    "newer": (b'{"format": 2}', "made for a newer Keelboot"),
}


@pytest.mark.parametrize("name", DOCUMENTS)
def test_a_signed_document_that_is_none_is_not_believed(device, site, publish, name):
    text, says = DOCUMENTS[name]
    site.files["stable.channel"] = seal(text, publish.key)
    said = device("once", code=FAILURE, preexec_fn=limited)
    assert "not believed" in said and says in said


CHANGES = [
    ("name", "a/b", "name: expected letters"), ("name", 7, "name: of another type"), ("sequence", 0, "sequence"),
    ("sequence", -1, "sequence"), ("sequence", 10 ** 30, "sequence"), ("created", "now", "created: expected a time"),
    ("created", "2025-02-30T00:00:00Z", "created: "), ("expires", "2020-01-01T00:00:00Z", "expires: is not behind"),
    ("releases", {}, "releases: of another type"), ("more", 1, "more: unknown key"),
    ("releases", [7], "expected objects"),
    *((key, None, f"{key}: null is no value") for key in ("name", "sequence", "created", "expires", "releases")),
    ("format", None, "format: missing"),
]
OF_RELEASE = [
    ("url", "a b", "url"), ("url", "", "url"), ("size", 0, "size"), ("size", 1.5, "size"), ("size", 1 << 60, "size"),
    ("sha256", "x" * 64, "sha256"), ("release", "0" * 63, "release"), ("version", "", "version"),
    ("sequence", 0, "sequence"), ("compatible", [], "compatible: expected 1 to 8"), ("compatible", [7], "compatible"),
    ("compatible", ["a b"], "compatible"), ("compatible", ["x"] * 9, "compatible"), ("percent", 101, "percent"),
    ("percent", -1, "percent"), ("attributes", [], "attributes"), ("attributes", {"a": 7}, "attributes"),
    ("attributes", {"a b": "c"}, "attributes"), ("attributes", {str(i): "x" for i in range(9)}, "attributes"),
    ("not-before", 7, "not-before"),
    ("not-after", "2025-01-01", "not-after"), ("daily", "24:00-01:00", "daily"),
    ("daily", "1:00-2:00", "daily"), ("daily", "04:00-04:00", "daily"), ("from", -1, "from"),
    ("withdrawn", "", "withdrawn"), ("withdrawn", "x" * 161, "withdrawn"), ("withdrawn", "\x1b[2J", "withdrawn"),
    *((key, None, f"{key}: null is no value") for key in (
        "url", "size", "sha256", "release", "version", "sequence", "compatible", "percent", "attributes", "not-before",
        "not-after", "daily", "from", "withdrawn")),
    ("compatible", [None], "compatible"), ("attributes", {"a": None}, "attributes"),
]


@pytest.mark.parametrize("key, value, says, of_release", [(*change, False) for change in CHANGES]
                         + [(*change, True) for change in OF_RELEASE], ids=str)
def test_a_document_that_breaks_a_rule_is_neither_signed_nor_believed(publish, bundle, factory, key, value, says,
                                                                      of_release):
    document = publish.document(bundle)
    text = json.loads(document.read_text())
    (text["releases"][0] if of_release else text)[key] = value
    document.write_text(json.dumps(text))
    out = publish.folder / "stable.channel"
    said = run("channel", "sign", document, "--key", publish.key, "-o", out, code=VERIFY).stderr
    assert says in said and "\x1b" not in said and not out.exists()
    out.write_bytes(seal(document.read_bytes(), publish.key))
    assert says in run("channel", "inspect", out, "--key", factory.public, code=VERIFY).stderr


def test_a_release_twice_is_refused(publish, bundle):
    out = run("channel", "create", "--name", "x", "-o", publish.folder / "x.json", bundle, bundle, code=FAILURE)
    assert "the same one twice" in out.stderr


def test_a_record_that_cannot_be_read_counts_as_none(device, publish, site):
    publish()
    device.once()
    for text in itertools.chain([b"", b"{}", b"[" * 5000], [json.dumps({**device.seen, "sequence": "1"}).encode()]):
        (device.folder / "channel.json").write_bytes(text)
        assert "is not known any more" in device.once()
        assert device.seen["sequence"] == 1


def test_it_learns_no_id_no_version_and_no_reason(device, publish, site, bundle):
    """The same requests come from each device, whatever became of a release on it."""
    asked = []
    send = site.RequestHandlerClass.do_GET

    def noting(visitor):
        asked.append(f"{visitor.requestline}\n{visitor.headers}")
        send(visitor)
    site.RequestHandlerClass = type("Noting", (site.RequestHandlerClass,), {"do_GET": noting})
    publish(bundle)
    device.once(code=REBOOT)
    device.reboot()
    device.fall_back("modem does not register")
    device.once()
    assert len(asked) >= 3 and not site.reports
    name = bundle.name
    for one in asked:
        text = one.replace(name, "").replace(f"Host: 127.0.0.1:{site.server_port}", "")
        assert "device-1" not in text and "modem" not in text and "test-board" not in text
        header_names = {line.split(":")[0] for line in text.splitlines()[1:] if line}
        assert header_names <= {"Host", "User-Agent", "Accept", "Accept-Encoding", "If-None-Match", "Range", "If-Range",
                                "Connection", ""}, header_names
