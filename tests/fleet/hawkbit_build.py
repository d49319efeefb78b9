#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Build hawkBit's update server from a checkout of its sources, once, into build/fleet.

Maven has neither the server that one starts, nor all modules that it is made of; what these depend on, it has. A copy
of the sources loses the tests and what only they need. Spring Boot is a version of its line that is there as a whole.

Example: KEELBOOT_HAWKBIT=~/hawkbit tests/fleet/hawkbit_build.py
"""

import argparse
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

TOP = Path(__file__).resolve().parents[2]
VERSION = "1.0.4"           # the last for Java 17
BOOT, CLOUD = "3.5.8", "2025.0.0"
JAR = TOP / f"build/fleet/hawkbit-{VERSION}-boot-{BOOT}.jar"
SERVER = "hawkbit-monolith/hawkbit-update-server"
WITHIN = r"(?:(?!</dependency>).)*?"
TESTS = re.compile(rf"<dependency>{WITHIN}<scope>test</scope>{WITHIN}</dependency>", re.S)
PARENT = re.compile(r"(<artifactId>spring-boot-starter-parent</artifactId>\s*<version>)[^<]+")
SKIPS = [f"-D{word}" for word in ("maven.test.skip", "license.skip", "maven.javadoc.skip", "maven.source.skip")]


class BuildError(Exception):
    """Says what is missing."""


def unpack(checkout, folder) -> None:
    """The sources of that version; checkout: a repository, with a work tree or bare."""
    done = subprocess.run(["git", "-C", checkout, "archive", VERSION], capture_output=True, check=False)
    if done.returncode != 0:
        raise BuildError(f"{checkout}: {done.stderr.decode().strip()}; expected hawkBit's repository, tag {VERSION}")
    subprocess.run(["tar", "-x", "-C", folder], input=done.stdout, check=True)


def adapt(folder) -> None:
    """Of the tests nothing is left; Spring Boot is ours."""
    for pom in folder.rglob("pom.xml"):
        pom.write_text(TESTS.sub("", pom.read_text()))
    pom = folder / "pom.xml"
    pom.write_text(PARENT.sub(rf"\g<1>{BOOT}", pom.read_text()))


def build(checkout) -> Path:
    """The jar; made if it is missing. checkout: or such a jar, made elsewhere."""
    if checkout and Path(checkout).is_file():
        return Path(checkout)
    if JAR.exists():
        return JAR
    if not checkout:
        raise BuildError("KEELBOOT_HAWKBIT names no checkout of hawkBit")
    JAR.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        unpack(checkout, folder)
        adapt(folder)
        done = subprocess.run(
            ["mvn", "-B", "-ntp", "-q", f"-Dspring.boot.version={BOOT}", f"-Dspring.cloud.version={CLOUD}", *SKIPS,
             "-pl", SERVER, "-am", "package"], cwd=folder, stdin=subprocess.DEVNULL, text=True, capture_output=True,
            check=False, env={**os.environ, "MAVEN_OPTS": "-Xmx1g -XX:TieredStopAtLevel=1"})
        if done.returncode != 0:
            raise BuildError(f"Maven failed:\n{(done.stdout + done.stderr)[-4000:]}")
        made = next((folder / SERVER / "target").glob("hawkbit-update-server-*.jar"))
        new = JAR.with_suffix(".new")
        new.write_bytes(made.read_bytes())
        new.rename(JAR)
    return JAR


def main() -> int:
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args()
    try:
        print(build(os.environ.get("KEELBOOT_HAWKBIT")))
    except (BuildError, OSError) as error:
        print(f"hawkbit_build.py: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
