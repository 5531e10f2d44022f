# Expect: pass. In protected and real mode, too, an NMI that waits comes at the instruction that IRET returns to.
        .include "lib.s"
        .include "modelib.s"

# NMI - To APIC 0, ourselves, in x2APIC mode.  Changes eax, ecx, edx.
        .macro  NMI
        mov     ecx, X2APIC_FIRST + APIC_ICR
        mov     eax, put(ICR_MODE, DELIVERY_NMI) | ICR_ASSERT
        xor     edx, edx
        wrmsr
        .endm
test:   RDMSR   MSR_APIC_BASE
        or      eax, APICBASE_EXTD
        wrmsr
        LEAVE_LONG
        GATE32  VECTOR_NMI, seen32
        lidt    [idt32_pointer]
        NMI
        nop
        nop
        REAL_BEGIN real
        mov     word ptr [4 * VECTOR_NMI], seen16 - real
        mov     word ptr [4 * VECTOR_NMI + 2], REAL >> 4
        NMI
        nop
        nop
        jmp     real_done
seen16: push    bp
        mov     bp, sp
        push    eax
        push    ecx
        push    edx
        push    si
        mov     si, cs:[count16 - real]
        mov     ax, [bp + 2]
        mov     cs:[si + places16 - real], ax
        add     si, 2
        mov     cs:[count16 - real], si
        cmp     si, 6
        je      1f
        NMI
1:      pop     si
        pop     edx
        pop     ecx
        pop     eax
        pop     bp
        iret
count16: .word  0
places16: .word 0, 0, 0
real_done:
        REAL_END real
        ENTER_LONG
        EQ      dword ptr [count32], 12
        mov     eax, [places32]
        EQ      [places32 + 4], eax
        EQ      [places32 + 8], eax
        EQ      word ptr [REAL + count16 - real], 6
        mov     ax, [REAL + places16 - real]
        EQ      [REAL + places16 - real + 2], ax
        EQ      [REAL + places16 - real + 4], ax
        PASS
        .code32
seen32: push    eax
        push    ecx
        push    edx
        mov     ecx, [count32]
        mov     eax, [esp + 12]
        mov     [places32 + ecx], eax
        add     ecx, 4
        mov     [count32], ecx
        cmp     ecx, 12
        je      1f
        NMI
1:      pop     edx
        pop     ecx
        pop     eax
        iretd
        .code64
        .align  8
count32: .quad  0
places32: .fill 4, 4
