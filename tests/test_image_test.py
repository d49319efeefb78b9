# SPDX-License-Identifier: Apache-2.0
"""keelboot image test, without a machine: what it reads of a system, the releases that it makes, what it reports."""

import bz2
import gzip
import io
import json
import lzma
import os
import shutil
import subprocess
import sys
import tempfile
import types
import xml.etree.ElementTree as ET
from html.parser import HTMLParser
from pathlib import Path

import pytest
from conftest import TOP    # and the folders of the other modules
from cli_device import FAILURE, USAGE, call

sys.path[:0] = [str(TOP / "qemu"), str(TOP / "qemu/imagetest.d"), str(TOP / "initramfs/mkinitramfs.d")]

import accel            # noqa: E402
import built            # noqa: E402
import console          # noqa: E402
import diagnosis        # noqa: E402
import images           # noqa: E402
import kbcpio           # noqa: E402
import lab              # noqa: E402
import page             # noqa: E402
import ptable           # noqa: E402
import releases         # noqa: E402
import report           # noqa: E402
import scenarios        # noqa: E402
import show             # noqa: E402
import stage            # noqa: E402
import subject          # noqa: E402
import unpack           # noqa: E402
import watch            # noqa: E402
from kbdisk import Disk, ext4_read, mkext4      # noqa: E402
from scenario import Failed, Result, Run, Skipped, state_of  # noqa: E402
from scenarios import NEEDS, SCENARIOS         # noqa: E402

needs_qemu_img = pytest.mark.skipif(not shutil.which("qemu-img"), reason="qemu-utils is not installed")
needs_mke2fs = pytest.mark.skipif(not shutil.which("mke2fs", path="/usr/sbin:/sbin:/usr/bin"),
                                  reason="e2fsprogs is not installed")
IMAGETEST = TOP / "qemu/imagetest"


# ---------------------------------------------------------------- the command line

@pytest.mark.parametrize("words, said", [
    ([], "give a DISK, or --roots OLD NEW"),
    (["disk.img", "--scenario", "boom"], "expected some of boot, update, broken"),
    (["disk.img", "--scenario", ""], "expected some of"),
    (["--roots", "a", "b", "--key", "k"], "leave out --initrd, --bundle and --key"),
    (["disk.img", "--initrd", "disk.img"], "--initrd needs --kernel"),
    (["disk.img", "--jobs", "-1"], "expected a positive number"),
    (["disk.img", "--jobs", "0"], "expected a positive number"),
    (["disk.img", "--boot-limit", "0"], "expected a positive number"),
    (["disk.img", "--memory", "32"], "expected a positive number")])
def test_a_wrong_command_line_is_a_usage_error(words, said, tmp_path):
    (tmp_path / "disk.img").write_bytes(b"x")
    assert said in call(IMAGETEST, *words, code=USAGE, cwd=tmp_path).stderr
    assert not (tmp_path / "keelboot-image-test").exists()


@pytest.mark.parametrize("words, said", [
    (["no-such.img"], "no-such.img: no such file"),
    (["/tmp"], "/tmp: no regular file; copy a disk into one first"),
    (["/dev/zero"], "/dev/zero: no regular file; copy a disk into one first"),
    (["--kernel", "gone", "disk.img"], "gone: no such file"),
    (["--kernel", "disk.img", "disk.img"], "--kernel disk.img: neither a bzImage nor an ELF"),
    (["--roots", "a", "b", "--conf", "junk.conf"], "--conf junk.conf: no text, so no system.conf"),
    (["-o", "disk.img/report", "disk.img"], "-o disk.img/report: cannot be written"),
    (["--roots", "disk.img", "disk.img"], "disk.img: no folder, nor an image of a file system that is known")])
def test_a_file_that_cannot_be_used_is_no_usage_error(words, said, tmp_path):
    (tmp_path / "disk.img").write_bytes(b"x" * 5000)
    (tmp_path / "junk.conf").write_bytes(b"\xff\xfe\x80")
    assert said in call(IMAGETEST, *words, code=FAILURE, cwd=tmp_path).stderr


def test_a_report_of_an_earlier_run_does_not_stay_behind_one_that_failed(tmp_path):
    """A CI would show it for that of this run."""
    names = ("index.html", "junit.xml", "report.json")
    (tmp_path / "out").mkdir()
    for name in names:
        (tmp_path / "out" / name).write_text("passed")
    (tmp_path / "out/mine.txt").touch()
    call(IMAGETEST, "-o", "out", "no-such.img", code=FAILURE, cwd=tmp_path)
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["mine.txt"]


def test_help_names_each_scenario():
    told = call(IMAGETEST, "--help", env={"COLUMNS": "200", "PATH": os.environ["PATH"]}).stdout
    assert [name for name in SCENARIOS if f"\n  {name} " not in told] == []
    assert set(NEEDS) | {"watchdog"} == set(SCENARIOS)


def test_a_root_that_is_not_there_cannot_be_tested(tmp_path):
    if not shutil.which(accel.QEMU):
        pytest.skip("no QEMU")
    done = call(IMAGETEST, "--roots", tmp_path / "one", tmp_path / "two", code=1, cwd=tmp_path)
    assert f"{tmp_path / 'one'}: no such image or folder" in done.stderr


# ---------------------------------------------------------------- what is in an initramfs

def archive(**files) -> bytes:
    made = kbcpio.Archive(0)
    for name, text in files.items():
        made.file(name.replace("__", "/"), text.encode())
    return made.pack()


PACKED = {"plain": lambda data: data, "gzip": gzip.compress, "bzip2": bz2.compress,
          "xz": lambda data: lzma.compress(data, check=lzma.CHECK_CRC32),
          "lzma": lambda data: lzma.compress(data, lzma.FORMAT_ALONE)}


@pytest.mark.parametrize("how", PACKED)
def test_archives_one_behind_the_other_are_read(how, tmp_path):
    """As with the microcode that is put in front."""
    path = tmp_path / "initrd"
    path.write_bytes(archive(early="microcode") + PACKED[how](archive(etc__keelboot__system="conf")))
    assert unpack.unpack(path) == {"early": b"microcode", "etc/keelboot/system": b"conf"}


@pytest.mark.parametrize("how", PACKED)
def test_an_archive_behind_a_packed_one_is_read_too(how, tmp_path):
    """As the kernel does, and as the key of the test is added."""
    path, out = tmp_path / "initrd", tmp_path / "more"
    path.write_bytes(PACKED[how](archive(init="theirs")))
    unpack.append(path, archive(etc__key="key"), out)
    assert unpack.unpack(out) == {"init": b"theirs", "etc/key": b"key"}


@pytest.mark.parametrize("how", [how for how in PACKED if how != "plain"])
def test_a_packed_archive_that_is_cut_off_is_damaged(how, tmp_path):
    packed = PACKED[how](archive(init="theirs" * 999))
    (tmp_path / "initrd").write_bytes(packed[:-9])
    with pytest.raises(unpack.UnpackError) as caught:
        unpack.unpack(tmp_path / "initrd")
    assert "damaged" in str(caught.value)


def test_what_is_added_is_no_piece_of_lz4(tmp_path):
    """unlz4() of Linux reads lengths of pieces, four bytes each, until one is zero."""
    for length in range(40, 44):
        piece = b"x" * (length - 8)
        (tmp_path / "initrd").write_bytes(b"\x02\x21\x4c\x18" + len(piece).to_bytes(4, "little") + piece)
        data = unpack.append(tmp_path / "initrd", b"070701", tmp_path / "more").read_bytes()
        assert data[length:length + 4] == bytes(4) and data.index(b"070701") % 4 == 0


def test_an_archive_that_is_added_does_not_change_the_first(tmp_path):
    path, out = tmp_path / "initrd", tmp_path / "more"
    path.write_bytes(gzip.compress(archive(init="theirs")) + b"x"[:0])
    before = path.read_bytes()
    unpack.append(path, archive(etc__keelboot__keys__test="key"), out)
    assert path.read_bytes() == before
    assert out.read_bytes().startswith(before) and out.stat().st_size % 4 == 0
    # The kernel's own way to read it, by another program.
    listed = subprocess.run(["cpio", "-it", "--quiet"], input=out.read_bytes()[len(before):].lstrip(b"\0"),
                            capture_output=True, check=True).stdout.decode().split()
    assert "etc/keelboot/keys/test" in listed


@pytest.mark.parametrize("data, why", [
    (b"", "no file in it"), (b"\0" * 512, "no file in it"), (b"hello, world", "not an initramfs"),
    (b"\x1f\x8b" + b"garbage" * 9, "damaged"), (b"\xfd7zXZ\0" + b"\xff" * 64, "damaged"),
    (b"070701" + b"ZZZZZZZZ" * 13, "damaged"), (b"070701" + b"00000001" * 13, "damaged"), (b"07070", "")])
def test_what_is_no_initramfs_is_refused_with_a_reason(data, why, tmp_path):
    (tmp_path / "initrd").write_bytes(data)
    with pytest.raises(unpack.UnpackError) as caught:
        unpack.unpack(tmp_path / "initrd")
    assert why in str(caught.value)


# ---------------------------------------------------------------- what it reads of a disk

CONF = b"""\
[system]
compatible=acme-box
tries=5
commit-after=2min
[slot.b]
root=PARTLABEL=second
[watchdog]
timeout=17
"""


def test_system_conf_is_read_as_the_device_reads_it():
    conf = subject.settings({"etc/keelboot/system.conf": CONF,
                             "etc/keelboot/system.conf.d/10.conf": b"[system]\ntries=2\n",
                             "usr/lib/keelboot/system.conf": b"[system]\ncompatible=other\n"})
    assert conf["system", "compatible"] == "acme-box" and conf["system", "tries"] == "2"
    made = subject.Subject(Path("none"), conf=conf)
    assert (made.watchdog_s, made.soak_s) == (17, 120)
    assert subject.Subject(Path("none")).watchdog_s == 60


@needs_qemu_img
@pytest.mark.parametrize("form", ["raw", "qcow2"])
def test_partitions_are_found_in_either_format_and_the_disk_is_only_read(form, tmp_path):
    raw = tmp_path / "disk.raw"
    Disk(seed="t").add("keelboot-state", "1M", b"state").add("root-a", "1M", b"a" * 4096).add("second", "1M").build(raw)
    disk = tmp_path / "disk"
    call("qemu-img", "convert", "-f", "raw", "-O", form, raw, disk)
    before = disk.read_bytes()
    made = subject.Subject(disk)
    made.look(tmp_path)
    assert made.part("state").offset == 1 << 20 and list(made.slots()) == ["a"]
    made.conf = subject.settings({"etc/keelboot/system.conf": CONF})
    assert {letter: part.name for letter, part in made.slots().items()} == {"a": "root-a", "b": "second"}
    above = images.overlay(disk, tmp_path / "above")
    (tmp_path / "new").write_bytes(b"n" * 4096)
    images.write_range(above, made.slots()["a"].offset, tmp_path / "new")
    got = images.read_range(above, made.slots()["a"].offset, 1 << 20, tmp_path / "got")
    assert got.read_bytes()[:4096] == b"n" * 4096
    assert disk.read_bytes() == before


@needs_qemu_img
def test_more_than_two_gib_are_written_from_a_folder_with_a_blank(tmp_path):
    """Holes, too: what was there is there no more."""
    folder, size = tmp_path / "my folder, mine", (2 << 30) + (1 << 20)
    folder.mkdir()
    call("qemu-img", "create", "-q", "-f", "qcow2", folder / "below", "3G")
    (folder / "old").write_bytes(b"o" * 8192)
    images.write_range(folder / "below", 1 << 20, folder / "old")
    disk = images.overlay(folder / "below", folder / "disk")
    with open(folder / "new", "wb") as file:
        file.seek(4096)
        file.write(b"n" * 512)
        file.seek(size - 512)
        file.write(b"e" * 512)
    images.write_range(disk, 1 << 20, folder / "new")
    begin = images.read_range(disk, 1 << 20, 8192, folder / "begin").read_bytes()
    assert begin == bytes(4096) + b"n" * 512 + bytes(8192 - 4608)
    end = images.read_range(disk, (1 << 20) + size - 512, 1024, folder / "end").read_bytes()
    assert end == b"e" * 512 + bytes(512)


@needs_qemu_img
@needs_mke2fs
def test_a_release_is_made_and_staged_in_a_folder_with_a_blank(tmp_path, monkeypatch):
    """TMPDIR may have one; debugfs takes its words apart at blanks."""
    folder, keelboot = tmp_path / "my folder", TOP / "build/keelboot"
    (folder / "tree/sbin").mkdir(parents=True)
    (folder / "tree/sbin/init").write_text("#!/bin/sh")
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    root, data = mkext4(folder / "root.img", "4M", folder / "tree"), mkext4(folder / "data.img", "8M")
    with open(folder / "state.img", "wb") as file:
        file.truncate(16 << 20)
    call(keelboot, "state", "init", "--slots", "2", "--trial", "a", "--version", "1", "--sequence", "1",
         folder / "state.img")
    call(keelboot, "key", "generate", "-o", folder / "test")
    Disk(seed="t").add("keelboot-state", "16M", folder / "state.img").add("data", "8M", data).add(
        "root-a", "4M", root).add("root-b", "4M").build(folder / "disk.img")
    made = subject.Subject(folder / "disk.img")
    made.look(folder)
    lab_of = lab.Lab(made, releases.Releases(folder, compatible="acme", root=root), folder, folder)
    lab.use_keys(lab_of, [folder / "test.key"])
    lab_of.releases.sequence = 1
    run = types.SimpleNamespace(disk=images.overlay(folder / "disk.img", folder / "above"), lab=lab_of, subject=made,
                                folder=folder)
    stage.stage(run)
    part = made.part("source.data")
    written = images.read_range(run.disk, part.offset, part.size, folder / "written")
    path = state_of(run.disk, made.part("state"), folder)["staged"]["path"]
    assert ext4_read(written, path.removeprefix("/data/")) == (folder / "test-good.keel").read_bytes()
    lab_of.releases.get("hang")
    assert ext4_read(folder / "root-hang.img", "sbin/init")[:4] == b"\x7fELF"


def logical_disk(path, starts, links) -> None:
    """An MBR with an extended partition at 4 MiB; starts: of its partitions, where their sectors are, links: what leads
    from each to the next. In sectors of the disk."""
    def entries(*rows):
        return b"".join(bytes(4) + bytes([kind]) + bytes(3) + first.to_bytes(4, "little") + count.to_bytes(4, "little")
                        for kind, first, count in rows).ljust(64, b"\0") + b"\x55\xaa"
    begin = 8192
    with open(path, "wb") as file:
        file.truncate(64 << 20)
        file.seek(446)
        file.write(entries((0x83, 2048, 2048), (0x0f, begin, 90000)))
        for start, link in zip(starts, links):
            file.seek(start * 512 + 446)
            file.write(entries((0x83, 2048, 4096), (0x05, link - begin, 6144) if link else (0, 0, 0)))


@needs_qemu_img
@pytest.mark.parametrize("form", ["raw", "qcow2"])
def test_partitions_from_5_on_are_found(form, tmp_path):
    """Each with a sector of its own, far behind the first MiB."""
    logical_disk(tmp_path / "raw", [8192, 16384, 32768], [16384, 32768, 0])
    call("qemu-img", "convert", "-f", "raw", "-O", form, tmp_path / "raw", tmp_path / "disk")
    made = subject.Subject(tmp_path / "disk")
    made.look(tmp_path)
    assert [(part.number, part.offset // 512) for part in made.parts] == [
        (1, 2048), (2, 8192), (5, 8192 + 2048), (6, 16384 + 2048), (7, 32768 + 2048)]
    assert made.parts[-1].size == 4096 * 512 and made.parts[-1].uuid == "00000000-07"
    if shutil.which("sfdisk", path="/usr/sbin:/sbin"):
        seen = json.loads(call("/usr/sbin/sfdisk", "--json", tmp_path / "raw").stdout)["partitiontable"]["partitions"]
        assert [row["start"] for row in seen] == [part.offset // 512 for part in made.parts]


def test_a_chain_of_partitions_that_goes_in_circles_ends(tmp_path):
    logical_disk(tmp_path / "disk", [8192, 16384, 24576], [16384, 24576, 16384])
    with open(tmp_path / "disk", "rb") as file:
        parts = ptable.read(file, 64 << 20)
    assert len(parts) == 2 + ptable.LOGICAL_MAX


@needs_qemu_img
@needs_mke2fs
def test_partitions_are_found_by_each_name_that_system_conf_may_use(tmp_path):
    """Those of an MBR have the disk's signature in theirs; a label may be the file system's."""
    disk, data = tmp_path / "disk", mkext4(tmp_path / "data", "4M", label="userdata")
    Disk(table="mbr", seed="t").add("1", "1M").add("2", "1M").add("3", "4M", data).build(disk)
    signature = int.from_bytes(disk.read_bytes()[440:444], "little")
    identity = subprocess.run(["/usr/sbin/dumpe2fs", "-h", data], capture_output=True, text=True, check=True).stdout
    identity = identity.split("Filesystem UUID:")[1].split()[0]
    made = subject.Subject(disk)
    made.look(tmp_path)
    for wanted, number in ((f"PARTUUID={signature:08x}-02", 2), ("LABEL=userdata", 3), (f"UUID={identity}", 3),
                           ("/dev/vda1", 1), ("LABEL=other", 0), ("/dev/vg/root", 0), ("/dev/vda11", 0),
                           ("/dev/mmcblk0p2", 2), ("/dev/nvme0n1p3", 3), ("/dev/nvme0n1", 0), ("/dev/mmcblk2", 0),
                           ("/dev/vg/root-2", 0), ("/dev/dm-2", 0), ("/dev/md1", 0),
                           ("/dev/disk/by-partlabel/root-2", 0), ("/dev/disk/by-partuuid/0a-2", 0),
                           (f"/dev/disk/by-partuuid/{signature:08x}-02", 2), ("/dev/disk/by-label/userdata", 3),
                           (f"/dev/disk/by-uuid/{identity}", 3), ("/dev/disk/by-id/mmc-CARD_0x1-part1", 1)):
        made.conf = {("state", "partition"): wanted}
        assert getattr(made.part("state"), "number", 0) == number, wanted
    made.conf = {("slot.a", "root"): "/dev/vg/a", ("slot.b", "root"): "/dev/vg/b"}
    assert {finding.id: finding.level for finding in diagnosis.of_disk(made)}["hidden"] == "note"


def test_a_link_of_udev_is_the_name_that_it_is_made_of():
    """With what no name of a file has."""
    parts = [ptable.Part(1, "root 2", 0, 512), ptable.Part(2, "root-2", 512, 512)]
    assert subject.locate(parts, "/dev/disk/by-partlabel/root\\x202", {}).number == 1
    assert subject.locate(parts, "/dev/disk/by-partlabel/root-2", {}).number == 2


def conf_on_disk(tmp_path, conf: bytes):
    """A disk whose slot a has this system.conf."""
    tree = tmp_path / "tree/etc/keelboot"
    tree.mkdir(parents=True)
    (tree / "system.conf").write_bytes(conf)
    root = mkext4(tmp_path / "root.img", "4M", tmp_path / "tree")
    Disk(seed="t").add("keelboot-state", "1M").add("root-a", "4M", root).add("root-b", "4M").build(tmp_path / "disk")
    return tmp_path / "disk"


@needs_qemu_img
@needs_mke2fs
@pytest.mark.parametrize("given, name", [("", "acme-box"), ("other-box", "other-box")])
def test_an_option_goes_before_the_name_alone(given, name, tmp_path):
    """What else the system.conf in a slot says counts with it, too."""
    made = subject.Subject(conf_on_disk(tmp_path, CONF))
    made.look(tmp_path)
    lab_of = lab.Lab(made, releases.Releases(tmp_path, compatible=given), tmp_path, tmp_path)
    lab.find_compatible(lab_of)
    assert lab_of.releases.compatible == name
    assert (made.watchdog_s, made.soak_s, made.conf["system", "tries"]) == (17, 120, "5")


@needs_qemu_img
@pytest.mark.parametrize("size", [1, 100, 512, 700, 5000])
def test_a_disk_that_is_too_small_for_a_table_has_none(size, tmp_path):
    (tmp_path / "disk").write_bytes(b"x" * size)
    made = subject.Subject(tmp_path / "disk")
    made.look(tmp_path)
    assert [finding.id for finding in diagnosis.before(made)] == ["no-table"]


@needs_qemu_img
def test_a_disk_without_anything_is_diagnosed(tmp_path):
    disk = tmp_path / "disk"
    disk.write_bytes(bytes(4 << 20))
    made = subject.Subject(disk)
    made.look(tmp_path)
    found = diagnosis.before(made)
    assert [finding.id for finding in found] == ["no-table"] and all(finding.todo for finding in found)
    Disk("8M").add("root", "1M").build(disk)
    made = subject.Subject(disk, initrd=tmp_path / "initrd")
    (tmp_path / "initrd").write_bytes(archive(init="#!/bin/sh", lib__modules__e1000="x"))
    made.look(tmp_path)
    found = {finding.id: finding for finding in diagnosis.before(made)}
    assert {"no-state", "no-slots", "no-keelboot"} <= set(found) and "root" in found["no-state"].what


def test_an_initramfs_is_keelboots_by_what_is_in_it():
    assert diagnosis.is_keelboots({"usr/lib/keelboot/keelboot-select": b""})
    assert diagnosis.is_keelboots({"init": b"\x7fELF keelboot: "})
    assert not diagnosis.is_keelboots({"init": b"#!/bin/sh", "usr/lib/keelboot/other": b""})


# ---------------------------------------------------------------- the releases

@pytest.mark.parametrize("kind", releases.ENDS)
def test_the_inits_that_fail_run_and_fail(kind, tmp_path):
    init = tmp_path / "init"
    init.write_bytes(releases.program(kind, "it speaks"))
    init.chmod(0o755)
    process = subprocess.Popen([init], stdout=subprocess.PIPE)
    assert process.stdout.readline() == b"it speaks\n"
    if kind == "panic":
        assert process.wait(60) == 1        # the end of process 1 is the kernel's
    else:
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(0.3)
        process.kill()
        process.wait()
    process.stdout.close()


@needs_mke2fs
@pytest.mark.parametrize("real", ["sbin/init", "usr/lib/systemd/systemd"])
def test_a_spoiled_system_differs_in_its_init_alone(real, tmp_path):
    tree = tmp_path / "tree"
    for name in (real, "etc/os-release", "bin/tool"):
        (tree / name).parent.mkdir(parents=True, exist_ok=True)
        (tree / name).write_text("original")
    if real != "sbin/init":
        (tree / "sbin").mkdir()
        (tree / "sbin/init").symlink_to(f"../{real}")
    root = mkext4(tmp_path / "root.img", "4M", tree)
    root.chmod(0o444)
    before = root.read_bytes()
    call(TOP / "build/keelboot", "key", "generate", "-o", tmp_path / "test")
    made = releases.Releases(tmp_path, compatible="acme", keys=[tmp_path / "test.key"], root=root)
    made.get("hang")
    dumped = {name: subprocess.run(["/usr/sbin/debugfs", "-R", f"cat /{name}", tmp_path / "root-hang.img"],
                                   capture_output=True, check=True).stdout
              for name in (real, "etc/os-release", "bin/tool")}
    assert dumped[real][:4] == b"\x7fELF" and dumped["bin/tool"] == dumped["etc/os-release"] == b"original"
    assert root.read_bytes() == before
    assert subprocess.run(["/usr/sbin/e2fsck", "-fn", tmp_path / "root-hang.img"], capture_output=True,
                          check=False).returncode == 0


@needs_mke2fs
def test_an_image_of_others_is_not_opened_for_writing(tmp_path, monkeypatch):
    """Another user's may be read only; and whoever opens one for writing may change it."""
    real = shutil.which("debugfs", path="/usr/sbin:/sbin:/usr/bin:/bin")
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/debugfs").write_text(f'#!/bin/sh\necho "$*" >>{tmp_path}/calls\nexec {real} "$@"\n')
    (tmp_path / "bin/debugfs").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}/bin:{os.environ['PATH']}")
    tree = tmp_path / "tree"
    for name in ("usr/bin/keelboot", "boot/vmlinuz-1", "lib/modules/1/modules.dep", "etc/keelboot/system.conf"):
        (tree / name).parent.mkdir(parents=True, exist_ok=True)
        (tree / name).write_text("[system]\n")
    root = mkext4(tmp_path / "root.img", "4M", tree)
    (tmp_path / "calls").unlink()
    assert diagnosis.of_roots(root) == [] and built.kernel_of(root, tmp_path).version == "1"
    assert built.read_text(root, "etc/keelboot/system.conf") == "[system]\n"
    calls = (tmp_path / "calls").read_text().splitlines()
    assert calls and not [call for call in calls if "-w" in call.split()]


def test_a_release_says_what_it_lacks(tmp_path):
    made = releases.Releases(tmp_path, compatible="")
    assert "--key" in made.lacks("hang")
    made.keys.append("k")
    assert "--compatible" in made.lacks("hang")
    made.compatible = "acme"
    assert made.lacks("hang") == "" and "--bundle" in made.lacks("good")
    with pytest.raises(releases.ReleaseError):
        made.get("good")


@needs_mke2fs
def test_without_debugfs_the_test_says_what_to_install(tmp_path, monkeypatch):
    root = mkext4(tmp_path / "root.img", "4M")
    monkeypatch.setattr(releases.subprocess, "run", lambda *_, **__: (_ for _ in ()).throw(FileNotFoundError()))
    with pytest.raises(lab.TROUBLE) as caught:
        diagnosis.of_roots(root)
    assert str(caught.value) == "debugfs: not found; install e2fsprogs"


def test_of_several_kernels_the_newest_is_taken(tmp_path):
    for version in ("6.1.0-9-amd64", "6.1.0-18-amd64", "5.10.0-30-amd64"):
        (tmp_path / f"lib/modules/{version}").mkdir(parents=True)
        (tmp_path / f"lib/modules/{version}/modules.dep").touch()
        (tmp_path / "boot").mkdir(exist_ok=True)
        (tmp_path / f"boot/vmlinuz-{version}").touch()
    assert built.kernel_of(tmp_path, tmp_path).version == "6.1.0-18-amd64"


def test_a_device_that_is_made_here_has_one_key_and_one_kernel(tmp_path):
    """Whatever the system's own has: for more there is nothing on its disk."""
    conf = b"[keyring]\nsignatures-required=2\n[loader]\nkind=grub\nenvironment=PARTLABEL=grubenv\n"
    conf += b"[slot.a]\nroot=PARTLABEL=sys-a\nboot=PARTLABEL=boot-a\n"
    seen = subject.settings({"etc/keelboot/system.conf": built.of_roots_alone(conf.decode()).encode(),
                             "etc/keelboot/system.conf.d/zz-image-test.conf": built.LABELS.encode()})
    assert seen["keyring", "signatures-required"] == "1" and seen["loader", "kind"] == "none"
    assert seen["slot.a", "root"] == "PARTLABEL=root-a" and ("slot.a", "boot") not in seen


def test_file_system_of_an_image_is_known(tmp_path):
    image = tmp_path / "image"
    for head, name in ((b"hsqs", "squashfs"), (bytes(1024) + b"\xe2\xe1\xf5\xe0", "erofs"), (b"nothing", "")):
        image.write_bytes(head.ljust(4096, b"\0"))
        assert built.file_system(image) == name


# ---------------------------------------------------------------- what a console says

def test_checks_that_pass_when_they_are_repeated_failed_nothing():
    failed = "keelboot: check 30-app: exit 1: no modem; this boot is not a trial: nothing is rejected\n"
    assert watch.failed_check(failed) == ("the check 30-app failed: exit 1: no modem", False)
    for passed in ("All 2 checks passed.\n", "The check passed.\n",
                   "All required checks passed; 1 of those that are only wanted failed.\n"):
        assert watch.failed_check(failed + passed) == ("", False) and watch.failed_check(failed + passed + failed)[0]


def boot_of(text: str) -> watch.Boot:
    boot = watch.Boot(1, "power-on")
    boot.read(text)
    return boot


def test_the_last_slot_that_was_chosen_counts():
    boot = boot_of("[    7.4] keelboot: slot b: 2.0+rc1, trial, tries left: 1\n"
                   "keelboot: slot b: no file system on /dev/vda4\nkeelboot: slot a: 1.0, good\nx login: ")
    assert (boot.slot, boot.version, boot.status) == ("a", "1.0", "good")
    assert len(boot.lines) == 3 and watch.UP.search(boot.after_slot())


@pytest.mark.parametrize("text", ["debian login: ", "Debian GNU/Linux 12 host ttyS0\n\nhost login: ", "device:/# ",
                                  "$ ", "Please press Enter to activate this console.",
                                  "[  OK  ] Reached target multi-user.target - Multi-User System.",
                                  "[  OK  ] Reached target Multi-User System."])
def test_a_system_that_is_up_is_seen(text):
    assert watch.UP.search(f"noise\n{text}")


@pytest.mark.parametrize("text", ["Last login: today", "login: root\n", "# a comment\n",
                                  "[ 1.0] random: crng init done\n"])
def test_what_only_resembles_it_is_not(text):
    assert not watch.UP.search(text)


@pytest.mark.parametrize("text, why", [
    ("BdsDxe: No bootable option or device was found.\n", "firmware"), ("(initramfs) ", "shell"),
    ("Press Enter for maintenance\n(or press Control-D to continue): ", "emergency"), ("grub rescue> ", "GRUB"),
    ("---[ end Kernel panic - not syncing: VFS: Unable to mount root fs on unknown-block(0,0) ]---\n", "root file")])
def test_a_dead_end_is_named(text, why):
    assert why in watch.dead_end(f"noise\n{text}") and watch.dead_end("all is well\n") == ""


def test_no_slot_that_boots_is_a_dead_end_with_its_reasons():
    text = ("keelboot: slot a: no file system on /dev/vda3\nkeelboot: slot b: its partition is missing\n"
            "keelboot: rescue: no slot can be booted\n" + "keelboot: modules: all are loaded\n" * 40)
    assert watch.dead_end(text) == ("Keelboot found no slot that can be booted; slot a: no file system on /dev/vda3; "
                                    "slot b: its partition is missing")
    assert watch.dead_end(f"{text}keelboot: slot b: 2.0, trial, tries left: 2\n") == ""


CHECKED = ("keelboot: slot a: 1.0, trial, tries left: 2\n"
           "ok      10-failed-units                      0.1 s\n"
           "\x1b[31mFAILED\x1b[0m  30-free-space                        0.2 s  exit 1\r\n"
           "        output: /var: 0 KiB free, wants 16384\r\n"
           "1 of 2 checks failed.\n"
           "keelboot: check 30-free-space: exit 1: /var: 0 KiB free, wants 16384; "
           "there is no other slot to boot: the trial goes on\n")
WHY = "the check 30-free-space failed: exit 1: /var: 0 KiB free, wants 16384"


def test_a_check_that_failed_is_named_with_its_output():
    assert boot_of(CHECKED).check == WHY
    silent = CHECKED.replace(": /var: 0 KiB free, wants 16384;", ";")
    assert boot_of(silent).check == "the check 30-free-space failed: exit 1"
    assert boot_of(f"{CHECKED}keelboot: slot b: 2.0, good\n").check == "", "of the boot of another slot"
    assert boot_of(CHECKED.split("1 of 2")[0]).check == "", "they still run"
    journal = CHECKED.replace("keelboot: check", "[   30.123456] keelboot[412]: keelboot: check")
    assert (boot_of(journal).check, boot_of(journal).unfit) == (WHY, True), "as the journal brings it to the console"
    rejected = CHECKED.replace("there is no other slot to boot: the trial goes on", "this release is rejected")
    assert (boot_of(rejected).check, boot_of(rejected).unfit) == (WHY, False)
    assert boot_of("keelboot: slot a: 1.0, trial, tries left: 2\n[FAILED] Failed to start x.\n").check == ""
    found = diagnosis.of_console(subject.Subject(Path("x")), boot_of(CHECKED))
    assert diagnosis.worst(found).what == WHY and "keelboot check" in diagnosis.worst(found).todo


def test_a_trial_that_goes_on_without_its_checks_ends_the_wait_at_once():
    text = [CHECKED.split("FAILED")[0]]
    vm = types.SimpleNamespace(boots=[types.SimpleNamespace(at=0.0, start=0, cause="power-on")], ended=lambda: "",
                               boot_text=lambda number: text[0])
    boot = watch.Boot(1, "power-on")
    watcher = watch.Watcher(vm, boot, lambda slot: False)
    assert not watcher._look(0.0, 240.0) and boot.dead == ""
    text[0] = CHECKED
    assert watcher._look(0.0, 240.0) and boot.dead == WHY
    with pytest.raises(Failed) as caught:
        Run.must_be_up(None, boot, "a", "the first boot")
    assert caught.value.why == f"the first boot: {WHY}" and "keelboot check" in caught.value.todo


def test_a_console_without_keelboot_says_so():
    boot = boot_of("Linux version 6\nKernel command line: root=/dev/vda1\nhost login: ")
    found = {finding.id: finding for finding in diagnosis.of_console(subject.Subject(Path("x")), boot)}
    assert set(found) == {"no-keelboot", "no-panic"} and "it comes up, but" in found["no-keelboot"].what
    silent = watch.Boot(1, "power-on", silent=True)
    assert diagnosis.of_console(subject.Subject(Path("x")), silent) == [diagnosis.SILENT]
    assert diagnosis.worst([found["no-panic"], diagnosis.SILENT]).id == "silent"


# ---------------------------------------------------------------- reports

def make_results(tmp_path) -> list:
    """One of each kind; what the system said is as hostile as it can be."""
    log = tmp_path / "hang.log"
    log.write_text("--- boot 1: power-on ---\n[    0.000000] Linux <script>alert(1)</script> \x01\x1b[31mred\n"
                   "keelboot: slot b: 2.0, trial\n")
    good = Result("boot", "pass", seconds=12.5, boots=[watch.Boot(1, "power-on", 0.5, 11, "a", "1.0", "good", "login")])
    bad = Result("hang", "fail", "it did <not> restart & hung\x02", "use a watchdog", 99.4, log=str(log),
                 evidence=["keelboot: ]]> the last words"], events=[(0.0, "power on")],
                 boots=[watch.Boot(1, "power-on", 1, 30, "b", "2.0", "trial", ended="reset by watchdog")])
    return [good, bad, Result("sd", "skip", "no key"), Result("usb", "error", "QEMU ended")]


FINDINGS = [diagnosis.Finding("no-state", "error", "no <state>", "make one")]
FACTS = {"subject": "a <disk>", "started": "2026-01-01T00:00:00Z", "seconds": 120.0, "summary": ["tcg"]}


def test_the_table_has_a_line_for_each_and_fits_the_terminal(tmp_path):
    results = make_results(tmp_path)
    lines = show.table(results, 0, 60)
    assert len(lines) == 5 and all(len(line) <= 60 for line in lines)
    assert lines[1].split()[:4] == ["boot", "pass", "1", "12.5"] and "FAIL" in lines[2] and "skipped" in lines[3]
    assert show.table(results, 0, 60, True)[2].startswith("\033[31")
    running = Result("update", doing="boot 2 (guest)", started=10)
    assert show.row(running, 44) == "update      runs          -       34  boot 2 (guest)"
    told = "\n".join(show.failures(results) + show.diagnosis(FINDINGS, 40))
    assert "to do: use a watchdog" in told and "no <state>" in told and all(len(li) <= 40 for li in
                                                                          show.diagnosis(FINDINGS, 40))


def test_no_terminal_gets_one_line_when_a_scenario_ends(tmp_path):
    out = io.StringIO()
    out.isatty = lambda: False
    board = lab.Board(["boot", "hang"], show.Screen(out=out))
    good, bad = make_results(tmp_path)[:2]
    board.update(Result("boot", doing="power on"))
    for result in (good, good, bad):
        board.update(result)
    assert [line.split()[0] for line in out.getvalue().splitlines()] == ["boot", "hang"]


def test_a_terminal_gets_the_table_again_and_again(tmp_path):
    out = io.StringIO()
    out.isatty = lambda: True
    board = lab.Board(["boot", "hang"], show.Screen(out=out))
    for result in make_results(tmp_path)[:2]:
        board.update(result)
    assert out.getvalue().count("scenario") == 2 and "\033[3A" in out.getvalue()


def test_junit_is_xml_that_others_read(tmp_path):
    report.write_junit(tmp_path / "junit.xml", FACTS, make_results(tmp_path))
    suite = ET.parse(tmp_path / "junit.xml").getroot().find("testsuite")
    assert {key: suite.get(key) for key in ("tests", "failures", "errors", "skipped")} == \
        {"tests": "4", "failures": "1", "errors": "1", "skipped": "1"}
    cases = {case.get("name"): case for case in suite}
    assert cases["hang"].find("failure").get("message") == "it did <not> restart & hung?"
    assert "]]> the last words" in cases["hang"].find("failure").text
    assert "<script>" in cases["hang"].find("system-out").text
    assert cases["usb"].find("error") is not None and cases["sd"].find("skipped") is not None
    assert list(cases["boot"]) == []


def test_json_has_all_of_it(tmp_path):
    report.write_json(tmp_path / "report.json", FACTS, make_results(tmp_path), FINDINGS)
    told = json.loads((tmp_path / "report.json").read_text())
    assert told["schema"] == 1 and told["result"] == "fail" and told["findings"][0]["id"] == "no-state"
    hang = told["scenarios"][1]
    assert hang["boots"][0]["ended"] == "reset by watchdog" and hang["events"] == [{"at": 0.0, "text": "power on"}]
    assert (hang["todo"], hang["log"]) == ("use a watchdog", "hang.log")


@pytest.mark.parametrize("kinds, verdict", [(["pass"], "pass"), (["pass", "pass", "skip"], "pass"),
                                            (["pass", "fail"], "fail"), (["pass", "error", "pass"], "fail"),
                                            (["pass", "skip"], "skip"), (["fail", "skip"], "fail")])
def test_nothing_that_was_not_played_counts_as_passed(kinds, verdict):
    assert report.verdict([Result(str(number), kind) for number, kind in enumerate(kinds)]) == verdict


class Page(HTMLParser):
    """Which elements a page has, and whether each is closed."""

    VOID = {"meta", "br", "!doctype"}

    def __init__(self, text: str):
        super().__init__()
        self.open, self.tags, self.attributes, self.ids = [], [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += attrs
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def test_the_page_is_whole_safe_and_needs_nothing_from_elsewhere(tmp_path):
    text = page.render(FACTS, make_results(tmp_path), FINDINGS)
    made = Page(text)
    assert made.open == []
    assert not {"script", "link", "img", "iframe", "object"} & set(made.tags)
    assert "http:" not in text and "https:" not in text and "url(" not in text and "@import" not in text
    names = {value for key, value in made.attributes if key == "id"}
    assert names == {"boot", "hang", "sd", "usb"}
    assert {value for key, value in made.attributes if key == "href"} == {f"#{name}" for name in names}
    assert "2 of 4 failed" in text and "1 could not be played" in text
    # What failed comes first, with what to do.
    assert text.index("What failed") < text.index("Scenarios</h2>") and "use a watchdog" in text
    assert "&lt;script&gt;alert(1)" in text and "\x01" not in text


def test_long_console_is_cut_at_its_beginning(tmp_path):
    log = tmp_path / "long.log"
    log.write_text("x" * report.LOG_MOST + "THE END")
    text = report.log_text(Result("boot", log=str(log)))
    assert text.endswith("THE END") and "characters are left out" in text.splitlines()[0]
    assert len(text) < report.LOG_MOST + 100


@pytest.mark.parametrize("cause, how", [("guest", "Ctrl-Alt-Del"), ("watchdog", "")])
def test_a_shutdown_that_the_watchdog_ends_is_none(cause, how):
    """It hung: nothing was shut down in order."""
    vm = types.SimpleNamespace(boots=[types.SimpleNamespace(cause="power-on")], ended=lambda: "",
                               console=console.Console())
    vm.power_button = None
    vm.press = lambda _: vm.boots.append(types.SimpleNamespace(cause=cause))
    run = types.SimpleNamespace(vm=vm, doing=lambda _: None, left=lambda: 1.0, off=lambda: None, notes=[])
    run.note = run.notes.append
    assert Run.shut_down(run) == how
    assert "hung" in run.notes[0] if not how else run.notes == ["shut down by Ctrl-Alt-Del"]


def test_what_an_install_says_of_a_slot_is_no_trial():
    """There the power would be cut in the install, and not on trial."""
    install = "keelboot-apply: install: slot b: version 2.0: writing\n" \
              "keelboot: slot b: 1.0, bad\nkeelboot: slot a: 1.0, trial\n"
    assert not scenarios.on_trial(install, "b")
    assert scenarios.on_trial(f"{install}keelboot: slot b: 2.0, trial, tries left: 2\n", "b")


@pytest.mark.parametrize("conf, paired", [
    ({}, False), ({("loader", "kind"): "none", ("slot.a", "boot"): "PARTLABEL=boot-a"}, False),
    ({("loader", "kind"): "grub"}, False), ({("loader", "kind"): "kexec"}, True),
    ({("loader", "kind"): "grub", ("slot.a", "boot"): "PARTLABEL=boot-a"}, True)])
def test_a_device_with_a_kernel_for_each_slot_gets_no_release(conf, paired, monkeypatch):
    """It would restart by itself, and fail."""
    run = types.SimpleNamespace(name="update", subject=subject.Subject(Path("none"), conf=conf), doing=lambda _: None)
    run.lab = types.SimpleNamespace(releases=releases.Releases(Path("none"), compatible="acme"))
    with pytest.raises(Skipped) as caught:
        scenarios.play(run, lambda _: None)
    assert ("[loader] kind=" in str(caught.value)) == paired
    run.name = "watchdog"
    scenarios.play(run, lambda _: None)


# ---------------------------------------------------------------- playing

def fake_lab(tmp_path, monkeypatch, first):
    """A lab whose scenarios start no machine."""
    class Run:
        def __init__(self, _, name, base):
            self.result, self.base, self.name = Result(name), base, name

        def finish(self, result, why="", todo=""):
            self.result.result, self.result.why, self.result.todo = result, why, todo
            return self.result

        def drop(self):
            dropped.append(self.name)

    dropped = []
    monkeypatch.setattr(lab, "Run", Run)
    monkeypatch.setattr(lab, "prove", first)
    return types.SimpleNamespace(subject=types.SimpleNamespace(disk="disk"), base="after the first boot",
                                 dropped=dropped)


def test_each_end_of_a_scenario_is_reported_and_the_others_go_on(tmp_path, monkeypatch):
    made = fake_lab(tmp_path, monkeypatch, lambda run: None)
    ends = {"update": None, "broken": Failed("why", "do that"), "hang": Skipped("no key"),
            "panic": OSError("disk full"), "usb": KeyError("bug")}

    def play(run, _):
        assert run.base == made.base
        if ends[run.name]:
            raise ends[run.name]

    monkeypatch.setattr(lab, "play", play)
    board = lab.Board(["boot", *ends], lambda *_: None)
    lab.play_all(made, list(ends), 3, board)
    assert {name: result.result for name, result in board.results.items()} == {
        "boot": "pass", "update": "pass", "broken": "fail", "hang": "skip", "panic": "error", "usb": "error"}
    assert (board.results["broken"].why, board.results["broken"].todo) == ("why", "do that")
    assert sorted(made.dropped) == sorted(ends)
    assert "KeyError" in board.results["usb"].why


def test_a_system_that_fails_its_first_boot_is_not_played_on(tmp_path, monkeypatch):
    def first(_):
        raise Failed("says nothing")

    made = fake_lab(tmp_path, monkeypatch, first)
    monkeypatch.setattr(lab, "play", lambda *_: pytest.fail("played"))
    board = lab.Board(["boot", "update"], lambda *_: None)
    lab.play_all(made, ["update"], 1, board)
    assert [result.result for result in board.results.values()] == ["fail", "skip"]


def test_an_accelerator_is_judged_by_what_a_machine_says(tmp_path):
    """Programs that stand for QEMU: one that speaks, one that hangs, one that refuses."""
    for name, text in (("speaks", "printf K"), ("hangs", "exec sleep 60"), ("refuses", "echo no kvm >&2; exit 1")):
        (tmp_path / name).write_text(f"#!/bin/sh\n{text}\n")
        (tmp_path / name).chmod(0o755)
    assert accel.speaks("kvm", str(tmp_path / "speaks")) == ""
    assert "said nothing in 0.5 s" in accel.speaks("kvm", str(tmp_path / "hangs"), 0.5)
    assert accel.speaks("kvm", str(tmp_path / "refuses")) == "no kvm"
    assert accel.choose("auto", str(tmp_path / "speaks")) == ("kvm", "")
    with pytest.raises(accel.NoQemu):
        accel.choose("kvm", str(tmp_path / "refuses"))
    with pytest.raises(accel.NoQemu):
        accel.choose("auto", str(tmp_path / "missing"))
