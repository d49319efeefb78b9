# SPDX-License-Identifier: Apache-2.0
"""Which way calls go: files, headers and folders form no circles, and no folder calls upward."""

import re
from pathlib import PurePosixPath

from text_checks import folders_behind

INCLUDE = re.compile(r'^\s*#\s*include\s+"([^"]+)"', re.M)
DEFINED = "TDBRGSCVW"

Graph = dict[str, dict[str, str]]       # from what, to what: by what


def calls(tree) -> Graph:
    """Which source uses which other, and one name that it uses of it."""
    names = tree.sources(shipped=True)
    tree.compile(names)
    homes = {symbol.name: name for name in reversed(names) for symbol in tree.symbols(name)
             if symbol.kind in DEFINED and symbol.section != "*UND*" and symbol.name != "main"}
    graph = {name: {} for name in names}
    for name in names:
        for symbol in sorted(tree.symbols(name), key=lambda symbol: symbol.name):
            home = homes.get(symbol.name)
            if symbol.section == "*UND*" and home not in (None, name):
                graph[name].setdefault(home, symbol.name)
    return graph


def includes(tree) -> Graph:
    """Which header includes which other."""
    headers = [name for name in tree.sources(shipped=True, headers=True) if name.endswith(".h")]
    return {name: {target: f"#include {target}" for target in INCLUDE.findall(tree.text(name)) if target in headers}
            for name in headers}


def by_folder(graph: Graph) -> Graph:
    folders: Graph = {}
    for name, others in graph.items():
        mine = folders.setdefault(str(PurePosixPath(name).parent), {})
        for other, why in others.items():
            if PurePosixPath(other).parent != PurePosixPath(name).parent:
                mine.setdefault(str(PurePosixPath(other).parent), f"{name} calls {why}")
    return folders


def way(graph: Graph, start: str, end: str) -> list:
    """The shortest way from one to another; empty if there is none."""
    before, todo = {start: ""}, [start]
    for name in todo:
        for other in sorted(graph.get(name, {})):
            if other not in before:
                before[other] = name
                todo.append(other)
    found = [end] if end in before else []
    while found and found[0] != start:
        found.insert(0, before[found[0]])
    return found


def around(graph: Graph) -> list:
    """One shortest circle for each group of nodes that all reach each other."""
    found, seen = [], set()
    for name in sorted(graph):
        ways = [way(graph, other, name) for other in sorted(graph[name])]
        ways = [[name, *back] for back in ways if back]
        if name in seen or not ways:
            continue
        found.append(min(ways, key=len))
        # Other circles of the same group are found once this one is mended.
        seen.update(other for other in graph if way(graph, name, other) and way(graph, other, name))
    return found


def told(graph: Graph, circle: list) -> str:
    steps = [f"{other} ({graph[name][other]})" for name, other in zip(circle, circle[1:])]
    return f"{circle[0]} -> " + " -> ".join(steps)


def upward(tree, graph: Graph) -> list:
    """Calls into a folder that may not be included either: a prototype by hand does not help."""
    found, behind = [], folders_behind(tree)
    for name, others in graph.items():
        folder = str(PurePosixPath(name).parent)
        for other, symbol in others.items():
            if str(PurePosixPath(other).parent) not in behind.get(folder, ()):
                found.append(f"{name}:1: {folder}/ may not call {symbol} of {other}")
    return found


def circles(tree) -> list:
    """Sources call each other in no circle, headers and folders neither; no folder calls upward."""
    called = calls(tree)
    found = upward(tree, called)
    found += [f"{circle[0]}:1: a circle of calls: {told(called, circle)}" for circle in around(called)]
    headers = includes(tree)
    found += [f"{circle[0]}:1: a circle of headers: {told(headers, circle)}" for circle in around(headers)]
    folders = by_folder(called)
    return found + [f"{circle[0]}:1: a circle of folders: {told(folders, circle)}" for circle in around(folders)]
