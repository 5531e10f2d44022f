"""Fixtures of the machine's tests."""
from tests.machine.conftest import machine, program  # noqa: F401
