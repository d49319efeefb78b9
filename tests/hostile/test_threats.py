# SPDX-License-Identifier: Apache-2.0
"""Each of the threats has its tests, or stands in docs/SECURITY.md among what is not promised, with the reason."""
import threats


def test_each_threat_has_a_test_or_a_reason():
    bare = [number for number, tests in threats.collect().items() if not tests]
    assert set(bare) <= threats.later(), "no test, and no line in docs/SECURITY.md"


def test_numbers_are_those_of_the_list():
    assert set(threats.collect()) == set(threats.THREATS) == set(range(1, 46))
    assert threats.later() <= set(threats.THREATS)


def test_what_is_named_is_there():
    named = [*threats.ELSEWHERE, *(test for tests in threats.BEYOND.values() for test in tests)]
    assert [test for test in named if not threats.is_there(test)] == []


def test_the_page_has_the_table():
    """`tests/hostile/threats.py --write` puts it there."""
    text = threats.PAGE.read_text()
    between = text.partition(threats.BEGIN)[2].partition(threats.END)[0]
    assert threats.HEADING in text and between.strip() == threats.table().strip()
