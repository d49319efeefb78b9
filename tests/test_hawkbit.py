# SPDX-License-Identifier: Apache-2.0
"""qemu/hawkbit: what it makes of a checkout, and what it says where it cannot. Maven and its compiler are stand-ins: no
network is asked."""

import os
import re
from pathlib import Path

import kbhawkbit
import pytest
from cli_device import FAILURE, OK, TOP, call

JAR = f"hawkbit-update-server-{kbhawkbit.VERSION}.jar"
POM = """<parent><artifactId>spring-boot-starter-parent</artifactId>
<version>9.9.9</version></parent><version>9.9.9</version><java.version>%d</java.version>"""
PACKAGE, OLD = "hawkbit-mgmt/src/model/target/Target.java", f"{kbhawkbit.PART}/target/old.jar"
MAKES = f"[ -e {PACKAGE} ] && [ ! -e {OLD} ] && "\
        f"mkdir -p {kbhawkbit.PART}/target && cat pom.xml >{kbhawkbit.PART}/target/{JAR}"
NAMES = "qemu/hawkbit FOLDER, or KEELBOOT_HAWKBIT_SOURCE=FOLDER"
FAILS = "echo '[EL Warning]: a word of no help'; echo '[ERROR] Unknown host: no network'; exit 1"


class Builder:
    """A person with a checkout, who calls it."""

    def __init__(self, folder):
        self.folder, self.kept, self.sources, self.bin = folder, folder / "kept", folder / "sources", folder / "bin"
        (self.sources / kbhawkbit.PART).mkdir(parents=True)
        (self.sources / kbhawkbit.PART / "pom.xml").touch()
        (self.sources / "pom.xml").write_text(POM % kbhawkbit.JAVA)
        for name in PACKAGE, OLD:
            (self.sources / name).parent.mkdir(parents=True)
            (self.sources / name).touch()
        self.bin.mkdir()
        (self.bin / "git").symlink_to("/usr/bin/git")
        self.program("javac", "")

    def program(self, name, text):
        file = self.bin / name
        file.write_text(f"#!/bin/sh\nPATH=/usr/bin:/bin\necho \"$*\" >>{self.folder}/{name}.calls\n{text}\n")
        file.chmod(0o755)

    def calls(self) -> list:
        file = self.folder / "mvn.calls"
        return file.read_text().splitlines() if file.exists() else []

    def files(self) -> dict:
        """All of the checkout."""
        return {path: path.read_bytes() for path in self.sources.rglob("*") if path.is_file()}

    def __call__(self, *words, code=OK, **more):
        env = {"PATH": str(self.bin), **{f"KEELBOOT_{name}": str(value) for name, value in more.items()}}
        done = call(TOP / "qemu/hawkbit", *words, "--dir", self.kept, code=code, env=env, timeout=60)
        assert code == OK or (done.stdout == "" and not (self.kept / JAR).exists())
        return done.stdout if code == OK else done.stderr.removeprefix(self.notes())

    def notes(self) -> str:
        """Said before Maven runs, of sources as they are here."""
        return f"{self.sources}: has no .git, so its release is not known; it is built as if it were 1.0.4\n" \
               f"builds hawkBit, log: {self.kept}/maven.log\n"

    def git(self, *words):
        call("git", "-C", self.sources, "-c", "user.name=x", "-c", "user.email=x", *words)


@pytest.fixture(name="builder")
def make_builder(tmp_path):
    return Builder(tmp_path)


def test_it_is_built_once_in_a_copy_with_the_versions_that_were_tried(builder):
    builder.program("mvn", MAKES)
    before = builder.files()
    assert builder(builder.sources) == f"{builder.kept / JAR}\n"
    assert builder.calls() == [" ".join(kbhawkbit.WORDS)] and f"-Drevision={kbhawkbit.VERSION}" in builder.calls()[0]
    made_of = (builder.kept / JAR).read_text()
    assert made_of == (POM % kbhawkbit.JAVA).replace("9.9.9", kbhawkbit.SPRING_BOOT, 1)
    assert builder.files() == before and not (builder.kept / "sources").exists()
    assert builder() == builder(HAWKBIT_SOURCE=builder.sources) == f"{builder.kept / JAR}\n"
    assert len(builder.calls()) == 1


def test_the_sources_may_be_named_in_the_environment(builder):
    builder.program("mvn", MAKES)
    assert builder(HAWKBIT_SOURCE=builder.sources) == f"{builder.kept / JAR}\n"


def test_another_recipe_builds_anew(builder):
    builder.program("mvn", MAKES)
    builder(builder.sources)
    (builder.kept / "recipe").write_text("an older one")
    assert call(TOP / "qemu/hawkbit", "--dir", builder.kept, code=FAILURE).stderr == \
        f"qemu/hawkbit: {builder.kept} has a jar of another recipe: name the checkout: {NAMES}\n"
    builder(builder.sources)
    assert len(builder.calls()) == 2


def test_without_sources_it_says_what_to_name(builder):
    assert builder(code=FAILURE) == (
        "qemu/hawkbit: no hawkBit here, and Maven Central has none of 1.0.x; name a checkout of its sources, "
        f"tag 1.0.4: {NAMES}\n")


def test_without_a_network_it_says_so_in_mavens_words_and_a_later_call_goes_on(builder):
    builder.program("mvn", FAILS)
    assert builder(builder.sources, code=FAILURE) == (
        f"qemu/hawkbit: Maven cannot build hawkBit, see {builder.kept}/maven.log; what it has fetched is kept, so try "
        "again where the network failed:\n[ERROR] Unknown host: no network\n")
    builder.program("mvn", MAKES)
    assert builder(builder.sources) == f"{builder.kept / JAR}\n"


def test_a_maven_that_makes_no_jar_is_no_success(builder):
    builder.program("mvn", "exit 0")
    assert "Maven cannot build hawkBit" in builder(builder.sources, code=FAILURE)


def test_a_missing_maven_or_compiler_is_named(builder):
    (builder.bin / "javac").unlink()
    assert builder(builder.sources, code=FAILURE) == \
        "qemu/hawkbit: mvn, javac: not found; qemu/deps fleet installs what is needed\n"


def test_what_is_no_checkout_of_that_release_is_refused(builder):
    builder.program("mvn", MAKES)
    hint = "name a checkout of its tag 1.0.4\n"
    assert builder(builder.bin, code=FAILURE) == \
        f"qemu/hawkbit: {builder.bin}: has no sources of hawkBit's update server; {hint}"
    builder.git("init", "-q")
    builder.git("add", ".")
    builder.git("commit", "-q", "-m", "x")
    builder.git("tag", "1.0.3")
    assert builder(builder.sources, code=FAILURE) == \
        f"qemu/hawkbit: {builder.sources}: is another release of hawkBit; {hint}"
    (builder.sources / "pom.xml").write_text(POM % 21)
    assert builder(builder.sources, code=FAILURE) == \
        f"qemu/hawkbit: {builder.sources}: wants Java 21, not 17; {hint}"
    (builder.sources / "pom.xml").write_text("<java.version>17</java.version>")
    builder.git("tag", kbhawkbit.VERSION)
    assert builder(builder.sources, code=FAILURE) == \
        f"qemu/hawkbit: {builder.sources}/pom.xml: names no Spring Boot; {hint}"
    assert not builder.calls()
    (builder.sources / "pom.xml").write_text(POM % 17)
    builder(builder.sources)


def test_a_release_that_git_does_not_say_is_refused(builder):
    """As where the checkout is another user's; or where git is missing."""
    builder.program("mvn", MAKES)
    builder.git("init", "-q")
    (builder.bin / "git").unlink()
    assert builder(builder.sources, code=FAILURE) == \
        "qemu/hawkbit: git: not found; qemu/deps fleet installs what is needed\n"
    builder.program("git", "echo 'fatal: detected dubious ownership' >&2; exit 128")
    assert builder(builder.sources, code=FAILURE) == \
        f"qemu/hawkbit: {builder.sources}: its release is not known: fatal: detected dubious ownership\n"
    assert not builder.calls()


def test_of_what_git_does_not_know_it_says_so_and_builds(builder):
    """Of a tarball of the sources."""
    builder.program("mvn", MAKES)
    (builder.bin / "git").unlink()
    done = call(TOP / "qemu/hawkbit", builder.sources, "--dir", builder.kept, env={"PATH": str(builder.bin)})
    assert (done.stdout, done.stderr) == (f"{builder.kept / JAR}\n", builder.notes())
    assert call(TOP / "qemu/hawkbit", "--dir", builder.kept).stderr == ""


def test_what_is_in_the_way_of_the_copy_is_no_build_of_ours(builder):
    """The checkout may lie where the jar is kept, or around it: nothing there is removed."""
    builder.program("mvn", MAKES)
    moved = builder.kept / "sources"
    builder.kept.mkdir()
    builder.sources.rename(moved)
    builder.sources = moved
    before = builder.files()
    for folder, kept in (moved, builder.kept), (moved, moved / "kept"), (builder.kept / "link", builder.kept):
        if not folder.exists():
            folder.symlink_to(moved)
        builder.kept = kept
        assert builder(folder, code=FAILURE) == \
            f"qemu/hawkbit: {folder} and {kept}: one lies in the other; name a checkout elsewhere\n"
    assert builder.files() == before and not builder.calls()


def test_a_build_that_was_ended_leaves_nothing_in_the_way(builder):
    builder.program("mvn", FAILS)
    builder(builder.sources, code=FAILURE)
    assert sorted(path.name for path in builder.kept.iterdir()) == ["lock", "maven.log"]


def test_a_jar_that_is_named_is_taken_as_it_is(builder):
    mine = builder.folder / "mine.jar"
    assert builder(code=FAILURE, HAWKBIT=mine) == \
        f"qemu/hawkbit: KEELBOOT_HAWKBIT={mine}: no such file; name the jar, or unset it\n"
    mine.touch()
    assert builder(HAWKBIT=mine, HAWKBIT_SOURCE=builder.sources) == f"{mine}\n"
    assert not builder.calls()


def test_the_stories_start_what_was_named_or_else_what_was_built(tmp_path, monkeypatch):
    monkeypatch.setattr(kbhawkbit, "FOLDER", tmp_path)
    monkeypatch.delenv("KEELBOOT_HAWKBIT", raising=False)
    assert kbhawkbit.jar() is None
    (tmp_path / JAR).touch()
    (tmp_path / "recipe").write_text("an older one")
    assert kbhawkbit.jar() is None and kbhawkbit.lacks() == \
        f"{tmp_path} has a jar of another recipe: name the checkout: {NAMES}"
    (tmp_path / "recipe").write_text(kbhawkbit.RECIPE)
    assert kbhawkbit.jar() == tmp_path / JAR
    monkeypatch.setenv("KEELBOOT_HAWKBIT", str(tmp_path / "none.jar"))
    assert kbhawkbit.jar() is None
    (tmp_path / "none.jar").touch()
    monkeypatch.setenv("KEELBOOT_HAWKBIT", os.path.relpath(tmp_path / "none.jar"))
    assert kbhawkbit.jar().samefile(tmp_path / "none.jar") and kbhawkbit.jar().is_absolute()


def test_where_it_cannot_be_built_the_other_servers_are_played(tmp_path):
    """What is left out is named at the end, by tests/run."""
    for name, text in {"qemu/deps": "", "qemu/kernel": "", "qemu/hawkbit": "echo no network >&2; exit 1",
                       "tests/run": "echo $* are played"}.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(f"#!/bin/sh\n{text}\n")
        (tmp_path / name).chmod(0o755)
    done = call("make", "-s", "-f", TOP / "Makefile", "MAKE=true", "KEELBOOT_HAWKBIT_SOURCE=/none", "check-fleet",
                cwd=tmp_path)
    assert done.stdout == "servers are played\n" and "no network\n" in done.stderr


def test_the_page_starts_the_jar_that_is_made():
    (named,) = re.findall(r"^ +java -jar (\S+) &$", (TOP / "docs/FLEET.md").read_text(), re.M)
    assert TOP / named == kbhawkbit.kept(kbhawkbit.FOLDER)


def test_fleet_installs_what_builds_it():
    wanted = call(TOP / "qemu/deps", "--list", "fleet").stdout.split()
    assert "maven" in wanted and [name for name in wanted if name.endswith("-jdk-headless")]


def test_make_clean_keeps_it(tmp_path):
    """As the other servers that are not ours."""
    for name in "hawkbit", "fleet", "obj":
        (tmp_path / "build" / name).mkdir(parents=True)
    call("make", "-s", "-f", TOP / "Makefile", "clean", cwd=tmp_path)
    assert sorted(path.name for path in (tmp_path / "build").iterdir()) == ["fleet", "hawkbit"]


@pytest.mark.parametrize("target", ["check-fleet", "demo-fleet", "bench-fleet"])
def test_make_builds_it_before_what_starts_it(target):
    (recipe,) = [part for part in Path(TOP / "Makefile").read_text().split("\n\n") if f"\n{target}:" in f"\n{part}"]
    assert recipe.index("qemu/deps fleet") < recipe.index("qemu/hawkbit") < recipe.rindex("@tests/")
