# SPDX-License-Identifier: Apache-2.0
"""`keelboot check`: the health checks of the running system."""
import os
import re
import signal
import time
from pathlib import Path
from subprocess import DEVNULL

import pytest
from cli_device import FAILURE, KEELBOOT, OK, USAGE, call, run


@pytest.fixture(name="check")
def make_check(good):
    """Puts a check into one of the folders."""
    def put(name, body, folder="usr/lib", mode=0o755):
        path = good.root / folder / "keelboot/check.d" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"#!/bin/sh\n{body}\n")
        path.chmod(mode)
        return path
    return put


def lines(result) -> list:
    """Without the times."""
    return [" ".join(re.sub(r" +\d+\.\d s( |$)", " ", line).split()) for line in result.stdout.splitlines()]


@pytest.fixture(name="greenboot")
def make_greenboot(good):
    """Puts a file into its folders: "required.d/10-x.sh"."""
    def put(name, body="exit 0", folder="etc/greenboot/check", mode=0o644):
        path = good.root / folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"#!/bin/sh\n{body}\n")
        path.chmod(mode)
        return path
    return put


def test_without_checks_nothing_is_wrong(good):
    result = good("check")
    assert result.stdout == "" and "no checks" in result.stderr
    assert good.json("check") == {"schema": 1, "ok": True, "checks": []}


def test_all_run_in_order_and_one_that_fails_fails_all(good, check):
    check("20-second", f"echo second >> {good.path}/ran; echo no modem >&2; exit 3")
    check("10-first", f"echo first >> {good.path}/ran")
    check("30-third", f"echo third >> {good.path}/ran", folder="etc")
    result = good("check", code=FAILURE)
    assert (good.path / "ran").read_text() == "first\nsecond\nthird\n"
    assert lines(result) == ["ok 10-first", "FAILED 20-second exit 3", "output: no modem", "ok 30-third",
                             "1 of 3 checks failed."]
    told = good.json("check", code=FAILURE)
    assert not told["ok"]
    assert [(c["name"], c["ok"], c["result"]) for c in told["checks"]] == [
        ("10-first", True, "exit 0"), ("20-second", False, "exit 3"), ("30-third", True, "exit 0")]


def test_what_passed_is_called_that(good, check):
    check("10-one", "exit 0")
    assert lines(good("check")) == ["ok 10-one", "The check passed."]
    check("20-two", "exit 0")
    assert good("check").stdout.splitlines()[-1] == "All 2 checks passed."


def test_it_changes_no_state(good, check):
    check("10-bad", "exit 1")
    before = good.state.read_bytes()
    good("check", code=FAILURE)
    assert good.state.read_bytes() == before


def test_a_check_in_etc_takes_the_place_of_its_namesake(good, check):
    check("10-modem", "exit 1")
    check("10-modem", "exit 0", folder="etc")
    assert [c["ok"] for c in good.json("check")["checks"]] == [True]


def test_a_link_to_dev_null_switches_its_namesake_off(good, check):
    check("10-app", "exit 0")
    check("40-memory", "exit 1")
    (good.root / "etc/keelboot/check.d").mkdir()
    (good.root / "etc/keelboot/check.d/40-memory").symlink_to("/dev/null")
    assert lines(good("check")) == ["ok 10-app", "- 40-memory - off: a link to /dev/null", "The check passed."]
    assert [(one["name"], one["disabled"], one["ok"]) for one in good.json("check")["checks"]] == [
        ("10-app", False, True), ("40-memory", True, True)]
    (good.root / "usr/lib/keelboot/check.d/10-app").unlink()
    assert good("check").stdout.splitlines()[-1] == "No check ran: all of them are off."


@pytest.mark.parametrize("target", ("/dev/nul", "/dev/null/x", "/dev/zero", "nothing", "../check.d/40-memory"))
def test_a_link_to_anything_else_is_a_check_that_runs(good, check, target):
    check("40-memory", "exit 0", folder="usr/lib")
    (good.root / "etc/keelboot/check.d").mkdir()
    (good.root / "etc/keelboot/check.d/40-memory").symlink_to(target)
    assert lines(good("check", code=FAILURE))[0].startswith("FAILED 40-memory")
    (good.root / "etc/keelboot/check.d/40-memory").unlink()
    (good.root / "usr/lib/keelboot/check.d/50-link").symlink_to("40-memory")
    assert lines(good("check"))[:2] == ["ok 40-memory", "ok 50-link"]


def test_a_root_may_be_a_relative_path(good, check):
    check("10-one", "exit 0")
    done = call(KEELBOOT, "--conf-root", good.root.name, "check", cwd=good.root.parent)
    assert lines(done) == ["ok 10-one", "The check passed."]


def test_help_names_all_folders_and_whose_failure_counts():
    told = run("check", "--help", code=OK).stdout
    for word in ("/usr/lib/keelboot/check.d", "/etc/keelboot/check.d", "/usr/lib/greenboot", "/etc/greenboot",
                 "check/required.d", "check/wanted.d", "only wanted", "/dev/null"):
        assert word in told


def test_what_is_no_check(good, check):
    check(".hidden", "exit 1")
    check("10-old~", "exit 1")
    good("check")
    check("10-not-executable", "exit 0", mode=0o644)
    assert "not an executable file" in good("check", code=FAILURE).stdout


def test_name_of_any_length_is_a_check(good, check, greenboot):
    """255 bytes are what a file system takes."""
    check("10-" + "x" * 252, "exit 4")
    greenboot("required.d/" + "y" * 252 + ".sh", "exit 5")
    assert [(len(one["name"]), one["result"]) for one in good.json("check", code=FAILURE)["checks"]] == [
        (255, "exit 4"), (266, "exit 5")]


def fill(check, greenboot, number):
    """So many checks, in six folders."""
    for n in range(number):
        if n < 100:
            check(f"{n:03d}", "exit 0", folder=("etc", "usr/lib")[n % 2])
        else:
            greenboot(f"{('required', 'wanted')[n % 2]}.d/{n:03d}.sh", "exit 0",
                      ("etc/greenboot/check", "usr/lib/greenboot/check")[n // 2 % 2])


def test_all_of_256_run_and_one_more_is_an_error(good, check, greenboot):
    """A check that is dropped would pass."""
    fill(check, greenboot, 256)
    check("000", "exit 1", folder="usr/lib")  # its namesake in /etc takes its place
    assert good("check").stdout.endswith("All 256 checks passed.\n")
    greenboot("wanted.d/999.sh", "exit 1")
    result = good("check", code=FAILURE)
    assert result.stdout == "" and "more than 256 programs" in result.stderr


def runs(pid: int) -> bool:
    """It may end at any moment, even between the opening and the reading of what the kernel says of it."""
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="ascii").split()[2] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def test_a_check_that_hangs_is_ended_with_all_its_children(good, check):
    check("10-hangs", f"sleep 300 & echo $! > {good.path}/child; wait")
    for _ in range(5):              # a busy machine may need more than one try to be so quick
        begin = time.monotonic()
        assert "timed out" in good("check", "--timeout", 1, code=FAILURE).stdout
        took = time.monotonic() - begin
        if took < 20 and (good.path / "child").exists():
            break
    assert took < 20
    child = int((good.path / "child").read_text())
    for _ in range(600):
        if not runs(child):
            break
        time.sleep(0.1)
    else:
        pytest.fail("the child of the check still runs")


@pytest.mark.parametrize("how, last", [("setsid sh", "exit 0"), ("setsid sh", "exit 1"), ("setsid sh", "sleep 300"),
                                       ("setsid sh -c 'setsid \"$@\" & sleep 300' - sh", "kill -9 $$")])
def test_nothing_of_a_check_outlives_it_in_a_session_of_its_own(good, check, how, last):
    """It is there, and then it is not, without a pause."""
    child = good.path / "child"
    check("10-starts", f"{how} -c 'trap \"\" TERM HUP; echo $$ >{child}; sleep 300' & "
                       f"while [ ! -s {child} ]; do sleep 0.1; done; {last}")
    for seconds in (4, 16, 64):     # until it is there
        good("check", "--timeout", seconds, code=None)
        if child.exists():
            break
    assert not runs(int(child.read_text()))


def test_a_check_ends_no_child_of_others(good, check):
    """A shell that becomes the command has left it its own."""
    check("10-app", "exit 0")
    child = good.path / "child"
    call("sh", "-c", 'sleep 300 & echo $! >"$0"; exec "$@"', child, KEELBOOT, *good.options(), "check", stdout=DEVNULL,
         stderr=DEVNULL, capture_output=False)
    pid = int(child.read_text())
    assert runs(pid)
    os.kill(pid, signal.SIGKILL)


def test_a_check_that_dies(good, check):
    check("10-dies", "kill -SEGV $$")
    assert "signal 11" in good("check", code=FAILURE).stdout


def test_the_environment_is_told_and_no_more(good, check):
    check("10-env", f"env | grep -v '^_=\\|^PWD=\\|^SHLVL=' | sort > {good.path}/env")
    good.boot("a", token=0, status="good", version="1.0")
    good("check", env={"SECRET": "x"})
    assert (good.path / "env").read_text().splitlines() == [
        "KEELBOOT_SLOT=a", "KEELBOOT_STAGE=check", "KEELBOOT_STATUS=good", "KEELBOOT_TIMEOUT=60",
        "KEELBOOT_VERSION=1.0", "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"]


def test_what_a_check_prints_cannot_reach_the_terminal(good, check):
    check("10-evil", "printf '\\033[31mred\\007\\n'; exit 1")
    result = good("check", code=FAILURE)
    assert "\033" not in result.stdout + result.stderr and "?[31mred?" in result.stdout


# ---------------------------------------------------------------- greenboot's

VENDOR = "usr/lib/greenboot/check"


def test_greenboots_run_in_its_order_behind_our_own(good, check, greenboot):
    ran = good.path / "ran"
    check("99-own", f"echo own >>{ran}")
    for name, folder in (("wanted.d/10-a.sh", VENDOR), ("required.d/10-b.sh", "etc/greenboot/check"),
                         ("required.d/20-c.sh", VENDOR), ("required.d/10-d.sh", VENDOR)):
        greenboot(name, f"echo {name[-4]} >>{ran}", folder)
    good("check")
    assert ran.read_text().split() == ["own", "d", "c", "b", "a"]


def test_one_that_is_only_wanted_fails_nothing(good, greenboot):
    greenboot("required.d/10-a.sh")
    greenboot("wanted.d/10-b.sh", "echo no modem; exit 1")
    result = good("check")
    assert lines(result) == ["ok required.d/10-a.sh", "failed wanted.d/10-b.sh exit 1; wanted only", "output: no modem",
                             "All required checks passed; 1 of those that are only wanted failed."]
    assert [c["required"] for c in good.json("check")["checks"]] == [True, False]


def test_one_that_is_required_fails_all(good, greenboot):
    greenboot("required.d/10-a.sh", "exit 4")
    assert "FAILED required.d/10-a.sh exit 4" in lines(good("check", code=FAILURE))


def test_bash_runs_what_ends_with_sh_and_nothing_else_needs_no_x(good, greenboot):
    """-C: an existing file is not overwritten by >."""
    (good.path / "there").write_text("kept\n")
    greenboot("required.d/10-bash.sh", f"[[ -n $BASH_VERSION ]] && ! echo x 2>/dev/null >{good.path}/there")
    greenboot("required.d/20-program", mode=0o755)
    good("check")
    assert (good.path / "there").read_text() == "kept\n"


def test_what_is_neither_a_script_nor_executable_is_no_check_of_greenboot(good, greenboot):
    greenboot("required.d/10-a.sh")
    greenboot("required.d/README")
    greenboot("required.d/lib/functions.sh", "exit 1", mode=0o755)
    greenboot("required.d/lib.sh/functions.sh", "exit 1", mode=0o755)
    assert lines(good("check")) == ["ok required.d/10-a.sh", "The check passed."]
    (good.root / "etc/greenboot/check/required.d/20-gone.sh").symlink_to("nowhere")
    result = good("check")
    assert lines(result) == ["ok required.d/10-a.sh", "The check passed."]
    assert "required.d/20-gone.sh: leads nowhere: skipped, as greenboot skips it" in result.stderr


def test_greenboot_without_required_checks_cannot_pass(good, greenboot):
    greenboot("wanted.d/10-a.sh")
    result = good("check", code=FAILURE)
    assert "greenboot is there without check/required.d" in result.stderr


def test_one_that_hangs_or_floods_is_ended(good, greenboot):
    greenboot("required.d/10-hangs.sh", "trap '' TERM; while :; do sleep 300; done")
    greenboot("required.d/20-floods.sh", "yes y | head -c 50000000; exit 1")
    said = lines(good("check", "--timeout", 4, code=FAILURE))
    assert "FAILED required.d/10-hangs.sh timed out" in said and "2 of 2 checks failed." in said


@pytest.mark.parametrize("conf", [
    'DISABLED_HEALTHCHECKS=("20-b.sh" "gone.sh")\n',
    "[x]\n  DISABLED_HEALTHCHECKS = ( '20-b.sh'\n# not ) this\n\tgone.sh )\n"])
def test_what_greenboots_configuration_disables_does_not_run(good, greenboot, conf):
    greenboot("required.d/10-a.sh")
    greenboot("required.d/20-b.sh", "exit 1")
    (good.root / "etc/greenboot/greenboot.conf").write_text(conf)
    result = good("check")
    assert lines(result)[1].startswith("- required.d/20-b.sh") and "disabled in greenboot.conf" in result.stdout
    assert "names gone.sh, and there is no such check" in result.stderr


@pytest.mark.parametrize("conf", [b"", b"DISABLED_HEALTHCHECKS", b"DISABLED_HEALTHCHECKS=(" + b"x" * 70000,
                                  b"DISABLED_HEALTHCHECKS=\0\xff(((\n"])
def test_a_configuration_that_is_garbage_disables_nothing(good, greenboot, conf):
    greenboot("required.d/10-a.sh", "exit 1")
    (good.root / "etc/greenboot/greenboot.conf").write_bytes(conf)
    good("check", code=FAILURE)


@pytest.mark.parametrize("args, code", [(["--timeout", "0"], USAGE), (["x"], USAGE), ([], OK)])
def test_usage(tmp_path, args, code):
    run("--conf-root", tmp_path, "check", *args, code=code)
