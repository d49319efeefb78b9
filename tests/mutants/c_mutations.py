# SPDX-License-Identifier: Apache-2.0
"""Finds in a C source what the sweep takes away: calls that flush, save or verify, and ways out that an error takes.
In a source of rules also each part of a condition, and each statement that changes the state.

Works on the text, as clang-format leaves it: comments, strings and directives are blanked first, so that places are
those of the source. A change keeps the number of lines.
"""

import re
from dataclasses import dataclass
from pathlib import Path

# Calls that make durable, or that check; those of libc and OpenSSL with what they return when all is well.
NAMES = re.compile(r"flush|sync|save|verif|check|durabl|drop_cache|read_?back|seal|_lock$|compare|same|valid|refuse"
                   r"|manifest_(?:write|clear)$|history_add$")
KNOWN = {"memcmp": "0", "CRYPTO_memcmp": "0", "flock": "0", "fsync": "0", "fdatasync": "0",
         "EVP_DigestVerify": "1", "EVP_DigestVerifyInit": "1", "bytes_all": "true"}
KEYWORDS = {"if", "for", "while", "switch", "return", "sizeof", "TRY", "else", "do", "case"}
WELL = {"enum kb_err": "KB_OK", "bool": "true", "void": "(void)0", "int": "0"}
PROTOTYPE = re.compile(r"^(?:static |extern |inline |__attribute__\(\(.*?\)\) )*(enum kb_err|bool|void|int) (\w+)\(",
                       re.M)
# What a statement returns that gives up; a bare `return;` does so too.
ERROR = re.compile(r"^(?:|KB_E\w+|e|rc|err|error|wrong|-1|1|false|NULL|-errno|\".*|.*\bKB_E\w+.*|STATE_NONE"
                   r"|STEP_(?:NEXT|LATER)|APPLY_(?:FAILED|NOTHING|USAGE)"
                   r"|VERIFY_SLOT_(?:UNVERIFIED|FOREIGN|FAILED|USAGE)"
                   r"|\w*(?:fail|said|refuse|unread|err_|lost|bad)\w*\(.*|\w+\(.*\be\b.*\))$", re.S)
# A loop is left, or goes on with its next turn, because something went wrong: an error, or what is asked is not so.
JUMP = re.compile(r"(?:break|continue|goto \w+);$")
WRONG = re.compile(r"\bKB_\w+|< 0\b|\berrno\b|!\w+\(")
# `e == KB_OK` as a step of a chain; one that ends a loop would only make it endless.
CHAIN = re.compile(r"\b(?:e|err|saved|failure)(?:\[\w+\])? == KB_OK\b")
# What ends an expression outside of brackets.
ENDS = re.compile(r"[;,?:]|(?<![=!<>])=(?!=)|\breturn\b")
OR, AND = re.compile(r"\|\|"), re.compile(r"&&")
# Statements: a call for its effect, and one that changes what a pointer leads to. Not what only logs or copies.
CALL = r"(?!(?:TRY|if|for|while|switch|return|log_\w+|snprintf|mem\w+)\()\w+\([^;{}]*\)"
STORE = r"(?:\w+(?:(?:->|\.)\w+|\[[^];]*\])+|\*\w+)\s*(?:\+\+|--|[-+|&]?=(?!=)[^;]*)"
EFFECT = re.compile(rf"(?<=[;{{}})\w])\s*\n\t+(?P<statement>{CALL}|{STORE});")


@dataclass(frozen=True)
class Mutation:
    """A stretch of the source, and what stands there instead."""
    start: int
    end: int
    new: str
    what: str


def blanked(text: str) -> str:
    """The text with comments, strings, characters and directives turned into blanks of the same length."""
    pattern = re.compile(r"/\*.*?\*/|//[^\n]*|\"(?:\\.|[^\"\\\n])*\"|'(?:\\.|[^'\\\n])*'|^#(?:[^\n]*\\\n)*[^\n]*",
                         re.S | re.M)
    return pattern.sub(lambda m: re.sub(r"[^\n]", " ", m[0]), text)


def closing(text: str, at: int) -> int:
    """The place of the bracket that closes the one at `at`."""
    pairs, depth = {"(": 1, "{": 1, "[": 1, ")": -1, "}": -1, "]": -1}, 0
    for place in range(at, len(text)):
        depth += pairs.get(text[place], 0)
        if depth == 0:
            return place
    raise ValueError("a bracket is not closed")


def bodies(mask: str) -> list[tuple[int, int]]:
    """The bodies of functions: what stands between a brace in the first column and its end."""
    return [(m.start(), closing(mask, m.start())) for m in re.finditer(r"^\{", mask, re.M)]


def function(text: str, at: int) -> str:
    """The name of the function whose body a place is in."""
    head = text[:text.rindex("\n{", 0, at)]
    names = re.findall(r"^[a-z_][\w *]*[ *](\w+)\(", head, re.M)
    return names[-1] if names else "?"


def returns(top: Path) -> dict[str, str]:
    """What each function of the project returns when all is well."""
    known = dict(KNOWN)
    for folder in ("lib", "selector", "update", "hooks", "initramfs", "kernel-cmdline"):
        for path in sorted((top / folder).rglob("*.[ch]")):
            for kind, name in PROTOTYPE.findall(blanked(path.read_text())):
                known.setdefault(name, WELL[kind])
    return known


def keep_lines(new: str, old: str) -> str:
    return new + "\n" * (old.count("\n") - new.count("\n"))


def calls(text: str, mask: str, known: dict[str, str]) -> list[Mutation]:
    """Each call that flushes, saves or verifies, replaced by its success."""
    found = []
    for m in re.finditer(r"\b(\w+)\(", mask):
        name = m[1]
        if name in KEYWORDS or not (NAMES.search(name) or name in KNOWN) or name.isupper():
            continue
        start, end = m.start(), closing(mask, m.end() - 1) + 1
        through = re.search(r"(?:[\w\[\]]+(?:->|\.))+$", mask[:start])
        if through:                                     # a table's function: they return an enum kb_err
            start, good = through.start(), "KB_OK"
        else:
            good = known.get(name)
        if good is not None:
            found.append(Mutation(start, end, keep_lines(good, text[start:end]), f"no {name}"))
    return found


def ignored_tries(text: str, mask: str) -> list[Mutation]:
    found = []
    for m in re.finditer(r"\bTRY\(", mask):
        end = closing(mask, m.end() - 1) + 1
        found.append(Mutation(m.start(), end, "(void)!(" + text[m.end():end], "error ignored"))
    return found


def returned(mask: str, text: str, at: int) -> str | None:
    """What the statement (or block) at `at` returns in its end, or None if it does not."""
    at += len(mask[at:]) - len(mask[at:].lstrip())
    if mask[at] == "{":
        block = mask[at + 1:closing(mask, at)]
        last = list(re.finditer(r"(?:^|[;{}\s])return\b", block))
        if not last or block[last[-1].start() + 1:].strip().count(";") != 1:
            return None
        start = at + 1 + last[-1].end()
    elif mask.startswith("return", at):
        start = at + len("return")
    else:
        return None
    return text[start:mask.index(";", start)].strip()


def last_statement(mask: str, at: int) -> str:
    """The statement at `at`; of a block the last line."""
    at += len(mask[at:]) - len(mask[at:].lstrip())
    if mask[at] == "{":
        return mask[at + 1:closing(mask, at)].strip().rpartition("\n")[2].strip()
    return mask[at:mask.index(";", at) + 1]


def skipped(text: str, mask: str) -> list[Mutation]:
    """`if (…) return error;` and `if (e != KB_OK) continue;`: asked, but never taken."""
    found = []
    for m in re.finditer(r"\bif \(", mask):
        opened = m.end() - 1
        end = closing(mask, opened)
        value = returned(mask, text, end + 1)
        gives_up = value is not None and ERROR.match(value)
        if gives_up or (JUMP.fullmatch(last_statement(mask, end + 1)) and WRONG.search(mask[opened:end])):
            what = "return not taken" if gives_up else "jump not taken"
            found.append(Mutation(opened, end + 1, f"(({text[opened + 1:end]}) && 0)", what))
    return found


def chains(text: str, mask: str) -> list[Mutation]:
    """`if (e == KB_OK) e = …`: the step is made although one before it failed."""
    found = []
    for m in CHAIN.finditer(mask):
        line = mask[mask.rfind("\n", 0, m.start()) + 1:m.start()]
        if re.search(r"\b(?:if|for) \(", line) and "while" not in line:
            found.append(Mutation(m.start(), m.end(), f"({m[0]} || 1)", "goes on after an error"))
    return found


def pieces(mask: str, start: int, end: int, marks: re.Pattern) -> list[tuple[int, int]]:
    """A stretch of the source, cut at the marks that stand outside of all brackets."""
    found, begin, at = [], start, start
    while at < end:
        m = marks.match(mask, at)
        if m:
            found.append((begin, at))
            begin = at = m.end()
        else:
            at = closing(mask, at) + 1 if mask[at] in "([{" else at + 1
    return [*found, (begin, end)]


def part(text: str, mask: str, place: tuple[int, int], neutral: str) -> Mutation:
    start = place[0] + len(mask[slice(*place)]) - len(mask[slice(*place)].lstrip())
    end = start + len(mask[slice(*place)].strip())
    what = "without " + " ".join(text[start:end].split())
    return Mutation(start, end, keep_lines(neutral, text[start:end]), what)


def parts(text: str, mask: str) -> list[Mutation]:
    """`a && b` becomes `a`, or `b`; so does `a || b`."""
    found = []
    for m in re.finditer(r"[(\[{]", mask):
        for whole in pieces(mask, m.end(), closing(mask, m.start()), ENDS):
            either = pieces(mask, *whole, OR)
            found += [part(text, mask, place, "0") for place in either if len(either) > 1]
            for one in either:
                both = pieces(mask, *one, AND)
                found += [part(text, mask, place, "1") for place in both if len(both) > 1]
    return found


def left_out(text: str, mask: str) -> list[Mutation]:
    return [Mutation(*m.span("statement"), keep_lines("(void)0", m["statement"]), "left out")
            for m in EFFECT.finditer(mask)]


def find(text: str, known: dict[str, str], rules: bool = False) -> list[Mutation]:
    """All mutations of a source, in the order of the text."""
    mask = blanked(text)
    inside = bodies(mask)
    found = calls(text, mask, known) + ignored_tries(text, mask) + skipped(text, mask) + chains(text, mask)
    if rules:
        found += parts(text, mask) + left_out(text, mask)
    return sorted((m for m in found if any(a < m.start and m.end <= b for a, b in inside)),
                  key=lambda m: (m.start, m.what))
