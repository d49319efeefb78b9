# SPDX-License-Identifier: Apache-2.0
"""Whenever dpkg replaces the programs of the boot, each initramfs is made anew, once: with a new glue, with the package
keelboot alone, as a rebuild or a reinstallation is, and not for another package. By dpkg itself, in a folder."""

import shutil
import subprocess

import pytest

from cli_device import TOP

SELECT = "usr/lib/keelboot/keelboot-select"
# What each glue calls to make all of them.
MAKERS = {"keelboot-initramfs-tools": "update-initramfs", "keelboot-dracut": "dracut-renew"}


class System:
    """A root of dpkg, whose scripts run outside of it, with a program that counts in place of the real one."""

    def __init__(self, top, glue):
        self.top, self.root, self.glue = top, top / "root", glue
        for folder in ("root/var/lib/dpkg/info", "root/var/lib/dpkg/updates", "root/var/lib/dpkg/triggers", "bin"):
            (top / folder).mkdir(parents=True)
        for name in ("status", "available"):
            (self.root / "var/lib/dpkg" / name).touch()
        for name, text in ((MAKERS[glue], f"echo \"$*\" >>{top}/made\n"), ("root-remains", ""), ("root-runs", "")):
            (top / "bin" / name).write_text(f"#!/bin/sh\n{text}")
            (top / "bin" / name).chmod(0o755)

    def package(self, name, version, file=SELECT, scripts=False):
        tree = self.top / f"{name}-{version}"
        control = f"Package: {name}\nVersion: {version}\nArchitecture: all\nMaintainer: A B <a@example.org>\n"
        if scripts:
            control += "Depends: keelboot\n"
        (tree / "DEBIAN").mkdir(parents=True)
        (tree / "DEBIAN/control").write_text(f"{control}Description: test\n")
        (tree / file).parent.mkdir(parents=True)
        (tree / file).write_text(version)
        for kind in ("postinst", "prerm", "postrm", "triggers") if scripts else ():
            source = TOP / f"debian/{name}.{kind}"
            if source.exists():
                text = source.read_text()
                if kind != "triggers":
                    text = text.replace("#DEBHELPER#", "").replace("/usr/lib/keelboot", f"{self.top}/bin")
                (tree / "DEBIAN" / kind).write_text(text)
                (tree / "DEBIAN" / kind).chmod(0o755)
        subprocess.run(["dpkg-deb", "--root-owner-group", "-b", tree, f"{tree}.deb"], check=True, capture_output=True)
        return f"{tree}.deb"

    def made_by(self, *words) -> int:
        """How often all initramfs were made by this call of dpkg."""
        (self.top / "made").write_text("")
        command = ["dpkg", f"--root={self.root}", "--force-not-root", "--force-script-chrootless", "--force-unsafe-io",
                   f"--log={self.top}/log", *words]
        done = subprocess.run(command, text=True, capture_output=True, check=False, env={
            "PATH": f"{self.top}/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME": str(self.top)})
        assert done.returncode == 0, done.stdout + done.stderr
        return len((self.top / "made").read_text().splitlines())


@pytest.fixture(name="system", params=MAKERS)
def make_system(request, tmp_path):
    return System(tmp_path, request.param)


@pytest.mark.skipif(not shutil.which("dpkg-deb"), reason="no dpkg")
def test_each_initramfs_is_made_once_whenever_the_programs_of_the_boot_are_replaced(system):
    glue = {version: system.package(system.glue, version, "usr/share/glue", scripts=True) for version in "12"}
    programs = {version: system.package("keelboot", version) for version in ("1", "1+b1", "2")}
    other = system.package("keelboot-tools", "1", "usr/lib/keelboot/mkinitramfs")
    assert system.made_by("-i", programs["1"]) == 0
    assert system.made_by("-i", glue["1"]) == 1
    assert system.made_by("-i", other) == 0
    # A reinstallation; a rebuild for another library; both packages at once, in each order.
    assert system.made_by("-i", programs["1"]) == 1
    assert system.made_by("-i", programs["1+b1"]) == 1
    assert system.made_by("-i", programs["2"], glue["2"]) == 1
    assert system.made_by("-i", glue["1"], programs["1"]) == 1
    assert system.made_by("-r", system.glue, "keelboot") == 1
