# SPDX-License-Identifier: Apache-2.0
"""tests/run: which suites `make check` and `make check-long` come to."""

import importlib.machinery
import importlib.util
import json
import os
import re
import sys
import time

import pytest
from cli_device import TOP, call


@pytest.fixture(name="runner", scope="module")
def load_runner():
    loader = importlib.machinery.SourceFileLoader("keelboot_run", str(TOP / "tests/run"))
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader(loader.name, loader))
    sys.modules[loader.name] = module           # a process of its own is given functions by their names
    loader.exec_module(module)
    return module


def test_long_is_every_suite_and_the_default_all_but_the_long_ones(runner):
    assert set(runner.SUITES) - set(runner.chosen([], True)) == set(runner.APART) == {
        "boards", "distro", "health", "loaders", "servers", "arm64-unit", "arm64-trace",
        "arm64-sim", "arm64-host", "arm64-boot",
        *runner.PROCESSOR_SUITES}
    long = set(runner.chosen([], True)) - set(runner.chosen([], False))
    assert long == set(runner.LONG) == {"host-long", "boot-long", "ioerr-san", "sim-san", "sim-whole"}
    assert runner.chosen(["unit"], False) == ["unit"]


def test_make_names_no_suites_of_its_own():
    """A list in the Makefile would be behind this one: it was."""
    assert re.findall(r"SUITES=(.*)", (TOP / "Makefile").read_text()) == ["--long"]


def test_check_arm64_is_every_suite_of_that_processor(runner):
    called = re.search(r"@tests/run (boot-arm64 .*)", (TOP / "Makefile").read_text())[1].split()
    assert called == ["boot-arm64", *runner.ARM64] == [name for name in runner.SUITES if "arm64" in name]


def test_check_processors_is_every_suite_of_the_others(runner):
    assert "@tests/run --processors\n" in (TOP / "Makefile").read_text()
    others = set(runner.PROCESSORS) - {"arm64"}
    suites = {f"{name}-{kind}" for name in others for kind in ("unit", "trace")}
    kernels = {f"{name}-kernel" for name in others & set(runner.BOARDS)}
    assert kernels == {"armhf-kernel", "riscv64-kernel", "s390x-kernel"}
    assert set(runner.PROCESSOR_SUITES) == suites | kernels | {"riscv64-boot", "s390x-boot"}
    wanted = call(TOP / "qemu/deps", "--list", "processors").stdout.split()
    assert {f"gcc-{one.machine}" for name, one in runner.PROCESSORS.items() if name in others} <= set(wanted)


def test_programs_that_an_emulator_cannot_run_are_listed_as_skipped(runner, monkeypatch):
    ran = []
    monkeypatch.setattr(runner, "cmocka", lambda result, programs, environment: ran.extend(programs))
    result = runner.Result("armhf-unit")
    runner.of_processor(result, "armhf", "unit")
    assert {path.stem for path in ran}.isdisjoint(runner.CAGED) and len(ran) > 50
    assert [line.split(":")[0].rpartition("/")[2] for line in result.skipped] == sorted(runner.CAGED)
    ran.clear()
    runner.of_processor(runner.Result("i386-unit"), "i386", "unit")
    assert set(runner.CAGED) < {path.stem for path in ran}


def test_files_of_the_boots_of_other_processors_are_there(runner):
    for name in (*runner.ARM64_SHORT, *runner.ARM64_CORE, *runner.S390X_BOOT):
        assert (TOP / f"tests/boot/test_{name}.py").is_file(), name


def test_unit_tests_on_a_kernel_are_counted_one_by_one_and_what_ends_early_fails(runner, monkeypatch, tmp_path):
    said = ("--- good_test\n[  SKIPPED ] not_here\n[  PASSED  ] 2 test(s).\nend 0\n"
            "--- bad_test\n[  PASSED  ] 1 test(s).\n[  FAILED  ] 1 test(s), listed below:\nend 1\n"
            "--- killed_test\n[ RUN      ] half\n\nend 137\n")
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests/on_kernel").write_text(f"#!/bin/sh\ncat <<'END'\n{said}END\nexit 1\n")
    (tmp_path / "tests/on_kernel").chmod(0o755)
    monkeypatch.setattr(runner, "TOP", tmp_path)
    result = runner.Result("arm64-unit")
    runner.on_kernel(result, "arm64")
    assert (result.passed, result.failed) == (3, 2)
    assert result.skipped == ["build/aarch64/tests/unit/good_test: not_here"]
    (tmp_path / "tests/on_kernel").write_text("#!/bin/sh\necho no machine\nexit 1\n")
    result = runner.Result("arm64-unit")
    runner.on_kernel(result, "arm64")
    assert (result.passed, result.failed) == (0, 1)


@pytest.fixture(name="suites")
def suites_that_write_down(runner, monkeypatch, tmp_path):
    """host ends when planted has begun: it would wait for ever for one that comes after it."""
    def suite(name):
        def run(result, options):
            print(f"{name} was here", flush=True)
            with open(tmp_path / "order", "a", encoding="ascii") as file:
                file.write(f"{name} {options}\n")
            with open(tmp_path / "nice", "a", encoding="ascii") as file:
                file.write(f"{name} {os.getpriority(os.PRIO_PROCESS, 0)}\n")
            result.passed = 1
            for _ in range(600 if name == "host" else 0):
                if "planted" in (tmp_path / "order").read_text():
                    break
                time.sleep(0.1)
            else:
                result.failed = int(name == "host")
        return run
    monkeypatch.setattr(runner, "SUITES", {name: suite(name) for name in runner.SUITES})
    return tmp_path / "order"


def test_suites_that_compute_run_beside_those_that_wait_and_are_shown_in_their_turn(runner, suites, capfd):
    names = runner.chosen([], False)
    results = runner.play_all(names, ["-x"])
    assert [(result.name, result.passed, result.failed) for result in results] == [(name, 1, 0) for name in names]
    ran = suites.read_text().splitlines()
    assert sorted(ran) == sorted(f"{name} ['-x']" for name in names) and ran[-1].startswith("hostile")
    nice = dict(line.split() for line in (suites.parent / "nice").read_text().splitlines())
    assert {name for name in names if int(nice[name]) > int(nice["host"])} == set(runner.BESIDE) - set(runner.LONG)
    said = capfd.readouterr().out
    for name in names:
        assert f"== {name}\n{name} was here\n  {name} " in said


def test_a_suite_that_computes_runs_by_itself_where_no_long_one_does(runner, suites, capfd):
    assert [result.name for result in runner.play_all(["sim", "unit"], [])] == ["sim", "unit"]
    assert suites.read_text() == "sim []\nunit []\n"
    assert "== sim\nsim was here\n" in capfd.readouterr().out


def test_a_row_says_what_a_suite_took_of_the_processors(runner, monkeypatch):
    def spin(result, options):
        call(sys.executable, "-c", "import time\nwhile time.process_time() < 0.6: pass")
    monkeypatch.setattr(runner, "SUITES", {"unit": spin})
    result = runner.play("unit", [])
    assert 0.6 <= result.busy < 5
    assert result.row().endswith(f" s, {result.busy:.0f} s of processors)")


def test_usage_errors():
    for options in (["--long", "unit"], ["nonesuch"]):
        assert call(TOP / "tests/run", *options, code=2).stdout == ""


def test_a_word_runs_the_tests_that_have_it_in_their_names():
    """Whole programs by their names, single tests of the others; none is no success."""
    def run(*words):
        done = call(TOP / "tests/run", *words, code=None)
        return done.returncode, [int(n) for n in re.findall(r"^(\d+) passed, (\d+) failed$", done.stdout, re.M)[-1]]

    source = (TOP / "tests/unit/keyring_pem_test.c").read_text()
    known = len(re.findall(r"^\t\tcmocka_unit_test|^TEST(?!_MAIN)\w*\(", source, re.M))
    assert run("unit", "--", "keyring_pem_test") == (0, [known, 0])
    assert run("trace", "--", "blank_state_is_made_from_the_slots") == (0, [1, 0])
    assert run("unit", "--", "no_test_is_called_that") == (1, [0, 0])


def test_a_mistyped_word_is_named():
    done = call(TOP / "tests/run", "unit", "trace", "--", "no_test_is_called_that", code=1)
    for folder in ("unit", "trace"):
        assert f"no test in tests/{folder} has the word no_test_is_called_that" in done.stdout


def test_an_editor_knows_how_each_source_is_compiled():
    call("make", "-s", "-C", TOP, "compile_commands.json")
    known = {entry["file"] for entry in json.loads((TOP / "compile_commands.json").read_text())}
    folders = ("lib", "kernel-cmdline", "selector", "update", "hooks", "initramfs", "libkeelboot", "cli",
               "channel", "fleet", "tests")
    assert known == {str(path.relative_to(TOP)) for folder in folders for path in (TOP / folder).rglob("*.c")}


def test_an_option_for_pytest_is_no_word():
    """It matches no test, and all was green: so the suites on Debian 13 were empty."""
    done = call(TOP / "tests/run", "unit", "trace", "--", "--ignore=x", code=1)
    assert done.stdout.splitlines()[-1] == "0 passed, 2 failed"


def test_a_skipped_c_test_is_listed(runner, tmp_path, monkeypatch):
    """"Skipped: nothing" was said of C tests that a user without rights cannot run."""
    monkeypatch.setattr(runner, "TOP", tmp_path)
    program = tmp_path / "some_test"
    program.write_text("""#!/bin/sh
echo "[==========] Running 1 test(s)."
echo "[  SKIPPED ] as_root"
echo "[  PASSED  ] 0 test(s)."
echo "[  SKIPPED ] 1 test(s), listed below:"
echo "[  SKIPPED ] as_root"
""")
    program.chmod(0o755)
    result = runner.Result("unit")
    runner.cmocka(result, [program])
    assert (result.passed, result.failed, result.skipped) == (0, 0, ["some_test: as_root"])


def test_what_failed_is_named_again_at_the_end(runner, tmp_path, monkeypatch, capsys):
    """CI shows the end only: "23 passed, 1 failed", and nobody knew which one."""
    def script(name, text):
        (tmp_path / name).write_text(f"#!/bin/sh\ncat <<'END'\n{text}END\nexit 1\n")
        (tmp_path / name).chmod(0o755)
        return tmp_path / name

    programs = [script("some_test", "[  FAILED  ] 1 test(s), listed below:\n[  FAILED  ] reads_it\n"),
                script("other_test", "Segmentation fault\n")]
    figures = script("figures", "much\nworse: calls: 7, where 3 is wanted\nfigures: 23 passed, 1 failed\n")

    def host(result, options):
        case = '<testcase classname="tests.test_x" name="test_a"><failure/></testcase>'
        monkeypatch.setattr(runner, "PYTEST", [
            "sh", "-c", f"echo '<testsuite>{case}</testsuite>' >{tmp_path}/build/report/host.xml", "sh"])
        runner.pytest(result, "tests", 1, options)
    monkeypatch.setattr(runner, "TOP", tmp_path)
    monkeypatch.setattr(runner, "SUITES", {
        "unit": lambda r, o: runner.cmocka(r, programs), "bench-quick": lambda r, o: runner.counting(r, figures),
        "host": host})
    monkeypatch.setattr(sys, "argv", ["run", "unit", "bench-quick", "host"])
    assert runner.main() == runner.FAILED
    assert capsys.readouterr().out.partition("\nFailed:\n")[2].splitlines() == [
        "  some_test: reads_it", "  other_test: exit 1", "  bench-quick: much",
        "  bench-quick: worse: calls: 7, where 3 is wanted", "  bench-quick: figures: 23 passed, 1 failed",
        "  tests.test_x.test_a", "Skipped: nothing", "23 passed, 4 failed"]


def test_a_part_of_which_the_options_choose_nothing_did_not_fail(runner, tmp_path, monkeypatch):
    """`tests/run loaders -- -k arm64` failed by its other part."""
    (tmp_path / "build/report").mkdir(parents=True)
    monkeypatch.setattr(runner, "TOP", tmp_path)
    report = tmp_path / "build/report/host.xml"
    monkeypatch.setattr(runner, "write_rows", lambda *_, **__: 0)
    for status, suite, options, failed in ((5, "loaders", ["-k", "x"], 0), (5, "loaders", [], 2),
                                           (2, "loaders", ["-k", "x"], 2), (5, "host", [], 1), (5, "host", ["-x"], 1)):
        files = " ".join(f"{report.with_name(suite)}{part}.xml" for part in ("", "-arm64"))
        monkeypatch.setattr(runner, "PYTEST", [
            "sh", "-c", f"echo '<testsuite/>' | tee {files} >/dev/null; exit {status}", "sh"])
        result = runner.Result(suite)
        runner.SUITES[suite](result, options)
        assert (result.passed, result.failed, len(result.broken)) == (0, failed, failed)


def test_the_report_has_what_was_skipped_and_fails_for_it(runner, tmp_path, monkeypatch):
    monkeypatch.setattr(runner, "TOP", tmp_path)
    report = tmp_path / "build/report"
    report.mkdir(parents=True)
    (report / "health.xml").write_text(
        '<testsuite><testcase classname="x.test_health_data" name="test_a[btrfs]" time="2.4"/>'
        '<testcase classname="x.test_health_data" name="test_b" time="0"><skipped message="m"/></testcase>'
        '<testcase classname="x.test_health_data" name="test_c" time="1"><failure/></testcase></testsuite>')

    def row(file, scenario, parameters):
        return {"part": file, "scenario": f"{scenario} {parameters}".strip()}
    assert runner.write_rows("health", row, skips=True) == 1
    rows = json.loads((report / "health.json").read_text())
    assert [(one["scenario"], one["result"]) for one in rows] == [("a btrfs", "pass"), ("b", "skip"), ("c", "fail")]
    assert runner.write_rows("health", row) == 0
    assert len(json.loads((report / "health.json").read_text())) == 2


def distro_report(runner, monkeypatch, tmp_path, *, skips: bool):
    """What `make check-distro` comes to after a run with this report."""
    skipped = "<skipped message='KEELBOOT_X names nothing'/>" if skips else ""
    def pytest_run(result, first, jobs, options):
        (tmp_path / "build/report/distro.xml").write_text(
            '<testsuite><testcase classname="b.test_distro" name="test_a[dracut-shell/]" time="1"/>'
            f'<testcase classname="b.test_yocto" name="test_b[scarthgap]" time="0">{skipped}</testcase>'
            f'<testcase classname="b.test_yocto" name="test_c" time="0">{skipped}</testcase>'
            '<testcase classname="b.test_distro" name="test_d[mkinitcpio-busybox]" time="0"/></testsuite>')
        result.passed = 2
    (tmp_path / "build/report").mkdir(parents=True)
    monkeypatch.setattr(runner, "TOP", tmp_path)
    monkeypatch.setattr(runner, "pytest", pytest_run)
    monkeypatch.setattr(sys, "argv", ["run", "distro"])
    return runner.main()


def test_a_run_that_left_targets_out_ends_with_an_error_and_their_names(runner, monkeypatch, tmp_path, capfd):
    assert distro_report(runner, monkeypatch, tmp_path, skips=True) == runner.NOT_WHOLE != 0
    said = capfd.readouterr().out.splitlines()
    assert said[-2].startswith("NOT WHOLE: ") and "tests/README.md" in said[-2]
    assert said[-1] == "  yocto: 2 of 2: KEELBOOT_X names nothing"


def test_a_run_of_all_targets_is_whole(runner, monkeypatch, tmp_path, capfd):
    assert distro_report(runner, monkeypatch, tmp_path, skips=False) == 0
    assert "NOT WHOLE" not in capfd.readouterr().out


def servers_report(runner, monkeypatch, tmp_path, skips):
    """What `make check-fleet` comes to; skips: servers that are not here."""
    def case(server, name, parameters):
        end = f"<skipped message='no {server} here'/>" if server in skips else ""
        return f'<testcase classname="f.test_fleet_x" name="{name}[{parameters}]" time="1">{end}</testcase>'

    def pytest_run(result, first, jobs, options, may_be_none):
        machines = result.name.endswith("machines")
        (tmp_path / f"build/report/{result.name}.xml").write_text("<testsuite>" + (
            case("hawkbit", "test_five", "") if machines else case("own", "test_a", "own") +
            case("hawkbit", "test_a", "hawkbit-503") + case("goosebit", "test_b", "goosebit")) + "</testsuite>")
        result.passed = 1
    (tmp_path / "build/report").mkdir(parents=True)
    monkeypatch.setattr(runner, "TOP", tmp_path)
    monkeypatch.setattr(runner, "pytest", pytest_run)
    monkeypatch.setattr(sys, "argv", ["run", "servers"])
    return runner.main()


def test_a_run_without_a_server_of_others_is_not_whole(runner, monkeypatch, tmp_path, capfd):
    """It ended with 0, and had met none of them."""
    assert servers_report(runner, monkeypatch, tmp_path, {"hawkbit", "goosebit"}) == runner.NOT_WHOLE == 3
    said = capfd.readouterr().out.splitlines()
    assert said[-3].startswith("NOT WHOLE: scenarios of goosebit, hawkbit were not run") and "README" in said[-3]
    assert said[-2:] == ["  goosebit: 1 of 1: no goosebit here", "  hawkbit: 2 of 2: no hawkbit here"]
    rows = json.loads((tmp_path / "build/report/fleet.json").read_text())
    assert [(row["server"], row["result"]) for row in rows] == [("own", "pass")]


def test_a_run_with_all_servers_is_whole(runner, monkeypatch, tmp_path, capfd):
    assert servers_report(runner, monkeypatch, tmp_path, set()) == 0
    assert "NOT WHOLE" not in capfd.readouterr().out


def test_a_goosebit_that_cannot_be_had_is_left_out_and_no_failure(monkeypatch, tmp_path):
    monkeypatch.syspath_prepend(str(TOP / "tests/fleet"))
    import goose
    def refused(*command, **_):
        raise goose.subprocess.CalledProcessError(1, command[0])
    monkeypatch.setattr(goose, "FOLDER", tmp_path / "venv")
    monkeypatch.setattr("venv.create", lambda *_, **__: None)
    monkeypatch.setattr(goose.subprocess, "run", refused)
    with pytest.raises(pytest.skip.Exception, match="no venv with goosebit"), goose.running_or_skipped(tmp_path):
        pass


def test_the_readme_says_what_each_variable_of_a_skipped_scenario_names():
    """A reason that a scenario gives has its name."""
    readme = (TOP / "tests/README.md").read_text()
    files = [path.read_text() for path in (TOP / "tests/boot").glob("*.py")]
    named = {name for text in files for name in re.findall(r'"(KEELBOOT_\w+) names no', text)}
    assert {"KEELBOOT_MKINITCPIO", "KEELBOOT_BUILDROOT", "KEELBOOT_YOCTO"} <= named
    assert [name for name in named if not re.search(rf"^\| `{name}` \|.*https://", readme, re.M)] == []


def test_each_simulation_is_emulated_in_part_or_left_out_with_a_reason(runner):
    emulated = runner.emulated
    stories = call(TOP / "build/tests/sim/ioerr_sim", "--help", code=None).stderr.split("stories: ")[1].split()
    left = {name for name in emulated.SIMS_LEFT_OUT if " " not in name}
    programs = {path.name.removesuffix("_sim_main.c") for path in (TOP / "tests/sim").glob("*_sim_main.c")}
    assert set(emulated.PARTS) | left == programs - {"cutlog"} and not set(emulated.PARTS) & left
    of_ioerr = {name.removeprefix("ioerr ") for name in emulated.SIMS_LEFT_OUT if name not in left}
    assert sorted([*emulated.PARTS["ioerr"].stories, *of_ioerr]) == sorted(stories)


def test_a_part_that_is_too_small_fails(runner, tmp_path):
    report = tmp_path / "arm64-x.json"
    part = runner.emulated.Part((), {"states": 3, "runs": 1})
    assert len(runner.emulated.short(report, part)) == 2
    report.write_text('{"states": 2, "runs": 1}')
    assert runner.emulated.short(report, part) == ["arm64-x.json: 2 states, fewer than 3"]
    report.write_text('{"states": 3, "runs": 1}')
    assert runner.emulated.short(report, part) == []


def test_programs_of_the_same_name_have_scripts_of_their_own(runner, monkeypatch, tmp_path):
    """The command of the tests took the place of that which makes the deltas of simulations."""
    monkeypatch.setattr(runner.emulated, "BUILD", tmp_path)
    programs = [tmp_path / "keelboot", tmp_path / "tests/sim/keelboot"]
    scripts = [runner.emulated.starter(program) for program in programs]
    assert all(f" {program} " in script.read_text() for program, script in zip(programs, scripts))


def test_files_of_the_emulated_command_are_there(runner):
    for option in runner.emulated.host_options():
        assert (TOP / option.removeprefix("--left-out=")).is_file(), option


def test_what_is_left_out_has_a_reason_and_a_list_of_what_is_no_test_fails(tmp_path):
    (tmp_path / "listed").write_text("# a cage\ntest_links.py::test_no_such\n")
    command = (sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--collect-only",
               f"--left-out={tmp_path / 'listed'}", "tests/test_links.py")
    done = call(*command, code=4, cwd=TOP)
    assert "lists what is no test: test_links.py::test_no_such" in done.stderr + done.stdout
    lines = (TOP / "tests/arm64_host.txt").read_text().splitlines()
    assert lines[0].startswith("# ") and all(line.startswith(("# ", "test_")) for line in lines if line)
