# SPDX-License-Identifier: Apache-2.0
"""build/report/mutants.json: what became of the planted mutations, and of the sweep; each writes its part."""

import json

from private_tree import ROOT

REPORT = ROOT / "build/report/mutants.json"


def write(**fields) -> None:
    """Sets fields of the report; the others stay."""
    REPORT.parent.mkdir(parents=True, exist_ok=True)
    content = json.loads(REPORT.read_text()) if REPORT.exists() else {}
    content.update(fields)
    part = REPORT.with_suffix(".part")
    part.write_text(json.dumps(content, indent=1) + "\n")
    part.replace(REPORT)
