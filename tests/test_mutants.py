# SPDX-License-Identifier: Apache-2.0
"""What the sweep finds in a source to take away, and what planted bugs have to say of themselves."""

import os
import re
import sys
import time
import types
from pathlib import Path

import pytest

import basis
import c_mutations
import mutants
import planted
import private_tree
import sweep
import switches

KNOWN = {"bdev_flush": "KB_OK", "is_valid": "true", "memcmp": "0"}
SOURCE = '''/* TRY(in_a_comment()); */
static const char text[] = "TRY(bdev_flush(d));";

enum kb_err save_it(struct bdev *d, const void *a)
{
	enum kb_err e;

	TRY(bdev_write(d,
		       a));
	TRY(bdev_flush(d));
	if (!is_valid(a))
		return KB_EFORMAT;
	if (d->ready)
		return KB_OK;
	e = d->ops->flush(d);
	if (e == KB_OK)
		e = other(d);
	while (e == KB_OK)
		e = next(d);
	if (e != KB_OK) {
		log_err("TRY(again)");
		return e;
	}
	while (d->more) {
		if (e < 0) {
			d->n++;
			continue;
		}
		if (d->n == 3)
			break;
	}
	return memcmp(a, d, 4) == 0 ? KB_OK : KB_EIO;
}
'''


def changes(source: str = SOURCE, rules: bool = False) -> dict[int, list[tuple[str, str]]]:
    """Line: what is taken away there, and the line as it is then."""
    found: dict[int, list[tuple[str, str]]] = {}
    for m in c_mutations.find(source, KNOWN, rules):
        text = source[:m.start] + m.new + source[m.end:]
        assert text.count("\n") == source.count("\n")
        line = source.count("\n", 0, m.start)
        found.setdefault(line + 1, []).append((m.what, text.splitlines()[line].strip()))
    return found


def test_each_safety_line_is_found_and_nothing_else():
    assert changes() == {
        8: [("error ignored", "(void)!(bdev_write(d,")],
        10: [("error ignored", "(void)!(bdev_flush(d));"), ("no bdev_flush", "TRY(KB_OK);")],
        11: [("return not taken", "if ((!is_valid(a)) && 0)"), ("no is_valid", "if (!true)")],
        15: [("no flush", "e = KB_OK;")],
        16: [("goes on after an error", "if ((e == KB_OK || 1))")],
        20: [("return not taken", "if ((e != KB_OK) && 0) {")],
        25: [("jump not taken", "if ((e < 0) && 0) {")],
        32: [("no memcmp", "return 0 == 0 ? KB_OK : KB_EIO;")],
    }


RULES = """bool rule(struct state *s, int n)
{
\tbool is = n > 0 && (s->a || !s->b) && f(n,
\t\t\t\t\t       s->c);

\ts->open = n < 1 || s->a ? n : 0;
\tif (is)
\t\tcome_closer(s);
\telse
\t\ts->slot[n].count++;
\tlog_info("a && b");
\tn = f(n, 1);
\treturn s->a ||
\t       (n == 0 && s->b);
}
"""


def test_of_rules_each_part_of_a_condition_and_each_effect_is_found():
    assert changes(RULES, True) == {
        3: [("without n > 0", "bool is = 1 && (s->a || !s->b) && f(n,"),
            ("without (s->a || !s->b)", "bool is = n > 0 && 1 && f(n,"),
            ("without s->a", "bool is = n > 0 && (0 || !s->b) && f(n,"),
            ("without !s->b", "bool is = n > 0 && (s->a || 0) && f(n,"),
            ("without f(n, s->c)", "bool is = n > 0 && (s->a || !s->b) && 1")],
        6: [("left out", "(void)0;"), ("without n < 1", "s->open = 0 || s->a ? n : 0;"),
            ("without s->a", "s->open = n < 1 || 0 ? n : 0;")],
        8: [("left out", "(void)0;")],
        10: [("left out", "(void)0;")],
        13: [("without s->a", "return 0 ||")],
        14: [("without (n == 0 && s->b)", "0;"), ("without n == 0", "(1 && s->b);"),
             ("without s->b", "(n == 0 && 1);")],
    }


def test_a_statement_has_a_switch_that_leaves_the_else_where_it_is():
    text = switches.switched(RULES, dict(enumerate(c_mutations.find(RULES, KNOWN, True), 1)))
    assert "\t\tKB_MUTANT(9) ? (void)0 : (void)(come_closer(s));\n" in text


def test_each_has_a_switch_of_its_own_also_inside_another():
    text = switches.switched(SOURCE, dict(enumerate(c_mutations.find(SOURCE, KNOWN), 1)))
    lines = dict(enumerate((line.strip() for line in text.splitlines()), 1))
    assert text.count("\n") == SOURCE.count("\n")
    assert lines[8] == "TRY(kb_mutant_try(1, bdev_write(d,"
    assert lines[10] == "TRY(kb_mutant_try(2, (KB_MUTANT(3) ? KB_OK : bdev_flush(d))));"
    assert lines[11] == "if ((!(KB_MUTANT(5) ? true : is_valid(a))) && !KB_MUTANT(4))"
    assert lines[15] == "e = (KB_MUTANT(6) ? KB_OK : d->ops->flush(d));"
    assert lines[16] == "if ((e == KB_OK || KB_MUTANT(7)))"
    assert lines[20] == "if ((e != KB_OK) && !KB_MUTANT(8)) {"
    assert lines[25] == "if ((e < 0) && !KB_MUTANT(9)) {"
    assert lines[32] == "return (KB_MUTANT(10) ? 0 : memcmp(a, d, 4)) == 0 ? KB_OK : KB_EIO;"


def test_a_place_knows_its_function():
    assert c_mutations.function(SOURCE, SOURCE.index("bdev_write")) == "save_it"


def test_a_survivor_without_a_reason_is_no_explanation(tmp_path, monkeypatch):
    path = tmp_path / "survivors.txt"
    path.write_text("# head\n\na.c\nf: TRY(x); [error ignored]\nit does\nno harm\n\nb.c\ng: y();\n")
    monkeypatch.setattr(sweep, "EXPLANATIONS", path)
    assert sweep.explanations() == {("a.c", "f: TRY(x); [error ignored]"): "it does no harm"}


TEXT = "enum kb_err f(void)\n{\n\tTRY(digest_add(d, x));\n\treturn KB_OK;\n}\n"


def first_mutant(text: str) -> sweep.Mutant:
    return sweep.Mutant("a.c", text, c_mutations.find(text, {})[0], c_mutations.bodies(c_mutations.blanked(text)))


def test_an_explanation_may_be_of_several_lines():
    m = first_mutant(TEXT)
    assert sweep.explanation({("a.c", "f: TRY(digest_*); [error ignored]"): "why"}, m)
    assert not sweep.explanation({("a.c", "f: TRY(other_*); [error ignored]"): "why"}, m)
    assert not sweep.explanation({("b.c", m.label()[1]): "why"}, m)


def test_a_mutation_is_known_by_its_function():
    key = first_mutant(TEXT).key
    other = "\nint g(void)\n{\n\treturn 1;\n}\n"
    assert first_mutant(TEXT + other).key == first_mutant(TEXT + other.replace("1", "2")).key != key
    assert first_mutant("\n" + TEXT).key != key
    assert first_mutant(TEXT.replace("return KB_OK", "return KB_EIO")).key != key


CASES = """#include "tests/unit/fix.h"

static int n = 1;

TEST(one)
{
\tn = 2;
}

TEST_WITH(two, set_up, NULL)
{
\tn = 3;
}

int main(void)
{
\treturn TEST_RUN("x");
}
"""


@pytest.fixture(name="tests")
def make_tests(tmp_path, monkeypatch):
    """A tree of tests; what x_test's case one rests on, after a file of it has changed."""
    files = {"unit/x_test.c": CASES, "unit/fix.h": '#include "tests/sim/dev_sim.h"\n', "unit/other_test.c": "",
             "sim/dev_sim.h": "", "sim/dev_sim_cut.c": "a", "sim/far.c": "", "trace/machine.h": "",
             "sim/deep_sim_main.c": '#include "tests/sim/deep_sim.h"\n', "sim/deep_sim.h": "", "sim/deep_check.c": ""}
    for name, text in files.items():
        (tmp_path / "tests" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "tests" / name).write_text(text)
    monkeypatch.setattr(basis, "ROOT", tmp_path)

    def rests_on(test: str, case: str | None, name: str = "", old: str = "", new: str = "changed") -> str:
        path = tmp_path / "tests" / name
        kept = path.read_text() if name else ""
        if name:
            path.write_text(kept.replace(old, new) if old else new)
        basis.shared.cache_clear()
        found = basis.basis(test, case)
        if name:
            path.write_text(kept)
        return found
    return rests_on


def test_what_is_known_rests_on_the_case_and_what_it_shares_with_others(tests):
    key = tests("unit/x_test", "one")
    assert key == tests("unit/x_test", "one", "unit/x_test.c", "n = 3", "n = 4")
    assert key != tests("unit/x_test", "one", "unit/x_test.c", 'TEST_RUN("x")', 'TEST_RUN("x", .set_up = set_up)')
    assert key != tests("unit/x_test", "one", "unit/x_test.c", "n = 2", "n = 4")
    assert key != tests("unit/x_test", "one", "unit/x_test.c", "n = 1", "n = 0")
    assert key != tests("unit/x_test", "two")
    assert tests("unit/x_test", None) != tests("unit/x_test", None, "unit/x_test.c", "n = 3", "n = 4")


@pytest.mark.parametrize("name", ["unit/fix.h", "sim/dev_sim.h", "sim/dev_sim_cut.c"])
def test_what_is_known_rests_on_what_the_test_is_made_with(tests, name):
    assert tests("unit/x_test", "one") != tests("unit/x_test", "one", name)


@pytest.mark.parametrize("name", ["sim/far.c", "unit/other_test.c", "trace/machine.h"])
def test_what_is_known_does_not_rest_on_what_belongs_to_others(tests, name):
    assert tests("unit/x_test", "one") == tests("unit/x_test", "one", name)


def test_a_simulation_rests_on_all_files_of_its_name(tests):
    assert tests("sim/deep_sim", "story") != tests("sim/deep_sim", "story", "sim/deep_check.c")
    assert tests("sim/deep_sim", "story") == tests("sim/deep_sim", "story", "sim/far.c")


def test_a_weakened_check_of_a_simulation_makes_what_it_killed_unknown():
    names = {path.name for path in basis.made_with(basis.source("sim/powercut_sim"))}
    assert {"powercut_check.c", "powercut_walk.c", "install_fixture.h", "os_sim_files.c", "cut_disk.c"} <= names


BLOCK = """bug: what
Killed by: unit/x_test one
Killed by: sim/ioerr_sim data --every 20
In save_it of a.c:
"""
PLANTED_IN = """#define FLAGS (ONE | TWO) /* both */

static enum kb_err other(void)
{
\treturn KB_OK;
}

enum kb_err save_it(struct bdev *d)
{
\tTRY(bdev_write(d, /* a
\t\t\t      comment */ 1));
\tTRY(bdev_flush(d));
\tif (d->n == 1)
\t\treturn KB_EIO;
\treturn KB_OK;
}
"""


def plant(tmp_path, text: str) -> str:
    """The source as the bug leaves it, without blanks."""
    (tmp_path / "update/deep").mkdir(parents=True)
    (tmp_path / "update/deep/a.c").write_text(PLANTED_IN)
    files = planted.Bug(text, Path("x.bugs"), 1).files(tmp_path)
    assert list(files) == ["update/deep/a.c"]
    return "".join(token for token, _, _ in planted.tokens(files["update/deep/a.c"]))


def test_several_tests_may_have_to_notice():
    bug = planted.Bug(BLOCK + "  delete `x`\n", Path("x.bugs"), 1)
    first, second = (mutants.Pair(bug, killer).killer for killer in bug.killers)
    assert (first.test, first.case, first.options) == ("unit/x_test", "one", [])
    assert (second.test, second.case, second.options) == ("sim/ioerr_sim", "data", ["--every", "20"])


@pytest.mark.parametrize("edit, is_there, is_gone", [
    ("replace `d->n  ==  1` by `d->n == 2`", "if(d->n==2)returnKB_EIO;", "d->n==1"),
    ("replace `KB_OK`\n    by `KB_EIO`", "returnKB_EIO;}", "KB_EIO;returnKB_OK"),
    ("delete `TRY(bdev_flush(d));`", "TRY(bdev_write(d,1));if", "bdev_flush"),
    ("delete `TRY(bdev_write(d, 1));`", "{TRY(bdev_flush(d));if", "bdev_write"),
    ("move `TRY(bdev_flush(d));` before `TRY(bdev_write(d, 1));`", "{TRY(bdev_flush(d));TRY(bdev_write(d,1));if", "=0"),
    ("move `TRY(bdev_write(d, 1));` after `TRY(bdev_flush(d));`", "{TRY(bdev_flush(d));TRY(bdev_write(d,1));if", "=0"),
    ("add `d->n = 0;` after `TRY(bdev_flush(d));`", "TRY(bdev_flush(d));d->n=0;if", "=2"),
    ("add `d->n = 0;` before `TRY(bdev_flush(d));`", "TRY(bdev_write(d,1));d->n=0;TRY(", "=2"),
])
def test_a_bug_is_planted_by_function_and_expression(tmp_path, edit, is_there, is_gone):
    changed = plant(tmp_path, f"{BLOCK}  {edit}\n")
    assert is_there in changed and is_gone not in changed
    assert changed.startswith("#defineFLAGS(ONE|TWO)staticenumkb_errother(void){returnKB_OK;}")


def test_a_bug_may_lie_outside_of_functions(tmp_path):
    text = BLOCK.replace("In save_it of a.c", "In a.c") + "  replace `ONE | TWO` by `ONE`\n"
    assert plant(tmp_path, text).startswith("#defineFLAGS(ONE)static")


@pytest.mark.parametrize("place, edit, said", [
    ("save_it of a.c", "delete `TRY(bdev_sync(d));`", "`TRY(bdev_sync(d));` stands no times in save_it"),
    ("save_it of a.c", "delete `TRY(`", "`TRY(` stands 2 times in save_it"),
    ("gone of a.c", "delete `TRY(`", "there is no function gone"),
    ("save_it of b.c", "delete `TRY(`", "b.c: no files of that name"),
    ("save_it of a.c", "delete `TRY(bdev_flush(d));`\n  replace `bdev_flush` by `bdev_sync`", "overlap"),
    ("a.c", "delete `d->n == 1`", "stands no times outside of functions"),
])
def test_a_bug_that_does_not_fit_the_sources_says_why(tmp_path, place, edit, said):
    with pytest.raises(planted.Wrong, match=re.escape(said)):
        plant(tmp_path, BLOCK.replace("save_it of a.c", place) + f"  {edit}\n")


@pytest.mark.parametrize("text", ["bug: what\nIn f of a.c:\n  delete `x`\n", BLOCK, f"{BLOCK}  remove `x`\n",
                                  "bug: what\nKilled by:\nIn f of a.c:\n  delete `x`\n", f"{BLOCK}  replace `x`\n",
                                  "bug: what\nKilled by: unit/x\n  delete `x`\n"])
def test_a_bug_says_what_it_breaks_and_who_notices_and_where_it_is(text):
    with pytest.raises(planted.Wrong):
        planted.Bug(text, Path("x.bugs"), 1)


def test_a_name_is_used_once(tmp_path):
    for name in "a", "b":
        (tmp_path / f"{name}.bugs").write_text(f"# comment\n{BLOCK}  delete `x`\n")
    with pytest.raises(planted.Wrong, match=r"b\.bugs:2: bug: stands in .*a\.bugs:2 too"):
        planted.read(tmp_path)


def test_every_planted_bug_fits_the_sources():
    assert planted.complaints(planted.PLANTED, private_tree.ROOT) == []


def test_a_story_counts_as_red_only_where_it_was_violated():
    again = 'story data: state read 1 fails - (): x\n  again: build/tests/sim/ioerr_sim --story data --replay "..."\n'
    assert private_tree.failed_cases(again) == ["data"]
    assert private_tree.failed_cases("no story data; there are: healthy\n") == []


def test_every_planted_bug_names_a_test_that_there_is():
    for bug in mutants.all_bugs():
        assert basis.source(bug.killer.test), f"{bug.name}: no {bug.killer.test}"


class NoBoard:
    def __init__(self, _bench, file, _text, _mutations):
        self.file, self.closed = file, False

    def close(self):
        self.closed = True


def test_a_board_that_a_thread_works_with_stays(monkeypatch, tmp_path):
    monkeypatch.setattr(sweep, "CACHE", tmp_path / "none")
    monkeypatch.setattr(sweep, "Board", NoBoard)
    monkeypatch.setattr(sweep, "Bench", lambda tree: None)
    monkeypatch.setattr(c_mutations, "returns", lambda top: {})
    for i in range(5):
        (tmp_path / f"{i}.c").write_text("")
    one = sweep.Sweep(types.SimpleNamespace(top=tmp_path), 1, 0, ())
    with one.board("0.c") as held:
        for i in range(1, 5):
            with one.board(f"{i}.c"):
                pass
        assert not held.closed and len(one.boards) == 3
    with one.board("1.c"):
        assert held.closed


@pytest.mark.parametrize("changed", ["a.c", "a.h", None])
def test_an_object_that_was_out_of_date_is_not_put_back(monkeypatch, tmp_path, changed):
    """It would be newer than its source, and never be built again."""
    monkeypatch.setattr(private_tree, "WORK", tmp_path)
    tree = private_tree.Tree(0)
    obj = tree.top / "build/san/obj/a.o"
    obj.parent.mkdir(parents=True)
    obj.write_bytes(b"object")
    obj.with_suffix(".d").write_text("build/san/obj/a.o: a.c \\\n a.h\na.h:\n")
    for name in "a.c", "a.h":
        (tree.top / name).write_text(name)
        os.utime(tree.top / name, (0, 0) if name != changed else None)
    os.utime(obj, (1000, 1000))
    with tree.changed({"a.c": "mutated"}):
        obj.write_bytes(b"of the mutated one")
    assert (tree.top / "a.c").read_text() == "a.c"
    if changed:
        assert not obj.exists()
    else:
        assert obj.read_bytes() == b"object" and obj.stat().st_mtime > 1000


def test_a_test_that_includes_the_source_is_not_linked_with_its_object():
    assert sweep.includes("unit/install_pipe_test", "update/install/install_pipe.c")
    assert not sweep.includes("unit/install_pipe_test", "update/install/install.c")
    assert "san/unit/install_pipe_test" not in sweep.sanitized("update/install/install_pipe.c")


def test_what_a_thread_dies_of_ends_the_sweep(monkeypatch, tmp_path):
    monkeypatch.setattr(sweep, "CACHE", tmp_path / "none")
    monkeypatch.setattr(sweep, "Bench", lambda tree: None)
    one = sweep.Sweep(None, 2, time.monotonic() + 60, ())
    monkeypatch.setattr(one, "shots", lambda m: [[], []])
    monkeypatch.setattr(one, "try_one", lambda m, shots: sys.exit("does not link"))
    with pytest.raises(SystemExit, match="does not link"):
        one.round([first_mutant(TEXT)], False)
