"""The assembler, and the contracts over routines of hypervisor and firmware."""
