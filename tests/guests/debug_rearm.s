# Expect: pass. A data breakpoint that is switched off and on again is met, whatever used its page meanwhile: the root's, a guest's, of 32 bits.
        .include "lib.s"
        .include "vmxlib.s"

        .equ    PROBE, 0x300000
        .equ    ARMED, DR7_ONE | DR7_L0 | put(DR7_RW0, 3) | put(DR7_LEN0, 1)
        .macro  DR7 value
        mov     eax, \value
        mov     dr7, rax
        .endm
# HITS n - Debug exceptions so far.
        .macro  HITS n
        EQ      dword ptr [rip + hits], \n
        .endm

test:   ON      VECTOR_DB, seen
        mov     eax, PROBE
        mov     dr0, rax
        DR7     ARMED
        mov     ax, [PROBE]
        HITS    1
        DR7     0
        mov     eax, [PROBE + 64]               # the page is used meanwhile
        DR7     ARMED
        mov     ax, [PROBE]
        HITS    2
        mov     eax, PROBE + 0x10000            # away and back by the address
        mov     dr0, rax
        mov     eax, [PROBE + 64]
        mov     eax, PROBE
        mov     dr0, rax
        mov     [PROBE], ax
        HITS    3

        call    vmx_start                       # a VM exit switches breakpoints off
        SET     ENTRY_CONTROLS, ENTRYC_LOAD_DEBUG
        PUT     GUEST_DR7, DR7_ONE
        GUEST   g_quiet
        DR7     ARMED
        RUN     VMCALL
        mov     ax, [PROBE]
        HITS    3
        DR7     ARMED
        mov     ax, [PROBE]
        HITS    4
        DR7     DR7_ONE

        PUT     GUEST_DR7, ARMED                # so does a VM entry
        GUEST   g_read
        RUN     VMCALL
        HITS    5
        PUT     GUEST_DR7, DR7_ONE
        GUEST   g_read
        RUN     VMCALL
        HITS    5
        PUT     GUEST_DR7, ARMED
        GUEST   g_read
        RUN     VMCALL
        HITS    6

        mov     rax, PROBE + 0x100000000        # of which 32-bit code compares 32 bits
        mov     dr0, rax
        DR7     ARMED
        mov     ax, [PROBE]
        HITS    6
        ljmp    fword ptr [rip + to_compat]
        .code32
compat: mov     ax, [PROBE]
        ljmp    CODE64, long
        .code64
long:   HITS    7
        mov     ax, [PROBE]
        HITS    7
        PASS
g_quiet: mov    ax, [PROBE]
        vmcall
g_read: mov     ax, [PROBE]
        vmcall
seen:   inc     dword ptr [rip + hits]
        ret
        .align  8
to_compat: .long compat
        .word   CODE32
        .align  8
hits:   .quad   0
