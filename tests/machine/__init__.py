"""Whole machines: how runs go, end, repeat and start again."""
