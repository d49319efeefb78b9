# SPDX-License-Identifier: Apache-2.0
"""`keelboot check-config`, and the examples of system.conf."""
import re

import pytest
from cli_device import FAILURE, OK, TOP, USAGE, document, run

EXAMPLES = sorted((TOP / "docs/examples").glob("*.conf"))


def check(path, text, code):
    file = path / "system.conf"
    file.write_text(text)
    return run("check-config", file, code=code)


def test_a_good_file_is_praised(tmp_path):
    for words in "none", "quiet,ro,keelboot.log", "quiet,virtio_blk.queue_depth":
        check(tmp_path, f"[system]\ncommand-line={words}\n", OK)
    assert "no problems found" in check(tmp_path, "[system]\ncompatible=x\n", OK).stdout


@pytest.mark.parametrize("text, says", [
    ("[system]\ncompatibel=x\n", "system.conf:2: [system] compatibel: unknown key"),
    ("[sytem]\ntries=3\n", "unknown section"),
    ("[system]\ncommand-line=quiet,keelboot.slots\n", "command-line=: keelboot.slots: unknown key; keelboot-init(8)"),
    ("[system]\ntries=0\n", "NUMBER (1..9)"),
    ("[data]\nkeep=/ids,etc/keys\n",
     '[data] keep=: "/ids" begins with /, but is taken from the top of the data partition; no data is reset until'),
    ("[data]\npaths=app;etc\n", '[data] paths=: "app;etc" has one of '),
    ("[install]\nmax-sequence-jump=0\n", "max-sequence-jump=0: expected none|NUMBER (1..9223372036854775807);"),
    ("[system]\n\nnothing\n", "system.conf:3: neither [section] nor key=value"),
    ("[slot.a]\nroot=sda1\n", "root=sda1: expected PARTLABEL=x, PARTUUID=x, LABEL=x, UUID=x or /dev/x, or for boot"),
    ("[slot.a]\nboot=PARTLABEL=x\n", "no root="),
    ("[slot.a]\nroot=PARTLABEL=data\n", "also the partition of data"),
    ("[system]\ncompatible=x\n[measure]\npcr=13\n[loader]\nkind=kexec\n[slot.a]\nroot=PARTLABEL=a\nboot=PARTLABEL=k\n",
     "nothing checks the kernel in the partition of [slot.a] boot=, so no secret opens; put it into the root"),
    ("[system]\ncompatible=x\nverify-slot=always\n[loader]\nkind=kexec\n[slot.a]\nroot=PARTLABEL=a\nboot=PARTLABEL=k\n",
     "nothing checks the kernel in the partition of [slot.a] boot=, so it is never started; put it into the root"),
    ("[system]\ninit=" + "/x" * 200 + "\n", "longer than"),
    ("[system]\ncompatible=x\0y\n", "NUL"),
    ("#\n" * 40000, "larger than 64 KiB"),
    ("[system]\ncompatible=x\n[install]\nprogress-deadline=41\n",
     "with [watchdog] timeout=60 an install is stopped after 40 s; set timeout=62 or more"),
    ("[system]\ncompatible=x\n[install]\nprogress-deadline=120\n[watchdog]\ntimeout=179\n",
     "stopped after 119 s; set timeout=180 or more"),
    ("[system]\ncompatible=x\ncommit-after=300\n",
     "rejected after 300 s (commit-deadline=), before it can be marked good"),
])
def test_what_a_boot_passes_over_is_an_error_here(tmp_path, text, says):
    assert says in check(tmp_path, text, FAILURE).stderr


@pytest.mark.parametrize("text", [
    "[system]\ncompatible=x\n[watchdog]\ntimeout=15\n",
    "[system]\ncompatible=x\n[install]\nprogress-deadline=40\n",
    "[system]\ncompatible=x\n[install]\nprogress-deadline=120\n[watchdog]\ntimeout=180\n",
    "[system]\ncompatible=x\n[install]\nprogress-deadline=120\n[watchdog]\ndevice=off\n",
    "[install]\nprogress-deadline=120\n",
    "[system]\ncompatible=x\ncommit-after=300\ncommit-deadline=301\n",
])
def test_a_deadline_that_counts_or_that_nobody_chose_is_fine(tmp_path, text):
    """A drop-in, which does not name the device, leaves the watchdog to the other files."""
    check(tmp_path, text, OK)


UNOPENED = """\
[system]
compatible=x
root-overlay=/dev/loop0
[state]
partition=/dev/vg/state
[slot.a]
root=/dev/vg/a
[slot.b]
root=/dev/loop1
[slot.c]
root=/dev/disk/by-partlabel/c
[source.data]
partition=/dev/md/data
"""


def test_devices_that_keelboots_own_init_does_not_open_are_warned_of(tmp_path):
    done = check(tmp_path, UNOPENED, OK)
    told = re.findall(r"system.conf: (.*?)=/dev/\S+ is (a .*?): (only|no)", done.stderr)
    assert told == [("[slot.a] root", "a volume of LVM", "only"), ("[slot.b] root", "a loop device", "no"),
                    ("[state] partition", "a volume of LVM", "no"), ("[system] root-overlay", "a loop device", "no"),
                    ("[source.data] partition", "a RAID array", "only")]
    assert done.stdout.endswith("no errors found.\n")
    file = tmp_path / "system.conf"
    warnings = document("check-config", file)["warnings"]
    assert len(warnings) == 5 and "[slot.a] root=/dev/vg/a is a volume of LVM" in warnings[0]["text"]


def test_a_file_that_does_not_name_the_device_is_warned_of(tmp_path):
    done = check(tmp_path, "[install]\nprogress-deadline=40\n", OK)
    assert "[system] compatible= is missing: no bundle is installed" in done.stderr
    assert "no problems found" not in done.stdout


def test_complaints_in_json(tmp_path):
    file = tmp_path / "system.conf"
    file.write_text("[system]\ncompatible=x\nfoo=1\nbar=2\n")
    told = document("check-config", file, code=FAILURE)
    assert (told["schema"], told["ok"]) == (1, False)
    assert [(c["file"], c["line"]) for c in told["complaints"]] == [(str(file), 3), (str(file), 4)]
    file.write_text("[system]\ncompatible=x\n")
    assert document("check-config", file)["ok"]


def test_without_a_file_the_devices_own_with_its_drop_ins_is_checked(dev):
    dev("check-config")
    folder = dev.root / "usr/lib/keelboot/system.conf.d"
    folder.mkdir(parents=True)
    (folder / "10-x.conf").write_text("[system]\nno-such=1\n")
    assert "10-x.conf:2:" in dev("check-config", code=FAILURE).stderr


def test_a_drop_in_is_seen_with_the_rest(dev):
    folder = dev.root / "etc/keelboot/system.conf.d"
    folder.mkdir(parents=True)
    (folder / "10-x.conf").write_text("[install]\nprogress-deadline=120\n")
    assert "progress-deadline=120" in dev("check-config", code=FAILURE).stderr
    (folder / "20-x.conf").write_text("[watchdog]\ntimeout=180\n")
    dev("check-config")


def test_a_device_that_does_not_say_what_it_is(dev):
    (dev.root / "etc/keelboot/system.conf").write_text("")
    assert "compatible=" in dev("check-config", code=FAILURE).stderr
    (dev.root / "etc/keelboot/system.conf").unlink()
    assert "defaults are used" in dev("check-config", code=FAILURE).stderr


@pytest.mark.parametrize("file", EXAMPLES, ids=lambda file: file.stem)
def test_the_examples_are_right(file):
    assert len(EXAMPLES) == 3
    assert run("check-config", file, code=OK).stderr == ""
    assert "compatible=" in file.read_text()


def test_files_that_cannot_be_read(tmp_path):
    assert "cannot be read" in run("check-config", tmp_path / "none.conf").stderr
    run("check-config", tmp_path, code=FAILURE)
    run("check-config", "a", "b", code=USAGE)
