# SPDX-License-Identifier: Apache-2.0
"""What the tests of hostile bundles share: a device in a folder that is attacked by the shipped programs, and bundles
that no honest tool makes, signed by a key that the device trusts."""
import hashlib
import os
import pathlib
import re
import struct
import subprocess
import sys
import tempfile
import time

TOP = pathlib.Path(__file__).resolve().parents[2]
sys.path[:0] = [str(TOP / "tests"), str(TOP / "tests/format")]

import keelreader                                                    # noqa: E402
from cli_device import Device, newest_record                           # noqa: E402

KEELBOOT = os.environ.get("KEELBOOT", str(TOP / "build/keelboot"))
HELPER = os.environ.get("KEELBOOT_HELPER", str(TOP / "build/keelboot-helper"))
OK, FAILURE, NOTHING, USAGE, REBOOT, VERIFY, INCOMPATIBLE, BUSY = range(8)
INSTALLED, FAILED = 0, 1                       # keelboot-apply's own; 2: NOTHING
KIB, MIB, GIB = 1 << 10, 1 << 20, 1 << 30
CHUNK = 16 * KIB
MEMORY = 48 * MIB                              # none may have more: ours have up to 8, drivers of tests up to 24
FILL = b"\xb5"                                 # what the target holds before
CONTROL = re.compile(rb"[\x00-\x08\x0b-\x1f\x7f-\xff]")


NOT_SIGNED = re.compile(r"not signed by (the one trusted key|any of the [\d#]+ trusted keys)")
# In the words of a driver, # stands for numbers.
REASON = re.compile(NOT_SIGNED.pattern +
                    r": (it has no signature; sign it: keelboot (bundle|channel) sign|"
                    r"its signature is not valid; copy it again|"
                    r"its signature names key [0-9a-f#]{1,16}, but [0-9a-f#]{1,16} \([\w.#-]{1,40}\)"
                    r"( and [\d#]+ more are| is) trusted; sign it with a trusted key)$")


def cut_reason(line: str) -> str:
    """Without what there is instead of a trusted signature, which the line must say: keyring_test.c has which it is."""
    assert bool(NOT_SIGNED.search(line)) == bool(REASON.search(line)), line
    return REASON.sub(lambda found: f"not signed by {found[1]}", line)


class Result:
    """How a program ended, what it said, and how much memory it had."""

    def __init__(self, code: int, out: bytes, err: bytes, memory: int):
        self.code, self.out, self.err, self.memory = code, out, err, memory

    @property
    def last(self) -> str:
        """The last line on standard error, without the program's name."""
        lines = self.err.decode("ascii").splitlines()
        return cut_reason(lines[-1].partition(": ")[2]) if lines else ""

    def ends(self, code: int, last: str) -> "Result":
        assert (self.code, self.last) == (code, last), self.err
        return self


def watched(command: list, executable, told: str) -> list:
    """The arguments of a program that runs this one, and leaves in the file how many KiB it had at most."""
    whole = [TOP / "build/tests/hostile/peak", told, executable or command[0], *command]
    return [os.fsencode(str(part)) if not isinstance(part, bytes) else part for part in whole]


def start(command: list, timeout: float = 600, env=None, executable=None, **options) -> Result:
    """Runs a program to its end, which has to come by itself: no signal, no hang, no growth."""
    environ = {"PATH": os.environ["PATH"], "KEELBOOT_HELPER": HELPER, **(env or {})}
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err, tempfile.NamedTemporaryFile() as peak:
        child = subprocess.Popen(watched(command, executable, peak.name), stdin=subprocess.DEVNULL, stdout=out,
                                 stderr=err, env=environ, **options)
        end = time.monotonic() + timeout
        pid = 0
        while pid == 0:
            pid, status = os.waitpid(child.pid, os.WNOHANG)
            if pid == 0 and time.monotonic() > end:
                child.kill()
                child.wait()
                raise AssertionError(f"{command}: hangs")
            time.sleep(0 if pid else 0.002)
        child.returncode = os.waitstatus_to_exitcode(status)
        out.seek(0)
        err.seek(0)
        result = Result(child.returncode, out.read(), err.read(), int(peak.read() or 0) * KIB)
    assert result.code >= 0, f"{command}: killed by signal {-result.code}\n{result.err!r}"
    assert 0 < result.memory < MEMORY, f"{command}: had {result.memory} bytes of memory"
    return result


def driver(name: str, *args, verify_first: bool = False) -> list:
    """The lines of a program of tests/hostile/, split at tabs. It ends with 0, or the test is at fault."""
    last = ["verify-first"] if verify_first else []
    result = start([TOP / "build/tests/hostile" / name, HELPER, *args, *last], timeout=1500)
    assert result.code == 0, result.err.decode()
    return [line.split("\t") for line in result.out.decode().splitlines()]


# ---------------------------------------------------------------- keys and bundles


class Keys:
    """Key pairs by name. `ring` is what the device trusts, as a folder."""

    def __init__(self, folder: pathlib.Path):
        self.folder, self.ring = folder, folder / "ring"
        self.ring.mkdir()
        for name, kind in (("signer", "ed25519"), ("second", "p256"), ("stranger", "ed25519"), ("foreign", "p256")):
            assert start([KEELBOOT, "key", "generate", "-o", folder / name, "--type", kind]).code == OK
        for name in ("signer", "second"):
            for suffix in (".pem", ".key"):
                (self.ring / (name + suffix)).write_bytes((folder / (name + suffix)).read_bytes())

    def private(self, name: str) -> pathlib.Path:
        return self.folder / f"{name}.key"

    def public(self, name: str) -> pathlib.Path:
        return self.folder / f"{name}.pem"

    def create(self, path: pathlib.Path, image: pathlib.Path, *options, compatible="test-board", version="2.0",
               sequence=20) -> pathlib.Path:
        """A bundle by the shipped command, of an image file."""
        assert start([KEELBOOT, "bundle", "create", "-o", path, "--compatible", compatible, "--version", version,
                      "--sequence", sequence, "--image", f"root={image}", "--key", self.private("signer"),
                      *options]).code == OK
        return path

    def entry(self, name: str, header: bytes, algorithm=None, digest="-sha256") -> bytes:
        """A signature entry by `openssl` alone. algorithm: what it claims to be."""
        key = keelreader.PublicKey(self.public(name))
        with tempfile.TemporaryDirectory() as folder:
            text = pathlib.Path(folder, "text")
            text.write_bytes(keelreader.DOMAIN + header)
            if key.algorithm == 1:
                command = ["openssl", "pkeyutl", "-sign", "-inkey", self.private(name), "-rawin", "-in", text]
            else:
                command = ["openssl", "dgst", digest, "-sign", self.private(name), text]
            signature = subprocess.run(command, check=True, capture_output=True).stdout
        return signature_entry(algorithm or key.algorithm, key.id, signature)


def signature_entry(algorithm: int, key_id: bytes, signature: bytes, tag: int = 1) -> bytes:
    value = bytes([algorithm, 0]) + key_id + signature
    return struct.pack("<HH", tag, len(value)) + value


def sha256(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()


def padded(data: bytes) -> bytes:
    return data + bytes(-len(data) % 4096)


def varint(value: int) -> bytes:
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7f | 0x80)
        value >>= 7
    return bytes(out + bytes([value]))


class Forge:
    """A bundle with one image, each layer of which can be bent before the one above it is made: the signature is
    good in the end, unless that is what is bent.

    chunks: (form, stored bytes, plain bytes); records, hashes: instead of what follows from them; lines: manifest
    keys by "section key", None takes one away, a list is written as it is; header: fields by name."""

    FIELDS = ("magic", "format", "min_reader", "header_len", "compat", "incompat", "total_len", "sig_cap",
              "manifest_len", "manifest_off", "tables_off", "tables_len", "payload_off", "payload_len", "digest")

    def __init__(self, keys: Keys, image: bytes, chunks=None, **how):
        self.keys, self.image, self.how = keys, padded(image), how
        self.chunks = chunks if chunks is not None else [
            (1, self.image[at:at + CHUNK], self.image[at:at + CHUNK]) for at in range(0, len(self.image), CHUNK)]

    def table(self, page: bytes) -> bytes:
        return sha256(page) + page

    def hash_table(self) -> bytes:
        pages = self.how.get("hashes") or b"".join(sha256(plain) for _, _, plain in self.chunks)
        return self.table(pages)

    def record_table(self) -> bytes:
        page = self.how.get("records")
        if page is None:
            page = struct.pack("<IIQ", 0, len(self.chunks), 0)
            for form, stored, _ in self.chunks:
                page += bytes([form]) + varint(len(stored)) + varint(0)
        return self.table(page)

    def manifest(self, hashes: bytes, records: bytes, payload: bytes) -> bytes:
        zeroes = b"".join(sha256(self.image[at:at + CHUNK]) for at in range(0, len(self.image), CHUNK))
        sections = {
            "bundle": {"format": "1.0", "compatible": "test-board", "version": "2.0", "sequence": 20, "floor": 0,
                       "allow-downgrade": "no"},
            "image.root": {"size": len(self.image), "chunk-size": CHUNK, "digest": sha256(zeroes).hex(),
                           "hashes-offset": 0, "hashes-length": len(hashes),
                           "hashes-digest": sha256(hashes[:32]).hex()},
            "encoding.1": {"image": "root", "kind": "full", "forms": "zero,raw,zstd,zstd-next",
                           "table-offset": len(hashes), "table-length": len(records),
                           "table-digest": sha256(records[:32]).hex(),
                           "payload-offset": 0, "payload-length": len(payload),
                           "payload-digest": keelreader.payload_digest(payload).hex()}}
        for where, value in self.how.get("lines", {}).items():
            section, key = where.split(" ")
            if value is None:
                del sections[section][key]
            else:
                sections.setdefault(section, {})[key] = value
        text = "".join(f"[{name}]\n" + "".join(f"{key}={value}\n" for key, value in keys.items())
                       for name, keys in sections.items())
        return self.how.get("manifest", text.encode("latin-1") + self.how.get("more", b""))

    def header(self, manifest: bytes, tables: bytes, payload: bytes, cap: int) -> bytes:
        values = dict(zip(self.FIELDS, (b"KEELBNDL", 1, 1, 512, 0, 0, 0, cap, len(manifest), 512 + cap,
                                        512 + cap + len(manifest), len(tables),
                                        512 + cap + len(manifest) + len(tables), len(payload), sha256(manifest))))
        values["total_len"] = values["payload_off"] + values["payload_len"]
        values.update(self.how.get("header", {}))
        raw = bytearray(struct.pack("<8sHHIQQQIIQQQQQ32s", *values.values()).ljust(508, b"\0"))
        for at, byte in self.how.get("header_bytes", {}).items():
            raw[at] = byte
        return bytes(raw) + struct.pack("<I", self.how.get("crc", keelreader.crc32c(bytes(raw))))

    def data(self) -> bytes:
        payload = b"".join(stored for _, stored, _ in self.chunks)
        hashes, records = self.hash_table(), self.record_table()
        manifest = self.manifest(hashes, records, payload)
        cap = self.how.get("cap", 512)
        header = self.header(manifest, hashes + records, payload, cap)
        area = self.how.get("area")
        if area is None:
            area = b"".join(self.keys.entry(name, header) for name in self.how.get("signed", ["signer"]))
        elif callable(area):
            area = area(header)
        return header + area.ljust(cap, b"\0") + manifest + hashes + records + payload

    def write(self, path: pathlib.Path) -> pathlib.Path:
        path.write_bytes(self.data())
        return path


# What verifying first says, which reads the stored bytes as one.
DAMAGED = "image root: its payload is not what was signed: the bundle is damaged; copy it again"


def is_damaged(chunk) -> str:
    return f"image root: chunk {chunk} is not what was signed: the bundle is damaged"


def flipped(data: bytes, at: int, bit: int = 1) -> bytes:
    return data[:at] + bytes([data[at] ^ bit]) + data[at + 1:]


# ---------------------------------------------------------------- the device


class Target(Device):
    """A device on which slot a runs 1.0 (sequence 10) and is good; slot b is empty, and full of FILL."""

    SLOT = 256 * KIB
    RECORDS = ((0, 3 * MIB), (8 * MIB, 3 * MIB))    # all of the state partition but its history (docs/STATE.md)
    first_state = {}                                # pages that are not zero, of the state that each begins with

    def __init__(self, path: pathlib.Path, keys: Keys, conf: str = "", slot: int = SLOT):
        super().__init__(path)
        self.keys = keys
        for file in self.slots.values():
            file.write_bytes(FILL * slot)
        for name in ("signer", "second"):
            (self.root / f"etc/keelboot/keys/{name}.pem").write_bytes(keys.public(name).read_bytes())
        self.configure(conf)
        self.begin()
        self.boot("a", version="1.0")
        self.remember()

    def forge(self, *args, **how) -> pathlib.Path:
        """A bundle that a test is about; the one before is gone."""
        return Forge(self.keys, *args, **how).write(self.path / "bad.keel")

    def begin(self) -> None:
        pages = Target.first_state
        if not pages:
            self.init("--slots", 2, "--good", "a", "--version", "1.0", "--sequence", 10)
            data = self.state.read_bytes()
            pages.update((at, data[at:at + 4096]) for at in range(0, len(data), 4096) if any(data[at:at + 4096]))
        with open(self.state, "wb") as out:
            out.truncate(16 * MIB)
            for at, page in pages.items():
                out.seek(at)
                out.write(page)

    def records(self) -> bytes:
        with open(self.state, "rb") as file:
            return sha256(b"".join(os.pread(file.fileno(), size, at) for at, size in self.RECORDS))

    def remember(self) -> None:
        """What is to stay as it is: whatever is refused from now on, the next boot is of the slot that it is of now."""
        self.before = {name: file.read_bytes() for name, file in self.slots.items()}
        self.known = self.records()
        self.runs = newest_record(self.state.read_bytes())[1]["pref"]
        self.old_system_boots()

    def old_system_boots(self) -> None:
        """By the record: its slot is good, the one that is booted next, and nothing else was asked for."""
        lines = newest_record(self.state.read_bytes())[1]
        assert lines["pref"] == self.runs and lines[f"{self.runs}.st"] == "good" and not lines.get("oneshot"), lines

    def __call__(self, *args, code=OK) -> subprocess.CompletedProcess:
        result = self.go(*args)
        assert result.code == code, (args, result.out, result.err)
        return subprocess.CompletedProcess(args, code, result.out.decode(), result.err.decode())

    def go(self, *args, **options) -> Result:
        """A verb of the command."""
        return start([KEELBOOT, *self.options(), *args], **options)

    def apply_command(self, sources, mountable: int = 1, rescue=False) -> list:
        """keelboot-apply, as process 1 calls it."""
        return ["keelboot-apply", "--root", self.root, "--state", self.state, "--mountable", str(mountable),
                *(word for name, file in self.slots.items() for word in ("--slot", f"{name}:root={file}")),
                *(["--rescue"] if rescue else []), *(word for source in sources for word in ("--source", source))]

    def apply(self, *bundles, rescue=False, **options) -> Result:
        """With each bundle raw on a stick of its own."""
        return start(self.apply_command([f"usb:{bundle}" for bundle in bundles], rescue=rescue), executable=HELPER,
                     **options)

    def untouched(self) -> None:
        """Not a byte of either slot; the state as it was, the history aside, so the old system boots as before."""
        for name, file in self.slots.items():
            assert file.read_bytes() == self.before[name], f"slot {name} was written to"
        assert self.records() == self.known, "the state was written"
        assert not list(self.data.rglob("*.keel*")), "something was staged"

    def only_signed(self, *images: bytes) -> None:
        """The slot that runs is as it was, and boots next, unless the other one holds an image to its end; that one
        holds what it held, zeroes, or blocks of the images."""
        assert self.slots["a"].read_bytes() == self.before["a"]
        now = self.slots["b"].read_bytes()
        for at in range(0, len(now), 4096):
            block = now[at:at + 4096]
            assert block in (self.before["b"][at:at + 4096], bytes(4096), *(image[at:at + 4096] for image in images))
        if newest_record(self.state.read_bytes())[1]["b.st"] == "trial":
            assert any(now.startswith(image) for image in images)
        else:
            self.old_system_boots()

    def refuses(self, bundle, code: int, says: str, verbs=("install", "stage")) -> None:
        """Each verb, which may have an option, ends with this code and this line, in which BUNDLE is the file; nothing
        was written."""
        for verb in verbs:
            result = self.go(*verb.split(), bundle, "--progress=none")
            assert result.ends(code, says.replace("BUNDLE", str(bundle))).out == b"", verb
            self.untouched()

    def gives_up(self, bundle, says: str) -> None:
        """What nobody can decode, though it is signed: `stage` refuses it, and an install ends in the middle. It leaves
        blocks of the image in a slot that does not boot."""
        self.refuses(bundle, VERIFY, f"BUNDLE: {says}", verbs=("stage",))
        result = self.go("install", bundle, "--progress=none")
        assert result.ends(VERIFY, f"{bundle}: {says}").out == b""
        assert self.slot("b")["state"] == "writing" and self.json("status")["next"] == "a"

    def installs(self, bundle, image: bytes) -> None:
        result = self.go("install", bundle, "--progress=none")
        assert result.code == OK, result.err
        assert self.slots["b"].read_bytes()[:len(image)] == image
        assert self.slot("b")["state"] == "trial"

    def apply_refuses(self, bundle, says: str, code: int = NOTHING, written=False, rescue=False) -> None:
        """keelboot-apply's line about a raw bundle."""
        result = self.apply(bundle, rescue=rescue)
        lines = [cut_reason(line) for line in result.err.decode("ascii").splitlines()]
        assert result.code == code, (result.code, lines)
        assert f"keelboot-apply: {bundle}: raw bundle: {says}" in lines, lines
        if not written:
            self.untouched()

    def unsigned(self, bundle, says: str) -> None:
        """Nobody who is trusted signed it, enough of them did not, or it cannot be told: for every way in."""
        self.refuses(bundle, VERIFY, f"BUNDLE: {says}")
        self.apply_refuses(bundle, f"refused: {says}")

    def apply_stops(self, bundle, says: str) -> None:
        """keelboot-apply fails before it looks at a bundle, and that is the line that says why."""
        self.apply(bundle).ends(FAILED, says)
        self.untouched()

