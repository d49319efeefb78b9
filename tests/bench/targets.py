# SPDX-License-Identifier: Apache-2.0
"""What the figures must be: each target is a row with `want`, `got` and `met`. All are ratios within one run, or bytes:
nothing is timed against an absolute figure."""

import dataclasses

MIB = 1 << 20
BY_HAND = "sha256sum && zstd -dc | dd"


@dataclasses.dataclass(frozen=True)
class Target:
    group: str
    workload: str
    way: str
    figure: str             # of the row
    most: float
    against: str = ""       # another way, on the same workload and storage: then the ratio of both counts
    storage: str = "fast"

    def text(self) -> str:
        unit = "" if self.against else " bytes"
        return f"at most {self.most:g}" + (f" × {self.against}" if self.against else unit)


TARGETS = (
    Target("installs", "blank", "keelboot at boot, verify-first = no", "seconds", 1.5, BY_HAND),
    Target("installs", "rebuilt", "keelboot at boot, verify-first = no", "seconds", 1.5, BY_HAND),
    Target("installs", "same", "keelboot install", "written", MIB),      # the state, and nothing of the slot
)


def same_place(row: dict, target: Target) -> bool:
    return (row["group"], row["workload"], row.get("storage", "fast")) == \
        (target.group, target.workload, target.storage)


def find(rows: list, target: Target, way: str) -> dict | None:
    for row in rows:
        if same_place(row, target) and row["way"] == way:
            return row if target.figure in row else None
    return None


def judge(rows: list, targets: tuple = TARGETS) -> list:
    """The targets that this run can say something of. A row that is not there is no target missed: a group was left
    out; one that should be there and was not measured is."""
    result = []
    for target in targets:
        if not any(same_place(row, target) for row in rows):
            continue
        row = find(rows, target, target.way)
        other = find(rows, target, target.against) if target.against else None
        got = None
        if row is not None and (other is not None or not target.against):
            got = row[target.figure] / other[target.figure] if other else row[target.figure]
        result.append({"group": target.group, "workload": target.workload, "way": target.way,
                       "storage": target.storage, "figure": target.figure, "want": target.text(),
                       "got": round(got, 3) if got is not None else None,
                       "met": got is not None and got <= target.most})
    return result
