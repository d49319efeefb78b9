# SPDX-License-Identifier: Apache-2.0
"""What a run of tests left out, by its reports: a run that skips what it exists for is no success."""

import collections
import xml.etree.ElementTree as ElementTree


def left_out(reports, name) -> list:
    """A line for each target of which scenarios skipped themselves: how many of how many, and why. reports: of pytest;
    name: the target of a test by its file, name and parameters."""
    all_of, why = collections.Counter(), {}
    cases = (case for report in reports if report.exists() for case in ElementTree.parse(report).iter("testcase"))
    for case in cases:
        scenario, _, parameters = case.get("name").rstrip("]").partition("[")
        target = name(case.get("classname").rpartition(".")[2], scenario, parameters)
        all_of[target] += 1
        if (skipped := case.find("skipped")) is not None:
            why.setdefault(target, []).append(skipped.get("message"))
    return [f"{target}: {len(reasons)} of {all_of[target]}: {'; '.join(sorted(set(reasons)))}"
            for target, reasons in sorted(why.items())]
