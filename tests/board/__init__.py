"""The board: inputs from outside."""
