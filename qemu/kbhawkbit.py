# SPDX-License-Identifier: Apache-2.0
"""hawkBit's update server, built of a checkout of its sources and kept: Maven Central has no 1.0.x of it, and of its
parts neither. That is the last for Java 17. What it is made of comes by Maven.

    get(sources)    built unless it is there
    jar()           what is there, and is started by tests: None if nothing is
"""

import fcntl
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Optional

VERSION = "1.0.4"
TOP = Path(__file__).resolve().parent.parent
FOLDER = TOP / "build/hawkbit"
NAMES = "qemu/hawkbit FOLDER, or KEELBOOT_HAWKBIT_SOURCE=FOLDER"
PART = "hawkbit-monolith/hawkbit-update-server"
JAVA = 17
# What docs/FLEET.md was run with. The tag's own Spring Boot is newer; Maven did not get all of its parts.
SPRING_BOOT = "3.5.8"
PARENT = re.compile(r"(<artifactId>spring-boot-starter-parent</artifactId>\s*<version>)[^<]+")
WORDS = ("-q", "-B", "-DskipTests", f"-Drevision={VERSION}", "-Dspring.cloud.version=2025.0.0",
         "-Drabbitmq.http-client.version=5.4.0", "-pl", PART, "-am", "package")
RECIPE = f"{SPRING_BOOT}\n{WORDS}\n"
TOOLS = ("mvn", "javac")


class HawkbitError(Exception):
    """Says what went wrong and what to do about it."""


def kept(folder: Path) -> Path:
    """Where its jar is, if there is one."""
    return folder / f"hawkbit-update-server-{VERSION}.jar"


def _stamp(folder: Path) -> Path:
    return folder / "recipe"


def _is_current(folder: Path) -> bool:
    """Is a jar there, and one of this recipe?"""
    stamp = _stamp(folder)
    return kept(folder).is_file() and stamp.is_file() and stamp.read_text() == RECIPE


def jar() -> Optional[Path]:
    """KEELBOOT_HAWKBIT's, or else the one that get() has built."""
    named = os.environ.get("KEELBOOT_HAWKBIT")
    if named:
        return Path(named).absolute() if Path(named).is_file() else None
    return kept(FOLDER) if _is_current(FOLDER) else None


def lacks(folder: Optional[Path] = None) -> str:
    """Why nothing there can be started, and what to do."""
    folder = folder or FOLDER
    if not kept(folder).is_file():
        return ("no hawkBit here, and Maven Central has none of 1.0.x; "
                f"name a checkout of its sources, tag {VERSION}: {NAMES}")
    shown = folder.relative_to(TOP) if folder.is_relative_to(TOP) else folder
    return f"{shown} has a jar of another recipe: name the checkout: {NAMES}"


def _need(*tools) -> None:
    missing = [tool for tool in tools if not shutil.which(tool)]
    if missing:
        raise HawkbitError(f"{', '.join(missing)}: not found; qemu/deps fleet installs what is needed")


def _is_known(sources: Path) -> bool:
    return (sources / ".git").exists()


def _tags(sources: Path) -> Optional[list]:
    """Of the commit that is checked out. None: these sources are a tarball's."""
    if not _is_known(sources):
        return None
    _need("git")
    done = subprocess.run(["git", "-C", sources, "tag", "--points-at", "HEAD"], text=True, capture_output=True,
                          check=False)
    if done.returncode != 0:
        raise HawkbitError(f"{sources}: its release is not known: {done.stderr.strip()}")
    return done.stdout.split()


def _check(sources: Path) -> str:
    """Are they of this release? Gives the text of its pom.xml."""
    hint = f"name a checkout of its tag {VERSION}"
    if not (sources / PART / "pom.xml").is_file():
        raise HawkbitError(f"{sources}: has no sources of hawkBit's update server; {hint}")
    pom = (sources / "pom.xml").read_text()
    java = re.search(r"<java\.version>(\d+)<", pom)
    if java and int(java[1]) > JAVA:
        raise HawkbitError(f"{sources}: wants Java {java[1]}, not {JAVA}; {hint}")
    tags = _tags(sources)
    if tags is not None and VERSION not in tags:
        raise HawkbitError(f"{sources}: is another release of hawkBit; {hint}")
    if not PARENT.search(pom):
        raise HawkbitError(f"{sources}/pom.xml: names no Spring Boot; {hint}")
    return pom


def _made(_, names: list) -> set:
    """What builds leave; a package is called target, too."""
    return {".git", ".flattened-pom.xml", *(["target"] if "pom.xml" in names else [])}


def _check_apart(sources: Path, folder: Path) -> None:
    """A copy of the checkout into itself has no end."""
    one, other = sources.resolve(), folder.resolve()
    if one.is_relative_to(other) or other.is_relative_to(one):
        raise HawkbitError(f"{sources} and {folder}: one lies in the other; name a checkout elsewhere")


def _build(sources: Path, folder: Path) -> None:
    """In a copy: Maven writes into its sources."""
    pom = _check(sources)
    _need(*TOOLS)
    log = folder / "maven.log"
    if not _is_known(sources):
        print(f"{sources}: has no .git, so its release is not known; it is built as if it were {VERSION}",
              file=sys.stderr)
    print(f"builds hawkBit, log: {log}", file=sys.stderr, flush=True)
    with tempfile.TemporaryDirectory(prefix="build-", dir=folder) as made, open(log, "w") as out:
        copy = Path(made) / "sources"
        shutil.copytree(sources, copy, symlinks=True, ignore=_made)
        (copy / "pom.xml").write_text(PARENT.sub(rf"\g<1>{SPRING_BOOT}", pom))
        done = subprocess.run(["mvn", *WORDS], cwd=copy, stdin=subprocess.DEVNULL, stdout=out, stderr=out, check=False)
        built = copy / PART / "target" / kept(folder).name
        if done.returncode == 0 and built.is_file():
            built.rename(kept(folder))
            return
    lines = log.read_text(errors="replace").strip().splitlines()
    said = "\n".join([line for line in lines if "[ERROR]" in line][:6] or lines[-6:])
    raise HawkbitError(f"Maven cannot build hawkBit, see {log}; what it has fetched is kept, so try again where "
                       f"the network failed:\n{said}")


def get(sources: Optional[Path] = None, folder: Path = FOLDER) -> Path:
    """The jar: KEELBOOT_HAWKBIT's, or the one of this folder, built once. sources: or else KEELBOOT_HAWKBIT_SOURCE
    names them. Safe to call twice at the same time."""
    named, whence = os.environ.get("KEELBOOT_HAWKBIT"), os.environ.get("KEELBOOT_HAWKBIT_SOURCE")
    if named and not sources:
        if not Path(named).is_file():
            raise HawkbitError(f"KEELBOOT_HAWKBIT={named}: no such file; name the jar, or unset it")
        return Path(named).absolute()
    sources, folder = Path(sources or whence).absolute() if sources or whence else None, folder.absolute()
    if sources:
        _check_apart(sources, folder)
    folder.mkdir(parents=True, exist_ok=True)
    with open(folder / "lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not _is_current(folder):
            if not sources:
                raise HawkbitError(lacks(folder))
            _build(sources, folder)
            _stamp(folder).write_text(RECIPE)
    return kept(folder)
