"""Behaviour of the hardware: kernels, a file per unit, a folder per room.  Order: tests/test_imports.py."""
