# SPDX-License-Identifier: Apache-2.0
"""Debian's packages by apt, with lists in a folder of our own: an ordinary user may refresh them, nothing is installed,
and what this system's apt knows stays as it is. Also packages of another suite, and for another processor."""

import os
import subprocess
from pathlib import Path

# An ordinary user's PATH on Debian has no sbin, where depmod lives.
ENV = dict(os.environ, LC_ALL="C", PATH=os.environ.get("PATH", "/usr/bin:/bin") + ":/usr/sbin:/sbin")
KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"
# For a processor that this system's dpkg does not know of, whose packages of its own must not count as installed.
FOREIGN = """\
APT::Architecture "{arch}";
APT::Architectures {{ "{arch}"; }};
APT::Install-Recommends "false";
Acquire::Languages "none";
Dir::Etc::SourceList "{folder}/source.list";
Dir::Etc::SourceParts "/dev/null";
Dir::State "{folder}";
Dir::State::status "{folder}/status";
"""


class AptError(Exception):
    """Says what went wrong and what to do about it."""


def run(command, cwd=None) -> subprocess.CompletedProcess:
    return subprocess.run(command, cwd=cwd, env=ENV, text=True, capture_output=True, check=False,
                          stdin=subprocess.DEVNULL)


def _of_debian() -> list:
    """[(URI, suite)] of this system: Debian's own, its updates and its security."""
    result = run(["apt-get", "indextargets", "--format", "$(REPO_URI) $(RELEASE)", "Created-By: Packages",
                  "Origin: Debian"])
    pairs = [tuple(line.split()) for line in result.stdout.splitlines() if len(line.split()) == 2]
    found = sorted({pair for pair in pairs if "-backports" not in pair[1]})
    if not found:
        raise AptError("cannot tell where Debian's packages are: apt knows no mirror; run apt-get update")
    return found


def _released() -> tuple:
    """(URI, suite) of this system's release, without its updates."""
    found = _of_debian()
    return next((pair for pair in found if "-" not in pair[1] and "/" not in pair[1]), found[0])


def mirror() -> str:
    """Where this system has its packages from: all suites are there, but for security's."""
    return _released()[0]


def options(folder: Path, suite: str = "", arch: str = "", sources: bool = False) -> list:
    """For apt-get and apt-cache. suite: one that this system itself may not use, such as bookworm-backports; arch:
    another processor, by Debian's name; sources: of the release, and no packages."""
    for sub in ("lists/partial", "cache/archives/partial"):
        (folder / sub).mkdir(parents=True, exist_ok=True)
    words = ["-o", f"Dir::State::lists={folder}/lists", "-o", f"Dir::Cache={folder}/cache",
             "-o", "APT::Sandbox::User=root"]
    if not suite and not arch and not sources:
        return words
    source, kind = folder / "source.list", "deb-src" if sources else "deb"
    places = [(mirror(), suite)] if suite else [_released()] if sources else _of_debian()
    source.write_text("".join(f"{kind} [signed-by={KEYRING}] {uri} {name} main\n" for uri, name in places))
    if not arch:
        return [*words, "-o", f"Dir::Etc::SourceList={source}", "-o", "Dir::Etc::SourceParts=/dev/null"]
    (folder / "status").touch()
    (folder / "apt.conf").write_text(FOREIGN.format(arch=arch, folder=folder))
    return ["-c", str(folder / "apt.conf"), *words]


def fetch(packages: list, folder: Path, arch: str, suite: str = "") -> list:
    """The package files of these packages, and of all that they depend on, for another processor."""
    words = options(folder, suite, arch)
    for old in (folder / "cache/archives").glob("*.deb"):
        old.unlink()
    update = run(["apt-get", *words, "-qq", "update"])
    result = run(["apt-get", *words, "-qq", "-y", "--download-only", "install", *packages])
    if result.returncode != 0:
        raise AptError(f"cannot fetch packages of {arch} with apt:\n{(update.stderr + result.stderr).strip()[-1200:]}\n"
                       "Is there a network, and a Debian source in /etc/apt/sources.list?")
    return sorted((folder / "cache/archives").glob("*.deb"))
