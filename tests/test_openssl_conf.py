# SPDX-License-Identifier: Apache-2.0
"""What the host tells OpenSSL in a configuration does not reach the static programs: neither $OPENSSL_CONF nor the file
whose name is compiled in. A module that it names would be code that nobody signed, where signatures are checked."""

import os
import re
import shutil
from pathlib import Path

import pytest
from cli_device import HELPER, KEELBOOT, call

OPENSSL = ["openssl", "dgst", "-sha256", "/dev/null"]       # obeys: what the settings here are measured by

FIPS = """
openssl_conf = here
[here]
alg_section = algorithms
[algorithms]
default_properties = fips=yes
"""
MODULE = """
openssl_conf = here
[here]
providers = providers
[providers]
strange = strange
[strange]
module = {folder}/strange.so
activate = 1
"""
# A provider that says it was loaded, and is of no use.
STRANGE = """
#include <fcntl.h>
__attribute__((constructor)) static void loaded(void) {{ open("{folder}/loaded", O_CREAT | O_WRONLY, 0600); }}
int OSSL_provider_init(void) {{ return 0; }}
"""


def run(*words, **settings):
    return call(*words, code=None, env={**os.environ, "KEELBOOT_HELPER": HELPER, **settings})


def compiled_in() -> Path:
    """The configuration that the library reads by itself."""
    return Path(re.search(r'OPENSSLDIR: "(.*)"', run("openssl", "version", "-d").stdout)[1], "openssl.cnf").resolve()


def by_environment(conf, *words):
    return run(*words, OPENSSL_CONF=conf)


def by_default(conf, *words):
    """With the host's file replaced, for this process alone."""
    shell = f'mount --bind "{conf}" "{compiled_in()}" && exec "$@"'
    as_root = [] if os.geteuid() == 0 else ["--map-root-user"]
    return run("unshare", "--mount", *as_root, "sh", "-c", shell, "sh", *words)


WAYS = pytest.mark.parametrize("way", [by_environment, by_default])


@pytest.fixture
def fips(tmp_path):
    conf = tmp_path / "fips.cnf"
    conf.write_text(FIPS)
    return conf


@pytest.fixture
def strange(tmp_path):
    conf = tmp_path / "strange.cnf"
    conf.write_text(MODULE.format(folder=tmp_path))
    (tmp_path / "strange.c").write_text(STRANGE.format(folder=tmp_path))
    call("gcc", "-shared", "-fPIC", "-o", tmp_path / "strange.so", tmp_path / "strange.c")
    return conf


@pytest.fixture
def device(tmp_path):
    """A root, a key, a bundle, and the state partition of a device with that bundle in slot a."""
    (tmp_path / "etc/keelboot/keys").mkdir(parents=True)
    (tmp_path / "etc/keelboot/system.conf").write_text("[system]\ncompatible=box\n")
    (tmp_path / "image").write_bytes(os.urandom(1 << 20))
    (tmp_path / "b").write_bytes(bytes(1 << 20))
    call(KEELBOOT, "key", "generate", "-o", tmp_path / "dev")
    call(KEELBOOT, *create(tmp_path, "box.keel"))
    call(KEELBOOT, "state", "init", tmp_path / "state", "--slots", 2, "--good", "a", "--bundle", tmp_path / "box.keel")
    shutil.copy(tmp_path / "dev.pem", tmp_path / "etc/keelboot/keys")
    return tmp_path


def create(folder: Path, name: str, sequence=1) -> tuple:
    return ("bundle", "create", "-o", folder / name, "--compatible", "box", "--version", "1.0", "--sequence", sequence,
            "--image", f"root={folder / 'image'}", "--key", folder / "dev.key")


def commands(device) -> list:
    """One of each kind: makes a key, signs, checks a signature; and those that process 1 starts to check some."""
    verify = f'exec -a keelboot-verify {HELPER} --state {device}/state --slot a --root {device} 3>{device}/answer'
    apply = (f'cp {device}/state {device}/again; exec -a keelboot-apply {HELPER} --state {device}/again '
             f'--slot a:root={device}/image --slot b:root={device}/b --mountable 1 --root {device} '
             f'--source raw:{device}/new.keel')
    return [(KEELBOOT, "key", "generate", "-o", device / "new"),
            (KEELBOOT, "key", "show", device / "dev.pem"),
            (KEELBOOT, *create(device, "new.keel", 2)),
            (KEELBOOT, "bundle", "verify", device / "box.keel", "--keys", device / "etc/keelboot/keys"),
            ("bash", "-c", verify), ("bash", "-c", apply)]


@WAYS
def test_properties_that_nothing_here_has_stop_no_command(device, fips, way):
    assert way(fips, *OPENSSL).returncode != 0
    for command in commands(device):
        result = way(fips, *command)
        assert result.returncode == 0, (command, result.stderr)


@WAYS
def test_no_module_is_loaded(device, strange, way):
    loaded = device / "loaded"
    way(strange, *OPENSSL)
    assert loaded.exists()
    for command in commands(device):
        loaded.unlink(missing_ok=True)
        result = way(strange, *command)
        assert result.returncode == 0, (command, result.stderr)
        assert not loaded.exists(), command
