"""Traces: what happened in a run, row by row, in a file, and the forms that people and other programs read."""
