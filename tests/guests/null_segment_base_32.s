# Expect: pass. In protected mode too, a return to an outer level that makes FS or GS null keeps the base; virtual-8086 mode loads both.
        .include "lib.s"
        .include "modelib.s"

        .equ    FS_VALUE, 0x00123456
        .equ    GS_VALUE, 0x00654321
        .equ    MARK, 0x7000                    # memory that FS = 0 of virtual-8086 mode reaches
        .equ    BASES, RESULTS + 0x40           # FS and GS base, and the selectors, after each return

# SEGMENT slot, base, level - A data segment in the GDT.
        .macro  SEGMENT slot, base, level
        mov     dword ptr [scratch_descriptors + 8 * \slot], (\base & 0xFFFF) << 16 | 0xFFFF
        mov     dword ptr [scratch_descriptors + 8 * \slot + 4], \base >> 16 & 0xFF | 0xCF9300 | \level << 13
        .endm
        .macro  LOAD fs, gs
        mov     eax, \fs
        mov     fs, eax
        mov     eax, \gs
        mov     gs, eax
        .endm
# OUT fs, gs - Load both, and push what a return to ring 3 takes last; back in ring 0 it goes on at the next 9.
        .macro  OUT fs, gs
        LOAD    \fs, \gs
        mov     dword ptr [resume], 9f
        push    USER_DATA
        push    STACK3
        .endm
test:   mov     dword ptr [MARK], 0x5AFE5AFE
        LEAVE_LONG
        lidt    [idt32_pointer]
        mov     dword ptr [scratch_descriptors + 8], (tss32 & 0xFFFF) << 16 | (tss32_end - tss32 - 1)
        mov     dword ptr [scratch_descriptors + 12], tss32 >> 16 & 0xFF | 0x8900 | (tss32 & 0xFF000000)
        mov     eax, SCRATCH + 8
        ltr     ax
        SEGMENT 2, FS_VALUE, 0
        SEGMENT 3, GS_VALUE, 0
        GATE32  0x93, on_back, 3
        mov     [saved_esp], esp

        OUT     SCRATCH + 16, SCRATCH + 24      # by IRET
        pushfd
        push    USER_CODE32
        push    offset user
        iretd
9:      OUT     SCRATCH + 16, SCRATCH + 24      # by RET
        push    USER_CODE32
        push    offset user
        retf
9:      SEGMENT 3, GS_VALUE, 3                  # a segment of the user's own stays
        OUT     SCRATCH + 16, SCRATCH + 27
        pushfd
        push    USER_CODE32
        push    offset user
        iretd
9:      mov     esi, offset virtual             # to virtual-8086 mode with FS = 0
        mov     edi, REAL
        mov     ecx, virtual_end - virtual
        cld
        rep movsb
        SEGMENT 3, GS_VALUE, 0
        LOAD    SCRATCH + 16, SCRATCH + 24
        mov     dword ptr [resume], 9f
        push    MARK >> 4                       # GS
        push    0                               # FS, DS, ES
        push    0
        push    0
        push    0                               # SS:ESP
        push    0x6000
        push    RFLAGS_VM | RFLAGS_IOPL | 2
        push    REAL >> 4
        push    0
        iretd
9:      ENTER_LONG
        EQ      dword ptr [BASES], FS_VALUE
        EQ      dword ptr [BASES + 4], GS_VALUE
        EQ      dword ptr [BASES + 8], 0
        EQ      dword ptr [BASES + 12], 0
        EQ      dword ptr [BASES + 16], FS_VALUE
        EQ      dword ptr [BASES + 20], GS_VALUE
        EQ      dword ptr [BASES + 24], 0
        EQ      dword ptr [BASES + 28], 0
        EQ      dword ptr [BASES + 32], FS_VALUE
        EQ      dword ptr [BASES + 36], GS_VALUE
        EQ      dword ptr [BASES + 40], 0
        EQ      dword ptr [BASES + 44], SCRATCH + 27
        EQ      dword ptr [RESULTS], 0x5AFE5AFE
        EQ      dword ptr [RESULTS + 4], 0x5AFE5AFE
        PASS

        .code32
user:   mov     ax, fs
        movzx   esi, ax
        mov     ax, gs
        movzx   edi, ax
        int     0x93
on_back: mov    esp, [saved_esp]                # esi, edi: what the outer level found
        mov     eax, DATA
        mov     ds, eax
        mov     es, eax
        mov     [RESULTS], ebp
        mov     [RESULTS + 4], edx
        mov     ebx, [place]
        add     dword ptr [place], 16
        mov     ecx, MSR_FS_BASE
        rdmsr
        mov     [ebx], eax
        mov     ecx, MSR_GS_BASE
        rdmsr
        mov     [ebx + 4], eax
        mov     [ebx + 8], esi
        mov     [ebx + 12], edi
        jmp     [resume]
        .align  4
place:  .long   BASES
resume: .long   0
        .code16
virtual: mov    ebp, fs:[MARK]
        mov     edx, gs:[0]
        int     0x93
virtual_end:
        .code64
