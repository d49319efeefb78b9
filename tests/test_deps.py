# SPDX-License-Identifier: Apache-2.0
"""qemu/deps on systems that are not this one: without dpkg, or with other names of packages."""

import os
import subprocess
from pathlib import Path

import pytest

DEPS = Path(__file__).resolve().parent.parent / "qemu/deps"


@pytest.fixture
def system(tmp_path):
    """A system of another kind: the programs of this one without those of packages, and without some more; what is in
    `fakes` instead. Gives run(words) and the folder."""
    folder = tmp_path / "bin"

    def make(without=(), **fakes):
        folder.mkdir()
        for place in ("/usr/bin", "/bin", "/usr/sbin", "/sbin"):
            for program in Path(place).iterdir():
                if program.name not in without and not program.name.startswith(("apt", "dpkg", "sudo")) \
                        and not (folder / program.name).exists():
                    (folder / program.name).symlink_to(program)
        for name, text in fakes.items():
            file = folder / name.replace("_", "-")
            file.write_text(f"#!/bin/sh\n{text}\n")
            file.chmod(0o755)
        # deps adds the folders of root, and would find there what shall be missing.
        script = tmp_path / "deps"
        script.write_text(DEPS.read_text().replace(":/usr/sbin:/sbin", ""))
        return lambda *words: subprocess.run(["/bin/sh", script, *words], text=True, capture_output=True,
                                             env={**os.environ, "PATH": str(folder)})
    return make


def test_without_dpkg_the_things_themselves_are_looked_for(system):
    done = system(without=("cppcheck", "mksquashfs", "qemu-system-x86_64"))("check")
    assert done.returncode == 0
    assert done.stderr.splitlines() == [
        "qemu/deps: this is not a Debian system; missing, and going on without:",
        "  QEMU for x86-64 (Debian: qemu-system-x86)",
        "  cppcheck (Debian: cppcheck)",
        "  mksquashfs (Debian: squashfs-tools)"]


def test_without_dpkg_and_with_all_things_it_is_silent(system):
    done = system()("check")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_without_a_compiler_headers_and_libraries_are_missing_too(system):
    done = system(without=("cc", "gcc", "python3"))("build")
    assert done.returncode == 0
    for purpose in ("the C compiler", "libblkid of util-linux", "OpenSSL 3", "the C library, static", "Python"):
        assert purpose in done.stderr
    assert "kmod" not in done.stderr


NOTHING = "exit 1"          # of a dpkg-query that finds no package installed
KNOWS = 'case $2 in %s) ;; *) echo "  Candidate: 1.0" ;; esac'


@pytest.mark.skipif(os.geteuid() != 0, reason="installs as root")
@pytest.mark.parametrize("unknown, chosen", [("libclang-rt-14-dev", "libclang-rt-dev"),
                                             ("libclang-rt-dev", "libclang-rt-14-dev")])
def test_of_two_names_the_one_that_apt_knows_is_installed(system, tmp_path, unknown, chosen):
    said = tmp_path / "said"
    run = system(dpkg_query=NOTHING, apt_cache=KNOWS % unknown, apt_get=f'echo "$*" >>{said}')
    assert run("check").returncode == 0
    install = said.read_text().splitlines()[-1].split()
    assert "install" in install and chosen in install and unknown not in install


@pytest.mark.skipif(os.geteuid() != 0, reason="installs as root")
def test_a_package_that_apt_does_not_know_stops_nothing(system, tmp_path):
    said = tmp_path / "said"
    run = system(without=("cppcheck",), dpkg_query=NOTHING, apt_cache=KNOWS % "cppcheck|mandoc",
                 apt_get=f'echo "$*" >>{said}')
    done = run("check")
    assert done.returncode == 0
    install = said.read_text().splitlines()[-1].split()
    assert "gcc" in install and "cppcheck" not in install and "mandoc" not in install
    # mandoc is there, from wherever it came.
    assert done.stderr.splitlines()[1:] == [
        "qemu/deps: this system has no package of some names; missing, and going on without:",
        "  cppcheck (Debian: cppcheck)"]


def test_an_install_that_fails_is_an_error(system):
    done = system(dpkg_query=NOTHING, apt_cache=KNOWS % "none", id="echo 0",
                  apt_get='case "$*" in *install*) echo no network; exit 100 ;; esac')("build")
    assert done.returncode == 1
    assert "could not install:" in done.stderr and "no network" in done.stderr
    assert "apt-get install -y --no-install-recommends" in done.stderr
