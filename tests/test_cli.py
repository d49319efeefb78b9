# SPDX-License-Identifier: Apache-2.0
"""The keelboot command on plain files: what it says, what it writes, how it ends."""
import contextlib
import fcntl
import json
import os
import pathlib
import re
import shutil
import struct
import subprocess
import time

import pytest
from cli_device import (BUSY, FAILURE, HELPER, INCOMPATIBLE, KEELBOOT, MIB, NOTHING, OK, REBOOT, RING, TOP, USAGE,
                        VERIFY, add_event, call, document, edit, flip, lacking, let_others_in, run)


def content(bundle):
    return pathlib.Path(f"{bundle}.img").read_bytes()


@pytest.fixture(name="bundle")
def make_bundle(factory):
    return factory("2.0", 20)


@pytest.fixture(name="staged")
def make_staged(ready, bundle):
    """As ready, and 2.0 is staged."""
    ready("stage", bundle)
    return ready


# ---------------------------------------------------------------- usage


@pytest.mark.parametrize("args, says", [
    (["statsu"], 'did you mean "keelboot status"'),
    (["hist"], 'did you mean "keelboot history"'),
    (["frobnicate"], "lists the verbs"),
    (["status", "--jsn"], "did you mean --json"),
    (["status", "-x"], "unknown option -x"),
    (["status", "--json=yes"], "takes no value"),
    (["status", "more"], "unexpected argument"),
    (["history", "-n"], "needs a value"),
    (["history", "-n", "many"], "expected a number"),
    (["history", "-n0"], "expected a number above 0"),
    (["mark"], "mark: missing argument: good, bad or clean; see `keelboot help mark`"),
    (["mark", "fine"], "not a verdict"),
    (["mark", "good", "a", "b"], "unexpected argument"),
    (["mark", "good", "--reason", "x"], "takes no --reason"),
    (["mark", "clean", "booted"], '"booted": unexpected argument; see `keelboot help mark`'),
    (["stage"], "stage: missing argument: the FILE of a bundle"),
    (["stage", "-"], "save it to a file"),
    (["install", "-"], "save it to a file"),
    (["install", "x.keel", "--progress=loud"], "not one of auto"),
    (["state"], "state: missing argument: show, export or init"),
    (["state", "erase"], "expected show, export or init"),
    (["state", "--json"], "--json: not for state; see `keelboot help state`"),
    (["version", "--json"], "--json: not for version"),
    (["version", "x"], '"x": unexpected argument'),
    (["help", "--json"], "--json: not for help"),
    (["state", "init", "--good", "z"], "expected a slot"),
    (["state", "init", "--slots", "0"], "expected a number from 1 to 8"),
    (["state", "init", "--good", "a", "--version", ""], "expected 1 to 48"),
    (["state", "init", "--version", "1.0"], "missing option: --good SLOT"),
    (["--slot", "a=/dev/x", "status"], "SLOT:CLASS=PATH"),
    (["--offset", "1X", "status"], "expected bytes"),
    (["--wait", "-1", "status"], "expected seconds"),
])
def test_wrong_usage_names_the_way_out(args, says):
    result = run(*args, code=USAGE)
    assert says in result.stderr and result.stdout == ""


@pytest.mark.parametrize("verb", ["fleet", "bundle", "channel", "key", "image"])
@pytest.mark.parametrize("option", ["--state=x", "--offset=0", "--size=1M", "--slot=a:root=/dev/x", "--conf-root=/x",
                                    "--run-dir=/x", "--wait=3", "--verbose", "-v"])
def test_an_option_before_a_verb_that_does_not_read_it_is_refused(option, verb):
    """It was dropped: `keelboot --conf-root DIR fleet once` asked the device's own server."""
    name = option.partition("=")[0]
    for words in ([option], option.split("=", 1)):
        said = run(*words, verb, "--help", code=USAGE)
        assert said.stdout == "" and said.stderr.startswith(f"keelboot: {name}: ") and verb in said.stderr


@pytest.mark.parametrize("verb", ["status", "mark", "stage", "unstage", "install", "switch", "history", "check",
                                  "doctor", "check-config", "state", "bundle", "key"])
def test_each_verb_has_help_with_an_example(verb):
    told = run(verb, "--help", code=OK).stdout
    assert told == run("help", verb, code=OK).stdout
    assert re.search(r"^Example:\s+keelboot " + verb, told, re.M)
    assert max(map(len, told.splitlines())) <= 90


@pytest.mark.parametrize("verb", ["status", "mark", "stage", "install", "switch", "history", "check", "doctor",
                                  "check-config", "state", "adopt"])
def test_the_man_page_has_every_option_of_the_help(verb):
    options = set(re.findall(r"Fl -([a-z][a-z-]+)", (TOP / "docs/man/keelboot.1").read_text()))
    told = set(re.findall(r"(?<![\w-])--([a-z][a-z-]+)", run("help", verb).stdout))
    assert told and told <= options
    # Every option in the page is one that some verb takes.
    helps = "".join(run("help", v).stdout for v in ("mark", "stage", "install", "switch", "check", "doctor", "state",
                                                "history", "reset-data", "adopt", "measure"))
    assert [option for option in options - {"help"} if f"--{option}" not in helps] == []


def test_help_lists_the_verbs_and_version_is_the_makefiles():
    version = re.search(r"^VERSION := (\S+)", (TOP / "Makefile").read_text(), re.M).group(1)
    assert run("version").stdout == f"keelboot {version}\n" == run("--version").stdout
    assert "unstage" in run("help").stdout
    run("help", "nothing", code=USAGE)


def test_help_of_a_verb_in_each_form():
    for words in (["--help", "mark"], ["-h", "mark"], ["mark", "--help"]):
        assert run(*words, code=OK).stdout == run("help", "mark").stdout
    assert "keeps 200 letters of the reason" in run("help", "mark").stdout
    told = run("bundle", "create", "--help", code=OK).stdout
    assert told == run("help", "bundle", "create", code=OK).stdout == run("--help", "bundle", "create").stdout
    assert run("help", "bundle").stdout == run("bundle", "--help").stdout != told


@pytest.mark.parametrize("verb", ["bundle create", "bundle sign", "bundle verify", "bundle inspect", "bundle extract",
                                  "channel create", "channel sign", "channel inspect", "key", "status"])
def test_a_wrong_option_is_one_line(verb):
    line, = run(*verb.split(), "--frobnicate", code=USAGE).stderr.splitlines()
    assert "unknown option --frobnicate" in line


def test_of_many_mistakes_in_system_conf_a_verb_prints_the_first(good):
    good.configure("[sytem]\na=1\nb=2\nc=3\n")
    lines = good("status").stderr.splitlines()
    assert [line.partition("system.conf")[2] for line in lines] == [
        ":7: [sytem] a: unknown section; ignored", ": keelboot check-config"]
    assert "and 2 more in system.conf" in lines[1]
    assert len(good("check-config", code=FAILURE).stderr.splitlines()) == 3


def test_a_closed_standard_output_is_a_failure(good):
    said = call("sh", "-c", f"'{KEELBOOT}' --state '{good.state}' state show > /dev/full", code=FAILURE).stderr
    assert "unable to write to standard output" in said


# ---------------------------------------------------------------- state init and show


def test_init_makes_the_file_and_both_regions_hold_the_state(dev):
    dev.init("--slots", 3, "--trial", "b", "--version", "1.0", "--sequence", 7, "--floor", 5)
    assert dev.state.stat().st_size == 16 * MIB
    shown = dev.json("state", "show")
    assert [s["state"] for s in shown["slots"]] == ["empty", "trial", "empty"]
    assert shown["preferred"] == "b"
    slot = shown["slots"][1]
    assert (slot["version"], slot["sequence"], slot["tries"]) == ("1.0", 7, 3)
    assert shown["floor"] == 5
    assert dev.json("status")["state"]["regions"] == ["ok", "ok"]


def test_a_trial_of_the_factory_has_the_tries_of_system_conf(dev):
    dev.configure("[system]\ntries=5\n")
    dev.init("--good", "a", "--trial", "b")
    assert (dev.slot("a")["tries"], dev.slot("b")["tries"]) == (0, 5)


def test_init_takes_the_number_of_slots_from_system_conf(dev):
    dev.configure("".join(f"[slot.{s}]\nroot=PARTLABEL=root-{s}\n" for s in "abc"))
    dev.init("--good", "a")
    assert len(dev.json("state", "show")["slots"]) == 3


def test_init_refuses_to_overwrite_a_state_without_force(good):
    before = good.state.read_bytes()
    assert "--force" in good("state", "init", "--good", "b", code=FAILURE).stderr
    assert good.state.read_bytes() == before
    good("state", "init", "--good", "b", "--force")
    assert [s["state"] for s in good.json("state", "show")["slots"]] == ["empty", "good"]


def test_init_refuses_what_is_neither_empty_nor_a_state(dev):
    dev.state.write_bytes(os.urandom(MIB) + bytes(15 * MIB))
    assert "right partition" in dev("state", "init", code=FAILURE).stderr
    dev("state", "init", "--good", "a", "--force")
    assert dev.slot("a")["state"] == "good"


def make_ext4(path):
    call("mkfs.ext4", "-q", path, "32M")


def make_fat(path):
    path.write_bytes(bytes(32 * MIB))
    call("mkfs.vfat", path)


def make_disk(path, label="gpt"):
    path.write_bytes(bytes(32 * MIB))
    call("sfdisk", "-q", path, input=f"label: {label}\nstart=8MiB size=16MiB\n")


FOREIGN = [(make_ext4, "an ext2, ext3 or ext4 file system", "name another: --state /dev/..."),
           (make_fat, "a FAT file system", "name another: --state /dev/..."),
           (make_disk, "a disk with partitions (GPT)", "--offset N --size N"),
           (lambda path: make_disk(path, "dos"), "a disk with partitions (MBR)", "--offset N --size N")]


@pytest.mark.parametrize("make, what, todo", FOREIGN)
def test_what_is_no_state_partition_is_named_and_never_overwritten(dev, make, what, todo):
    make(dev.state)
    before = dev.state.read_bytes()
    for args in (["status"], ["mark", "good", "a"], ["state", "init"], ["state", "init", "--force", "--good", "a"]):
        told = dev(*args, code=FAILURE).stderr
        assert f"{dev.state} is {what}, not a state partition" in told and todo in told
        assert "--force" not in told
    assert dev.state.read_bytes() == before


def test_a_bundle_is_no_state_partition(dev, bundle):
    dev.state.write_bytes(bundle.read_bytes() + bytes(16 * MIB))
    assert "is a bundle, not a state partition" in dev("state", "init", "--force", code=FAILURE).stderr


def test_a_disk_is_not_overwritten_because_its_middle_holds_a_state(dev):
    """The partition begins where the second region of a state would."""
    make_disk(dev.state)
    dev("state", "init", "--offset", "8M", "--size", "16M", "--good", "a")
    before = dev.state.read_bytes()
    assert "(GPT)" in dev("state", "init", "--force", code=FAILURE).stderr
    assert dev.state.read_bytes() == before


@pytest.mark.parametrize("size", [0, 512, MIB, 16 * MIB - 1])
def test_init_refuses_a_partition_that_is_too_small(dev, size):
    dev.state.write_bytes(bytes(size))
    assert f"{dev.state}: {size} bytes; the minimum is 16 MiB" in dev("state", "init", code=FAILURE).stderr


def test_without_a_state_partition_the_boots_facts_are_not_blamed(dev):
    """They are there; the partition is not."""
    options = ["--conf-root", dev.root, "--run-dir", dev.run]
    dev.boot("a")
    (dev.run / "devices").write_text("disk /dev/vda\nslot a root /dev/vda2\n")
    for verb in (["status"], ["mark", "good"]):
        told = run(*options, *verb)
        assert told.returncode != OK
        assert "no state partition: this device's disk has no PARTLABEL=keelboot-state" in told.stderr
        assert "keelboot state init" in told.stderr and "found neither " not in told.stderr
    (dev.run / "devices").unlink()
    assert f"found neither {dev.run}/devices" in run(*options, "mark", "good").stderr


@pytest.mark.parametrize("args", [(), ("--cancel",)])
def test_a_reset_without_a_state_partition_is_a_failure_and_only_that(dev, args):
    told = run("--conf-root", dev.root, "--run-dir", dev.run, "reset-data", *args, code=FAILURE)
    assert "a reset" not in told.stderr and "no reset" not in told.stderr and told.stdout == ""


def test_a_reset_is_told_by_what_the_initramfs_has(good):
    good.configure("[data]\nkeep=ids\n")
    good.boot("a", data={"paths": "", "keep": "", "template": "/usr/share/acme"})
    said = good("reset-data").stdout
    assert "data partition, and copies /usr/share/acme of its slot to it." in said


@pytest.mark.parametrize("rule", ["keep=/ids,etc/keys", "paths=app,app/db", "template=usr/share/acme"])
def test_a_reset_by_a_rule_that_cannot_be_read_is_refused(good, rule):
    key = rule.split("=")[0]
    good.configure(f"[data]\n{rule}\n")
    told = good("reset-data", code=FAILURE)
    assert f"[data] {key}= of system.conf cannot be read: nothing is reset" in told.stderr and told.stdout == ""
    good.configure("[data]\nkeep=ids, etc/keys\n")
    good.boot("a", data={"paths": "", "keep": "", "template": "", key: None})
    told = good("reset-data", code=FAILURE)
    assert f"[data] {key}= of the initramfs cannot be read: nothing is reset" in told.stderr and told.stdout == ""
    assert "no reset of the data is waiting" in good("reset-data", "--cancel", code=NOTHING).stderr


@pytest.mark.parametrize("text", ["[data]\nkeep ids\n", "[data]\nkep=ids\n", "[dta]\nkeep=ids\n", "[data\nkeep=ids\n"])
def test_a_reset_is_refused_where_a_line_is_not_understood(good, text):
    """It may be the one that says what stays."""
    good.configure(text)
    told = good("reset-data", code=FAILURE)
    assert "a line or a file of system.conf cannot be read: nothing is reset" in told.stderr


def test_a_reset_refuses_blanks_for_commas(good):
    """One name with a blank in it, by the rule; and what it means is deleted."""
    good.boot("a", data={"paths": "", "keep": "ids etc/keys", "template": ""})
    (good.data / "etc/keys").mkdir(parents=True)
    good("reset-data", code=OK)                 # one name, which is not there yet
    good("reset-data", "--cancel")
    (good.data / "ids").mkdir()
    told = good("reset-data", code=FAILURE)
    assert 'nothing is called "ids etc/keys" on the data partition: nothing is reset' in told.stderr
    (good.data / "ids etc").mkdir(parents=True)
    (good.data / "ids etc/keys").touch()
    good("reset-data", code=OK)


ETC = 'mount -t tmpfs none /etc && mkdir /etc/keelboot && cat >/etc/keelboot/system.conf && exec "$@"'


@pytest.mark.parametrize("template, code", [("/usr/share/nowhere", FAILURE), ("/usr/share", OK)])
def test_a_reset_asks_for_its_template_before_it_deletes(good, template, code):
    """The running root is asked, so system.conf is that of a mount namespace."""
    alone = ["unshare", "--mount", *(["--map-root-user"] if os.geteuid() else []), "--"]
    if subprocess.run([*alone, "true"], capture_output=True, check=False).returncode != 0:
        pytest.skip("mounts nothing here")
    told = call(*alone, "sh", "-c", ETC, "sh", KEELBOOT, "--state", good.state, "--run-dir", good.run, "reset-data",
                code=code, input=f"[system]\ncompatible=test-board\n[data]\ntemplate={template}\n")
    assert (f"[data] template={template} is no folder of the running system" in told.stderr) == (code == FAILURE)
    assert ("data partition, and copies /usr/share of its slot" in told.stdout) == (code == OK)


@pytest.mark.parametrize("args, says", [((), "is waiting for the next boot already"),
                                        (("--cancel",), "no reset of the data is waiting")])
def test_a_reset_that_changes_nothing_says_so(good, args, says):
    good("reset-data")
    if args:
        good("reset-data", *args)
    assert says in good("reset-data", *args, code=NOTHING).stderr


def holds(folder, size: int) -> bool:
    """Does this file system take a file so long? Debian 13's /tmp, a tmpfs, takes any."""
    probe = folder / "probe"
    probe.touch()
    try:
        os.truncate(probe, size)
        return True
    except OSError:
        return False
    finally:
        probe.unlink()


def test_init_that_fails_leaves_no_file_behind(dev):
    too_long = [] if holds(dev.path, 8388607 << 40) else [["--size", "8388607T"]]
    for wrong in (["--size", "1M"], *too_long, ["--good", "a", "--trial", "a"]):
        dev("state", "init", *wrong, code=FAILURE)
        assert not dev.state.exists(), wrong
    dev("state", "init")


def test_a_directory_is_no_state_partition(dev):
    for verb in (["state", "init"], ["state", "show"]):
        assert "neither a block device nor a file" in run("--state", dev.path, *verb).stderr
    assert dev.path.is_dir()


def test_init_refuses_slots_that_are_not_there_or_named_twice(dev):
    assert "slot c: this state has only 2 slots, from a on; for more: --slots 3" in \
        dev("state", "init", "--slots", 2, "--good", "c", code=FAILURE).stderr
    assert "slot b is both --good and --trial" in \
        dev("state", "init", "--good", "a", "--good", "b", "--trial", "b", code=FAILURE).stderr
    assert "every slot is empty, so a boot trusts none" in dev("state", "init", "--slots", 2).stderr
    dev.state.unlink()
    dev("state", "init", "--good", "a", "--trial", "a", code=FAILURE)


def test_init_writes_only_its_part_of_a_disk_image(dev):
    disk = dev.path / "disk.img"
    disk.write_bytes(b"\xcc" * (20 * MIB))
    with open(disk, "r+b") as file:
        file.seek(2 * MIB)
        file.write(bytes(16 * MIB))
    where = ["--offset", "2M", "--size", "16M"]
    run("state", "init", disk, *where, "--good", "a", "--version", "1.0", "--sequence", 1, code=OK)
    image = disk.read_bytes()
    assert image[:2 * MIB] == b"\xcc" * (2 * MIB) and image[18 * MIB:] == b"\xcc" * (2 * MIB)
    assert document("--state", disk, *where, "state", "show")["slots"][0]["version"] == "1.0"
    run("state", "init", disk, "--offset", "8M", "--size", "16M", code=FAILURE)


def second_region(path, *where):
    return json.loads(run("--state", path, *where, "state", "export").stdout)["store"]["second"]


def test_init_puts_the_second_region_at_the_end(dev):
    large = dev.path / "large.img"
    run("state", "init", large, "--size", "128M", "--good", "a", code=OK)
    assert second_region(large) == 120 * MIB
    with open(large, "r+b") as file:
        assert all(file.seek(at) == at and file.read(8) == b"KEELSTAT" for at in (0, 120 * MIB))
        # The first erase group is gone, with all that is in it.
        file.seek(0)
        file.write(b"\xff" * (64 * MIB))
    told = document("--state", large, "status")
    assert told["state"]["regions"] == ["no-record", "ok"] and told["slots"][0]["state"] == "good"
    run("--state", large, "mark", "bad", "a", code=OK)
    assert document("--state", large, "status")["state"]["regions"] == ["ok", "ok"]


def test_a_small_state_stays_as_it_is_in_a_larger_partition(good):
    with open(good.state, "r+b") as file:
        file.truncate(128 * MIB)
    assert second_region(good.state) == 8 * MIB
    good("mark", "bad", "a")
    good("state", "init", "--good", "a", code=FAILURE)
    assert second_region(good.state) == 8 * MIB
    assert good.state.read_bytes()[16 * MIB:] == bytes(112 * MIB)
    # A new state moves, and nothing of the old one stays.
    good("state", "init", "--good", "a", "--force")
    assert second_region(good.state) == 120 * MIB
    image = good.state.read_bytes()
    assert image[8 * MIB:8 * MIB + RING] == bytes(RING) and image[9 * MIB:11 * MIB] == bytes(2 * MIB)


def test_init_of_a_file_that_is_too_long_says_so(dev):
    told = run("state", "init", dev.path / "none", "--offset", str(2 ** 63 - 1), "--size", "16M", code=FAILURE)
    assert "no file is that long" in told.stderr


def test_init_in_an_image_of_a_disk_wants_its_size(dev):
    """What is behind the state partition there is somebody else's."""
    disk = dev.path / "disk.img"
    disk.write_bytes(bytes(64 * MIB))
    assert "--offset needs --size" in run("state", "init", disk, "--offset", "1M", "--good", "a", code=FAILURE).stderr
    assert disk.read_bytes() == bytes(64 * MIB)
    # Who only reads, or changes a state, needs none: the state knows.
    where = ["--offset", "1M"]
    run("state", "init", disk, *where, "--size", "32M", "--good", "a", code=OK)
    assert second_region(disk, *where) == 24 * MIB
    run("--state", disk, *where, "mark", "bad", "a", code=OK)
    assert disk.read_bytes()[34 * MIB:] == bytes(30 * MIB)


def test_a_copy_without_holes_brings_nothing_back(dev):
    """What a program leaves out that copies an image without its holes is what the disk held before."""
    image = dev.path / "state.img"
    run("state", "init", image, "--size", "64M", "--good", "a", code=OK)
    with open(image, "rb") as file:
        for at in (0, 8 * MIB, 56 * MIB):
            assert os.lseek(file.fileno(), at, os.SEEK_HOLE) >= at + RING


def test_init_is_reproducible_with_source_date_epoch(dev):
    images = []
    for name in ("one", "two"):
        run("state", "init", dev.path / name, "--good", "a", env={"SOURCE_DATE_EPOCH": "1700000000"}, code=OK)
        images.append((dev.path / name).read_bytes())
        time.sleep(1.1)
    assert images[0] == images[1]
    assert "2023-11-14 22:13:20Z" in run("--state", dev.path / "one", "history").stdout


def test_init_with_a_bundle_takes_its_release_and_stores_its_manifest(dev, factory):
    bundle = factory("1.0", 10, floor=8)
    dev.init("--trial", "a", "--bundle", bundle, runs="a")
    slot = dev.slot("a")
    assert (slot["version"], slot["sequence"]) == ("1.0", 10)
    assert slot["release"] == document("bundle", "inspect", bundle)["release"]
    dev("mark", "good")
    assert dev.json("status")["floor"] == 8


def test_show_prints_the_record_as_it_is_on_the_medium(good):
    text = good("state", "show").stdout
    assert text.startswith(f"# {good.state}: record 2, ")
    assert text.split("\n", 1)[1].encode() in good.state.read_bytes()


# ---------------------------------------------------------------- status


def test_status_says_first_which_slot_runs_and_that_it_is_good(good):
    lines = good("status").stdout.splitlines()
    assert lines[0] == "Slot a runs 1.0, which is good."
    assert lines[1].startswith("Last: the first state was written (20")
    assert re.search(r"^\* a +good +1\.0 +10 +- +booted, preferred, protected$", "\n".join(lines), re.M)
    assert re.search(r"^  b +empty +- +- +-", "\n".join(lines), re.M)
    assert "Staged:     nothing" in lines
    assert f"State:      {good.state}, record 2, both regions intact" in lines


def test_status_is_what_runs_without_a_verb(good):
    assert good().stdout == good("status").stdout


def test_status_json_has_the_same_facts(good):
    told = good.json("status")
    assert told["booted"]["slot"] == "a"
    assert [s["booted"] for s in told["slots"]] == [True, False]
    assert [s["protected"] for s in told["slots"]] == [True, False]
    assert told["staged"] is None
    assert told["state"] == {"path": str(good.state), "finding": "found", "sequence": 2, "regions": ["ok", "ok"]}
    assert told["last"]["kind"] == "state"
    assert told["compatible"] == "test-board"


def test_status_of_a_trial_tells_the_tries_and_how_to_keep_it(dev):
    dev.init("--trial", "b", "--version", "2.0", "--sequence", 20)
    dev.boot("b", status="trial", version="2.0")
    first = dev("status").stdout.splitlines()[0]
    assert first == "Slot b runs 2.0, on trial: try 1 of 3, waits for: `keelboot mark good`."


def test_status_tells_a_rejection_and_its_reason(dev):
    dev.init("--good", "a", "--version", "1.0", "--sequence", 10, runs="a")
    result = dev("mark", "bad", "a", "--reason", "modem does not register")
    assert result.stdout.startswith("Slot a (1.0) is bad: modem")
    text = dev("status").stdout
    assert "Last: 1.0 in slot a was rejected: modem does not register (command)" in text
    assert "although it is bad" in text
    assert dev.json("status")["last"]["reason"] == "modem does not register"


def test_status_passes_on_what_the_boot_said(good):
    good.boot("a", tier="last-resort", reason="b: no file system",
              warnings=[{"id": "command-line", "text": "keelboot.foo: unknown"}])
    told = good("status").stdout
    assert told.startswith("Slot b was skipped: no file system.\nSlot a runs 1.0")
    assert "as a last resort" in told
    assert "Warning:    keelboot.foo: unknown" in told


def test_a_reason_that_names_no_slot_is_told_as_it_is(good):
    good.boot("a", reason="slot b is not preferred any more: three resets that nothing explains")
    assert good("status").stdout.startswith(
        "slot b is not preferred any more: three resets that nothing explains\nSlot a runs 1.0")


def test_status_tells_why_a_release_failed_and_not_that_it_is_not_taken_again(good):
    """The stick that brought it was left in."""
    add_event(good, "bad", slot="b", version="3.0", sequence=30, reason="crashed or hung", detail="crash")
    add_event(good, "refused", version="3.0", sequence=30, reason="this release failed on this device before",
              detail="raw")
    add_event(good, "boot", slot="a", version="1.0", sequence=10)
    assert "Last: 3.0 in slot b was rejected: crashed or hung (last reset: crash)" in good("status").stdout
    assert good.json("status")["last"]["kind"] == "bad"


def test_status_tells_a_refusal_of_what_never_failed(good):
    add_event(good, "bad", slot="b", version="3.0", sequence=30, reason="crashed or hung", detail="crash")
    add_event(good, "refused", version="4.0", sequence=40, reason="no key signed it", detail="data")
    assert "Last: 4.0 was refused: no key signed it (from data)" in good("status").stdout


def test_status_tells_the_whole_reason(good):
    why = "image root: chunk 57 is not what was signed: the bundle is damaged; " + "x" * 90
    add_event(good, "install", slot="b", version="4.0", sequence=40, reason=why, detail="usb")
    assert f"Last: 4.0 for slot b could not be installed: {why} (from usb)" in good("status").stdout
    assert why in good("history").stdout and good.json("status")["last"]["reason"] == why


@pytest.mark.parametrize("text", ["", "[]", "{", "nonsense", '{"warnings":{},"reason":7}'])
def test_status_survives_a_damaged_boot_json(good, text):
    (good.run / "boot.json").write_text(text)
    assert good("status").stdout.startswith("Slot a runs 1.0")
    assert good.json("status")["booted"]["slot"] == "a"


def test_status_without_a_booted_keelboot_says_what_is_missing(dev):
    dev.init("--good", "a")
    text = dev("status").stdout
    assert text.startswith("Which slot runs is not known")
    assert "its initramfs must contain Keelboot's init" in text
    assert "Next boot: slot a." in text
    assert dev.json("status")["booted"] is None


def test_status_without_a_state_partition_says_how_to_name_it(dev):
    said = run("--run-dir", dev.run, "--conf-root", dev.root, "status", code=FAILURE).stderr
    assert "nor PARTLABEL=keelboot-state" in said and "--state" in said
    assert dev.json("status", code=FAILURE)["state"]["finding"] == "missing"


def test_status_of_a_blank_partition_is_no_state(dev):
    dev.state.write_bytes(bytes(16 * MIB))
    assert dev.json("status", code=FAILURE)["state"]["finding"] == "blank"
    assert "never written" in dev("status", code=FAILURE).stderr


def test_the_state_partition_is_found_through_the_run_folder(good):
    (good.run / "devices").write_text(f"disk /dev/vda\nstate {good.state}\nslot a root /dev/vda2\n")
    assert document("--run-dir", good.run, "--conf-root", good.root, "status")["state"]["path"] == str(good.state)


@pytest.mark.parametrize("region", [0, 1])
def test_one_lost_region_is_survived_told_and_mended_by_the_next_write(good, region):
    good.damage(region)
    told = good.json("status")
    assert told["state"]["regions"][region] == "no-record"
    assert told["slots"][0]["state"] == "good"
    assert any(f"region {region + 1}" in w for w in told["warnings"])
    good("mark", "bad", "a")
    good("mark", "good", "a")
    assert good.json("status")["state"]["regions"] == ["ok", "ok"]


def test_both_regions_lost_stops_every_writer_and_status_says_so(good):
    good.damage(0, 1)
    before = good.state.read_bytes()
    assert good.json("status", code=FAILURE)["state"]["finding"] == "lost"
    for args in (["mark", "good"], ["unstage"], ["state", "show"]):
        told = good(*args, code=FAILURE).stderr
        assert "both regions are damaged" in told and "--force" not in told
    assert good.state.read_bytes() == before
    assert "first state was written" in good("history").stdout


def test_no_colour_outside_a_terminal(good):
    assert "\033" not in good("status", env={"TERM": "xterm"}).stdout


def in_terminal(command, **environ):
    """The output of a command that has a terminal, by script(1)."""
    env = {"PATH": os.environ["PATH"], "TERM": "xterm", "KEELBOOT_HELPER": HELPER, **environ}
    line = " ".join(f"'{word}'" for word in command)
    return call("script", "-qec", line, "/dev/null", env=env).stdout


def test_colour_on_a_terminal_unless_no_color_or_dumb(good):
    command = [KEELBOOT, *good.options(), "status"]
    assert "\033[32m" in in_terminal(command)
    assert "\033" not in in_terminal(command, NO_COLOR="1")
    assert "\033" not in in_terminal(command, TERM="dumb")


def test_readers_never_write_and_need_no_right_to(good):
    for path in (good.path, *good.path.rglob("*")):
        path.chmod(0o755 if path.is_dir() else 0o444)
    user = let_others_in(good.path)
    before = good.state.read_bytes()
    for args in (["status"], ["status", "--json"], ["history"], ["state", "show"], ["mark", "good"]):
        good(*args, user=user)
    assert good.state.read_bytes() == before


def close_all():
    os.closerange(0, 3)


def test_what_is_printed_goes_into_no_file_where_a_daemon_has_closed_all(tmp_path):
    """The first file that is opened would be descriptor 0, 1 or 2."""
    plain, closed = tmp_path / "plain.img", tmp_path / "closed.img"
    subprocess.run([KEELBOOT, "state", "init", plain], check=True, stdout=subprocess.DEVNULL)
    subprocess.run([KEELBOOT, "state", "init", closed], check=True, preexec_fn=close_all)
    assert closed.stat().st_size == plain.stat().st_size
    assert b"first state" in run("--state", closed, "history").stdout.encode()
    assert b"written" not in closed.read_bytes().replace(b"the first state was written", b"")


def test_no_file_is_made_among_the_devices(tmp_path):
    """A label that udev has not made yet, or a mistyped one: the partition would stay blank."""
    name = "/dev/keelboot-test-that-is-missing"
    try:
        assert "there is no such device" in run("state", "init", name, code=FAILURE).stderr
        assert not os.path.lexists(name)
    finally:
        pathlib.Path(name).unlink(missing_ok=True)


def test_a_place_without_a_state_has_no_history(tmp_path):
    """As with a wrong --offset in the image of a card that came back: that device had a past."""
    (tmp_path / "card.img").write_bytes(b"\xa5" * (16 << 20))
    for words in (["history"], ["history", "--json"], ["why"]):
        said = run("--state", tmp_path / "card.img", *words, code=FAILURE).stderr
        assert "both regions are damaged, if this is the right partition" in said


def test_status_needs_no_name(good):
    assert json.loads(good("--json").stdout) == good.json("status")


def test_a_write_protected_state_is_a_clear_failure(good):
    good.state.chmod(0o444)
    result = good("mark", "bad", code=FAILURE, user=let_others_in(good.path))
    assert f"state partition {good.state}: no permission to write; run as root" in result.stderr


# ---------------------------------------------------------------- mark


def test_marking_good_again_writes_nothing_and_succeeds(good):
    before = good.state.read_bytes()
    assert good("mark", "good").stdout == "Slot a (1.0) is good already; nothing to change.\n"
    assert good.state.read_bytes() == before


def test_marking_a_trial_good_commits_it_for_good(dev):
    dev.init("--trial", "b", "--version", "2.0", "--sequence", 20, runs="b")
    assert dev("mark", "good").stdout == "Slot b (2.0) is good and committed.\n"
    slot = dev.slot("b")
    assert slot["state"] == "good" and slot["ever_good"] and slot["preferred"]
    assert len(dev.json("state", "show")["applied"]) == 1
    assert "2.0 in slot b was marked good (committed)" in dev("history", "-n1").stdout


def test_marking_the_running_slot_bad_tells_where_the_next_boot_goes(dev):
    dev.init("--good", "a", "--good", "b", "--version", "1.0", "--sequence", 10, runs="a")
    out = dev("mark", "bad", "--reason", "x").stdout
    assert "Slot a (1.0) is bad: x." in out
    assert "The next boot uses slot b (1.0); reboot to leave this one." in out
    assert dev.json("status")["next"] == "b"
    assert dev("mark", "bad").stdout == "Slot a (1.0) is bad already; nothing to change.\n"


def test_other_and_booted_are_names_of_slots(dev):
    dev.init("--good", "a", "--good", "b", runs="a")
    dev("mark", "bad", "other")
    assert (dev.slot("a")["state"], dev.slot("b")["state"]) == ("good", "bad")
    dev("mark", "bad", "booted")
    assert dev.slot("a")["state"] == "bad"


def test_other_of_three_slots_has_to_be_named(dev):
    dev.init("--slots", 3, "--good", "a", runs="a")
    assert "name one" in dev("mark", "bad", "other", code=FAILURE).stderr


def test_booted_cannot_be_known_without_a_booted_keelboot(dev):
    dev.init("--good", "a")
    assert "name the slot" in dev("mark", "good", code=FAILURE).stderr
    dev("mark", "good", "a")


@pytest.mark.parametrize("name", ["c", "z", "aa", "", "A"])
def test_marking_a_slot_that_is_not_there(good, name):
    assert "expected a to b" in good("mark", "good", name, code=FAILURE).stderr


def test_marking_an_empty_slot_is_refused(good):
    before = good.state.read_bytes()
    for verdict in ("good", "bad"):
        assert "slot b is empty" in good("mark", verdict, "b", code=FAILURE).stderr
    assert good.state.read_bytes() == before


def test_a_stale_token_gives_no_verdict(dev):
    dev.init("--trial", "a", "--version", "1.0", "--sequence", 1)
    dev.boot("a", token=36)
    assert "token 36" in dev("mark", "good", code=FAILURE).stderr
    assert dev.slot("a")["state"] == "trial"


def trial_under_way(dev, token=37):
    dev.init("--good", "a", "--trial", "b", "--version", "2.0", "--sequence", 20)
    edit(dev, open="b", token=token, pref="b", b_tries=2)
    dev.boot("b", token=37, status="trial")


def test_the_token_of_this_boot_gives_the_verdict(dev):
    trial_under_way(dev)
    assert "on trial: try 1 of 3, " in dev("status").stdout
    assert dev("mark", "good").stdout == "Slot b (2.0) is good and committed.\n"
    assert dev.json("state", "show")["open"] is None


def test_the_token_of_an_earlier_boot_gives_none(dev):
    trial_under_way(dev, token=38)
    result = dev("mark", "good", code=FAILURE)
    assert "token 37" in result.stderr and "token 38" in result.stderr
    assert dev.json("state", "show")["open"] == "b"


def test_no_other_slot_is_marked_good_while_a_trial_is_under_way(dev):
    trial_under_way(dev)
    assert "the open boot attempt is slot b's" in dev("mark", "good", "a", code=FAILURE).stderr


def test_the_last_try_is_told(dev):
    trial_under_way(dev)
    edit(dev, b_tries=0)
    assert "on trial: try 3 of 3 (the last), " in dev("status").stdout.splitlines()[0]
    assert dev.json("status")["next"] == "b"  # an orderly reboot gives the try back
    edit(dev, b_grace=0)
    assert dev.json("status")["next"] == "a"


def test_marking_a_running_trial_bad_falls_back(dev):
    trial_under_way(dev)
    assert "The next boot uses slot a (2.0); reboot to leave this one." in dev("mark", "bad").stdout
    assert len(dev.json("state", "show")["rejected"]) == 1


def test_the_state_of_a_newer_keelboot_is_shown_and_marked_but_not_installed_to(ready, factory):
    edit(ready, min_reader=99, future_thing="x")
    assert any("newer Keelboot" in w for w in ready.json("status")["warnings"])
    ready("mark", "bad")
    ready("mark", "good")
    assert "future.thing=x" in ready("state", "show").stdout
    for verb in ("stage", "install"):
        assert ready(verb, factory("2.0", 20), code=INCOMPATIBLE).stderr == \
            "keelboot: 2.0 (sequence 20): refused: the state was written by a newer Keelboot; update Keelboot first\n"


def test_limits_that_hold_updates_back_are_told(ready, factory):
    edit(ready, installs=8, apply_data="3,0,0")
    told = "\n".join(ready.json("status")["warnings"])
    assert "too many updates were installed" in told
    assert "source data is skipped: its updates crashed the device 3 times" in told
    assert "mark good" in ready("stage", factory("2.0", 20), code=FAILURE).stderr
    ready("mark", "good")
    assert ready("stage", factory("2.0", 20)).stderr.count("keelboot:") == 0
    edit(ready, apply_data="3,6,0")  # apply died, and the device did not
    assert "source data is skipped: its updates crashed apply 3 times; fix: keelboot mark good" in \
        ready.json("status")["warnings"]
    edit(ready, apply_data="0,0,0", apply_usb="3,6,0")
    assert "source usb is skipped: its updates crashed apply 3 times; fix: remove the medium and restart, or " \
        "commit an update" in ready.json("status")["warnings"]


def test_a_rebuilt_state_is_told_and_holds_staging_back(ready, factory):
    edit(ready, rebuilt=1, b_st="trial", b_tries=3)
    assert any("rebuilt" in w for w in ready.json("status")["warnings"])
    assert "mark good" in ready("stage", factory("2.0", 20), code=BUSY).stderr


def test_the_history_keeps_a_reason_whole_and_the_slot_its_first_words(good):
    why = "the modem does not register: no network for ten minutes on the third attempt"
    assert good("mark", "bad", "--reason", why).stderr == ""
    assert good.slot("a")["reason"] == "the modem does not register: no network for..."
    assert good.json("history")["events"][0]["reason"] == why
    assert good.json("status")["last"]["reason"] == why
    assert why in good("status").stdout


@pytest.mark.parametrize("reason", ["", "  "])
def test_a_reason_that_is_empty_is_refused(good, reason):
    before = good.state.read_bytes()
    said = good("mark", "bad", "--reason", reason, code=USAGE).stderr
    assert said == "keelboot: mark bad: --reason is empty; say why, or leave it out\n"
    assert good.state.read_bytes() == before


@pytest.mark.parametrize("reason, kept", [
    ("the modem does not register with its network now", None),         # 48 characters
    ("the modem does not register with any network now.", "the modem does not register with any network..."),
    ("the modem does not register with no network forty", "the modem does not register with no network..."),
    ("x" * 60, "x" * 45 + "..."),
    ("the modem " + "x" * 60, "the modem..."),
])
def test_a_reason_is_cut_between_words(good, reason, kept):
    good("mark", "bad", "--reason", reason)
    assert good.slot("a")["reason"] == (kept or reason)
    assert good.json("history")["events"][0]["reason"] == reason


def test_a_reason_that_no_record_has_room_for_is_cut_with_a_warning(good):
    result = good("mark", "bad", "--reason", "word " * 60 + "\n\033[31m")
    assert "only its first 200 characters are kept" in result.stderr
    assert good.json("history")["events"][0]["reason"] == "word " * 38 + "word..."
    assert good.slot("a")["reason"] == "word " * 8 + "word..."


def test_control_characters_do_not_reach_the_record(good):
    good("mark", "bad", "--reason", "a\033[31m\nb.st=good")
    for args in (["status"], ["history"], ["state", "show"]):
        assert "\033" not in good(*args).stdout
    assert good.slot("b")["state"] == "empty"


# ---------------------------------------------------------------- the lock


def test_a_writer_waits_for_the_lock_and_then_gives_up_as_busy(good):
    with open(good.state, "rb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        took = 5
        for _ in range(10):         # a busy machine may need more than one try to be so quick
            start = time.monotonic()
            result = good("--wait", 1, "mark", "bad", code=BUSY)
            took = time.monotonic() - start
            assert took > 0.9 and "holds the lock" in result.stderr
            if took < 5:
                break
        assert took < 5
        good("status")
    assert good.slot("a")["state"] == "good"


def test_a_writer_goes_on_when_the_lock_is_released(good):
    with open(good.state, "rb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        with subprocess.Popen([KEELBOOT, *map(str, good.options()), "mark", "bad"],
                              stdout=subprocess.DEVNULL) as process:
            time.sleep(0.3)
            assert process.poll() is None
            fcntl.flock(file, fcntl.LOCK_UN)
            assert process.wait(60) == OK
    assert good.slot("a")["state"] == "bad"


def test_twenty_writers_at_once_lose_nothing(dev):
    dev.init("--good", "a", "--trial", "b", runs="a")
    command = [KEELBOOT, *map(str, dev.options()), "--wait", "600", "mark"]
    running = [subprocess.Popen([*command, ("good", "bad")[i % 2], "b"],
                                stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
               for i in range(20)]
    for process in running:
        _, err = process.communicate(timeout=600)
        assert process.returncode == OK, err
    told = dev.json("status")
    assert told["slots"][0]["state"] == "good"
    changes = [e for e in dev.json("history")["events"] if e["kind"] in ("good", "bad")]
    assert told["state"]["sequence"] == 2 + len(changes)
    assert [e["n"] for e in dev.json("history")["events"]] == list(range(len(changes) + 1, 0, -1))


# ---------------------------------------------------------------- history


def test_history_is_newest_first_and_limited_by_n(good):
    for i in range(3):
        good("mark", "bad", "--reason", f"reason {i}")
        good("mark", "good")
    told = good.json("history")
    assert [e["kind"] for e in told["events"]] == ["good", "bad"] * 3 + ["state"]
    assert [e["n"] for e in told["events"]] == list(range(7, 0, -1))
    assert told["events"][1]["reason"] == "reason 2"
    assert len(good("history", "-n", 2).stdout.splitlines()) == 2
    assert re.match(r"20\d\d-\d\d-\d\d \d\d:\d\d:\d\dZ  bad      "
                    r"1.0 in slot a was rejected: reason 2 \(command\)$",
                    good("history").stdout.splitlines()[1])


def test_history_of_a_new_device_is_empty(dev):
    dev.state.write_bytes(bytes(16 * MIB))
    assert dev("history").stdout == ""
    assert dev.json("history")["events"] == []


# ---------------------------------------------------------------- stage


def staged_files(dev):
    return sorted(p.name for p in (dev.data / "keelboot/stage").glob("[!.]*"))


def staged_release(dev):
    return dev.json("status")["staged"]["release"]


def staged_path(dev):
    return pathlib.Path(dev.json("status")["staged"]["path"])


def test_a_staged_bundle_is_copied_and_named_in_the_state(ready, bundle):
    assert ready("stage", bundle).stdout == "2.0 is staged; the next boot installs it.\n"
    told, file = ready.json("status")["staged"], staged_path(ready)
    assert told["source"] == "data" and told["present"]
    assert file.name == told["release"][:16] + ".keel"
    assert file.read_bytes() == bundle.read_bytes()
    assert staged_files(ready) == [file.name]
    assert "Next boot: installs the staged update, or else uses slot a (1.0)." in ready("status").stdout
    assert ready("history", "-n1").stdout.endswith("2.0 staged for the next boot\n")


def next_boot(dev):
    return [line for line in dev("status").stdout.splitlines() if line.startswith("Next boot:")]


def test_next_boot_depends_on_whether_this_one_proves_itself(good):
    """The preferred slot comes back once another one has: with its report, that is what an orderly reboot does."""
    edit(good, b_st="good", b_release="22" * 32, b_version="2.0", b_sequence=20, b_streak=3, b_wait=1,
         pref="b", open="a", token=7)
    good.boot("a", 7)
    assert next_boot(good) == ["Next boot: slot a (1.0), or slot b (2.0) once this boot has proved itself."]
    assert good.json("status")["next"] == "a"
    good("mark", "good")
    assert next_boot(good) == ["Next boot: slot b (2.0)."]
    assert good.json("status")["next"] == "b"
    good("mark", "clean")
    assert "b.wait" not in good("state", "show").stdout
    # One boot more is needed: nothing depends on this one alone.
    edit(good, b_wait=2, open="a", token=7)
    (good.run / "good").unlink()
    assert next_boot(good) == []


def test_what_is_staged_and_on_trial_already_is_not_installed_again(staged):
    """The boot has installed it; mark good will forget it."""
    edit(staged, b_st="trial", b_tries=2, b_grace=5, b_release=staged_release(staged), b_version="2.0", b_sequence=20,
         pref="b")
    staged.boot("b", status="trial", version="2.0")
    assert next_boot(staged) == []
    assert "Staged:     release " in staged("status").stdout
    assert "on trial in slot b" in staged("status").stdout


def test_status_says_which_version_is_staged(staged):
    assert f"Staged:     release {staged_release(staged)[:16]} (2.0) from source data\n" in staged("status").stdout
    assert staged.json("status")["staged"]["version"] == "2.0"


def test_staging_where_keelboot_did_not_boot_is_warned_of(ready, factory):
    assert "Keelboot did not boot" not in ready("stage", factory("2.0", 20)).stderr
    (ready.run / "slot").unlink()
    said = ready("stage", factory("3.0", 30)).stderr
    assert f"Keelboot did not boot this system (no {ready.run}/slot)" in said and str(ready.data) in said


@pytest.mark.parametrize("change, fate", (
    (lambda id: {"rejected": id[:32]},
     "forgets the staged update (this release failed on this device before); uses slot a (1.0)."),
    (lambda id: {"applied": id[:32], "b_st": "good", "b_grace": 5, "b_streak": 0, "b_release": id, "b_version": "2.0",
                 "b_sequence": 20},
     "forgets the staged update (this release is installed, or was before); uses slot a (1.0)."),
    (lambda id: {"installs": 8},
     "skips the staged update (too many updates were installed since a slot was last marked good); uses slot a (1.0)."),
    (lambda id: {"apply_data": "3,0,0"}, "skips the staged update (its source is skipped); "
                                         "uses slot a (1.0).")))
def test_status_says_what_will_become_of_the_staged_update(staged, change, fate):
    edit(staged, **change(staged_release(staged)))
    assert next_boot(staged) == [f"Next boot: {fate}"]


def test_a_staged_update_whose_file_is_gone_will_not_be_installed(staged):
    staged_path(staged).unlink()
    assert next_boot(staged) == ["Next boot: skips the staged update (its file is missing); uses slot a (1.0)."]


def test_staging_it_twice_is_nothing_to_do(staged, bundle):
    before = staged.state.read_bytes()
    assert "staged already" in staged("stage", bundle, code=NOTHING).stderr
    assert staged.state.read_bytes() == before


def test_staging_it_again_after_the_file_was_lost_brings_it_back(staged, bundle):
    path = staged_path(staged)
    path.unlink()
    assert any("staged, but the file is missing" in w for w in staged.json("status")["warnings"])
    staged("stage", bundle)
    assert path.read_bytes() == bundle.read_bytes()


def test_staging_it_again_after_the_file_decayed_brings_it_back(staged, bundle):
    path = staged_path(staged)
    whole = bundle.read_bytes()
    for damaged in (whole[:-1], whole[:-1] + bytes([whole[-1] ^ 1]), b""):
        path.write_bytes(damaged)
        staged("stage", bundle)
        assert path.read_bytes() == bundle.read_bytes()


def test_what_no_slot_took_is_skipped_until_it_is_staged_anew(staged, bundle):
    """The storage of its slot failed three times; no boot lifts that."""
    assert staged.json("status")["staged"]["lasting"] is False
    edit(staged, apply_data="3,0,0")
    assert staged.json("status")["staged"]["lasting"] is False, "a committed update ends it"
    edit(staged, apply_data="0,0,0", unwritable=f"{staged_release(staged)[:32]}:3")
    told = staged.json("status")["staged"]
    assert (told["next"], told["why"], told["lasting"]) == ("skip", "writing it to its slot failed three times", True)
    staged("stage", bundle)
    told = staged.json("status")["staged"]
    assert (told["next"], told["why"], told["lasting"]) == ("install", None, False)


def test_staging_where_the_boot_skips_the_data_partition_is_warned_of(ready, bundle):
    edit(ready, apply_data="2,0,0")
    assert "is skipped" not in ready("stage", bundle).stderr
    ready("unstage")
    edit(ready, apply_data="3,0,0")
    said = ready("stage", bundle).stderr
    assert "source data is skipped: its updates crashed the device 3 times; to end that: keelboot mark good" in said
    assert staged_files(ready) != [], "a boot that installs it is one command away"


def test_what_failed_at_a_boot_is_staged_anew(staged, bundle):
    edit(staged, staged=f"data,{staged_release(staged)},2")
    assert staged.json("status")["staged"]["fails"] == 2
    staged("stage", bundle)
    assert staged.json("status")["staged"]["fails"] == 0


def test_litter_of_a_power_cut_makes_room_before_anything_is_copied(ready, factory, tmp_path):
    ready("stage", factory("2.0", 20))
    [staged] = staged_files(ready)
    for name in ("0123456789abcdef.keel", "0123456789abcdef.keel.part"):
        (ready.data / "keelboot/stage" / name).write_bytes(b"half")
    ready("stage", flip(factory("3.0", 30), tmp_path / "damaged.keel", -1), code=VERIFY)
    assert staged_files(ready) == [staged]


def test_a_bundle_that_lies_in_the_stage_folder_is_kept_until_it_is_staged(ready, factory):
    folder = ready.data / "keelboot/stage"
    folder.mkdir(parents=True)
    flip(factory("3.0", 30), folder / "mine.keel", -1)
    ready("stage", folder / "mine.keel", code=VERIFY)
    assert staged_files(ready) == ["mine.keel"]
    (folder / "mine.keel").write_bytes(factory("3.0", 30).read_bytes())
    ready("stage", folder / "mine.keel")
    assert staged_files(ready) == [staged_release(ready)[:16] + ".keel"]


@contextlib.contextmanager
def small_file_system(dev, size, *options):
    """The data partition is one of that size, where that may be mounted."""
    command = ["mount", "-t", "tmpfs", "-o", ",".join([f"size={size}", *options]), "none", dev.data]
    if call(*command, code=None).returncode != 0:
        pytest.skip("nothing may be mounted here")
    try:
        yield
    finally:
        call("umount", dev.data)


def test_no_room_for_a_copy_says_how_to_get_some(ready, factory):
    with small_file_system(ready, MIB):
        said = ready("stage", factory("2.0", 20), code=FAILURE).stderr
        assert "no room for" in said and "keelboot unstage" in said
        assert staged_files(ready) == [] and ready.json("status")["staged"] is None


def test_a_data_partition_that_is_read_only_is_named_as_that(ready, factory):
    with small_file_system(ready, MIB, "ro"):
        assert "mount it read-write" in ready("stage", factory("2.0", 20), code=FAILURE).stderr


def test_a_newer_staged_bundle_replaces_the_older_one(staged, factory):
    (staged.data / "keelboot/stage/0123456789abcdef.keel.part").write_bytes(b"half")
    (staged.data / "keelboot/stage/notes.txt").write_bytes(b"not ours")
    staged("stage", factory("3.0", 30))
    newest = staged_release(staged)[:16] + ".keel"
    assert staged_files(staged) == sorted([newest, "notes.txt"])


def test_unstage_forgets_and_removes(staged):
    staged("unstage")
    assert staged.json("status")["staged"] is None
    assert staged_files(staged) == []
    assert "nothing is staged" in staged("unstage", code=NOTHING).stderr


def test_switch_to_what_is_preferred_says_that_a_staged_update_comes_first(staged):
    told = staged("switch", "a")
    assert "The next boot already uses slot a" in told.stdout
    assert "an update is staged, and is installed first" in told.stderr


def written(path, data):
    path.write_bytes(data)
    return path


BAD = {
    "flipped payload": (VERIFY, "its payload is not what was signed",
                        lambda good, bad: flip(good, bad, good.stat().st_size - 100000)),
    "flipped header": (VERIFY, "", lambda good, bad: flip(good, bad, 40)),
    "flipped manifest": (VERIFY, "manifest", lambda good, bad: flip(good, bad, good.read_bytes().index(b"compatible"))),
    "truncated": (VERIFY, "", lambda good, bad: written(bad, good.read_bytes()[:-1])),
    "trailing": (VERIFY, "", lambda good, bad: written(bad, good.read_bytes() + b"x")),
    "text": (VERIFY, "", lambda good, bad: written(bad, b"not a bundle\n" * 1000)),
    "empty": (VERIFY, "", lambda good, bad: written(bad, b"")),
    "missing": (FAILURE, "No such file", lambda good, bad: bad),
    "folder": (FAILURE, "not a file", lambda good, bad: bad.parent),
}


def refuses(ready, verb, bad, code, says):
    before = [file.read_bytes() for file in ready.slots.values()]
    state = ready("state", "show").stdout
    last = ready(verb, bad, code=code).stderr.splitlines()[-1]
    assert last.startswith("keelboot: ") and says in last
    assert staged_files(ready) == []
    assert [file.read_bytes() for file in ready.slots.values()] == before
    assert ready("state", "show").stdout == state


@pytest.mark.parametrize("verb", ["stage", "install"])
@pytest.mark.parametrize("name", BAD)
def test_bad_bundles_are_refused_and_nothing_is_kept(ready, factory, verb, name):
    code, says, make = BAD[name]
    refuses(ready, verb, make(factory("2.0", 20), ready.path / "bad.keel"), code, says)


@pytest.mark.parametrize("verb", ["stage", "install"])
def test_bundles_of_others_are_refused_and_nothing_is_kept(ready, factory, verb):
    refuses(ready, verb, factory("2.0", 20, key="stranger"), VERIFY, "")
    refuses(ready, verb, factory("2.0", 20, compatible="other-board"), INCOMPATIBLE, "other-board")


def test_what_is_here_and_does_not_boot_next_is_switched_to(ready, bundle):
    ready("install", bundle)
    assert "nothing to do" in ready("install", bundle, code=NOTHING).stderr
    edit(ready, b_st="good", pref="a")
    assert "keelboot switch b" in ready("install", bundle, code=NOTHING).stderr


def test_staging_without_keys_trusts_nothing(good, factory):
    line, = good("stage", factory("2.0", 20), code=FAILURE).stderr.splitlines()
    assert line.endswith("/keys: no usable key, so no bundle can be verified; put a public key (*.pem) there")


def test_staging_what_is_not_newer_is_incompatible(ready, factory):
    assert "not newer" in ready("stage", factory("0.9", 9), code=INCOMPATIBLE).stderr


def test_nothing_goes_below_the_floor(dev, factory):
    dev.trust(factory.public)
    dev.init("--good", "a", "--version", "1.0", "--sequence", 10, "--floor", 10, runs="a")
    for verb in ("stage", "install"):
        assert "floor" in dev(verb, factory("0.9", 9), code=INCOMPATIBLE).stderr


def test_staging_what_runs_already_is_nothing_to_do(dev, factory):
    bundle = factory("1.0", 10)
    dev.trust(factory.public)
    dev.init("--good", "a", "--bundle", bundle, runs="a")
    assert "or was before (slot a, good)" in dev("stage", bundle, code=NOTHING).stderr
    assert "or was before (slot a, good)" in dev("install", bundle, code=NOTHING).stderr


def test_staging_what_a_slot_held_that_lost_its_trust_says_when_it_comes_back(ready, bundle):
    ready("install", bundle)
    ready.boot("b")
    ready("mark", "good")
    edit(ready, b_streak=3, b_retries=0, b_wait=1, b_reason="crashed or hung")
    ready.boot("a")
    ready("stage", bundle)              # once at once
    ready("unstage")
    edit(ready, b_retries=1, b_wait=2)
    result = ready("stage", bundle, code=FAILURE)
    assert result.stderr == ("keelboot: 2.0 (sequence 20): refused: installed before; its slot lost its trust, and is "
                             "tried again automatically (slot b: crashed or hung; tried again after 2 healthy "
                             "boots); to install it now: keelboot install FILE\n")
    told = json.loads(ready("stage", bundle, "--progress=json", code=FAILURE).stdout.splitlines()[-1])
    assert (told["result"], told["error"]) == \
        ("failed", "installed before; its slot lost its trust, and is tried again automatically")
    ready("install", bundle)
    assert ready.slot("b")["state"] == "trial"


def test_staging_into_a_data_partition_that_is_not_there(ready, factory):
    ready.data.rmdir()
    assert "mount the data partition there" in ready("stage", factory("2.0", 20), code=FAILURE).stderr
    assert not ready.data.exists()


def test_staging_without_permission_says_the_way_out(ready, bundle):
    user = let_others_in(bundle.parent, ready.path)
    ready.state.chmod(0o666)
    ready.data.chmod(0o555)
    assert "run as root" in ready("stage", bundle, code=FAILURE, user=user).stderr
    assert not list(ready.data.iterdir())


def test_staging_while_the_data_source_is_off(ready, factory):
    ready.configure("enabled=no\n")
    assert "nothing can be staged; set enabled=yes" in ready("stage", factory("2.0", 20), code=FAILURE).stderr


def test_staging_with_a_busy_state_leaves_no_file(ready, factory):
    with open(ready.state, "rb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        ready("--wait", 0, "stage", factory("2.0", 20), code=BUSY)
    assert staged_files(ready) == []


# Holds whatever it may open, as any local user can.
HOLD = """
import fcntl, os, sys
for path in sys.argv[1:]:
    try:
        fcntl.flock(os.open(path, os.O_RDONLY), fcntl.LOCK_EX)
    except OSError as error:
        print(error, flush=True)
print("held", flush=True)
sys.stdin.read()
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="takes two users")
def test_no_other_user_can_hold_up_stage(staged, factory):
    """Not in a folder of an older Keelboot either, which everybody may open."""
    folder = staged.data / "keelboot/stage"
    assert folder.stat().st_mode & 0o777 == 0o755
    let_others_in(folder)
    subprocess.run(["test", "-x", folder], check=True, user=65534, group=65534, extra_groups=[])
    for n in (3, 4):
        if n == 4:
            (folder / ".lock").unlink()
        paths = [folder.parent.parent, folder.parent, folder, *sorted(folder.iterdir())]
        with subprocess.Popen(["/usr/bin/python3", "-c", HOLD, *paths], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                              text=True, user=65534, group=65534, extra_groups=[]) as other:
            said = []
            while not said or said[-1] != "held\n":
                said.append(other.stdout.readline())
                assert said[-1], said
            assert all("Permission denied" in line for line in said[:-1])
            staged("--wait", 0, "stage", factory(f"{n}.0", 10 * n))
            other.stdin.close()


def test_two_stages_at_once_take_turns(staged, factory):
    with open(staged.data / "keelboot/stage/.lock", "rb") as file:
        assert os.fstat(file.fileno()).st_mode & 0o777 == 0o600
        fcntl.flock(file, fcntl.LOCK_EX)
        result = staged("--wait", 0, "stage", factory("3.0", 30), code=BUSY)
    assert "another `keelboot stage` is running" in result.stderr
    staged("stage", factory("3.0", 30))


def test_stage_reports_in_json(ready, factory):
    lines = [json.loads(line) for line in ready("stage", factory("2.0", 20), "--progress=json").stdout.splitlines()]
    assert all(line["schema"] == 1 for line in lines)
    assert {line["phase"] for line in lines if line["event"] == "progress"} == {"copy", "verify"}
    assert lines[-1]["event"] == "result" and lines[-1]["result"] == "staged"
    assert lines[-1]["exit"] == OK
    again = json.loads(ready("stage", factory("2.0", 20), "--progress=json", code=NOTHING).stdout)
    assert again["result"] == "nothing" and again["exit"] == NOTHING


def test_stage_says_in_json_what_it_says(ready, factory, tmp_path):
    damaged = flip(factory("3.0", 30), tmp_path / "damaged.keel", -1)
    for bundle, code in ((damaged, VERIFY), (factory("2.0", 20, compatible="other"), INCOMPATIBLE)):
        done = ready("stage", bundle, "--progress=json", code=code)
        told = json.loads(done.stdout.splitlines()[-1])
        assert done.stderr == f"keelboot: {bundle}: {told['error']}\n"


# ---------------------------------------------------------------- install


def test_install_writes_the_other_slot_and_the_next_boot_tries_it(ready, factory):
    bundle = factory("2.0", 20, floor=15)
    out = ready("install", bundle).stdout
    assert out.startswith("2.0 is in slot b (") and "Reboot to try it." in out
    image = content(bundle)
    assert ready.slots["b"].read_bytes()[:len(image)] == image
    slot = ready.slot("b")
    assert (slot["state"], slot["version"], slot["tries"]) == ("trial", "2.0", 3)
    assert slot["preferred"]
    assert ready.json("status")["next"] == "b"
    assert "2.0 for slot b was installed (from command)" in ready("history", "-n1").stdout
    ready.boot("b")
    assert "floor is now 15" in ready("mark", "good").stdout
    assert ready.json("status")["floor"] == 15


def cell_floors(dev):
    cells = json.loads(dev("state", "export").stdout)["manifests"]
    return {cell["slot"]: cell["floor"] for cell in cells}


def test_a_floor_outlives_the_state(ready, factory):
    """The cell of the slot that was committed has it: no install knew of it yet, and a rebuild looks nowhere else."""
    ready("install", factory("2.0", 20, floor=15))
    ready.boot("b")
    assert cell_floors(ready)["b"] == 0
    ready("mark", "good")
    assert cell_floors(ready)["b"] == 15
    ready("install", factory("3.0", 30, floor=25))
    ready.boot("a")
    ready("mark", "bad")
    assert cell_floors(ready) == {"a": 15, "b": 15}, "a release that was not kept raises none"


def test_install_verifies_all_before_it_writes(ready, factory):
    """A damaged byte costs the fallback nothing, whatever is said of sticks, unless it is asked for here."""
    bad = flip(factory("2.0", 20), ready.path / "bad.keel", -1)
    before = ready.slots["b"].read_bytes()
    ready.configure("[source.media]\nverify-first=no\n")
    assert "not what was signed" in ready("install", bad, code=VERIFY).stderr
    assert ready.slots["b"].read_bytes() == before and ready.slot("b")["state"] == "empty"
    ready.configure("[install]\nverify-first=no\n")
    assert "not what was signed" in ready("install", bad, code=VERIFY).stderr
    assert ready.slot("b")["state"] == "writing"


def test_stage_refuses_what_no_slot_can_hold(ready, bundle):
    for file in ready.slots.values():
        file.write_bytes(bytes(4096))
    assert "made for larger slots" in ready("stage", bundle, code=INCOMPATIBLE).stderr
    assert ready.json("status")["staged"] is None
    assert not list(ready.data.rglob("*.keel*"))


def test_slots_that_only_the_state_has_are_passed_over(ready, factory):
    """As apply does at boot; a system.conf that has lost a slot gets there as well as a forger."""
    edit(ready, nslots=8)
    assert ready("install", factory("2.0", 20)).stdout.startswith("2.0 is in slot b (")
    ready("stage", factory("3.0", 30))
    assert ready.json("status")["staged"]["source"] == "data"


def test_stage_refuses_a_bundle_without_a_class_that_the_slot_needs(ready, factory):
    ready.configure("[slot.a]\nroot=PARTLABEL=ra\nboot=PARTLABEL=ba\n[slot.b]\nroot=PARTLABEL=rb\nboot=PARTLABEL=bb\n")
    assert "no image for boot" in ready("stage", factory("2.0", 20), code=INCOMPATIBLE).stderr


def test_a_kernel_for_another_processor_is_neither_staged_nor_installed(ready, factory, tmp_path):
    """A unified kernel image says for which one it is; what is no such program may be anything."""
    images = {name: tmp_path / f"{name}.img" for name in ("root", "boot")}
    images["root"].write_bytes(os.urandom(65536))
    other, its = (0xaa64, "AArch64") if os.uname().machine == "x86_64" else (0x8664, "x86-64")
    kernels = {"other": b"MZ" + bytes(58) + struct.pack("<I4sH", 64, b"PE\0\0", other), "none": b"MZ"}
    for slot in "ab":
        (tmp_path / f"boot-{slot}").write_bytes(bytes(65536))
    parts = [word for slot in "ab" for word in ("--slot", f"{slot}:boot={tmp_path}/boot-{slot}")]
    for name, head in kernels.items():
        images["boot"].write_bytes(head.ljust(65536, b"x"))
        run("bundle", "create", "-o", tmp_path / f"{name}.keel", "--compatible", "test-board", "--version", "2.0",
            "--sequence", 20, *(word for one in images for word in ("--image", f"{one}={images[one]}")),
            "--key", factory.public.with_suffix(".key"), code=OK)
    before = ready.slots["b"].read_bytes()
    for verb in ("stage", "install"):
        assert f"image boot: its kernel is for {its}, but this device is " in \
            ready(*parts, verb, tmp_path / "other.keel", code=INCOMPATIBLE).stderr
    assert ready.slots["b"].read_bytes() == before and (tmp_path / "boot-b").read_bytes() == bytes(65536)
    assert ready.json("status")["staged"] is None and ready.slot("b")["state"] == "empty"
    ready(*parts, "install", tmp_path / "none.keel")
    assert (tmp_path / "boot-b").read_bytes() == images["boot"].read_bytes()


def test_a_release_for_another_processor_is_neither_staged_nor_installed(ready, factory, tmp_path):
    """Whatever its images are: the manifest says it. JSON has the reason, and the bundle what it is for."""
    (tmp_path / "root.img").write_bytes(os.urandom(65536))
    for name, processor in (("other", "s390x"), ("all", "s390x,riscv64,aarch64,x86_64")):
        run("bundle", "create", "-o", tmp_path / f"{name}.keel", "--compatible", "test-board", "--processor", processor,
            "--version", "2.0", "--sequence", 20, "--image", f"root={tmp_path}/root.img",
            "--key", factory.public.with_suffix(".key"), code=OK)
    before = ready.slots["b"].read_bytes(), ready.state.read_bytes()
    for verb in ("stage", "install"):
        done = ready(verb, tmp_path / "other.keel", "--progress=json", code=INCOMPATIBLE)
        says = json.loads(done.stdout.splitlines()[-1])["error"]
        assert done.stderr == f"keelboot: {tmp_path}/other.keel: {says}\n"
        assert re.fullmatch(r"made for processor s390x, but this device is (x86_64|aarch64|riscv64): use a bundle for "
                            "this device", says)
    assert (ready.slots["b"].read_bytes(), ready.state.read_bytes()) == before
    ready("stage", tmp_path / "all.keel")
    ready("install", tmp_path / "all.keel")
    assert ready.slot("b")["state"] == "trial"


def staged_in_vain(ready, bundle, code):
    """The sentence in the JSON of `stage`, which standard error has as well."""
    done = ready("stage", bundle, "--progress=json", code=code)
    error = json.loads(done.stdout.splitlines()[-1])["error"]
    assert f"keelboot: {error}\n" in done.stderr
    return error


def test_a_partition_that_is_missing_now_is_no_fault_of_the_bundle(ready, bundle):
    """A fleet gives up an action of "made for another device"; for a disk that comes late, it tries again."""
    ready.configure("[slot.a]\nroot=PARTLABEL=kb-none-a\n[slot.b]\nroot=PARTLABEL=kb-none-b\n")
    del ready.slots["b"]
    assert staged_in_vain(ready, bundle, FAILURE) == (
        "slot b: the bundle has an image for root, but the slot has no such partition: "
        "PARTLABEL=kb-none-b is not on this disk")


def test_json_says_what_does_not_fit(ready, bundle, misnamed):
    assert staged_in_vain(ready, misnamed, INCOMPATIBLE) == (
        "slot b: the bundle has an image for rootfs, but the slot has no such partition, only root")
    os.truncate(ready.slots["b"], MIB)
    assert staged_in_vain(ready, bundle, INCOMPATIBLE).startswith("slot b: image root: ")


@pytest.fixture(name="misnamed")
def make_misnamed(factory, tmp_path):
    """Its image has the name of no class."""
    (tmp_path / "x.img").write_bytes(os.urandom(65536))
    done = run("bundle", "create", "-o", tmp_path / "x.keel", "--compatible", "test-board", "--version", "2.0",
               "--sequence", 20, "--image", f"rootfs={tmp_path / 'x.img'}", "--key", factory.public.with_suffix(".key"),
               code=OK)
    assert "x.keel has no image root, so no device installs it" in done.stderr
    return tmp_path / "x.keel"


def test_a_bundle_without_a_root_is_refused_with_what_the_slot_has(ready, misnamed):
    for verb in ("stage", "install"):
        assert "the bundle has an image for rootfs, but the slot has no such partition, only root" in \
            ready(verb, misnamed, code=INCOMPATIBLE).stderr


def test_a_slot_that_is_not_on_the_disk_is_named_by_its_place(ready, bundle):
    ready.configure("[slot.a]\nroot=PARTLABEL=kb-none-a\n[slot.b]\nroot=PARTLABEL=kb-none-b\n")
    options = ["--state", ready.state, "--conf-root", ready.root, "--run-dir", ready.run]
    assert "no such partition: PARTLABEL=kb-none-b is not on this disk" in \
        run(*options, "stage", bundle, code=FAILURE).stderr
    assert "slot b has no partition here: PARTLABEL=kb-none-b is not on this disk; correct [slot.b]" in \
        run(*options, "install", bundle, code=FAILURE).stderr


def test_system_conf_says_how_many_tries_a_trial_has(ready, factory):
    ready.configure("[system]\ntries=5\n")
    ready("install", factory("2.0", 20))
    assert ready.slot("b")["tries"] == 5
    ready.boot("b")
    ready("mark", "good")
    assert ready.slot("b")["state"] == "good"


def test_installing_it_again_writes_nothing(ready, bundle):
    ready("install", bundle)
    before = ready.slots["b"].read_bytes(), ready.state.read_bytes()
    assert "nothing to do: this release is installed" in ready("install", bundle, code=NOTHING).stderr
    assert (ready.slots["b"].read_bytes(), ready.state.read_bytes()) == before


def test_a_rejected_release_is_installed_only_again(ready, bundle):
    ready("install", bundle)
    ready("mark", "bad", "b", "--reason", "no network")
    for verb in ("stage", "install"):
        result = ready(verb, bundle, code=INCOMPATIBLE)
        assert "failed on this device before (no network)" in result.stderr
        assert "--again" in result.stderr
    ready("install", "--again", bundle)
    assert ready.slot("b")["state"] == "trial"
    assert ready.json("state", "show")["rejected"] == []


def test_install_never_touches_the_slot_that_is_needed(ready, factory):
    ready("install", factory("2.0", 20))
    ready.boot("b", status="trial")
    before = ready.slots["a"].read_bytes(), ready.slots["b"].read_bytes()
    assert "no slot may be overwritten" in ready("install", factory("3.0", 30), code=FAILURE).stderr
    assert (ready.slots["a"].read_bytes(), ready.slots["b"].read_bytes()) == before


def test_a_bundle_that_does_not_fit_is_refused(ready, factory):
    ready.slots["b"].write_bytes(bytes(MIB))
    result = ready("install", factory("2.0", 20), code=INCOMPATIBLE)
    assert "slot-b.img has only 1048576: made for larger slots" in result.stderr
    assert ready.slot("b")["state"] == "empty"


def test_committing_the_staged_release_removes_its_file(staged, bundle):
    staged("install", bundle)
    staged.boot("b")
    staged("mark", "good")
    assert staged.json("status")["staged"] is None
    assert staged_files(staged) == []


def test_install_reports_in_json(ready, factory):
    lines = [json.loads(line) for line in ready("install", factory("2.0", 20), "--progress=json").stdout.splitlines()]
    result = lines[-1]
    assert (result["event"], result["result"], result["slot"]) == ("result", "installed", "b")
    assert result["reboot"]
    assert result["schema"] == 1 and result["exit"] == OK
    assert any(line["event"] == "progress" and line["phase"] == "write" for line in lines)


def test_install_reboots_only_when_asked_and_only_after_success(ready, factory):
    tools = ready.path / "bin"
    tools.mkdir()
    (tools / "reboot").write_text(f"#!/bin/sh\necho rebooted > {ready.path}/rebooted\n")
    (tools / "reboot").chmod(0o755)
    env = {"PATH": f"{tools}:{os.environ['PATH']}"}
    ready("install", "--reboot", ready.path / "none.keel", code=FAILURE, env=env)
    assert not (ready.path / "rebooted").exists()
    ready("install", "--reboot", factory("2.0", 20), env=env)
    assert (ready.path / "rebooted").exists()


def test_install_that_cannot_reboot_says_that_a_reboot_is_needed(ready, factory):
    without = {"within": lacking("reboot"), "env": {"PATH": "/nonexistent"}}
    result = ready("install", "--reboot", factory("2.0", 20), code=REBOOT, **without)
    assert '"reboot" cannot be started: No such file or directory; reboot by hand' in result.stderr
    lines = ready("install", "--reboot", "--progress=json", factory("3.0", 30), code=REBOOT,
                  **without).stdout.splitlines()
    told = json.loads(lines[-1])
    assert (told["event"], told["exit"], told["result"], told["slot"]) == ("result", REBOOT, "installed", "b")
    assert told["error"] == '"reboot" is not installed; reboot by hand'
    assert sum(json.loads(line)["event"] == "result" for line in lines) == 1


def test_a_folder_of_that_name_does_not_reboot(ready, factory):
    (ready.path / "bin/reboot").mkdir(parents=True)
    told = ready("install", "--reboot", "--progress=json", factory("2.0", 20), code=REBOOT, within=lacking("reboot"),
                 env={"PATH": ready.path / "bin"}).stdout.splitlines()
    assert json.loads(told[-1])["error"] == '"reboot" is not installed; reboot by hand'


def test_image_says_what_it_wants_and_where_its_tools_belong(tmp_path):
    """Those of the source tree and of an installed one: test_install.py."""
    run("image", code=USAGE)
    assert "image frob: unknown verb" in run("image", "frob").stderr
    (tmp_path / "bin").mkdir()
    alone = shutil.copy(KEELBOOT, tmp_path / "bin/keelboot")
    said = call(alone, "image", "build", code=FAILURE).stderr
    assert f"{tmp_path}/lib/keelboot/mkinitramfs, nor /usr/lib/" in said and "make install" in said


def test_progress_file_of_an_install_is_gone_when_it_is_over(ready, factory):
    ready("install", factory("2.0", 20))
    assert not list(ready.run.glob("progress*"))


def test_progress_is_a_bar_on_a_terminal_and_lines_elsewhere(ready, factory):
    plain = ready("stage", factory("2.0", 20)).stderr
    assert "copy 100%" in plain and "\r" not in plain
    bar = in_terminal([KEELBOOT, *ready.options(), "stage", factory("3.0", 30)])
    assert "[##############################] 100%" in bar
    assert ready("stage", factory("4.0", 40), "--progress=none").stderr == ""
