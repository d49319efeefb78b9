# SPDX-License-Identifier: Apache-2.0
"""What `keelboot check-config` and `keelboot key show` find wrong in what is packed: the rules are theirs."""

import json
import subprocess
import tempfile
from pathlib import Path

import kbconf

TREE = Path(__file__).resolve().parents[2]
# In the source tree, or where `make install` puts it.
PLACES = (TREE / "build/keelboot", TREE.parent / "bin/keelboot")


def _wanted(path: str, keyring: str) -> bool:
    """A file of the configuration that may count, or a key that is trusted."""
    folder, _, name = path.rpartition("/")
    if name.endswith(".pem"):
        return folder == keyring
    return any(path == f"{top}/system.conf" or folder == f"{top}/system.conf.d" for top in kbconf.FOLDERS)


def _lay_out(archive, root: Path) -> list:
    """Writes these files below root, as they lie in the image; returns where they are."""
    texts = archive.texts()
    keyring = kbconf.keyring(texts).strip("/")
    found = [root / path for path in texts if _wanted(path, keyring)]
    for file in found:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(texts[str(file.relative_to(root))])
    return found


def _ask(command: Path, *words) -> dict:
    """What the command prints as JSON. OSError, ValueError: it does not run here, or is another one."""
    done = subprocess.run([command, *words, "--json"], capture_output=True, text=True, timeout=60, check=False)
    return json.loads(done.stdout)


def _check(command: Path, archive, root: Path, warn) -> list:
    def name(path: str) -> str:
        """As the person knows it who builds."""
        inside = path.removeprefix(f"{root}/")
        return archive.source(inside) or inside

    files = _lay_out(archive, root)
    keys = [file for file in files if file.suffix == ".pem"]
    for key in _ask(command, "key", "show", *keys)["keys"] if keys else []:
        if "published" in key:
            warn(f"{name(key['file'])} is {key['published']}, whose private half is published: anybody can sign "
                 "updates for this device; never ship this image")
    wrong = []
    for item in _ask(command, "--conf-root", root, "check-config")["complaints"]:
        text = f"{name(item['file'])}{':%d' % item['line'] if item['line'] else ''}: {item['text']}"
        if item["missing"]:
            warn(text)
        else:
            wrong.append(text)
    return wrong


def mistakes(archive, warn) -> list:
    """What is wrong in the packed configuration. Warns of what may be missing on purpose, and of published keys."""
    command = next((place for place in PLACES if place.is_file()), None)
    try:
        if command:
            with tempfile.TemporaryDirectory() as root:
                return _check(command, archive, Path(root), warn)
        why = f"{' and '.join(map(str, PLACES))} are missing"
    except (ValueError, KeyError, subprocess.SubprocessError):
        why = f"{command} does not run here"
    except OSError as error:
        why = f"{command} does not run here: {error}"
    warn(f"configuration and keys are not checked: {why}; install it, or use keelboot check-config elsewhere")
    return []
