"""Tests of breakpoints."""
