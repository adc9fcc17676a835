"""Faults planted in the store: the other tests must notice
(tests/mutation/store.py has the table)."""

import subprocess

import pytest

from conftest import ROOT

RUN = [ROOT / "tests/mutation/run", "store"]
NAMES = subprocess.run([*RUN, "--list"], check=True, capture_output=True,
                       text=True).stdout.split()


@pytest.mark.parametrize("name", NAMES)
def test_planted_fault(name):
    done = subprocess.run([*RUN, name], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
