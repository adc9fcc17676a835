"""Every call that writes fails once (test_crash_kills ends the program there).

A record of a failed fdatasync may be seen and was not acknowledged; so
"failed" allows both states, and "done" one. Whoever fails says why.
"""

import pytest

from crash_place import KINDS, place  # noqa: F401


@pytest.mark.parametrize("error", ["ENOSPC", "EIO", "EINTR"])
@pytest.mark.parametrize("kind", KINDS)
def test_failing_at_every_call(place, kind, error):  # noqa: F811
    assert place.every(kind, error) > 3
