# Expect: pass. What precedes a task switch: privilege, presence, type and limit of gate and TSS for far transfers, IRET with NT and INT n.
        .include "lib.s"
        .include "modelib.s"

        .equ    TSS_GATE, SCRATCH               # the four descriptors that a test may use
        .equ    NEW_TSS, SCRATCH + 8
        .equ    OLD_TSS, SCRATCH + 16
        .equ    CODE_GATE, SCRATCH + 24

# SET index, type - A descriptor of the new TSS (base tss32, limit 103); SHORT: a limit that is one too small.
        .macro  SET at, access, limit=103
        mov     dword ptr [scratch_descriptors + \at - SCRATCH], tss32 << 16 & 0xFFFFFFFF | (\limit)
        mov     dword ptr [scratch_descriptors + \at - SCRATCH + 4], tss32 >> 16 & 0xFF | (\access) << 8 | tss32 & 0xFF000000
        .endm
        .macro  GATE selector, access
        mov     dword ptr [scratch_descriptors], (\selector) << 16
        mov     dword ptr [scratch_descriptors + 4], (\access) << 8
        .endm
# FAULTS vector, error ... DONE - The instruction between must fault so; each is counted by its place in RESULTS.
        .macro  FAULTS vector, error
        .set    CHECK, CHECK + 1
        mov     dword ptr [failed], CHECK
        mov     dword ptr [resume], 77f
        mov     dword ptr [place], 76f
        mov     dword ptr [wanted], \vector
        mov     dword ptr [code], \error
76:
        .endm
        .macro  DONE
        jmp     bad
77:
        .endm

test:   LEAVE_LONG
        lidt    [idt32_pointer]
        GATE32  VECTOR_GP, on_gp
        GATE32  VECTOR_NP, on_np
        GATE32  VECTOR_TS, on_ts
        SET     NEW_TSS, 0x8B                   # busy
        FAULTS  VECTOR_GP, NEW_TSS
        lcall   NEW_TSS, 0
        DONE
        FAULTS  VECTOR_GP, NEW_TSS
        ljmp   NEW_TSS, 0
        DONE
        SET     NEW_TSS, 0x09                   # not present
        FAULTS  VECTOR_NP, NEW_TSS
        lcall   NEW_TSS, 0
        DONE
        SET     NEW_TSS, 0x89
        FAULTS  VECTOR_GP, NEW_TSS              # DPL below RPL
        lcall   NEW_TSS + 3, 0
        DONE
        SET     NEW_TSS, 0x89, 102
        FAULTS  VECTOR_TS, NEW_TSS
        ljmp   NEW_TSS, 0
        DONE
        SET     NEW_TSS, 0x81, 42
        FAULTS  VECTOR_TS, NEW_TSS
        ljmp    fword ptr [pointer]
        DONE
        GATE    NEW_TSS, 0x05                   # task gate: not present, then to what is none
        FAULTS  VECTOR_NP, TSS_GATE
        lcall   TSS_GATE, 0
        DONE
        GATE    CODE32, 0x85
        FAULTS  VECTOR_GP, CODE32
        lcall   TSS_GATE, 0
        DONE
        GATE    NEW_TSS + 4, 0x85               # in the LDT
        FAULTS  VECTOR_GP, NEW_TSS + 4
        ljmp   TSS_GATE, 0
        DONE
        GATE    0xFFF8, 0x85                    # past the end of the table
        FAULTS  VECTOR_GP, 0xFFF8
        lcall   TSS_GATE, 0
        DONE
        SET     OLD_TSS, 0x89                   # IRET goes back to a busy task only
        mov     eax, OLD_TSS
        ltr     ax
        mov     word ptr [tss32], NEW_TSS
        SET     NEW_TSS, 0x89
        pushfd
        or      dword ptr [esp], RFLAGS_NT
        popfd
        FAULTS  VECTOR_TS, NEW_TSS
        iretd
        DONE
        SET     NEW_TSS, 0x0B
        FAULTS  VECTOR_NP, NEW_TSS
        iretd
        DONE
        pushfd
        and     dword ptr [esp], ~RFLAGS_NT
        popfd
        mov     dword ptr [idt32 + 8 * 0x90], NEW_TSS << 16     # task gate in the IDT
        mov     dword ptr [idt32 + 8 * 0x90 + 4], 0x8500
        SET     NEW_TSS, 0x8B
        FAULTS  VECTOR_GP, NEW_TSS
        int     0x90
        DONE
        mov     dword ptr [idt32 + 8 * 0x90 + 4], 0x0500
        FAULTS  VECTOR_NP, 0x90 * 8 + 2
        int     0x90
        DONE
        xor     eax, eax
        out     PORT_DEBUG_EXIT, eax
        hlt

on_gp:  cmp     dword ptr [wanted], VECTOR_GP
        jmp     seen
on_np:  cmp     dword ptr [wanted], VECTOR_NP
        jmp     seen
on_ts:  cmp     dword ptr [wanted], VECTOR_TS
seen:   jne     bad
        pop     eax
        cmp     eax, [code]
        jne     bad
        mov     eax, [esp]
        cmp     eax, [place]
        jne     bad
        mov     eax, [resume]
        mov     [esp], eax
        iretd                                   # delivery cleared NT; the image brings it back
bad:    mov     eax, [failed]
        out     PORT_DEBUG_EXIT, eax
        hlt
        .align  4
resume: .long   0
place:  .long   0
wanted: .long   0
code:   .long   0
pointer: .long  0
        .word   NEW_TSS
        .code64
