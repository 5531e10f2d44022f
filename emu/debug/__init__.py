"""Debugging: what a machine's state means, in words.  Everything here only looks; a run is the same with and without it."""
