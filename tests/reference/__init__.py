"""The rules of the manual once more, in plain integers, without the tables of emu/spec."""
