# SPDX-License-Identifier: Apache-2.0
"""The command and the boot loader, where each slot has a kernel of its own: `mark good` makes it the preset, and before
an install the preset is a kernel that stays."""
import json
import os
import re
import shutil
import sys

import pytest
from cli_device import FAILURE, NOTHING, OK, TOP, call, run
from test_cli_doctor import Board

sys.path.insert(0, str(TOP / "qemu"))
import kbdisk   # noqa: E402
import kbloader   # noqa: E402

LENGTH, PARTITION = 1024, 1 << 20
HEAD = "# GRUB Environment Block\n"


class Grub:
    """A device whose slots have kernels, and the environment block of its GRUB."""

    def __init__(self, dev, running="a"):
        self.dev = dev
        self.block = dev.path / "grubenv"
        dev.configure("[loader]\nkind=grub\nenvironment=PARTLABEL=grubenv\n")
        self.put(keelboot_default="a")
        self.runs(running)

    def put(self, **values):
        text = HEAD + "".join(f"{key}={value}\n" for key, value in values.items())
        call("mkfs.vfat", "-s", "4", "-C", "--invariant", self.fresh(), PARTITION // 1024)
        kbdisk.vfat_put(self.block, {"grubenv": text.encode().ljust(LENGTH, b"#")})

    def fresh(self):
        self.block.unlink(missing_ok=True)
        return self.block

    def get(self):
        lines = call("mtype", "-i", self.block, "::grubenv").stdout.split("\n")
        values = dict(line.split("=", 1) for line in lines if "=" in line and not line.startswith("#"))
        return {name: value for name, value in values.items() if value}

    def runs(self, pair, *more):
        lines = ["disk /dev/vda", f"loader grub {self.block}", f"pair {pair}", *more]
        (self.dev.run / "devices").write_text("\n".join(lines) + "\n")


@pytest.fixture(name="trial")
def make_trial(dev):
    """Slot b is on trial, and runs by its own kernel; a is what the loader starts."""
    dev.init("--good", "a", "--trial", "b", "--version", "1.0", "--sequence", 10, runs="b")
    return Grub(dev, "b")


def test_mark_good_makes_the_kernel_that_runs_the_preset(trial):
    told = trial.dev("mark", "good").stdout
    assert "The boot loader starts its kernel from now on." in told
    assert trial.get() == {"keelboot_default": "b"}


def test_once_more_it_writes_nothing(trial):
    trial.dev("mark", "good")
    os.utime(trial.block, (1, 1))
    assert "boot loader" not in trial.dev("mark", "good").stdout
    assert trial.block.stat().st_mtime == 1


def test_mark_good_answers_a_loader_that_counts_starts(trial):
    trial.put(keelboot_default="b", keelboot_once="", keelboot_starts="11")
    assert "boot loader" in trial.dev("mark", "good").stdout
    assert trial.get() == {"keelboot_default": "b"}


def test_a_trial_that_runs_by_a_foreign_kernel_is_not_committed(trial):
    trial.runs("a")
    before = trial.dev.state.read_bytes()
    said = trial.dev("mark", "good", code=None)
    assert said.returncode != OK and "it runs with the kernel of slot a" in said.stderr
    assert trial.get() == {"keelboot_default": "a"} and trial.dev.state.read_bytes() == before
    assert "It runs with the kernel of slot a" in trial.dev("status").stdout
    assert trial.dev.json("status")["booted"]["pair"] == "a"


def test_a_store_that_is_damaged_is_said_and_the_verdict_stands(trial):
    trial.block.write_bytes(b"\xff" * PARTITION)
    done = trial.dev("mark", "good", code=None)
    assert done.returncode not in (OK, NOTHING) and str(trial.block) in done.stderr
    assert trial.dev.slot("b")["state"] == "good"
    trial.put(keelboot_default="a")
    trial.dev("mark", "good")
    assert trial.get()["keelboot_default"] == "b"


def test_a_store_that_is_not_the_loaders_is_said_and_the_verdict_stands(trial):
    """It wrote there, and said that the loader starts this kernel from now on."""
    trial.runs("b other-store")
    before = trial.get()
    done = trial.dev("mark", "good", code=FAILURE)
    assert f"boot loader: it counted this start in another store than grub {trial.block}" in done.stderr
    assert "The boot loader starts" not in done.stdout and trial.get() == before
    assert trial.dev.slot("b")["state"] == "good"


def test_behind_a_kexec_nothing_is_amiss_where_nothing_is_to_be_written(trial):
    """Its command line says that the loader counted a start, which was answered before."""
    trial.dev("mark", "good")
    trial.runs("b other-store")
    assert trial.dev("mark", "good", code=None).stderr == ""


def test_marking_bad_asks_the_loader_nothing(trial):
    trial.block.write_bytes(b"\xff" * PARTITION)
    trial.dev("mark", "bad", code=None)
    assert trial.dev.slot("b")["state"] == "bad"


@pytest.fixture(name="grub")
def make_grub(ready):
    return Grub(ready)


@pytest.mark.parametrize("before", [{"keelboot_default": "b"}, {"keelboot_default": "a", "keelboot_once": "b"}, {}])
def test_before_an_install_the_preset_is_a_kernel_that_stays(grub, factory, before):
    grub.put(**before)
    grub.dev("install", factory("2.0", 20))
    assert grub.get() == {"keelboot_default": "a"}


def test_nothing_is_installed_while_the_store_cannot_be_read(grub, factory):
    grub.block.unlink()
    slot = grub.dev.slots["b"].read_bytes()
    said = grub.dev("install", factory("2.0", 20), code=None)
    assert said.returncode != OK and str(grub.block) in said.stderr
    assert grub.dev.slots["b"].read_bytes() == slot and grub.dev.slot("b")["state"] != "writing"


def test_nothing_is_installed_where_the_loader_cannot_write_its_store(grub, factory):
    """It would start no other kernel, and slot b is the only fallback."""
    grub.runs("a unsaved")
    before = grub.dev.state.read_bytes(), grub.dev.slots["b"].read_bytes()
    said = grub.dev("install", factory("2.0", 20), code=FAILURE).stderr
    assert "the boot loader could not write its store at this start" in said
    assert (grub.dev.state.read_bytes(), grub.dev.slots["b"].read_bytes()) == before


def test_nothing_is_installed_where_init_could_not_reach_the_store(grub, factory):
    """The command can: it may be another disk's, or a file that the initramfs has no driver for."""
    grub.runs("a unheard")
    before = grub.dev.state.read_bytes(), grub.dev.slots["b"].read_bytes()
    said = grub.dev("install", factory("2.0", 20), code=FAILURE).stderr
    assert "the initramfs could not read or write the boot loader's store at this start, so it would start no " \
        "other" in said
    assert (grub.dev.state.read_bytes(), grub.dev.slots["b"].read_bytes()) == before


# What the boot left, and why it would try nothing that is installed.
UNTRIED = [("a unsaved", "the boot loader could not write its store at this start"),
           ("a other-store", "the boot loader counted this start in another store"),
           ("a unheard", "the initramfs could not read or write the boot loader's store at this start"),
           ("-", "nobody says whose kernel runs")]


@pytest.fixture(name="paired")
def make_paired(grub):
    """Each slot has a partition for its kernel."""
    options = grub.dev.options()
    for slot in "ab":
        (grub.dev.path / f"boot-{slot}.img").write_bytes(bytes(1 << 16))
        options += ["--slot", f"{slot}:boot={grub.dev.path}/boot-{slot}.img"]
    grub.dev.options = lambda: options
    grub.dev.configure("".join(f"[slot.{slot}]\nroot=PARTLABEL=root-{slot}\nboot=PARTLABEL=boot-{slot}\n"
                               for slot in "ab") + "[loader]\nkind=grub\nenvironment=PARTLABEL=grubenv\n")
    return grub


@pytest.fixture(name="release")
def make_release(paired, factory):
    """A bundle with a root and a kernel."""
    out, image = paired.dev.path / "2.0.keel", paired.dev.path / "image"
    image.write_bytes(bytes(1 << 16))
    run("bundle", "create", "-o", out, "--compatible", "test-board", "--version", "2.0", "--sequence", 20, "--image",
        f"root={image}", "--image", f"boot={image}", "--key", factory.public.with_suffix(".key"), code=OK)
    return out


@pytest.mark.parametrize("pair, why", UNTRIED)
def test_what_is_staged_is_promised_to_no_boot_that_cannot_try_it(paired, release, pair, why):
    """A restart may mend that, so it is staged."""
    paired.runs(pair)
    said = paired.dev("stage", release)
    assert said.stdout == "2.0 is staged.\n"
    assert f"{why}: while that lasts, no boot installs 2.0; keelboot doctor says more" in said.stderr
    # keelboot-fleet restarts for that alone.
    assert paired.dev.json("status")["staged"]["next"] == "install"
    assert f"Next boot: installs the staged update if the boot loader is mended ({why}), or else uses" in \
        paired.dev("status").stdout


def test_what_a_healthy_loader_starts_is_promised(paired, release):
    paired.runs("a")
    said = paired.dev("stage", release)
    assert said.stdout == "2.0 is staged; the next boot installs it.\n" and "while that lasts" not in said.stderr
    assert paired.dev.json("status")["staged"]["next"] == "install"


def test_without_kernels_of_their_own_any_slot_takes_what_is_staged(grub, factory):
    """[loader] is set, and no slot has boot=: init asks no loader, and installs."""
    grub.runs("-")
    grub.dev("stage", factory("2.0", 20))
    assert grub.dev.json("status")["staged"]["next"] == "install"


def test_an_initramfs_that_lost_its_loader_tries_nothing(paired, release):
    (paired.dev.run / "devices").write_text("disk /dev/vda\nloader none \npair a\n")
    said = paired.dev("stage", release)
    assert "the initramfs does not know its boot loader: while that lasts" in said.stderr
    said = paired.dev("install", release, code=FAILURE)
    assert "the initramfs does not know its boot loader, so it would start no other kernel" in said.stderr


@pytest.mark.parametrize("pair, why", UNTRIED)
def test_a_slot_whose_kernel_is_not_started_is_not_promised(paired, pair, why):
    paired.dev.init("--force", "--good", "a", "--good", "b", "--version", "1.0", "--sequence", 10, runs="a")
    paired.runs(pair)
    for _ in range(2):
        assert f"{why}: while that lasts, the kernel of slot b is not started" in paired.dev("switch", "b").stderr
    assert f"Next boot: slot b (1.0), if its kernel can be started ({why})." in paired.dev("status").stdout
    assert "while that lasts" not in paired.dev("switch", "a").stderr
    assert "if its kernel" not in paired.dev("status").stdout
    paired.runs("a")
    assert "while that lasts" not in paired.dev("switch", "b").stderr
    assert "Next boot: slot b (1.0).\n" in paired.dev("status").stdout


def test_nothing_is_installed_where_nobody_knows_whose_kernel_runs(grub, factory):
    grub.runs("-")
    said = grub.dev("install", factory("2.0", 20), code=FAILURE).stderr
    assert "whose kernel runs is not known" in said


def test_nothing_is_installed_where_keelboot_did_not_boot(grub, factory):
    for file in grub.dev.run.iterdir():
        file.unlink()
    done = run("--run-dir", grub.dev.run, "--conf-root", grub.dev.root, "install", factory("2.0", 20), code=None)
    assert done.returncode != OK


def test_a_kernel_that_nobody_names_is_said_by_mark_good(trial):
    """A trial runs so where no good slot mounts. To refuse would reject the only one that boots."""
    trial.runs("-")
    said = trial.dev("mark", "good", code=None)
    assert said.returncode != OK and "whose kernel runs is not known" in said.stderr
    assert trial.get() == {"keelboot_default": "a"} and trial.dev.slot("b")["state"] == "good"


def test_words_that_name_no_kernel_are_written_over(trial):
    trial.put(keelboot_default="A", keelboot_once="zz")
    trial.dev("mark", "good")
    assert trial.get() == {"keelboot_default": "b"}


def test_the_kernel_that_runs_is_no_target(grub, factory):
    grub.runs("b")
    said = grub.dev("install", factory("2.0", 20), code=None)
    assert said.returncode != OK
    assert grub.dev.slot("b")["state"] != "writing"


@pytest.fixture(name="board")
def make_board(dev, factory):
    dev.trust(factory.public)
    dev.init("--good", "a", "--good", "b", "--version", "1.0", "--sequence", 10)
    board = Board(dev)
    board.grub = Grub(dev)
    board.put("proc/cmdline", "gpt panic=10 keelboot.pair=a,counted")
    return board


def told(board, finding):
    return [f["text"] for f in board.told(finding)]


def test_doctor_finds_nothing_wrong_with_a_healthy_loader(board):
    assert not [f for f in board.findings() if f[1].startswith("loader")]


def test_doctor_wants_panic_on_the_line(board):
    board.put("proc/cmdline", "console=ttyS0 keelboot.pair=a")
    assert ("error", "loader-panic") in board.findings()


@pytest.mark.parametrize("words, timeout, found", [("", "10", False), ("", "-1", False), ("", "0", True),
                                                   ("panic=0", "10", True), ("panic=10", "0", False)])
def test_doctor_knows_a_kernel_that_is_built_to_restart(board, words, timeout, found):
    board.put("proc/cmdline", f"console=ttyS0 keelboot.pair=a {words}")
    config = board.sys / "boot/config-6.1.0-test"
    config.write_text(f"{config.read_text()}CONFIG_PANIC_TIMEOUT={timeout}\n")
    assert (("error", "loader-panic") in board.findings()) == found
    assert (json.loads(board.doctor("--json").stdout)["loader"]["falls_back"] is False) == found


def test_nothing_is_installed_where_the_loader_counts_in_another_store(grub, factory):
    """What is written to this one, it never sees: it might start what is overwritten."""
    grub.runs("a other-store")
    before = grub.dev.state.read_bytes(), grub.dev.slots["b"].read_bytes()
    said = grub.dev("install", factory("2.0", 20), code=FAILURE).stderr
    assert f"counted this start in another store than grub {grub.block}" in said
    assert (grub.dev.state.read_bytes(), grub.dev.slots["b"].read_bytes()) == before


def test_doctor_wants_starts_to_be_counted(board):
    for start in (",once", ",instead", ",counted"):
        board.put("proc/cmdline", f"gpt panic=10 keelboot.pair=a{start}")
        assert ("warning", "loader-uncounted") not in board.findings()
    board.put("proc/cmdline", "gpt panic=10 keelboot.pair=a")
    assert told(board, "loader-uncounted")[0].startswith("the boot loader counts no starts")
    board.put("proc/cmdline", "gpt panic=10 keelboot.pair=a,unsaved")
    assert ("error", "loader-unsaved") in board.findings()
    board.put("proc/cmdline", "gpt panic=10 keelboot.pair=a,counted")
    board.grub.runs("a other-store")
    assert told(board, "loader-store")[0].startswith("the boot loader counted its start of this kernel, and grub")
    # `mark good` would not help.
    board.grub.put()
    assert ("error", "loader-store") in board.findings() and not told(board, "loader-preset")
    board.grub.put(keelboot_default="a")
    board.put("proc/cmdline", "gpt panic=10 keelboot.pair=a")
    board.grub.runs("a")
    board.dev.configure("[slot.a]\nroot=PARTLABEL=root-a\nboot=PARTLABEL=boot-a\n[loader]\nkind=uefi\n")
    assert ("warning", "loader-uncounted") in board.findings()
    assert told(board, "loader-uncounted")[0].startswith("the firmware counts no starts")


def test_doctor_names_a_store_that_the_initramfs_cannot_reach(board):
    board.grub.runs("a unheard")
    assert ("error", "loader-store") in board.findings()
    assert told(board, "loader-store") == [
        "the initramfs could not read or write the boot loader's store at this start: no release is tried or installed"]
    assert falls_back(board) is False
    board.grub.runs("a")
    assert falls_back(board) is True


def falls_back(board):
    return json.loads(board.doctor("--json").stdout)["loader"]["falls_back"]


def test_doctor_believes_what_the_boot_warned_of(board):
    """What it was may last, and doctor cannot know: an older initramfs says no more."""
    assert falls_back(board) is True
    board.boot(warnings=[{"id": "loader",
                          "text": "boot loader: it counts the starts of this kernel, and does not hear"}])
    assert falls_back(board) is None
    assert ("warning", "boot-warned") in board.findings()
    board.boot(warnings=[{"id": "command-line", "text": "keelboot.x is unknown"}])
    assert falls_back(board) is True


def test_doctor_reads_the_loaders_store(board):
    board.grub.put()
    assert ("error", "loader-preset") in board.findings()
    assert told(board, "loader-preset") == ["the boot loader has no pair to fall back to"]
    board.grub.block.write_bytes(b"\xff" * PARTITION)
    assert ("error", "loader-store") in board.findings()
    assert str(board.grub.block) in told(board, "loader-store")[0]


def test_doctor_names_a_loader_that_does_not_forget_what_it_starts_once(board):
    board.grub.put(keelboot_default="a", keelboot_once="b")
    assert ("error", "loader-unsaved") in board.findings()
    assert told(board, "loader-unsaved")[0].startswith("the boot loader was asked to start the kernel of slot b once")


def test_doctor_says_that_nobody_answers_the_count_of_starts(board):
    board.grub.put(keelboot_default="a", keelboot_starts="1")
    assert ("error", "loader-starts") in board.findings()


def test_doctor_names_a_loader_that_is_not_used(board):
    (board.dev.run / "devices").write_text("disk /dev/vda\n")
    assert ("error", "loader-unused") in board.findings()
    board.dev.configure("[slot.a]\nroot=PARTLABEL=root-a\nboot=PARTLABEL=boot-a\n")
    assert ("error", "loader-none") in board.findings()


def test_doctor_names_a_foreign_kernel(board):
    board.grub.runs("b")
    assert ("error", "loader-foreign") in board.findings()
    assert told(board, "loader-foreign") == ["slot a runs with the kernel of slot b"]


# ---------------------------------------------------------------- systemd-boot

SYSTEMD = "4a67b082-0a4c-41cf-b6c7-440b29bb8c4f"
FILES = {slot: f"PARTLABEL=esp:/EFI/Linux/keelboot-{slot}.efi" for slot in "ab"}


class SystemdBoot:
    """A device whose kernels are files that systemd-boot starts."""

    def __init__(self, board):
        self.board = board
        board.dev.configure("".join(f"[slot.{slot}]\nroot=PARTLABEL=root-{slot}\nboot={file}\n"
                                    for slot, file in FILES.items()) + "[loader]\nkind=systemd-boot\n")
        self.runs("a")
        self.put(LoaderInfo="systemd-boot 252", LoaderEntryDefault="keelboot-a.efi",
                 LoaderEntries="keelboot-a.efi\0keelboot-b.efi")

    def put(self, **texts):
        for name, text in texts.items():
            file = self.board.sys / f"sys/firmware/efi/efivars/{name}-{SYSTEMD}"
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(b"\7\0\0\0" + f"{text}\0".encode("utf-16-le"))

    def runs(self, pair):
        (self.board.dev.run / "devices").write_text(
            "disk /dev/vda\nloader systemd-boot a=/dev/vda5:keelboot-a.efi,b=/dev/vda5:keelboot-b.efi\n"
            f"pair {pair}\n")

    def findings(self):
        return [one for one in self.board.findings() if one[1].startswith("loader")]


@pytest.fixture(name="entries")
def make_entries(board):
    return SystemdBoot(board)


def test_doctor_says_of_a_healthy_systemd_boot_only_that_it_counts_nothing(entries):
    assert entries.findings() == [("warning", "loader-uncounted")]
    assert told(entries.board, "loader-uncounted")[0].startswith("systemd-boot counts no starts")


def test_doctor_names_a_systemd_boot_that_does_not_forget_what_it_starts_once(entries):
    entries.put(LoaderEntryOneShot="keelboot-b.efi")
    assert ("error", "loader-unsaved") in entries.findings()


def test_doctor_names_what_started_instead_of_systemd_boot(entries):
    entries.put(LoaderInfo="GRUB 2.06")
    entries.runs("-")
    assert ("error", "loader-other") in entries.findings() and ("error", "loader-unused") in entries.findings()
    assert told(entries.board, "loader-other") == [
        "systemd-boot did not start this system, but GRUB 2.06: whose kernel runs is not known"]


@pytest.mark.parametrize("variables, why", (
    ({"LoaderEntrySelected": "debian.conf"}, "systemd-boot started debian.conf, which is no pair's entry"),
    ({"LoaderEntrySelected": "keelboot-a.efi"}, "systemd-boot does not say from which disk it came: that has no GPT"),
    ({"LoaderEntrySelected": "keelboot-a.efi", "LoaderDevicePartUUID": "1"},
     "/dev/vda5: the kernel has no such partition"),
))
def test_doctor_says_why_the_boot_did_not_know_whose_kernel_runs(entries, variables, why):
    entries.put(**variables)
    entries.runs("-")
    assert ("error", "loader-elsewhere") in entries.findings()
    assert told(entries.board, "loader-elsewhere")[0].startswith(f"whose kernel runs is not known: {why}")


def test_doctor_names_a_good_slot_without_an_entry(entries):
    entries.put(LoaderEntries="keelboot-a.efi\0debian.conf")
    assert ("error", "loader-entry") in entries.findings()
    assert told(entries.board, "loader-entry") == [
        f"systemd-boot has no entry for the kernel of slot b ({FILES['b']})"]


def test_doctor_names_a_preset_that_is_no_slots_kernel(entries):
    entries.put(LoaderEntryDefault="debian.conf")
    assert told(entries.board, "loader-preset") == [
        "the boot loader starts debian.conf by default, which is no slot's kernel"]
    entries.put(LoaderEntryDefault="")
    assert told(entries.board, "loader-preset") == ["the boot loader has no pair to fall back to"]


def test_doctor_names_a_menu_that_waits_for_a_person(entries):
    entries.put(LoaderConfigTimeout="menu-force")
    assert ("error", "loader-menu") in entries.findings()
    entries.put(LoaderConfigTimeout="0")
    assert ("error", "loader-menu") not in entries.findings()
    for text, found in (("default x\ntimeout menu-force\n", True), ("timeout 5\n", False),
                        ("#timeout menu-force\n", False)):
        entries.board.put("boot/efi/loader/loader.conf", text)
        assert (("error", "loader-menu") in entries.findings()) is found, text


def test_doctor_reads_the_variables_or_says_why_not(entries):
    (entries.board.sys / f"sys/firmware/efi/efivars/LoaderEntryDefault-{SYSTEMD}").write_bytes(b"\7")
    assert ("error", "loader-store") in entries.findings()


class Type1(SystemdBoot):
    """Their kernels have texts; a folder stands for the ESP."""

    def __init__(self, board):
        super().__init__(board)
        board.dev.configure("".join(
            f"[slot.{slot}]\nroot=PARTLABEL=root-{slot}\nboot=PARTLABEL=esp:/keelboot-{slot}/vmlinuz\n"
            f"initrd=PARTLABEL=esp:/keelboot-{slot}/initrd.img\n" for slot in "ab") + "[loader]\nkind=systemd-boot\n")
        self.put(LoaderEntryDefault="keelboot-a.conf", LoaderEntries="keelboot-a.conf\0keelboot-b.conf")
        for slot in "ab":
            self.text(slot)

    def text(self, slot, of=None, name=None):
        """The text of a slot's entry as docs/KERNEL.md has it, with the files of another one."""
        page = (TOP / "docs/KERNEL.md").read_text()
        text = re.search(r"\n((?: {4}\S.*\n)*? {4}linux /keelboot-a/vmlinuz\n(?: {4}.*\n)+)", page).group(1)
        self.board.put(f"dev/vda5/loader/entries/{name or f'keelboot-{slot}.conf'}",
                       re.sub("(?m)^ {4}", "", text).replace("keelboot-a", f"keelboot-{of or slot}"))

    def runs(self, pair):
        super().runs(pair)
        file = self.board.dev.run / "devices"
        file.write_text(file.read_text().replace(".efi", ".conf") + "".join(
            f"slot {slot} {cls} /dev/vda5:/keelboot-{slot}/{name}\n" for slot in "ab"
            for cls, name in (("boot", "vmlinuz"), ("initrd", "initrd.img"))))

    def told(self):
        return told(self.board, "loader-entry")


@pytest.fixture(name="texts")
def make_texts(board):
    return Type1(board)


def test_doctor_says_of_healthy_texts_only_that_nothing_is_counted(texts):
    assert texts.findings() == [("warning", "loader-uncounted")]


def test_doctor_names_a_text_by_which_an_install_would_be_refused(texts):
    texts.text("b", of="a")
    assert ("error", "loader-entry") in texts.findings()
    assert texts.told() == [
        "slot a: /dev/vda5:/loader/entries/keelboot-b.conf is of slot b, and names /keelboot-a/vmlinuz of slot a",
        'slot b: /dev/vda5:/loader/entries/keelboot-b.conf lacks the line "linux /keelboot-b/vmlinuz", or has another '
        "one"]
    (texts.board.sys / "dev/vda5/loader/entries/keelboot-b.conf").unlink()
    assert texts.told() == ["slot b: /dev/vda5:/keelboot-b/vmlinuz: systemd-boot would not start it: "
                            "/loader/entries/keelboot-b.conf is missing in that partition"]
    texts.text("b")
    texts.text("b", name="keelboot-b+3.conf")
    assert texts.told()[0].startswith("slot b: /dev/vda5:/keelboot-b/vmlinuz: keelboot-b+3.conf beside it is the same")


def test_doctor_names_a_text_that_starts_by_another_slots_files(texts):
    """Each of the two would be what the other one falls back to."""
    texts.text("a", of="b")
    assert len(texts.told()) == 2 and "keelboot-a.conf is of slot a, and names /keelboot-b/vmlinuz" in texts.told()[1]


def test_doctor_names_a_good_slot_whose_text_was_not_listed(texts):
    texts.put(LoaderEntries="keelboot-a.conf")
    assert texts.told() == ["systemd-boot has no entry for the kernel of slot b (PARTLABEL=esp:/keelboot-b/vmlinuz)"]


# ---------------------------------------------------------------- a Raspberry Pi

AUTOBOOT = "[all]\ntryboot_a_b=1\nboot_partition={}\n[tryboot]\nboot_partition={}\n"


class Tryboot:
    """A device whose kernels a Raspberry Pi's firmware starts: a card with autoboot.txt, sysfs and the device tree."""

    def __init__(self, board):
        self.board = board
        board.dev.configure("".join(f"[slot.{slot}]\nroot=PARTLABEL=root-{slot}\nboot=PARTLABEL=boot-{slot}\n"
                                    for slot in "ab") + "[loader]\nkind=tryboot\nenvironment=PARTLABEL=autoboot\n")
        for number in range(1, 5):
            folder = board.sys / f"sys/devices/mmcblk0/mmcblk0p{number}"
            folder.mkdir(parents=True)
            for name, value in (("partition", number), ("start", 8192 * number), ("size", 8192)):
                (folder / name).write_text(f"{value}\n")
            link = board.sys / f"sys/class/block/mmcblk0p{number}"
            link.parent.mkdir(parents=True, exist_ok=True)
            link.symlink_to(f"../../devices/mmcblk0/mmcblk0p{number}")
        board.put("sys/devices/mmcblk0/queue/logical_block_size", "512\n")
        board.put("dev/vcio", "")
        self.tree(partition=2, capabilities=0x7f)
        self.put(AUTOBOOT.format(2, 2))
        self.runs("a")

    def put(self, text, number=1):
        image = self.board.sys / f"dev/mmcblk0p{number}"
        image.unlink(missing_ok=True)
        kbdisk.mkvfat(image, "1M", {"autoboot.txt": text.encode()})

    def tree(self, **values):
        for name, value in values.items():
            file = self.board.sys / "proc/device-tree/chosen/bootloader" / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(value.to_bytes(4, "big"))

    def runs(self, pair, number=1):
        (self.board.dev.run / "devices").write_text(
            f"disk /dev/mmcblk0\nloader tryboot /dev/mmcblk0p{number},a=/dev/mmcblk0p2,b=/dev/mmcblk0p3\n"
            f"pair {pair}\n")

    def findings(self):
        return [one for one in self.board.findings() if one[1].startswith("loader")]


@pytest.fixture(name="pi")
def make_pi(board):
    return Tryboot(board)


def test_doctor_says_of_a_healthy_tryboot_only_that_it_counts_nothing(pi):
    assert pi.findings() == [("warning", "loader-uncounted")]
    assert told(pi.board, "loader-uncounted")[0].startswith("the firmware counts no starts")


def test_doctor_names_a_file_by_which_no_try_starts(pi):
    pi.put("boot_partition=2\n[tryboot]\nboot_partition=3\n")
    assert ("error", "loader-store") in pi.findings()
    assert "autoboot.txt lacks tryboot_a_b=1" in told(pi.board, "loader-store")[0]


def test_doctor_names_a_preset_of_no_slot_and_one_that_did_not_prove_itself(pi):
    pi.put(AUTOBOOT.format(4, 2))
    assert ("error", "loader-preset") in pi.findings()
    pi.put(AUTOBOOT.format(3, 2))
    assert ("warning", "loader-preset") in pi.findings()


def test_doctor_names_a_firmware_that_does_not_know_tryboot(pi):
    pi.tree(capabilities=0x7b)
    assert ("error", "loader-firmware") in pi.findings()
    assert told(pi.board, "loader-firmware")[0].startswith("the boot loader in this board's EEPROM does not know")


def test_doctor_names_a_kernel_that_may_not_pass_tryboot_on(pi):
    (pi.board.sys / "dev/vcio").unlink()
    assert ("warning", "loader-kernel") in pi.findings()
    assert told(pi.board, "loader-kernel")[0].startswith("/dev/vcio is missing: this may be a kernel")


def test_doctor_names_a_file_where_the_firmware_does_not_look(pi):
    pi.put(AUTOBOOT.format(2, 2), number=4)
    pi.runs("a", number=4)
    assert ("warning", "loader-environment") in pi.findings()
    assert told(pi.board, "loader-environment") == [
        "autoboot.txt lies in partition 4: the firmware looks for it in the first one"]


def test_doctor_names_a_pi_whose_kernel_is_unknown(pi):
    pi.runs("-")
    assert ("error", "loader-unused") in pi.findings()


# ---------------------------------------------------------------- barebox

class Barebox:
    """A device whose kernels barebox's bootchooser starts: a partition with its state, and the device tree."""

    def __init__(self, board):
        self.board, self.image = board, board.sys / "state.img"
        self.layout = "0x27031977:1024,a=system0:0:4,b=system1:8:12"
        board.dev.configure("".join(f"[slot.{slot}]\nroot=PARTLABEL=root-{slot}\nboot=PARTLABEL=boot-{slot}\n"
                                    for slot in "ab") +
                            f"[loader]\nkind=barebox\nenvironment=PARTLABEL=state\nlayout={self.layout}\n")
        self.put((3, 20), (3, 10))
        self.tree(magic=0x27031977, **{"backend-stridesize": 1024})
        board.put("proc/device-tree/aliases/state", "/state\0")
        board.put("proc/device-tree/state/backend-type", "raw\0")
        self.runs("a")

    def put(self, first, second, magic=0x27031977):
        self.image.write_bytes(kbloader.barebox_state(*first, *second, 1, magic=magic, stride=1024).ljust(8192, b"\0"))

    def tree(self, **values):
        for name, value in values.items():
            file = self.board.sys / "proc/device-tree/state" / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(value.to_bytes(4, "big"))

    def runs(self, pair):
        (self.board.dev.run / "devices").write_text(
            f"disk /dev/vda\nloader barebox {self.image}:{self.layout}\npair {pair}\n")

    def findings(self):
        return [one for one in self.board.findings() if one[1].startswith("loader")]


@pytest.fixture(name="barebox")
def make_barebox(board):
    return Barebox(board)


def test_doctor_says_nothing_of_a_healthy_barebox(barebox):
    assert barebox.findings() == []


def test_doctor_names_a_barebox_that_notes_no_start(barebox):
    """What keeps the command from an install is an error, of each kind of loader."""
    barebox.runs("a unsaved")
    assert barebox.findings() == [("error", "loader-store")]
    barebox.board.dev("switch", "a")
    assert "while that lasts" not in barebox.board.dev("switch", "b").stderr   # it goes by priorities
    barebox.runs("a unheard")
    assert "while that lasts" in barebox.board.dev("switch", "b").stderr


def test_doctor_names_starts_that_were_not_answered(barebox):
    barebox.put((1, 20), (3, 10))
    assert barebox.findings() == [("error", "loader-starts")]


def test_doctor_names_a_state_that_is_not_the_one_of_the_layout(barebox):
    barebox.put((3, 20), (3, 10), magic=1)
    assert barebox.findings() == [("error", "loader-store")]
    assert "no state with the magic 0x27031977" in told(barebox.board, "loader-store")[0]
    barebox.put((3, 20), (3, 10))
    barebox.tree(magic=1, **{"backend-stridesize": 2048})
    assert told(barebox.board, "loader-state") == [
        "barebox's state has another magic (0x1) than [loader] layout= says (0x27031977)",
        "barebox's state has another backend-stridesize (0x800) than [loader] layout= says (0x400)"]


def test_doctor_names_a_format_that_is_not_written(barebox):
    barebox.board.put("proc/device-tree/state/algo", "hmac(sha256)\0")
    assert barebox.findings() == [("error", "loader-state")]


def test_doctor_names_a_barebox_with_two_presets_and_one_whose_kernel_is_unknown(barebox):
    barebox.put((3, 20), (3, 20))
    assert ("error", "loader-preset") in barebox.findings()
    barebox.runs("-")
    assert ("error", "loader-unused") in barebox.findings()


# ---------------------------------------------------------------- EFI Boot Guard

class Guarded:
    """A device whose kernels are files that EFI Boot Guard starts; folders stand for its config partitions."""

    def __init__(self, board):
        self.board = board
        board.dev.configure("".join(f"[slot.{slot}]\nroot=PARTLABEL=root-{slot}\n"
                                    f"boot=PARTLABEL=ebg-{slot}:/EFI/Linux/keelboot-{slot}.efi\n" for slot in "ab") +
                            "[loader]\nkind=efibootguard\n")
        for slot, revision in (("a", 2), ("b", 1)):
            (self.folder(slot)).mkdir()
            for name, data in kbloader.bg_config(f"EBG-{slot.upper()}", f"EFI/Linux/keelboot-{slot}.efi",
                                                 revision=revision, watchdog=60).items():
                (self.folder(slot) / name).write_bytes(data)
        self.runs("a")

    def folder(self, slot):
        return self.board.dev.path / f"ebg-{slot}"

    def change(self, slot, **values):
        file = self.folder(slot) / "BGENV.DAT"
        file.write_bytes(kbloader.bg_change(file.read_bytes(), **values))

    def runs(self, pair):
        places = ",".join(f"{slot}={self.folder(slot)}:/EFI/Linux/keelboot-{slot}.efi" for slot in "ab")
        (self.board.dev.run / "devices").write_text(f"disk /dev/vda\nloader efibootguard {places}\npair {pair}\n")

    def findings(self):
        return [one for one in self.board.findings() if one[1].startswith("loader")]


@pytest.fixture(name="guarded")
def make_guarded(board):
    if not shutil.which("bg_setenv"):
        pytest.skip("package efibootguard is not installed")
    return Guarded(board)


def test_doctor_says_of_a_healthy_efibootguard_only_that_it_counts_nothing(guarded):
    assert guarded.findings() == [("warning", "loader-uncounted")]
    assert told(guarded.board, "loader-uncounted")[0].startswith("EFI Boot Guard counts no starts but those of a trial")


def test_doctor_names_an_environment_without_a_watchdog(guarded):
    guarded.change("b", watchdog=0)
    assert ("error", "loader-watchdog") in guarded.findings()
    assert told(guarded.board, "loader-watchdog")[0].startswith(
        "the environment beside the kernel of slot b has no watchdog timeout")


def test_doctor_names_a_damaged_environment_and_both(guarded):
    (guarded.folder("b") / "BGENV.DAT").write_bytes(b"x" * 100)
    assert ("warning", "loader-environment") in guarded.findings()
    (guarded.folder("a") / "BGENV.DAT").unlink()
    assert ("error", "loader-store") in guarded.findings()
    assert "both environments are damaged" in told(guarded.board, "loader-store")[0]


def test_doctor_names_a_config_partition_that_cannot_be_read(guarded):
    shutil.rmtree(guarded.folder("b"))
    assert ("error", "loader-environment") in guarded.findings()
    assert told(guarded.board, "loader-environment")[0].startswith(
        "the config partition of slot b cannot be read: no update can be installed")
    assert ("error", "loader-store") not in guarded.findings()
    shutil.rmtree(guarded.folder("a"))
    assert ("error", "loader-store") in guarded.findings()
    assert "cannot be mounted" in told(guarded.board, "loader-store")[0]


def test_doctor_names_an_environment_of_no_slot_and_a_label_that_is_missing(guarded):
    (guarded.folder("b") / "EFILABEL").write_bytes("OTHER".encode("utf-16-le"))
    assert told(guarded.board, "loader-environment") == [
        'the environment beside the kernel of slot b starts "C:EBG-B:\\EFI\\Linux\\keelboot-b.efi", '
        "which is no slot's kernel"]
    (guarded.folder("b") / "EFILABEL").unlink()
    assert "ebg-b has no label" in told(guarded.board, "loader-store")[0]


def test_doctor_names_a_trial_that_the_loader_did_not_note(guarded):
    guarded.change("b", ustate=1, revision=3)
    guarded.runs("b")
    assert ("error", "loader-unsaved") in guarded.findings()
    guarded.change("b", ustate=2)
    assert ("error", "loader-unsaved") not in guarded.findings()


def test_doctor_names_an_efibootguard_whose_kernel_is_unknown(guarded):
    guarded.runs("-")
    assert ("error", "loader-unused") in guarded.findings()


def test_mark_good_makes_the_environment_that_runs_the_newest(guarded):
    guarded.board.dev.init("--force", "--good", "a", "--trial", "b", "--version", "1.0", "--sequence", 10, runs="b")
    guarded.change("b", ustate=2, revision=3)
    guarded.runs("b")
    assert "The boot loader starts its kernel from now on." in guarded.board.dev("mark", "good").stdout
    env = kbloader.bg_environment((guarded.folder("b") / "BGENV.DAT").read_bytes())
    assert (env["ustate"], env["revision"]) == (0, 3)
    assert "The boot loader" not in guarded.board.dev("mark", "good").stdout
