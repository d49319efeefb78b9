# SPDX-License-Identifier: Apache-2.0
"""For every folder of tests."""


def pytest_configure(config):
    config.addinivalue_line("markers", "threat(*numbers): a test of these threats, of tests/hostile/threats.py")
