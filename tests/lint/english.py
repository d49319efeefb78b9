# SPDX-License-Identifier: Apache-2.0
"""What in a source is English: its comments and its literals, as [(number of its first line, text)]."""

import ast
import io
import re
import textwrap
import tokenize

COMMENT = re.compile(r"/\*.*?\*/|(?<!:)//[^\n]*", re.S)
IDENTIFIER = re.compile(r"\b[a-z]\w*_\w+(?:\(\))?|\b[a-z]\w*\(\)")
# A term and, behind at least two blanks, what it means: as an item of a list.
TERM = re.compile(r"^[ \t]*[\w/.-]+(?:, \w+)* {2,}(?=\S)", re.M)
# What a program reads: shellcheck, and the head of a check.
MARK = re.compile(r"\s*#(!| shellcheck | (SPDX-License-Identifier|stage|order|conf): )")
HERE = re.compile(r"<<-? *(['\"]?)(\w+)\1[^\n]*\n(.*?)^\s*\2$", re.S | re.M)


def blank(match) -> str:
    """As many lines, so that those behind keep their numbers."""
    return "\n" * match[0].count("\n")


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


def c_literals(text: str) -> list:
    """[(line, string)], adjacent pieces joined."""
    piece = r'"((?:\\.|[^"\\\n])*)"'
    text = re.sub(r"/\*.*?\*/|'(?:\\.|[^'\\\n])'", blank, text, flags=re.S)
    return [(text[:match.start()].count("\n") + 1, "".join(re.findall(piece, match[0])))
            for match in re.finditer(rf"{piece}(?:\s*{piece})*", text)]


def only_comments(text: str) -> str:
    """Only the comments of C, on their lines."""
    out, at = [], 0
    for match in COMMENT.finditer(text):
        out += ["\n" * text[at:match.start()].count("\n"), match[0]]
        at = match.end()
    return "".join(out)


def paragraphs(text: str) -> str:
    """Of a comment: an identifier is one word of code."""
    return IDENTIFIER.sub(r"`\g<0>`", TERM.sub("- ", text))


def c_comments(text: str) -> list:
    """Without their marks."""
    found = []
    for match in COMMENT.finditer(text):
        bare = re.sub(r"^/[*/]+|\*/$", "", match[0])
        bare = re.sub(r"^[ \t]*\*? ?|-{4,}", "", bare, flags=re.M)
        found.append((text[:match.start()].count("\n") + 1, paragraphs(bare)))
    return found


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


def python_comments(text: str) -> list:
    """Docstrings and comments; those on lines of their own, one below the other, are one text."""
    found, last = [], None
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type != tokenize.COMMENT or token.string.startswith("#!"):
            continue
        (row, column), bare = token.start, token.string.lstrip("# ")
        alone = not token.line[:column].strip()
        if alone and last == row - 1:
            found[-1][1] += "\n" + bare
        else:
            found.append([row, bare])
        last = row if alone else None
    docs = [node.value for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Expr)
            and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)]
    for node in docs:
        first, _, rest = node.value.partition("\n")
        found.append([node.lineno, first + "\n" + textwrap.dedent(rest)])
    return [(row, paragraphs(bare)) for row, bare in found]


def shell_comments(text: str) -> list:
    """The lines that are comments, and the texts of here-documents."""
    found = [(text[:match.start(3)].count("\n") + 1, TERM.sub("- ", textwrap.dedent(match[3])))
             for match in HERE.finditer(text)]
    lines = [None if MARK.match(line) else re.match(r"\s*# ?(.*)", line) for line in HERE.sub(blank, text).split("\n")]
    return found + [(1, paragraphs("\n".join(match[1] if match else "" for match in lines)))]


def shell_literals(text: str) -> list:
    text = re.sub(r"(^|\s)#[^\n]*", r"\1", HERE.sub(blank, text))
    return [(text[:match.start()].count("\n") + 1, match[0][1:-1])
            for match in re.finditer(r"\"(?:\\.|[^\"\\])*\"|'[^']*'", text)]
