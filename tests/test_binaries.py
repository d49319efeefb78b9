# SPDX-License-Identifier: Apache-2.0
"""What was built is hardened as it should be, and process 1 links only what it may."""

import functools
import re
import subprocess

import pytest
from cli_device import TOP, call

NATIVE = ("init", "keelboot-helper", "keelboot-guardian", "keelboot-overlay", "keelboot")
AARCH64 = tuple(f"aarch64/{name}" for name in NATIVE)
PROGRAMS = NATIVE + AARCH64
DISASSEMBLED = (*NATIVE, "aarch64/init", "aarch64/keelboot-helper")     # which takes seconds


def built(name: str):
    if name in AARCH64 and not (TOP / "build" / name).exists():
        pytest.skip("build/aarch64 was not built: make CROSS_COMPILE=aarch64-linux-gnu-")
    return TOP / "build" / name


def readelf(option: str, name: str) -> str:
    return call("readelf", "-W", option, built(name)).stdout


@functools.lru_cache(maxsize=None)
def disassembled(name: str) -> str:
    tool = "aarch64-linux-gnu-objdump" if name in AARCH64 else "objdump"
    return call(tool, "-d", "--no-show-raw-insn", built(name)).stdout


def symbols(name: str) -> set:
    return set(re.findall(r"\s(\w+)(?:@\S+)?$", readelf("-s", name), re.MULTILINE))


@pytest.mark.parametrize("name", AARCH64)
def test_is_for_the_processor_that_its_folder_names(name):
    assert re.search(r"Machine:\s+AArch64$", readelf("-h", name), re.MULTILINE)


@pytest.mark.parametrize("name", PROGRAMS)
def test_is_a_static_position_independent_executable(name):
    assert "DYN (Position-Independent Executable file)" in readelf("-h", name)
    assert "INTERP" not in readelf("-l", name) and "NEEDED" not in readelf("-d", name)


@pytest.mark.parametrize("name", PROGRAMS)
def test_has_full_relro_and_no_executable_stack(name):
    headers = readelf("-l", name)
    assert "GNU_RELRO" in headers
    assert re.search(r"FLAGS.*(BIND_NOW|NOW)", readelf("-d", name))
    stack = re.search(r"GNU_STACK.*?\s(RWE|RW)\s", headers)
    assert stack and stack[1] == "RW"
    assert not re.search(r"LOAD.*\sRWE\s", headers)
    # Code is mapped with nothing else, and no relocation writes into it.
    assert len(re.findall(r"LOAD.*\sR E\s", headers)) == 1
    text = re.search(r"LOAD.*\sR E\s", headers).start()
    assert re.search(r"LOAD.*\sR\s", headers[:text]) and re.search(r"LOAD.*\sR\s", headers[text:])
    assert "TEXTREL" not in readelf("-d", name)


@pytest.mark.parametrize("name", PROGRAMS)
def test_does_not_say_how_to_unwind_its_stack(name):
    """A tenth of the helper, for debuggers and C++: lib/no_unwind.ld."""
    assert not re.search(r"eh_frame|except_table", readelf("-S", name) + readelf("-l", name), re.I)


COMPILED_WITH = {"-fPIE", "-fstack-protector-strong", "-fstack-clash-protection", "-ftrivial-auto-var-init=zero",
                 "-fno-strict-overflow", "-fno-delete-null-pointer-checks"}


@pytest.mark.parametrize("name", PROGRAMS)
def test_every_source_was_compiled_with_every_hardening(name):
    """By what the compiler notes in the debugging information, which only our own objects have."""
    listed = call("readelf", "--debug-dump=info", "--dwarf-depth=1", built(name)).stdout
    pads = "-mbranch-protection=standard" if name in AARCH64 else "-fcf-protection=full"
    units = re.findall(r"DW_AT_producer\s*:.*?: (GNU C\S* .*)", listed)
    assert len(units) > 5
    for flags in units:
        assert COMPILED_WITH | {pads} <= set(flags.split()), flags


def test_fortify_is_at_its_highest():
    assert "-D_FORTIFY_SOURCE=3" in call("make", "-s", "print-cflags", cwd=TOP).stdout.split()


# paciasp signs the return address, and is a landing pad, too.
PADS = ("endbr64", "bti", "paciasp")


@pytest.mark.parametrize("name", DISASSEMBLED)
def test_our_own_functions_begin_with_a_landing_pad(name):
    first = dict(re.findall(r"^[0-9a-f]+ <(.+)>:\n\s*[0-9a-f]+:\s+(\w+)", disassembled(name), re.MULTILINE))
    mine = [function for function in ours() if function in first]
    assert mine and [function for function in mine if first[function] not in PADS] == []


def ours() -> set:
    """Functions of our own: the C library and OpenSSL are hardened already, and so prove nothing."""
    return set(re.findall(r" T (\w+)$", call("nm", "--defined-only", TOP / "build/libkb.a").stdout, re.MULTILINE))


def callers(name: str, callee: str) -> set:
    """Functions of a program that call what matches."""
    function, found = "", set()
    for title, _ in re.findall(rf"^[0-9a-f]+ <(.+)>:$|<({callee})>$", disassembled(name), re.MULTILINE):
        function = title or function
        if not title:
            found.add(function)
    return found


@pytest.mark.parametrize("name", DISASSEMBLED)
def test_our_own_functions_have_stack_protector_and_fortify(name):
    assert callers(name, "__stack_chk_fail") & ours()
    assert callers(name, r"__\w+_chk") & ours()


def test_process_1_links_no_openssl_no_zstd_no_libblkid():
    foreign = [name for name in symbols("init") if re.match(r"(EVP|OPENSSL|ERR|BIO|ZSTD|blkid|json)_", name)]
    assert foreign == []


def test_openssl_brings_nothing_along_that_nobody_uses():
    """See update/crypto/ossl.c: compressors, and AES-GCM for AVX-512. OpenSSL 3.0 has neither."""
    listed = call("nm", "--defined-only", TOP / "build/keelboot-helper").stdout
    brought = re.compile(r"deflate|inflate|Brotli\w+|ZSTD_CCtx_\w+|ossl_aes_gcm_\w+_avx512")
    ours = " W "  # weak: in the place of OpenSSL's
    assert [line for line in listed.splitlines() if brought.fullmatch(line.split()[-1]) and ours not in line] == []


def test_the_helper_knows_no_algorithm_but_those_of_a_bundle():
    """See initramfs/helper/algorithms.c. Where it did not fit OpenSSL, make has linked all of OpenSSL instead."""
    known = {name for name in symbols("keelboot-helper") if re.fullmatch(r"ossl_\w+_functions", name)}
    assert {"ossl_sha256_functions", "ossl_ecdsa_signature_functions", "ossl_ed25519_signature_functions"} <= known
    others = [name for name in known if not re.match(r"ossl_(sha\d|ec_|ecx_|ecdsa_|ed\d|x\d|sm2_)", name)]
    assert others == [], (TOP / "build/keelboot-helper.lean").read_text()


def test_the_helper_has_nothing_of_what_is_left_out():
    """See initramfs/helper/left_out.c: where one name of a library's file is not there, all of the file comes."""
    brought = re.compile(r"ecp_nistz256_\w+|ecp_nistp(224|384|521)_\w+|ossl_curve448_\w+|ossl_rsaz_amm\w+|padlock_\w+|"
                         r"sha1_block_data_order|"
                         r"OSSL_HTTP_transfer|getaddrinfo|X509_verify_cert|PKCS7_dataVerify|ZSTDv0\d_decompressDCtx|"
                         r"ossl_bignum_\w+_\d\w+|X509_print_ex|X509V3_EXT_print|PKCS12_\w+|UI_process|NCONF_load_bio|"
                         r"PEM_read_bio")
    assert [name for name in symbols("keelboot-helper") if brought.fullmatch(name)] == []


@pytest.mark.parametrize("name", PROGRAMS)
def test_nothing_names_the_folder_it_was_built_in(name):
    assert str(TOP).encode() not in built(name).read_bytes()


def link_init(tmp_path, symbol: str) -> subprocess.CompletedProcess:
    """Links /init as make does, with one more object that wants the symbol."""
    source = tmp_path / "wants.c"
    source.write_text(f"extern char {symbol}[];\nchar *volatile wants;\n"
                      f"__attribute__((constructor)) static void want(void) {{ wants = {symbol}; }}\n")
    said = call("make", "-n", "V=1", "-W", "build/libreal.a", "build/init", cwd=TOP).stdout
    command = next(line for line in said.splitlines() if " -o build/init " in line).split(" >build")[0]
    command = command.replace(" -o build/init ", f" -o {tmp_path}/init {source} ")
    command = command.replace("build/init.map", f"{tmp_path}/map")
    return subprocess.run(command, shell=True, cwd=TOP, text=True, capture_output=True)


@pytest.mark.parametrize("symbol", ["EVP_DigestInit_ex", "ZSTD_decompress", "blkid_new_probe", "json_object_new_object",
                                    "keyring_check", "reader_open", "manifest_parse", "install_run", "decoder_main",
                                    "prober_main", "guardian_run"])
def test_linker_refuses_to_process_1_what_it_must_not_have(tmp_path, symbol):
    done = link_init(tmp_path, symbol)
    assert done.returncode != 0 and f"undefined reference to `{symbol}'" in done.stderr


def test_linker_takes_what_process_1_may_have(tmp_path):
    assert link_init(tmp_path, "reader_header_parse").returncode == 0
