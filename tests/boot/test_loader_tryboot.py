# SPDX-License-Identifier: Apache-2.0
"""A Raspberry Pi's firmware starts the partition that autoboot.txt names, and another one once. No firmware is run:
unit/loader_tryboot_test.c has a model of it, by its documentation. The device's half is in trace/pairs_tryboot_test.c.
"""

import pytest

from loader_model import is_passed, said_by


@pytest.fixture(name="said", scope="module")
def run_model():
    return said_by("loader_tryboot_test")


@pytest.mark.parametrize("story", (
    "firmware starts once what it is asked to and then the preset",
    "cut at the write leaves the old preset or the new one",
    "torn file starts the first pair where the firmware walks",
    "pair that was cut in its copy is no partition that starts",
    "damaged file is not believed and made anew by a preset",
    "firmware of another disk proves nothing"))
def test_model(said, story):
    assert is_passed(said, story), said
