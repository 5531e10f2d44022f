# table.s - the loops by name.

        .equ    BOTH, PROC2_EPT | PROC2_VPID

        .macro  NAMED name
        .asciz  "\name"
        .align  16, 0
        .endm
        .macro  PLAIN name
        NAMED   \name
        .quad   loop_\name, 0, 0, 0, 0, 0
        .endm
        .macro  EXITS name, guest, handler, reason, secondary=BOTH, primary=0
        NAMED   \name
        .quad   loop_exits, guest_\guest, on_\handler, REASON_\reason, \secondary, \primary | PROC_SECONDARY
        .endm

        .align  64, 0
loops:  PLAIN   alu
        PLAIN   load
        PLAIN   store
        PLAIN   call
        PLAIN   touch
        PLAIN   svm
        EXITS   cpuid, cpuid, plain, CPUID
        EXITS   cpuid-ept, cpuid, plain, CPUID, PROC2_EPT
        EXITS   cpuid-vpid, cpuid, plain, CPUID, PROC2_VPID
        EXITS   cpuid-bare, cpuid, plain, CPUID, 0
        EXITS   cpuid-full, cpuid, full, CPUID
        EXITS   cpuid-full-ept, cpuid, full, CPUID, PROC2_EPT
        EXITS   vmcall, vmcall, plain, VMCALL
        EXITS   vmcall-full, vmcall, full, VMCALL
        EXITS   violation, violation, violation, EPT_VIOLATION
        EXITS   io, io, plain, IO, BOTH, PROC_IO
        EXITS   inject, vmcall, inject, VMCALL
loops_end:
image_end:
