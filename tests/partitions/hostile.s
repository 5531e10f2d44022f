# Expect: pass. A guest that touches every port, MSR, address and hypercall code lives on, and so does its neighbour.
        .include "hvlib.s"

        .equ    JUNK, 0xA8A8A8A8                # ends nothing: no reset bit, no sleep enable
        .equ    SLOT, FREE + 0x100000
test:   mov     qword ptr [rip + hooks + 8 * VECTOR_GP], refused

        xor     edx, edx                        # ---- ports, all three sizes ----
1:      in      al, dx
        in      ax, dx
        in      eax, dx
        mov     ecx, edx
        and     ecx, ~7
        cmp     ecx, PORT_DEBUG_EXIT & ~7       # these end the partition: that is what they are for
        je      2f
        cmp     ecx, PORT_PM1_STATUS
        je      2f
        cmp     ecx, PORT_PCI_ADDRESS
        je      2f
        mov     eax, JUNK
        out     dx, al
        out     dx, ax
        out     dx, eax
2:      inc     edx
        cmp     edx, 0x10000
        jb      1b

        lea     rbp, [rip + ranges]             # ---- MSRs: read, write back, write ones where it cannot hurt us ----
3:      mov     ebx, [rbp]
        mov     r12d, [rbp + 4]
        add     rbp, 8
        test    r12d, r12d
        jz      memory
4:      mov     ecx, ebx
        mov     dword ptr [rip + faulted], 0
        rdmsr
        cmp     dword ptr [rip + faulted], 0
        jne     5f
        wrmsr
        cmp     ebx, MSR_EFER
        jae     5f
        cmp     ebx, MSR_PAT
        je      5f
        cmp     ebx, HVMSR_RESET
        je      5f
        cmp     ebx, MSR_SYSENTER_CS
        je      5f
        mov     eax, -1
        mov     edx, eax
        wrmsr
5:      inc     ebx
        dec     r12d
        jnz     4b
        jmp     3b

memory: mov     rbx, 0x1000000                  # ---- every 2 MiB after our memory ----
6:      cmp     rbx, USER                       # the library maps these otherwise
        je      8f
        cmp     rbx, WINDOW
        je      8f
        mov     al, [rbx]
        mov     [rbx], al
        mov     rax, [rbx + 8]
        mov     [rbx + 8], rax
        or      dword ptr [rbx], 5
8:      add     rbx, 0x200000
        bt      rbx, 32
        jnc     6b

        ENLIGHTEN                               # ---- every hypercall code, with wild parameters ----
        xor     ebx, ebx
7:      rdtsc
        imul    rdx, rax, 0x3D1
        mov     r8, rdx
        mov     rcx, rbx
        mov     eax, CALL_PAGE
        call    rax
        mov     rcx, rbx
        bts     rcx, shift(HVINPUT_FAST)
        mov     eax, CALL_PAGE
        call    rax
        mov     rcx, put(HVINPUT_COUNT, 5)
        or      rcx, rbx
        mov     edx, SLOT
        mov     r8, -8
        mov     eax, CALL_PAGE
        call    rax
        mov     rcx, put(HVINPUT_COUNT, 5)
        or      rcx, rbx
        mov     edx, SLOT
        mov     r8d, SLOT + 0x1000
        mov     eax, CALL_PAGE
        call    rax
        inc     ebx
        cmp     ebx, 0x200
        jb      7b
        PASS

refused: add    qword ptr [rdi + FRAME_RIP], 2
        inc     dword ptr [rip + faulted]
        ret
        .align  8
faulted: .quad  0
ranges: .long   0, 0x3000, HVMSR_RESET, 0x1FD, 0x80000000, 0x100, 0xC0000000, 0x2100, 0xFFFFFF00, 0x100, 0, 0
