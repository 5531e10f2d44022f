# Expect: pass. Cluster IPIs and the synthetic EOI, ICR, TPR and VP_ASSIST_PAGE MSRs drive the virtual APIC.
        .include "hvlib.s"

        .equ    LESS, 0x51
        .equ    MORE, 0x71
        .equ    PAGE_OF_VP, 0x400000
test:   ON      LESS, taken
        ON      MORE, taken
        ENLIGHTEN
        APIC_WRITE APIC_SVR, SVR_ENABLE | 0xFF
        CALL_FAST HVCALL_CLUSTER_IPI, LESS, 1
        EQ      rax, 0
        CALL_FAST HVCALL_CLUSTER_IPI, MORE, 2   # a VP that does not exist: ignored
        EQ      rax, 0
        CALL_FAST HVCALL_CLUSTER_IPI, 15, 1
        EQ      ax, HVSTATUS_INVALID_PARAMETER
        WRMSR   HVMSR_TPR, 0x60
        sti
        nop
        nop
        cli
        EQ      dword ptr [rip + count], 0      # its class is below the TPR
        RDMSR   HVMSR_TPR
        EQ      eax, 0x60
        mov     rax, cr8
        EQ      eax, 6
        WRMSR   HVMSR_ICR, MORE | put(ICR_SHORTHAND, SHORTHAND_SELF)
        sti
        nop
        nop
        cli
        EQ      dword ptr [rip + count], 1
        EQ      byte ptr [rip + last], MORE
        xor     eax, eax
        mov     cr8, rax
        sti
        nop
        nop
        cli
        EQ      dword ptr [rip + count], 1      # MORE is still in service
        WRMSR   HVMSR_EOI, 0
        sti
        nop
        nop
        cli
        EQ      dword ptr [rip + count], 2
        EQ      byte ptr [rip + last], LESS
        WRMSR   HVMSR_EOI, 0
        APIC_READ (APIC_ISR + 2)
        EQ      eax, 0

        WRMSR   HVMSR_TPR, 0xFF                 # all eight bits, and no more
        RDMSR   HVMSR_TPR
        EQ      eax, 0xFF
        GP_WRITE HVMSR_TPR, 0x100
        WRMSR   HVMSR_TPR, 1
        RDMSR   HVMSR_TPR
        EQ      eax, 1
        WRMSR   HVMSR_TPR, 0

        RDMSR   HVMSR_VP_ASSIST_PAGE            # the page: accepted, read back, and laid over the guest's own
        EQ      eax, 0
        mov     dword ptr [PAGE_OF_VP], -1
        WRMSR   HVMSR_VP_ASSIST_PAGE, PAGE_OF_VP | 1
        RDMSR   HVMSR_VP_ASSIST_PAGE
        EQ      eax, PAGE_OF_VP | 1
        EQ      dword ptr [PAGE_OF_VP], 0
        WRMSR   HVMSR_VP_ASSIST_PAGE, 0
        EQ      dword ptr [PAGE_OF_VP], -1
        mov     ecx, HVMSR_VP_ASSIST_PAGE
        mov     eax, 0xF0000001                 # where no memory is
        xor     edx, edx
        EXPECT  VECTOR_GP
        wrmsr
        CAUGHT
        PASS

taken:  inc     dword ptr [rip + count]
        mov     al, [rdi + FRAME_VECTOR]
        mov     [rip + last], al
        ret
        .align  8
count:  .quad   0
last:   .quad   0
