# modelib.s - leave 64-bit mode and come back: included after lib.s.
#
# Source  SDM 3A, "Mode Switching"; SDM 3A, "Initializing IA-32e Mode"

        .equ    REAL, 0x20000                   # where real-mode code is copied to: CS = 0x2000

# LEAVE_LONG - 64-bit mode to 32-bit protected mode, paging off.  Changes eax, ecx, edx.
        .macro  LEAVE_LONG
        ljmp    fword ptr [rip + 79f]
79:     .long   78f
        .word   CODE32
        .code32
78:     mov     eax, cr0
        and     eax, ~CR0_PG & 0xFFFFFFFF
        mov     cr0, eax
        mov     ecx, MSR_EFER
        rdmsr
        and     eax, ~EFER_LME & 0xFFFFFFFF
        wrmsr
        mov     eax, DATA
        mov     ds, eax
        mov     es, eax
        mov     ss, eax
        .endm

# ENTER_LONG root - And back, with the library's tables or those at `root`.  Changes eax, ecx, edx.
        .macro  ENTER_LONG root=TABLES
        mov     eax, cr4
        or      eax, CR4_PAE
        mov     cr4, eax
        mov     eax, \root
        mov     cr3, eax
        mov     ecx, MSR_EFER
        rdmsr
        or      eax, EFER_LME
        wrmsr
        mov     eax, cr0
        or      eax, CR0_PG
        mov     cr0, eax
        ljmp    CODE64, 79f
        .code64
79:     lidt    [rip + idt_pointer]
        mov     esp, esp
        .endm

# REAL_BEGIN name ... REAL_END - From 32-bit protected mode: run what stands between in real mode, DS = ES = SS = 0,
# CS = REAL / 16; `label - name` is an offset there.  Comes back to 32-bit protected mode after REAL_END; changes all.
        .macro  REAL_BEGIN name
        mov     esi, \name
        mov     edi, REAL
        mov     ecx, \name\()_end - \name
        cld
        rep movsb
        mov     dword ptr [scratch_descriptors], 0x0000FFFF     # 16-bit code at REAL
        mov     dword ptr [scratch_descriptors + 4], REAL >> 16 | 0x9B00
        mov     [saved_esp], esp
        ljmp    SCRATCH, 0
        .code16
\name:  mov     ax, DATA16
        mov     ds, ax
        mov     es, ax
        mov     ss, ax
        mov     fs, ax
        mov     gs, ax
        mov     eax, cr0
        and     al, 0xFE
        mov     cr0, eax
        ljmp    REAL >> 4, \name\()_real - \name
\name\()_real:
        xor     ax, ax
        mov     ds, ax
        mov     es, ax
        mov     ss, ax
        mov     sp, 0x7000
        lidt    cs:[\name\()_ivt - \name]
        jmp     \name\()_go
\name\()_ivt:
        .word   0x3FF
        .long   0
\name\()_go:
        .endm
        .macro  REAL_END name
        cli
        mov     eax, cr0
        or      al, 1
        mov     cr0, eax
        ljmp    CODE32, dword \name\()_end
        .code32
\name\()_end:
        mov     eax, DATA
        mov     ds, eax
        mov     es, eax
        mov     ss, eax
        mov     fs, eax
        mov     gs, eax
        mov     esp, [saved_esp]
        .endm
        .align  8
saved_esp:      .quad 0

# ---- 32-bit protected mode ----
        .equ    RESULTS, 0x30000                # doublewords that 32-bit and 16-bit code leaves for checks

# GATE32 vector, handler, dpl - A 32-bit interrupt gate in idt32.  Changes eax.
        .macro  GATE32 vector, handler, dpl=0
        mov     eax, \handler
        mov     [idt32 + 8 * (\vector)], ax
        mov     word ptr [idt32 + 8 * (\vector) + 2], CODE32
        mov     word ptr [idt32 + 8 * (\vector) + 4], 0x8E00 | (\dpl) << 13
        shr     eax, 16
        mov     [idt32 + 8 * (\vector) + 6], ax
        .endm
        .align  8, 0
idt32:  .fill   256, 8
idt32_pointer:
        .word   256 * 8 - 1
        .long   idt32
        .align  8, 0
tss32:  .long   0, STACK_RSP0, DATA             # ESP0, SS0
        .fill   22, 4
        .word   0, 104                          # no I/O bitmap
tss32_end:
