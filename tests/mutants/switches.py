# SPDX-License-Identifier: Apache-2.0
"""All mutations of a source compiled at once, each behind a switch; a program of it is copied with one switch on.

The number of the mutation stands in the program itself: what the program starts has it too, without any environment.
"""

import tempfile
import threading
from pathlib import Path

import c_mutations
from bench import Bench, Piece

MAGIC = b"KB-NUMBER-OF-THE-MUTANT"
HEAD = f'''#include "lib/err.h"
const volatile struct {{
	char magic[{len(MAGIC) + 1}];
	unsigned char number[2];
}} kb_mutant = {{ "{MAGIC.decode()}", {{ 0, 0 }} }};
#define KB_MUTANT(n) (kb_mutant.number[0] + 256 * kb_mutant.number[1] == (n))
static inline enum kb_err kb_mutant_try(int n, enum kb_err e)
{{
	return KB_MUTANT(n) ? KB_OK : e;
}}
'''


def switch(m: c_mutations.Mutation, number: int) -> tuple[int, int, str, str]:
    """Where it begins and ends, and what to put there."""
    on = f"KB_MUTANT({number})"
    if m.what == "error ignored":
        return m.start + len("TRY("), m.end, f"kb_mutant_try({number}, ", ")"
    if m.what in ("return not taken", "jump not taken"):
        return m.start + 1, m.end - 1, "(", f") && !{on}"
    if m.what == "goes on after an error":
        return m.start, m.end, "(", f" || {on})"
    if m.what == "left out":
        return m.start, m.end, f"{on} ? (void)0 : (void)(", ")"
    return m.start, m.end, f"({on} ? {m.new.strip()} : ", ")"


def switched(text: str, mutations: dict[int, c_mutations.Mutation]) -> str:
    """The text with all of them, by their numbers. They may lie inside each other."""
    places = []
    for number, m in mutations.items():
        start, end, before, after = switch(m, number)
        places.append((start, 1, start - end, number, before))
        places.append((end, 0, end - start, -number, after))
    done, out = 0, []
    for place, _, _, _, new in sorted(places):
        out += [text[done:place], new]
        done = place
    return "".join([*out, text[done:]])


class Board:
    """The programs of a file with switches; made when they are asked for. Several threads may use it."""

    def __init__(self, bench: Bench, file: str, text: str, mutations: list[c_mutations.Mutation]):
        self.bench, self.file, self.text = bench, file, text
        self.lock = threading.Lock()
        self.mutations = dict(enumerate(mutations, 1))
        self.piece = self.take()
        if self.piece.object() is None:
            self.mutations = {n: m for n, m in self.mutations.items() if self.compiles(m)}
            self.piece.__exit__()
            self.piece = self.take()
            if self.piece.object() is None:
                raise SystemExit(f"{file} does not compile with switches")

    def take(self) -> Piece:
        text = f'{HEAD}# 1 "{self.file}"\n{switched(self.text, self.mutations)}'
        return Piece(self.bench, self.file, text).__enter__()

    def compiles(self, m: c_mutations.Mutation) -> bool:
        with Piece(self.bench, self.file, self.text[:m.start] + m.new + self.text[m.end:]) as piece:
            return piece.object() is not None

    def close(self) -> None:
        self.piece.__exit__()

    def program(self, test: str, number: int) -> tempfile.TemporaryDirectory | None:
        """A folder with the program, for as long as it is held."""
        with self.lock:
            path = self.piece.program(test)
            code = bytearray(path.read_bytes()) if path else b""
        if not path:
            return None
        at = code.index(MAGIC) + len(MAGIC) + 1
        code[at:at + 2] = number.to_bytes(2, "little")
        folder = tempfile.TemporaryDirectory(prefix="keelboot-mutant-")
        copy = Path(folder.name) / path.name
        copy.write_bytes(code)
        copy.chmod(0o755)
        return folder
