# Expect: pass; processors=2. INIT stops a running processor; a start-up IPI runs it in real mode at its vector.
        .include "lib.s"
        .include "smplib.s"

        .equ    VECTOR_SIPI, 0x20               # 0x20000
test:   WAKE    work
.first: pause
        cmp     dword ptr [rip + ticks], 1000   # it runs
        jb      .first
        APIC_WRITE APIC_ICR_HIGH, 1 << 24
        APIC_WRITE APIC_ICR, put(ICR_MODE, DELIVERY_INIT) | ICR_ASSERT | ICR_LEVEL
        APIC_WRITE APIC_ICR, put(ICR_MODE, DELIVERY_INIT) | ICR_LEVEL
        mov     ecx, 20000
.settle: pause
        dec     ecx
        jnz     .settle
        mov     ebx, [rip + ticks]
        mov     ecx, 20000
.still: pause
        dec     ecx
        jnz     .still
        EQ      [rip + ticks], ebx              # it waits for SIPI
        lea     rsi, [rip + real]
        mov     edi, VECTOR_SIPI << 12
        mov     ecx, real_end - real
        cld
        rep movsb
        mov     dword ptr [0x1F000], 0
        APIC_WRITE APIC_ICR, put(ICR_MODE, DELIVERY_SIPI) | VECTOR_SIPI
        mov     ecx, 1000000
.wait:  pause
        cmp     dword ptr [0x1F000], 0x600DCAFE
        je      .ran
        dec     ecx
        jnz     .wait
        FAIL    90
.ran:   EQ      word ptr [0x1F004], VECTOR_SIPI << 8    # CS
        EQ      dword ptr [0x1F008], 0x10            # INIT keeps CR0.CD and CR0.NW, which the firmware has cleared
        PASS
work:   inc     dword ptr [rip + ticks]
        jmp     work
        .align  16
        .code16
real:   cli
        xor     ax, ax
        mov     ds, ax
        mov     bx, 0x1F00
        mov     ds, bx
        mov     [0x0004], cs
        mov     eax, cr0
        mov     [0x0008], eax
        mov     dword ptr [0x0000], 0x600DCAFE
1:      hlt
        jmp     1b
real_end:
        .code64
        .align  8
ticks:  .quad   0
