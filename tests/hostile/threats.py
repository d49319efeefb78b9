#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The threats, by number, and the tests of each.

A test of threat 7 is named test_t07_something, or carries `@pytest.mark.threat(7)`, or, in C, stands behind a comment
that begins with "Threat 7:" (several: "Threats 7, 29:"); or ELSEWHERE below names it. A story of the simulation of I/O
errors, with each operation failing in turn, is one, too.

Example: tests/hostile/threats.py            the table, as docs/THREATS.md has it
         tests/hostile/threats.py --write    puts it there
         tests/hostile/threats.py --programs   the programs with the C tests that it names
"""
import ast
import re
import sys
from pathlib import Path

TOP = Path(__file__).resolve().parents[2]
PAGE = TOP / "docs/THREATS.md"
LIMITS = TOP / "docs/LIMITS.md"
HEADING = "# Threats and their tests"
BEGIN, END = "<!-- made by tests/hostile/threats.py --write -->", "<!-- end -->"
LATER = re.compile(r"^\| *(\d+(?:, \d+)*) *\|", re.M)

THREATS = {
    1: "Payload tampered with",
    2: "Manifest tampered with, or changed after it was checked",
    3: "Signature stripped or empty, keyring missing",
    4: "Payload that is not listed, or has no hash",
    5: "Header or scripts outside the hash",
    6: "Data behind the end, a second bundle",
    7: "Only part is covered, by truncated integers",
    8: "Fields that decide and are not signed",
    9: "Parts of two bundles mixed",
    10: "Unknown or retired key",
    11: "Certificate for another use",
    12: "Revoked leaf or intermediate certificate",
    13: "Certificate expired or not yet valid",
    14: "Algorithm downgrade",
    15: "Error of the crypto library swallowed",
    16: "Replay of an old release",
    17: "Fast-forward",
    18: "Old state partition restored",
    19: "Bundle for another model",
    20: "No clock, or a wrong one",
    21: "A second read differs",
    22: "Medium swapped, pulled, failing or short in the middle",
    23: "Slot altered after the install",
    24: "Root hash substituted, root= bypassed",
    25: "File system made to break the kernel",
    26: "Superblock made to break the prober",
    27: "Stick that copies the disk's labels",
    28: "USB device that is no mass storage",
    29: "Lengths and offsets that overflow, overlap or are zero",
    30: "Huge manifest",
    31: "Compression bomb",
    32: "Path traversal, symbolic links",
    33: "Injection into logs and terminals",
    34: "Hostile state partition",
    35: "Stick left in",
    36: "Resume with another bundle",
    37: "Power cycling burns the tries",
    38: "Reinstalling without end",
    39: "Injection into the kernel command line",
    40: "Emergency shell",
    41: "Hook from an unauthenticated place",
    42: "A hung init keeps feeding the watchdog",
    43: "Encrypted bundle: wrong key, shared key, reused nonce",
    44: "Instructions skipped by a fault",
    45: "Debug unlock",
}
STORIES = "sim/ioerr_sim"
# Tests that were there before, and what they are of.
ELSEWHERE = {
    "boot/test_refused_bundles.py::test_refused_and_nothing_written": (1, 3, 6, 10, 19),
    "boot/test_refused_bundles.py::test_older_than_the_floor": (16,),
    "boot/test_verify_first.py::test_damaged_stick": (1,),
    "boot/test_staged_copy_decays.py::test_given_up_after_three_boots_and_a_good_copy_is_taken": (22,),
    "boot/test_stick_pulled_mid_install.py::test_pulled_twice_then_finished": (22,),
    "boot/test_disk_errors.py::test_stick_cannot_be_read_at_boot": (22,),
    "boot/test_disk_errors.py::test_bundle_cannot_be_read_under_the_system": (22,),
    "sim/ioerr_sim::stick": (22,),
    "sim/ioerr_sim::raw": (22,),
    "boot/test_verified_slots.py::test_damaged_block_of_a_good_slot_leads_to_the_other_slot": (23,),
    "boot/test_slot_stays_what_was_signed.py::test_slot_stays_what_was_signed": (23,),
    "boot/test_verified_slots.py::test_slot_with_a_root_hash_is_skipped_without_dm_verity": (24,),
    "boot/test_verified_slots.py::test_trial_whose_manifest_no_trusted_key_signed_is_rejected": (24,),
    "boot/test_exfat_stick.py::test_file_system_that_is_not_on_the_list_is_never_mounted": (25,),
    "boot/test_crash_stick_is_skipped.py::test_three_panics_then_the_protected_slot": (25,),
    "unit/media_test.c::with_an_empty_list_nothing_is_mounted": (25,),
    "unit/apply_cage_test.c::what_an_exploit_would_call_kills": (25,),
    "unit/cage_test.c::what_no_rule_allows_kills": (26,),
    "unit/cage_test.c::nothing_can_be_had_without_end": (26, 31),
    "boot/test_copy_of_the_disk.py::test_stick_that_duplicates_every_id_is_ignored": (27,),
    "boot/test_copy_of_the_disk.py::test_two_equal_disks_boot_and_refuse_to_install": (27,),
    "boot/test_late_stick.py::test_stick_with_the_devices_own_labels_is_not_mistaken_for_it": (27,),
    "unit/media_test.c::mounts_read_only_and_believes_nothing": (32,),
    "unit/media_test.c::opens_regular_files_only": (32,),
    "unit/media_test.c::goes_down_a_path_and_follows_no_link": (32,),
    "boot/test_mac_litter.py::test_litter_is_named_and_never_opened": (33,),
    "boot/test_state_lost.py::test_both_lost_regions_are_rebuilt_from_the_slots_manifests": (34,),
    "boot/test_prepared_states.py::test_state_of_a_newer_keelboot_boots_counts_and_takes_no_update": (34,),
    "boot/test_stick_left_in.py::test_five_boots_install_once_and_hardly_write": (35,),
    "trace/selectors_test.c::stick_left_in_installs_once": (35,),
    "boot/test_power_cut.py::test_three_cuts_then_the_install_goes_on_where_it_was": (36,),
    "boot/test_reset_cause.py::test_power_flicker_costs_a_trial_nothing_until_its_grace_is_gone": (37,),
    "boot/test_reset_cause.py::test_unexplained_power_cut_costs_a_try": (37,),
    "boot/test_slot_that_cannot_be_written.py::test_install_that_fails_midway_is_not_tried_at_each_boot": (38,),
    "boot/test_reinstall_after_rollback_is_refused.py::test_release_that_failed_is_not_installed_again": (38,),
    "unit/plan_test.c::automatic_installs_stop_at_eight_between_commits": (38,),
    "trace/boots_test.c::power_cuts_on_trial": (37,),
    "trace/plain_test.c::plain_root_is_never_on_a_stick": (24, 27),
    "boot/test_command_line.py::test_damaged_command_line_boots": (39,),
    "boot/test_command_line.py::test_words_that_are_taken_and_wrong_stop_no_boot": (39,),
    "boot/test_command_line.py::test_parameter_that_a_module_refuses_costs_no_disk": (39,),
    "trace/plain_test.c::plain_root_that_never_comes_gives_way_to_a_slot": (39,),
    "unit/os_linux_test.c::what_is_no_watchdog_is_not_written_to": (39,),
    "boot/test_debug_shell.py::test_release_image_has_none_and_names_the_key": (40,),
    "boot/test_rescue_never_ends.py::test_it_tells_waits_and_restarts_again_and_again": (40,),
    "boot/test_hooks.py::test_hook_sees_its_environment_and_nothing_else": (41,),
    "boot/test_hooks.py::test_check_that_hangs_is_killed_and_has_failed": (41,),
    "boot/test_init_hangs.py::test_watchdog_ends_three_tries_and_the_old_system_comes_back": (42,),
    "boot/test_what_hangs_is_reset.py::test_watchdog_resets_a_kernel_and_an_init_that_hang": (42,),
}
# What no list has.
BEYOND = {
    "A damaged copy is held against the genuine release": (
        "hostile/test_freshness.py::test_damaged_copies_do_not_poison_the_genuine_one",
        "boot/test_staged_copy_decays.py::test_given_up_after_three_boots_and_a_good_copy_is_taken"),
    "Nine rejected releases make room for the first": (
        "hostile/test_freshness.py::test_nine_rejected_releases_make_no_room_for_the_first",
        "unit/state_test.c::what_falls_out_of_the_rejected_is_remembered_by_its_sequence"),
    "A rejected release comes back in another form, compressed, signed or described anew": (
        "hostile/test_freshness.py::test_other_forms_of_a_rejected_release_stay_rejected",
        "hostile/test_freshness.py::test_recompressed_release_stays_rejected"),
    "A bundle brings apply or the kernel down at each boot": (
        "boot/test_crash_stick_is_skipped.py::test_three_panics_then_the_protected_slot",
        "trace/boots_test.c::medium_that_crashes_the_kernel",
        "trace/updates_test.c::copy_that_stalls_apply_is_dropped_in_the_end",
        "trace/updates_test.c::stick_on_which_apply_dies_is_skipped_in_the_end",
        "trace/updates_test.c::stick_that_is_looked_at_for_too_long_is_skipped_in_the_end",
        "trace/updates_test.c::source_that_takes_the_device_down_is_skipped"),
}
NAMED = re.compile(r"^test_((?:t\d\d_)+)")
C_TEST = re.compile(r"/\*\s*Threats? ([\d, ]+):(?:(?!\*/).)*\*/\s*TEST(?:_\w+)?\((\w+)", re.S)


def of_name(name: str) -> set:
    match = NAMED.match(name)
    return set(map(int, re.findall(r"\d+", match[1]))) if match else set()


def marks(nodes: list) -> set:
    """The numbers in pytest.mark.threat(...) among these expressions."""
    found = set()
    for node in nodes:
        for part in ast.walk(node):
            if isinstance(part, ast.Call) and isinstance(part.func, ast.Attribute) and part.func.attr == "threat":
                found.update(arg.value for arg in part.args if isinstance(arg, ast.Constant))
    return found


def python_tests(path: Path):
    """(threat, name) of each test of a file that names one."""
    tree = ast.parse(path.read_text())
    everywhere = marks([node.value for node in tree.body if isinstance(node, ast.Assign)
                        and isinstance(node.targets[0], ast.Name) and node.targets[0].id == "pytestmark"])
    for node in tree.body:
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
            for number in sorted(marks(node.decorator_list) | of_name(node.name) | everywhere):
                yield number, node.name


def is_there(test: str) -> bool:
    path, _, name = test.partition("::")
    if path == STORIES:
        return f'{{ .name = "{name}", ' in (TOP / "tests/sim/ioerr_story.c").read_text()
    path = TOP / "tests" / path
    head = re.compile(rf"^(?:def {name}\(|TEST(?:_\w+)?\({name}[,)])", re.M)
    return path.exists() and head.search(path.read_text()) is not None


def collect() -> dict:
    """{threat: [path::test]}, of all folders."""
    found = {number: [] for number in THREATS}
    for test, numbers in ELSEWHERE.items():
        for number in numbers:
            found[number].append(f"tests/{test}")
    for path in sorted([*(TOP / "tests").glob("*.py"), *(TOP / "tests/boot").glob("test_*.py"),
                        *(TOP / "tests/hostile").glob("test_*.py")]):
        for number, name in python_tests(path):
            found.setdefault(number, []).append(f"{path.relative_to(TOP)}::{name}")
    for path in sorted([*(TOP / "tests/unit").glob("*_test.c"), *(TOP / "tests/trace").glob("*_test.c")]):
        for numbers, name in C_TEST.findall(path.read_text()):
            for number in map(int, numbers.replace(" ", "").split(",")):
                found.setdefault(number, []).append(f"{path.relative_to(TOP)}::{name}")
    return {number: list(dict.fromkeys(tests)) for number, tests in found.items()}


def everywhere() -> list:
    """All tests that a row names."""
    beyond = [f"tests/{test}" for tests in BEYOND.values() for test in tests]
    return sorted({test for tests in collect().values() for test in tests}.union(beyond))


def programs() -> dict:
    """{program of C tests, in the folder of a build: the tests in it that a row names}."""
    found = {}
    for test in everywhere():
        path, _, name = test.partition("::")
        if path.endswith(".c"):
            found.setdefault(path.removesuffix(".c"), []).append(name)
    return found


def later() -> set:
    """The numbers in the first column of the table of what is not promised, or comes later."""
    text = LIMITS.read_text() if LIMITS.exists() else ""
    section = re.search(r"^## [^\n]*(?:[Nn]ot promised|[Ll]ater)[^\n]*\n(.*?)(?=^## |\Z)", text, re.M | re.S)
    if section is None:
        return set()
    return {int(number) for row in LATER.findall(section[1]) for number in row.split(",")}


def short(test: str) -> str:
    path, name = test.removeprefix("tests/").split("::")
    if path == STORIES:
        return f"the story \"{name}\", each operation failing in turn (`{path}`)"
    words = re.sub(NAMED, "", name).removeprefix("test_").replace("_", " ")
    return f"{words} (`{path}`)"


def table() -> str:
    lines = ["| | threat | tests |", "|---|---|---|"]
    for number, tests in sorted(collect().items()):
        cell = "<br>".join(map(short, tests)) or "see [LIMITS.md](LIMITS.md)"
        lines.append(f"| {number} | {THREATS.get(number, '?')} | {cell} |")
    for title, tests in BEYOND.items():
        lines.append(f"| | {title} | {'<br>'.join(map(short, tests))} |")
    return "\n".join(lines) + "\n"


def write() -> None:
    text = PAGE.read_text() if PAGE.exists() else f"{HEADING}\n\n{BEGIN}\n{END}\n"
    before, _, rest = text.partition(BEGIN)
    PAGE.write_text(f"{before}{BEGIN}\n\n{table()}\n{END}{rest.partition(END)[2]}")


if __name__ == "__main__":
    if sys.argv[1:] == ["--write"]:
        write()
    elif sys.argv[1:] == ["--programs"]:
        print(" ".join(programs()))
    else:
        print(table(), end="")
