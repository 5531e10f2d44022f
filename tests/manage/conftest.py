"""A state folder for each test of virtual machines, whose path is as awkward as paths may be."""
import os

import pytest

from tests.manage.lab import Lab


@pytest.fixture
def lab(tmp_path):
    """Return a Lab; its service ends with the test.  Its path is longer than a socket's address, and no UTF-8."""
    made = Lab(tmp_path / ("long" * 30) / os.fsdecode(b"no utf-8 \xff"))
    yield made
    if made.ask("list") is not None:
        made("shutdown")
