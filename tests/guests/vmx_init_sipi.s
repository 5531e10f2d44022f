# Expect: pass; processors=2. In VMX operation: INIT exits in non-root and waits in root, SIPI exits in wait-for-SIPI only.
        .include "lib.s"
        .include "vmxlib.s"
        .include "smplib.s"

        .equ    FIRST, 0x20
        .equ    SECOND, 0x21
        .equ    STARTED, 0x1F000
        .macro  INIT
        APIC_WRITE APIC_ICR, put(ICR_MODE, DELIVERY_INIT) | ICR_ASSERT | ICR_LEVEL
        .endm
        .macro  SIPI page
        APIC_WRITE APIC_ICR, put(ICR_MODE, DELIVERY_SIPI) | ICR_ASSERT | \page
        .endm
# STAGE n - Wait until the other processor has got there.
        .macro  STAGE n
77:     pause
        cmp     dword ptr [rip + stage], \n
        jb      77b
        .endm
test:   COPY_OF real, FIRST << 12
        COPY_OF real, SECOND << 12
        mov     qword ptr [STARTED], 0
        ON      VECTOR_NMI, came
        WAKE    work
        STAGE   1                               # its guest runs
        APIC_WRITE APIC_ICR_HIGH, 1 << 24
        SIPI    FIRST                           # lost
        call    settle
        EQ      dword ptr [rip + stage], 1
        INIT
        SIPI    FIRST                           # lost as well: it does not wait for one
        STAGE   2
        call    settle
        EQ      dword ptr [rip + stage], 2      # in wait-for-SIPI: of what follows only the SIPI counts
        APIC_WRITE APIC_ICR, put(ICR_MODE, DELIVERY_NMI) | ICR_ASSERT
        call    settle
        EQ      dword ptr [rip + stage], 2
        EQ      dword ptr [rip + count], 0
        SIPI    0x55
        INIT                                    # comes after it: waits in root operation
        STAGE   3
        EQ      dword ptr [rip + count], 1      # the NMI has waited for the exit
        SIPI    FIRST                           # lost in root operation
        call    settle
        mov     dword ptr [rip + go], 1
        call    settle
        EQ      dword ptr [rip + stage], 3      # VMXOFF let the INIT in, before the next instruction
        EQ      dword ptr [STARTED], 0
        SIPI    SECOND
        call    settle
        EQ      dword ptr [STARTED], 1
        EQ      dword ptr [STARTED + 4], SECOND << 8
        PASS
settle: mov     ecx, 20000
1:      pause
        loop    1b
        ret

work:   call    vmx_start
        SET     PIN_BASED_CONTROLS, PIN_NMI
        GUEST   guest
        RUN     INIT
        QUALIFIED 0
        GET     rax, GUEST_ACTIVITY
        EQ      eax, ACTIVITY_ACTIVE
        PUT     GUEST_ACTIVITY, ACTIVITY_WAIT_SIPI
        mov     dword ptr [rip + stage], 2
        RUN     SIPI
        QUALIFIED 0x55
        GET     rax, GUEST_ACTIVITY
        EQ      eax, ACTIVITY_WAIT_SIPI
        mov     dword ptr [rip + stage], 3
1:      pause
        cmp     dword ptr [rip + go], 0
        je      1b
        vmxoff
        mov     dword ptr [rip + stage], 4
2:      pause
        jmp     2b
came:   inc     dword ptr [rip + count]
        ret
guest:  mov     dword ptr [rip + stage], 1
3:      jmp     3b
        .align  16
        .code16
real:   mov     ax, STARTED >> 4
        mov     ds, ax
        inc     dword ptr [0]
        xor     eax, eax
        mov     ax, cs
        mov     [4], eax
1:      hlt
        jmp     1b
real_end:
        .code64
        .align  8
stage:  .quad   0
go:     .quad   0
count:  .quad   0
