# msr.s - a guest that reads an MSR of the hypervisor's, twice.
        .include "../../tests/partitions/hvlib.s"
test:   mov     ecx, HVMSR_VP_INDEX
        rdmsr
        EQ      eax, 0
        mov     ecx, HVMSR_VP_INDEX
        rdmsr
        EQ      eax, 0
        PASS
