"""Facts of the manuals, as tables.  Nothing here computes; `emu.bits` says how a table reads.

    VMX              checks (of VM entry), vmx (controls, REASON, errors), intercept (which instruction exits), exits and
                     qualification (what an exit saves and reports), vmcs (fields), profile (what this processor offers)
    processor        cpu, cpuid, msr, paging, debug; insn and simd (encodings); cost and timing (cycles)
    computer         platform (addresses, ports, lines), apic, pit, rtc, uart, keyboard, vga, pci, firmware
    hypervisor       tlfs, hypercall, synic, partition_table, root
    ours             outcome, engine, trace

Which kernel obeys which table: docs/README.md, "Where is the line that ...".

Manuals: Intel 64 and IA-32 Architectures Software Developer's Manual, order number 325462, revision 083
(March 2024), cited by volume and section title; Hypervisor Top Level Functional Specification 6.0b.
"""
SDM_REVISION = "325462-083"
