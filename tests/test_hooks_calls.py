# SPDX-License-Identifier: Apache-2.0
"""How the scripts of an initramfs call Keelboot, in the shells that are there: what they do where keelboot-select
cannot run or dies, and which programs they start."""

import os
import re
import shutil
import subprocess

import pytest

from cli_device import TOP

HOOKS = TOP / "hooks"
# Those that run in the initramfs, but for mkinitcpio's, which test_hooks_pack.py runs.
AT_BOOT = [*(HOOKS / "dracut/50keelboot").glob("*.sh"), *(HOOKS / "initramfs-tools").glob("*"),
           HOOKS / "mkinitcpio/hooks/keelboot", HOOKS / "lib/call.sh", HOOKS / "lib/say-missing"]
AT_BOOT = [path for path in AT_BOOT if path.name not in ("module-setup.sh", "hook", "conf-hook")]
# Ends the script where the machine would restart.
RESTARTS = "sleep() { case $1 in 60) exit 99 ;; esac; }\nreboot() { echo \"reboot $*\" >>ROOT/calls; }\n"


FOLDERS = ("proc", "dev", "conf", "cryptroot", "scripts", "sbin", "tmp", "lib")


class Initramfs:
    """A folder that stands for / in the scripts."""

    def __init__(self, root, shell):
        self.root, self.shell = root, shell
        self.keelboot = root / "usr/lib/keelboot"
        for folder in ("usr/lib/keelboot", "etc/keelboot", "run/keelboot", *FOLDERS):
            (root / folder).mkdir(parents=True, exist_ok=True)
        for name in ("calls", "dev/kmsg", "proc/sysrq-trigger"):
            (root / name).write_text("")
        (root / "proc/cmdline").write_text("root=/dev/vda3 quiet\n")
        (root / "scripts/functions").write_text(f"panic() {{ echo \"panic $*\" >>{root}/calls; exit 98; }}\n"
                                                "wait_for_udev() { :; }\n")
        (self.keelboot / "call.sh").write_text(self.here(HOOKS / "lib/call.sh"))

    def here(self, path) -> str:
        return re.sub(rf"(?<![\w/])/(?=(usr|etc|run|{'|'.join(FOLDERS)})/)", f"{self.root}/", path.read_text())

    def ends(self, status: int, version: int = 0):
        """keelboot-select ends so."""
        program = self.keelboot / "keelboot-select"
        program.write_text(f"#!/bin/sh\n[ $1 != --version ] || exit {version}\n"
                           f"echo \"$*\" >>{self.root}/calls\nexit {status}\n")
        program.chmod(0o755)

    def cannot_run(self):
        """As without its loader."""
        program = self.keelboot / "keelboot-select"
        program.write_text("#!/nothing\n")
        program.chmod(0o755)

    def run(self, script: str) -> int:
        text = f"set -u\n{RESTARTS}".replace("ROOT", str(self.root)) + script
        return subprocess.run([*self.shell], input=text, text=True, stderr=subprocess.DEVNULL).returncode

    def call(self, *words: str) -> int:
        return self.run(f". {self.keelboot}/call.sh\nkeelboot_call {' '.join(words)}\nexit $?\n")

    def text(self, name: str) -> list:
        return (self.root / name).read_text().splitlines()


@pytest.fixture(params=[("dash",), ("busybox", "sh")], ids=" ".join)
def initramfs(request, tmp_path):
    return Initramfs(tmp_path, request.param)


@pytest.mark.parametrize("status", [0, 1, 2, 3, 4])
def test_a_call_ends_as_the_program_does(initramfs, status):
    initramfs.ends(status)
    assert initramfs.call("enter", "/root") == status
    assert initramfs.text("calls") == ["enter /root"] and initramfs.text("dev/kmsg") == []


def test_a_program_that_cannot_run_leaves_the_boot_to_root(initramfs):
    """With one line, whatever is called then."""
    initramfs.cannot_run()
    assert [initramfs.call(*words) for words in (("arm",), ("choose",), ("enter", "/root"), ("fail", "x"))] == [1] * 4
    said = initramfs.text("dev/kmsg")
    assert len(said) == 1 and re.match(r"<3>keelboot: keelboot-select cannot run \(exit 12[67]\): "
                                       "this boot goes on without Keelboot", said[0])
    assert initramfs.text("run/keelboot/aside") == ["keelboot-select cannot run"]
    assert initramfs.text("proc/sysrq-trigger") == [] and initramfs.text("calls") == []


@pytest.mark.parametrize("required, line, restarts", [
    ("yes", "root=/dev/vda3", True), ("always", "root=/dev/vda3", True),
    ("yes", "root=/dev/vda3 keelboot.enable=0", False), ("yes", "keelboot.enable=0 quiet", False),
    *(("yes", f"a keelboot.enable={word} b", False) for word in ("no", "off", "n")),
    *(("yes", f"keelboot.enable={word}", True) for word in ("01", "nope", "1", "on", "")),
    ("yes", "keelboot.enable", True), ("yes", "xkeelboot.enable=0", True), ("yes", "no", True), ("yes", "0", True),
    ("yes", "keelboot.enable=0 keelboot.enable=1", True), ("yes", "keelboot.enable=1 keelboot.enable=off", False),
    ("always", "keelboot.enable=0", True)])
@pytest.mark.parametrize("call", ["choose", "fail x"])
def test_a_program_that_cannot_run_and_is_required_restarts(initramfs, required, line, restarts, call):
    initramfs.cannot_run()
    (initramfs.root / "etc/keelboot/required").write_text(f"{required}\n")
    (initramfs.root / "proc/cmdline").write_text(f"{line}\n")
    assert initramfs.call(call) == (99 if restarts else 1)
    assert initramfs.text("proc/sysrq-trigger") == (["b"] if restarts else [])
    assert initramfs.text("calls") == (["reboot -f"] if restarts else [])
    assert len(initramfs.text("dev/kmsg")) == 1


def test_a_program_that_dies_is_a_boot_that_fails(initramfs):
    """Another call of it may note that."""
    initramfs.ends(139)
    assert initramfs.call("choose") == 2 and not (initramfs.root / "run/keelboot/aside").exists()
    assert initramfs.call("fail", "x") == 99 and initramfs.text("proc/sysrq-trigger") == ["b"]


def test_a_slot_that_was_charged_is_not_left_for_root(initramfs):
    """It was handed out, and the watchdog counts."""
    (initramfs.root / "run/keelboot/root.env").write_text("")
    initramfs.cannot_run()
    assert initramfs.call("enter", "/root") == 2
    assert initramfs.call("fail", "x") == 99


@pytest.mark.parametrize("first", [(HOOKS / "initramfs-tools/init-top", ""),
                                   (HOOKS / "mkinitcpio/hooks/keelboot", "run_earlyhook\n")],
                         ids=lambda first: first[0].parent.name)
@pytest.mark.parametrize("required, restarts", [("yes", True), ("", False)])
def test_an_initramfs_that_lost_its_program_restarts_where_it_is_required(initramfs, first, required, restarts):
    """One that was made without it has no such note."""
    if required:
        (initramfs.root / "etc/keelboot/required").write_text(f"{required}\n")
    assert initramfs.run(f"{initramfs.here(first[0])}\n{first[1]}") == (99 if restarts else 0)
    assert initramfs.text("proc/sysrq-trigger") == (["b"] if restarts else [])
    assert len(initramfs.text("dev/kmsg")) == (1 if restarts else 0)


@pytest.mark.parametrize("script, status", [("local-top", 0), ("init-top", 0), ("init-bottom", 0), ("panic", 0)])
def test_initramfs_tools_goes_on_without_a_program_that_cannot_run(initramfs, script, status):
    initramfs.cannot_run()
    script = f"rootmnt=/root\n{initramfs.here(HOOKS / 'initramfs-tools' / script)}"
    assert initramfs.run(script) == status and initramfs.text("calls") == []


def test_initramfs_tools_ends_no_failed_boot_at_its_prompt(initramfs):
    """What calls panic() comes to the script below panic/."""
    initramfs.ends(139)
    assert initramfs.run(initramfs.here(HOOKS / "initramfs-tools/local-top")) == 98
    assert initramfs.run(initramfs.here(HOOKS / "initramfs-tools/panic")) == 99


@pytest.mark.parametrize("status", [2, 3, 4])
def test_initramfs_tools_panic_of_the_command_line_does_not_matter(initramfs, status):
    """With panic= its panic() restarts or halts, and comes to no script."""
    (initramfs.root / "scripts/functions").write_text(
        f"panic() {{ [ -z \"${{panic?}}\" ] || exit 97; echo panic >>{initramfs.root}/calls; exit 98; }}\n")
    initramfs.ends(status)
    assert initramfs.run(f"export panic=5\n{initramfs.here(HOOKS / 'initramfs-tools/local-top')}") == 98
    assert initramfs.text("calls") == ["choose", "panic"]


def test_dracuts_queue_does_not_wait_for_a_program_that_cannot_run(initramfs):
    initramfs.cannot_run()
    (initramfs.root / "proc/uptime").write_text("3.14 2.71\n")
    script = initramfs.here(HOOKS / "dracut/50keelboot/finished.sh")
    assert initramfs.run(script) == 0
    initramfs.ends(2)
    assert initramfs.run(script) == 1


def test_dracuts_queue_starts_an_array_that_lacks_a_disk(initramfs):
    """Once, and not before the disk had its time. It goes on then: both slots may lie on such arrays."""
    root = initramfs.root
    start = root / "sbin/mdraid_start"
    start.write_text(f"#!/bin/sh\nread now _ <{root}/proc/uptime\necho \"mdraid_start ${{now%.*}}\" >>{root}/calls\n")
    start.chmod(0o755)
    initramfs.ends(2)
    script, ended = initramfs.here(HOOKS / "dracut/50keelboot/finished.sh"), []
    for now in range(100, 123):
        (root / "proc/uptime").write_text(f"{now}.00 1\n")
        ended.append(initramfs.run(script))
    assert [call for call in initramfs.text("calls") if "start" in call] == ["mdraid_start 115"]
    assert ended == [1] * 21 + [0] * 2


@pytest.mark.parametrize("systemd, armed", [("", [100, 105, 110, 115, 120]), ("DRACUT_SYSTEMD=1\n", [])],
                         ids=["shell", "systemd"])
def test_watchdog_has_its_time_again_while_dracuts_queue_waits(initramfs, systemd, armed):
    """With systemd, `choose` waits for no queue, and holds the watchdog itself."""
    root = initramfs.root
    initramfs.ends(2)
    program = initramfs.keelboot / "keelboot-select"
    timed = f"read now _ <{root}/proc/uptime\n[ $1 = missing ] || echo \"${{now%.*}} $*\""
    program.write_text(program.read_text().replace("echo \"$*\"", timed))
    script = initramfs.here(HOOKS / "dracut/50keelboot/finished.sh")
    for now in range(100, 126):
        (root / "proc/uptime").write_text(f"{now}.00 1\n")
        initramfs.run(f"{systemd}{script}")
    assert initramfs.text("calls") == [f"{when} arm" for when in armed]


@pytest.mark.parametrize("given, ignored, aside, waits", [
    ("1", False, False, False), ("0", False, False, True), ("0", True, False, False), ("1", False, True, True),
    ("0", True, True, True)])
def test_dracut_waits_for_the_device_of_root_only_where_keelboot_steps_aside(initramfs, given, ignored, aside, waits):
    """Under systemd. keelboot.enable=0 is no word for that where keelboot-select ignores it: root= may name nothing."""
    root = initramfs.root
    for name, there in (("etc/keelboot/enable-ignored", ignored), ("run/keelboot/aside", aside)):
        if there:
            (root / name).touch()
    generator = initramfs.keelboot / "rootfs-generator"
    generator.write_text(f"#!/bin/sh\necho \"generator $*\" >>{root}/calls\n")
    generator.chmod(0o755)
    bool_of = f"getargbool() {{ [ {given} = 1 ]; }}\n"
    initramfs.run(f"set -- /run/generator\n{bool_of}{initramfs.here(HOOKS / 'dracut/50keelboot/rootfs-generator.sh')}")
    assert initramfs.text("calls") == (["generator /run/generator"] if waits else [])
    queue = root / "hooks/initqueue/finished"
    queue.mkdir(parents=True)
    (queue / "devexists-x.sh").write_text("false\n")
    unwait = initramfs.here(HOOKS / "dracut/50keelboot/unwait.sh")
    status = initramfs.run(f"hookdir={root}/hooks\n{bool_of}{unwait}\n. {root}/hooks/initqueue/finished/*.sh")
    assert status == (1 if waits else 0)


@pytest.mark.parametrize("kept, folder", [(False, False), (False, True), (True, True)])
def test_rd_hostonly_0_takes_neither_noresume_nor_the_wait_of_the_queue(initramfs, kept, folder):
    """dracut removes /etc/cmdline.d/*.conf and initqueue/finished/*.sh before its first hook; 059 even that folder."""
    root = initramfs.root
    conf, wait = root / "etc/cmdline.d/50-keelboot.conf", root / "hooks/initqueue/finished/10-finished.sh"
    conf.parent.mkdir(parents=True)
    if folder:
        wait.parent.mkdir(parents=True)
    for path in (conf, wait) if kept else ():
        path.write_text("as packed\n")
    (initramfs.keelboot / "finished.sh").write_text(initramfs.here(HOOKS / "dracut/50keelboot/finished.sh"))
    (root / "proc/uptime").write_text("3.14 2.71\n")
    assert initramfs.run(f"hookdir={root}/hooks\n{initramfs.here(HOOKS / 'dracut/50keelboot/keep.sh')}") == 0
    assert conf.read_text() == ("as packed\n" if kept else "noresume\n")
    if kept:
        assert wait.read_text() == "as packed\n"
        return
    for ends, status in ((2, 1), (0, 0)):
        initramfs.ends(ends)
        assert initramfs.run(f"( . {wait} ) || exit 1") == status


@pytest.mark.parametrize("systemd", [False, True])
def test_dracut_packs_what_rd_hostonly_0_would_take(tmp_path, systemd):
    """Before the hook that reads resume=, 10."""
    setup = (HOOKS / "dracut/50keelboot/module-setup.sh").read_text().replace("/usr/lib/keelboot/pack.sh", "/dev/null")
    ours = ("missing", "error", "programs", "unusable", "refuses", "files", "pack_notes", "watchdog_drivers", "warning",
            "mapped", "system_conf", "pack_units")
    stubs = "".join(f"keelboot_{name}() {{ :; }}\n" for name in ours)
    theirs = ("inst", "inst_simple", "inst_hook", "inst_script")
    stubs += "".join(f"{name}() {{ echo {name} $*; }}\n" for name in theirs)
    said = subprocess.run(["bash"], text=True, capture_output=True, check=True, input=f"""
        initdir={tmp_path} moddir=M srcmods=/none systemdutildir=/usr/lib/systemd systemdsystemunitdir=/units
        {setup}\n{stubs}
        dracut_module_included() {{ [ $1 = systemd ] && {str(systemd).lower()}; }}
        dracut_module_path() {{ :; }}
        install\n""").stdout.splitlines()
    assert {"inst_hook cmdline 01 M/keep.sh", "inst_hook initqueue/finished 10 M/finished.sh",
            "inst_simple M/finished.sh /usr/lib/keelboot/finished.sh"} <= set(said)
    assert (tmp_path / "etc/cmdline.d/50-keelboot.conf").read_text() == "noresume\n"


@pytest.mark.parametrize("path", AT_BOOT, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_each_script_calls_by_way_of_call_sh(path):
    """Else a program that cannot run ends at a prompt."""
    text = re.sub(r"^\s*#.*", "", path.read_text(), flags=re.M)
    calls = re.findall(r"keelboot-select (?!missing|--version)(\S+)", text)
    assert path.name == "call.sh" or [word for word in calls if word in ("arm", "choose", "enter", "fail")] == []


# ---------------------------------------------------------------- the program itself

SELECT = TOP / "build/keelboot-select"
VOLUMES = "[slot.a]\nroot=/dev/kb/root-a\n[slot.b]\nroot=/dev/kb/root-b\n"


@pytest.mark.skipif(os.geteuid() != 0, reason="chroot needs root")
@pytest.mark.parametrize("conf, words, status, printed", [
    ("", (), 3, ""), ("", ("enter",), 3, ""), ("", ("fail",), 3, ""), ("", ("nonsense",), 3, ""),
    ("", ("choose", "this"), 3, ""), ("", ("--help",), 0, "usage: keelboot-select arm "),
    (VOLUMES, ("missing",), 2, "/dev/kb/root-a\n/dev/kb/root-b\n"), ("", ("missing",), 0, "")])
def test_keelboot_select_ends_as_the_contract_has_it(tmp_path, conf, words, status, printed):
    """docs/INTEGRATE.md. Where it runs, there is nothing that it could arm or mount."""
    (tmp_path / "etc/keelboot").mkdir(parents=True)
    (tmp_path / "etc/keelboot/system.conf").write_text(conf)
    shutil.copy(SELECT, tmp_path)
    done = subprocess.run(["chroot", tmp_path, "/keelboot-select", *words], text=True, capture_output=True, timeout=60)
    assert done.returncode == status, done.stderr
    assert done.stdout.startswith(printed) and bool(done.stdout) == bool(printed)
    assert done.stderr.startswith("usage: keelboot-select arm ") == (status == 3)


# ---------------------------------------------------------------- what takes its time

@pytest.mark.parametrize("given, feeds, later", [
    ("", False, False), ("BOOT=local IP= ROOTDELAY=", False, False), ("IP=none", False, False),
    ("IP=off", False, False), ("BOOT=live", False, False), ("IP=dhcp", True, True),
    ("IP=::::box:eth0:dhcp", True, True), ("BOOT=nfs", True, True), ("BOOT=nfs IP=off", True, True),
    ("ROOTDELAY=90", True, False), ("ROOTDELAY=0.5", True, False), ("ROOTDELAY=90 IP=dhcp", True, True),
    ("ROOTDELAY=90 asks", True, True)])
def test_watchdog_is_fed_while_the_initramfs_sleeps_or_waits_for_a_network(initramfs, given, feeds, later):
    """initramfs.conf may say so, and init exports it. The sleep is over when local-top begins."""
    unlock = initramfs.root / "etc/keelboot/unlock"
    if given.endswith(" asks"):
        unlock.write_text("")
    given = f"export {given.removesuffix(' asks')}" if given else ":"
    initramfs.ends(1)
    assert initramfs.run(f"{given}\n{initramfs.here(HOOKS / 'initramfs-tools/init-top')}") == 0
    assert unlock.exists() == feeds
    assert initramfs.run(f"{given}\n{initramfs.here(HOOKS / 'initramfs-tools/local-top')}") == 0
    assert unlock.exists() == later
    assert initramfs.text("calls") == ["arm"] + ["arm"] * (feeds and not later) + ["choose"]


# ---------------------------------------------------------------- arrays

def opens(initramfs, comes: int, missing="/dev/md/root-a", mdstat="", delay="") -> list:
    """What initramfs-tools' script does, and when: a slot's device is there after so many seconds."""
    root = initramfs.root
    for name in ("etc/keelboot/names-paths", "sbin/mdadm", "sbin/lvm"):
        (root / name).parent.mkdir(exist_ok=True)
        (root / name).write_text("")
        (root / name).chmod(0o755)
    (root / "proc/mdstat").write_text(mdstat)
    (root / "proc/uptime").write_text("100.00 0\n")
    program = initramfs.keelboot / "keelboot-select"
    program.write_text(f"#!/bin/sh\nread now _ <{root}/proc/uptime\nnow=${{now%.*}}\n"
                       f"[ $1 = missing ] && [ $now -ge {100 + comes} ] && exit 0\n"
                       f"[ $1 = missing ] && echo {root}{missing} && exit 2\necho \"$now $*\" >>{root}/calls\nexit 1\n")
    program.chmod(0o755)
    tick = f"sleep() {{ read now _ <{root}/proc/uptime; echo \"$((${{now%.*}} + 1)).00 0\" >{root}/proc/uptime; }}\n"
    tell = "".join(f"{name}() {{ read now _ <{root}/proc/uptime; echo \"${{now%.*}} {name} $*\" >>{root}/calls; }}\n"
                   for name in ("mdadm", "lvm"))
    script = initramfs.here(HOOKS / "initramfs-tools/local-top")
    assert initramfs.run(f"{tick}{tell}{'ROOTDELAY=' + delay if delay else ''}\n{script}") == 0
    calls = [line.split(None, 1) for line in initramfs.text("calls")]
    return [(int(when) - 100, what) for when, what in calls]


def test_disk_that_spins_up_slowly_is_not_left_out_of_its_array(initramfs):
    done = opens(initramfs, comes=8)
    assert not [what for _, what in done if "--run" in what] and done[-1] == (8, "choose")


@pytest.mark.parametrize("delay, when", [("", 20), ("10", 20), ("60", 40)])
def test_array_that_lacks_a_disk_starts_as_late_as_the_distribution_would(initramfs, delay, when):
    done = opens(initramfs, comes=when + 2, delay=delay)
    assert [at for at, what in done if "--run" in what][0] == when and done[-1] == (when + 2, "choose")


def test_array_below_a_volume_is_started_too(initramfs):
    """Its slot names the volume."""
    done = opens(initramfs, 22, missing="/dev/kb/root-a", mdstat="Personalities :\nmd0 : inactive vda3[0](S)\n")
    assert [at for at, what in done if "--assemble --scan --run" in what][0] == 20
    assert {at for at, what in done if what.startswith("lvm lvchange")} >= {0, 10, 21}


@pytest.mark.parametrize("missing, end", [("/dev/kb/root-a", 5), ("/dev/md/root-a", 25)])
def test_slots_that_nobody_opens_are_left_to_choose(initramfs, missing, end):
    """The watchdog, which nobody else feeds, has its time again every five seconds."""
    done = opens(initramfs, comes=1000, missing=missing, mdstat="md0 : active raid1 vda3[0] vda4[1]\n")
    assert done[-1] == (end, "choose")
    assert [at for at, what in done if what == "arm"] == list(range(5, end, 5))


# ---------------------------------------------------------------- containers

def cryptroot(initramfs) -> None:
    """Stands for the script of cryptsetup-initramfs."""
    root = initramfs.root
    (root / "cryptroot/crypttab").write_text("root-a /dev/vda3 none luks\n")
    script = root / "scripts/local-top/cryptroot"
    script.parent.mkdir(exist_ok=True)
    script.write_text(f"#!/bin/sh\nread now _ <{root}/proc/uptime\n"
                      f"echo \"${{now%.*}} cryptroot $CRYPTROOT_STAGE\" >>{root}/calls\nexit 1\n")
    script.chmod(0o755)


def test_containers_are_opened_before_a_slot_is_chosen(initramfs):
    """The first time it waits for their disks. Below a container may be an array that comes late."""
    cryptroot(initramfs)
    done = opens(initramfs, comes=22, mdstat="md0 : inactive vda3[0](S)\n", missing="/dev/mapper/root-a")
    assert [one for one in done if one[1].startswith("cryptroot")] == [
        (0, "cryptroot local-top"), *((at, "cryptroot local-block") for at in (5, 10, 15, 20))]
    assert done[-1] == (22, "choose")


def test_passphrase_is_asked_for_before_a_slot_is_charged_and_not_behind(initramfs):
    """Though no slot is in a container. Where Keelboot steps aside, the distribution goes on trying."""
    cryptroot(initramfs)
    script, table = initramfs.here(HOOKS / "initramfs-tools/local-top"), initramfs.root / "cryptroot/crypttab"
    (initramfs.root / "run/keelboot/root.env").write_text(
        "KEELBOOT_ROOT=/dev/vda3 KEELBOOT_FSTYPE=ext4 KEELBOOT_OPTIONS=ro KEELBOOT_PROTECTED=yes KEELBOOT_INIT=\n")
    (initramfs.root / "proc/uptime").write_text("1.00 0\n")
    initramfs.ends(1)
    assert initramfs.run(script) == 0 and table.read_text()
    initramfs.ends(0)
    assert initramfs.run(script) == 0 and table.read_text() == ""
    assert initramfs.text("calls") == ["arm", "1 cryptroot local-top", "choose"] * 2


# As the script of cryptsetup-initramfs does: what is open it leaves alone, what is missing it waits for, and the first
# container that does not open ends it.
OPENS = """#!/bin/sh
while read -r name source key options; do
    [ ! -e TOP/dev/mapper/$name ] || continue
    case $source in PARTLABEL=*) source=TOP/dev/disk/by-partlabel/${source#*=} ;; esac
    [ -e $source ] || continue
    echo "opens $name, $CRYPTROOT_STAGE" >>TOP/calls
    [ $key != broken ] || exit 1
    : >TOP/dev/mapper/$name
    [ $name != pool ] || : >TOP/dev/kb-root-a
done <TOP/cryptroot/crypttab
"""


def containers(initramfs, table: str, choose=0, cmdline="quiet") -> list:
    """What cryptroot tried where these are in crypttab, and what it leaves of that."""
    root = initramfs.root
    cryptroot(initramfs)
    (root / "scripts/local-top/cryptroot").write_text(OPENS.replace("TOP", str(root)))
    for name in ("mapper/x", "disk/by-partlabel/root-a", "root-b", "pool"):
        (root / "dev" / name).parent.mkdir(parents=True, exist_ok=True)
        (root / "dev" / name).write_text("")
    (root / "cryptroot/crypttab").write_text(table.replace("/dev/", f"{root}/dev/"))
    (root / "proc/cmdline").write_text(f"{cmdline}\n")
    (root / "run/keelboot/root.env").write_text(
        "KEELBOOT_ROOT=/dev/vda3 KEELBOOT_FSTYPE=ext4 KEELBOOT_OPTIONS=ro KEELBOOT_PROTECTED=yes KEELBOOT_INIT=\n")
    initramfs.ends(choose)
    assert initramfs.run(initramfs.here(HOOKS / "initramfs-tools/local-top")) == 0
    return [call.replace(", local-top", "") for call in initramfs.text("calls")]


BROKEN_A = "root-a PARTLABEL=root-a broken luks\nroot-b /dev/root-b /slot.key luks,initramfs\n"


def test_container_that_does_not_open_leaves_the_others_to_be_opened(initramfs):
    """The watchdog has its whole time for each run."""
    assert containers(initramfs, BROKEN_A) == ["arm", "opens root-a", "arm", "opens root-b", "choose"]
    assert initramfs.text("cryptroot/crypttab") == []


def test_containers_that_open_cost_one_run(initramfs):
    """On top of each other, and with a volume group between them, too."""
    table = "# ours\npool /dev/pool /slot.key luks\nroot-a /dev/kb-root-a - keyscript=/x\ngone UUID=1 none luks\n"
    assert containers(initramfs, table) == ["arm", "opens pool", "opens root-a", "choose"]


def test_each_container_that_does_not_open_is_tried_once(initramfs):
    """One that is missing is not what cryptroot gave up, and it stays in the table for later."""
    table = f"gone UUID=1 none luks\n{BROKEN_A}pool /dev/pool broken luks\nroot-c /dev/pool /slot.key luks\n"
    assert containers(initramfs, table, choose=1) == [
        "arm", "opens root-a", "arm", "opens root-b", "opens pool", "arm", "opens root-c", "choose"]
    left = "\n".join(initramfs.text("cryptroot/crypttab")).replace(str(initramfs.root), "")
    assert f"{left}\n" == table    # where Keelboot steps aside, the distribution has them all again


def test_container_of_the_command_line_that_does_not_open_is_tried_once(initramfs):
    """Whatever the table says, the script would make it anew."""
    assert containers(initramfs, BROKEN_A, cmdline="cryptopts=target=root-a,source=PARTLABEL=root-a") == [
        "arm", "opens root-a", "choose"]


@pytest.mark.parametrize("line, status, calls", [
    ("cryptopts=source=/dev/vda3", 0, 1), ("quiet cryptopts=source=/dev/vda3 ro", 0, 1),
    ("cryptopts=source=/dev/vda3", 1, 2), ("quiet xcryptopts=1", 0, 1),
    ("cryptopts= quiet", 0, 1), ("cryptopts=", 0, 1)])
def test_passphrase_of_the_command_line_is_asked_for_once(initramfs, line, status, calls):
    """cryptroot makes its table anew when its turn comes, which is behind this script. It gets its turn where there is
    nothing to open, or where Keelboot steps aside."""
    cryptroot(initramfs)
    root = initramfs.root
    (root / "cryptroot/crypttab").write_text("")
    (root / "proc/cmdline").write_text(f"{line}\n")
    (root / "run/keelboot/root.env").write_text(
        "KEELBOOT_ROOT=/dev/vda3 KEELBOOT_FSTYPE=ext4 KEELBOOT_OPTIONS=ro KEELBOOT_PROTECTED=yes KEELBOOT_INIT=\n")
    (root / "proc/uptime").write_text("1.00 0\n")
    initramfs.ends(status)
    assert initramfs.run(initramfs.here(HOOKS / "initramfs-tools/local-top")) == 0
    initramfs.run(f"{root}/scripts/local-top/cryptroot\n")
    assert len([call for call in initramfs.text("calls") if "cryptroot" in call]) == calls


def test_no_loop_with_the_script_that_wants_to_be_last():
    """cryptroot names all others of its folder; clevis and cryptopensc serve it."""
    said = subprocess.run([HOOKS / "initramfs-tools/local-top", "prereqs"], text=True, stdout=subprocess.PIPE,
                          check=True).stdout.split()
    assert "cryptroot" not in said and {"clevis", "cryptopensc"} < set(said)


# ---------------------------------------------------------------- the programs that they start

BUILTINS = {"[", "type", "echo", "printf", "read", "exit", "return", "exec", "export", "set", ".", ":", "local",
            "continue", "break", "false"}
# Functions of the generator's own scripts.
THEIRS = {"panic", "wait_for_udev", "emergency_shell", "getargbool", "label_uuid_to_dev", "launch_interactive_shell",
          "getarg"}
# In each: the base of dracut 059 and 106, klibc-utils, and busybox of mkinitcpio.
PROGRAMS = {"mount", "sleep", "mkdir", "mv"}
# reboot: where the kernel has no SysRq. The others are asked for first.
# initramfs-tools' own: klibc-utils or busybox, and kmod.
IF_THERE = {"modprobe": "[ ! -e /etc/keelboot/tpm-drivers ] || modprobe", "cat": "$(cat /etc/keelboot/tpm-drivers)",
            "reboot": "echo b >/proc/sysrq-trigger", "lvm": "[ ! -x /sbin/lvm ] ||",
            "mdadm": "[ ! -x /sbin/mdadm ] ||", "/sbin/mdraid_start": "[ ! -x /sbin/mdraid_start ] ||",
            "/scripts/local-top/cryptroot": "[ ! -x /scripts/local-top/cryptroot ] ||"}
KEYWORDS = {"if", "then", "else", "elif", "fi", "for", "while", "until", "do", "done", "case", "esac", "{", "}",
            "(", "!"}


def commands(text: str) -> set:
    """The first word of each command."""
    text = re.sub(r"(^|\s)#.*", r"\1", text).replace("$(<", "(")
    inner, before = [], ""
    while before != text:
        before, text = text, re.sub(r"\$\(\([^()]*\)\)", "1", text)
        inner += re.findall(r"\$\(([^()]+)\)", text)
        text = re.sub(r"\$\([^()]+\)", "x", text)
    text = re.sub(r"\$\{[^}]*\}", "x", text)
    text = re.sub(r"'[^']*'|\"(?:[^\"\\]|\\.)*\"", "x", text)
    text = re.sub(r"\w+\(\)", "", text)
    text = re.sub(r"^[^()\n]*\)", ";", text, flags=re.M)       # a pattern of "case"
    found = set()
    for part in re.split(r"\n|;|&&|\|\||\|", text):
        words = [word for word in re.sub(r"\d?[<>]+&?\S+", "", part).split() if word not in KEYWORDS]
        while words and re.match(r"\w+=", words[0]):
            words.pop(0)
        if re.match(r"\s*(for|case) ", part):
            continue
        found |= {words[0]} if words else set()
    return found.union(*(commands(part) for part in inner))


def test_commands_are_found():
    assert commands("a=1 b; if c; then\n\td && ! e | f\nfi\n"
                    "case $x in\ng*) h ;;\n*)\n\ti \"$(j; k $((1 + 2)))\" ;;\nesac # l\n"
                    "for _ in $(seq 60); do m 2>/dev/null; done\n") == set("bcdefhijkm") | {"seq"}


@pytest.mark.parametrize("path", AT_BOOT, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_scripts_start_only_programs_that_an_initramfs_has(path):
    text = path.read_text()
    own = set(re.findall(r"^(\w+)\(\)", text + (HOOKS / "lib/call.sh").read_text(), flags=re.M))
    foreign = {word for word in commands(text) - BUILTINS - THEIRS - PROGRAMS - own
               if not word.startswith("/usr/lib/keelboot/")}
    assert {word for word in foreign if IF_THERE.get(word, "\0") not in text} == set()


def test_dracut_waits_for_a_slow_root_where_keelboot_steps_aside(initramfs):
    """It packs no seq."""
    initramfs.ends(1)
    script = initramfs.here(HOOKS / "dracut/50keelboot/mount.sh")
    status = initramfs.run(f"sleep() {{ echo \"sleep $1\" >>{initramfs.root}/calls; }}\nPATH=/nothing\n"
                           f"root=keelboot keelboot_root=/dev/gone\n{script}\n[ $root = block:/dev/gone ]\n")
    assert status == 0 and initramfs.text("calls") == ["choose"] + ["sleep 0.5"] * 60


# As dracut's own init does, before 104 and from there on: what it starts, and whether that gets words of the line.
DRACUT_LIB = """getarg() {
    for word in $(cat ROOT/proc/cmdline); do
        case $word in "$1"*) echo "${word#"$1"}" && return 0 ;; esac
    done
    return 1
}
"""
DRACUT_STARTS = """
for i in WORDS /sbin/init; do
    [ -n "$i" ] && break
done
if getarg init= >/dev/null; then i="$i, its words"; fi
echo "$i, break at $(getarg rd.break=)" >>ROOT/calls
"""
DRACUT_WORDS = {"059": '"$(getarg real_init=)" "$(getarg init=)"', "106": '"$(getarg init=)"'}


@pytest.mark.parametrize("words", DRACUT_WORDS.values(), ids=DRACUT_WORDS)
@pytest.mark.parametrize("line, handed_out, starts", [
    ("rd.break=x", True, "/usr/lib/keelboot/keelboot-overlay, break at x"),
    ("init=/bin/sh 1 rd.break=y", True, "/usr/lib/keelboot/keelboot-overlay, its words, break at y"),
    ("init=/bin/sh rd.break=z", False, "/bin/sh, its words, break at z"), ("quiet", False, "/sbin/init, break at ")])
def test_dracut_starts_what_keelboot_names(initramfs, words, line, handed_out, starts):
    """Whatever init= says, where a slot was chosen, and though a hook before sources the library again."""
    root, init = initramfs.root, "/usr/lib/keelboot/keelboot-overlay"
    (root / "lib/dracut-lib.sh").write_text(DRACUT_LIB.replace("ROOT", str(root)))
    (root / "proc/cmdline").write_text(f"{line}\n")
    if handed_out:
        (root / "run/keelboot/root.env").write_text(
            f"KEELBOOT_ROOT='/dev/vda3'\nKEELBOOT_FSTYPE='ext4'\nKEELBOOT_OPTIONS=''\nKEELBOOT_INIT='{init}'\n")
    initramfs.ends(0 if handed_out else 1)
    hooks = [initramfs.here(HOOKS / "dracut/50keelboot" / name) for name in ("mount.sh", "start.sh")]
    library, starts_it = f". {root}/lib/dracut-lib.sh\n", DRACUT_STARTS.replace("WORDS", words)
    assert initramfs.run(f"mount() {{ :; }}\nNEWROOT=/sysroot root=keelboot keelboot_root={root}\n{library}{hooks[0]}\n"
                         f"{library}{hooks[1]}\n{starts_it.replace('ROOT', str(root))}") == 0
    assert initramfs.text("calls") == ["choose", starts]


# ---------------------------------------------------------------- what is packed

def packed(tmp_path, text: str, more: str, function: str = "keelboot_pack_notes"):
    (tmp_path / "system.conf").write_text(text)
    script = f". {HOOKS}/lib/pack.sh; keelboot_confs() {{ echo {tmp_path}/system.conf; }}; " \
             f"{function} {tmp_path}; {more}"
    return subprocess.run(["sh", "-uc", script], text=True, capture_output=True,
                          env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin"})


@pytest.mark.parametrize("text, required", [
    ("[initramfs]\nrequired=yes\n", "yes"), ("[ initramfs ]\n  required = yes\n", "yes"),
    ("[initramfs]\nrequired=no\n", ""), ("[measure]\nrequired=yes\n", ""), ("", ""),
    ("[initramfs]\nrequired=yes\nrequired=no\n", "yes"), ("[system]\nverify-slot=always\n", "always"),
    ("[system]\nverify-slot=trial\n", ""), ("[system]\ncommand-line=none\n[initramfs]\nrequired=yes\n", "always"),
    ("[system]\ncommand-line=all\n[initramfs]\nrequired=yes\n", "yes")])
def test_whether_keelboot_is_required_is_packed(tmp_path, text, required):
    packed(tmp_path, text, ":")
    note = tmp_path / "etc/keelboot/required"
    assert (note.read_text().strip() if note.exists() else "") == required


# Each with what the boot makes of it: as yes, always, or nothing that is known.
SPELLINGS = [("[initramfs]\nrequired=true", "yes"), ("[initramfs]\nrequired=1", "yes"),
             ("[initramfs]\nrequired: yes", "yes"), ("[initramfs]\nrequired :yes ; for us", "yes"),
             ("[initramfs] ; remote\nrequired=yes", "yes"), ("[initramfs] remote\r\n\t required = yes\r", "yes"),
             ("\ufeff[initramfs]\nrequired=yes", "yes"),
             ("[system]\nverify-slot: always", "always"), ("[system] ; x\nverify-slot =always", "always"),
             ("[system]\ncommand-line: none\n[initramfs]\nrequired: true", "always"),
             ("[initramfs]\nrequired=false", ""), ("[initramfs]\nrequired: 0", ""), ("[initramfs]\n;required: yes", "")]


@pytest.mark.parametrize("text, required", SPELLINGS)
def test_each_spelling_that_the_boot_knows_is_one_for_the_generator(tmp_path, text, required):
    """The second file begins behind a line without an end."""
    (tmp_path / "system.conf").write_text(f"{text}\n[system]\ncompatible=x\n")
    subprocess.run([TOP / "build/keelboot", "check-config", tmp_path / "system.conf"], check=True)
    twice = f"keelboot_confs() {{ echo {tmp_path}/system.conf; echo {tmp_path}/system.conf; }}"
    assert packed(tmp_path, text, f"{twice}; keelboot_required").stdout.split() == ([required] if required else [])


@pytest.mark.parametrize("text", ["[initramfs]\nrequired=yes # all", "[ initramfs ]\nrequired=yes"])
def test_what_the_boot_does_not_understand_refuses_an_image_rather_than_none(tmp_path, text):
    assert packed(tmp_path, text, "keelboot_required").stdout.strip() == "yes"


@pytest.mark.parametrize("text, ignored", [
    ("", False), ("[system]\nverify-slot=always\n", True), ("[system]\nverify-slot=trial\n", False),
    ("[other]\nverify-slot=always\n", False), ("[system]\ncommand-line=all\n", False),
    ("[system]\ncommand-line=none\n", True), ("[system]\ncommand-line=\n", True),
    ("[system]\n command-line = quiet, panic # of us\n", True),
    ("[system]\ncommand-line=quiet, keelboot.enable\n", False), ("[system]\ncommand-line=keelboot.enable\n", False),
    ("[system]\ncommand-line=keelboot.enabled\n", True), ("[system]\ncommand-line=x.keelboot.enable\n", True),
    ("[system]\ncommand-line=none\ncommand-line=all\n", True),
    ("[system]\ncommand-line=all\nverify-slot=always\n", True)])
def test_whether_keelboot_enable_0_counts_is_packed(tmp_path, text, ignored):
    """Else dracut waits for root= of a boot that has a slot: without `required=yes`, too."""
    packed(tmp_path, text, ":")
    assert (tmp_path / "etc/keelboot/enable-ignored").exists() == ignored


@pytest.mark.parametrize("line, unlock, asks", [
    ("root-a UUID=1 none luks", "", True), ("a UUID=1 - tpm2-device=auto", "", True), ("a UUID=1", "", True),
    ("a UUID=1 ssh luks,keyscript=/bin/ask", "", True), ("a UUID=1 /etc/slot.key luks", "", False),
    ("swap /dev/vda9 /dev/urandom swap", "", False), ("#a UUID=1 none luks", "", False), ("", "", False),
    ("", "yes", True), ("root-a UUID=1 none luks", "no", False)])
def test_whether_the_initramfs_may_ask_for_a_passphrase(tmp_path, line, unlock, asks):
    (tmp_path / "crypttab").write_text(f"# <name> <device>\n{line}\n")
    assert (subprocess.run(["sh", "-uc", f"KEELBOOT_UNLOCK={unlock}; . {HOOKS}/lib/pack.sh; "
                            f"keelboot_asks {tmp_path}/crypttab {tmp_path}/gone"],
                           env={"PATH": "/usr/bin:/bin"}).returncode == 0) == asks


@pytest.mark.parametrize("text, waits", [
    ("", 40), ("[watchdog]\ntimeout=30\n", 20), ("[ watchdog ]\n timeout = 31s ; as measured\n", 20),
    ("[watchdog]\ntimeout=59\n", 39), ("[watchdog]\ntimeout=65535\n", 40), ("[watchdog]\ntimeout=1\n", 1),
    ("[system]\ntimeout=10\n[watchdog]\ntimeout=soon\ntimeout=0\ntimeout=65536\ntimeout=-9\n", 40),
    ("[watchdog]\ntimeout=120\n[system]\n[watchdog]\ntimeout=000000000020\ntimeout=90\n", 13)])
def test_systemd_waits_for_a_device_for_less_than_the_watchdog_counts(tmp_path, text, waits):
    """Of several files and lines, the smallest one: no other may wait longer than the watchdog."""
    for may_ask, seconds in (("no", waits), ("yes", 40)):   # then the watchdog is fed meanwhile
        done = packed(tmp_path, text, f"KEELBOOT_UNLOCK={may_ask} keelboot_system_conf", ":")
        assert done.stdout == f"[Manager]\nDefaultDeviceTimeoutSec={seconds}s\nRuntimeWatchdogSec=0\n", done.stderr


def test_systemd_mounts_no_root_of_root_where_keelboot_is_required(tmp_path):
    """The generator, which wants the units, is the program that cannot run."""
    packed(tmp_path, "", f"keelboot_pack_units {tmp_path}")
    assert [path.name for path in (tmp_path / "etc/systemd/system").iterdir() if path.name[0] != "k"] == \
        ["initrd.target.wants"]
    packed(tmp_path, "[initramfs]\nrequired=yes\n", f"keelboot_pack_units {tmp_path}")
    units = tmp_path / "etc/systemd/system"
    assert "Requires=keelboot-select.service\n" in (units / "sysroot.mount.d/keelboot.conf").read_text()
    for name in ("emergency", "rescue", "dracut-emergency"):
        assert (units / f"{name}.service.d/keelboot.conf").read_text() == "[Service]\nExecStartPre=-/bin/sh -c " \
            "'. /usr/lib/keelboot/call.sh; keelboot_call fail \"initramfs cannot enter it\"'\n"


@pytest.mark.parametrize("apply, timeout, text", [
    ("yes", 60, None), ("yes", 45, None), ("no", 60, "[Service]\nExecStartPre=\n"),
    ("no", 15, "[Service]\nExecStartPre=\n"),
    ("yes", 15, "[Service]\nExecStartPre=\nExecStartPre=-LIBRARY/keelboot-select arm\n"
                "ExecStartPre=-udevadm settle --timeout=10\n")])
def test_only_an_initramfs_that_installs_waits_for_usb_hosts(tmp_path, apply, timeout, text):
    """udevadm settle costs what Keelboot may add to a boot as a whole; and without a stick nothing is worth it. No wait
    is longer than the watchdog counts."""
    unit = (HOOKS / "systemd/keelboot-select.service").read_text()
    assert [line for line in unit.splitlines() if line.startswith("ExecStartPre=")] == \
        ["ExecStartPre=-/usr/lib/keelboot/keelboot-select arm", "ExecStartPre=-udevadm settle --timeout=30"]
    library = tmp_path / "usr/lib/keelboot"
    library.mkdir(parents=True)
    for name in ("keelboot-select", "keelboot-helper"):
        (library / name).write_text("#!/bin/sh\n")
        (library / name).chmod(0o755)
    packed(tmp_path, f"[watchdog]\ntimeout={timeout}\n",
           f"KEELBOOT_APPLY={apply} KEELBOOT_LIB={library}; keelboot_pack_units {tmp_path}")
    drop_in = tmp_path / "etc/systemd/system/keelboot-select.service.d/keelboot.conf"
    assert (drop_in.read_text() if drop_in.exists() else None) == (text and text.replace("LIBRARY", str(library)))


@pytest.mark.parametrize("here, there, said", [(0, 0, ""), (0, 127, "does not start"), (0, 126, "does not start"),
                                               (0, 139, "does not start"), (0, 125, ""), (126, 126, "")])
def test_a_packed_program_that_does_not_start_is_noticed(tmp_path, here, there, said):
    """125: chroot may not, or is missing. A program of another processor starts on neither side."""
    program = tmp_path / "keelboot-select"
    program.write_text(f"#!/bin/sh\nexit {here}\n")
    program.chmod(0o755)
    (tmp_path / "lib64").mkdir()
    (tmp_path / "lib64/ld-linux-x86-64.so.2").write_text("")
    script = f". {HOOKS}/lib/pack.sh; KEELBOOT_LIB={tmp_path}; chroot() {{ return {there}; }}; " \
             f"keelboot_unusable {tmp_path}"
    out = subprocess.run(["sh", "-uc", script], text=True, capture_output=True, env={"PATH": "/usr/bin:/bin"}).stdout
    assert (said in out) if said else out == ""


def test_systemd_says_that_the_generator_cannot_run(tmp_path):
    packed(tmp_path, "", f"keelboot_pack_units {tmp_path}")
    unit = (tmp_path / "etc/systemd/system/initrd.target.wants/keelboot-unable.service").read_text()
    assert "ConditionPathExists=!/run/systemd/generator.early/sysroot.mount\n" in unit
    assert "ExecStart=-/bin/sh -c '. /usr/lib/keelboot/call.sh; keelboot_call --version'\n" in unit


@pytest.mark.parametrize("conf, words", [("", ["0", "no", "off", "n"]), ("[system]\ncommand-line=quiet\n", [])])
def test_systemd_says_nothing_of_a_generator_that_is_switched_off(tmp_path, conf, words):
    """In each spelling; and says it where that word does not count."""
    packed(tmp_path, conf, f"keelboot_pack_units {tmp_path}")
    unit = (tmp_path / "etc/systemd/system/keelboot-unable.service").read_text().splitlines()
    assert unit[2:unit.index("[Service]")] == [
        "ConditionPathExists=!/run/systemd/generator.early/sysroot.mount",
        *(f"ConditionKernelCommandLine=!keelboot.enable={word}" for word in words), *([] if words else [""])]


# ---------------------------------------------------------------- dracut for this host

SLOTS = {"luks": ("[slot.a]\nroot=/dev/mapper/root-a\n[slot.b]\nroot = /dev/mapper/root-b\n", ["crypt"]),
         "lvm": ("[slot.a]\nroot=/dev/kb/a\n[slot.b]\nroot=/dev/mapper/kb-b\n", ["lvm"]),
         "md": ("[slot.a]\nroot=/dev/md/a\n[slot.b]\nroot=/dev/md1\n", ["mdraid"]),
         "partitions": ("[system]\ndisk=/dev/disk/by-path/x\n[watchdog]\ndevice=/dev/watchdog0\n# x=/dev/kb/a\n", [])}
CRYPTTAB = "# root-b x\nroot-a UUID=1 none luks\nroot-b PARTLABEL=root-b /etc/slot.key luks,discard\n" \
           "home UUID=3 none luks\n"


def slots_module(tmp_path, conf: str, crypttab: str, function: str, modules: str = "", of_systemd: int = 1):
    """What a function of dracut's module of the slots prints; 90crypt left the running slot's line. modules: of dracut,
    that are included; of_systemd: what its systemd-cryptsetup says."""
    (tmp_path / "system.conf").write_text(conf)
    for folder in ("image/etc", "etc"):
        (tmp_path / folder).mkdir(parents=True, exist_ok=True)
    (tmp_path / "etc/crypttab").write_text(crypttab)
    (tmp_path / "image/etc/crypttab").write_text("root-a /dev/disk/by-uuid/1 none luks\n")
    module = (HOOKS / "dracut/91keelboot-slots/module-setup.sh").read_text()
    module = module.replace("/usr/lib/keelboot", f"{HOOKS}/lib")
    return subprocess.run(["bash"], text=True, capture_output=True, input=f"""
        hostonly=yes dracutsysrootdir={tmp_path} initdir={tmp_path}/image
        {module}
        keelboot_missing() {{ :; }}
        keelboot_confs() {{ echo {tmp_path}/system.conf; }}
        dracut_module_included() {{ case " {modules} " in *" $1 "*) ;; *) return 1 ;; esac; }}
        module_check() {{ echo "checks $1"; [ "$1" != systemd-cryptsetup ] || return {of_systemd}; }}
        instmods() {{ echo "instmods $*"; }}
        {function}\n""")


@pytest.mark.parametrize("kind", SLOTS)
def test_dracut_opens_the_slots_that_do_not_run(tmp_path, kind):
    """Its own modules look at the devices of the slot that runs."""
    conf, modules = SLOTS[kind]
    crypttab = CRYPTTAB if kind == "luks" else ""
    assert slots_module(tmp_path, conf, crypttab, "check").returncode == (0 if modules else 255)
    assert slots_module(tmp_path, conf, crypttab, "depends").stdout.split() == ["keelboot", *modules]
    assert ("=crypto" in slots_module(tmp_path, conf, crypttab, "installkernel").stdout) == (kind == "luks")


@pytest.mark.parametrize("kind, modules, says, added", [
    ("luks", "base systemd", 255, True), ("luks", "base systemd", 0, False), ("luks", "base systemd", 1, False),
    ("luks", "base", 255, False), ("lvm", "base systemd", 255, False), ("partitions", "base systemd", 255, False)])
def test_dracuts_systemd_opens_containers_of_a_host_that_has_none_open(tmp_path, kind, modules, says, added):
    """Its module says 0 where it comes by itself, and 1 where it cannot: 059 has none, or the program is missing."""
    conf = SLOTS[kind][0]
    crypttab = CRYPTTAB if kind == "luks" else ""
    asked = slots_module(tmp_path, conf, crypttab, "depends", modules, says).stdout.split()
    assert asked == ["keelboot", *SLOTS[kind][1], *(["systemd-cryptsetup"] if added else [])]
    drivers = slots_module(tmp_path, conf, crypttab, "installkernel", modules, says).stdout
    assert ("=crypto" in drivers) == (kind == "luks")


def test_dracut_keeps_the_lines_of_crypttab_that_open_slots(tmp_path):
    """And none of what no slot needs."""
    assert slots_module(tmp_path, SLOTS["luks"][0], CRYPTTAB, "install").returncode == 0
    assert (tmp_path / "image/etc/crypttab").read_text() == \
        "root-a /dev/disk/by-uuid/1 none luks\nroot-b PARTLABEL=root-b /etc/slot.key luks,discard\n"


def test_dracut_keeps_the_container_below_a_volume_group(tmp_path):
    """Its line is marked for the initramfs."""
    crypttab = "pool UUID=5 none luks,x-initrd.attach\n"
    assert slots_module(tmp_path, SLOTS["lvm"][0], crypttab, "depends").stdout.split() == ["keelboot", "crypt", "lvm"]
    assert slots_module(tmp_path, SLOTS["lvm"][0], crypttab, "install").returncode == 0
    assert "pool UUID=5 none luks,x-initrd.attach\n" in (tmp_path / "image/etc/crypttab").read_text()


@pytest.mark.parametrize("kind, line, words", [
    ("lvm", "root=x rd.lvm.lv=kb/b rd.lvm.lv=kb/a quiet", ["rd.lvm.lv=kb/a", "rd.lvm.lv=kb/b"]),
    ("lvm", "rd.lvm.vg=kb rd.luks.uuid=1 rd.md.uuid=1 rd.auto=1", []), ("luks", "rd.luks.uuid=1", ["rd.luks.uuid=1"]),
    ("luks", "rd.luks.name=1=root-a rd.lvm.lv=kb/swap", ["rd.luks.name=1=root-a"]),
    ("md", "rd.md.uuid=1:2 rd.lvm.lv=kb/a rd.luks.uuid=1", ["rd.md.uuid=1:2"]),
    ("partitions", "rd.lvm.lv=kb/swap rd.luks.uuid=1 rd.md.uuid=1", []), ("lvm", "", [])])
def test_words_by_which_dracut_opens_one_slot_only_are_warned_of(tmp_path, kind, line, words):
    """Of the command line that runs: the next one is most often the same."""
    (tmp_path / "cmdline").write_text(line)
    (tmp_path / "crypttab").write_text(CRYPTTAB if kind == "luks" else "pool UUID=1 none luks,initramfs\n")
    done = packed(tmp_path, SLOTS[kind][0], f"KEELBOOT_PROC={tmp_path}; keelboot_opened_words {tmp_path}/crypttab")
    assert (done.stdout.splitlines(), done.stderr) == (words, "")
    said = "keelboot_opened_words() { echo rd.lvm.lv=kb/a; }; keelboot_warning"
    done = packed(tmp_path, SLOTS[kind][0], f"KEELBOOT_RUN={tmp_path}; {said}")
    assert done.stdout.startswith("rd.lvm.lv=kb/a: dracut opens only what such words")


@pytest.mark.parametrize("folder, said", (("etc", "no watchdog"), ("usr/lib", "no watchdog"), ("", "yes")))
def test_dracut_takes_no_command_line_of_the_slot_that_runs(tmp_path, folder, said):
    """And an image without Keelboot is as dracut would make it."""
    if folder:
        (tmp_path / folder / "keelboot").mkdir(parents=True)
        (tmp_path / folder / "keelboot/system.conf").touch()
    text = (HOOKS / "dracut/50-keelboot.conf").read_text()
    for old in ("/etc/keelboot", "/usr/lib/keelboot"):
        text = text.replace(old, f"{tmp_path}{old}")
    script = f"hostonly_cmdline=yes\n{text}\necho $hostonly_cmdline $omit_dracutmodules"
    assert subprocess.run(["bash", "-e"], input=script, text=True, capture_output=True,
                          check=True).stdout.strip() == said


@pytest.mark.parametrize("end", ["", "\n"])
def test_the_last_file_that_is_required_counts_without_the_end_of_its_line(tmp_path, end):
    (tmp_path / "required-files").write_text(f"/there\nx /missing{end}")
    (tmp_path / "root").mkdir()
    (tmp_path / "root/there").write_text("")
    text = (HOOKS / "checks/required-files").read_text()
    common = f". {HOOKS}/checks/common.sh\nCONF={tmp_path}"
    assert ". /usr/lib/keelboot/checks.sh" in text
    done = subprocess.run(["sh", "-c", text.replace(". /usr/lib/keelboot/checks.sh", common)], text=True, check=False,
                          env={**os.environ, "KEELBOOT_ROOT": str(tmp_path / "root")}, capture_output=True)
    assert (done.returncode, done.stdout) == (1, "missing: /missing\n"), done.stderr
