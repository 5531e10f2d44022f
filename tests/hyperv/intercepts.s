# Expect: pass. A child's port, CPUID, MSR, exception and memory intercepts reach the root in their layouts and are answered by registers.
        .include "rootlib.s"

        .equ    DATA_AT, SLOT0 + SLOTS_DATA
        .macro  INTERCEPT access, type, parameter
        call    clear_input
        mov     [INPUT], r15
        mov     dword ptr [INPUT + 8], \access
        mov     dword ptr [INPUT + 12], \type
        STORE   INPUT + 16, \parameter
        .endm
# ADVANCE_BY bytes - Past an instruction that faulted.
        .macro  ADVANCE_BY bytes
        mov     rdx, [DATA_AT + 24]
        add     rdx, \bytes
        mov     esi, HVREG_RIP
        call    set_register
        EQ      eax, 0
        .endm
# SEGMENT_IS name, at - A segment of a message is the register.
        .macro  SEGMENT_IS name, at
        GET     \name
        EQ      [\at], rax
        EQ      [\at + 8], rdx
        .endm
        .equ    NO_PAGE, 0x80000000             # linear, in none of the child's tables
        .equ    C_IDT, 0x24000
test:   ROOT_BEGINS
        NEW_CHILD guest, guest_end
        INTERCEPT 1, 0, 0x3F8                   # a port wants both directions
        STATUS  HVCALL_INSTALL_INTERCEPT, HVSTATUS_INVALID_PARAMETER
        INTERCEPT 3, 0, 0x10000
        STATUS  HVCALL_INSTALL_INTERCEPT, HVSTATUS_INVALID_PARAMETER
        INTERCEPT 3, 5, 0
        STATUS  HVCALL_INSTALL_INTERCEPT, HVSTATUS_INVALID_PARAMETER
        INTERCEPT 3, 0, 0x3F8
        OK      HVCALL_INSTALL_INTERCEPT
        INTERCEPT 4, 2, 0x40000001
        OK      HVCALL_INSTALL_INTERCEPT
        INTERCEPT 3, 1, 0
        OK      HVCALL_INSTALL_INTERCEPT
        INTERCEPT 4, 3, VECTOR_UD
        OK      HVCALL_INSTALL_INTERCEPT
        INTERCEPT 4, 3, VECTOR_PF
        OK      HVCALL_INSTALL_INTERCEPT
        INTERCEPT 4, 3, VECTOR_DE
        OK      HVCALL_INSTALL_INTERCEPT
        INTERCEPT 0, 3, VECTOR_DE               # taken back
        OK      HVCALL_INSTALL_INTERCEPT

        GET     HVREG_EXPLICIT_SUSPEND
        EQ      rax, 1
        SET     HVREG_EXPLICIT_SUSPEND, 0
        WAIT_MESSAGE HVMESSAGE_IO_INTERCEPT     # OUT 0x3F8, AL
        EQ      [SLOT0 + SLOTS_ORIGIN], r15
        EQ      byte ptr [SLOT0 + 4], 128
        EQ      dword ptr [DATA_AT], 0
        EQ      byte ptr [DATA_AT + 5], 1       # write
        EQ      qword ptr [DATA_AT + 24], CHILD_CODE + guest_out - guest
        EQ      word ptr [DATA_AT + 40], 0x3F8
        EQ      byte ptr [DATA_AT + 42], 1      # one byte
        EQ      byte ptr [DATA_AT + 48], 'A'
        EQ      byte ptr [DATA_AT + 43], 16
        EQ      byte ptr [DATA_AT + 56], 0xEE   # the instruction
        GET     HVREG_INTERCEPT_SUSPEND
        EQ      rax, 1
        ADVANCE
        DONE_MESSAGE
        RESUME
        WAIT_MESSAGE HVMESSAGE_IO_INTERCEPT     # IN AL, DX: we give 'B'
        EQ      byte ptr [DATA_AT + 5], 0
        SET     HVREG_RAX, 'B'
        ADVANCE
        DONE_MESSAGE
        RESUME
        WAIT_MESSAGE HVMESSAGE_IO_INTERCEPT     # REP INSW: what it would have read and written, and where
        EQ      byte ptr [SLOT0 + 4], 128
        EQ      byte ptr [DATA_AT + 4], 3       # length, CR8 above it
        EQ      byte ptr [DATA_AT + 5], 0
        EQ      byte ptr [DATA_AT + 42], 2 | 1 << 3 | 1 << 4
        EQ      qword ptr [DATA_AT + 104], 5    # RCX, RSI, RDI
        EQ      qword ptr [DATA_AT + 112], 0x1111
        EQ      qword ptr [DATA_AT + 120], 0x28000
        SEGMENT_IS HVREG_ES + 3, DATA_AT + 72
        SEGMENT_IS HVREG_ES, DATA_AT + 88
        SET     HVREG_RIP, CHILD_CODE + guest_string - guest
        DONE_MESSAGE
        RESUME
        WAIT_MESSAGE HVMESSAGE_IO_INTERCEPT     # OUTSD, once
        EQ      byte ptr [DATA_AT + 5], 1
        EQ      byte ptr [DATA_AT + 42], 4 | 1 << 3
        EQ      qword ptr [DATA_AT + 112], 0x1111
        ADVANCE
        DONE_MESSAGE
        RESUME
        WAIT_MESSAGE HVMESSAGE_CPUID_INTERCEPT
        EQ      byte ptr [DATA_AT + 5], 2
        EQ      qword ptr [DATA_AT + 40], 0x40000001
        mov     eax, HVTEXT_INTERFACE
        EQ      [DATA_AT + 72], rax             # what it would have got
        SET     HVREG_RAX, 0x5EED
        ADVANCE
        DONE_MESSAGE
        RESUME
        WAIT_MESSAGE HVMESSAGE_MSR_INTERCEPT    # RDMSR 0x12345
        EQ      dword ptr [DATA_AT + 40], 0x12345
        EQ      byte ptr [DATA_AT + 5], 0
        SET     HVREG_RAX, 0x77
        ADVANCE
        DONE_MESSAGE
        RESUME
        WAIT_MESSAGE HVMESSAGE_MSR_INTERCEPT    # WRMSR to the one after the x2APIC's
        EQ      dword ptr [DATA_AT + 40], X2APIC_FIRST + 0x40
        EQ      byte ptr [DATA_AT + 5], 1
        ADVANCE
        DONE_MESSAGE
        RESUME
        WAIT_MESSAGE HVMESSAGE_EXCEPTION_INTERCEPT      # #PF: error code, address
        EQ      word ptr [DATA_AT + 40], VECTOR_PF
        EQ      byte ptr [DATA_AT + 42], 1
        EQ      dword ptr [DATA_AT + 44], PFEC_WR
        mov     rax, NO_PAGE + 8
        EQ      [DATA_AT + 48], rax
        EQ      qword ptr [DATA_AT + 24], CHILD_CODE + guest_fault - guest
        ADVANCE_BY 2
        DONE_MESSAGE
        RESUME
        WAIT_MESSAGE HVMESSAGE_IO_INTERCEPT     # #DE was its own: it has seen it
        EQ      byte ptr [DATA_AT + 48], 'D'
        ADVANCE
        DONE_MESSAGE
        RESUME
        WAIT_MESSAGE HVMESSAGE_EXCEPTION_INTERCEPT      # UD2, which is 2 bytes
        EQ      word ptr [DATA_AT + 40], VECTOR_UD
        EQ      byte ptr [DATA_AT + 42], 0
        EQ      word ptr [DATA_AT + 64], 0x0B0F
        EQ      qword ptr [DATA_AT + 112], 0x77 # RAX
        EQ      qword ptr [DATA_AT + 48], 0     # no address, nor error code
        EQ      dword ptr [DATA_AT + 44], 0
        ADVANCE_BY 2
        DONE_MESSAGE
        RESUME
        WAIT_MESSAGE HVMESSAGE_UNMAPPED_GPA     # a store to 0x30000000
        EQ      byte ptr [DATA_AT + 5], 1
        EQ      qword ptr [DATA_AT + 56], 0x30000000
        EQ      qword ptr [DATA_AT + 48], 0x30000000
        EQ      byte ptr [DATA_AT + 45], 3
        EQ      byte ptr [DATA_AT + 44], 16     # the instruction
        EQ      word ptr [DATA_AT + 64], 0x03C7
        EQ      dword ptr [DATA_AT + 40], MEMTYPE_WB
        call    clear_input                     # give it a page: it goes on by itself
        mov     [INPUT], r15
        STORE   INPUT + 8, 0x30000
        STORE   INPUT + 16, 3
        STORE   INPUT + 24, (CHILD >> 12) + 100
        CALL_HV HVCALL_MAP_PAGES | put(HVINPUT_COUNT, 1)
        mov     rcx, put(HVRESULT_DONE, 1)
        EQ      rax, rcx
        DONE_MESSAGE
        RESUME
        WAIT_MESSAGE HVMESSAGE_GPA_INTERCEPT    # executes there: no right
        EQ      byte ptr [DATA_AT + 5], 2
        EQ      qword ptr [DATA_AT + 56], 0x30000000
        EQ      dword ptr [CHILD + 100 * 0x1000], 0x90909090
        SET     HVREG_RIP, CHILD_CODE + guest_last - guest
        DONE_MESSAGE
        RESUME
        WAIT_MESSAGE HVMESSAGE_UNRECOVERABLE    # a triple fault
        DONE_MESSAGE
        END_CHILD
        PASS

guest:  mov     eax, 'A'
        mov     edx, 0x3F8
guest_out:
        out     dx, al
        in      al, dx
        cmp     al, 'B'
        jne     guest_bad
        mov     ecx, 5
        mov     esi, 0x1111
        mov     edi, 0x28000
        rep insw
guest_string:
        outsd
        mov     eax, 0x40000001
        cpuid
        cmp     eax, 0x5EED
        jne     guest_bad
        mov     ecx, 0x12345
        rdmsr
        cmp     eax, 0x77
        jne     guest_bad
        mov     ecx, MSR_APIC_BASE              # one that exists, then the first after the x2APIC's
        rdmsr
        mov     ecx, X2APIC_FIRST + 0x40
        wrmsr
        mov     ebx, NO_PAGE + 8
guest_fault:
        mov     [rbx], eax
        CHILD_LOADS
        CHILD_GATE C_IDT, VECTOR_DE, guest_de
        xor     ecx, ecx
        div     ecx
guest_divided:
        lidt    [rip + guest_no_idt]
        mov     edx, 0x3F8
        out     dx, al
        mov     eax, 0x77
        ud2
        mov     ebx, 0x30000000
        mov     dword ptr [rbx], 0x90909090
        jmp     rbx
guest_last:
        int     0x30                            # no IDT
guest_bad:
        hlt
        jmp     guest_bad
guest_de:
        mov     eax, 'D'
        lea     rcx, [rip + guest_divided]
        mov     [rsp], rcx
        iretq
guest_no_idt:
        .word   0
        .quad   0
        CHILD_DESCRIPTORS C_IDT
guest_end:
        LIBRARY
