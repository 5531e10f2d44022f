# intercept_message.s - the messages of intercepts, in the layouts that parents rely on.
#
# Each routine: entry rbx = VP, its VMCS current, rbp = partition; fills the VP's node and suspends the VP.
# Source  TLFS, "Intercept Message Formats", "HV_X64_INTERCEPT_MESSAGE_HEADER"

        .record SEEN                            # the common header
        .field  VP, 4
        .field  LENGTH, 1                       # of the instruction, and CR8 in the high half
        .field  ACCESS, 1
        .field  STATE, 2
        .field  CS, 16
        .field  RIP, 8
        .field  RFLAGS, 8
        .endrecord
        .equ    SEEN_READ, 0
        .equ    SEEN_WRITE, 1
        .equ    SEEN_EXECUTE, 2

# seen_begin - Entry: edi = message type, esi = access, edx = bytes of payload, ecx = 1 when the exit has an instruction length;
# rbx = VP, rbp = partition.  Exit: r8 = payload, header filled, the rest 0.  Changes all but rbx, rbp, r12-r15.
seen_begin:
        push    rsi
        push    rcx
        push    rdi
        push    rdx
        mov     r11, rbx
        call    intercept_forget                # the parent did not read the last one
        pop     rdx
        lea     r8, [rbx + VP_INTERCEPT]
        pop     rax
        mov     [r8 + NODE_TYPE], eax
        mov     [r8 + NODE_LENGTH], rdx
        mov     rax, [rbp + PART_ID]
        mov     [r8 + NODE_ORIGIN], rax
        add     r8, NODE_PAYLOAD
        mov     rdi, r8
        mov     ecx, SLOTS_PAYLOAD / 8
        xor     eax, eax
        rep stosq
        mov     eax, [rbx + VP_INDEX]
        mov     [r8 + SEEN_VP], eax
        pop     rdx
        xor     eax, eax
        test    edx, edx
        jz      1f
        VMGET   rax, VMCS_EXIT_INSTRUCTION_LENGTH
1:      mov     edx, [rbx + VP_APIC + APIC_TPR*16]
        and     edx, 0xF0
        or      eax, edx
        mov     [r8 + SEEN_LENGTH], al
        pop     rsi
        mov     [r8 + SEEN_ACCESS], sil
        call    seen_state
        mov     [r8 + SEEN_STATE], ax
        mov     r10d, 2
        call    reg_segment
        mov     [r8 + SEEN_CS], rax
        mov     [r8 + SEEN_CS + 8], rdx
        VMGET   rax, VMCS_GUEST_RIP
        mov     [r8 + SEEN_RIP], rax
        VMGET   rax, VMCS_GUEST_RFLAGS
        mov     [r8 + SEEN_RFLAGS], rax
        lock or dword ptr [rbx + VP_SUSPENDED], SUSPEND_INTERCEPT
        mov     dword ptr [rbx + VP_INTERCEPT_DUE], 1
        WORK    WORK_YIELD
        ret

# seen_state - Entry: rbx = VP.  Exit: eax = execution state.  Changes rcx, rdx.
seen_state:
        call    guest_cpl
        mov     edx, eax
        VMGET   rax, VMCS_GUEST_CR0
        mov     ecx, eax
        and     ecx, CR0_PE
        lea     edx, [rdx + rcx*4]
        shr     eax, shift(CR0_AM)
        and     eax, 1
        lea     edx, [rdx + rax*8]
        VMGET   rax, VMCS_GUEST_EFER
        shr     eax, shift(EFER_LMA)
        and     eax, 1
        shl     eax, 4
        or      edx, eax
        VMGET   rax, VMCS_GUEST_DR7
        test    al, 0xFF
        setnz   al
        movzx   eax, al
        shl     eax, 5
        or      edx, eax
        cmp     dword ptr [rbx + VP_AGAIN], 0
        je      1f
        or      edx, 1 << 6                     # an event waits to be delivered again
1:      VMGET   rax, VMCS_GUEST_INTERRUPTIBILITY
        test    eax, BLOCKING_STI | BLOCKING_MOV_SS
        jz      2f
        or      edx, 1 << 12
2:      mov     eax, edx
        ret

# seen_bytes - Instruction bytes at RIP.  Entry: rdi = where 16 bytes go, rbx = VP, rbp = partition.  Exit: eax = how many.
# Keeps rbx, rbp, rdi, r8, r12-r15.
seen_bytes:
        push    r8
        push    rdi
        VMGET   rdi, VMCS_GUEST_RIP
        call    guest_is_long
        mov     [rbx + VP_OP_LONG], eax
        VMGET   rdi, VMCS_GUEST_RIP
        call    insn_fetch
        pop     rdi
        pop     r8
        mov     eax, 0
        jc      1f
        mov     rax, [rbx + VP_BYTES]
        mov     [rdi], rax
        mov     rax, [rbx + VP_BYTES + 8]
        mov     [rdi + 8], rax
        mov     eax, 16
1:      ret

        .record SEEN_IO
        .field  HEADER, SEEN_SIZE
        .field  PORT, 2
        .field  INFO, 1                         # size, string, rep
        .field  BYTES, 1
        .field  RESERVED, 4
        .field  RAX, 8
        .field  CODE, 16
        .field  DS, 16
        .field  ES, 16
        .field  RCX, 8
        .field  RSI, 8
        .field  RDI, 8
        .endrecord
# seen_io - Entry: r12 = exit qualification, rbx = VP, rbp = partition.  Exit: nothing.  Keeps rbx, rbp, r12-r15.
seen_io:
        mov     edi, HVMESSAGE_IO_INTERCEPT
        mov     esi, r12d
        shr     esi, shift(QUAL_IO_IN)
        not     esi
        and     esi, 1                          # IN reads
        mov     edx, SEEN_IO_SIZE
        mov     ecx, 1
        call    seen_begin
        mov     eax, r12d
        shr     eax, shift(QUAL_IO_PORT)
        mov     [r8 + SEEN_IO_PORT], ax
        mov     edx, r12d
        and     edx, QUAL_IO_SIZE
        inc     edx
        mov     rax, [rbx + VP_RAX]
        mov     [r8 + SEEN_IO_RAX], rax
        test    r12d, QUAL_IO_STRING
        jz      2f
        or      edx, 1 << 3
        test    r12d, QUAL_IO_REP
        jz      1f
        or      edx, 1 << 4
1:      mov     rax, [rbx + VP_RCX]
        mov     [r8 + SEEN_IO_RCX], rax
        mov     rax, [rbx + VP_RSI]
        mov     [r8 + SEEN_IO_RSI], rax
        mov     rax, [rbx + VP_RDI]
        mov     [r8 + SEEN_IO_RDI], rax
        push    rdx
        mov     r10d, 6
        call    reg_segment
        mov     [r8 + SEEN_IO_DS], rax
        mov     [r8 + SEEN_IO_DS + 8], rdx
        xor     r10d, r10d
        call    reg_segment
        mov     [r8 + SEEN_IO_ES], rax
        mov     [r8 + SEEN_IO_ES + 8], rdx
        pop     rdx
2:      mov     [r8 + SEEN_IO_INFO], dl
        lea     rdi, [r8 + SEEN_IO_CODE]
        call    seen_bytes
        mov     [r8 + SEEN_IO_BYTES], al
        ret
