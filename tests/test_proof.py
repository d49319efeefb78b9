# SPDX-License-Identifier: Apache-2.0
"""The proofs of the record's codec and of a table's numbers hold, and would not hold with a mistake. (That of the
chunks needs Frama-C: `make proof`.)"""

import shutil

import prove
import pytest
from cli_device import TOP

pytestmark = pytest.mark.long


def mistaken_tree(tmp_path, name, right, mistaken):
    """The sources, with one mistake."""
    for folder in ("lib", "selector", "update", "cli"):
        shutil.copytree(TOP / folder, tmp_path / folder)
    source = (tmp_path / name).read_text()
    assert source.count(right) == 1
    (tmp_path / name).write_text(source.replace(right, mistaken))
    return tmp_path


@pytest.mark.parametrize("proof, cases", [(prove.codec, 3_000_000), (prove.varint, 500_000_000)])
def test_it_is_proven(proof, cases):
    result = proof(900)
    assert result["ok"] and result["wrong"] == 0 and result["cases"] > cases


@pytest.mark.parametrize("proof, name, right, mistaken", [
    (prove.codec, "selector/state_keys.c", "OF_SLOT(tries), STATE_TRIES_MAX", "OF_SLOT(tries), STATE_TRIES_MAX - 1"),
    (prove.codec, "selector/state_keys.c", "OF_STATE(lr_count)", "OF_STATE(installs)"),
    (prove.codec, "selector/state_encode.c", "key->when == STATE_WHEN_RELEASE && !t->has_release",
     "key->when == STATE_WHEN_RELEASE && t->sequence == 0"),
    (prove.codec, "selector/text.c", "l->line_len = (size_t)(stop - *pos) + (nl != NULL);",
     "l->line_len = (size_t)(stop - *pos) + 1;"),
    (prove.varint, "update/bundle/reader_walk.c", "(b == 0 && shift > 0) ||", ""),
    (prove.varint, "update/bundle/reader_walk.c", "|| v > UINT32_MAX", ""),
    (prove.varint, "update/bundle/reader_walk.c", "shift < 35", "shift < 28"),
    (prove.varint, "update/bundle/reader_walk.c", "shift < 35 && w->enc_pos < w->enc_page_len", "shift < 35"),
    (prove.varint, "cli/bundle/bundle_table.c", "v >= 0x80; v >>= 7", "v > 0x80; v >>= 7"),
])
def test_a_mistake_is_found(tmp_path, proof, name, right, mistaken):
    assert not proof(900, mistaken_tree(tmp_path, name, right, mistaken))["ok"]
