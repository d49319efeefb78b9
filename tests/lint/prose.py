# SPDX-License-Identifier: Apache-2.0
"""Checks of the English in pages, and in the string literals of what is shipped."""

import ast
import re
from pathlib import PurePosixPath

from tree import SHIPPED

WORDS = 40          # in one sentence
# What a reader would have to decode, and what to say instead.
BANNED = (
    (r"\btells? of\b", "report"),
    (r"\b(is|are|was|were) told\b", "say who reports it"),
    (r"\bleft alone\b", "skipped"),
    (r"\bpass(es|ed|ing)? over\b", "skip"),
    (r"\bnot taken\b", "skipped, or rejected"),
    (r"\bwhat nothing tells\b", "unexplained"),
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
SCRIPTS = ("initramfs/", "cli/", "qemu/")
FENCE = re.compile(r"^(```|~~~).*?^\1", re.M | re.S)
GENERATED = re.compile(r"<!-- made by .*?<!-- end -->", re.S)


def blank(match) -> str:
    """As many lines, so that those behind keep their numbers."""
    return "\n" * match[0].count("\n")


def plain(text: str) -> str:
    """Without marks: a piece of code is one word, a link its text."""
    text = re.sub(r"`[^`]*`", lambda m: "code" + blank(m), text)
    return re.sub(r"[*_]{1,2}(?=\S)|(?<=\S)[*_]{1,2}", "", re.sub(r"\]\([^)\s]*\)|\[", "", text))


def blocks(text: str) -> list:
    """[(number of its first line, text)]: paragraphs, items, and cells of tables."""
    text = FENCE.sub(blank, GENERATED.sub(blank, text))
    found, open_at = [], None
    for number, line in enumerate(text.split("\n"), 1):
        bare = line.strip()
        if not bare or bare.startswith("#") or (line.startswith("    ") and open_at is None):
            open_at = None
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


def man(text: str) -> str:
    """A page of mdoc as paragraphs, without its synopsis, examples, and what is made from the code: a macro that sets a
    word is that word, another one ends the paragraph."""
    lines = []
    for part in (r"^\.\\\" BEGIN .*?^\.\\\" END", r"^\.Bd -literal.*?^\.Ed", r"^\.Sh SYNOPSIS.*?(?=^\.Sh)"):
        text = re.sub(part, blank, text, flags=re.M | re.S)
    for line in text.split("\n"):
        words = re.match(r"\.(Nm|Cm|Ev|Pa|Fl|Ar|Ql|Li|Dq|Sq|Xr|Em|Sy|Pq|Op|Va|Dv|Er)\b *(.*)", line)
        if line.startswith(('.\\"', "'\\\"")):
            lines.append("")
        elif words:
            lines.append("code" + words[2][-1] if words[2].endswith((" .", " ,")) else "code")
        else:
            lines.append("" if line.startswith(".") else line)
    return "\n".join(lines)


def literals(text: str) -> list:
    """[(line, string)], adjacent pieces joined."""
    piece = r'"((?:\\.|[^"\\\n])*)"'
    text = re.sub(r"/\*.*?\*/|'(?:\\.|[^'\\\n])'", blank, text, flags=re.S)
    return [(text[:match.start()].count("\n") + 1, "".join(re.findall(piece, match[0])))
            for match in re.finditer(rf"{piece}(?:\s*{piece})*", text)]


def python_literals(text: str) -> list:
    """[(line, string)] without docstrings; what a format puts in is one word."""
    found, inside, tree = [], set(), ast.parse(text)
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            inside.add(id(node.value))
        elif isinstance(node, ast.JoinedStr):
            parts = [part.value if isinstance(part, ast.Constant) else "code" for part in node.values]
            found.append((node.lineno, "".join(parts)))
            inside.update(id(part) for part in ast.walk(node))
    return found + [(node.lineno, node.value) for node in ast.walk(tree)
                    if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in inside]


def message(text: str) -> str:
    """A literal as paragraphs: in the help of a program each indented line is one."""
    return re.sub(r"\n(?= )", "\n\n", text.replace("\\n", "\n")).replace("\n ", "\n")


def prose(tree) -> list:
    """No sentence has more than 40 words, and none of the phrases that have to be decoded."""
    found = []
    for name in tree.files:
        if name.endswith(".md"):
            found += page(name, tree.text(name))
        elif re.search(r"docs/man/.*\.\d$", name):
            found += page(name, man(tree.text(name)))
    for name in tree.sources(shipped=True):
        for number, text in literals(tree.text(name)):
            found += [f"{name}:{number}:{complaint.split(':', 2)[2]}" for complaint in page(name, message(text))]
    for name in tree.python():
        if name.startswith(SCRIPTS):
            for number, text in python_literals(tree.text(name)):
                if text.startswith("#!"):
                    continue
                found += [f"{name}:{number}:{complaint.split(':', 2)[2]}" for complaint in page(name, message(text))]
    return found


# ---------------------------------------------------------------- what pages and comments cite

FOLDERS = "|".join(("docs", "tests", "qemu", *SHIPPED))
CITED = re.compile(rf"(?<![\w/.<>-])(?<!Linux's )((?:{FOLDERS})/[\w./-]*\w\.(?:md|c|h|py|mk|txt|trace|conf|sh))\b"
                   r"|(?<![\w/.-])([A-Z]{4,}\.md)\b")
PLACEHOLDER = re.compile(r"(?<![A-Z])(FILE|NAME|SUBJECT|BEHAVIOUR|VERSION)(?![A-Z])")
INVARIANT = re.compile(r"\bI([1-9])\b")
DESIGN = re.compile(r"\bDESIGN\b|\b[Tt]he design('s)?\b|\bPLAN\.md\b|\bresearch/[\w.-]+")
COMMENT = re.compile(r"/\*.*?\*/|(?<!:)//[^\n]*", re.S)


def comments(text: str) -> str:
    """Only the comments of C, on their lines."""
    out, at = [], 0
    for match in COMMENT.finditer(text):
        out += ["\n" * text[at:match.start()].count("\n"), match[0]]
        at = match.end()
    return "".join(out)


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
        text = comments(tree.text(name)) if name.endswith((".c", ".h")) else FENCE.sub(blank, tree.text(name))
        for number, line in enumerate(text.split("\n"), 1):
            for match in CITED.finditer(line):
                path = match[1] or match[2]
                if path not in known and not (match[2] and path in bases) and not PLACEHOLDER.search(path):
                    found.append(f"{name}:{number}: {path}: there is no such file")
            found += [f"{name}:{number}: I{match[1]}: docs/PROOF.md has no such invariant"
                      for match in INVARIANT.finditer(line) if match[1] not in invariants]
            found += [f"{name}:{number}: {match[0]}: is not in this tree" for match in DESIGN.finditer(line)]
    return found
