# SPDX-License-Identifier: Apache-2.0
"""What the packages keelboot-dracut and keelboot-fleet do when they are installed and removed, with a dracut and a
systemd that say what they were asked; and what debhelper adds to the packages."""

import os
import shutil
import subprocess

import pytest

from cli_device import TOP

KERNEL = "6.1.0-test"
NONE_FOUND = "no initramfs of an installed kernel is in"


class System:
    """The scripts of dpkg, with paths of a folder in place of the system's."""

    def __init__(self, top):
        self.top = top
        for folder in ("boot", f"lib/modules/{KERNEL}", "bin"):
            (top / folder).mkdir(parents=True)
        self.put("bin/root-remains", "#!/bin/sh\nexit 0\n")
        self.put("bin/root-runs", (TOP / "debian/root-runs").read_text())
        self.put("bin/sync", "#!/bin/sh\nexit 0\n")
        self.put("bin/dracut", f"#!/bin/sh\n[ ! -e {top}/broken ] || exit 1\n"
                               f"for w do [ -d \"${{w%/*}}\" ] || continue\n"
                               f"[ \"$w\" != \"${{w%.new}}\" ] && echo made >\"$w\"; done\necho \"$*\" >>{top}/asked\n")
        self.put("bin/dracut-renew", self.own(TOP / "hooks/dracut/renew"))

    def put(self, path, text):
        (self.top / path).write_text(text)
        (self.top / path).chmod(0o755)

    def own(self, script) -> str:
        text = script.read_text()
        for old, new in (("/lib/modules", "/lib/modules"), ("/usr/lib/keelboot", "/bin"), (":-/boot", "/boot")):
            text = text.replace(old, (":-" if old[0] == ":" else "") + str(self.top) + new)
        return text

    def call(self, script, *words, code=0, package="keelboot-dracut", **env):
        done = subprocess.run(["sh", "-c", self.own(TOP / "debian" / f"{package}.{script}"), script, *words],
                              text=True, capture_output=True, check=False,
                              env={"PATH": f"{self.top}/bin:/usr/bin:/bin", **env})
        assert done.returncode == code, done.stdout + done.stderr
        return done.stderr

    def asked(self) -> str:
        return (self.top / "asked").read_text() if (self.top / "asked").exists() else ""


@pytest.fixture(name="system")
def make_system(tmp_path):
    return System(tmp_path)


@pytest.mark.parametrize("names", [["initrd.img"], ["initramfs-linux.img", "initrd.img-5.0.0-gone"], []], ids=len)
def test_a_system_without_an_initramfs_of_a_kernel_can_install_and_remove_it(system, names):
    """As in a container, or where /boot has an initramfs of another name: it is named, and dpkg goes on."""
    for name in names:
        system.put(f"boot/{name}", "old")
    assert NONE_FOUND in system.call("postinst", "configure", "")
    assert NONE_FOUND in system.call("prerm", "remove")
    assert system.asked() == "" and all((system.top / "boot" / name).read_text() == "old" for name in names)


def test_by_hand_it_is_a_failure_that_nothing_was_made(system):
    done = subprocess.run(["sh", system.top / "bin/dracut-renew"], text=True, capture_output=True, check=False,
                          env={"PATH": "/usr/bin:/bin"})
    assert done.returncode != 0 and NONE_FOUND in done.stderr


def test_an_initramfs_of_a_kernel_is_made_with_it_and_without(system):
    system.put(f"boot/initrd.img-{KERNEL}", "old")
    system.call("postinst", "configure", "")
    assert (system.top / f"boot/initrd.img-{KERNEL}").read_text() == "made\n" and "--omit" not in system.asked()
    system.call("prerm", "upgrade", "2")
    system.call("prerm", "remove")
    assert system.asked().count("\n") == 2 and "--omit keelboot" in system.asked().splitlines()[1]


def test_one_that_cannot_be_made_stops_dpkg_unless_a_person_says_so(system):
    system.put(f"boot/initrd.img-{KERNEL}", "old")
    system.put("broken", "")
    system.call("postinst", "configure", "", code=1)
    assert "KEELBOOT_REMOVE=yes" in system.call("prerm", "remove", code=1)
    said = system.call("prerm", "remove", KEELBOOT_REMOVE="yes")
    assert "the old one stays" in said and (system.top / f"boot/initrd.img-{KERNEL}").read_text() == "old"


DEVICES = "disk /dev/vda\nstate /dev/vda1\nslot a root /dev/vda2\nslot a boot /dev/vda9\nslot b root /dev/vda3\n" \
          "slot c root /dev/vda5\nslot d root /dev/vda5\n"


@pytest.mark.parametrize("package", ["keelboot-dracut", "keelboot-initramfs-tools"])
@pytest.mark.parametrize("root, runs, names", [
    ("PARTUUID=aa", "a", None), ("PARTUUID=bb", "b", None), ("/dev/vda3", "b", None), ("/dev/vda4", "a", None),
    ("/dev/vda5", "c", None), ("PARTUUID=bb", "a", "b"), ("PARTUUID=aa", "b", "a"), ("/dev/vda3", "a", "b"),
    ("PARTUUID=bb", "", None)])
def test_it_stays_where_the_boot_loader_names_a_slot_that_does_not_run(system, package, root, runs, names):
    """That one may be bad, empty, or an older release: without Keelboot nothing would look."""
    (system.top / "dev/disk/by-partuuid").mkdir(parents=True)
    for name in ("vda1", "vda2", "vda3", "vda4", "vda5"):
        system.put(f"dev/{name}", "")
    for name, part in (("aa", "vda2"), ("bb", "vda3")):
        (system.top / "dev/disk/by-partuuid" / name).symlink_to(f"../../{part}")
    system.put("devices", DEVICES.replace("/dev/", f"{system.top}/dev/"))
    system.put("cmdline", f"BOOT_IMAGE=/vmlinuz root=/dev/vda9 root={root} ro quiet\n")
    if runs:
        system.put("slot", f"{runs}\n")
    seams = {"package": package, "KEELBOOT_RUN": str(system.top), "KEELBOOT_PROC": str(system.top),
             "KEELBOOT_DEV": str(system.top / "dev")}
    said = system.call("prerm", "remove", code=1 if names else 0, **seams)
    if names:
        assert f"root={root} of the boot loader names slot {names}, and slot {runs} runs" in said
        assert "keelboot status" in said and "KEELBOOT_REMOVE=yes" in said
    else:
        assert "of the boot loader" not in said
    system.call("prerm", "remove", KEELBOOT_REMOVE="yes", **seams)
    system.call("prerm", "upgrade", "2", **seams)


@pytest.mark.parametrize("package, other", [("keelboot-dracut", "keelboot-initramfs-tools"),
                                            ("keelboot-initramfs-tools", "keelboot-dracut")])
@pytest.mark.parametrize("status, stays", [("", True), ("not-installed", True), ("config-files", True),
                                           ("half-installed", True), ("unpacked", False), ("half-configured", False),
                                           ("installed", False)])
def test_another_generators_package_takes_over(system, package, other, status, stays):
    """It puts Keelboot into the initramfs. apt removes first: then the person has to say so, and reads how."""
    (system.top / "dev").mkdir()
    for name in ("vda2", "vda3"):
        system.put(f"dev/{name}", "")
    system.put("devices", DEVICES.replace("/dev/", f"{system.top}/dev/"))
    system.put("cmdline", "root=/dev/vda2\n")
    system.put("slot", "b\n")
    system.put("bin/dpkg-query", f"#!/bin/sh\nfor w do :; done\n[ \"$w\" = {other} ] && [ -n '{status}' ] || exit 1\n"
                                 f"printf %s '{status}'\n")
    said = system.call("prerm", "remove", code=1 if stays else 0, package=package, KEELBOOT_RUN=str(system.top),
                       KEELBOOT_PROC=str(system.top), KEELBOOT_DEV=str(system.top / "dev"))
    assert (f"KEELBOOT_REMOVE=yes apt-get install {other}" in said) == stays
    assert ("a restart may boot slot a" in said) == stays


@pytest.mark.parametrize("package", ["keelboot-dracut", "keelboot-initramfs-tools"])
@pytest.mark.parametrize("refuses", ["root-remains", "root-runs"])
def test_each_of_them_stops_the_removal(system, package, refuses):
    system.put(f"boot/initrd.img-{KERNEL}", "old")
    system.put(f"bin/{refuses}", "#!/bin/sh\nexit 1\n")
    system.call("prerm", "remove", code=1, package=package)
    assert system.asked() == ""
    system.call("prerm", "remove", package=package, KEELBOOT_REMOVE="yes")


def test_what_a_removal_asks_is_in_the_package():
    """Both glues depend on the package keelboot of their own version."""
    lines = (TOP / "debian/keelboot.install").read_text().splitlines()
    assert "debian/root-runs usr/lib/keelboot" in lines and os.access(TOP / "debian/root-runs", os.X_OK)


# ---------------------------------------------------------------- keelboot-fleet

WANTED = "etc/systemd/system/timers.target.wants/keelboot-fleet.timer"


class Fleet:
    """Debian's own deb-systemd-helper, on the units of the package in a folder; what is asked of systemd is noted."""

    def __init__(self, top):
        self.top = top
        for folder in ("usr/lib/systemd/system", "bin", "run"):
            (top / folder).mkdir(parents=True)
        self.place()
        for name in ("adduser", "deb-systemd-invoke", "systemctl"):
            (top / "bin" / name).write_text(f"#!/bin/sh\necho ${{0##*/}} $* >>{top}/asked\n")
            (top / "bin" / name).chmod(0o755)

    def place(self):
        for path in (TOP / "hooks/fleet").glob("*.[st]*[er]"):
            shutil.copy(path, self.top / "usr/lib/systemd/system")

    def drop(self):
        for path in (self.top / "usr/lib/systemd/system").iterdir():
            path.unlink()

    def call(self, script, *words, **env):
        text = (TOP / "debian" / f"keelboot-fleet.{script}").read_text()
        subprocess.run(["sh", "-c", text.replace("/run/systemd/system", f"{self.top}/run"), script, *words], check=True,
                       env={"PATH": f"{self.top}/bin:/usr/bin:/bin", "DPKG_ROOT": str(self.top),
                            "DPKG_MAINTSCRIPT_PACKAGE": "keelboot-fleet", **env})

    def enable(self):
        (self.top / WANTED).parent.mkdir(parents=True)
        (self.top / WANTED).symlink_to("/usr/lib/systemd/system/keelboot-fleet.timer")

    def links(self) -> dict:
        """What /etc has for systemd: where each link leads to."""
        found = (self.top / "etc/systemd/system").rglob("*")
        return {path.name if path.parent.name == "system" else f"{path.parent.name}/{path.name}":
                str(path.readlink()) for path in found if path.is_symlink()}


@pytest.fixture(name="fleet")
def make_fleet(tmp_path):
    fleet = Fleet(tmp_path)
    fleet.call("postinst", "configure", "")
    return fleet


needs_helper = pytest.mark.skipif(not shutil.which("deb-systemd-helper"), reason="no init-system-helpers")
ENABLED = {"timers.target.wants/keelboot-fleet.timer": "/usr/lib/systemd/system/keelboot-fleet.timer"}


@needs_helper
def test_the_fleets_timer_that_a_person_enabled_does_not_outlive_the_package(fleet):
    assert fleet.links() == {}                  # it is a person who enables it
    fleet.enable()
    fleet.call("postinst", "configure", "0.1")
    assert fleet.links() == ENABLED
    fleet.drop()
    fleet.call("postrm", "remove")
    masked = {name: "/dev/null" for name in ("keelboot-fleet.service", "keelboot-fleet.timer",
                                             "keelboot-fleet-metrics.timer")}
    assert fleet.links() == {**ENABLED, **masked}
    fleet.call("postrm", "purge")
    assert fleet.links() == {}


@needs_helper
def test_the_fleets_timer_is_enabled_when_the_package_comes_back(fleet):
    fleet.enable()
    fleet.drop()
    fleet.call("postrm", "remove")
    fleet.place()
    fleet.call("postinst", "configure", "0.1")
    assert fleet.links() == ENABLED


@needs_helper
@pytest.mark.parametrize("words, stops", [(("remove",), True), (("upgrade", "0.2"), False)])
def test_a_removal_stops_what_asks_the_server(fleet, words, stops):
    """Not in a folder that is no running system."""
    fleet.call("prerm", *words)
    assert "deb-systemd-invoke" not in (fleet.top / "asked").read_text()
    fleet.call("prerm", *words, DPKG_ROOT="")
    units = {path.name for path in (TOP / "hooks/fleet").glob("*.[st]*[er]")}
    last = (fleet.top / "asked").read_text().splitlines()[-1].split()
    assert (last[:2] == ["deb-systemd-invoke", "stop"]) == stops and (set(last[2:]) == units) == stops


@needs_helper
def test_an_upgrade_restarts_what_asks_the_server_and_a_first_installation_starts_nothing(fleet):
    """Not in a folder that is no running system; what a person left off stays off (try-restart)."""
    def asked():
        lines = (fleet.top / "asked").read_text().splitlines()
        return [line for line in lines if line.startswith(("systemctl", "deb-systemd-invoke"))]
    fleet.call("postinst", "configure", "0.1")
    fleet.call("postinst", "configure", "", DPKG_ROOT="")
    assert asked() == []
    fleet.call("postinst", "configure", "0.1", DPKG_ROOT="")
    reloads, restarts = asked()
    assert reloads == "systemctl --system daemon-reload"
    assert restarts.split()[1:3] == ["try-restart", "keelboot-fleet.service"]


@pytest.mark.skipif(not shutil.which("dh"), reason="no debhelper")
def test_no_trigger_makes_what_the_scripts_make(tmp_path):
    """It would make the initramfs once more, and also where a removal was refused."""
    shutil.copytree(TOP / "debian", tmp_path / "debian")
    done = subprocess.run(["dh", "binary", "--no-act"], cwd=tmp_path, text=True, capture_output=True, check=True)
    steps = done.stdout
    assert "dh_installdeb" in steps and "dh_installinitramfs" not in steps
