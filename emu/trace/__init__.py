"""Traces: the trace events of a run, row by row, in a file, and the forms that people and other programs read."""
