# Expect: pass. 32-bit protected mode: ring 3 and back by INT, stack from the 32-bit TSS, SS:ESP saved, data segments cleared.
        .include "lib.s"
        .include "modelib.s"

test:   LEAVE_LONG
        lidt    [idt32_pointer]
        mov     dword ptr [scratch_descriptors + 8], (tss32 & 0xFFFF) << 16 | (tss32_end - tss32 - 1)
        mov     dword ptr [scratch_descriptors + 12], tss32 >> 16 & 0xFF | 0x8900 | (tss32 & 0xFF000000)
        mov     eax, SCRATCH + 8
        ltr     ax
        GATE32  0x90, on_int, 3
        GATE32  0x93, on_back, 3
        GATE32  0x94, on_int                    # DPL 0
        GATE32  VECTOR_GP, on_gp
        mov     [saved_esp], esp
        mov     eax, DATA
        mov     fs, eax                         # DPL 0: must be null in ring 3
        mov     eax, USER_DATA
        mov     gs, eax                         # DPL 3: stays
        push    USER_DATA
        push    STACK3
        pushfd
        push    USER_CODE32
        push    offset user
        iretd
user:   mov     ax, ds                          # was DATA: null now
        movzx   ebx, ax
        mov     ax, fs
        movzx   ecx, ax
        mov     ax, gs
        movzx   edx, ax
        mov     eax, USER_DATA
        mov     ds, eax
        mov     [RESULTS], ebx
        mov     [RESULTS + 4], ecx
        mov     [RESULTS + 8], edx
        mov     [RESULTS + 12], esp
        stc
        int     0x90
user_back:
        mov     [RESULTS + 0x34], esp
        int     0x94
user_after:
        hlt                                     # #GP(0)
user_last:
        int     0x93
home:   ENTER_LONG
        EQ      dword ptr [RESULTS], 0
        EQ      dword ptr [RESULTS + 4], 0
        EQ      dword ptr [RESULTS + 8], USER_DATA
        EQ      dword ptr [RESULTS + 12], STACK3
        EQ      dword ptr [RESULTS + 0x10], offset user_back
        EQ      dword ptr [RESULTS + 0x14], USER_CODE32
        BITS    dword ptr [RESULTS + 0x18], RFLAGS_CF
        EQ      dword ptr [RESULTS + 0x1C], STACK3
        EQ      dword ptr [RESULTS + 0x20], USER_DATA
        EQ      dword ptr [RESULTS + 0x24], STACK_RSP0 - 20
        EQ      dword ptr [RESULTS + 0x28], DATA
        EQ      dword ptr [RESULTS + 0x34], STACK3
        EQ      dword ptr [RESULTS + 0x40], 0x94 * 8 + 2
        EQ      dword ptr [RESULTS + 0x44], 0
        PASS

        .code32
        .macro  COPY from, to
        mov     eax, [esp + \from]
        mov     [RESULTS + \to], eax
        .endm
on_int: COPY    0, 0x10
        COPY    4, 0x14
        COPY    8, 0x18
        COPY    12, 0x1C
        COPY    16, 0x20
        mov     [RESULTS + 0x24], esp
        mov     ax, ss
        movzx   eax, ax
        mov     [RESULTS + 0x28], eax
        iretd
on_gp:  mov     eax, [count]
        inc     dword ptr [count]
        pop     ecx
        mov     [RESULTS + 0x40 + eax*4], ecx
        mov     ecx, [places + eax*4]
        mov     [esp], ecx
        iretd
on_back: mov    esp, [saved_esp]
        mov     eax, DATA
        mov     ds, eax
        mov     es, eax
        mov     ss, eax
        jmp     home
        .align  8
count:  .long   0
places: .long   user_after, user_last
        .code64
