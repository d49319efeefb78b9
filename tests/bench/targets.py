# SPDX-License-Identifier: Apache-2.0
"""What the figures must be: each target is a row with `want`, `got` and `met`. All are ratios within one run, or bytes.
One absolute time is shown beside them, and fails no run: it is the machine's, too.
"""

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
    of: str = ""            # another figure of the same row: then the ratio of both counts
    judged: bool = True     # fails the run when it is missed

    def text(self) -> str:
        if self.against or self.of:
            return f"at most {self.most:g} × {self.against or NAMES[self.of]}"
        return f"at most {self.most:,} {UNITS.get(self.figure, 'bytes')}"


UNITS = {"seconds": "s, on two processors", "machine": "MiB", "million_instructions": "million instructions"}
NAMES = {"differing": "the 4 KiB blocks that differ", "writing": "the time of its own writes to the slot",
         "artifact": "the artifact"}


# The first verifies the whole bundle before it writes.
OURS, UNVERIFIED = "keelboot install", "keelboot install, verify-first = no"
DELTA, REMADE = "keelboot install, delta", "keelboot install, delta remade"
BESIDE = "keelboot install, delta and whole"
TARGETS = (
    Target("installs", "rebuilt", OURS, "seconds", 0.85, BY_HAND),
    Target("installs", "blank", OURS, "seconds", 0.75, BY_HAND),
    Target("installs", "rebuilt", OURS, "seconds", 0.6, "RAUC, plain"),
    Target("installs", "rebuilt", OURS, "seconds", 0.6, "SWUpdate, copied first"),
    Target("installs", "rebuilt", OURS, "seconds", 1.1, UNVERIFIED),
    *(Target("installs", workload, OURS, "memory", most * MIB)     # 16 of an install, 24 of full bundles' prefixes
      for workload in ("rebuilt", "blank", "incompressible", "scale-64", "scale-4096") for most in (16, 24)),
    Target("installs", "rebuilt", OURS, "from_medium", 1.05, of="artifact"),     # read once, though verified first
    *(Target("installs", "rebuilt", OURS, "seconds", 1.03, of="writing", storage=storage)
      for storage in ("eMMC", "SD card")),
    *(Target("installs", "rebuilt", OURS, "seconds", 1.03, "dd", storage) for storage in ("eMMC", "SD card")),
    Target("installs", "same", OURS, "seconds", 1.05, "dd of the slot to /dev/null"),
    Target("installs", "in-place", OURS, "written", 1.02, of="differing"),
    Target("installs", "rebuilt", "keelboot install, resumed at half", "seconds", 0.6, OURS),
    Target("installs", "rebuilt", OURS, "seconds", 0.666, "keelboot install, one core"),     # gains 1.5 ×
    Target("installs", "same", OURS, "to_slot", 0),
    *(Target("installs", "pair", OURS, "seconds", 1.1, "dd", storage) for storage in ("fast", "eMMC", "SD card")),
    Target("installs", "pair", OURS, "memory", 16 * MIB),
    Target("sizes", "rebuilt", "keelboot, level 9", "bytes", 1.04, "zstd --long -9"),
    Target("sizes", "rebuilt", "keelboot, level 19", "bytes", 1.04, "zstd --long -19"),
    *(Target("creates", workload, "keelboot, delta", "bytes", most, "xdelta3 -9")
      for workload, most in (("rebuilt", 0.52), ("modules", 0.68), ("in-place", 0.55), ("arm64", 0.48),
                             ("squashfs-plain", 0.55), ("erofs-plain", 0.55))),
    Target("creates", "rebuilt", "keelboot, delta", "bytes", 0.92, "bsdiff, file by file"),
    *(Target("creates", workload, "keelboot, delta remade", "bytes", 0.35, "xdelta3 -9")
      for workload in ("squashfs", "erofs")),
    Target("creates", "rebuilt", "keelboot, delta", "memory", 1536 * MIB),
    Target("creates", "rebuilt", "keelboot, delta", "seconds", 60, judged=False),
    Target("creates", "rebuilt", "keelboot, whole image, level 9", "seconds", 1.1, "zstd -9"),
    *(Target("installs", "rebuilt", way, "seconds", 1.1, OURS) for way in (DELTA, BESIDE)),
    *(Target("installs", "rebuilt", DELTA, "seconds", 1, OURS, storage) for storage in ("eMMC", "SD card")),
    *(Target("installs", workload, way, "memory", 24 * MIB)
      for workload, way in (("rebuilt", DELTA), ("rebuilt", BESIDE), ("arm64", DELTA), ("squashfs", REMADE),
                            ("erofs", REMADE))),
    *(Target("boot", f"window-{bus}", "Keelboot", "million_instructions", 1.1, "a minimal C init")
      for bus in ("virtio", "nvme", "sd", "usb")),
    Target("boot", "boot", "Keelboot", "million_instructions", 1.02, "tiny-initramfs"),
    *(Target("boot", workload, f"Keelboot, {sets}", figure, most, judged=sets != "sixteen sets")
      for workload, figure, most in (("initramfs", "bytes", 3_200_000), ("memory", "machine", 96))
      for sets in ("every default set", "sixteen sets", "every set")),
    Target("boot", "initramfs", "Keelboot, without modules", "bytes", 1_900_000),
    Target("boot", "memory", "Keelboot, one bus", "machine", 80),
    *(Target("boot", "verify", f"Keelboot, {key}", "million_instructions", 12) for key in ("Ed25519", "P-256")),
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
        if row is not None and (other is not None or not target.against) and (not target.of or row.get(target.of)):
            got = row[target.figure] / (other[target.figure] if other else row[target.of] if target.of else 1)
        result.append({"group": target.group, "workload": target.workload, "way": target.way,
                       "storage": target.storage, "figure": target.figure, "want": target.text(),
                       "got": round(got, 3) if got is not None else None, "judged": target.judged,
                       "met": got is not None and got <= target.most})
    return result
