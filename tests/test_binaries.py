# SPDX-License-Identifier: Apache-2.0
"""What was built is hardened as it should be, and process 1 links only what it may."""

import re
import subprocess
from pathlib import Path

import pytest

TOP = Path(__file__).resolve().parent.parent
PROGRAMS = ("init", "keelboot-helper", "keelboot-guardian", "keelboot")


def readelf(option: str, name: str) -> str:
    return subprocess.run(["readelf", "-W", option, str(TOP / "build" / name)], text=True, capture_output=True,
                          check=True).stdout


def symbols(name: str) -> set:
    return set(re.findall(r"\s(\w+)(?:@\S+)?$", readelf("-s", name), re.MULTILINE))


@pytest.mark.parametrize("name", PROGRAMS)
def test_is_a_static_position_independent_executable(name):
    assert "DYN (Position-Independent Executable file)" in readelf("-h", name)
    headers = readelf("-l", name)
    assert "INTERP" not in headers
    assert "NEEDED" not in readelf("-d", name)


@pytest.mark.parametrize("name", PROGRAMS)
def test_has_full_relro_and_no_executable_stack(name):
    headers = readelf("-l", name)
    assert "GNU_RELRO" in headers
    assert re.search(r"FLAGS.*(BIND_NOW|NOW)", readelf("-d", name))
    stack = re.search(r"GNU_STACK.*?\s(RWE|RW)\s", headers)
    assert stack and stack[1] == "RW"
    assert not re.search(r"LOAD.*\sRWE\s", headers)


def ours() -> set:
    """Functions of our own: the C library and OpenSSL are hardened already, and so prove nothing."""
    listed = subprocess.run(["nm", "--defined-only", str(TOP / "build/libkb.a")], text=True, capture_output=True,
                            check=True).stdout
    return set(re.findall(r" T (\w+)$", listed, re.MULTILINE))


def callers(name: str, callee: str) -> set:
    """Functions of a program that call what matches."""
    code = subprocess.run(["objdump", "-d", "--no-show-raw-insn", str(TOP / "build" / name)], text=True,
                          capture_output=True, check=True).stdout
    function, found = "", set()
    for line in code.splitlines():
        title = re.match(r"[0-9a-f]+ <(.+)>:$", line)
        if title:
            function = title[1]
        elif re.search(rf"<{callee}>$", line):
            found.add(function)
    return found


@pytest.mark.parametrize("name", PROGRAMS)
def test_our_own_functions_have_stack_protector_and_fortify(name):
    assert callers(name, "__stack_chk_fail") & ours()
    assert callers(name, r"__\w+_chk") & ours()


def test_process_1_links_no_openssl_no_zstd_no_libblkid():
    foreign = [name for name in symbols("init") if re.match(r"(EVP|OPENSSL|ERR|BIO|ZSTD|blkid|json)_", name)]
    assert foreign == []


def test_nothing_names_the_folder_it_was_built_in():
    for name in PROGRAMS:
        assert str(TOP).encode() not in (TOP / "build" / name).read_bytes(), name
