# SPDX-License-Identifier: Apache-2.0
"""What goes into a Keelboot initramfs, and where."""

import base64
import os
import re
import struct
import subprocess
from pathlib import Path, PurePosixPath

import kbconf
import kbprocessor

FOLDERS = ("dev", "proc", "sys", "run", "sysroot", "tmp", "etc/keelboot", "usr/lib/keelboot")
HELPER = "usr/lib/keelboot/keelboot-helper"
GUARDIAN = "usr/lib/keelboot/keelboot-guardian"
CONF = "etc/keelboot/system.conf"
DEBUG_SHELL = "etc/keelboot/debug-shell"     # SHELL_MARKER of initramfs/shell.h
HOOKS = "usr/lib/keelboot/hooks"
STAGES = ("pre-update.d", "pre-mount.d", "post-mount.d", "exhausted.d")
HOOK_MAX, HOOK_NAME_MAX = 32, 62        # of hooks/hook.h
RETIRED = "retired.d"                        # KEYRING_RETIRED_DIR of update/wire/keyring_pem.h
KEY_FILE_MAX, KEYS_MAX = 4096, 16            # KEYRING_PEM_MAX; KEYRING_KEYS_MAX of update/keys/keyring.h
ED25519_SPKI = 44
KEY_FILE = re.compile(rb"-----BEGIN PUBLIC KEY-----([^-]*)-----END PUBLIC KEY-----")
# Ed25519 and P-256: a prefix each, and in the last digit no bit that no byte has.
KEY = re.compile(rb"MCowBQYDK2VwAyEA[A-Za-z0-9+/]{42}[AEIMQUYcgkosw048]=|"
                 rb"MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE[A-Za-z0-9+/]{85}[AQgw]==")
# Points of Ed25519 of small order, by their y: anybody can sign for them (keyring_pem.c).
ED25519_FIELD = 2**255 - 19
ED25519_EIGHT = 0x05FC536D880238B13933C6D305ACDFD5F098EFF289F4C345B027B2C28F95E826
ED25519_SMALL = {0, 1, ED25519_EIGHT, ED25519_FIELD - ED25519_EIGHT,
                 ED25519_FIELD - 1, ED25519_FIELD, ED25519_FIELD + 1}
P256_FIELD = 2**256 - 2**224 + 2**192 + 2**96 - 1       # FIPS 186-5: y^2 = x^3 - 3x + b in it
P256_B = 0x5AC635D8AA3A93E7B3EBBD55769886BC651D06B0CC53B0F63BCE3C3E27D2604B
CHECK_CONF = "etc/keelboot/checks"
CHECK_COMMON = "usr/lib/keelboot/checks.sh"
CHECK_KEY = re.compile(r"^# (stage|order|conf): ([a-z0-9-]+)$", re.M)
PT_INTERP = 3
MOUNTED = ("dev", "proc", "sys", "run", "sysroot")      # init mounts over what is there


class ImageError(Exception):
    """Says which file, and what to do."""


def read(path: Path, what: str) -> bytes:
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise ImageError(f"{path}: {error.strerror}; needed as {what}") from None


def _inputs(args):
    """Each file that an option may name: as it is, behind NAME= and before :PATH; keys and drop-ins of folders."""
    for name, value in vars(args).items():
        for text in map(str, value if isinstance(value, list) else [value]):
            if name != "output":
                yield from (text, text.partition("=")[2], text.rpartition(":")[0])
    for folder, what in ((args.keys, "*"), (args.keys, f"{RETIRED}/*"), (args.conf_dir, "*.conf")):
        yield from map(str, Path(folder).glob(what) if folder else ())


def check_target(args) -> None:
    """What is written takes the place of what is there: of a device's node, nothing would be left. Nor would of a
    private key, or of what is read."""
    path = args.output
    if not path.parent.is_dir():
        raise ImageError(f"{path}: its folder {path.parent} is missing; create it first")
    if path.is_dir():
        raise ImageError(f"{path}: is a folder; name a file in it")
    if path.exists() and not path.is_file():
        raise ImageError(f"{path}: no regular file, and not replaced by one; name a file")
    if path.exists() and b"PRIVATE KEY-----" in read(path, "what the image replaces")[:1 << 16]:
        raise ImageError(f"{path}: is a private key, and those are never overwritten; choose another output")
    if path.exists() and any(text and os.path.isfile(text) and path.samefile(text) for text in _inputs(args)):
        raise ImageError(f"{path}: is read by this command, so it is not overwritten; choose another output")


def _is_executable(path) -> bool:
    """By its mode: what lies on a file system that is mounted noexec runs in the image, too."""
    try:
        return bool(os.stat(path).st_mode & 0o111)
    except OSError:
        return False


def shipped(folder: Path) -> list:
    """The names of the checks that come with Keelboot."""
    return sorted(file.name for file in Path(folder).glob("*") if file.suffix != ".sh")


def _is_key(text: bytes) -> bool:
    """The base64 of a key that the device can load: for it, a point that is not on the curve is none, nor one of
    small order."""
    if not KEY.fullmatch(text):
        return False
    spki = base64.b64decode(text)
    if len(spki) == ED25519_SPKI:
        return int.from_bytes(spki[-32:], "little") % 2**255 not in ED25519_SMALL
    x, y = int.from_bytes(spki[-64:-32], "big"), int.from_bytes(spki[-32:], "big")
    return max(x, y) < P256_FIELD and (y**2 - x**3 + 3 * x - P256_B) % P256_FIELD == 0


def _segments(data: bytes) -> tuple:
    """(where the program headers end, [(type, offset, length in the file)]) of an ELF file of any
    machine."""
    wide, order = data[4] == 2, "<" if data[5] == 1 else ">"
    start, = struct.unpack_from(order + ("Q" if wide else "I"), data, 32 if wide else 28)
    size, count = struct.unpack_from(order + "HH", data, 54 if wide else 42)
    form = order + ("I4xQ16xQ" if wide else "II8xI")
    segments = [struct.unpack_from(form, data, at)
                for at in range(start, start + size * count, size)]
    if any(offset + length > len(data) for _, offset, length in segments):
        raise struct.error("a segment behind the end of the file")
    return start + size * count, segments


def elf_sections(data: bytes) -> dict:
    """{name: (offset, length)} of an ELF file of any machine."""
    wide, order = data[4] == 2, "<" if data[5] == 1 else ">"
    start, = struct.unpack_from(order + ("Q" if wide else "I"), data, 40 if wide else 32)
    size, count, names = struct.unpack_from(order + "HHH", data, 58 if wide else 46)
    form = order + ("I20xQQ" if wide else "I12xII")
    if count == 0 or size != (64 if wide else 40):
        return {}
    found = [struct.unpack_from(form, data, at) for at in range(start, start + size * count, size)]
    if names >= len(found):
        raise struct.error("the names of its sections are in none of them")
    table = found[names][1]
    return {data[table + name:table + name + 32].split(b"\0", 1)[0]: (offset, length)
            for name, offset, length in found}


def strip(data: bytes) -> bytes:
    """Without what is for linkers and debuggers: all that no segment covers. Their table is taken
    out of the header. Needs no tool for the device's machine; the file that was built keeps it."""
    wide, order = data[4] == 2, "<" if data[5] == 1 else ">"
    headers_end, segments = _segments(data)
    elf_sections(data)      # of a file that was cut off, the table is missing
    kept = bytearray(data[:max([headers_end] + [offset + length for _, offset, length in segments])])
    # e_shoff; e_shnum and e_shstrndx
    struct.pack_into(order + ("Q" if wide else "I"), kept, 40 if wide else 32, 0)
    struct.pack_into(order + "HH", kept, 60 if wide else 48, 0, 0)
    return bytes(kept)


def interpreter(data: bytes) -> str:
    """What this program needs to run: a script's, a dynamic ELF's; else ''."""
    if data[:2] == b"#!":
        words = data[2:].split(b"\n", 1)[0].split()
        return words[0].decode(errors="replace") if words else ""
    if data[:4] != b"\x7fELF":
        return ""
    for kind, offset, length in _segments(data)[1]:
        if kind == PT_INTERP:
            return data[offset:offset + length].rstrip(b"\0").decode(errors="replace")
    return ""


class Image:
    """Fills an archive. Every program is looked at: would it find what it needs in there?"""

    def __init__(self, archive):
        self.archive = archive
        self.programs = []      # (path in the image, source, data)
        for folder in FOLDERS:
            archive.folder(folder)
        archive.node("dev/console", 5, 1)

    def program(self, path: str, source: Path, data: bytes) -> None:
        self.archive.file(path, data, executable=True, source=str(source))
        self.programs.append((path, str(source), data))

    def init(self, source: Path, helper: Path, guardian: Path) -> None:
        for path, file in (("init", source), (HELPER, helper), (GUARDIAN, guardian)):
            data = read(file, "the program /" + path)
            if data[:4] != b"\x7fELF":
                raise ImageError(f"{file}: not an ELF program, as /{path} must be; use the one that make built")
            needs = self._of_elf(interpreter, file, data)
            if needs:
                raise ImageError(f"{file}: needs {needs}; /{path} must be linked statically")
            self.program(path, file, self._of_elf(strip, file, data))

    def configuration(self, conf, conf_dir) -> None:
        if conf:
            self.archive.file(CONF, read(conf, "system.conf"), source=str(conf))
        if conf_dir:
            files = sorted(self._listing(conf_dir, "drop-ins").glob("*.conf"))
            for file in files:
                self.archive.file(f"{CONF}.d/{file.name}", read(file, "a drop-in"),
                                  source=str(file))
            if not files:
                raise ImageError(f"{conf_dir}: no *.conf in it; leave --conf-dir out if there are "
                                 "no drop-ins")

    def keys(self, folder) -> int:
        """To where the packed configuration looks for them. Public keys only: an initramfs is on
        every device, for everybody to read."""
        target = self._keyring()
        files = sorted(self._listing(folder, "the keyring").glob("[!.]*.pem"))
        if not files:
            raise ImageError(f"{folder}: no *.pem in it; without a key no update would be accepted")
        self._key_files(files, target)
        retired = Path(folder) / RETIRED
        if os.path.lexists(retired):        # whatever its name: what is no key there leaves none trusted
            self._key_files(sorted(self._listing(retired, "retired keys").iterdir()), f"{target}/{RETIRED}")
        return len(files)

    def _key_files(self, files: list, target: str) -> None:
        """Refuses what the device does: see keyring_pem_decode(), and read_text() of keyring_load.c."""
        if len(files) > KEYS_MAX:
            raise ImageError(f"{files[0].parent}: {len(files)} keys, and a device that finds more than {KEYS_MAX} "
                             "trusts none; take out those that sign nothing any more")
        for file in files:
            data = read(file, "a public key")
            if b"PRIVATE KEY" in data:
                raise ImageError(f"{file}: a private key; it must never be on a device. Keep it "
                                 "elsewhere, and only the public ones in --keys")
            if data.count(b"-----BEGIN") > 1 or data.count(b"-----END") > 1:
                raise ImageError(f"{file}: more than one key; use one file for each key")
            pem = KEY_FILE.search(data)
            if b"\0" in data or len(data) > KEY_FILE_MAX or not pem or \
                    not _is_key(pem[1].translate(None, b" \t\r\n")):
                raise ImageError(f"{file}: not a public key: expected one PEM block (-----BEGIN PUBLIC "
                                 "KEY-----) with an Ed25519 or uncompressed P-256 key")
            self.archive.file(f"{target}/{file.name}", data, source=str(file))

    def _keyring(self) -> str:
        target = kbconf.keyring(self.archive.texts())
        parts = PurePosixPath(target).parts
        if len(parts) > 1 and parts[1] in MOUNTED:
            raise ImageError(f"[keyring] path={target}: the boot mounts over /{parts[1]}, which would hide "
                             "the keys; use another folder in system.conf")
        return target

    def hooks(self, folder) -> int:
        """A folder with folders of STAGES in it."""
        count = 0
        for stage in sorted(self._listing(folder, "hooks").iterdir()):
            if not stage.is_dir() or stage.name not in STAGES:
                raise ImageError(f"{stage}: not a stage; --hooks takes a folder with these "
                                 f"folders: {', '.join(STAGES)}")
            for file in sorted(stage.iterdir()):
                if file.name.startswith(".") or file.name.endswith("~"):
                    continue
                if not file.is_file() or not _is_executable(file):
                    raise ImageError(f"{file}: not executable; chmod +x it, or take it out of "
                                     f"{stage}")
                self._hook(stage.name, file.name, file, read(file, "a hook"))
                count += 1
        return count

    def _hook(self, stage: str, name: str, source: Path, data: bytes) -> None:
        """The device would run nothing of a stage that breaks its bounds, and reject every slot."""
        if len(os.fsencode(name)) > HOOK_NAME_MAX:
            raise ImageError(f"{source}: a hook's name has at most {HOOK_NAME_MAX} bytes; shorten "
                             "its name")
        folder = f"{HOOKS}/{stage}/"
        if sum(path.startswith(folder) for path, _, _ in self.programs) == HOOK_MAX:
            raise ImageError(f"{source}: a stage has at most {HOOK_MAX} hooks; let one of {stage} "
                             "call the others")
        self.program(folder + name, source, data)

    def check(self, folder: Path, what: str) -> None:
        """NAME or NAME=FILE: a shipped check, where its head says that it belongs, with what it
        shares with the others, and its settings."""
        name, _, conf = what.partition("=")
        if name not in shipped(folder):
            raise ImageError(f"--check {name}: unknown check; expected one of "
                             f"{', '.join(shipped(folder))}")
        data = read(folder / name, "a check")
        head = dict(CHECK_KEY.findall(data.decode()))
        if head.get("conf") == "required" and not conf:
            raise ImageError(f"--check {name}: needs a file: --check {name}=FILE; "
                             f"{folder / name} says what it holds")
        self._hook(f"{head['stage']}.d", f"{head['order']}-{name}", folder / name, data)
        if not self.archive.has(CHECK_COMMON):
            self.archive.file(CHECK_COMMON, read(folder / "common.sh", "the checks"),
                              source=str(folder / "common.sh"))
        if conf:
            self.archive.file(f"{CHECK_CONF}/{name}", read(conf, f"settings of {name}"),
                              source=conf)

    def busybox(self, source) -> str:
        """busybox, /bin/sh and a link for each applet but modprobe: it could load nothing here, and init would rely
        on it where a driver is missing. Returns a note, or ''."""
        data = read(source, "busybox")
        self.program("bin/busybox", source, data)
        applets, note = [], ""
        try:
            if kbprocessor.is_here(data):
                applets = subprocess.run([str(Path(source).resolve()), "--list-full"],
                                         capture_output=True, text=True, timeout=30, check=True).stdout.split()
        except (OSError, subprocess.SubprocessError):
            pass
        if not applets:
            applets = [f"bin/{name}" for name in kbprocessor.applets(data)]
            note = f"{source} does not run here, so all links to its applets are in /bin"
        if not applets:
            note = (f"{source} does not run here, so only the link /bin/sh was made; scripts use "
                    "`busybox APPLET`")
        applets.insert(0, "bin/sh")
        for applet in applets:
            if applet.rsplit("/", 1)[-1] != "modprobe" and not self.archive.has(applet):
                self.archive.link(applet, "/bin/busybox", source=str(source))
        return note

    def add(self, what: str) -> None:
        """SRC:DST, a file or a whole folder; symbolic links are followed."""
        source, colon, target = what.rpartition(":")
        if not colon or not source or not target.startswith("/"):
            raise ImageError(f"--add {what}: expected FILE:/PATH/IN/IMAGE")
        path = Path(source)
        if path.is_dir():
            self._add_folder(path, target.rstrip("/"), ())
        else:
            self._add_file(path, target)

    def _add_folder(self, path: Path, target: str, above: tuple) -> None:
        """above: the folders that it lies in, as a link may lead back into one."""
        real = path.resolve()
        if real in above:
            raise ImageError(f"--add {path}: a loop of links; leave it out")
        if target:
            self.archive.folder(target)
        for entry in sorted(path.iterdir()):
            if entry.is_dir():
                self._add_folder(entry, f"{target}/{entry.name}", (*above, real))
            elif entry.is_file() or entry.is_symlink():     # of a link to nothing, reading says so
                self._add_file(entry, f"{target}/{entry.name}")

    def _add_file(self, source: Path, target: str) -> None:
        if _is_executable(source):
            self.program(target, source, read(source, "--add"))
        else:
            self.archive.file(target, read(source, "--add"), source=str(source))

    def check_programs(self, kernel: int = 0) -> None:
        """A hook whose shell is missing would reject every slot; and what was built for another processor than the
        kernel (0: not known) would not start."""
        first = kbprocessor.of(self.programs[0][2])
        for path, source, data in self.programs:
            one = kbprocessor.of(data)
            if not kbprocessor.starts(kernel or first, one):
                whose = "the modules are those of" if kernel else f"{self.programs[0][1]} for"
                raise ImageError(f"{source}: built for {kbprocessor.name(one)}, but {whose} "
                                 f"{kbprocessor.name(kernel or first)}; take the programs of one build: --programs DIR")
            needs = self._of_elf(interpreter, source, data)
            if needs and not self.archive.has(needs):
                shell = needs.rsplit("/", 1)[-1] in ("sh", "ash")
                elf = data[:4] == b"\x7fELF"
                way = "add --busybox" if shell else "link it statically" if elf else \
                    "write it for /bin/sh"
                raise ImageError(f"{source}: needs {needs}, which is not in the image; {way}, or "
                                 f"add it with --add FILE:{needs}")

    @staticmethod
    def _of_elf(function, source, data: bytes):
        try:
            return function(data)
        except struct.error:
            raise ImageError(f"{source}: a damaged ELF file") from None

    @staticmethod
    def _listing(folder, what: str) -> Path:
        if not Path(folder).is_dir():
            raise ImageError(f"{folder}: no such folder; needed for {what}")
        return Path(folder)
