# SPDX-License-Identifier: Apache-2.0
"""Each way to bring an image into slot b: what it needs, how its artifact is made, and its command line.

`make(workload, out, place)` writes the artifact once; it is copied to the device's medium, and the command runs there.
"""

import dataclasses
import shutil
from collections.abc import Callable
from pathlib import Path
from subprocess import DEVNULL, PIPE

from storage import run

TOP = Path(__file__).resolve().parents[2]
KEELBOOT, HELPER = TOP / "build/keelboot", TOP / "build/keelboot-helper"
REMAKING = TOP / "build/recompress"      # programs that compress blocks again
PACKED = ("squashfs", "erofs")           # workloads that have such blocks
# Programs, and Debian's packages that bring them.
PACKAGES = {"rauc": "rauc", "dbus-run-session": "dbus", "mksquashfs": "squashfs-tools", "swupdate": "swupdate",
            "xdelta3": "xdelta3", "zstd": "zstd", "casync": "casync", "bsdiff": "bsdiff", "cpio": "cpio",
            "openssl": "openssl", "mmdebstrap": "mmdebstrap", "rsync": "rsync", "mkfs.erofs": "erofs-utils",
            "mke2fs": "e2fsprogs", "depmod": "kmod", "taskset": "util-linux", "dracut": "dracut-core",
            "mkinitramfs": "initramfs-tools-core"}
NEEDED = ("mmdebstrap", "mke2fs", "mksquashfs", "mkfs.erofs", "rsync", "zstd", "depmod")


def missing(programs: tuple) -> list:
    return [name for name in programs if shutil.which(name) is None]


def install_line(programs: list) -> str:
    return "apt-get install " + " ".join(sorted({PACKAGES[name] for name in programs}))


class Place:
    """The device's configuration and keys, for each updater, in one folder beside its disk."""

    def __init__(self, folder: Path, disk):
        self.folder, self.disk = folder, disk
        self.a, self.b, self.state = (self.link(name, disk.loops[name.removeprefix("slot-")])
                                      for name in ("slot-a", "slot-b", "state"))
        self.keys = keys(folder.parent / "keys")
        for name, fast in (("conf", "source.media"), ("conf-unverified", "install")):
            conf = folder / name / "etc/keelboot"
            (conf / "keys").mkdir(parents=True, exist_ok=True)
            shutil.copy(self.keys / "k.pem", conf / "keys/k.pem")
            (conf / "system.conf").write_text(f"[system]\ncompatible = bench\n[{fast}]\nverify-first = no\n")
        self.link("keelboot-apply", HELPER)
        (folder / "run").mkdir(exist_ok=True)
        (folder / "rauc.conf").write_text(
            f"[system]\ncompatible=bench\nbootloader=noop\nstatusfile={folder}/rauc.status\nmountprefix={folder}/mnt\n"
            f"[keyring]\npath={self.keys}/cert.pem\n" + "".join(
                f"[slot.rootfs.{number}]\ndevice={loop}\ntype=raw\nbootname={name}\n"
                for number, (name, loop) in enumerate((("A", self.a), ("B", self.b)))))

    def link(self, name: str, target: Path | str) -> Path:
        """By the same name each time, whatever loop device it is."""
        path = self.folder / name
        path.unlink(missing_ok=True)
        path.symlink_to(target)
        return path

    def new_state(self, runs: Path | None = None) -> None:
        """Slot a runs and is good; of slot b nothing is known. runs: the bundle that slot a got; deltas want it."""
        self.disk.fill("state", None)
        of = ["--bundle", runs, "--conf-root", self.folder / "conf"] if runs else ["--version", "0.1", "--sequence", 1]
        run(KEELBOOT, "state", "init", self.state, "--good", "a", *of, "--force", stdout=DEVNULL, stderr=DEVNULL)

    def shown(self, command: str) -> str:
        """A command line for people: without this machine's paths."""
        for path in (f"{self.disk.medium}/", f"{self.keys}/", f"{self.folder}/", f"{TOP}/build/"):
            command = command.replace(path, "")
        return command


def keys(folder: Path) -> Path:
    """Ours, and a certificate for the others."""
    if not (folder / "cert.pem").exists():
        folder.mkdir(parents=True, exist_ok=True)
        run(KEELBOOT, "key", "generate", "-o", folder / "k", stdout=DEVNULL)
        run("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", folder / "key.pem", "-out",
            folder / "cert.pem", "-days", 3650, "-subj", "/CN=bench", stderr=DEVNULL)
    return folder


@dataclasses.dataclass(frozen=True)
class Way:
    name: str
    suffix: str                 # of the artifact; two ways with the same one share it
    make: Callable
    command: Callable           # (place, artifact on the medium, workload) -> shell command
    programs: tuple = ()
    delta: bool = False         # takes the old image, in slot a, as its base
    ours: bool = False
    only: tuple = ()            # workloads; none: all
    base_file: bool = False     # takes the old image as a file on the medium
    cut: bool = False           # is ended when half is written, and then timed: the second run


def make_raw(workload, out, _place):
    run("ln", workload.new, out)


def make_zst(workload, out, _place):
    run("zstd", "-q", "-9", "--long", "-T0", workload.new, "-o", out)


def make_keel(workload, out, place):
    # Noise and zeroes are no file system: the bundle names one that they could be.
    named = ",fs=ext4" if workload.name in ("incompressible", "empty") else ""
    run(KEELBOOT, "bundle", "create", "-o", out, "--compatible", "bench", "--version", "2.0", "--sequence", 2,
        "--image", f"{workload.cls}={workload.new}{named}", "--key", place.keys / "k.key", stdout=DEVNULL)


def make_old_keel(workload, out: Path, place) -> None:
    """The bundle that slot a got."""
    run(KEELBOOT, "bundle", "create", "-o", out, "--compatible", "bench", "--version", "1.0", "--sequence", 1,
        "--level", 1, "--image", f"root={workload.old}", "--key", place.keys / "k.key", stdout=DEVNULL)


def delta_line(workload, out: Path, place, remade: bool, full: str = "no") -> list:
    """The command that makes a delta, by default without the whole image."""
    return [REMAKING / "keelboot" if remade else KEELBOOT, "bundle", "create", "-o", out, "--compatible", "bench",
            "--version", "2.0", "--sequence", 2, "--full", full, "--recompress", "yes" if remade else "no",
            "--image", f"root={workload.new}", "--from", f"{workload.old},version=1.0", "--key", place.keys / "k.key"]


def make_delta(remade: bool, full: str = "no") -> Callable:
    def make(workload, out, place):
        run(*delta_line(workload, out, place, remade, full), stdout=DEVNULL)
    return make


def make_rauc(workload, out, place):
    folder = out.with_suffix(".folder")
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    run("cp", "--sparse=always", workload.new, folder / "rootfs.img")
    (folder / "manifest.raucm").write_text("[update]\ncompatible=bench\nversion=2\n[bundle]\nformat=plain\n"
                                           "[image.rootfs]\nfilename=rootfs.img\n")
    run("rauc", "bundle", f"--cert={place.keys}/cert.pem", f"--key={place.keys}/key.pem",
        "--mksquashfs-args=-comp zstd -Xcompression-level 9", folder, out, stdout=DEVNULL, stderr=DEVNULL)
    shutil.rmtree(folder)


SW_DESCRIPTION = """software = {{
	version = "2.0";
	hardware-compatibility: [ "1.0" ];
	bootloader_transaction_marker = false;
	bootloader_state_marker = false;
	images: ( {{ filename = "rootfs.zst"; device = "{device}"; type = "raw"; compressed = "zstd";
		installed-directly = {direct}; sha256 = "{digest}"; }} );
}}
"""


def make_swu(direct: str) -> Callable:
    def make(workload, out, place):
        folder = out.with_suffix(".folder")
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        run("zstd", "-q", "-9", "-T0", workload.new, "-o", folder / "rootfs.zst")
        digest = run("sha256sum", folder / "rootfs.zst", stdout=PIPE, text=True).stdout.split()[0]
        description = folder / "sw-description"
        description.write_text(SW_DESCRIPTION.format(device=place.folder / "slot-b", direct=direct, digest=digest))
        run("openssl", "cms", "-sign", "-in", description, "-out", f"{description}.sig", "-signer",
            place.keys / "cert.pem", "-inkey", place.keys / "key.pem", "-outform", "DER", "-nosmimecap", "-binary")
        run("sh", "-c", "printf '%s\\n' sw-description sw-description.sig rootfs.zst | cpio -o -H crc --quiet >\"$0\"",
            out, cwd=folder)
        shutil.rmtree(folder)
    return make


def xdelta_line(workload, out) -> list:
    return ["xdelta3", "-e", "-9", "-f", "-B", workload.old.stat().st_size, "-s", workload.old, workload.new, out]


def make_xdelta(workload, out, _place):
    run(*xdelta_line(workload, out))


def patch_line(workload, out) -> list:
    return ["zstd", "-qq", "-19", "--long=31", "-T0", f"--patch-from={workload.old}", workload.new, "-o", out]


def make_patch(workload, out, _place):
    run(*patch_line(workload, out))


def make_casync(workload, out, _place):
    """One file for the medium: the index, and a store with the chunks that the old image lacks."""
    folder = out.with_suffix(".folder")
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    run("casync", "make", f"--store={folder}/old.castr", folder / "old.caibx", workload.old, stdout=DEVNULL)
    run("casync", "make", f"--store={folder}/new.castr", folder / "new.caibx", workload.new, stdout=DEVNULL)
    known = {path.name for path in (folder / "old.castr").rglob("*.cacnk")}
    for path in (folder / "new.castr").rglob("*.cacnk"):
        if path.name in known:
            path.unlink()
    run("tar", "-cf", out, "new.caibx", "new.castr", cwd=folder)
    shutil.rmtree(folder)


def slots(place, workload) -> str:
    return " ".join(f"--slot {letter}:{workload.cls}={slot}" for letter, slot in (("a", place.a), ("b", place.b)))


def keelboot(place, artifact, workload, conf="conf"):
    return (f"{KEELBOOT} install {artifact} --state {place.state} {slots(place, workload)} "
            f"--conf-root {place.folder}/{conf} --run-dir {place.folder}/run --progress=none")


def keelboot_one_core(place, artifact, workload):
    return f"taskset -c 0 {keelboot(place, artifact, workload)}"


def keelboot_unverified(place, artifact, workload):
    return keelboot(place, artifact, workload, "conf-unverified")


def keelboot_plain_sha(place, artifact, workload):
    """OpenSSL is kept from a processor's instructions for SHA: bit 29 of those that leaf 7 of CPUID names in EBX."""
    return f"OPENSSL_ia32cap=:~0x20000000 {keelboot(place, artifact, workload)}"


def reading_slot(place, _artifact, workload):
    return f"dd if={place.b} of=/dev/null bs=1M iflag=count_bytes count={workload.new.stat().st_size}"


def copying(place, artifact, _workload):
    return f"dd if={artifact} of={place.b} bs=1M conv=fsync"


def reading_back(place, artifact, workload):
    """From the medium, and not what the page cache has of it."""
    return (f"{copying(place, artifact, workload)} && dd if={place.b} bs=1M iflag=direct,count_bytes "
            f"count={workload.new.stat().st_size} | cmp - {artifact}")


def keelboot_remaking(place, artifact, workload):
    line = keelboot(place, artifact, workload).replace(str(KEELBOOT), str(REMAKING / "keelboot"), 1)
    return f"KEELBOOT_HELPER={REMAKING}/keelboot-helper {line}"


def keelboot_boot(place, artifact, workload):
    return (f"KEELBOOT_HELPER={HELPER} {place.folder}/keelboot-apply --root {place.folder}/conf "
            f"--state {place.state} --mountable 1 {slots(place, workload)} "
            f"--source usb:{artifact}")


def rauc(place, artifact, _workload):
    service = f"rauc --conf={place.folder}/rauc.conf --override-boot-slot=A service"
    return (f"dbus-run-session -- sh -c 'export DBUS_STARTER_BUS_TYPE=session; {service} & s=$!; "
            f"until rauc status >/dev/null 2>&1; do sleep 0.01; done; rauc install {artifact}; r=$?; "
            f"kill $s; exit $r'")


def swupdate(place, artifact, _workload):
    return f"TMPDIR={place.disk.medium} swupdate -k {place.keys}/cert.pem -H bench:1.0 -i {artifact}"


WAYS = (
    Way("keelboot install", "keel", make_keel, keelboot, ours=True),
    Way("keelboot at boot, verify-first = no", "keel", make_keel, keelboot_boot, ours=True),
    Way("keelboot install, verify-first = no", "keel", make_keel, keelboot_unverified, ours=True, only=("rebuilt",)),
    Way("keelboot install, one core", "keel", make_keel, keelboot_one_core, ("taskset",), ours=True,
        only=("rebuilt",)),
    Way("keelboot install, no SHA instructions", "keel", make_keel, keelboot_plain_sha, ours=True, only=("rebuilt",)),
    Way("keelboot install, resumed at half", "keel", make_keel, keelboot, ours=True, only=("rebuilt",), cut=True),
    Way("dd of the slot to /dev/null", "raw", make_raw, reading_slot, only=("same",)),
    Way("dd", "raw", make_raw, copying),
    Way("dd, and read back", "raw", make_raw, reading_back, only=("pair",)),
    Way("zstd -dc | dd", "zst", make_zst, lambda place, artifact, _:
        f"zstd -dc --long {artifact} | dd of={place.b} bs=1M conv=fsync", ("zstd",)),
    Way("sha256sum && zstd -dc | dd", "zst", make_zst, lambda place, artifact, _:
        f"sha256sum {artifact} && zstd -dc --long {artifact} | dd of={place.b} bs=1M conv=fsync", ("zstd",)),
    Way("RAUC, plain", "raucb", make_rauc, rauc, ("rauc", "dbus-run-session", "mksquashfs")),
    Way("SWUpdate, copied first", "copied.swu", make_swu("false"), swupdate, ("swupdate", "cpio", "openssl")),
    Way("SWUpdate, installed-directly", "direct.swu", make_swu("true"), swupdate, ("swupdate", "cpio", "openssl")),
    Way("keelboot install, delta", "delta.keel", make_delta(False), keelboot, delta=True, ours=True),
    Way("keelboot install, delta and whole", "both.keel", make_delta(False, "yes"), keelboot, delta=True, ours=True),
    Way("keelboot install, delta remade", "remade.keel", make_delta(True), keelboot_remaking, delta=True, ours=True,
        only=PACKED),
    Way("xdelta3 -d | dd", "xdelta", make_xdelta, lambda place, artifact, workload:
        f"xdelta3 -d -c -B {workload.old.stat().st_size} -s {place.a} {artifact} | dd of={place.b} bs=1M conv=fsync",
        ("xdelta3",), delta=True),
    Way("zstd -d --patch-from | dd", "patch", make_patch, lambda place, artifact, workload:
        f"zstd -d -c --long=31 --patch-from={place.disk.medium}/old.img {artifact} | "
        f"dd of={place.b} bs=1M conv=fsync",
        ("zstd",), delta=True, base_file=True),     # it takes no block device
    Way("casync extract --seed", "casync", make_casync, lambda place, artifact, _:
        f"tar -xf {artifact} -C {place.disk.medium} && casync extract --store={place.disk.medium}/new.castr "
        f"--seed={place.a} {place.disk.medium}/new.caibx {place.b}", ("casync",), delta=True),
)
