# SPDX-License-Identifier: Apache-2.0
"""The proofs of the record's codec and of a table's numbers hold, and would not hold with a mistake. (That of the
chunks needs Frama-C: `make proof`.)"""

import shutil

import prove
import pytest
from cli_device import TOP


def mistaken_tree(tmp_path, name, right, mistaken):
    """The sources, with one mistake."""
    for folder in ("lib", "selector", "update", "cli"):
        shutil.copytree(TOP / folder, tmp_path / folder)
    source = (tmp_path / name).read_text()
    assert source.count(right) == 1
    (tmp_path / name).write_text(source.replace(right, mistaken))
    return tmp_path


def test_the_codec_is_proven():
    result = prove.codec(900)
    assert result["ok"] and result["wrong"] == 0 and result["cases"] > 3_000_000


@pytest.mark.parametrize("name, right, mistaken", [
    ("selector/state_keys.c", "OF_SLOT(tries), STATE_TRIES_MAX", "OF_SLOT(tries), STATE_TRIES_MAX - 1"),
    ("selector/state_keys.c", "OF_STATE(lr_count)", "OF_STATE(installs)"),
    ("selector/state_encode.c", "key->when == STATE_WHEN_RELEASE && !t->has_release",
     "key->when == STATE_WHEN_RELEASE && t->sequence == 0"),
    ("selector/text.c", "l->line_len = (size_t)(stop - *pos) + (nl != NULL);",
     "l->line_len = (size_t)(stop - *pos) + 1;"),
])
def test_a_mistake_in_the_codec_is_found(tmp_path, name, right, mistaken):
    assert not prove.codec(900, mistaken_tree(tmp_path, name, right, mistaken))["ok"]


def test_the_numbers_of_a_table_are_proven():
    result = prove.varint(900)
    assert result["ok"] and result["wrong"] == 0 and result["cases"] > 500_000_000


@pytest.mark.parametrize("name, right, mistaken", [
    ("update/bundle/reader_walk.c", "(b == 0 && shift > 0) ||", ""),
    ("update/bundle/reader_walk.c", "|| v > UINT32_MAX", ""),
    ("update/bundle/reader_walk.c", "shift < 35", "shift < 28"),
    ("update/bundle/reader_walk.c", "shift < 35 && w->enc_pos < w->enc_page_len", "shift < 35"),
    ("cli/bundle/bundle_table.c", "v >= 0x80; v >>= 7", "v > 0x80; v >>= 7"),
])
def test_a_mistake_in_a_number_is_found(tmp_path, name, right, mistaken):
    assert not prove.varint(900, mistaken_tree(tmp_path, name, right, mistaken))["ok"]
