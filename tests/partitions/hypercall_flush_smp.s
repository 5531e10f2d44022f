# Expect: pass. A list of addresses to flush reaches the other VP, by a mask and by a set, with one element and with several.
        .include "hvlib.s"

        .equ    STARTED, 0x8000                 # where the start-up IPI begins
        .equ    OTHERS, put(ICR_SHORTHAND, SHORTHAND_OTHERS)
        .equ    ONE, FREE + 0x4000              # pages that the window shows in turn
        .equ    TWO, FREE + 0x5000
        .equ    STACK, FREE + 0x7000
        .equ    PAGE_3, WINDOW + 0x3000
        .equ    ELEMENTS, 3

# SHOWN value - The other VP sees it, a while from now at the latest.
        .macro  SHOWN value
        mov     ecx, 20000
71:     pause
        cmp     dword ptr [rip + seen], \value
        je      72f
        dec     ecx
        jnz     71b
72:     EQ      dword ptr [rip + seen], \value
        .endm
# CHANGE page - The window shows another page, and nobody invalidates.
        .macro  CHANGE page
        STORE   WINDOW_PT + 24, \page + 3
        .endm

test:   ENLIGHTEN
        mov     dword ptr [ONE], 1
        mov     dword ptr [TWO], 2
        MAP     3, ONE + 3
        lea     rsi, [rip + real]
        mov     edi, STARTED
        mov     ecx, real_end - real
        rep movsb
        sgdt    [STARTED + real_gdt - real]
        mov     rax, cr3
        mov     [STARTED + real_cr3 - real], eax
        mov     rax, cr4
        mov     [STARTED + real_cr4 - real], eax
        mov     rax, cr0
        mov     [STARTED + real_cr0 - real], eax
        RDMSR   MSR_EFER
        and     eax, ~EFER_LMA
        mov     [STARTED + real_efer - real], eax
        mov     [STARTED + real_cs - real], cs
        lea     rax, [rip + watch]
        mov     [STARTED + real_to - real], eax
        APIC_WRITE APIC_SVR, SVR_ENABLE | 0xFF
        APIC_WRITE APIC_ICR, put(ICR_MODE, DELIVERY_INIT) | ICR_ASSERT | OTHERS
        APIC_WRITE APIC_ICR, put(ICR_MODE, DELIVERY_SIPI) | ICR_ASSERT | OTHERS | STARTED >> 12
1:      pause
        cmp     dword ptr [rip + seen], 1
        jne     1b
        CHANGE  TWO                             # ---- by a mask: VP 1 alone, one element ----
        STORE   INPUT, 0
        STORE   INPUT + 8, HVFLUSH_ALL_SPACES
        STORE   INPUT + 16, 1 << 1
        STORE   INPUT + 24, PAGE_3
        CALL_HV HVCALL_FLUSH_LIST | put(HVINPUT_COUNT, 1)
        mov     rcx, put(HVRESULT_DONE, 1)
        EQ      rax, rcx
        SHOWN   2
        CHANGE  ONE                             # ---- everybody, several elements, the last is the one ----
        STORE   INPUT + 8, HVFLUSH_ALL_SPACES | HVFLUSH_ALL_PROCESSORS
        STORE   INPUT + 24, WINDOW + 0x8000
        STORE   INPUT + 32, WINDOW + 0xA000
        STORE   INPUT + 40, PAGE_3
        CALL_HV HVCALL_FLUSH_LIST | put(HVINPUT_COUNT, ELEMENTS)
        mov     rcx, put(HVRESULT_DONE, ELEMENTS)
        EQ      rax, rcx
        SHOWN   1
        EQ      dword ptr [PAGE_3], 1
        CHANGE  TWO                             # ---- by a set: VP 1 alone ----
        STORE   INPUT + 8, HVFLUSH_ALL_SPACES
        STORE   INPUT + 16, 0                   # sparse: a bank for each bit
        STORE   INPUT + 24, 1
        STORE   INPUT + 32, 1 << 1
        STORE   INPUT + 40, PAGE_3
        CALL_HV HVCALL_FLUSH_LIST_EX | put(HVINPUT_VARIABLE, 1) | put(HVINPUT_COUNT, 1)
        mov     rcx, put(HVRESULT_DONE, 1)
        EQ      rax, rcx
        SHOWN   2
        PASS

watch:  mov     esp, STACK
1:      mov     eax, [PAGE_3]
        mov     [rip + seen], eax
        jmp     1b
        .align  8
seen:   .quad   0

real:   .code16
        mov     ax, cs
        mov     ds, ax
        xor     ax, ax
        mov     ss, ax
        mov     sp, 0x7000
        lgdt    [real_gdt - real]
        mov     eax, [real_cr4 - real]
        mov     cr4, eax
        mov     eax, [real_cr3 - real]
        mov     cr3, eax
        mov     ecx, MSR_EFER
        mov     eax, [real_efer - real]
        xor     edx, edx
        wrmsr
        push    dword ptr [real_cs - real]
        push    dword ptr [real_to - real]
        mov     eax, [real_cr0 - real]
        mov     cr0, eax
        .byte   0x66                            # RETF of two doublewords, to 64-bit code
        retf
        .code64
        .align  8
real_gdt: .quad 0, 0
real_cr0: .long 0
real_cr3: .long 0
real_cr4: .long 0
real_efer: .long 0
real_cs: .long  0
real_to: .long  0
real_end:
