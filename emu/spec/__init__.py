"""Facts of the manuals, as tables.  Nothing here computes; `emu.bits` says how a table reads.

Manuals: Intel 64 and IA-32 Architectures Software Developer's Manual, order number 325462, revision 083
(March 2024), cited by volume and section title; Hypervisor Top Level Functional Specification 6.0b.
"""
SDM_REVISION = "325462-083"
