"""Tests of decoder, operands, MSRs."""
