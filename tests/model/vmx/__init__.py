"""Tests of VMX."""
