# SPDX-License-Identifier: Apache-2.0
"""Checks of the English in pages, and in the literals and comments of what is shipped."""

import re
from pathlib import PurePosixPath

import english
from english import blank
from tree import SHIPPED

WORDS = 40          # in one sentence
COLUMNS = 150       # of a line of a page, but of tables and code
# What a reader would have to decode, and what to say instead.
BANNED = (
    (r"\btells? of\b", "report"),
    (r"\b(is|are|was|were) told\b", "say who reports it"),
    (r"\bleft alone\b", "skipped"),
    (r"\bpass(es|ed|ing)? over\b", "skip"),
    (r"\bnot taken\b", "skipped, or rejected"),
    (r"\bnothing tells\b", "unexplained"),
    (r"[;:?] give\b", "name what is missing, or say: use"),
    (r"\b(is|are) none to\b", "cannot"),
    (r"\b(has|have) to be\b", "must be"),
    (r"\bis the [\w\s]+'s to\b", "must"),
    (r"\bby themselves\b|\bof its own accord\b", "automatically"),
    (r"\bfor sure\b", "say what is known"),
    (r"\bmakes? this file just now\b", "is writing this file"),
    (r"\bcomes? to nothing\b", "fails"),
    (r"\bbinds nobody\b", "is ignored"),
    (r"\btold\b", "reported, or announced"),
    (r"\bfor ever\b", "forever"),
    (r"\b(is|are) not there\b", "is missing"),
    (r"\bis never left\b", "is never skipped"),
    (r"\b(somebody|someone) else\b", "another process, or another person"),
)
# A line break may stand between two words.
BANNED = [(re.compile(pattern.replace(" ", r"\s+"), re.I), instead) for pattern, instead in BANNED]
SCRIPTS = ("hooks/", "initramfs/", "cli/", "qemu/")
FENCE = re.compile(r"^(```|~~~).*?^\1", re.M | re.S)


def plain(text: str) -> str:
    """Without marks: a piece of code is one word, a link its text."""
    text = re.sub(r"`[^`]*`", lambda m: "code" + blank(m), text)
    return re.sub(r"[*_]{1,2}(?=\S)|(?<=\S)[*_]{1,2}", "", re.sub(r"\]\([^)\s]*\)|\[", "", text))


def blocks(text: str) -> list:
    """[(number of its first line, text)]: headings, paragraphs, items, and cells of tables."""
    text = FENCE.sub(blank, text)
    found, open_at = [], None
    for number, line in enumerate(text.split("\n"), 1):
        bare = line.strip()
        if not bare or bare.startswith(("#", "<!--")) or (line.startswith("    ") and open_at is None):
            open_at = None
            found += [[number, bare.lstrip("# ")]] if bare.startswith("#") else []
        elif bare.startswith("|"):
            open_at = None
            cells = [cell for cell in re.sub(r"`[^`]*`", "code", bare).replace("<br>", "|").split("|")]
            found += [[number, cell] for cell in cells if re.search(r"\w", cell)]
        elif open_at is None or re.match(r"([-*]|\d+\.) ", bare):
            open_at = number
            found.append([number, re.sub(r"^([-*]|\d+\.) (\[ \] )?", "", bare)])
        else:
            found[-1][1] += "\n" + bare
    return found


def sentences(text: str) -> list:
    """[(lines before it, words)]"""
    found, at = [], 0
    text = plain(text)
    for match in re.finditer(r"(?<=[.!?])[)\"']*(?=\s+[A-Z\"'(]|\s+code|\s*$)|$", text):
        words = re.findall(r"[^\s]*\w[^\s]*", text[at:match.end()])
        if words:
            start = len(text[:at]) + len(text[at:]) - len(text[at:].lstrip())
            found.append((text[:start].count("\n"), words))
        at = match.end()
    return found


def page(name: str, text: str) -> list:
    found = []
    for number, block in blocks(text):
        for before, words in sentences(block):
            if len(words) > WORDS:
                found.append(f"{name}:{number + before}: {len(words)} words in a sentence, at most {WORDS}: "
                             f"{' '.join(words[:6])} …")
        for pattern, instead in BANNED:
            for match in pattern.finditer(plain(block)):
                line = number + plain(block)[:match.start()].count("\n")
                found.append(f"{name}:{line}: \"{match[0]}\": {instead}")
    return found


def message(text: str) -> str:
    """A literal as paragraphs: in the help of a program each indented line is one."""
    return re.sub(r"\n(?= )", "\n\n", text.replace("\\n", "\n")).replace("\n ", "\n")


def wide(name: str, text: str) -> list:
    """The lines of prose that have too many columns."""
    found, code, before = [], False, ""
    for number, line in enumerate(FENCE.sub(blank, text).split("\n"), 1):
        code = line.startswith("    ") and (code or not before.strip())
        if len(line) > COLUMNS and not code and not line.lstrip().startswith("|") and " " in line.strip():
            found.append(f"{name}:{number}: {len(line)} columns, at most {COLUMNS}")
        before = line
    return found


def at(name: str, found: list) -> list:
    """The complaints about [(number of its first line, text)]."""
    return [complaint for number, text in found for complaint in page(name, "\n" * (number - 1) + text)]


def texts(found: list) -> list:
    return [(number, message(text)) for number, text in found if not text.startswith("#!")]


def prose(tree) -> list:
    """No sentence has more than 40 words, no line of a page 150 columns, and no phrase must be decoded."""
    found = []
    for name in tree.files:
        if name.endswith(".md"):
            found += page(name, tree.text(name)) + wide(name, tree.text(name))
        elif re.search(r"docs/man/.*\.\d$", name):
            found += page(name, english.man(tree.text(name)))
    for name in tree.sources(shipped=True, headers=True):
        found += at(name, english.c_comments(tree.text(name)) + texts(english.c_literals(tree.text(name))))
    for name in tree.python():
        if name.startswith(SCRIPTS):
            found += at(name, english.python_comments(tree.text(name)))
            found += at(name, texts(english.python_literals(tree.text(name))))
    for name in tree.shell():
        if name.startswith(SCRIPTS):
            found += at(name, english.shell_comments(tree.text(name)))
            found += at(name, texts(english.shell_literals(tree.text(name))))
    return found


# ---------------------------------------------------------------- what pages and comments cite

FOLDERS = "|".join(("docs", "tests", "qemu", *SHIPPED))
CITED = re.compile(rf"(?<![\w/.<>-])(?<!Linux's )((?:{FOLDERS})/[\w./-]*\w\.(?:md|c|h|py|mk|txt|trace|conf|sh))\b"
                   r"|(?<![\w/.-])([A-Z]{4,}\.md)\b")
PLACEHOLDER = re.compile(r"(?<![A-Z])(FILE|NAME|SUBJECT|BEHAVIOUR|VERSION)(?![A-Z])")
INVARIANT = re.compile(r"\bI([1-9])\b")
DESIGN = re.compile(r"\bDESIGN\b|\b[Tt]he design('s)?\b|\bPLAN\.md\b|\bresearch/[\w.-]+")


def cited(tree) -> list:
    """What a page or a comment cites is in the tree: files, and the invariants of PROOF.md."""
    known = set(tree.files)
    bases = {PurePosixPath(name).name for name in known}
    proof = tree.text("docs/PROOF.md") if "docs/PROOF.md" in known else ""
    invariants = set(re.findall(r"^\| I([1-9]) \|", proof, re.M))
    found = []
    for name in tree.files:
        if not name.endswith((".md", ".c", ".h")):
            continue
        of_c = name.endswith((".c", ".h"))
        text = english.only_comments(tree.text(name)) if of_c else FENCE.sub(blank, tree.text(name))
        for number, line in enumerate(text.split("\n"), 1):
            for match in CITED.finditer(line):
                path = match[1] or match[2]
                if path not in known and not (match[2] and path in bases) and not PLACEHOLDER.search(path):
                    found.append(f"{name}:{number}: {path}: there is no such file")
            found += [f"{name}:{number}: I{match[1]}: docs/PROOF.md has no such invariant"
                      for match in INVARIANT.finditer(line) if match[1] not in invariants]
            found += [f"{name}:{number}: {match[0]}: is not in this tree" for match in DESIGN.finditer(line)]
    return found
