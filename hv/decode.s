# decode.s - the instruction that touched a device page: MOV in its memory forms, MOVZX, MOVSX.
#
# Known: 88 89 8A 8B, A0-A3, C6 /0, C7 /0, 0F B6 B7 BE BF, with operand-size, address-size, segment and REX prefixes,
# in 16-, 32- and 64-bit code.  Anything else sets carry, and ends the partition with a message.
# Source  SDM 2A, "Instruction Format", "MOV", "MOVZX"; SDM 2D, "Opcode Map"

        .equ    INSN_MOST, 15
        .equ    REX_W, 8
        .equ    REX_R, 4

# insn_fetch - Copy the instruction at CS:RIP.  Entry: rbx = VP, rbp = partition.
# Exit: VP_BYTES; carry set when its first byte cannot be reached (eax = error code, VP_FETCHED = address).
insn_fetch:
        VMGET   rdi, VMCS_GUEST_RIP
        push    rdi
        call    guest_is_long
        pop     rdi
        jnz     1f
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
        jc      2f
        mov     rdi, rax
        call    guest_memory
        mov     rsi, rax
        pop     rdi
        pop     rcx
        test    rax, rax
        jz      3f
        rep movsb
insn_fetched:
        clc
        ret
2:      pop     rdi
        pop     rcx
3:      xor     eax, eax                        # the instruction ends before the page that is missing
        rep stosb
        clc
        ret
insn_no_memory:
        mov     eax, edx
insn_no_page:
        stc
        ret

# insn_decode - Entry: VP_BYTES.  Exit: VP_OP_* and r14 = length, or carry set.
# Inside: rsi = next byte, r8 = operand size, r9 = address size, r10 = 1 in 64-bit code, r11 = REX.
insn_decode:
        call    guest_is_long
        mov     r10d, 0
        mov     r8d, 4
        jz      1f
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
        mov     edi, r8d                        # operand size without prefix
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

insn_opcode:
        test    r11d, REX_W
        jz      4f
        mov     r8d, 8
4:      mov     dword ptr [rbx + VP_OP_SIGNED], 0
        mov     dword ptr [rbx + VP_OP_STORE], 0
        mov     [rbx + VP_OP_TARGET], r8d
        mov     [rbx + VP_OP_SIZE], r8d
        cmp     al, 0x0F
        je      insn_two
        test    al, 1
        jnz     5f
        mov     dword ptr [rbx + VP_OP_SIZE], 1
        mov     dword ptr [rbx + VP_OP_TARGET], 1
5:      mov     dl, al
        and     dl, 0xFE
        cmp     dl, 0x88
        je      insn_store
        cmp     dl, 0x8A
        je      insn_load
        cmp     dl, 0xC6
        je      insn_immediate
        cmp     dl, 0xA0
        je      insn_offset
        cmp     dl, 0xA2
        jne     insn_unknown
        mov     dword ptr [rbx + VP_OP_STORE], 1
insn_offset:                                    # accumulator, address as wide as the address size
        add     rsi, r9
        xor     ecx, ecx
        jmp     insn_register
insn_two:
        lodsb
        mov     ecx, 1
        cmp     al, 0xB6
        je      6f
        cmp     al, 0xBE
        je      7f
        mov     ecx, 2
        cmp     al, 0xB7
        je      6f
        cmp     al, 0xBF
        jne     insn_unknown
7:      mov     dword ptr [rbx + VP_OP_SIGNED], 1
6:      mov     [rbx + VP_OP_SIZE], ecx
        jmp     insn_load
insn_store:
        mov     dword ptr [rbx + VP_OP_STORE], 1
insn_load:
        call    insn_modrm
        jc      insn_unknown
        mov     ecx, eax
        shr     ecx, 3
        and     ecx, 7
        test    r11d, REX_R
        jz      insn_register
        or      ecx, 8
insn_register:                                  # ecx = register
        mov     dword ptr [rbx + VP_OP_HIGH], 0
        cmp     dword ptr [rbx + VP_OP_TARGET], 1
        jne     8f
        test    r11d, r11d
        jnz     8f
        cmp     ecx, 4
        jb      8f
        sub     ecx, 4                          # AH, CH, DH, BH
        inc     dword ptr [rbx + VP_OP_HIGH]
8:      mov     [rbx + VP_OP_REGISTER], ecx
        call    gpr_read
        cmp     dword ptr [rbx + VP_OP_HIGH], 0
        je      insn_value
        shr     rax, 8
insn_value:
        mov     [rbx + VP_OP_VALUE], rax
        mov     r14, rsi
        sub     r14, rbx
        sub     r14, VP_BYTES                   # length
        cmp     r14, INSN_MOST + 1
        cmc                                     # carry when longer
        ret
insn_immediate:
        mov     dword ptr [rbx + VP_OP_STORE], 1
        call    insn_modrm
        jc      insn_unknown
        test    eax, 0x38
        jnz     insn_unknown                    # /0 alone
        movsxd  rax, dword ptr [rsi]
        mov     ecx, [rbx + VP_OP_SIZE]
        cmp     ecx, 8
        jne     9f
        mov     ecx, 4
9:      add     rsi, rcx
        jmp     insn_value
insn_unknown:
        stc
        ret
