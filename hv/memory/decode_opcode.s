# decode_opcode.s - opcodes that may touch a device page, and what they do.
#
# Known: MOV 88 89 8A 8B A0-A3 C6/0 C7/0, MOVZX, MOVSX; ADD OR AND SUB XOR CMP between register and memory (00-3B),
# the same with an immediate (80 81 83), TEST 84 85 F6/0 F7/0; with operand-size, address-size, segment and REX prefixes,
# in 16-, 32- and 64-bit code.  Anything else sets carry, and is #GP(0), as the TLFS has it.
# Source  SDM 2A, "MOV", "MOVZX"; SDM 2D, "Opcode Map"

        .equ    REX_W, 8
        .equ    REX_R, 4
        .equ    ALU_ADC, 2                      # numbers of the operations are their opcode bits 5:3
        .equ    ALU_SBB, 3
        .equ    ALU_CMP, 7
        .equ    ALU_TEST, 8
        .equ    OP_MOV, -1

# insn_opcode - Entry: al = opcode; rsi, r8, r9, r11 as insn_decode says; rbx = VP.  Exit: VP_OP_* and r14 = length, or carry set.
# Changes rax, rcx, rdx, rsi, r8.
insn_opcode:
        test    r11d, REX_W
        jz      1f
        mov     r8d, 8
1:      mov     dword ptr [rbx + VP_OP_SIGNED], 0
        mov     dword ptr [rbx + VP_OP_STORE], 0
        mov     dword ptr [rbx + VP_OP_ALU], OP_MOV
        mov     [rbx + VP_OP_TARGET], r8d
        mov     [rbx + VP_OP_SIZE], r8d
        cmp     al, 0x0F
        je      insn_two
        test    al, 1
        jnz     2f
        mov     dword ptr [rbx + VP_OP_SIZE], 1
        mov     dword ptr [rbx + VP_OP_TARGET], 1
2:      mov     dl, al
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
        je      insn_offset_store
        cmp     dl, 0x80
        je      insn_group1
        cmp     al, 0x83
        je      insn_group1_byte
        cmp     dl, 0x84
        je      insn_test
        cmp     dl, 0xF6
        je      insn_group3
        cmp     al, 0x40
        jae     insn_unknown
        test    al, 4
        jnz     insn_unknown                    # accumulator with immediate: no memory
        mov     ecx, eax
        shr     ecx, 3
        and     ecx, 7
        call    insn_alu
        jc      insn_unknown
        test    al, 2
        jnz     insn_load
        jmp     insn_store

insn_offset_store:
        mov     dword ptr [rbx + VP_OP_STORE], 1
insn_offset:                                    # accumulator, address as wide as the address size
        add     rsi, r9
        xor     ecx, ecx
        jmp     insn_register
insn_two:
        lodsb
        mov     ecx, 1
        cmp     al, 0xB6
        je      4f
        cmp     al, 0xBE
        je      3f
        mov     ecx, 2
        cmp     al, 0xB7
        je      4f
        cmp     al, 0xBF
        jne     insn_unknown
3:      mov     dword ptr [rbx + VP_OP_SIGNED], 1
4:      mov     [rbx + VP_OP_SIZE], ecx
        jmp     insn_load
insn_test:
        mov     dword ptr [rbx + VP_OP_ALU], ALU_TEST
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
        jne     5f
        test    r11d, r11d
        jnz     5f
        cmp     ecx, 4
        jb      5f
        sub     ecx, 4                          # AH, CH, DH, BH
        inc     dword ptr [rbx + VP_OP_HIGH]
5:      mov     [rbx + VP_OP_REGISTER], ecx
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

insn_immediate:                                 # MOV: /0 alone
        call    insn_modrm
        jc      insn_unknown
        test    eax, 0x38
        jnz     insn_unknown
        jmp     insn_immediate_store
insn_group3:                                    # TEST is /0 and /1
        call    insn_modrm
        jc      insn_unknown
        test    eax, 0x30
        jnz     insn_unknown
        mov     dword ptr [rbx + VP_OP_ALU], ALU_TEST
        jmp     insn_immediate_store
insn_group1_byte:
        call    insn_group1_operation
        jc      insn_unknown
        mov     dword ptr [rbx + VP_OP_STORE], 1
        jmp     insn_immediate_byte
insn_group1:
        call    insn_group1_operation
        jc      insn_unknown
insn_immediate_store:                           # an immediate as wide as the operand, at most 4 bytes
        mov     dword ptr [rbx + VP_OP_STORE], 1
        mov     ecx, [rbx + VP_OP_SIZE]
        cmp     ecx, 1
        je      insn_immediate_byte
        cmp     ecx, 2
        je      6f
        movsxd  rax, dword ptr [rsi]
        add     rsi, 4
        jmp     insn_value
6:      movsx   rax, word ptr [rsi]
        add     rsi, 2
        jmp     insn_value
insn_immediate_byte:
        movsx   rax, byte ptr [rsi]
        inc     rsi
        jmp     insn_value

# insn_group1_operation - ModRM.reg is the operation.  Entry: rsi = ModRM, r9 = address size, rbx = VP.
# Exit: rsi after the operand; carry as insn_alu's, or set for a register operand.  Changes rax, rcx, rdx.
insn_group1_operation:
        call    insn_modrm
        jc      insn_alu.done
        mov     ecx, eax
        shr     ecx, 3
        and     ecx, 7
# insn_alu - Entry: ecx = operation, rbx = VP.  Exit: VP_OP_ALU; carry set when it needs the guest's CF.  Keeps every register.
insn_alu:
        mov     [rbx + VP_OP_ALU], ecx
        cmp     ecx, ALU_ADC
        je      7f
        cmp     ecx, ALU_SBB
        je      7f
        clc
        ret
7:      stc
.done:  ret
# insn_unknown - Entry: nothing.  Exit: carry set.  Keeps every register.
insn_unknown:
        stc
        ret
