# SPDX-License-Identifier: Apache-2.0
"""The stories of `make check-fleet`, by the names that its report has; and of which code each was."""

import functools

from distro_rows import TOP, collected, digest_of

SERVERS = ("own", "hawkbit", "goosebit", "raptor", "channel")
FOLDERS = [f"tests/fleet/test_fleet_{name}.py" for name in (
    "servers", "goosebit", "raptor", "channel", "tls", "proxy", "server_parts", "server_cancel", "server_crowd")]
MACHINES = [f"tests/boot/test_fleet_{name}.py" for name in (
    "rollout", "channel", "channel_page", "page", "away", "manners")]
OURS = ("test_fleet_away", "test_fleet_channel", "test_fleet_tls")      # where no parameter names another server
DIALECTS = {"TestGoosebit": "goosebit", "test_fleet_goosebit": "goosebit", "test_fleet_raptor": "raptor"}
ALL = f"--servers={','.join(SERVERS)}"


def row(file: str, scenario: str, parameters: str) -> dict:
    """What a test is called: its file without .py, or its class, its name and its parameters. Ours plays some stories
    as several servers."""
    words = parameters.split("-")
    server = next((word for word in words if word in SERVERS),
                  "own" if file in OURS else "hawkbit")
    if server == "own" and file in DIALECTS:
        words.append(f"as {DIALECTS[file]}")
    if server == "own" and file == "test_fleet_channel":
        words.append("by a channel")        # the others play stories of these names as well
    return {"server": server, "story": " ".join([scenario, *(word for word in words if word and word != server)])}


@functools.cache
def glue(_server: str) -> str:
    """Changes with what talks to servers, and with what it reads of them."""
    return digest_of(path for folder in ("channel", "fleet") for path in TOP.glob(f"{folder}/*.[ch]"))


@functools.cache
def planned() -> list:
    """(server, story) of each test that is there."""
    rows = [row(*case) for case in collected(FOLDERS, ALL) + collected(MACHINES, ALL)]
    names = [(one["server"], one["story"]) for one in rows]
    twice = {name for name in names if names.count(name) > 1}
    assert not twice, f"one row for two tests: {twice}"
    return names
