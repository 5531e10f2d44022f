# decode.s - the instruction that touched a device page: its bytes and its prefixes; opcodes are in decode_opcode.s.
#
# Source  SDM 2A, "Instruction Format"

        .equ    INSN_MOST, 15

# insn_fetch - Copy the instruction at CS:RIP.  Entry: rdi = RIP, rbx = VP with VP_OP_LONG, rbp = partition.
# Exit: VP_BYTES; carry set when its first byte cannot be reached (eax = error code, VP_FETCHED = address).
# Keeps rbx, rbp, r12-r15.
insn_fetch:
        cmp     dword ptr [rbx + VP_OP_LONG], 0
        jne     1f
        VMGET   rax, VMCS_GUEST_CS_BASE
        add     edi, eax                        # 32-bit linear address
1:      mov     [rbx + VP_FETCHED], rdi
        mov     esi, PFEC_ID
        call    guest_walk
        jc      insn_no_page
        mov     rdi, rax
        call    guest_memory
        test    rax, rax
        mov     edx, PFEC_ID
        jz      insn_no_memory
        mov     rsi, rax
        lea     rdi, [rbx + VP_BYTES]
        mov     ecx, esi
        neg     ecx
        and     ecx, PAGE - 1                   # bytes left in the page
        mov     eax, INSN_MOST
        cmp     ecx, eax
        cmova   ecx, eax
        test    ecx, ecx
        cmovz   ecx, eax                        # the page begins here
        sub     eax, ecx
        jz      insn_at_once
        rep movsb
        mov     ecx, eax
        jecxz   insn_fetched
        push    rcx
        push    rdi
        mov     rdi, [rbx + VP_FETCHED]
        add     rdi, PAGE
        and     rdi, -PAGE
        mov     esi, PFEC_ID
        call    guest_walk
        jc      insn_next_missing
        mov     rdi, rax
        call    guest_memory
        mov     rsi, rax
        pop     rdi
        pop     rcx
        test    rax, rax
        jz      insn_cut_short
        rep movsb
insn_fetched:
        clc
        ret
insn_at_once:                                   # all in this page, as is usual
        mov     rax, [rsi]
        mov     [rdi], rax
        mov     rax, [rsi + 7]
        mov     [rdi + 7], rax
        clc
        ret
insn_next_missing:
        pop     rdi
        pop     rcx
insn_cut_short:
        xor     eax, eax                        # the instruction ends before the page that is missing
        rep stosb
        clc
        ret
insn_no_memory:
        mov     eax, edx
insn_no_page:
        stc
        ret

# insn_decode - Entry: VP_BYTES of VP rbx.  Exit: VP_OP_* and r14 = length, or carry set.
# Changes all but rbx, rbp, rdi, r12, r13, r15.
# Inside: rsi = next byte, r8 = operand size, r9 = address size, r10 = 1 in 64-bit code, r11 = REX.
insn_decode:
        xor     r10d, r10d
        mov     r8d, 4
        cmp     [rbx + VP_OP_LONG], r10d
        je      1f
        inc     r10d
        mov     r9d, 8
        jmp     2f
1:      VMGET   rax, VMCS_GUEST_CS_ACCESS_RIGHTS
        mov     r9d, 4
        test    eax, AR_DB
        jnz     2f
        mov     r8d, 2
        mov     r9d, 2
2:      mov     eax, r8d
        xor     eax, 6
        mov     ecx, eax                        # ecx = the other operand size
        lea     rsi, [rbx + VP_BYTES]
        xor     r11d, r11d
insn_prefix:
        lodsb
        cmp     al, 0x66
        je      insn_operand
        cmp     al, 0x67
        je      insn_address
        cmp     al, 0xF2
        je      insn_legacy
        cmp     al, 0xF3
        je      insn_legacy
        cmp     al, 0x64
        je      insn_legacy
        cmp     al, 0x65
        je      insn_legacy
        mov     dl, al
        and     dl, 0xE7
        cmp     dl, 0x26
        je      insn_legacy                     # ES, CS, SS, DS
        test    r10d, r10d
        jz      insn_opcode
        mov     dl, al
        and     dl, 0xF0
        cmp     dl, 0x40
        jne     insn_opcode
        movzx   r11d, al
        jmp     insn_prefix
insn_operand:
        mov     r8d, ecx
insn_legacy:
        xor     r11d, r11d                      # REX counts only right before the opcode
        jmp     insn_prefix
insn_address:
        mov     edx, 4                          # 64 -> 32, 16 -> 32, 32 -> 16
        cmp     r9d, 4
        jne     3f
        test    r10d, r10d
        jnz     3f
        mov     edx, 2
3:      mov     r9d, edx
        jmp     insn_legacy

