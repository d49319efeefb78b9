# SPDX-License-Identifier: Apache-2.0
"""`keelboot image build --uki` and `--addon`: what is in the file, read by other tools, and what bad input gets.
tests/boot/test_uki.py boots them."""

import os
import re
import shutil
import struct
from pathlib import Path

import pytest

import kbkernel
import kbpe
import kbuki
from cli_device import TOP, call
from test_signing import MODULE, new_tokens

PROGRAM = TOP / "initramfs" / "mkinitramfs"
X64, AA64, I386 = 0x8664, 0xaa64, 0x14c
OLD = b"#### LoaderInfo: systemd-%s 257 ####\0"
NX = 0x100
LINE = "console=ttyS0 gpt"


# --- files that look like those that there are ---------------------------------------------------

def pe(sections: dict, machine=X64, flags=0, base=0x140000000, subsystem=10, signed=False) -> bytes:
    """A PE32+ file with these sections. It says of itself the least that a firmware asks for."""
    table, body, address, begin = b"", b"", 0x1000, 0x400
    for name, data in sections.items():
        raw = data + bytes(-len(data) % 512)
        table += kbpe.SECTION.pack(name.encode(), len(data), address, len(raw), begin + len(body), 0, 0, 0, 0, 1 << 30)
        body += raw
        address += -(-len(data) // 4096) * 4096
    optional = struct.pack("<HBBIIIII", 0x20b, 2, 40, 0, len(body), 0, 0x1000, 0x1000)
    optional += struct.pack("<QII6HI", base, 0x1000, 0x200, 0, 0, 0, 0, 1, 1, 0)
    optional += struct.pack("<IIIHH", address, begin, 0, subsystem, flags)
    optional += struct.pack("<4QII", 1 << 20, 4096, 1 << 20, 4096, 0, 16)
    optional += bytes(32) + struct.pack("<II", *((begin, 8) if signed else (0, 0))) + bytes(88)
    head = b"MZ" + bytes(58) + struct.pack("<I", 64) + b"PE\0\0"
    head += struct.pack("<HHIIIHH", machine, len(sections), 0, 0, 0, len(optional), 0x22e) + optional + table
    return head + bytes(begin - len(head)) + body


def kernel(version="6.1.0-9-amd64", size=9000, **options) -> bytes:
    """An EFI program that has the header of a bzImage, which says its version."""
    data = bytearray(pe({".text": b"\x90" * size}, **options))
    data[0x202:0x206] = b"HdrS"
    data[0x20e:0x210] = struct.pack("<H", 0x600)
    text = f"{version} (builder@host) #1 SMP\0".encode()
    data[0x800:0x800 + len(text)] = text
    return bytes(data)


def stub(kind="stub", **options) -> bytes:
    """A stub of systemd, but for its code."""
    return pe({".text": b"\xc3" * 100, ".sdmagic": OLD % kind.encode()}, **options)


def stubs(name: str) -> list:
    """Those of this system and of KEELBOOT_STUBS (tests/boot/test_uki.py), and one that is made here."""
    more = os.environ.get("KEELBOOT_STUBS")
    found = [*kbuki.STUBS.glob(name), *(Path(more).glob(f"*/usr/lib/systemd/boot/efi/{name}") if more else [])]
    return [pytest.param(path.read_bytes(), id=kbuki.STUB.search(path.read_bytes())[2].decode()) for path in found]


IMAGE_STUBS = [*stubs("linuxx64.efi.stub"), pytest.param(stub(), id="made")]
ADDON_STUBS = [*stubs("addonx64.efi.stub"), pytest.param(stub("addon"), id="made")]


@pytest.fixture(scope="session")
def static(tmp_path_factory):
    program = tmp_path_factory.mktemp("program") / "static"
    program.with_suffix(".c").write_text("int main(void) { return 0; }\n")
    call("cc", "-static", "-s", "-o", program, program.with_suffix(".c"))
    return program


@pytest.fixture
def foreign(static, tmp_path):
    """Options that take programs for AArch64."""
    return programs_for(183, static, tmp_path / "foreign")


def programs_for(processor: int, static, path) -> list:
    """Options that take programs for that processor: by what their headers say."""
    data = bytearray(static.read_bytes())
    data[18:20] = struct.pack("<H", processor)
    path.write_bytes(data)
    return [word for name in ("init", "helper", "guardian") for word in (f"--{name}", path)]


@pytest.fixture(scope="session")
def signer(tmp_path_factory):
    """signer(name, kind) makes a key and a certificate; the options that sign with them."""
    folder = tmp_path_factory.mktemp("keys")

    def make(name="db", kind=("rsa:2048",)):
        key, certificate = folder / f"{name}.key", folder / f"{name}.pem"
        if not key.exists():
            call("openssl", "req", "-x509", "-newkey", *kind, "-nodes", "-subj", f"/CN={name}", "-days", "9000",
                 "-keyout", key, "-out", certificate)
        return "--uki-key", key, "--uki-certificate", certificate
    return make


@pytest.fixture
def make(static, tmp_path):
    """make(options…) runs mkinitramfs, and returns its result with .image, the file. Bytes among the options stand for
    a file with these bytes."""
    def run(*options, expect=0, name="out.efi", env=None, form=("--compress", "none")):
        out, words = tmp_path / name, []
        for number, word in enumerate(options):
            if isinstance(word, bytes):
                (tmp_path / f"input-{number}").write_bytes(word)
                word = tmp_path / f"input-{number}"
            words.append(word)
        done = call(PROGRAM, "-o", out, "--init", static, "--helper", static, "--guardian", static, *words,
                    *form, code=expect, env={**os.environ, "TMPDIR": str(tmp_path), **(env or {})})
        assert "Traceback" not in done.stderr
        assert out.exists() == (expect == 0)
        assert not [*tmp_path.glob("keelboot-uki-*"), *tmp_path.glob(".out*")], "it leaves nothing behind"
        done.image = out
        return done
    return run


def said(make, *options, code=1, **rest) -> str:
    """The last line of what it says to options that it has to refuse."""
    return make(*options, expect=code, **rest).stderr.strip().splitlines()[-1]


def content(image: Path, name: str) -> bytes:
    """A section as binutils read it."""
    out = image.with_suffix(name)
    call("objcopy", "-O", "binary", "--only-section", name, image, out)
    return out.read_bytes()


def table(image: Path) -> list:
    """(name, size, address) of each section, as binutils read it."""
    text = call("objdump", "-h", image).stdout
    return [(name, int(size, 16), int(address, 16))
            for name, size, address in re.findall(r"^ +\d+ (\S+) +([0-9a-f]{8}) +([0-9a-f]{16})", text, re.M)]


def names(image: Path) -> list:
    return [name for name, _, _ in table(image)]


def modules(folder: Path, version: str) -> Path:
    """/lib/modules/VERSION, with a module."""
    made = folder / "lib/modules" / version
    made.mkdir(parents=True)
    (made / "one.ko").write_bytes(b"\x7fELF")
    (made / "modules.dep").write_text("one.ko:\n")
    return made


# --- what is in it ------------------------------------------------------------------------------

@pytest.mark.parametrize("data", IMAGE_STUBS)
def test_image_has_all_that_boots_behind_the_stub(make, data):
    release = b'PRETTY_NAME="Acme 1"\nID=acme\n'
    image = make("--uki", kernel(), "--stub", data, "--cmdline", LINE, "--os-release", release).image
    assert names(image) == [one.name for one in kbpe.read(data, "stub").sections] + [
        ".osrel", ".cmdline", ".uname", ".initrd", ".linux"]
    for name, wanted in ((".osrel", release), (".cmdline", LINE.encode()), (".uname", b"6.1.0-9-amd64"),
                         (".linux", kernel()), (".initrd", make(name="plain.img").image.read_bytes()),
                         (".text", kbpe.read(data, "stub").content(".text"))):
        assert content(image, name) == wanted, name


@pytest.mark.parametrize("data", IMAGE_STUBS)
@pytest.mark.parametrize("size", (4096, 4097, 70_000))
def test_no_section_lies_on_another_and_each_begins_a_page(make, data, size):
    rows = table(make("--uki", kernel(size=size), "--stub", data).image)
    free = 0
    for number, (name, length, address) in enumerate(rows):
        assert address >= free, name
        assert address % 4096 == 0 or number < len(rows) - 5, name
        free = address + length


@pytest.mark.parametrize("line, warned", [("quiet", True), ("panic=0 quiet", True), ("quiet panic=10", False),
                                          ("panic=-1", False)])
def test_a_command_line_whose_kernel_would_hang_is_warned_of(make, tmp_path, line, warned):
    """The boot loader waits for a restart that never comes."""
    data = tmp_path / "stub"
    data.write_bytes(stub())
    said = make("--uki", kernel(), "--stub", data, "--cmdline", line).stderr
    assert ("warning: --cmdline has no panic=" in said) == warned


@pytest.mark.skipif(not kbuki.STUBS.is_dir(), reason="package systemd-boot-efi is not installed")
def test_image_says_of_itself_what_nobody_told(make):
    """With the kernel and the stub of this Debian."""
    there = kbkernel.get()
    done = make("--uki", there.bzimage)
    assert f"UKI with Linux {there.version}, not signed" in done.stdout
    assert content(done.image, ".uname") == there.version.encode()
    assert content(done.image, ".cmdline") == b"gpt panic=10 watchdog.stop_on_reboot=0"
    assert f'PRETTY_NAME="Keelboot (Linux {there.version})"\n' in content(done.image, ".osrel").decode()
    assert content(done.image, ".linux") == there.bzimage.read_bytes()


def test_version_of_a_kernel_that_does_not_say_it_is_that_of_its_modules(make, tmp_path):
    folder = modules(tmp_path, "6.6.30-acme+")
    options = ("--uki", pe({".text": b"kernel"}), "--stub", stub(), "--modules-dir")
    assert content(make(*options, folder, "--module", "one").image, ".uname") == b"6.6.30-acme+"
    assert ".uname" not in names(make(*options[:-1]).image)
    assert content(make(*options[:-1], "--uname", "6.9").image, ".uname") == b"6.9"


ZSTD, GZIP = b"\x28\xb5\x2f\xfd", b"\x1f\x8b"


@pytest.mark.parametrize("options, magic", [
    (("--uki", kernel("6.1.0-9-amd64")), ZSTD), (("--uki", kernel("5.8.18")), GZIP),
    (("--uki", pe({".text": b"Linux version 5.9.1 (builder@host)"})), ZSTD),        # as an Image of AArch64 has it
    (("--uki", pe({".text": b"kernel"})), GZIP), (("--uki", pe({".text": b"kernel"}), "--uname", "6.6.30"), ZSTD),
    (("--addon",), GZIP), (("--addon", "--uname", "6.6.30"), ZSTD)])
def test_the_kernel_or_its_name_says_what_it_can_unpack(make, options, magic):
    data = stub("addon" if "--addon" in options else "stub")
    done = make(*options, "--stub", data, form=())
    assert content(done.image, ".initrd").startswith(magic)
    assert ("the kernel is not known" in done.stderr) == (magic == GZIP and options[1:] != (kernel("5.8.18"),))


def test_the_configuration_beside_a_kernel_counts(make, tmp_path):
    (tmp_path / "vmlinuz").write_bytes(kernel("6.1.0-9-amd64"))
    (tmp_path / "config-6.1.0-9-amd64").write_text("CONFIG_RD_GZIP=y\n# CONFIG_RD_ZSTD is not set\n")
    options = ("--uki", tmp_path / "vmlinuz", "--stub", stub())
    assert content(make(*options, form=()).image, ".initrd").startswith(GZIP)
    text = said(make, *options, name="b.efi", form=("--compress", "zstd"))
    assert f"{tmp_path}/config-6.1.0-9-amd64 has no CONFIG_RD_ZSTD=y" in text


def test_same_input_gives_the_same_bytes(make, tmp_path):
    options = ("--uki", kernel(), "--stub", stub())
    first = make(*options).image.read_bytes()
    assert make(*options, name="again.efi").image.read_bytes() == first
    dated = make(*options, name="dated.efi", env={"SOURCE_DATE_EPOCH": "1700000000"}).image.read_bytes()
    for data, time in ((first, "Thu Jan  1 00:00:00 1970"), (dated, "Tue Nov 14 22:13:20 2023")):
        (tmp_path / "image").write_bytes(data)
        shown = call("objdump", "-p", tmp_path / "image", env={**os.environ, "TZ": "UTC"}).stdout
        assert f"Time/Date\t\t{time}" in shown


@pytest.mark.parametrize("flags", (0, NX))
def test_image_bears_strict_memory_if_its_kernel_does(make, flags):
    made = make("--uki", kernel(flags=flags), "--stub", stub(flags=NX | 0x40)).image
    assert kbpe.read(made.read_bytes(), "made").nx == bool(flags)
    assert ("NX_COMPAT" in call("objdump", "-p", made).stdout) == bool(flags)
    assert "DYNAMIC_BASE" in call("objdump", "-p", made).stdout


@pytest.mark.skipif(not shutil.which("aarch64-linux-gnu-objcopy"), reason="package binutils-aarch64-linux-gnu is not "
                                                                          "installed")
def test_image_and_addon_for_another_processor(make, foreign):
    kernel_aa64 = pe({".text": b"Linux version 6.1.9 (who@where)"}, AA64)
    image = make(*foreign, "--uki", kernel_aa64, "--stub", stub(machine=AA64)).image
    made = kbpe.check(kbpe.read(image.read_bytes(), "made"), "made")
    assert made.machine == AA64 and made.content(".uname") == b"6.1.9"
    image = make(*foreign, "--addon", "--stub", stub("addon", machine=AA64), name="addon.efi").image
    assert kbpe.read(image.read_bytes(), "made").machine == AA64


@pytest.mark.parametrize("data", ADDON_STUBS)
def test_addon_has_the_initramfs_and_no_kernel(make, tmp_path, data):
    own = [one.name for one in kbpe.read(data, "stub").sections]
    image = make("--addon", "--stub", data, "--cmdline", LINE, "--modules-dir", modules(tmp_path, "6.1.0-9-amd64"),
                 "--module", "one").image
    assert names(image) == [*own, ".sbat", ".uname", ".initrd", ".cmdline"]
    assert content(image, ".uname") == b"6.1.0-9-amd64" and content(image, ".cmdline") == LINE.encode()
    assert content(image, ".sbat").startswith(b"sbat,1,") and b"\nuki-addon,1," in content(image, ".sbat")
    bare = make("--addon", "--stub", data, name="bare.efi").image
    assert names(bare) == [*own, ".sbat", ".initrd"]
    assert content(bare, ".initrd") == make(name="plain.img").image.read_bytes()


# --- how it is signed ---------------------------------------------------------------------------

signs = pytest.mark.skipif(not shutil.which("sbsign"), reason="package sbsigntool is not installed")


def is_signed_by(image: Path, certificate: Path) -> bool:
    return call("sbverify", "--cert", certificate, image, code=None).returncode == 0


@signs
@pytest.mark.parametrize("data", IMAGE_STUBS)
def test_signature_is_that_of_the_key_and_covers_all(make, signer, data):
    mine, other = signer(), signer("other")
    done = make("--uki", kernel(), "--stub", data, *mine)
    assert ", signed;" in done.stdout
    assert is_signed_by(done.image, mine[3]) and not is_signed_by(done.image, other[3])
    whole = done.image.read_bytes()
    for name in names(done.image):
        bad = bytearray(whole)
        bad[kbpe.read(whole, "made").section(name).offset] ^= 1
        done.image.write_bytes(bad)
        assert not is_signed_by(done.image, mine[3]), name
    assert not is_signed_by(make("--uki", kernel(), "--stub", data, name="bare.efi").image, mine[3])


@signs
def test_addon_is_signed_too(make, signer):
    assert is_signed_by(make("--addon", "--stub", stub("addon"), *signer()).image, signer()[3])


@signs
@pytest.mark.skipif(not shutil.which("softhsm2-util"), reason="package softhsm2 is not installed")
@pytest.mark.skipif(not list(Path("/usr/lib").glob("*/engines-3/pkcs11.so")),
                    reason="package libengine-pkcs11-openssl is not installed")
def test_key_may_stay_in_a_token(make, signer, tmp_path):
    _, key, _, certificate = signer()
    env, softhsm = new_tokens(tmp_path)
    softhsm("--init-token", "--free", "--label", "uefi", "--pin", "2468", "--so-pin", "13579")
    softhsm("--import", key, "--token", "uefi", "--label", "db", "--id", "01", "--pin", "2468")

    def options(name, pin="2468"):
        return ("--uki", kernel(), "--stub", stub(), "--uki-certificate", certificate, "--uki-key",
                f"pkcs11:token=uefi;object={name}?module-path={MODULE}&pin-value={pin}")
    assert is_signed_by(make(*options("db"), env=env).image, certificate)
    (tmp_path / "out.efi").unlink()
    text = said(make, *options("no"), env=env)
    assert "sbsign: failed to sign for Secure Boot" in text and "2468" not in text


# --- what bad input gets ------------------------------------------------------------------------

REFUSED = {
    "text": (("--uki", b"no kernel\n"), "not an EFI program"),
    "empty": (("--uki", b""), "not an EFI program"),
    "elf": (("--uki", b"\x7fELF" + bytes(4000)), "CONFIG_EFI_STUB"),
    "gzip": (("--uki", b"\x1f\x8b" + bytes(4000)), "CONFIG_EFI_STUB"),
    "cut": (("--uki", kernel()[:300]), "cut off or damaged"),
    "i386": (("--uki", kernel(machine=I386)), "a processor that is not known here (PE machine 0x14c)"),
    "uki": (("--uki", pe({".text": b"x", ".linux": b"y"})), "a unified kernel image already"),
    "missing": (("--uki", "/none/vmlinuz"), "/none/vmlinuz: No such file or directory; needed as the kernel"),
    "other processor": (("--uki", kernel(machine=AA64)), "static: not for AArch64, as"),
    "stub of another": (("--uki", kernel(), "--stub", stub(machine=AA64)), "but the kernel or /init is for x86-64"),
    "addon's stub": (("--uki", kernel(), "--stub", stub("addon")), "systemd-addon, but --uki needs systemd-stub"),
    "image's stub": (("--addon",), "systemd-stub, but --addon needs systemd-addon"),
    "no stub": (("--uki", kernel(), "--stub", kernel()), "not a stub of systemd"),
    "a driver": (("--uki", kernel(), "--stub", stub(subsystem=11)), "not a stub of systemd"),
    "signed stub": (("--uki", kernel(), "--stub", stub(signed=True)), "signed already"),
    "stub with a kernel": (("--uki", kernel(), "--stub", pe({".sdmagic": OLD % b"stub", ".linux": b"x"})),
                           "has a section .linux already"),
    "stub without sections": (("--uki", kernel(), "--stub", pe({}) + OLD % b"stub"), "it has no sections"),
    "no words": (("--uki", kernel(), "--cmdline", " "), "takes the boot loader's even with Secure Boot"),
    "two lines": (("--uki", kernel(), "--cmdline", "a\nb"), "not printable ASCII"),
    "umlaut": (("--uki", kernel(), "--cmdline", "ä"), "not printable ASCII"),
    "long": (("--uki", kernel(), "--cmdline", "a" * 2048), "2048 characters; a kernel for x86 takes 2047"),
    "no words in an addon": (("--addon", "--stub", stub("addon"), "--cmdline", ""), "--cmdline: empty"),
    "os-release": (("--uki", kernel(), "--os-release", b"VERSION=1\n"), "no os-release(5)"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_boot_is_refused(make, name):
    options, text = REFUSED[name]
    assert text in said(make, "--stub", stub(), *options)


def test_sections_of_a_stub_that_overlap_are_refused(make):
    data = bytearray(stub())
    at = data.index(b".sdmagic")
    data[at + 12:at + 16] = struct.pack("<I", 0x1000)
    assert "damaged: section .sdmagic lies on .text" in said(make, "--uki", kernel(), "--stub", bytes(data))
    data[at + 12:at + 16] = struct.pack("<I", 0x900000)
    assert "damaged: section .sdmagic ends behind the image" in said(make, "--uki", kernel(), "--stub", bytes(data))
    assert "damaged: section .sdmagic ends behind the file" in said(make, "--uki", kernel(), "--stub", stub()[:-512])


def test_programs_of_another_processor_are_refused(make, foreign, static, tmp_path):
    m68k = programs_for(4, static, tmp_path / "m68k")
    assert "m68k: not a program for x86-64 or AArch64" in said(make, *m68k, "--addon")
    assert "not for x86-64, as" in said(make, *foreign, "--uki", kernel(), "--stub", stub())
    assert "but the kernel or /init is for AArch64" in said(make, *foreign, "--addon", "--stub", stub("addon"))


def test_modules_of_another_kernel_are_refused(make, tmp_path):
    folder = modules(tmp_path, "6.6.30")
    text = said(make, "--uki", kernel(), "--stub", stub(), "--modules-dir", folder, "--module", "one")
    assert "Linux 6.1.0-9-amd64, but --modules-dir has modules of 6.6.30" in text


@pytest.mark.parametrize("options, text", (
    (("--uki", "k", "--addon"), "make each by itself"),
    (("--cmdline", "quiet"), "--cmdline needs --uki or --addon"),
    (("--os-release", "f"), "--os-release needs --uki or --addon"),
    (("--uki", "k", "--uki-key", "f"), "--uki-key and --uki-certificate belong together"),
    (("--uki", "k", "--uki-certificate", "f"), "--uki-key and --uki-certificate belong together"),
    (("--addon", "--os-release", "f"), "--os-release is the image's"),
))
def test_options_that_do_not_fit_together_are_wrong_usage(make, options, text):
    assert text in said(make, *options, code=3)


@pytest.mark.parametrize("program, package, options", (
    ("objcopy", "binutils", ()), ("sbsign", "sbsigntool", "signer")))
def test_a_program_that_is_missing_is_named_with_its_package(make, signer, tmp_path, program, package, options):
    (tmp_path / "bin").mkdir()
    if program != "objcopy":
        (tmp_path / "bin/x86_64-linux-gnu-objcopy").symlink_to(shutil.which("objcopy"))
    text = said(make, "--uki", kernel(), "--stub", stub(), *(signer() if options else ()),
                env={"PATH": str(tmp_path / "bin")})
    assert f"{program}: program not found" in text and f"apt-get install {package}" in text


@pytest.mark.parametrize("begin, word, more, text", (
    (".linux=0x", ".linux=0x140001000", [], "section .linux lies on .text"),
    (".initrd=/", ".initrd=/bin/sh", [], "section .initrd is not what was put in"),
    ("none", "", ["--change-section-vma", ".sdmagic=0x140900000"], "section .sdmagic of the stub is not what it was"),
))
def test_what_objcopy_wrote_is_read_back(make, tmp_path, begin, word, more, text):
    """An objcopy that does other things: moves a section, or puts another file into the image."""
    (tmp_path / "bin").mkdir()
    fake = tmp_path / "bin/x86_64-linux-gnu-objcopy"
    fake.write_text("#!/usr/bin/python3\nimport os, sys\n"
                    f"words = [{word!r} if word.startswith({begin!r}) else word for word in sys.argv[1:]]\n"
                    f"os.execv('{shutil.which('objcopy')}', ['objcopy', *{more!r}, *words])\n")
    fake.chmod(0o755)
    assert text in said(make, "--uki", kernel(), "--stub", stub(), env={"PATH": f"{tmp_path}/bin:{os.environ['PATH']}"})


@signs
def test_keys_that_no_firmware_takes_are_refused(make, signer, tmp_path):
    """The key of bundles, for one, is such a key."""
    options = ("--uki", kernel(), "--stub", stub())
    elliptic = signer("elliptic", ("ec", "-pkeyopt", "ec_paramgen_curve:P-256"))
    assert "its key is not RSA" in said(make, *options, *elliptic)
    der = tmp_path / "db.der"
    call("openssl", "x509", "-in", signer()[3], "-outform", "DER", "-out", der)
    assert "not a certificate in PEM" in said(make, *options, *signer()[:3], der)
    assert "needed as the private key" in said(make, *options, "--uki-key", tmp_path / "no", *signer()[2:])
    assert "sbsign: failed" in said(make, *options, *signer("other")[:2], *signer()[2:])
    for text, problem in (("AAAA", "its key is not RSA"), ("AAAAA", "a damaged certificate")):
        (tmp_path / "bad.pem").write_text(f"-----BEGIN CERTIFICATE-----\n{text}\n-----END CERTIFICATE-----\n")
        assert problem in said(make, *options, *signer()[:3], tmp_path / "bad.pem")
