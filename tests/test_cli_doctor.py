# SPDX-License-Identifier: Apache-2.0
"""`keelboot doctor`: a healthy device has a note of its one kernel at most; each thing that is wrong has a finding."""
import base64
import contextlib
import gzip
import json
import os
import re
import shutil
import signal
import struct
import time

import pytest
from cli_device import BUSY, FAILURE, KEELBOOT, MIB, OK, REGIONS, TOP, call, edit, run, sleeping_guardian
from keelreader import crc32c
from test_cli_guard import CURRENT, NEXT, System

OPTIONS = ("BLK_DEV_INITRD", "DEVTMPFS", "TMPFS", "NAMESPACES", "SECCOMP_FILTER", "MEMFD_CREATE",
           "WATCHDOG", "WATCHDOG_SYSFS", "PSTORE", "MAGIC_SYSRQ", "MULTIUSER", "NET", "UNIX")
FILESYSTEMS = "nodev\tsysfs\n\text4\n\tvfat\nnodev\tpstore\n\texfat"
WATCHDOG = "sys/class/watchdog/watchdog0"
ONE_KERNEL = ("note", "loader-single")


class Board:
    """A device with a healthy kernel around it, in files."""

    def __init__(self, dev):
        self.dev = dev
        self.sys = dev.path / "sys-root"
        for path, text in {
                "proc/cmdline": "root=keelboot panic=10 console=ttyS0",
                "proc/sys/kernel/panic": "10",
                "proc/sys/kernel/panic_on_oops": "1",
                "proc/sys/kernel/osrelease": "6.1.0-test",
                "proc/uptime": "100.00 90.00",
                "proc/filesystems": FILESYSTEMS,
                "sys/module/dm_verity/parameters/prefetch_cluster": "262144",
                "boot/config-6.1.0-test": "".join(f"CONFIG_{o}=y\n" for o in OPTIONS),
                "sys/module/watchdog/parameters/stop_on_reboot": "0",
                "sys/module/pstore/parameters/backend": "ramoops",
                f"{WATCHDOG}/identity": "iTCO_wdt",
                f"{WATCHDOG}/state": "active",
                f"{WATCHDOG}/nowayout": "0",
                f"{WATCHDOG}/options": "0x81a0",
        }.items():
            self.put(path, text)
        self.packs()
        self.boot()

    def put(self, path, text):
        file = self.sys / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text + "\n")

    def packs(self, *modules):
        """The initramfs has these modules."""
        (self.dev.run / "modules").write_text("".join(f"{name}\n" for name in modules))

    def marks(self, folder=""):
        """What init says of the keys, if the initramfs has the same as the running system."""
        files = sorted((self.dev.root / "etc/keelboot/keys" / folder).glob("*.pem"))
        return [f"{crc32c(base64.b64decode(b''.join(file.read_bytes().splitlines()[1:-1]))):08x}" for file in files]

    def boot(self, slot="a", **boot):
        boot.setdefault("keys", {"trusted": self.marks(), "retired": self.marks("retired.d")})
        boot.setdefault("watchdog", {"device": "/dev/watchdog0", "timeout": 60})
        self.dev.boot(slot, **boot)

    def without_keys(self):
        """An older init said nothing of its keys."""
        self.boot(keys=None)
        facts = json.loads((self.dev.run / "boot.json").read_text())
        del facts["keys"]
        (self.dev.run / "boot.json").write_text(json.dumps(facts))

    def watchdog(self, timeout=60, device="/dev/watchdog0", **more):
        """The boot says so of its watchdog."""
        self.boot(watchdog={"device": device, "timeout": timeout, **more}, guardian=None)

    def disk(self, lines):
        (self.dev.run / "devices").write_text(f"disk /dev/{lines}\n")

    def doctor(self, *options):
        return run(*self.dev.options(), "doctor", "--sys-root", self.sys, *options)

    def told(self, finding):
        return [f for f in json.loads(self.doctor("--json").stdout)["findings"] if f["id"] == finding]

    def findings(self, code=None):
        result = self.doctor("--json")
        told = json.loads(result.stdout)
        assert told["schema"] == 1
        for f in told["findings"]:
            assert f["text"] and f["fix"] and f["severity"] in ("note", "warning", "error")
        errors = sum(f["severity"] == "error" for f in told["findings"])
        assert errors == told["errors"]
        assert result.returncode == (FAILURE if errors else OK)
        assert code is None or result.returncode == code
        found = {(f["severity"], f["id"]) for f in told["findings"]}
        # Never a silence: where one kernel starts all slots, this says so, or the error that it should not.
        one = told["loader"]["name"].startswith("one kernel for all slots")
        assert (ONE_KERNEL in found) == (one and ("error", "loader-none") not in found)
        return found - {ONE_KERNEL}


@pytest.fixture(name="board")
def make_board(dev, factory):
    """Two good slots, a key, a watchdog that the system feeds, a bound disk."""
    dev.trust(factory.public)
    dev.init("--good", "a", "--good", "b", "--version", "1.0", "--sequence", 10)
    edit(dev, disk="/devices/pci0000:00/nvme0")
    return Board(dev)


def test_a_healthy_device_has_one_note_that_its_kernel_cannot_be_left(board):
    assert board.findings(OK) == set()
    result = board.doctor()
    assert (result.returncode, result.stderr) == (OK, "")
    assert result.stdout == (
        "note [loader-single]: one kernel starts all slots: no update brings a new one, and if it does not start, "
        "nothing falls back\n"
        "    fix: leave it so where the kernel hardly ever changes; else give each slot a kernel of its own "
        "(docs/KERNEL.md has the layouts)\n"
        "0 errors, 0 warnings, 1 note.\n"
        "Boot loader: one kernel for all slots, whoever starts it. Falls back from a kernel on trial that does not "
        "start: no. Counts: nothing. Watchdog before the kernel: not known.\n")


def test_it_writes_nothing(board):
    before = board.dev.state.read_bytes()
    board.put("proc/sys/kernel/panic", "0")
    board.findings(FAILURE)
    assert board.dev.state.read_bytes() == before


def test_a_finding_in_text_has_its_fix_below_and_errors_come_first(board):
    board.put("proc/sys/kernel/panic", "0")
    board.put("proc/sys/kernel/panic_on_oops", "0")
    board.put(f"{WATCHDOG}/identity", "Software Watchdog")
    result = board.doctor()
    lines = result.stdout.splitlines()
    assert result.returncode == FAILURE
    assert re.match(r"error \[panic-hangs\]: ", lines[0]) and lines[1].startswith("    fix: add panic=10")
    assert [line.split(" ")[0] for line in lines[0::2]] == ["error", "warning", "note", "note", "1"]


@pytest.mark.parametrize("path, text, severity, finding", [
    ("proc/sys/kernel/panic", "0", "error", "panic-hangs"),
    ("proc/sys/kernel/panic_on_oops", "0", "note", "oops-survives"),
    ("proc/cmdline", "keelboot.enable=0", "error", "command-line-disabled"),
    ("proc/cmdline", "keelboot.slot=b", "error", "command-line-slot"),
    ("proc/cmdline", "keelboot.sources=none", "warning", "command-line-sources"),
    ("proc/cmdline", "keelboot.slto=b", "warning", "command-line"),
    pytest.param("proc/cmdline", "x" * 4097, "warning", "command-line", id="line-too-long"),
    ("proc/cmdline", "keelboot.watchdog=off", "warning", "watchdog-off"),
    ("boot/config-6.1.0-test", "CONFIG_TMPFS=y", "error", "kernel-option"),
    ("proc/sys/kernel/osrelease", "6.2", "note", "kernel-options-unknown"),
    ("sys/module/pstore/parameters/backend", "(null)", "note", "pstore-none"),
    ("sys/module/watchdog/parameters/stop_on_reboot", "1", "warning", "watchdog-stop-on-reboot"),
    ("sys/module/watchdog/parameters/stop_on_reboot", "-1", "warning", "watchdog-stop-on-reboot"),
    (f"{WATCHDOG}/state", "inactive", "error", "watchdog-idle"),
    (f"{WATCHDOG}/identity", "Software Watchdog", "warning", "watchdog-software"),
    (f"{WATCHDOG}/options", "0x8080", "note", "watchdog-no-cause"),
    (f"{WATCHDOG}/options", "0x80a0", "warning", "watchdog-stops-on-close"),
    ("run/systemd/system/x", "", "warning", "watchdog-systemd"),
    ("proc/filesystems", "\text4\n\tvfat", "warning", "kernel-filesystem"),
    ("proc/filesystems", "nodev\text4\n\tvfat\n\texfat", "error", "kernel-filesystem"),
])
def test_what_the_kernel_tells(board, path, text, severity, finding):
    board.put(path, text)
    assert (severity, finding) in board.findings()


@pytest.mark.parametrize("extra, severity, finding", [
    ("[watchdog]\ndevice=off\n", "warning", "watchdog-off"),
    ("[watchdog]\ndevice=/dev/watchdog7\n", "warning", "watchdog-other"),
    ("[watchdog]\nhandover=keeper\n", "error", "guardian-gone"),
    ("[watchdog]\nhandover=release\n", "note", "watchdog-released"),
    ("[install]\nprogress-deadline=41\n", "warning", "progress-deadline"),
    ("[keyring]\npath=/no/such\n", "error", "keys-none"),
    ("[source.data]\nmount=/no/such\n", "error", "staging-missing"),
    ("[slot.a]\nroot=PARTLABEL=x\n", "warning", "slot-count"),
    ("[slot.a]\nroot=PARTLABEL=no-such-x\nboot=PARTLABEL=no-such-y\n", "error", "slot-partition"),
    ("[source.data]\nenabled=no\n[source.media]\nenabled=no\n[source.raw]\nenabled=no\n", "warning", "sources-none"),
])
def test_what_the_configuration_tells(board, extra, severity, finding):
    board.dev.configure(extra)
    assert (severity, finding) in board.findings()


@pytest.mark.parametrize("lines, severity, finding", [
    ({"rebuilt": 1}, "warning", "state-rebuilt"),
    ({"min_reader": 2}, "warning", "state-newer"),
    ({"a_streak": 2}, "warning", "slot-crashes"),
    ({"b_st": "bad"}, "warning", "slots-no-fallback"),
    ({"a_st": "bad", "b_st": "bad"}, "error", "slots-unusable"),
    ({"apply_usb": "3,0,0"}, "error", "source-skipped"),
    ({"installs": 8}, "error", "installs-exhausted"),
    ({"unwritable": f"{'01' * 16}:3"}, "error", "slot-unwritable"),
    ({"staged": f"data,{'01' * 32},0"}, "error", "staged-missing"),
])
def test_what_the_state_tells(board, lines, severity, finding):
    edit(board.dev, **lines)
    assert (severity, finding) in board.findings()


@pytest.mark.parametrize("regions, severity, finding", [((0,), "warning", "state-region-empty"),
                                                        ((0, 1), "error", "state-lost")])
def test_damaged_regions(board, regions, severity, finding):
    board.dev.damage(*regions)
    assert (severity, finding) in board.findings()


def test_a_file_system_in_place_of_the_state(board):
    board.dev.state.unlink()
    call("mkfs.ext4", "-q", board.dev.state, "32M")
    assert ("error", "state-foreign") in board.findings()
    assert "ext4 file system" in board.told("state-foreign")[0]["text"]


def test_a_blank_state_and_none_at_all(board):
    board.dev.state.write_bytes(bytes(16 * MIB))
    assert ("error", "state-blank") in board.findings()
    board.dev.state.unlink()
    assert ("error", "state-missing") in board.findings()


def test_no_watchdog_at_all_or_one_that_came_late(board):
    board.watchdog(0, "")
    assert ("error", "watchdog-late") in board.findings()
    for file in (board.sys / WATCHDOG).iterdir():
        file.unlink()
    (board.sys / WATCHDOG).rmdir()
    assert ("error", "watchdog-none") in board.findings()


@pytest.mark.parametrize("line, seconds, told", [
    ("root-a UUID=1 none luks,initramfs", 60, True), ("a\tUUID=1\t-\tx-initrd.attach,luks", 0, True),
    ("root-a UUID=1 none luks,initramfs", 600, False), ("home UUID=1 none luks", 60, False),
    ("a UUID=1 /lib/ask luks,initramfs,keyscript=/lib/key", 60, True),
    ("a UUID=1 /etc/slot.key luks,initramfs", 60, False), ("# a UUID=1 none luks,initramfs", 60, False),
    ("a UUID=1", 60, False), ("a", 60, False), ("", 60, False)])
def test_too_little_time_to_type_a_passphrase(board, line, seconds, told):
    board.dev.configure(f"[initramfs]\nunlock-timeout={seconds}\n")
    board.put("etc/crypttab", f"# name device key options\n{line}")
    assert (("warning", "unlock-timeout-short") in board.findings()) == told


VOLUMES = "[slot.a]\nroot=/dev/fedora/root-a\n[slot.b]\nroot=/dev/mapper/fedora-root--b\n"
CONTAINERS = "[slot.a]\nroot=/dev/mapper/root-a\n[slot.b]\nroot=/dev/mapper/root-b\n"
ARRAYS = "[slot.a]\nroot=/dev/md/root-a\n[slot.b]\nroot=/dev/md1\n"


@pytest.mark.parametrize("conf, words, found", [
    (VOLUMES, "rd.lvm.lv=fedora/root-a", "rd.lvm.lv=fedora/root-a"),
    (VOLUMES, "rd.lvm.lv=fedora/root-a rd.lvm.lv=fedora/root-b", "rd.lvm.lv=fedora/root-a"),
    (VOLUMES, "rd.lvm.vg=fedora rd.auto=1 rd.luks.uuid=1 rd.md.uuid=1 xrd.lvm.lv=fedora/root-a", ""),
    (CONTAINERS, "rd.luks.uuid=luks-1", "rd.luks.uuid=luks-1"),
    (CONTAINERS, "rd.luks.name=1=root-a", "rd.luks.name=1=root-a"),
    (CONTAINERS, "rd.lvm.lv=fedora/swap rd.md.uuid=1", ""),
    (ARRAYS, "quiet rd.md.uuid=1:2:3:4", "rd.md.uuid=1:2:3:4"), (ARRAYS, "rd.lvm.lv=fedora/root-a rd.luks.uuid=1", ""),
    ("[slot.a]\nroot=PARTLABEL=root-a\n[slot.b]\nroot=/dev/disk/by-partlabel/root-b\n",
     "rd.lvm.lv=fedora/swap rd.luks.uuid=1 rd.luks.name=1=root-a rd.md.uuid=1", "")])
def test_words_by_which_dracut_opens_one_slot_only(board, conf, words, found):
    """Anaconda writes them. A volume is told from a container by crypttab."""
    board.dev.configure(conf)
    board.put("etc/crypttab", "# name\nroot-a UUID=1 none luks\n root-b\tUUID=2 none luks\nroot UUID=3 none luks")
    board.put("proc/cmdline", f"root=keelboot panic=10 {words}")
    assert (("warning", "slot-not-opened") in board.findings()) == bool(found)
    said = board.told("slot-not-opened")
    assert len(said) == bool(found)
    assert not found or f" {found}: dracut opens only what such words name" in said[0]["text"]


@pytest.mark.parametrize("what, severity, finding", [
    (f"sys-root/{WATCHDOG}/identity", "note", "watchdog-unseen"),
    ("root/etc/keelboot/system.conf", "error", "conf-missing"),
    ("run/slot", "error", "not-booted"),
])
def test_what_is_missing(board, what, severity, finding):
    (board.dev.path / what).unlink()
    assert (severity, finding) in board.findings()


def test_why_the_initramfs_went_on_without_keelboot(board):
    (board.dev.path / "run/slot").unlink()
    (board.dev.path / "run/aside").write_text("no usable state")
    finding, = board.told("not-booted")
    assert finding["text"] == "the initramfs went on without Keelboot: no usable state"
    assert board.dev("status").stdout.startswith(
        "Which slot runs is not known: Keelboot did not boot this system: no usable state.\n")
    assert "went on without Keelboot: no usable state" in board.dev("status", "--json").stdout


@pytest.mark.parametrize("facts, severity, finding", [
    ({"status": "trial", "counted": False}, "error", "boot-not-counted"),
    ({"warnings": [{"id": "watchdog-timeout", "text": "it cannot count that long"}]}, "warning", "boot-warned"),
])
def test_what_the_boot_said_is_passed_on(board, facts, severity, finding):
    board.boot(**facts)
    assert (severity, finding) in board.findings()


def test_a_bmcs_watchdog_is_not_of_the_class(board):
    """Its driver makes /dev/watchdog alone; the class begins at watchdog1 then."""
    board.put("sys/class/misc/watchdog/dev", "10:130")
    shutil.move(board.sys / WATCHDOG, board.sys / "sys/class/watchdog/watchdog1")
    for other in (True, False):
        for conf in ("", "[watchdog]\ndevice=/dev/watchdog\n"):
            board.dev.configure(conf)
            board.watchdog(60, "/dev/watchdog")
            assert board.findings(OK) == {("note", "watchdog-unseen")}, (other, conf)
            (board.dev.run / "boot.json").unlink()
            assert {id for _, id in board.findings() if "watchdog" in id} == {"watchdog-unseen"}
        board.dev.configure("[watchdog]\ndevice=/dev/watchdog0\n")
        assert ("warning", "watchdog-other") in board.findings()
        if other:
            shutil.rmtree(board.sys / "sys/class/watchdog")
    board.dev.configure("")
    board.watchdog(0, "")
    assert ("error", "watchdog-late") in board.findings()
    shutil.rmtree(board.sys / "sys/class/misc")
    assert ("error", "watchdog-none") in board.findings()


def test_a_bmcs_driver_heeds_no_parameter_of_the_class(board):
    """It does not load the class: without a watchdog of that, no kernel has the parameter."""
    shutil.rmtree(board.sys / "sys/class/watchdog")
    shutil.rmtree(board.sys / "sys/module/watchdog")
    board.put("sys/class/misc/watchdog/dev", "10:130")
    board.watchdog(60, "/dev/watchdog")
    assert board.findings(OK) == {("note", "watchdog-unseen")}


def test_what_the_hardware_counts_bounds_the_deadline_of_progress(board):
    board.dev.configure("[install]\nprogress-deadline=120\n[watchdog]\ntimeout=180\n")
    board.watchdog(180)
    assert board.findings(OK) == set()
    board.watchdog(15)
    assert ("warning", "progress-deadline") in board.findings(OK)
    board.watchdog(0, "")
    assert ("warning", "progress-deadline") not in board.findings()


def test_a_release_that_cannot_be(board):
    board.dev.configure("[watchdog]\nhandover=release\n")
    board.put(f"{WATCHDOG}/nowayout", "1")
    assert ("error", "watchdog-nowayout") in board.findings()


@pytest.fixture(name="guardian")
def make_guardian(board):
    """A process of that name; boot.json as a boot leaves it that decided for `handover`."""
    def boot(handover, feeder="guardian", mode=None, deadline=None, due=None, **more):
        (board.dev.run / "guardian").write_text(f"{process.pid}\n")
        board.boot(watchdog={"device": "/dev/watchdog0", "timeout": 60, "handover": handover, "feeder": feeder},
                   guardian=mode and {"pid": process.pid, "mode": mode, "deadline": deadline,
                                      "due": due or deadline}, **more)
    with sleeping_guardian(board.dev) as process:
        yield boot


def gone(board):
    (board.dev.run / "guardian").unlink()
    return {finding for finding in board.findings() if finding[1] == "guardian-gone"}


def test_a_keeper_that_runs_is_no_finding(board, guardian):
    board.dev.configure("[watchdog]\nhandover=keeper\n")
    guardian("keeper", mode="keeper")
    assert board.findings() == set()
    assert gone(board) == {("error", "guardian-gone")}


def test_a_keeper_that_never_started_is_one(board):
    board.watchdog(handover="keeper", feeder="nobody")
    assert board.findings() == {("error", "guardian-gone")}
    board.watchdog(0, "", handover="keeper", feeder="nobody")
    assert board.findings() == {("error", "watchdog-late")}, "there was nothing to feed"


def test_a_guardian_that_is_stopped_is_found(board, guardian):
    board.dev.configure("[watchdog]\nhandover=keeper\n")
    guardian("keeper", mode="keeper")
    pid = int((board.dev.run / "guardian").read_text())
    os.kill(pid, signal.SIGSTOP)
    os.waitpid(pid, os.WUNTRACED)       # it stops a moment later
    assert board.findings() == {("error", "guardian-idle")}
    assert f"the guardian (process {pid}) is stopped: nobody feeds the watchdog" in board.doctor().stdout


def test_a_number_of_somebody_else_is_no_guardian(board, guardian):
    guardian("keeper", mode="keeper")
    (board.dev.run / "guardian").write_text("1\n")
    assert board.findings() == {("error", "guardian-gone")}


def test_the_hand_over_that_the_boot_decided_counts(board, guardian):
    """A driver that stops on close: system was wanted, keeper it is. A nowayout one: not release."""
    board.put("run/systemd/system/x", "")
    guardian("keeper", mode="keeper")
    assert board.findings() == set(), "systemd need not be told of a watchdog that the guardian feeds"
    assert gone(board)
    board.dev.configure("[watchdog]\nhandover=release\n")
    board.put(f"{WATCHDOG}/nowayout", "1")
    guardian("keeper", mode="keeper")
    assert board.findings() == set(), "a hang of a good slot is noticed"
    board.dev.configure("[watchdog]\nhandover=keeper\n")
    (board.dev.run / "guardian").unlink()
    board.watchdog(handover="system", feeder="system")
    assert board.findings() == {("warning", "watchdog-systemd")}


@pytest.mark.parametrize("handover, feeder, mode, deadline", [
    ("system", "system", "trial", 300), ("release", "guardian", "release", 300),
    ("release", "guardian", "release", None)])
def test_a_trial_whose_guardian_is_gone(board, guardian, handover, feeder, mode, deadline):
    edit(board.dev, a_st="trial", a_tries=2, open="a", token=7)
    guardian(handover, feeder, mode, deadline, status="trial", token=7)
    assert ("error", "guardian-gone") not in board.findings()
    assert gone(board)
    edit(board.dev, a_st="good", open="-", token=7)
    guardian(handover, feeder, mode, deadline)
    assert not gone(board), "it did its work"


def test_systemd_that_was_told_is_no_finding(board):
    board.put("run/systemd/system/x", "")
    board.put("run/systemd/system.conf.d/00-keelboot.conf", "[Manager]")
    assert board.findings() == set()


def test_kernel_options_are_read_from_proc_first(board):
    (board.sys / "proc/config.gz").write_bytes(
        gzip.compress("".join(f"CONFIG_{o}=m\n" for o in OPTIONS if o != "SECCOMP_FILTER").encode()
                      + b"# CONFIG_SECCOMP_FILTER is not set\n" * 9000))
    assert board.findings() == {("error", "kernel-option")}


def test_kernel_options_are_read_below_a_folder_that_is_named_from_here(board):
    """gzip runs in another working folder."""
    (board.sys / "boot/config-6.1.0-test").unlink()
    (board.sys / "proc/config.gz").write_bytes(gzip.compress("".join(f"CONFIG_{o}=y\n" for o in OPTIONS).encode()))
    done = call(KEELBOOT, *board.dev.options(), "doctor", "--sys-root", board.sys.name, "--json", cwd=board.sys.parent)
    assert [f["id"] for f in json.loads(done.stdout)["findings"]] == ["loader-single"]


@pytest.mark.parametrize("option, what", [("MULTIUSER", "cannot drop root"), ("NET", "no bundle is installed"),
                                          ("UNIX", "no bundle is installed")])
def test_a_kernel_without_users_or_sockets(board, option, what):
    """A kernel that was cut down to the least: nothing is read, nothing installed."""
    board.put("boot/config-6.1.0-test", "".join(f"CONFIG_{o}=y\n" for o in OPTIONS if o != option))
    assert board.findings(FAILURE) == {("error", "kernel-option")}
    told = board.doctor().stdout
    assert f"CONFIG_{option}: " in told and what in told and f"fix: build the kernel with CONFIG_{option}=y" in told


@pytest.mark.parametrize("release, found", [("4.14.336", False), ("4.17.19", False), ("4.18.0", True), ("6.1.0", True)])
def test_memfd_create_has_an_option_of_its_own_since_4_18(board, release, found):
    board.put("proc/sys/kernel/osrelease", release)
    board.put(f"boot/config-{release}", "".join(f"CONFIG_{o}=y\n" for o in OPTIONS if o != "MEMFD_CREATE"))
    told = [f["text"].split(": ")[0] for f in board.told("kernel-option")]
    assert told == ["the kernel has no CONFIG_MEMFD_CREATE"] * found


def test_a_kernel_before_5_8_may_stop_the_watchdog_at_a_reboot(board):
    (board.sys / "sys/module/watchdog/parameters/stop_on_reboot").unlink()
    assert board.findings() == {("warning", "watchdog-stop-on-reboot")}


@pytest.fixture(name="verified", scope="session")
def make_verified(tmp_path_factory):
    """A bundle of an ext4 behind dm-verity, and the key that it is signed with."""
    path = tmp_path_factory.mktemp("verified")
    image = path / "root.img"
    call("/usr/sbin/mke2fs", "-q", "-t", "ext4", "-b", "4096", "-O", "^has_journal", image, "4M")
    run("key", "generate", "-o", path / "release", code=OK)
    run("bundle", "create", "-o", path / "out.keel", "--compatible", "test-board", "--version", "1.0", "--sequence", 10,
        "--image", f"root={image}", "--verity", "--key", path / "release.key", code=OK)
    return path / "out.keel"


def install(board, bundle):
    """Slot a holds that bundle."""
    board.dev.trust(bundle.parent / "release.pem")
    board.boot()
    board.dev.init("--force", "--good", "a", "--bundle", bundle)
    edit(board.dev, disk="/devices/pci0000:00/nvme0", b_st="good")


def test_a_root_hash_wants_dm_verity(board, verified):
    shutil.rmtree(board.sys / "sys/module/dm_verity")
    assert board.findings() == set(), "no slot has one"
    install(board, verified)
    assert board.findings(FAILURE) == {("error", "kernel-dm-verity")}
    finding, = board.told("kernel-dm-verity")
    assert finding["text"].startswith("slot a: ") and "--module-set verity" in finding["fix"]
    assert "CONFIG_DM_VERITY=y" in finding["fix"]
    board.put("sys/module/dm_verity/parameters/prefetch_cluster", "262144")
    assert board.findings() == set()
    board.put("proc/crypto", "name         : sha1\ndriver       : sha1-generic\n\nname         : sha512\n")
    finding, = board.told("kernel-dm-verity")
    assert finding["text"] == "slot a: the kernel has no sha256: a slot whose hash tree uses it is skipped"
    assert "--module-set verity" in finding["fix"] and "CONFIG_CRYPTO_SHA256=y" in finding["fix"]
    board.put("proc/crypto", "name         : sha1\n\nname         : sha256\ndriver       : sha256-generic\n")
    assert board.findings() == set()


def test_a_slot_wants_the_file_system_that_its_manifest_names(board, verified):
    board.dev.configure("[source.data]\nenabled=no\n")
    board.put("proc/filesystems", "\tsquashfs\n\tvfat\n\texfat\n\text4x\n\tmyext4\nnodev\text3")
    assert board.findings() == set(), "nothing tells what is in the slots"
    install(board, verified)
    finding, = board.told("kernel-filesystem")
    assert finding["text"] == "slot a: the kernel has no ext4: a slot that has it does not mount"
    assert finding["fix"] == ("pack its module into the initramfs (keelboot image build --module-set ext4), or "
                              "build the kernel with CONFIG_EXT4_FS=y")
    board.dev.configure("[source.data]\nenabled=no\n[system]\nroot-filesystem=f2fs\n")
    finding, = board.told("kernel-filesystem")
    assert finding["text"] == "slot a, slot b: the kernel has no f2fs: a slot that has it does not mount"
    board.dev.configure("[source.data]\nenabled=no\n")
    # A slot that is not used wants nothing; what the configuration says goes before the manifest.
    edit(board.dev, a_st="bad")
    assert not board.told("kernel-filesystem")
    edit(board.dev, a_st="good")
    board.dev.configure("[source.data]\nenabled=no\n[system]\nroot-filesystem=squashfs\n")
    assert board.findings() == set()


def test_a_file_system_that_mkinitramfs_has_no_set_for(board):
    board.dev.configure("[source.data]\nfilesystem=f2fs\n[source.media]\nfilesystems=none\n")
    board.put("proc/filesystems", "\text4")
    finding, = board.told("kernel-filesystem")
    assert finding["severity"] == "error" and "keelboot image build --module f2fs" in finding["fix"]


def test_media_want_the_file_systems_of_the_configuration(board):
    lacks = "[source.media] filesystems=: the kernel has no "
    board.put("proc/filesystems", "\text4")
    assert [f["text"] for f in board.told("kernel-filesystem")] == \
        [f"{lacks}{name}: such media are ignored" for name in ("vfat", "exfat")]
    assert all("remove it from the configuration" in f["fix"] for f in board.told("kernel-filesystem"))
    board.put("proc/filesystems", "\text4\n\tvfat")
    assert [f["text"] for f in board.told("kernel-filesystem")] == [f"{lacks}exfat: such media are ignored"]
    board.dev.configure("[source.media]\nenabled=sd\nfilesystems=vfat\n")
    assert board.findings() == set()


def test_what_is_packed_and_was_not_asked_for_is_there(board, verified):
    install(board, verified)
    shutil.rmtree(board.sys / "sys/module/dm_verity")
    board.put("proc/crypto", "name         : sha1")
    board.put("proc/filesystems", "nodev\tsysfs")
    board.dev.configure(OVERLAY)
    board.put("proc/mounts", OVERLAY_ROOT)
    board.packs("fat", "vfat", "exfat", "dm-verity", "sha256_generic", "ext4", "overlay")
    assert board.findings(OK) == set()
    board.dev.configure("[source.data]\nfilesystem=ext3\n")
    assert board.findings(OK) == set(), "ext4 mounts it"
    # A name that begins, or ends, like it is another module's; "-" and "_" are the same.
    board.packs("vfat2", "myexfat", "dm_verity", "sha256", "ext4")
    assert [f["text"] for f in board.told("kernel-filesystem")] == \
        [f"[source.media] filesystems=: the kernel has no {name}: such media are ignored" for name in ("vfat", "exfat")]
    assert not board.told("kernel-dm-verity")
    board.packs("vfat", "exfat", "ext4", "sha2560")
    assert len(board.told("kernel-dm-verity")) == 2


def test_where_nothing_says_what_is_packed_nothing_is_claimed(board, verified):
    """The initramfs of a distribution, or of an older Keelboot: absence proves nothing."""
    install(board, verified)
    shutil.rmtree(board.sys / "sys/module/dm_verity")
    board.put("proc/crypto", "name         : sha1")
    board.put("proc/filesystems", "nodev\tsysfs")
    (board.dev.run / "modules").unlink()
    assert board.findings(OK) == set()


def test_where_keelboot_did_not_boot_nobody_loaded_the_modules(board):
    board.put("proc/filesystems", "nodev\tsysfs")
    (board.dev.run / "slot").unlink()
    assert not board.told("kernel-filesystem")


@pytest.mark.parametrize("name", ["dev", "acme-dev-2026", "Test.key", "demo_1"])
def test_a_development_key_is_known_by_its_name(board, factory, name):
    keys = board.dev.root / "etc/keelboot/keys"
    (keys / "release.pem").unlink()
    (keys / f"{name}.pem").write_bytes(factory.public.read_bytes())
    assert board.findings() == {("warning", "key-development")}
    (keys / f"{name}.pem").rename(keys / "acme-device-contest.pem")
    assert board.findings() == set()


def test_keys_of_the_initramfs_are_compared_with_those_of_the_system(board, factory):
    keys = board.dev.root / "etc/keelboot/keys"
    second = keys / "second.pem"
    shutil.copy(factory.public.with_name("stranger.pem"), second)
    finding, = board.told("keys-initramfs")
    assert "keys/second.pem: boots reject what it signed" in finding["text"]
    assert "keelboot image build --keys" in finding["fix"]
    board.boot()
    assert board.findings() == set()
    second.unlink()
    finding, = board.told("keys-initramfs")
    assert "trusts 1 key(s) that" in finding["text"]
    (keys / "retired.d").mkdir()
    shutil.copy(factory.public.with_name("stranger.pem"), keys / "retired.d/old.pem")
    finding, = board.told("keys-retired")
    assert finding["text"] == "the initramfs still trusts old.pem, which is retired"
    assert ("error", "keys-retired") in board.findings()
    board.boot()
    assert board.findings() == set()
    (keys / "retired.d/why.txt").write_text("lost in 2020")
    finding, = board.told("keys-none")
    assert finding["fix"] == ("remove from its retired.d each file that is not a public key, "
                              "and put each key into a file of its own")
    (keys / "retired.d/why.txt").unlink()
    (keys / "retired.d/old.pem").rename(keys / "retired.d/old.pub")
    assert board.findings() == set()
    board.without_keys()
    assert board.findings() == {("error", "keys-initramfs-none")}


def test_fewer_keys_than_must_sign(board):
    board.dev.configure("[keyring]\nsignatures-required=2\n")
    assert board.findings() == {("error", "keys-too-few")}


@pytest.mark.parametrize("name", ["development", "development-p256"])
def test_a_published_key_is_known_under_any_name(board, name):
    """docs/examples/keys: everybody can sign for this device."""
    board.dev.trust(TOP / f"docs/examples/keys/{name}.pem")
    board.boot()
    assert board.findings() == {("error", "key-published")}
    assert "release.pem is the development key of Keelboot's examples, which is published" in board.dev("status").stdout
    assert any("anybody can sign updates for this device" in text for text in board.dev.json("status")["warnings"])
    board.dev.configure("[keyring]\nsignatures-required=2\n")
    assert any("anybody can make one of the signatures that this device requires" in text
               for text in board.dev.json("status")["warnings"])


def test_a_published_key_in_the_initramfs_alone(board):
    board.boot(keys={"trusted": [*board.marks(), "00000000"], "retired": [], "published": "an example"})
    assert board.findings() == {("error", "key-published"), ("warning", "keys-initramfs")}


def test_what_the_initramfs_trusts_is_told_also_where_no_key_can_be_used_here(board):
    """A published key in it was not, nor that others may write to the folder."""
    keys = board.dev.root / "etc/keelboot/keys"
    board.boot(keys={"trusted": ["00000000"], "retired": [], "published": "an example"})
    (keys / "retired.d").mkdir()
    (keys / "retired.d/why.txt").write_text("lost in 2020")
    assert board.findings() == {("error", "keys-none"), ("error", "key-published")}
    keys.chmod(0o777)
    assert ("error", "keys-writable") in board.findings()
    keys.chmod(0o755)
    board.without_keys()
    assert board.findings() == {("error", "keys-none"), ("error", "keys-initramfs-none")}
    shutil.rmtree(keys)
    assert board.findings() == {("error", "keys-none"), ("error", "keys-initramfs-none")}


def test_a_key_folder_that_others_may_write(board):
    (board.dev.root / "etc/keelboot/keys").chmod(0o777)
    assert ("error", "keys-writable") in board.findings()


def test_a_device_without_a_name(board):
    (board.dev.root / "etc/keelboot/system.conf").write_text("")
    assert ("error", "conf-compatible") in board.findings()


@pytest.mark.parametrize("said", ("watchdog-stop-on-reboot", "watchdog-software"))
def test_what_the_boot_said_and_doctor_finds_is_told_once(board, said):
    board.put("sys/module/watchdog/parameters/stop_on_reboot", "1")
    board.put("sys/class/watchdog/watchdog0/identity", "Software Watchdog")
    board.boot(warnings=[{"id": said, "text": "in other words"}])
    found = board.findings()
    assert ("warning", "boot-warned") not in found
    assert {("warning", "watchdog-stop-on-reboot"), ("warning", "watchdog-software")} <= found


def test_the_boot_and_doctor_share_their_ids():
    """What both find has one id: else it is reported twice."""
    def ids(folder, call):
        text = "".join(path.read_text() for path in (TOP / folder).rglob("*.c"))
        return set(re.findall(call + r'\([^;]*?"([a-z]+(?:-[a-z]+)+)"', text))
    boot = ids("initramfs", "(?:wdt_report|add_warning|put_warning)")
    assert ids("cli/doctor", "doctor_report") & boot == {
        "command-line",
        "disk-ambiguous", "disk-moved", "guardian-gone", "key-published", "partition-shared", "slot-container",
        "watchdog-none", "watchdog-nowayout",
        "watchdog-other", "watchdog-software", "watchdog-stop-on-reboot", "watchdog-stops-on-close"}


def test_slots_that_the_initramfs_does_not_open(board):
    text = "slots that are not opened here: b: crypto_LUKS on /dev/vda3"
    board.boot(warnings=[{"id": "slot-container", "text": text}])
    finding, = board.told("slot-container")
    assert finding["text"] == text
    assert ("error", "slot-container") in board.findings(FAILURE)


def test_a_slot_that_is_to_be_a_subvolume(board):
    assert not board.told("slot-subvolume")
    board.put("proc/cmdline", "root=UUID=1 rootflags=subvol=@rootfs")
    finding, = board.told("slot-subvolume")
    assert finding["text"] == "rootflags=subvol=@rootfs: a subvolume of Btrfs cannot be a slot"
    board.put("proc/cmdline", "quiet")
    conf = board.dev.root / "etc/keelboot/system.conf"
    conf.write_text("[system]\nmount-options=noatime,subvolid=256\n" + conf.read_text().replace("[system]", "", 1))
    assert board.told("slot-subvolume")[0]["text"].startswith("mount-options=noatime,subvolid=256: ")
    assert ("error", "slot-subvolume") in board.findings(FAILURE)


def test_a_slot_on_a_member_of_an_array_is_told_and_never_written(board, factory):
    """Metadata 1.0, at the end of a partition whose file system looks whole."""
    image = board.dev.slots["b"]
    data = bytearray(image.read_bytes())
    struct.pack_into("<II136xQ", data, len(data) - 8192, 0xa92b4efc, 1, (len(data) - 8192) // 512)
    image.write_bytes(data)
    finding, = board.told("slot-container")
    assert "root of slot b is a member of a RAID array (linux_raid_member)" in finding["text"]
    assert finding["fix"].endswith(f"wipefs -a -t linux_raid_member {str(image)[:100]}")
    board.boot("a", version="1.0")
    edit(board.dev, slot_b_state="empty")
    done = board.dev("install", factory("2.0", 20), code=FAILURE)
    assert "a member of a RAID array (linux_raid_member), which is never written" in done.stderr
    assert image.read_bytes() == data


def test_a_slot_that_is_the_other_one_by_another_name_is_never_written(board, factory):
    image = board.dev.slots["a"]
    board.dev.slots["b"].unlink()
    board.dev.slots["b"].symlink_to(image)
    board.boot("a", version="1.0")
    edit(board.dev, slot_b_state="empty")
    before = image.read_bytes()
    one, other = board.told("partition-shared")
    assert one["text"].startswith(f"nothing is installed to slot a: root of slot a ({image}) is that of slot b, too (")
    assert "is that of slot a, too (" in other["text"]
    assert ("error", "partition-shared") in board.findings(FAILURE)
    for verb in ("install", "stage"):
        done = board.dev(verb, factory("2.0", 20), code=BUSY)
        assert "is that of slot a, too (" in done.stderr
    assert image.read_bytes() == before


@pytest.mark.parametrize("name", ("hard", "dotted", "link"))
def test_a_slot_that_is_the_state_by_another_name_is_never_written(board, factory, name):
    dev = board.dev
    path = {"hard": dev.path / "state.too", "dotted": f"{dev.path}/../{dev.path.name}//state.img",
            "link": dev.path / "state.link"}[name]
    if name == "hard":
        path.hardlink_to(dev.state)
    elif name == "link":
        path.symlink_to("state.img")
    board.boot("a", version="1.0")
    edit(dev, slot_b_state="empty")
    dev.slots["b"] = path
    before = dev.state.read_bytes()
    done = dev("install", factory("2.0", 20), code=BUSY)
    assert f"root of slot b ({path}) is that of the state, too ({dev.state}): " in done.stderr
    assert board.told("partition-shared")[0]["text"].startswith("nothing is installed to slot b: ")
    after = dev.state.read_bytes()
    changed = {at // MIB for at in range(0, len(after), 512) if after[at:at + 512] != before[at:at + 512]}
    assert changed <= {3}       # of the history: what was refused


def test_a_slot_that_is_the_data_by_another_name_is_never_written(board, factory):
    dev = board.dev
    board.boot("a", version="1.0")
    edit(dev, slot_b_state="empty")
    (dev.path / "data.link").symlink_to(dev.slots["b"])
    (dev.run / "devices").write_text(f"data {dev.path}/data.link\n")
    done = dev("install", factory("2.0", 20), code=BUSY)
    assert f"is that of data, too ({dev.path}/data.link)" in done.stderr


def test_an_initramfs_with_a_shell(board):
    board.boot(shell=True)
    assert board.findings(OK) == {("warning", "debug-shell")}
    assert board.dev.json("status")["warnings"] == ["the initramfs has a debug shell: not for a release"]
    for other in (False, "x", None, {}):
        board.boot(shell=other)
        assert ("warning", "debug-shell") not in board.findings() or other == "x"


OVERLAY = "[system]\nroot-overlay=PARTLABEL=overlay\n"
SLOT_ROOT = "/dev/vda2 / ext4 ro 0 0\n"
OVERLAY_ROOT = SLOT_ROOT + "overlay / overlay rw,lowerdir=/ 0 0\nproc /proc proc rw 0 0\n"


def test_an_overlay_that_nothing_has_made(board):
    board.put("proc/filesystems", "nodev\toverlay\n" + FILESYSTEMS)
    board.put("proc/mounts", SLOT_ROOT)
    assert board.findings() == set(), "none is wanted"
    board.dev.configure(OVERLAY)
    assert board.findings(FAILURE) == {("error", "overlay-absent")}
    assert "update-initramfs -u" in board.told("overlay-absent")[0]["fix"]
    board.put("proc/mounts", OVERLAY_ROOT)
    assert board.findings() == set()
    # Something covers it again.
    board.put("proc/mounts", OVERLAY_ROOT + SLOT_ROOT)
    assert board.findings() == {("error", "overlay-absent")}
    # The boot knows why, and says it.
    board.boot(warnings=[{"id": "root-overlay", "text": "read-only, without its overlay: no"}])
    assert board.findings(OK) == {("warning", "boot-warned")}


@contextlib.contextmanager
def an_overlay_on(board, options: str):
    """The board's system is an overlay, on a tmpfs with these options."""
    aside = shutil.copytree(board.sys, board.dev.path / "aside")
    call("mount", "-t", "tmpfs", "-o", options, "tmpfs", board.sys)
    try:
        shutil.copytree(aside, board.sys, dirs_exist_ok=True)
        board.put("proc/filesystems", "nodev\toverlay\n" + FILESYSTEMS)
        board.put("proc/mounts", OVERLAY_ROOT)
        board.dev.configure(OVERLAY)
        assert board.findings() == set()
        yield
    finally:
        call("umount", board.sys)


@pytest.mark.skipif(os.geteuid() != 0, reason="mounts a small file system")
def test_an_overlay_that_is_full(board):
    with an_overlay_on(board, "size=1m"):
        board.put("fill", "x" * (940 << 10))
        assert board.findings(OK) == {("warning", "overlay-full")}


@pytest.mark.skipif(os.geteuid() != 0, reason="mounts a small file system")
def test_an_overlay_that_has_no_room_for_files(board):
    with an_overlay_on(board, "size=8m,nr_inodes=100"):
        left = os.statvfs(board.sys).f_ffree
        for n in range(left - 3):
            board.put(f"fill/{n}", "")
        finding, = board.told("overlay-full")
        assert finding["text"] == "the overlay above the root is full: 2 of 100 inodes are left"


def test_an_overlay_that_only_the_initramfs_knows_of(board):
    board.put("proc/mounts", SLOT_ROOT)
    (board.dev.run / "overlay").write_text("upper tmpfs\n")
    assert board.findings() == {("error", "overlay-absent")}


def test_a_kernel_without_overlayfs(board):
    board.put("proc/mounts", OVERLAY_ROOT)
    board.dev.configure(OVERLAY)
    assert board.findings(FAILURE) == {("error", "kernel-filesystem")}
    finding, = board.told("kernel-filesystem")
    assert finding["text"].endswith("the kernel has no overlay: the root is read-only, without its overlay")
    assert "--module-set overlay" in finding["fix"] and "CONFIG_OVERLAY_FS=y" in finding["fix"]


@pytest.mark.parametrize("overlay, verify, found", [
    ("PARTLABEL=overlay", "always", True), ("tmpfs", "always", False), ("PARTLABEL=overlay", "boot", False)])
def test_an_overlay_that_nobody_signs_above_a_slot_that_must_be_signed(board, overlay, verify, found):
    board.put("proc/filesystems", "nodev\toverlay\n" + FILESYSTEMS)
    board.put("proc/mounts", OVERLAY_ROOT)
    board.dev.configure(f"[system]\nverify-slot={verify}\nroot-overlay={overlay}\n")
    assert (("warning", "overlay-unsigned") in board.findings()) == found


# ---------------------------------------------------------------- data that goes back with the release

def test_data_that_can_be_kept_is_no_finding(board):
    board.dev.configure("[data]\npaths=app,etc/site\n")
    assert board.findings() == {("note", "data-path-missing")}
    (board.dev.data / "app").mkdir()
    (board.dev.data / "etc").mkdir()
    (board.dev.data / "etc/site").write_text("x")
    assert board.findings() == set()


def test_data_of_another_configuration_than_the_initramfs_has(board):
    """It is the initramfs that keeps, puts back and resets."""
    board.dev.configure("[data]\nkeep=ids\n")
    board.dev.boot("a", data={"paths": "", "keep": "ids", "template": ""})
    assert ("error", "data-differs") not in board.findings()
    board.dev.boot("a", data={"paths": "", "keep": "", "template": "/usr/share/acme"})
    assert ("error", "data-differs") in board.findings(FAILURE)
    assert board.told("data-differs")[0]["text"].startswith(
        "[data] keep=ids in system.conf, but the initramfs has keep=, which counts")


@pytest.mark.parametrize("rule, says", [
    ("paths=/data/app", '[data] paths=: "/data/app" begins with /, but is taken from the top of the data partition; '
                        'no trial boots, and no data is reset until it is mended'),
    ("keep=ids,ids/a", '[data] keep=: "ids/a" is in another one of the list, or has one in it; no data is reset')])
def test_rule_of_the_data_that_cannot_be_read_is_an_error_that_names_it(board, rule, says):
    board.dev.configure(f"[data]\n{rule}\n")
    assert board.findings(FAILURE) == {("error", "data-rule")}
    assert says in board.told("data-rule")[0]["text"]


def test_rule_of_the_data_that_the_initramfs_cannot_read(board):
    board.dev.configure("[data]\nkeep=ids\n")
    board.dev.boot("a", data={"paths": "", "keep": None, "template": ""})
    assert ("error", "data-rule") in board.findings(FAILURE)
    assert board.told("data-rule")[0]["text"] == "[data] keep= of the initramfs cannot be read: no data is reset"


def test_what_a_reset_would_keep_is_missing(board):
    board.dev.configure("[data]\nkeep=ids,etc keys\n")
    for name in ("ids", "etc", "keys"):
        (board.dev.data / name).mkdir()
    assert board.findings() == {("note", "data-keep-missing")}
    assert '"etc keys" is missing' in board.told("data-keep-missing")[0]["text"]
    (board.dev.data / "etc keys").mkdir()
    assert board.findings() == set()


def test_template_of_a_reset_that_the_system_lacks(board):
    """The boot would notice it when all is deleted."""
    board.dev.configure("[data]\ntemplate=/usr/share/acme\n")
    assert board.findings(FAILURE) == {("error", "data-template")}
    (board.sys / "usr/share").mkdir(parents=True, exist_ok=True)
    (board.sys / "usr/share/acme").symlink_to("/usr")
    assert board.findings(FAILURE) == {("error", "data-template")}
    (board.sys / "usr/share/acme").unlink()
    (board.sys / "usr/share/acme").mkdir()
    assert board.findings() == set()


@pytest.mark.parametrize("keys, found", [
    ("method=btrfs", ("error", "data-path")), ("method=reflink", ("error", "data-method")),
    ("limit=1", ("error", "data-size")), ("limit=3", None)])
def test_data_that_no_trial_would_boot_with(board, keys, found):
    (board.dev.data / "app").write_bytes(bytes(range(1, 256)) * (2 * MIB // 255))
    board.dev.configure(f"[data]\npaths=app\n{keys}\n")
    assert board.findings(FAILURE if found else OK) == ({found} if found else set())


def test_data_behind_a_link(board):
    (board.dev.data / "real").mkdir()
    (board.dev.data / "link").symlink_to("real")
    board.dev.configure("[data]\npaths=link/app\n")
    assert board.findings(FAILURE) == {("error", "data-path")}


def test_folder_of_the_root_in_place_of_the_data_partition(board):
    """Its mount failed (nofail): the folder is there, and has room."""
    with open(board.dev.run / "devices", "a") as devices:
        devices.write("data /dev/null\n")
    assert {one for one in board.findings(FAILURE) if one[0] == "error"} == {("error", "staging-elsewhere")}
    assert "the data partition (/dev/null) is not mounted there" in board.told("staging-elsewhere")[0]["text"]
    said = f"the data partition (/dev/null) is not mounted on {board.dev.data}: nothing can be staged"
    assert re.search(f"^Warning: +{re.escape(said)}$", board.dev("status").stdout, re.M)
    assert said in board.dev.json("status")["warnings"]
    board.dev.configure("[source.data]\nenabled=no\n")
    assert not board.told("staging-elsewhere") and said not in board.dev.json("status")["warnings"]


@pytest.mark.skipif(os.geteuid() != 0, reason="mounts a small file system")
def test_data_partition_that_is_read_only(board):
    call("mount", "-t", "tmpfs", "-o", "ro,size=1m", "tmpfs", board.dev.data)
    try:
        assert board.findings(FAILURE) == {("error", "staging-read-only")}
        assert board.dev.json("status")["warnings"] == [f"{board.dev.data} is read-only: nothing can be staged"]
    finally:
        call("umount", board.dev.data)


def test_data_that_is_not_on_the_data_partition(board):
    (board.dev.data / "app").mkdir()
    with open(board.dev.run / "devices", "a") as devices:
        devices.write("data /dev/null\n")
    assert ("error", "data-elsewhere") not in board.findings(), "nothing is named"
    board.dev.configure("[data]\npaths=app\n")
    assert ("error", "data-elsewhere") in board.findings(FAILURE)


@pytest.mark.skipif(os.geteuid() != 0, reason="mounts a small file system")
def test_data_for_whose_copy_there_is_no_room(board):
    call("mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", board.dev.data)
    try:
        (board.dev.data / "app").write_bytes(bytes(range(1, 256)) * (600 << 10 >> 8))
        board.dev.configure("[data]\npaths=app\n")
        assert ("error", "data-room") in board.findings(FAILURE)
    finally:
        call("umount", board.dev.data)


def test_two_equal_disks_and_one_that_moved(board):
    board.disk("sda\ndiskid /devices/other\nambiguous /dev/sdb")
    assert {("error", "disk-ambiguous"), ("warning", "disk-moved")} <= board.findings()
    board.dev.configure("[system]\ndisk=/devices/pci0000:00/*\n")
    board.disk("sda\ndiskid /devices/pci0000:00/nvme0")
    assert board.findings() == set()


@pytest.mark.parametrize("path, line", [
    ("devices/platform/soc/fe340000.mmc/mmc_host/mmc0/mmc0:0001/block/mmcblk0", "/devices/platform/soc/fe340000.mmc/*"),
    ("devices/pci0000:00/0000:00:1d.0/nvme/nvme0/nvme0n1", "/devices/pci0000:00/0000:00:1d.0/*"),
    ("devices/pci0000:00/0000:00:04.0/virtio1/block/vda", "/devices/pci0000:00/0000:00:04.0/*"),
    ("devices/pci0000:00/0000:00:1f.2/ata3/host2/target2:0:0/2:0:0:0/block/sda",
     "/devices/pci0000:00/0000:00:1f.2/ata3/*"),
    ("devices/pci0/usb1/1-1/1-1.2/1-1.2:1.0/host0/target0:0:0/0:0:0:0/block/sdb",
     "/devices/pci0/usb1/1-1/1-1.2/1-1.2:1.0/*"),
])
def test_a_disk_that_nobody_pinned_is_told_with_the_line_that_pins_it(board, path, line):
    name = path.rsplit("/", 1)[1]
    board.disk(f"{name}\ndiskid /devices/pci0000:00/nvme0")
    assert board.told("disk-not-pinned")[0]["fix"].endswith("disk=(its path in /sys)")
    link = board.sys / "sys/class/block" / name
    link.parent.mkdir(parents=True)
    link.symlink_to(f"../../{path}")
    assert board.findings(OK) == {("warning", "disk-not-pinned")}
    assert board.told("disk-not-pinned")[0]["fix"].endswith(f" disk={line}")
    board.dev.configure(f"[system]\ndisk={line}\n")
    assert board.findings() == set()


def test_the_line_that_pins_a_namespace_with_two_controllers(board):
    """Its head is in /devices/virtual, where no board has a place."""
    subsystem = board.sys / "sys/devices/virtual/nvme-subsystem/nvme-subsys0"
    subsystem.mkdir(parents=True)
    (subsystem / "nvme1").symlink_to("../../../pci0000:00/0000:00:1e.0/nvme/nvme1")
    (board.sys / "sys/class/block").mkdir(parents=True)
    (board.sys / "sys/class/block/nvme0n1").symlink_to("../../devices/virtual/nvme-subsystem/nvme-subsys0/nvme0n1")
    board.disk("nvme0n1\ndiskid wwid-eui.1")
    assert board.told("disk-not-pinned")[0]["fix"].endswith(" disk=/devices/pci0000:00/0000:00:1e.0/*")


@pytest.mark.parametrize("group, told_of", [(4 << 20, False), (8 << 20, False), (64 << 20, True)])
def test_a_card_that_erases_both_regions_at_once(board, group, told_of):
    board.disk("mmcblk0\ndiskid /devices/pci0000:00/nvme0")
    board.dev.configure("[system]\ndisk=/devices/soc/*\n")
    board.put("sys/class/block/mmcblk0/device/preferred_erase_size", str(group))
    assert board.findings(OK) == ({("warning", "state-erase-group")} if told_of else set())
    if not told_of:
        return
    finding, = board.told("state-erase-group")
    assert "erases 64 MiB at once" in finding["text"] and "a larger state partition" in finding["fix"]
    with board.dev.state.open("r+b") as file:       # an image of the default size, written to a large partition
        file.truncate(128 << 20)
    assert "state init --size" in board.told("state-erase-group")[0]["fix"]
    large = board.dev.path / "large"
    run("state", "init", large, "--size", "72M", "--good", "a", "--good", "b", code=OK)
    assert json.loads(run("--state", large, "state", "export").stdout)["store"]["second"] == 64 << 20


@pytest.mark.parametrize("sector", [512, 4096])
def test_a_copy_of_the_partition_table_that_the_kernel_does_not_read(board, sector):
    board.disk("sda\ndiskid /devices/pci0000:00/nvme0")
    board.dev.configure("[system]\ndisk=/devices/soc/*\n")
    disk = board.sys / "dev/sda"
    disk.parent.mkdir()
    disk.write_bytes(bytes(sector) + b"EFI PART" + bytes(8192))
    for line in ("panic=10", "panic=10 gpt=1", "panic=10 egpt", "panic=10 -- gpt"):
        board.put("proc/cmdline", line)
        assert board.findings(OK) == {("warning", "gpt-copy-unused")}
    for line in ("gpt", "panic=10 gpt", "gpt panic=10 -- single"):
        board.put("proc/cmdline", line)
        assert board.findings() == set()
    board.put("proc/cmdline", "panic=10")
    disk.write_bytes(bytes(16384))
    assert board.findings() == set()
    disk.unlink()
    assert board.findings() == set()


def test_slots_of_other_sizes(board):
    for name, size in (("slot-a.img", 4096), ("slot-b.img", 8192)):
        board.put(f"sys/class/block/{name}/size", str(size))
    assert ("warning", "slot-sizes") in board.findings()


def test_a_state_that_is_written_too_often(board):
    image = bytearray(board.dev.state.read_bytes())
    cells = [at + i * 4096 for at in REGIONS for i in range(64)]
    for cell in (c for c in cells if image[c:c + 8] == b"KEELSTAT"):
        length = struct.unpack_from("<I", image, cell + 12)[0]
        struct.pack_into("<Q", image, cell + 24, 200000 + cell)
        struct.pack_into("<I", image, cell + 32, 0)
        struct.pack_into("<I", image, cell + 32, crc32c(image[cell:cell + 64 + length]))
    board.dev.state.write_bytes(image)
    assert board.findings() == {("warning", "state-wear")}


def test_a_trial_past_its_deadline_means_that_nobody_marks_it(board):
    edit(board.dev, a_st="trial", a_tries=2)
    board.boot(status="trial")
    assert ("error", "nobody-marks-good") not in board.findings()
    board.put("proc/uptime", "301.5 1.0")
    assert ("error", "nobody-marks-good") in board.findings()


@pytest.mark.parametrize("left, found", [(200, False), (-1, True), (-100, True)])
def test_the_guardians_clock_says_whether_a_trial_is_past_its_deadline(board, guardian, left, found):
    """It begins behind an install, or a passphrase, and has the initramfs's commit-deadline=."""
    edit(board.dev, a_st="trial", a_tries=2, open="a", token=7)
    guardian("system", "system", "trial", 1200, status="trial", token=7, due=int(time.monotonic()) + left)
    for up in ("3600.5 1.0", "100.0 1.0"):
        board.put("proc/uptime", up)
        told = board.told("nobody-marks-good")
        assert len(told) == found
        assert not found or "past its commit deadline of 1200 s" in told[0]["text"]


def test_a_guardian_that_is_gone_is_not_asked_for_a_deadline(board, guardian):
    edit(board.dev, a_st="trial", a_tries=2, open="a", token=7)
    guardian("system", "system", "trial", 300, status="trial", token=7, due=int(time.monotonic()) + 200)
    board.put("proc/uptime", "301.5 1.0")
    assert gone(board) and not board.told("nobody-marks-good")


def kernel(board, release, *options):
    """A device with this kernel, whose configuration is known."""
    board.put("proc/sys/kernel/osrelease", release)
    board.put(f"boot/config-{release}", "".join(f"CONFIG_{o}=y\n" for o in (*OPTIONS, *options)))


def lacks(board) -> list:
    return [f["text"].split(": ", 1)[1] for f in board.told("kernel-lacks")]


@pytest.mark.parametrize("release, count", [("4.14.336", 3), ("4.19.0-27-amd64", 2), ("5.8.18", 2), ("5.9.0", 0),
                                            ("5.10.0-32-amd64", 0), ("5.15.167", 0),
                                            ("6.1.0-18-amd64", 0), ("6.12.95+deb12-amd64", 0)])
def test_what_an_old_kernel_lacks_is_told(board, release, count):
    kernel(board, release)
    assert len(lacks(board)) == count
    assert not board.told("kernel-old") and ("warning", "kernel-lacks") not in board.findings(OK)


def test_a_kernel_before_all_that_are_known(board):
    kernel(board, "4.9.337")
    assert ("error", "kernel-old") in board.findings(FAILURE)


def test_what_matters_only_on_some_devices_is_told_there(board):
    """Suppliers on a board with a device tree, a card that looks like an eMMC, root hashes that are wanted."""
    kernel(board, "5.4.0")
    before = set(lacks(board))
    (board.sys / "sys/firmware/devicetree/base").mkdir(parents=True)
    for host in ("mmc0", "mmc1"):
        (board.sys / "sys/class/mmc_host" / host).mkdir(parents=True)
    board.dev.configure("[system]\nverify-slot=always\n")
    more = set(lacks(board)) - before
    assert {text.split()[0] for text in more} == {"an", "keelboot"}
    assert ("error", "kernel-lacks") in board.findings(FAILURE)
    kernel(board, "6.1.0")
    assert lacks(board) == ["an MMC card in a slot for cards looks like a fixed eMMC"]


OF_SETTINGS = {
    "a label": ("[system]\nroot-overlay=PARTLABEL=overlay\n", "5.5.19",
                "with SELinux, / has no label where an overlay lies on a partition"),
    "a TPM": ("[measure]\npcr=13\n", "5.11.22",
              "a TPM that measures nothing is not noticed: the value of a PCR is not shown"),
}


@pytest.mark.parametrize("what", OF_SETTINGS)
def test_what_matters_only_with_some_settings_is_told_there(board, what):
    settings, release, text = OF_SETTINGS[what]
    (board.sys / "sys/fs/selinux").mkdir(parents=True)
    kernel(board, release)
    assert text not in lacks(board)
    board.dev.configure(settings)
    assert lacks(board).count(text) == 1
    kernel(board, {"5.5.19": "5.6.0", "5.11.22": "5.12.0"}[release])
    assert text not in lacks(board)


SUPPLIERS = "keelboot image build --for-this-machine sees few suppliers of a device, or none"


@pytest.mark.parametrize("release, more", [("5.10.0-32-amd64", [OF_SETTINGS["a TPM"][2], SUPPLIERS]),
                                           ("5.12.19", [SUPPLIERS]), ("5.13.0", []), ("5.15.167", [])])
def test_kernels_of_the_page_that_suppliers_and_the_value_of_a_pcr_tell_apart(board, release, more):
    """Everything that docs/KERNELS.md says of them is in use: a TPM, a card like an eMMC, suppliers, hashes."""
    (board.sys / "sys/firmware/devicetree/base").mkdir(parents=True)
    for host in ("mmc0", "mmc1"):
        (board.sys / "sys/class/mmc_host" / host).mkdir(parents=True)
    board.dev.configure("[system]\nverify-slot=always\n[measure]\npcr=13\n")
    kernel(board, release)
    assert set(lacks(board)) == {"an MMC card in a slot for cards looks like a fixed eMMC",
                                 *more}


@pytest.mark.parametrize("where", ["off", "tmpfs"])
def test_a_label_is_lost_with_an_overlay_on_a_partition_only(board, where):
    (board.sys / "sys/fs/selinux").mkdir(parents=True)
    kernel(board, "5.4.0")
    board.dev.configure(f"[system]\nroot-overlay={where}\n")
    assert not [text for text in lacks(board) if "SELinux" in text]


def test_the_page_of_kernels_says_what_each_loses():
    """Its second table has one word or two for each row of the first that is younger."""
    page = (TOP / "docs/KERNELS.md").read_text()
    since = [tuple(map(int, found)) for found in re.findall(r"^\| (\d+)\.(\d+) \| .* \| `[a-z-]+` \|$", page, re.M)]
    rows = re.findall(r"^\| ([\d., ]+) \| ([^|]+) \| [^|]+ \|$", page.partition("| kernel | it loses |")[2], re.M)
    assert [row[0] for row in rows] == ["4.14", "4.19", "5.4", "5.10", "5.15", "6.1", "6.12"]
    for kernel_of, loses in rows[2:]:
        younger = [one for one in since if one > tuple(map(int, kernel_of.split(".")))]
        assert len(younger) == (0 if loses == "nothing" else len(loses.split(", "))), kernel_of


def test_the_page_of_kernels_has_what_doctor_says():
    source = (TOP / "cli/doctor/doctor_version.c").read_text()
    told = re.findall(r'VERSION\((\d+), (\d+)\), DOCTOR_\w+, \w+,\s+"([^"]+)"', source)
    page = (TOP / "docs/KERNELS.md").read_text()
    rows = re.findall(r"^\| (\d+)\.(\d+) \| (.*?) \| (.*?) \|$", page, re.M)
    assert [row[:3] for row in rows if "`kernel-lacks`" in row[3]] == list(dict.fromkeys(told))
    others = {name for row in rows for name in re.findall(r"`([a-z-]+)`", row[3])} - {"kernel-lacks"}
    known = "".join(path.read_text() for path in (TOP / "cli/doctor").glob("*.c"))
    assert others and all(f'"{name}"' in known for name in others)


def test_every_finding_has_its_test():
    source = "".join(file.read_text() for file in (TOP / "cli/doctor").glob("doctor_*.c"))
    ids = set(re.findall(r'DOCTOR_(?:NOTE|WARNING|ERROR),\s+"([a-z-]+)"', source))
    ids.update(re.findall(r'add_problem\(\s*st, \w+, "([a-z-]+)"', (TOP / "cli/status/status_state.c").read_text()))
    tests = "".join((TOP / f"tests/test_cli_{name}.py").read_text()
                    for name in ("counter", "doctor", "kexec", "loader", "loader_script", "measure"))
    here = set(re.findall(r'"(?:error|warning|note)", "([a-z-]+)"', tests))
    # No file of the host is an eMMC.
    here |= set(re.findall(r'"((?:emmc|loader)-[a-z-]+)"', (TOP / "tests/unit/doctor_emmc_test.c").read_text()))
    assert len(ids) > 40
    # These need a history or a disk that fails, which no file can show.
    assert ids - here == {"trials-fail", "history-unreadable", "state-region-unreadable", "staging-space"}


# ---------------------------------------------------------------- systems that are guarded

MOUNTS = "/dev/vda2 / ext4 ro,noatime 0 0\n/dev/vda3 /var ext4 rw 0 0\ntmpfs /var/lib/other tmpfs rw 0 0\n"


@pytest.fixture(name="around")
def make_around(tmp_path):
    """A healthy kernel around a guarded system, in files."""
    for path, text in {"proc/mounts": MOUNTS, "proc/sys/kernel/panic": "10\n",
                       "sys/class/watchdog/watchdog0/identity": "iTCO_wdt\n",
                       "sys/module/pstore/parameters/backend": "(null)\n", "var/log/journal/x": ""}.items():
        (tmp_path / "sys" / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "sys" / path).write_text(text)
    return tmp_path / "sys"


@pytest.fixture(name="system")
def make_system(tmp_path):
    system = System(tmp_path)
    yield system
    system.end_guardian()


def findings(system, *args, code, watchdog="auto"):
    """What doctor says where system.conf has this watchdog. It only looks: that of this host is not armed."""
    conf = system.root / "etc/keelboot/system.conf"
    text = conf.read_text()
    assert "\ndevice=off\n" in text
    conf.write_text(text.replace("\ndevice=off\n", f"\ndevice={watchdog}\n"))
    told = json.loads(system("doctor", "--json", *args, code=code).stdout)
    conf.write_text(text)
    return {(one["severity"], one["id"]) for one in told["findings"]}


def test_doctor_reports_of_a_guarded_system_only_what_concerns_the_guard(system, around):
    system.make_good(CURRENT)
    assert findings(system, "--sys-root", around, code=OK) == set()
    system.boot(NEXT)
    assert findings(system, "--sys-root", around, code=OK) == set()
    system.end_guardian()
    assert findings(system, "--sys-root", around, code=FAILURE) == {("error", "guardian-gone")}


@pytest.mark.parametrize("path, text, found", [
    ("proc/mounts", "/dev/vda2 / ext4 ro,noatime 0 0\n", ("error", "guard-record")),
    ("proc/mounts", f"{MOUNTS}tmpfs /var/lib tmpfs rw 0 0\n", ("error", "guard-record")),
    ("proc/sys/kernel/panic", "0\n", ("warning", "panic-hangs")),
    ("sys/class/watchdog/watchdog0", None, ("warning", "watchdog-none")),
    ("var/log/journal", None, ("warning", "guard-words"))])
def test_doctor_says_what_a_guarded_system_lacks(system, around, path, text, found):
    system.make_good(CURRENT)
    if text is None:
        (around / path).rename(around / "gone")
    else:
        (around / path).write_text(text)
    code = FAILURE if found[0] == "error" else OK
    assert findings(system, "--sys-root", around, code=code) == {found}


def test_doctor_knows_the_watchdog_of_a_server_that_is_guarded(system, around):
    """A BMC's is not of the class: it makes /dev/watchdog alone, which `guard begin` arms."""
    system.make_good(CURRENT)
    assert findings(system, "--sys-root", around, code=OK, watchdog="off") == {("warning", "watchdog-off")}
    (around / "sys/class/watchdog/watchdog0").rename(around / "sys/class/watchdog/watchdog1")
    assert findings(system, "--sys-root", around, code=OK) == set()
    shutil.rmtree(around / "sys/class/watchdog")
    assert findings(system, "--sys-root", around, code=OK) == {("warning", "watchdog-none")}
    (around / "sys/class/misc/watchdog").mkdir(parents=True)
    assert findings(system, "--sys-root", around, code=OK) == set()
    assert findings(system, "--sys-root", around, code=OK, watchdog="off") == {("warning", "watchdog-off")}
    (around / "proc/1/fd").mkdir(parents=True)
    (around / "proc/1/fd/40").symlink_to("/dev/watchdog0")
    assert findings(system, "--sys-root", around, code=OK, watchdog="off") == set(), "process 1 feeds it"


def test_doctor_says_that_a_system_to_guard_was_not_counted(system, around):
    """bad= is in system.conf, and nobody called `guard begin`."""
    assert findings(system, "--sys-root", around, code=FAILURE) == {("error", "guard-begin")}


def test_doctor_looks_for_the_commands_of_a_guard(system):
    system.make_good(CURRENT)
    conf = system.root / "etc/keelboot/system.conf"
    good = conf.read_text()
    assert "guard-command" not in {name for _, name in findings(system, code=None)}
    for line in ("bad=no-such-bootc rollback", "bad=/no/such/program"):
        conf.write_text(f"{good}\n[guard]\n{line}\n")
        assert ("error", "guard-command") in findings(system, code=FAILURE)
    conf.write_text(f"{good}\n[guard]\nbad=[ -e /x ] && no-such-bootc\ngood=no-such-tool\n")
    assert ("warning", "guard-command") in findings(system, code=None)
    conf.write_text(f"{good}\n[guard]\nbad=\n")
    assert ("error", "guard-bad") in findings(system, code=FAILURE)
