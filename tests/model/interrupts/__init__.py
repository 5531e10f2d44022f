"""Tests of interrupt controllers."""
