# SPDX-License-Identifier: Apache-2.0
"""What apt does to a Debian that Keelboot's packages are installed into, by what debian/control says: apt-get itself is
asked, of a repository in files; nothing is installed."""

import re
import shutil
import subprocess

import pytest

from cli_device import TOP

GENERATORS = {"initramfs-tools": "keelboot-initramfs-tools", "dracut": "keelboot-dracut"}
# As in Debian: there is one generator at a time.
OTHERS = {name: f"Version: 1\nProvides: linux-initramfs-tool\nConflicts: {', '.join({*GENERATORS} - {name})}"
          for name in GENERATORS} | {"mkosi": "Version: 25", "python3": "Version: 3.11\nMulti-Arch: allowed"}
FIELDS = ("Depends", "Recommends", "Suggests", "Multi-Arch")

pytestmark = pytest.mark.skipif(not shutil.which("apt-get"), reason="no apt-get")


def stanzas() -> list:
    """The binary packages of debian/control: dictionaries."""
    texts = (TOP / "debian/control").read_text().split("\n\n")[1:]
    return [dict(re.findall(r"^([\w-]+): ((?:.*\n?(?: .*\n?)*))", text, re.M)) for text in texts]


def filled(value: str) -> str:
    """A list of packages as dpkg-gencontrol would write it, where each program needs nothing."""
    for name in ("source:Version", "binary:Version"):
        value = value.replace(f"${{{name}}}", "1")
    return ", ".join(part.strip() for part in value.split(",") if "${" not in part)


def repository() -> str:
    """Packages: ours, and for each name that one of them wants a package that wants nothing."""
    ours, wanted = [], set(OTHERS)
    for fields in stanzas():
        lines = [f"{key}: {filled(fields[key])}" for key in FIELDS if key in fields]
        ours.append("\n".join([f"Package: {fields['Package'].strip()}", "Version: 1", *lines]))
        for line in lines[:-1] if "Multi-Arch" in fields else lines:
            wanted |= set(re.findall(r"(?:: |, |\| )([a-z0-9][a-z0-9.+-]+)", line))
    names = {fields["Package"].strip() for fields in stanzas()}
    others = [f"Package: {name}\n{OTHERS.get(name, 'Version: 1')}" for name in sorted(wanted - names)]
    return "\n\n".join(f"{text}\nArchitecture: amd64\nFilename: ./x.deb\nSize: 1" for text in ours + others) + "\n"


def test_packages_have_the_version_of_the_programs():
    """dpkg takes it from the changelog: apt would upgrade nothing."""
    version = re.search(r"^VERSION := (\S+)$", (TOP / "Makefile").read_text(), re.M)[1]
    assert (TOP / "debian/changelog").read_text().startswith(f"keelboot ({version}) ")


@pytest.fixture(name="apt")
def make_apt(tmp_path):
    """Says which packages apt would install, and which remove, where one generator is there."""
    (tmp_path / "repo").mkdir()
    (tmp_path / "repo/Packages").write_text(repository())
    (tmp_path / "sources").write_text(f"deb [trusted=yes] file:{tmp_path}/repo ./\n")
    for folder in ("lists/partial", "archives/partial", "parts"):
        (tmp_path / folder).mkdir(parents=True)
    options = {"Dir::State::status": "status", "Dir::State::lists": "lists", "Dir::Cache::archives": "archives",
               "Dir::Cache::pkgcache": "pkgcache", "Dir::Cache::srcpkgcache": "srcpkgcache",
               "Dir::Etc::sourcelist": "sources", "Dir::Etc::sourceparts": "parts",
               "Dir::Etc::preferencesparts": "parts", "Dir::State::extended_states": "extended"}
    command = ["apt-get", "-o", "APT::Architecture=amd64", "-o", "APT::Sandbox::User=", "-o",
               "APT::Install-Recommends=true",
               *(word for key, name in options.items() for word in ("-o", f"{key}={tmp_path}/{name}"))]

    def install(generator, *packages):
        (tmp_path / "status").write_text(f"Package: {generator}\nStatus: install ok installed\nMaintainer: x\n"
                                         f"Architecture: amd64\nDescription: x\n{OTHERS[generator]}\n\n")
        subprocess.run([*command, "update"], check=True, capture_output=True)
        done = subprocess.run([*command, "-s", "install", *packages], text=True, capture_output=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        return [set(re.findall(rf"^{word} (\S+)", done.stdout, re.M)) for word in ("Inst", "Remv")]
    return install


def sources(name: str) -> list:
    """Of what lies in /usr/lib/keelboot."""
    found = [path for folder in ("hooks", "initramfs", "cli", ".") for path in TOP.glob(f"{folder}/{name}")]
    assert found, name
    return [file for path in found for file in ([path] if path.is_file() else path.rglob("*")) if file.is_file()]


@pytest.mark.parametrize("generator", GENERATORS)
@pytest.mark.parametrize("package", sorted({fields["Package"].strip() for fields in stanzas()} -
                                           {*GENERATORS.values()}))
def test_no_package_replaces_the_generator_of_the_initramfs(apt, generator, package):
    """A system that loses it may not boot; and a build host has no use for Keelboot in its own."""
    new, gone = apt(generator, package)
    assert package in new and not gone and not new & {*GENERATORS, *GENERATORS.values()}


def test_git_ignores_the_folder_in_which_each_package_is_built():
    """debhelper leaves them in debian/."""
    ignored = (TOP / "debian/.gitignore").read_text().splitlines()
    assert {f"{fields['Package'].strip()}/" for fields in stanzas()} <= set(ignored)


def test_the_device_gets_its_programs_from_one_package_and_a_build_host_only_scripts():
    """What is of a processor is in packages of processors."""
    listed = {name: (TOP / f"debian/{name}.install").read_text().split() for name in ("keelboot", "keelboot-tools")}
    programs = ("init", "keelboot-guardian", "keelboot-helper", "keelboot-overlay", "keelboot-select", "dynamic")
    assert {"usr/bin/keelboot", *(f"usr/lib/keelboot/{name}" for name in programs)} <= set(listed["keelboot"])
    fields = {one["Package"].strip(): one for one in stanzas()}["keelboot-tools"]
    assert fields["Architecture"].strip() == "all" and "Built-Using" not in fields
    files = [path for name in listed["keelboot-tools"] if "/share/" not in name
             for path in sources(name.removeprefix("usr/lib/keelboot/"))]
    assert len(files) > 20 and not [path for path in files if path.read_bytes()[:4] == b"\x7fELF"]


@pytest.mark.parametrize("generator", GENERATORS)
def test_its_glue_comes_by_its_name(apt, generator):
    glue = GENERATORS[generator]
    assert apt(generator, "keelboot", glue) == [{"keelboot", glue}, set()]
