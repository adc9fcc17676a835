"""A kill at every call that writes, and half of every write.

Each operation is run again and again with a library that ends it at its n-th
call, until a run passes all of them. What is then seen by a fresh reader, by
one that was open all along and by a login.fcgi that runs all along must be
the state before or after; done again, the operation succeeds.
"""

import pytest

from crash_place import KINDS, place  # noqa: F401


@pytest.mark.parametrize("kind", KINDS)
def test_killed_at_every_call(place, kind):  # noqa: F811
    assert place.every(kind, "kill") > 3


@pytest.mark.parametrize("kind", KINDS)
def test_short_at_every_write(place, kind):  # noqa: F811
    place.every(kind, "short")
