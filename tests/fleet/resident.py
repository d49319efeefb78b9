# SPDX-License-Identifier: Apache-2.0
"""What processes hold of the memory together."""
import os
import re
import struct
from pathlib import Path

PAGE = os.sysconf("SC_PAGE_SIZE")
PRESENT, OF_FILE = 1 << 63, 1 << 61         # bits of /proc/PID/pagemap
MAPPING = re.compile(r"(\w+)-(\w+) \S+ (\w+) (\S+) (\d+)")


def pages_of_files(pid) -> set:
    """(file, number of the page in it): those that the process has in use and has not changed."""
    found = set()
    with open(f"/proc/{pid}/pagemap", "rb") as pagemap:
        for mapping in map(MAPPING.match, Path(f"/proc/{pid}/maps").read_text().splitlines()):
            begin, end, offset = (int(mapping[n], 16) // PAGE for n in (1, 2, 3))
            if mapping[5] == "0":           # of no file: the heap, a stack, the kernel's own
                continue
            pagemap.seek(begin * 8)
            flags = struct.unpack(f"{end - begin}Q", pagemap.read((end - begin) * 8))
            found |= {((mapping[4], mapping[5]), offset + n) for n, flag in enumerate(flags)
                      if flag & PRESENT and flag & OF_FILE}
    return found


def held(*pids) -> dict:
    """KiB. Of a page of the program or a library, the kernel's share (PSS) depends on who else uses it: here it counts
    once in full, as where nobody else does. What is written to counts once, too, if a fork shares it."""
    rollups = [Path(f"/proc/{pid}/smaps_rollup").read_text() for pid in pids]

    def of_all(key):
        return sum(int(re.search(rf"^{key}:\s+(\d+)", text, re.M)[1]) for text in rollups)
    own = of_all("Pss_Anon")
    files = len(set().union(*map(pages_of_files, pids))) * PAGE // 1024
    return {"own": own, "files": files, "all": own + files, "share": of_all("Pss"), "rss": of_all("Rss")}
