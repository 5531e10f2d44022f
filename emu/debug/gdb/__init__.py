"""A remote stub for gdb: packets, target description, agent expressions, commands, server."""
