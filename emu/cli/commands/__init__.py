"""The commands, one a file: each has `command`, which `emu.cli.group` looks up by name."""
