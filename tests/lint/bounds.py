# SPDX-License-Identifier: Apache-2.0
"""Memory whose size is decided at run time says what bounds it."""

import re

from tree import without_comments

ALLOCATES = re.compile(r"\b(malloc|calloc|realloc|reallocarray|aligned_alloc|posix_memalign|memalign|mmap|mremap|strdup"
                       r"|strndup|asprintf|vasprintf|getline|getdelim|open_memstream|json_tokener_parse\w*)\s*\(")
ON_THE_STACK = re.compile(r"\b(alloca|__builtin_alloca\w*|strdupa|strndupa)\s*\(")
BOUND = re.compile(r"/\* bound: \S.{7,}")


def bounded(tree) -> list:
    """Each allocation is preceded by a comment `bound: …`; alloca() is not used at all."""
    found = []
    for name in tree.sources(shipped=True, headers=True):
        lines = tree.lines(name)
        for number, line in enumerate(without_comments(tree.text(name)).split("\n"), 1):
            stack, heap = ON_THE_STACK.search(line), ALLOCATES.search(line)
            if stack:
                found.append(f"{name}:{number}: {stack[1]} takes room on the stack that nobody has bounded")
            # The statement may have begun a line before the call.
            if heap and not any(BOUND.search(text) for text in lines[max(0, number - 4):number]):
                found.append(f"{name}:{number}: {heap[1]}: what bounds it? Say so in a comment before: bound: …")
    return found
