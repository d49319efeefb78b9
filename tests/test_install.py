# SPDX-License-Identifier: Apache-2.0
"""`make install` and what becomes of it: another PREFIX, a device, a build host, and nothing left afterwards;
where the command looks for the programs that it starts."""

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest
import cli_device
from cli_device import FAILURE, OK, TOP, USAGE, Device, call, make_dynamic

PREFIX = "opt/keelboot"
STANDARD = ("bin", "include", "lib", "lib/pkgconfig", "lib/systemd/system", "lib/systemd/system-preset",
            *(f"share/man/man{n}" for n in (1, 3, 5, 7, 8)), "share/doc",
            "share/bash-completion/completions", "share/zsh/vendor-completions", "share/fish/vendor_completions.d")
UNITS = {"keelboot-check": ["boot-complete.target.requires"], "keelboot-clean": ["multi-user.target.wants"],
         "keelboot-guard": ["sysinit.target.wants"],
         "keelboot-mark-good": ["multi-user.target.wants", "default.target.wants"],
         "keelboot-migrate": ["basic.target.wants"], "keelboot-watch": ["sysinit.target.wants"]}
DEVICE = {*(f"etc/keelboot/{folder}" for folder in ("keys", "check.d", "health")),
          f"{PREFIX}/bin/keelboot", f"{PREFIX}/lib/keelboot/keelboot-helper",
          f"{PREFIX}/lib/keelboot/keelboot-overlay", f"{PREFIX}/lib/keelboot/keelboot-guardian",
          f"{PREFIX}/lib/keelboot/keelboot.init", f"{PREFIX}/lib/keelboot/keelboot-early.init",
          f"{PREFIX}/share/bash-completion/completions/keelboot", f"{PREFIX}/share/zsh/vendor-completions/_keelboot",
          f"{PREFIX}/share/fish/vendor_completions.d/keelboot.fish",
          *(f"{PREFIX}/share/man/man{page[-1]}/{page}"
            for page in ("keelboot.1", "keelboot-bundle.1", "keelboot-key.1", "keelboot-system.conf.5",
                         "keelboot-hooks.7", "keelboot-init.8")),
          *(f"{PREFIX}/lib/systemd/system/{unit}.service" for unit in UNITS),
          f"{PREFIX}/lib/systemd/system-preset/80-keelboot.preset",
          *(f"etc/systemd/system/{folder}/{unit}.service" for unit, folders in UNITS.items() for folder in folders),
          *(f"{PREFIX}/lib/keelboot/health/{path.name}" for path in (TOP / "hooks/health").iterdir()),
          *(f"{PREFIX}/lib/keelboot/check.d/{name}"
            for name in ("20-failed-units", "30-free-space", "40-memory", "50-kernel", "60-readonly-root"))}
PROGRAMS = ("bin/keelboot", "lib/keelboot/keelboot-helper", "lib/keelboot/init", "lib/keelboot/keelboot-guardian")
NOBODY = 65534
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="gives files away")


def make(target: str, destdir: Path) -> None:
    assert call("make", "-s", target, f"DESTDIR={destdir}", f"PREFIX=/{PREFIX}", cwd=TOP).stderr == ""


def listing(folder: Path) -> set:
    return {str(path.relative_to(folder)) for path in folder.rglob("*")}


def leaves(folder: Path) -> set:
    """Files, and folders with nothing in them, but those that every system has."""
    ends = (path for path in folder.rglob("*") if not path.is_dir() or not any(path.iterdir()))
    return {str(path.relative_to(folder)) for path in ends} - \
        {"etc/systemd/system", *(f"{PREFIX}/{name}" for name in STANDARD)}


@pytest.fixture(name="standard")
def make_standard(tmp_path):
    """A system before Keelboot."""
    for name in ("etc/systemd/system", *(f"{PREFIX}/{name}" for name in STANDARD)):
        (tmp_path / "sys" / name).mkdir(parents=True)
    return tmp_path / "sys"


def start(program: Path, *args, code=OK, **environ):
    return call(program, *args, code=code, timeout=120, env={"PATH": os.environ["PATH"], **environ},
                stdin=subprocess.DEVNULL)


@pytest.fixture(name="device")
def make_device(tmp_path, factory, monkeypatch):
    """device(program): a device that this program runs on; it finds its helper by itself."""
    def device(program: Path) -> Device:
        monkeypatch.setattr(cli_device, "KEELBOOT", str(program))
        monkeypatch.setattr(cli_device, "HELPER", "")
        dev = Device(Path(tempfile.mkdtemp(dir=tmp_path)))
        dev.trust(factory.public)
        dev.init("--good", "a", runs="a")
        return dev
    return device


# ---------------------------------------------------------------- what goes where


def test_a_device_gets_the_command_and_its_helper(standard):
    make("install-device", standard)
    assert leaves(standard) == DEVICE


def test_a_build_host_gets_no_folder_of_keys(standard):
    make("install-host", standard)
    files = leaves(standard)
    assert not [name for name in files if name.startswith("etc/")]
    for name in (*PROGRAMS, "lib/keelboot/mkinitramfs", "lib/keelboot/keelboot-pkcs11", "lib/keelboot/qemu/mkdisk",
                 "share/man/man8/keelboot-mkinitramfs.8", "share/doc/keelboot/examples/gateway-nvme.conf"):
        assert f"{PREFIX}/{name}" in files, name


def test_install_is_both_and_uninstall_leaves_nothing(standard, tmp_path):
    before = listing(standard)
    make("install", standard)
    assert DEVICE < leaves(standard)
    # Python leaves its own files beside what it runs.
    start(standard / PREFIX / "bin/keelboot", "image", "build", "-o", tmp_path / "i.img")
    assert (tmp_path / "i.img").stat().st_size > 1 << 20
    make("uninstall", standard)
    assert listing(standard) == before


def test_glue_of_each_generator_is_uninstalled_too(standard):
    for folder in ("share/initramfs-tools/hooks", "share/initramfs-tools/scripts/init-top", "lib/dracut/modules.d",
                   "share/initramfs-tools/conf-hooks.d",
                   "share/initramfs-tools/scripts/local-top", "share/initramfs-tools/scripts/init-bottom",
                   "share/initramfs-tools/scripts/panic", "lib/dracut/dracut.conf.d", "lib/systemd/system",
                   "lib/systemd/system-generators", "lib/initcpio/install", "lib/initcpio/hooks",
                   "lib/mkosi-initrd/mkosi.conf.d"):
        (standard / PREFIX / folder).mkdir(parents=True, exist_ok=True)
    before = listing(standard)
    make("install-initramfs-tools", standard)
    make("install-dracut", standard)
    make("install-mkinitcpio", standard)
    make("install-mkosi-initrd", standard)
    generator = standard / PREFIX / "lib/systemd/system-generators/keelboot-generator"
    assert generator.resolve() == standard / PREFIX / "lib/keelboot/keelboot-select"
    start(standard / PREFIX / "lib/keelboot/keelboot-select", "--version")
    make("uninstall", standard)
    assert listing(standard) == before


def test_uninstall_leaves_what_is_not_its_own(standard):
    make("install", standard)
    own = {"etc/keelboot/keys/acme.pem", "etc/keelboot/system.conf", f"{PREFIX}/lib/keelboot/check.d/10-modem"}
    for name in own:
        (standard / name).parent.mkdir(exist_ok=True)
        (standard / name).write_text("mine\n")
    make("uninstall", standard)
    assert own <= leaves(standard) and not [name for name in leaves(standard) - own if "keelboot" in name]


def symbols(program: Path) -> bool:
    return ".symtab" in call("readelf", "-SW", program).stdout


def test_install_strip_takes_the_symbols(standard, tmp_path):
    make("install", standard)
    assert all(symbols(standard / PREFIX / name) for name in PROGRAMS)
    make("install-strip", standard)
    assert not any(symbols(standard / PREFIX / name) for name in PROGRAMS)
    make("install-device-strip", tmp_path / "device")
    small = tmp_path / "device" / PREFIX / "bin/keelboot"
    assert not symbols(small) and small.stat().st_size < 0.8 * (TOP / "build/keelboot").stat().st_size
    start(small, "version")


def test_static_programs_replace_those_that_use_libraries(standard):
    """An initramfs would pack the old ones; neither has symbols in it."""
    library = standard / PREFIX / "lib/keelboot"
    make_dynamic("install-initramfs-tools", f"DESTDIR={standard}", f"PREFIX=/{PREFIX}")
    assert not any(map(symbols, (library / "dynamic").iterdir()))
    make("install-initramfs-tools", standard)
    assert not (library / "dynamic").exists()
    assert not any(symbols(library / f"keelboot-{name}") for name in ("select", "guardian", "helper"))


def test_examples_that_are_installed_are_good(standard):
    make("install-host", standard)
    folder = standard / PREFIX / "share/doc/keelboot/examples"
    assert {path.suffix for path in folder.iterdir()} == {".conf", ".py"}
    for example in folder.glob("*.conf"):
        start(standard / PREFIX / "bin/keelboot", "check-config", example)
    for example in folder.glob("*.py"):
        compile(example.read_text(), example, "exec")
    assert "/usr/share/doc/keelboot/examples" in (TOP / "docs/man/keelboot-system.conf.5").read_text()


# ---------------------------------------------------------------- what is installed runs


def test_tools_are_verbs_of_image_and_say_so(standard, tmp_path):
    make("install-host", standard)
    keelboot = standard / PREFIX / "bin/keelboot"
    listed = start(keelboot, "image", "--help").stdout
    for verb in ("build", "boot", "loop", "test", "disk", "kernel"):
        told = start(keelboot, "image", verb, "--help").stdout
        assert told.startswith(f"usage: keelboot image {verb} ")
        assert f"  keelboot image {verb} " in told.split("examples:")[1]
        assert "qemu/" not in told and "\n  mkinitramfs " not in told
        assert f"\nkeelboot image {verb}: " in start(keelboot, "image", verb, "--frobnicate", code=USAGE).stderr
        assert f"\n  {verb} " in listed
    failed = start(keelboot, "image", "disk", "--list", tmp_path / "no.img", code=FAILURE)
    assert failed.stderr.startswith("keelboot image disk: ")
    start(keelboot, "image", "disk", tmp_path / "disk.img", "--size", "64M", "--part", "one:16M=ext4:")
    failed = start(keelboot, "image", "build", "-o", tmp_path / "no/i.img", code=FAILURE)
    assert failed.stderr.startswith("keelboot image build: ")
    poor = start(keelboot, "image", "boot", "--kernel", keelboot, PATH="/nonexistent", code=None)
    assert "qemu-system-x86_64: not found; install the package that has it" in poor.stderr  # no qemu/deps here
    # As itself, in the source tree, a tool has the name that it is called by.
    assert start(TOP / "qemu/mkdisk", "--help").stdout.startswith("usage: qemu/mkdisk ")
    assert start(TOP / "initramfs/mkinitramfs", "--help").stdout.startswith("usage: mkinitramfs ")


@pytest.mark.parametrize("verb", ["stage", "install"])
def test_a_device_with_another_prefix_decodes(standard, device, factory, verb):
    make("install-device", standard)
    device(standard / PREFIX / "bin/keelboot")(verb, factory("2.0", 20))


@pytest.mark.parametrize("verb", ["stage", "install"])
def test_a_source_tree_decodes(device, factory, verb):
    device(TOP / "build/keelboot")(verb, factory("2.0", 20))


def test_a_program_that_is_started_by_a_link_looks_where_it_is(standard, tmp_path, device, factory):
    make("install-device", standard)
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere/keelboot").symlink_to(standard / PREFIX / "bin/keelboot")
    (tmp_path / "elsewhere/keelboot-helper").symlink_to("/bin/false")
    device(tmp_path / "elsewhere/keelboot")("install", factory("2.0", 20))


def test_tokens_are_asked_by_the_program_that_is_installed(standard):
    make("install-host", standard)
    key = "pkcs11:object=x?module-path=/no/such.so"
    assert "/no/such.so" in start(standard / PREFIX / "bin/keelboot", "key", "show", key, code=FAILURE).stderr


# ---------------------------------------------------------------- what is not there


@pytest.mark.parametrize("verb", ["stage", "install"])
def test_a_helper_that_is_missing_is_named(standard, device, factory, verb):
    make("install-device", standard)
    keelboot, helper = (standard / PREFIX / name for name in ("bin/keelboot", "lib/keelboot/keelboot-helper"))
    helper.unlink()
    said = device(keelboot)(verb, factory("2.0", 20), code=FAILURE).stderr
    assert f"keelboot-helper is missing: it is not {keelboot.parent}/keelboot-helper, nor {helper}, nor " \
           "/usr/lib/keelboot/keelboot-helper; install it: make install, or the package keelboot\n" in said
    assert "SECCOMP" not in said


@pytest.mark.parametrize("content, mode, why", [
    (None, 0, "No such file or directory"), (b"\x7fELF", 0o755, "Exec format error"),
    (b"", 0o644, "Permission denied")])
def test_a_helper_that_cannot_be_started_says_why(device, factory, tmp_path, content, mode, why):
    helper = tmp_path / "my-helper"
    if content is not None:
        helper.write_bytes(content)
        helper.chmod(mode)
    said = device(TOP / "build/keelboot")("install", factory("2.0", 20), code=FAILURE,
                                          env={"KEELBOOT_HELPER": str(helper)}).stderr
    assert f"unable to run {helper} as decoder: {why}\n" in said
    assert "SECCOMP" not in said and "127" not in said


# ---------------------------------------------------------------- what is somebody else's


@pytest.fixture(name="foreign")
def make_foreign(standard):
    """A system whose helper somebody else may write, with what makes it so."""
    make("install-device", standard)
    return standard / PREFIX / "bin/keelboot", standard / PREFIX / "lib/keelboot"


@as_root
@pytest.mark.parametrize("how", ["file is his", "folder is his", "file open to all", "folder open to all"])
def test_a_helper_that_somebody_else_can_write_is_passed_over(foreign, device, factory, how):
    keelboot, folder = foreign
    what = folder if how.startswith("folder") else folder / "keelboot-helper"
    if how.endswith("his"):
        os.chown(what, NOBODY, NOBODY)
    else:
        what.chmod(0o1777)
    said = device(keelboot)("install", factory("2.0", 20), code=FAILURE).stderr
    assert f"{folder}/keelboot-helper is skipped: other users can write to it, or to its folder\n" in said


@as_root
def test_who_owns_the_folder_of_the_program_is_not_somebody_else(foreign, device, factory):
    """A checkout of a user, built by root in a container, or the other way round."""
    keelboot, folder = foreign
    for path in (keelboot.parent, folder, folder / "keelboot-helper"):
        os.chown(path, NOBODY, NOBODY)
    device(keelboot)("install", factory("2.0", 20))


@as_root
def test_a_program_with_more_rights_than_its_caller_is_led_nowhere():
    """A hard link to one that is set-user-ID, in a folder of the caller."""
    with tempfile.TemporaryDirectory(dir="/var/tmp") as name:
        folder = Path(name)
        folder.chmod(0o755)
        (folder / "bin").mkdir()
        (folder / "lib/keelboot").mkdir(parents=True)
        keelboot, tool = folder / "bin/keelboot", folder / "lib/keelboot/mkinitramfs"
        shutil.copy(TOP / "build/keelboot", keelboot)
        tool.write_text("#!/bin/sh\necho taken in\n")
        tool.chmod(0o755)

        def said() -> str:
            done = call(keelboot, "image", "build", code=None, user=NOBODY, group=NOBODY, extra_groups=[])
            return done.stdout + done.stderr

        keelboot.chmod(0o755)
        assert said() == "taken in\n"
        keelboot.chmod(0o4755)
        assert "mkinitramfs is missing: it is not /usr/lib/keelboot/mkinitramfs; install it: make install, or the " \
               "package keelboot-tools\n" in said()
