# SPDX-License-Identifier: Apache-2.0
"""A unified kernel image (UKI): one EFI program with kernel, command line and initramfs, that one signature covers; and
an addon, which brings command line and initramfs to a UKI that a vendor has signed.

objcopy puts both together, from a stub of systemd; sbsign signs. What they wrote is read back."""

import base64
import os
import re
import shutil
import struct
import subprocess
import tempfile
from pathlib import Path
from urllib.parse import unquote

import kbpe

STUBS = Path("/usr/lib/systemd/boot/efi")
SUFFIXES = {0x8664: "x64", 0xaa64: "aa64"}
OBJCOPY = {0x8664: "x86_64-linux-gnu-objcopy", 0xaa64: "aarch64-linux-gnu-objcopy"}
PACKAGES = {"objcopy": "binutils", "aarch64-linux-gnu-objcopy": "binutils-aarch64-linux-gnu", "sbsign": "sbsigntool"}
STUB = re.compile(rb"#### LoaderInfo: systemd-(stub|addon) (\d+)")
# An empty command line would be none: then the stub takes that of the boot loader, even with Secure Boot.
COMMAND_LINE = "gpt panic=10 watchdog.stop_on_reboot=0"
COMMAND_LINE_MAX = 2047     # of x86
INITRD_ADDON = 257          # the first stub that takes an initrd from an addon
# systemd-boot has no entry for a UKI without one of them.
OS_RELEASE_KEY = re.compile(rb"^(PRETTY_NAME|IMAGE_ID|NAME|ID)=.", re.M)
CERTIFICATE = re.compile(rb"-----BEGIN CERTIFICATE-----([A-Za-z0-9+/=\s]+)-----END CERTIFICATE-----")
PIN = re.compile(r"pin-value=[^;&\s]*")
RSA_KEY = bytes.fromhex("06092a864886f70d010101")       # rsaEncryption, the type of the certificate's own key
# By the name under which shim revokes addons; without it, shim loads none. Stubs bring their own.
ADDON_SBAT = (b"sbat,1,SBAT Version,sbat,1,https://github.com/rhboot/shim/blob/main/SBAT.md\n"
              b"uki-addon,1,UKI Addon,addon,1,"
              b"https://www.freedesktop.org/software/systemd/man/latest/systemd-stub.html\n")


class UkiError(Exception):
    """Says what cannot be made, why, and what to do."""


def add_options(parser) -> None:
    parser.add_argument("--uki", type=Path, metavar="KERNEL",
                        help="write a unified kernel image: one EFI program with this kernel, its command line and the "
                             "initramfs; needs systemd-boot-efi and binutils")
    parser.add_argument("--addon", action="store_true",
                        help="write an addon, which brings the initramfs to a unified kernel image that is signed "
                             f"already and has a stub of systemd {INITRD_ADDON} or newer")
    parser.add_argument("--uki-key", metavar="FILE",
                        help="private RSA key for Secure Boot, as a file or pkcs11: URI; sbsign signs with it")
    parser.add_argument("--uki-certificate", type=Path, metavar="FILE",
                        help="certificate of that key (PEM), which the firmware's db trusts")
    parser.add_argument("--cmdline", metavar="TEXT",
                        help="kernel command line of --uki, or what --addon appends to it; default for --uki: "
                             f'"{COMMAND_LINE}"')
    parser.add_argument("--os-release", type=Path, metavar="FILE",
                        help="os-release(5) for the menu of systemd-boot; default: one that names Keelboot and the "
                             "kernel")
    parser.add_argument("--uname", metavar="VERSION",
                        help="version of the kernel; default: as KERNEL or the folder of --modules-dir says")
    parser.add_argument("--stub", type=Path, metavar="FILE",
                        help=f"stub of systemd to begin with; default: the one for the processor, in {STUBS}")


def check_options(args, parser) -> None:
    made = args.uki or args.addon
    if args.uki and args.addon:
        parser.error("--uki and --addon: an addon has no kernel; make each by itself")
    for option in ("uki_key", "uki_certificate", "cmdline", "os_release", "uname", "stub"):
        if getattr(args, option) is not None and not made:
            parser.error(f"--{option.replace('_', '-')} needs --uki or --addon")
    if (args.uki_key is None) != (args.uki_certificate is None):
        parser.error("--uki-key and --uki-certificate belong together; one of them is missing")
    if args.addon and args.os_release:
        parser.error("--addon: --os-release is the image's, which an addon cannot change; leave it out")


def release(args) -> str:
    """The version of the kernel, as a person or its own file says it; ""."""
    return args.uname or (_version(_read(args.uki, "the kernel")) if args.uki else "")


def warning(args) -> str:
    """What a person should know of it who gave the command line; ""."""
    words = (args.cmdline or "").split() if args.uki else []
    if not words or any(word.startswith("panic=") and word != "panic=0" for word in words):
        return ""
    return ("--cmdline has no panic=: unless the kernel was built to restart, one that panics before init hangs, and "
            "no boot loader falls back; add panic=10")


def make(args, initrd: bytes, time: int) -> tuple:
    """The image or the addon, signed if there is a key; and what it is, for people. time: of the files in it."""
    data, what = (_image if args.uki else _addon)(args, initrd, time)
    if args.uki_key is None:
        return data, f"{what}, not signed"
    return _sign(data, args.uki_key, args.uki_certificate), f"{what}, signed"


def _image(args, initrd: bytes, time: int) -> tuple:
    kernel = _read(args.uki, "the kernel")
    machine, nx = _of_kernel(kernel, args.uki)
    if _machine_of(args.init) != machine:
        raise UkiError(f"{args.init}: not for {kbpe.MACHINES[machine]}, as {args.uki} is; name the programs of that "
                       "processor with --init, --helper and --guardian")
    version = release(args) or _of_modules(args.modules_dir)
    _same_version(version, args)
    sections = {
        ".osrel": _os_release(args.os_release, version),
        ".cmdline": _command_line(COMMAND_LINE if args.cmdline is None else args.cmdline),
        ".uname": version.encode(),
        ".initrd": initrd,
        ".linux": kernel,       # the last: an old kernel unpacks itself over what follows
    }
    data = _assemble(_stub(args, machine, "stub"), sections)
    return _finish(data, nx, time), f"UKI with Linux {version or 'of unknown version'}"


def _addon(args, initrd: bytes, time: int) -> tuple:
    version = args.uname or _of_modules(args.modules_dir)
    sections = {".sbat": ADDON_SBAT, ".uname": version.encode(), ".initrd": initrd}
    if args.cmdline is not None:
        sections[".cmdline"] = _command_line(args.cmdline)
    data = _assemble(_stub(args, _machine_of(args.init), "addon"), sections)
    return _finish(data, True, time), f"addon for UKIs with {f'Linux {version}' if version else 'any kernel'}"


# --- what goes in -------------------------------------------------------------------------------

def _read(path: Path, what: str) -> bytes:
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise UkiError(f"{path}: {error.strerror}; needed as {what}") from None


def _of_kernel(data: bytes, path: Path) -> tuple:
    """(machine, NX)"""
    try:
        pe = kbpe.read(data, str(path))
    except kbpe.PeError as error:
        raise UkiError(f"{error}; --uki takes a kernel with EFI stub (CONFIG_EFI_STUB): bzImage of x86-64, Image of "
                       "AArch64") from None
    if pe.machine not in SUFFIXES:
        raise UkiError(f"{path}: for a processor that is not known here (PE machine {pe.machine:#x}); expected one of "
                       f"{', '.join(kbpe.MACHINES.values())}")
    if pe.section(".linux"):
        raise UkiError(f"{path}: a unified kernel image already; --uki takes a kernel, --addon extends an image")
    return pe.machine, pe.nx


def _version(data: bytes) -> str:
    """What `uname -r` prints with this kernel; "" where the file does not say."""
    if data[0x202:0x206] == b"HdrS":
        at = int.from_bytes(data[0x20e:0x210], "little")
        text = data[at + 0x200:at + 0x300]
    else:
        at = data.find(b"Linux version ")
        text = data[at + 14:at + 270] if at >= 0 else b""
    match = re.match(rb"\d[\w.+~-]*", text)
    return match[0].decode() if match else ""


def _of_modules(folder) -> str:
    """/lib/modules/VERSION; "" for a folder with another name."""
    name = folder.resolve().name if folder else ""
    return name if re.fullmatch(r"\d[\w.+~-]*", name) else ""


def _same_version(version: str, args) -> None:
    modules = _of_modules(args.modules_dir)
    if modules and version != modules:
        raise UkiError(f"{args.uki}: Linux {version}, but --modules-dir has modules of {modules}, which this kernel "
                       "refuses to load; take both from one package")


def _command_line(text: str) -> bytes:
    text = text.strip()
    if not text:
        raise UkiError("--cmdline: empty; with no command line of its own, the image takes the boot loader's even with "
                       f'Secure Boot; write at least one word, such as "{COMMAND_LINE}"')
    if not (text.isascii() and text.isprintable()):
        raise UkiError("--cmdline: a character that is not printable ASCII; write the parameters in one line")
    if len(text) > COMMAND_LINE_MAX:
        raise UkiError(f"--cmdline: {len(text)} characters; a kernel for x86 takes {COMMAND_LINE_MAX}")
    return text.encode()


def _os_release(path, version: str) -> bytes:
    if path is None:
        name = f"Keelboot (Linux {version})" if version else "Keelboot"
        return f'ID=keelboot\nNAME=Keelboot\nPRETTY_NAME="{name}"\nVERSION_ID="{version}"\n'.encode()
    data = _read(path, "os-release")
    if not OS_RELEASE_KEY.search(data):
        raise UkiError(f"{path}: no os-release(5): it has neither PRETTY_NAME= nor ID=, so no boot menu would list it")
    return data


def _machine_of(init: Path) -> int:
    """The processor that the programs of the initramfs are for."""
    head = _read(init, "the program /init")[:20]
    kinds = {62: 0x8664, 183: 0xaa64}       # e_machine
    kind = struct.unpack_from("<H", head, 18)[0] if len(head) == 20 and head[:4] == b"\x7fELF" else 0
    if kind not in kinds:
        known = " or ".join(kbpe.MACHINES.values())
        raise UkiError(f"{init}: not a program for {known}; --uki and --addon make images for these")
    return kinds[kind]


def _stub(args, machine: int, kind: str) -> tuple:
    """(path, Pe) of what the image begins with. kind: "stub" or "addon"."""
    name = f"{'linux' if kind == 'stub' else 'addon'}{SUFFIXES[machine]}.efi.stub"
    path = args.stub or STUBS / name
    if not args.stub and not path.exists():
        need = "systemd-boot-efi" if kind == "stub" else "systemd-boot-efi 254 or newer"
        raise UkiError(f"{path}: not found; it is in the package {need}, or give another with --stub FILE")
    pe = kbpe.check(kbpe.read(_read(path, "the stub"), str(path)), str(path))
    told = STUB.search(pe.data)
    if not told or pe.subsystem != kbpe.EFI_APPLICATION:
        raise UkiError(f"{path}: not a stub of systemd; expected a file such as {STUBS / name}")
    if told[1].decode() != kind:
        raise UkiError(f"{path}: systemd-{told[1].decode()}, but {'--uki' if kind == 'stub' else '--addon'} needs "
                       f"systemd-{kind}, such as {STUBS / name}")
    if pe.machine != machine:
        raise UkiError(f"{path}: for {kbpe.MACHINES.get(pe.machine, hex(pe.machine))}, but the kernel or /init is for "
                       f"{kbpe.MACHINES[machine]}; use the stub {name}")
    if pe.signed:
        raise UkiError(f"{path}: signed already, which would not cover what is added; use the stub without signature")
    return path, pe


# --- how it is put together ---------------------------------------------------------------------

def _assemble(stub: tuple, sections: dict) -> bytes:
    """The stub with these sections behind its own; empty ones are left out."""
    path, pe = stub
    wanted = {name: data for name, data in sections.items() if data}
    clash = [name for name in wanted if pe.section(name)]
    if clash:
        raise UkiError(f"{path}: has a section {clash[0]} already; use the stub as its package has it")
    with tempfile.TemporaryDirectory(prefix="keelboot-uki-") as folder:
        work, options, address = Path(folder), [], pe.end
        for name, data in wanted.items():
            file = work / name[1:]
            file.write_bytes(data)
            kind = "code" if name == ".linux" else "data"
            options += ["--add-section", f"{name}={file}", "--set-section-flags", f"{name}={kind},readonly",
                        "--change-section-vma", f"{name}={pe.base + address:#x}"]
            address = pe.aligned(address + len(data))
        _tool([_objcopy(pe.machine), *options, path, work / "out"], "to put the image together")
        made = (work / "out").read_bytes()
    _read_back(made, pe, wanted)
    return made


def _objcopy(machine: int) -> str:
    """binutils for the stub's processor, or those of this host."""
    native = os.uname().machine.replace("_", "-").lower() == kbpe.MACHINES[machine].lower()
    return "objcopy" if native and not shutil.which(OBJCOPY[machine]) else OBJCOPY[machine]


def _read_back(made: bytes, stub: kbpe.Pe, wanted: dict) -> None:
    """What objcopy wrote is the stub, unmoved, and each section as it was given."""
    pe = kbpe.check(kbpe.read(made, "what objcopy wrote"), "what objcopy wrote")
    theirs = {one.name: (one.address, stub.content(one.name)) for one in stub.sections}
    for name, (address, data) in theirs.items():
        one = pe.section(name)
        if one is None or one.address != address or pe.content(name) != data:
            raise UkiError(f"what objcopy wrote: section {name} of the stub is not what it was; try other binutils")
    for name, data in wanted.items():
        if pe.content(name) != data:
            raise UkiError(f"what objcopy wrote: section {name} is not what was put in; try other binutils")


def _finish(data: bytes, nx: bool, time: int) -> bytes:
    """The same bytes for the same input: objcopy writes the time of day, and a sum over it, which no firmware looks at.
    And an image promises no more than its kernel keeps: a strict firmware refuses a kernel that is not NX otherwise."""
    pe, out = kbpe.read(data, "the image"), bytearray(data)
    struct.pack_into("<I", out, pe.time, time)
    struct.pack_into("<I", out, pe.checksum, 0)
    if not nx:
        flags, = struct.unpack_from("<H", data, pe.flags)
        struct.pack_into("<H", out, pe.flags, flags & ~kbpe.NX_COMPAT)
    return bytes(out)


# --- how it is signed ---------------------------------------------------------------------------

def _sign(data: bytes, key: str, certificate: Path) -> bytes:
    _check_certificate(_read(certificate, "the certificate"), certificate)
    uri, options, env = _of_token(key) if key.startswith("pkcs11:") else (key, [], None)
    if not options:
        _read(Path(key), "the private key")
    with tempfile.TemporaryDirectory(prefix="keelboot-uki-") as folder:
        source, target = Path(folder, "image"), Path(folder, "signed")
        source.write_bytes(data)
        _tool(["sbsign", *options, "--key", uri, "--cert", certificate, "--output", target, source],
              "to sign for Secure Boot", env)
        signed = _read(target, "what sbsign signed")
    if not kbpe.read(signed, "what sbsign wrote").signed:
        raise UkiError("sbsign: what it wrote has no signature; try another version of sbsigntool")
    return signed


def _of_token(uri: str) -> tuple:
    """A key in a token, as OpenSSL's engine wants to have it: the module stands in the environment."""
    head, _, query = uri.partition("?")
    fields = [field for field in query.split("&") if field]
    modules = [unquote(field.partition("=")[2]) for field in fields if field.startswith("module-path=")]
    rest = "&".join(field for field in fields if not field.startswith("module-path="))
    env = {**os.environ, **({"PKCS11_MODULE_PATH": modules[0]} if modules else {})}
    return f"{head}?{rest}" if rest else head, ["--engine", "pkcs11"], env


def _check_certificate(data: bytes, path: Path) -> None:
    pem = CERTIFICATE.search(data)
    if not pem:
        raise UkiError(f"{path}: not a certificate in PEM; make one with openssl req -x509, or convert one with "
                       "openssl x509 -inform DER")
    try:
        der = base64.b64decode(re.sub(rb"\s", b"", pem[1]))
    except ValueError:
        raise UkiError(f"{path}: a damaged certificate; make it anew") from None
    if RSA_KEY not in der:
        raise UkiError(f"{path}: its key is not RSA, and firmware verifies nothing else; make an RSA key for Secure "
                       "Boot (openssl req -x509 -newkey rsa:2048)")


def _tool(command: list, purpose: str, env=None) -> None:
    program = command[0]
    if not shutil.which(program):
        package = PACKAGES.get(program, "binutils")
        raise UkiError(f"{program}: program not found, needed {purpose}; it is in the package {package} "
                       f"(apt-get install {package})")
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, errors="replace",
                          check=False, env=env)
    if done.returncode != 0:
        said = PIN.sub("pin-value=...", (done.stderr or done.stdout).strip().replace("\n", "; "))
        raise UkiError(f"{program}: failed {purpose}: {said}")
