# Expect: pass. EPT violations report access, rights, guest-physical and linear address, and whether a walk or the final access.
        .include "lib.s"
        .include "vmxlib.s"

        .equ    PAGE, GUEST_RAM                 # the first page of its 2 MiB
        .macro  VIOLATION qualification, gpa, linear
        GET     rax, EXIT_QUALIFICATION
        and     eax, 0x1FF
        EQ      eax, \qualification
        GET     rax, GUEST_PHYSICAL_ADDRESS
        EQ      rax, \gpa
        GET     rax, GUEST_LINEAR_ADDRESS
        EQ      rax, \linear
        .endm
        .equ    FINAL, QUAL_EPT_LINEAR | QUAL_EPT_FINAL
test:   call    vmx_start
        SPLIT_RAM
        RIGHTS  0
        GUEST   g_read
        RUN     EPT_VIOLATION
        VIOLATION QUAL_EPT_READ | FINAL, PAGE + 0x18, PAGE + 0x18
        GUEST   g_write
        RUN     EPT_VIOLATION
        VIOLATION QUAL_EPT_WRITE | FINAL, PAGE + 0x20, PAGE + 0x20
        GUEST   g_flush                         # CLFLUSH reads a byte
        RUN     EPT_VIOLATION
        VIOLATION QUAL_EPT_READ | FINAL, PAGE + 0x29, PAGE + 0x29
        GUEST   g_enter                         # ENTER tries a write where the stack will end
        RUN     EPT_VIOLATION
        VIOLATION QUAL_EPT_WRITE | FINAL, PAGE + 0xFF0, PAGE + 0xFF0
        RIGHTS  EPTE_R
        GUEST   g_flush
        RUN     VMCALL
        GUEST   g_read
        RUN     VMCALL
        GUEST   g_write
        RUN     EPT_VIOLATION
        VIOLATION QUAL_EPT_WRITE | QUAL_EPT_READABLE | FINAL, PAGE + 0x20, PAGE + 0x20
        GUEST   g_jump
        RUN     EPT_VIOLATION
        VIOLATION QUAL_EPT_FETCH | QUAL_EPT_READABLE | FINAL, PAGE, PAGE
        RIGHTS  EPTE_R | EPTE_W
        GUEST   g_write
        RUN     VMCALL
        EQ      qword ptr [PAGE + 0x20], 5
        MAP     0, PAGE + USER_PAGE             # guest paging in between
        GUEST   g_window
        RUN     VMCALL
        RIGHTS  0
        GUEST   g_window
        RUN     EPT_VIOLATION
        VIOLATION QUAL_EPT_READ | FINAL, PAGE + 0x123, WINDOW + 0x123

        RIGHTS  EPT_RWX                         # a guest page table that EPT does not give
        mov     rcx, [TABLES + 0x2000 + (WINDOW >> 21) * 8]
        mov     [rip + saved], rcx
        mov     rax, [WINDOW_PT]
        mov     [PAGE], rax
        mov     dword ptr [TABLES + 0x2000 + (WINDOW >> 21) * 8], PAGE + USER_PAGE
        RIGHTS  0
        GUEST   g_window
        RUN     EPT_VIOLATION
        GET     rax, EXIT_QUALIFICATION
        and     eax, FINAL | QUAL_EPT_READ
        EQ      eax, QUAL_EPT_LINEAR | QUAL_EPT_READ
        GET     rax, GUEST_PHYSICAL_ADDRESS
        EQ      rax, PAGE
        PASS

flush:  mov     eax, INVEPT_TYPE_ALL
        mov     qword ptr [FREE], 0
        mov     qword ptr [FREE + 8], 0
        invept  rax, [FREE]
        ret
g_read: mov     rax, [PAGE + 0x18]
        vmcall
g_flush: clflush [PAGE + 0x29]
        vmcall
g_enter: mov    esp, PAGE + 0x1010
        enter   0x18, 0
        vmcall
g_write: mov    qword ptr [PAGE + 0x20], 5
        vmcall
g_jump: mov     eax, PAGE
        jmp     rax
g_window: mov   eax, [WINDOW + 0x123]
        vmcall
        .align  8
saved:  .quad   0
