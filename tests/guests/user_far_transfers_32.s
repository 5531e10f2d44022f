# Expect: pass. In protected mode too, far transfers at CPL 3 and the parameters of a call gate reach the user's stack as the user.
        .include "lib.s"
        .include "modelib.s"

        .equ    PDPT, FREE + 0x1000             # PAE: the library's page directories
        .equ    KERNEL_STACK, FREE + 0x800
        .equ    FAULTS, RESULTS + 0x40          # error code and CR2 of each page fault
test:   LEAVE_LONG
        lidt    [idt32_pointer]
        mov     dword ptr [scratch_descriptors + 8], (tss32 & 0xFFFF) << 16 | (tss32_end - tss32 - 1)
        mov     dword ptr [scratch_descriptors + 12], tss32 >> 16 & 0xFF | 0x8900 | (tss32 & 0xFF000000)
        mov     eax, SCRATCH + 8
        ltr     ax
        mov     eax, offset gated               # a call gate for ring 3 with two parameters
        mov     [scratch_descriptors + 16], ax
        mov     word ptr [scratch_descriptors + 18], CODE32
        mov     word ptr [scratch_descriptors + 20], 0xEC02
        shr     eax, 16
        mov     [scratch_descriptors + 22], ax
        GATE32  VECTOR_PF, on_pf
        GATE32  0x93, on_back, 3
        mov     dword ptr [PDPT], TABLES + 0x2000 + PTE_P
        mov     dword ptr [PDPT + 4], 0
        mov     dword ptr [PDPT + 8], TABLES + 0x3000 + PTE_P
        mov     dword ptr [PDPT + 12], 0
        mov     dword ptr [PDPT + 16], 0
        mov     dword ptr [PDPT + 24], 0
        mov     eax, PDPT
        mov     cr3, eax
        mov     eax, cr4
        or      eax, CR4_SMAP
        mov     cr4, eax
        mov     eax, cr0
        or      eax, CR0_PG
        mov     cr0, eax
        mov     [saved_esp], esp
        push    USER_DATA
        push    USER + STACK3
        pushfd
        push    USER_CODE32
        push    offset USER + user
        iretd

user:   mov     ebp, esp
        push    USER_CODE32
        push    offset USER + .far
        retf
.far:   pushfd
        push    USER_CODE32
        push    offset USER + .iret
        iretd
.iret:  lcall   fword ptr cs:[USER + to_user]
        push    0x1111
        push    0x2222
        lcall   fword ptr cs:[USER + to_gate]
        cmp     esp, ebp
        jne     .bad
        mov     esp, KERNEL_STACK
.fault0: iretd
.fault1: retf
.fault2: lcall  fword ptr cs:[USER + to_user]
.fault3: lcall  fword ptr cs:[USER + to_gate]
.fault4: int    0x93
.bad:   ud2
user_far:
        retf

home:   mov     eax, cr0
        and     eax, ~CR0_PG & 0xFFFFFFFF
        mov     cr0, eax
        ENTER_LONG
        EQ      dword ptr [RESULTS], 0x1111
        EQ      dword ptr [RESULTS + 4], 0x2222
        EQ      dword ptr [RESULTS + 8], USER_CODE32
        EQ      dword ptr [RESULTS + 12], offset STACK_RSP0 - 24
        EQ      dword ptr [FAULTS], PFEC_P | PFEC_US
        EQ      dword ptr [FAULTS + 4], KERNEL_STACK
        EQ      dword ptr [FAULTS + 8], PFEC_P | PFEC_US
        EQ      dword ptr [FAULTS + 12], KERNEL_STACK
        EQ      dword ptr [FAULTS + 16], PFEC_P | PFEC_US | PFEC_WR
        EQ      dword ptr [FAULTS + 20], KERNEL_STACK - 4
        EQ      dword ptr [FAULTS + 24], PFEC_P | PFEC_US
        EQ      dword ptr [count], 4
        PASS

        .code32
gated:  mov     eax, ss:[esp + 12]
        mov     ss:[RESULTS], eax
        mov     eax, ss:[esp + 8]
        mov     ss:[RESULTS + 4], eax
        mov     eax, ss:[esp + 4]
        mov     ss:[RESULTS + 8], eax
        mov     ss:[RESULTS + 12], esp
        retf    8
on_pf:  pop     ecx
        mov     eax, ss:[count]
        mov     ss:[FAULTS + eax*8], ecx
        mov     ecx, cr2
        mov     ss:[FAULTS + 4 + eax*8], ecx
        inc     dword ptr ss:[count]
        mov     ecx, ss:[places + eax*4]
        mov     ss:[esp], ecx
        iretd
on_back: mov    esp, ss:[saved_esp]
        mov     eax, DATA
        mov     ds, eax
        mov     es, eax
        jmp     home
        .align  4
count:  .long   0
places: .long   USER + user.fault1, USER + user.fault2, USER + user.fault3, USER + user.fault4
to_user: .long  USER + user_far
        .word   USER_CODE32
to_gate: .long  0
        .word   SCRATCH + 16 | 3
        .code64
