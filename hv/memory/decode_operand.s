# decode_operand.s - the rest of decode.s: length of a memory operand, and the register a load fills.
#
# Source  SDM 2A, "ModR/M and SIB Bytes"

# insn_modrm - Skip ModRM, SIB and displacement.  Entry: rsi = ModRM, r9 = address size.
# Exit: eax = ModRM, rsi after the operand; carry set for a register operand.  Changes ecx, edx.
insn_modrm:
        xor     eax, eax
        lodsb
        mov     ecx, eax
        shr     ecx, 6                          # mod
        cmp     ecx, 3
        je      insn_unknown
        mov     edx, eax
        and     edx, 7                          # r/m
        cmp     r9d, 2
        je      insn_modrm_16
        cmp     edx, 4
        jne     1f
        movzx   edx, byte ptr [rsi]             # SIB: its base takes the place of r/m
        inc     rsi
        and     edx, 7
1:      cmp     ecx, 1
        je      .byte
        ja      4f
        cmp     edx, 5
        je      4f
.none:  clc
        ret
.byte:  inc     rsi
        clc
        ret
4:      add     rsi, 4
        clc
        ret
insn_modrm_16:
        cmp     ecx, 1
        je      insn_modrm.byte
        ja      5f
        cmp     edx, 6
        jne     insn_modrm.none
5:      add     rsi, 2
        clc
        ret

# insn_result - Fill the register of a load.  Entry: rax = value read, rbx = VP.  Exit: nothing.  Changes rax, rcx, rdx, rsi.
insn_result:
        mov     ecx, 8
        sub     ecx, [rbx + VP_OP_SIZE]
        shl     ecx, 3
        shl     rax, cl
        cmp     dword ptr [rbx + VP_OP_SIGNED], 0
        je      1f
        sar     rax, cl
        jmp     2f
1:      shr     rax, cl
2:      mov     rdx, rax
        mov     ecx, [rbx + VP_OP_REGISTER]
        mov     esi, [rbx + VP_OP_TARGET]
        cmp     esi, 8
        je      gpr_write
        mov     eax, eax
        cmp     esi, 4
        je      gpr_write
        call    gpr_read
        mov     ecx, [rbx + VP_OP_REGISTER]
        cmp     esi, 2
        jne     3f
        mov     ax, dx
        jmp     gpr_write
3:      cmp     dword ptr [rbx + VP_OP_HIGH], 0
        jne     4f
        mov     al, dl
        jmp     gpr_write
4:      mov     ah, dl
        jmp     gpr_write
