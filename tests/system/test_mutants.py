"""Faults planted in the store: the other tests must notice (tests/tools/mutants
has the table)."""

import subprocess

import pytest

from conftest import ROOT

MUTANTS = ROOT / "tests/tools/mutants"
NAMES = subprocess.run([MUTANTS, "--list"], check=True, capture_output=True,
                       text=True).stdout.split()


@pytest.mark.parametrize("name", NAMES)
def test_planted_fault(name):
    done = subprocess.run([MUTANTS, name], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
