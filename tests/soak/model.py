# SPDX-License-Identifier: Apache-2.0
"""What must hold for a device after each cycle of the soak, from what was done to it. Knows nothing of how."""

import random
from dataclasses import dataclass, field

# Kinds of release. Those of SOUND mark themselves good; the others are genuine, and do not work.
SOUND = "ok"
FAULTY = ("hang", "exit", "panic", "noinit", "nomark")
# What a stick may hold that is no bundle for this device; built in soak.py.
HOSTILE = ("flipped", "truncated", "stranger", "foreign", "older", "noise", "headless", "badfs")
WAYS = ("stick", "stage", "install")
QUIET = ("reboot", "crash", "freeze", "mark bad", "switch", "none")
CUTS_MAX = 2        # of one transition: a trial has three tries, and nothing tells QEMU's cuts from crashes


@dataclass
class Plan:
    """One cycle: how something comes to the device, what it is, and what disturbs it."""
    number: int
    action: str                 # of WAYS or QUIET
    kind: str = ""              # of a bundle
    cuts: tuple = ()            # seconds after the transition began; each is a power cut
    pull: float = 0.0           # seconds after which the stick is pulled; 0: it stays
    reset: float = 0.0          # the reset button
    noise: int = 0              # seed of what is random in a hostile stick

    def __str__(self) -> str:
        parts = [f"cycle {self.number}: {self.action}", self.kind]
        parts += [f"cut after {at:.1f} s" for at in self.cuts]
        parts += [f"stick pulled after {self.pull:.1f} s"] if self.pull else []
        parts += [f"reset after {self.reset:.1f} s"] if self.reset else []
        return ", ".join(part for part in parts if part)


def plan(seed: int, number: int) -> Plan:
    """The cycle of that number: of the seed alone, so that any of them can be played again."""
    chance = random.Random(f"{seed}/{number}")
    update = chance.random() < 0.75
    p = Plan(number, chance.choice(WAYS if update else QUIET))
    p.noise = chance.getrandbits(32)
    if update:
        kinds = chance.choices((SOUND, "faulty", "hostile"), (5, 3, 3))[0]
        p.kind = chance.choice({"faulty": FAULTY, "hostile": HOSTILE}.get(kinds, (SOUND,)))
    if chance.random() < 0.45:
        p.cuts = tuple(round(chance.uniform(0.3, 14), 2) for _ in range(chance.randint(1, CUTS_MAX)))
    elif p.action == "stick" and chance.random() < 0.5:
        p.pull = round(chance.uniform(1, 12), 2)
    elif chance.random() < 0.15:
        p.reset = round(chance.uniform(0.3, 10), 2)
    return p


class Difference(Exception):
    """What is, and what should be."""


@dataclass
class Model:
    """The device as it must be: a version in a slot that works, and what it must never run again."""
    running: str                                    # the version that is up
    sequences: dict = field(default_factory=dict)   # of each release that was ever offered
    banned: set = field(default_factory=set)        # releases that failed here, and what is not genuine
    floor: int = 0
    proved: int = 0                                 # the highest sequence that was ever good

    def wanted(self, p: Plan, version: str, taken, other: str) -> set:
        """The versions that may be up at the end of the cycle. taken: whether the command succeeded, None when
        the power went before it said so; other: the good release in the other slot, or ""."""
        old = {self.running}
        if p.action in ("mark bad", "switch"):
            new = {other} if other else old
        elif p.kind != SOUND:
            return old
        else:
            new = {version}
        if p.action == "stick":
            # Pulled: before it was read, or after. Else it is there at every boot until it is done.
            return old | new if p.pull else new
        return {True: new, False: old, None: old | new}[taken]

    def settled(self, p: Plan, status: dict, allowed: set) -> None:
        """Compares what `keelboot status --json` of the running system says."""
        booted = next(slot for slot in status["slots"] if slot["slot"] == status["booted"]["slot"])
        version = booted["version"]
        if version not in allowed:
            raise Difference(f"{version} is up, not {' or '.join(sorted(allowed))}")
        if version in self.banned:
            raise Difference(f"{version} is up, which failed here before")
        if booted["state"] != "good":
            raise Difference(f"{version} is up and works, but its slot is {booted['state']}")
        if status["state"]["finding"] != "found":
            raise Difference(f"the state is {status['state']['finding']}")
        if status["floor"] < self.floor:
            raise Difference(f"the floor fell from {self.floor} to {status['floor']}")
        # What runs may be below: a floor bars installs, and not the slot that is there to fall back to.
        self.proved = max(self.proved, *(slot.get("sequence", 0) for slot in status["slots"] if slot["ever_good"]))
        if status["floor"] > self.proved:
            raise Difference(f"the floor {status['floor']} is above what proved itself")
        self.floor, self.running = status["floor"], version

    def offered(self, version: str, sequence: int, sound: bool) -> None:
        self.sequences[version] = sequence
        if not sound:
            self.banned.add(version)
