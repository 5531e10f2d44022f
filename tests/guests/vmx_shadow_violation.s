# Expect: pass. An EPT violation reports its own addresses and access after STI and MOV SS, and blocking shows which it was.
        .include "lib.s"
        .include "vmxlib.s"

        .equ    PAGE, GUEST_RAM
        .equ    FINAL, QUAL_EPT_LINEAR | QUAL_EPT_FINAL
        .macro  VIOLATION qualification, blocking
        RUN     EPT_VIOLATION
        GET     rax, EXIT_QUALIFICATION
        and     eax, 0x1FF
        EQ      eax, \qualification
        GET     rax, GUEST_PHYSICAL_ADDRESS
        EQ      rax, PAGE + 0x18
        GET     rax, GUEST_LINEAR_ADDRESS
        EQ      rax, PAGE + 0x18
        GET     rax, GUEST_INTERRUPTIBILITY
        EQ      eax, \blocking
        .endm
test:   call    vmx_start
        SPLIT_RAM
        RIGHTS  0
        GUEST   g_sti
        VIOLATION QUAL_EPT_READ | FINAL, BLOCKING_STI
        call    vmx_run                         # again: blocking is as it was loaded
        EQ      eax, REASON_EPT_VIOLATION
        GET     rax, GUEST_INTERRUPTIBILITY
        EQ      eax, BLOCKING_STI
        PUT     GUEST_RFLAGS, RFLAGS_ONE
        PUT     GUEST_INTERRUPTIBILITY, 0
        GUEST   g_movss
        VIOLATION QUAL_EPT_READ | FINAL, BLOCKING_MOV_SS
        PUT     GUEST_RFLAGS, RFLAGS_ONE | RFLAGS_IF
        PUT     GUEST_INTERRUPTIBILITY, BLOCKING_STI    # what stands before RIP says nothing here
        GUEST   g_read
        VIOLATION QUAL_EPT_READ | FINAL, BLOCKING_STI
        PUT     GUEST_INTERRUPTIBILITY, BLOCKING_MOV_SS
        GUEST   g_after_sti
        VIOLATION QUAL_EPT_READ | FINAL, BLOCKING_MOV_SS
        mov     dword ptr [EPT_PT], PAGE | EPT_WB | EPTE_W      # write without read
        call    flush
        RUN     EPT_MISCONFIG
        GET     rax, GUEST_PHYSICAL_ADDRESS
        EQ      rax, PAGE + 0x18

        PUT     GUEST_RFLAGS, RFLAGS_ONE
        PUT     GUEST_INTERRUPTIBILITY, 0       # read and written at once
        RIGHTS  0
        GUEST   g_add
        VIOLATION QUAL_EPT_READ | QUAL_EPT_WRITE | FINAL, 0
        GUEST   g_xchg
        VIOLATION QUAL_EPT_READ | QUAL_EPT_WRITE | FINAL, 0
        RIGHTS  EPTE_R
        GUEST   g_add
        VIOLATION QUAL_EPT_READ | QUAL_EPT_WRITE | QUAL_EPT_READABLE | FINAL, 0
        GUEST   g_read
        RUN     VMCALL
        GUEST   g_xchg
        VIOLATION QUAL_EPT_READ | QUAL_EPT_WRITE | QUAL_EPT_READABLE | FINAL, 0
        RIGHTS  EPTE_R | EPTE_W
        mov     qword ptr [PAGE + 0x18], 5
        GUEST   g_add
        RUN     VMCALL
        EQ      dword ptr [PAGE + 0x18], 6
        PASS

flush:  mov     eax, INVEPT_TYPE_ALL
        mov     qword ptr [FREE], 0
        mov     qword ptr [FREE + 8], 0
        invept  rax, [FREE]
        ret
g_sti:  sti
g_after_sti:
        mov     rax, [PAGE + 0x18]
        vmcall
g_movss: mov    eax, DATA
        mov     ss, eax
g_read: mov     rax, [PAGE + 0x18]
        vmcall
g_add:  lock add dword ptr [PAGE + 0x18], 1
        vmcall
g_xchg: xchg    [PAGE + 0x18], ecx
        vmcall
