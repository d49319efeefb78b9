# SPDX-License-Identifier: Apache-2.0
"""The report for programs: JSON of this tool, and JUnit XML as GitHub, GitLab and Jenkins read it."""

import json
import re
import xml.etree.ElementTree as ET
from dataclasses import asdict
from pathlib import Path

SCHEMA = 1
NOT_XML = re.compile("[^\t\n\x20-\ud7ff\ue000-\ufffd]")
LOG_MOST = 200_000      # characters of a console in the reports


def clean(text: str) -> str:
    """Without what XML and HTML cannot hold."""
    return NOT_XML.sub("?", text)


def log_text(result) -> str:
    """The console of a scenario; of a long one the end."""
    try:
        text = Path(result.log).read_text(errors="replace")
    except OSError:
        text = ""
    text = clean(text.replace("\r", ""))
    return text if len(text) <= LOG_MOST else f"[{len(text) - LOG_MOST} characters are left out]\n{text[-LOG_MOST:]}"


def verdict(results) -> str:
    """pass, fail or skip of all: skip if nothing but the first boot could be played."""
    kinds = [result.result for result in results]
    if any(kind in ("fail", "error") for kind in kinds):
        return "fail"
    return "pass" if "pass" in kinds[1:] or len(kinds) == 1 else "skip"


def document(facts: dict, results, findings) -> dict:
    """What report.json has. facts: about the test as a whole."""
    scenarios = []
    for result in results:
        boots = [{key: value for key, value in asdict(boot).items() if key not in ("text", "lines", "silent")} |
                 {"said": boot.lines} for boot in result.boots]
        scenarios.append({"name": result.name, "result": result.result, "why": result.why, "todo": result.todo,
                          "seconds": result.seconds, "started": result.started, "boots": boots,
                          "events": [{"at": at, "text": text} for at, text in result.events],
                          "evidence": result.evidence, "log": Path(result.log).name if result.log else ""})
    return {"schema": SCHEMA, "result": verdict(results), **facts,
            "findings": [asdict(finding) for finding in findings], "scenarios": scenarios}


def write_json(path: Path, facts: dict, results, findings) -> None:
    path.write_text(json.dumps(document(facts, results, findings), indent=1) + "\n")


def junit(facts: dict, results) -> ET.Element:
    """A suite with one case for each scenario."""
    kinds = [result.result for result in results]
    suite = ET.Element("testsuite", name="keelboot image test", tests=str(len(kinds)),
                       failures=str(kinds.count("fail")), errors=str(kinds.count("error")),
                       skipped=str(kinds.count("skip")), time=f"{facts.get('seconds', 0):.1f}",
                       timestamp=facts.get("started", ""))
    for result in results:
        case = ET.SubElement(suite, "testcase", classname="keelboot.image", name=result.name,
                             time=f"{result.seconds:.1f}")
        if result.result == "skip":
            ET.SubElement(case, "skipped", message=clean(result.why))
        elif result.result in ("fail", "error"):
            tag = "failure" if result.result == "fail" else "error"
            told = ET.SubElement(case, tag, message=clean(result.why), type=result.result)
            told.text = clean("\n".join([result.todo, *result.evidence]))
        if result.log and result.result in ("fail", "error"):
            ET.SubElement(case, "system-out").text = log_text(result)[-20000:]
    root = ET.Element("testsuites")
    root.append(suite)
    return root


def write_junit(path: Path, facts: dict, results) -> None:
    tree = ET.ElementTree(junit(facts, results))
    ET.indent(tree)
    tree.write(path, encoding="utf-8", xml_declaration=True)
