# Expect: pass. A child does TIMES random things (hypercalls, MSRs, ports, memory; SEED): the root keeps its memory, every page comes back.
        .include "rootlib.s"

        .equ    GIVEN_1, PRIVILEGE_VP_RUN_TIME | PRIVILEGE_REFERENCE_COUNTER | PRIVILEGE_SYNIC | PRIVILEGE_TIMERS | PRIVILEGE_APIC
        .equ    GIVEN_2, GIVEN_1 | PRIVILEGE_HYPERCALL | PRIVILEGE_VP_INDEX | PRIVILEGE_RESET | PRIVILEGE_REFERENCE_TSC
        .equ    GIVEN_3, GIVEN_2 | PRIVILEGE_FREQUENCIES | PRIVILEGE_CREATE_PARTITIONS | PRIVILEGE_PARTITION_ID | PRIVILEGE_MEMORY_POOL
        .equ    GIVEN_4, GIVEN_3 | PRIVILEGE_POST_MESSAGES | PRIVILEGE_SIGNAL_EVENTS | PRIVILEGE_CREATE_PORT | PRIVILEGE_CONNECT_PORT
        .equ    GIVEN, GIVEN_4 | PRIVILEGE_VP_REGISTERS | PRIVILEGE_START_VP
        .equ    C_PAGE, 0x20000
        .equ    C_INPUT, 0x22000
        .equ    C_OUTPUT, 0x23000
        .equ    C_STATE, 0x24000                # random state, operations left
        .equ    C_IDT, 0x25000
        .equ    OURS, 0xC00000                  # the root's own: a pattern
        .equ    OURS_BYTES, 0x100000

test:   ROOT_BEGINS
        NEW_CHILD guest, guest_end, GIVEN
        STORE   CHILD + C_STATE, SEED
        STORE   CHILD + C_STATE + 8, TIMES
        mov     edi, OURS
        mov     ecx, OURS_BYTES / 8
        mov     rax, 0x0123456789ABCDEF
        rep stosq
        SET     HVREG_EXPLICIT_SUSPEND, 0
serve:  cmp     dword ptr [SLOT0], 0
        jne     1f
        CALL_FAST HVCALL_SPIN_WAIT, 1
        cmp     qword ptr [CHILD + C_STATE + 8], 0
        jne     serve
        jmp     checked
1:      mov     ebx, [SLOT0]
        mov     dword ptr [SLOT0], 0
        cmp     ebx, HVMESSAGE_UNMAPPED_GPA     # go on after it; anything else: from the beginning
        je      2f
        lea     rsi, [rip + guest]
        mov     edi, CHILD + CHILD_CODE
        mov     ecx, guest_end - guest
        rep movsb
        call    long_child
        EQ      eax, 0
        jmp     3f
2:      SET     HVREG_RIP, CHILD_CODE + guest_loop - guest
3:      RESUME
        WRMSR   HVMSR_EOM, 0
        jmp     serve
checked:
        mov     edi, OURS
        mov     ecx, OURS_BYTES / 8
        mov     rax, 0x0123456789ABCDEF
        repe scasq
        EQ      ecx, 0
        SET     HVREG_EXPLICIT_SUSPEND, 1
        mov     dword ptr [SLOT0], 0
        END_CHILD
        call    clear_input
        mov     qword ptr [INPUT], SELF_ID
        OK      HVCALL_MEMORY_BALANCE
        EQ      qword ptr [OUTPUT], ROOT_POOL
        EQ      qword ptr [OUTPUT + 8], 0
        OK      HVCALL_NEXT_CHILD
        PASS

guest:  mov     rsp, CHILD_STACK
        CHILD_LOADS
        lea     rax, [rip + guest_fault]
        mov     edi, C_IDT
        mov     ecx, 256
1:      mov     [rdi], ax
        mov     dword ptr [rdi + 2], 8
        mov     byte ptr [rdi + 4], 0
        mov     byte ptr [rdi + 5], 0x8E
        mov     rdx, rax
        shr     rdx, 16
        mov     [rdi + 6], dx
        mov     qword ptr [rdi + 8], 0
        add     edi, 16
        dec     ecx
        jnz     1b
        CHILD_CALLS C_PAGE
guest_loop:
        mov     rsp, CHILD_STACK
        cli
        cmp     qword ptr [C_STATE + 8], 0
        je      guest_over
        dec     qword ptr [C_STATE + 8]
        call    guest_random
        mov     rbx, rax
        and     eax, 7
        cmp     eax, 4
        jb      guest_call
        je      guest_rdmsr
        cmp     eax, 6
        jb      guest_wrmsr
        je      guest_port
        call    guest_random                    # memory: the APIC, or where none is
        mov     ecx, 0xFEE00000
        mov     edx, eax
        and     edx, 0xFFC
        or      ecx, edx
        and     eax, 0x3FFFFFF8
        or      eax, 0x01000000
        test    ebx, 0x300
        cmovz   eax, ecx
        test    ebx, 0x400
        jz      1f
        mov     [rax], ebx
        jmp     guest_loop
1:      mov     edx, [rax]
        jmp     guest_loop

guest_call:                                     # sixteen random words, the first often a partition
        mov     edi, C_INPUT
        mov     esi, 16
1:      call    guest_random
        mov     rdx, rax
        shr     rdx, 60
        cmp     edx, 12
        ja      2f
        and     eax, 0x1F                       # mostly small
2:      mov     [rdi], rax
        add     edi, 8
        dec     esi
        jnz     1b
        test    ebx, 0x100
        jz      3f
        mov     qword ptr [C_INPUT], -1
3:      mov     ecx, ebx
        shr     ecx, 16
        and     ecx, 0xFF
        test    ebx, 0x600
        jnz     4f
        or      ecx, HVINPUT_FAST
4:      mov     rax, rbx
        shr     rax, 40
        and     eax, 3
        test    ebx, 0x800
        jz      5f
        shl     rax, shift(HVINPUT_COUNT)
        or      rcx, rax
5:      mov     edx, C_INPUT
        mov     r8d, C_OUTPUT
        test    ebx, 0xF000
        jnz     6f
        mov     rdx, rbx
        shr     rdx, 20
        or      rdx, 0x40000
        mov     r8, rdx
6:      mov     eax, C_PAGE
        call    rax
        jmp     guest_loop

guest_number:                                   # ecx = number of an MSR
        mov     ecx, ebx
        shr     ecx, 8
        and     ecx, 0x1FF
        or      ecx, 0x40000000
        test    ebx, 0x20000
        jz      1f
        and     ecx, 0xFF
        add     ecx, 0x800
        test    ebx, 0x40000
        jz      1f
        sub     ecx, 0x800
        test    ebx, 0x80000
        jz      1f
        mov     ecx, ebx
1:      ret
guest_rdmsr:
        call    guest_number
        cmp     ecx, HVMSR_GUEST_IDLE           # would sleep with nothing to wake it
        je      guest_loop
        rdmsr
        jmp     guest_loop
guest_wrmsr:
        call    guest_number
        cmp     ecx, HVMSR_HYPERCALL            # or there would be no more calls
        je      guest_loop
        push    rcx
        call    guest_random
        pop     rcx
        mov     rdx, rax
        shr     rdx, 44
        or      eax, 0x40000                    # no page over our own
        wrmsr
        jmp     guest_loop
guest_port:
        mov     edx, ebx
        shr     edx, 8
        in      al, dx
        out     dx, eax
        jmp     guest_loop
guest_over:
        hlt
        jmp     guest_over
guest_fault:
        mov     rsp, CHILD_STACK
        push    0x10
        push    CHILD_STACK
        push    2
        push    8
        lea     rax, [rip + guest_loop]
        push    rax
        iretq
guest_random:                                   # xorshift64
        mov     rax, [C_STATE]
        mov     rcx, rax
        shl     rcx, 13
        xor     rax, rcx
        mov     rcx, rax
        shr     rcx, 7
        xor     rax, rcx
        mov     rcx, rax
        shl     rcx, 17
        xor     rax, rcx
        mov     [C_STATE], rax
        ret
        CHILD_DESCRIPTORS C_IDT
guest_end:
        LIBRARY
