# SPDX-License-Identifier: Apache-2.0
"""hooks/yocto, with BitBake and OpenEmbedded's own classes; KEELBOOT_YOCTO names a folder with one for each release:
scarthgap/{bitbake,meta,meta-oe,scripts}. Nothing is fetched: meta-acme says what stands in for it. The result boots."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

import kbkernel
from drives import Drive
from kbdisk import mkvfat
from machine import Machine

TOP = Path(__file__).resolve().parents[2]
LAYER, ACME = TOP / "hooks/yocto/meta-keelboot", Path(__file__).with_name("meta-acme")
SOURCE = os.environ.get("KEELBOOT_YOCTO", "")
RELEASES = sorted(path.name for path in Path(SOURCE).iterdir() if (path / "meta").is_dir()) if SOURCE else \
    ("scarthgap", "wrynose")
LOADER = Path("/usr/lib/systemd/boot/efi/systemd-bootx64.efi")
OVMF = [Path("/usr/share/OVMF") / f"OVMF_{name}_4M.fd" for name in ("CODE", "VARS")]
SLOW = 240
CONF = """\
MACHINE = "qemux86-64"
INHERIT:remove = "sanity"
BB_NUMBER_THREADS = "1"
BB_NO_NETWORK = "1"
CONNECTIVITY_CHECK_URIS = ""
INIT_MANAGER = "sysvinit"
DISTRO_FEATURES:append = " keelboot"
DISTRO_VERSION = "2026.08"
ACME_FOLDER = "{folder}"
KEELBOOT_COMPATIBLE = "acme-box-1"
# In a maker's layer, a .bbappend says so; -b reads none.
FILESEXTRAPATHS:prepend:pn-keelboot-conf = "{files}:"
KEELBOOT_KEYS = "{folder}/vendor.pem"
KEELBOOT_KEY = "{folder}/vendor.key"
KEELBOOT_SLOT_SIZE = "160M"
IMAGE_FSTYPES:remove = "tar.bz2"
KEELBOOT_APPEND = "console=ttyS0 loglevel=7"
"""
BOOT = "#!/bin/sh\n/etc/init.d/keelboot start\necho \"Yocto is up on slot $(cat /run/keelboot/slot)\"\n"
# The init script leaves the console to others while the checks take their time.
WHEN_GOOD = "dmesg -n 1; for i in $(seq 60); do keelboot status | grep -q 'which is good' && break; sleep 1; done; " \
            "keelboot status"
pytestmark = pytest.mark.skipif(not SOURCE, reason="KEELBOOT_YOCTO names no folder with BitBake and OpenEmbedded")


def run(*command, **options) -> str:
    done = subprocess.run(list(map(str, command)), text=True, capture_output=True, timeout=1200, check=False, **options)
    assert done.returncode == 0, f"{command}\n{done.stdout[-4000:]}{done.stderr[-3000:]}"
    return done.stdout


class Build:
    """A build folder, as oe-init-build-env makes it."""

    def __init__(self, folder: Path, release: str):
        self.folder, self.source = folder, Path(SOURCE) / release
        (folder / "conf").mkdir(parents=True)
        run(TOP / "build/keelboot", "key", "generate", "-o", folder / "vendor")
        layers = " ".join(map(str, (self.source / "meta", self.source / "meta-oe", LAYER, ACME)))
        (folder / "conf/bblayers.conf").write_text(f'BBPATH = "${{TOPDIR}}"\nBBFILES ?= ""\nBBLAYERS = "{layers}"\n')
        (folder / "conf/local.conf").write_text(CONF.format(folder=folder, files=ACME / "files"))
        (folder / "this-machine.conf").write_text('INHERIT += "this-machine"\n')
        self.path = f"{self.source}/bitbake/bin:/usr/sbin:/usr/bin:/sbin:/bin"

    def bitbake(self, *arguments) -> str:
        return run("/usr/bin/python3", self.source / "bitbake/bin/bitbake", *arguments, cwd=self.folder,
                   env={"PATH": self.path, "BBPATH": str(self.folder), "HOME": str(self.folder),
                        "LANG": "en_US.UTF-8", "LC_ALL": "en_US.UTF-8"})

    def do(self, recipe: Path, task: str, variant: str = "") -> Path:
        """Runs the recipe's tasks up to this one; its work folder."""
        self.bitbake("-R", "this-machine.conf", "-b", f"{variant}{recipe}", "-c", task)
        work = [path for path in self.folder.glob(f"tmp*/work/*/{recipe.stem}*/*")
                if path.parent.name == recipe.stem + ("-native" if variant else "")]
        assert len(work) == 1, work
        return work[0]

    def recipe(self, name: str) -> Path:
        return next(path for folder in (LAYER, ACME) for path in folder.rglob(f"{name}.bb"))

    def libraries(self, tree: Path) -> None:
        """Those that the programs of the tree want: what the dependencies of packages would have brought."""
        programs = [path for path in tree.rglob("*") if path.is_file() and path.read_bytes()[:4] == b"\x7fELF"]
        for program in programs:
            said = subprocess.run(["ldd", program], text=True, capture_output=True, check=False).stdout
            for library in re.findall(r"(?:=> |^\t)(/\S+)", said, re.M):
                (tree / library[1:]).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(library, tree / library[1:])

    def tree(self, name: str, *packages: Path) -> Path:
        """A root file system of these."""
        tree = self.folder / name
        tree.mkdir(exist_ok=True)
        for package in packages:
            run("cp", "-a", f"{package}/.", tree)
        self.libraries(tree)
        return tree


@pytest.fixture(params=RELEASES, name="build", scope="module")
def make_build(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp("yocto") / request.param
    yield Build(folder, request.param)
    shutil.rmtree(folder, ignore_errors=True)


def test_each_task_has_what_it_needs(build):
    """BitBake parses all layers, and finds a recipe for each dependency."""
    said = build.bitbake("-g", "acme-bundle")
    assert not re.findall(r"(?m)^(?:WARNING|ERROR): .*", said)
    graph = (build.folder / "task-depends.dot").read_text()
    for task, needs in (("acme-bundle.do_bundle", "acme-image.do_image_complete"),
                        ("acme-image.do_image_wic", "keelboot-initramfs.do_image_complete"),
                        ("acme-image.do_image_wic", "acme-image.do_image_ext4"),
                        ("keelboot-initramfs.do_rootfs", "keelboot-conf.do_package_write_ipk")):
        assert f'"{task}" -> "{needs}"' in graph, (task, needs)


@pytest.mark.parametrize("feature, has", (("", True), ('DISTRO_FEATURES:remove = "keelboot"\n', False)),
                         ids=("it does", "it does not"))
def test_kernel_has_the_fragment_where_the_distribution_wants_it(build, feature, has):
    (build.folder / "feature.conf").write_text(feature)
    assert ("file://keelboot.cfg" in build.bitbake("-R", "feature.conf", "-e", "linux-yocto").partition("\nSRC_URI=")[2]
            .partition("\n")[0]) == has


def test_fragment_is_that_of_buildroot():
    """The same kernel options serve both."""
    ours = (LAYER / "recipes-kernel/linux/files/keelboot.cfg").read_text()
    assert ours == (TOP / "hooks/buildroot/board/qemu/linux.fragment").read_text()


def test_packages_have_what_they_are_for(build):
    database = TOP / "compile_commands.json"
    before = database.stat().st_mtime if database.exists() else None
    packages = build.do(build.recipe("keelboot"), "package") / "packages-split"
    assert (database.stat().st_mtime if database.exists() else None) == before
    files = {package.name: {str(path.relative_to(package)) for path in package.rglob("*") if path.is_file()}
             for package in packages.iterdir()}
    assert files["keelboot-init"] == {"init", "usr/lib/keelboot/keelboot-guardian"}
    assert files["keelboot-helper"] == {"usr/lib/keelboot/keelboot-helper"}
    assert {"usr/bin/keelboot", "etc/init.d/keelboot", "usr/lib/keelboot/keelboot-overlay",
            "usr/lib/systemd/system/keelboot-mark-good.service",
            "usr/lib/systemd/system-preset/80-keelboot.preset"} <= files["keelboot"]


def test_system_with_systemd_has_the_units_alone(build):
    """systemd would take the init script for one more."""
    (build.folder / "this-machine.conf").write_text('INHERIT += "this-machine"\nDISTRO_FEATURES:remove = "sysvinit"\n')
    image = build.do(build.recipe("keelboot"), "install") / "image"
    assert not (image / "etc/init.d/keelboot").exists()
    assert (image / "etc/systemd/system/boot-complete.target.requires/keelboot-check.service").is_symlink()
    (build.folder / "this-machine.conf").write_text('INHERIT += "this-machine"\n')


@pytest.mark.parametrize("removed, says", (
    ("KEELBOOT_KEYS", "KEELBOOT_KEYS is not set: without a public key a device installs no update"),
    ("KEELBOOT_COMPATIBLE", "KEELBOOT_COMPATIBLE is not set: say which devices a bundle is for")),
    ids=("KEELBOOT_KEYS", "KEELBOOT_COMPATIBLE"))
def test_configuration_that_lacks_something_is_told(build, removed, says):
    (build.folder / "this-machine.conf").write_text(f'INHERIT += "this-machine"\n{removed} = ""\n')
    with pytest.raises(AssertionError, match=says):
        build.do(build.recipe("keelboot-conf"), "install")
    (build.folder / "this-machine.conf").write_text('INHERIT += "this-machine"\n')


def drivers(folder: Path) -> Path:
    """The modules of Debian's kernel, which has built in what linux.fragment asks for only as modules."""
    kernel, image = kbkernel.get(), folder / "drivers.img"
    run(TOP / "build/keelboot", "image", "build", "-o", image, "--modules-dir", kernel.modules, "--compress", "none",
        "--module-set", "watchdog,virtio,usb,ext4,vfat,overlay")
    tree = folder / "drivers"
    tree.mkdir()
    with open(image, "rb") as file:
        run("cpio", "-id", "--quiet", "./lib/*", "lib/*", "etc/keelboot/modules", "etc/keelboot/watchdogs", stdin=file,
            cwd=tree)
    return tree


def make_everything(build: Build) -> Path:
    """All tasks up to the bundle; the folder that the images are deployed to."""
    native = build.do(build.recipe("keelboot"), "install", "virtual:native:")
    build.path = f"{native}/image{native}/recipe-sysroot-native/usr/bin:{build.source}/scripts:{build.path}"
    packages = build.do(build.recipe("keelboot"), "package") / "packages-split"
    conf = build.do(build.recipe("keelboot-conf"), "install") / "image"
    build.tree("keelboot-initramfs", packages / "keelboot-init", packages / "keelboot-helper", conf,
               drivers(build.folder))
    build.do(build.recipe("keelboot-initramfs"), "image_complete")
    (build.folder / "boot").write_text(BOOT)
    run(TOP / "qemu/mkroot", build.folder / "acme-image", "--name", "Yocto", "--boot", build.folder / "boot")
    build.tree("acme-image", packages / "keelboot", packages / "keelboot-helper", conf)
    deploy, = build.folder.glob("tmp*/deploy/images/qemux86-64")
    shutil.copy(kbkernel.get().bzimage, deploy / "bzImage")
    shutil.copy(LOADER, deploy)
    build.do(build.recipe("acme-image"), "image_complete")
    build.do(build.recipe("acme-bundle"), "deploy")
    return deploy


def machine(folder: Path, *drives: Drive) -> Machine:
    """A PC with UEFI that keeps its log in the folder."""
    shutil.copy(OVMF[1], folder / "variables.fd")
    return Machine(None, drives=drives, memory=512, firmware="", watchdog=True, log=str(folder / f"{len(drives)}.log"),
                   extra=["-drive", f"if=pflash,format=raw,unit=0,readonly=on,file={OVMF[0]}",
                          "-drive", f"if=pflash,format=raw,unit=1,file={folder}/variables.fd"])


def is_up(vm: Machine, slot: str) -> None:
    vm.expect(rf"keelboot: slot {slot}: 2026\.08, trial", SLOW)
    vm.expect(f"Yocto is up on slot {slot}", SLOW)
    status, said = vm.shell("cat /proc/mounts; touch /written && rm /written", 60)
    assert status == 0 and re.search(r"^overlay / overlay rw,", said, re.M), said
    status, said = vm.shell(WHEN_GOOD, 120)
    assert status == 0 and f"Slot {slot} runs 2026.08, which is good." in said, said


@pytest.mark.skipif(not LOADER.exists() or not OVMF[0].exists(), reason="systemd-boot-efi or ovmf is not installed")
def test_disk_boots_and_installs_the_bundle(build, tmp_path):
    """wic's disk, by its own boot loader; then slot b, from the bundle on a stick."""
    if not (build.source / "scripts/wic").exists():
        pytest.skip("this release keeps wic elsewhere")
    deploy = make_everything(build)
    disk = Drive(deploy / "acme-image-qemux86-64.rootfs.wic", name="disk")
    with machine(tmp_path, disk) as vm:
        is_up(vm, "a")
        vm.send("poweroff -f")
        vm.wait_shutdown(SLOW)
    bundle, stick = deploy / "acme-bundle-qemux86-64.keel", tmp_path / "stick.img"
    mkvfat(stick, bundle.stat().st_size + (40 << 20), {"keelboot/update.keel": bundle})
    with machine(tmp_path, disk, Drive(stick, bus="usb", name="stick")) as vm:
        is_up(vm, "b")
