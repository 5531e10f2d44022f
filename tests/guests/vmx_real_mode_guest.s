# Expect: pass. An unrestricted guest runs in real mode: segments, INT through its table, entry into protected mode.
        .include "lib.s"
        .include "vmxlib.s"

        .equ    REAL, 0x20000
        .macro  SEG16 name, selector
        PUT     GUEST_\name\()_SELECTOR, \selector
        PUT     GUEST_\name\()_BASE, (\selector) << 4
        PUT     GUEST_\name\()_LIMIT, 0xFFFF
        PUT     GUEST_\name\()_ACCESS_RIGHTS, DATA16_AR
        .endm
test:   lea     rsi, [rip + code]
        mov     edi, REAL
        mov     ecx, code_end - code
        cld
        rep movsb
        call    vmx_start
        CLEAR   ENTRY_CONTROLS, ENTRYC_GUEST_64
        PUT     GUEST_CR0, CR0_ET | CR0_NE
        PUT     GUEST_CR4, CR4_VMXE
        PUT     GUEST_EFER, 0
        SEG16   CS, REAL >> 4
        PUT     GUEST_CS_ACCESS_RIGHTS, CODE16_AR
        SEG16   SS, 0
        SEG16   DS, 0
        SEG16   ES, 0
        SEG16   FS, 0
        SEG16   GS, 0
        PUT     GUEST_IDTR_BASE, 0
        PUT     GUEST_IDTR_LIMIT, 0x3FF
        PUT     GUEST_RSP, 0x6000
        GUEST   0
        mov     word ptr [0x80 * 4], handler - code
        mov     word ptr [0x80 * 4 + 2], REAL >> 4
        RUN     CPUID
        GET     rdx, GUEST_RIP
        EQ      rdx, offset first - code
        EQ      word ptr [0x5000], 0x1234
        EQ      word ptr [AT_RBX], 0x6000
        SKIP
        RUN     VMCALL
        GET     rdx, GUEST_CR0
        BITS    edx, CR0_PE
        GET     rdx, GUEST_CS_SELECTOR
        EQ      edx, CODE32
        GET     rdx, GUEST_CS_ACCESS_RIGHTS
        BITS    edx, AR_DB
        PASS

        .code16
code:   int     0x80
        mov     bx, sp
first:  cpuid
        lgdtd   cs:[pointer16 - code]
        mov     eax, cr0
        or      al, 1
        mov     cr0, eax
        ljmp    CODE32, dword protected
handler: mov    word ptr [0x5000], 0x1234
        iret
pointer16: .word gdt_end - gdt - 1
        .long   gdt
code_end:
        .code32
protected: vmcall
        .code64
