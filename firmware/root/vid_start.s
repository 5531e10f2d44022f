# vid_start.s - a virtual machine starts, is suspended, goes on; its registers for the host.
#
# Source  firmware/root/README.md, "What a child finds", "Commands"

        .equ    C_GDT, 0x800                    # in the child's memory
        .equ    C_TABLES, 0x1000                # PML4, PDPT, four PDs of 2 MiB pages
        .equ    C_STACK, 0x7C00

# vm_in - A machine in a state.  Entry: edi = slot, edx = state.
# Exit: rbx = VM, zero flag clear; or eax = status and zero flag set.
# Changes rax, rbx.
vm_in:  call    vm_slot
        mov     eax, ROOTSTATUS_NO_SLOT
        jz      1f
        cmp     [rbx + VM_STATE], rdx
        setne   al
        test    al, al
        mov     eax, ROOTSTATUS_NO_SLOT
        jnz     2f
        test    rbx, rbx
1:      ret
2:      cmp     eax, eax
        ret

# vm_start - Entry: edi = slot, rsi = address of its first instruction.  Exit: eax = status.  Keeps rbx, rbp, r12-r15.
vm_start:
        push    rbx
        push    r12
        mov     r12, rsi
        mov     edx, ROOTVM_READY
        call    vm_in
        jz      9f
        mov     rsi, [rbx + VM_BASE]
        lea     rdi, [rsi + C_GDT]
        mov     qword ptr [rdi], 0
        mov     rax, GDT_CODE64
        mov     [rdi + 8], rax
        mov     rax, GDT_DATA
        mov     [rdi + 16], rax
        mov     dword ptr [rsi + C_TABLES], C_TABLES + 0x1000 | PDE_P | PDE_RW
        xor     ecx, ecx
        mov     eax, C_TABLES + 0x2000 | PDE_P | PDE_RW
1:      mov     [rsi + rcx*8 + C_TABLES + 0x1000], rax
        add     eax, PAGE
        inc     ecx
        cmp     ecx, 4
        jb      1b
        xor     ecx, ecx
        mov     eax, PDE_P | PDE_RW | PDE_2M_PS
2:      mov     [rsi + rcx*8 + C_TABLES + 0x2000], rax
        add     rax, PAGE_2M
        inc     ecx
        cmp     ecx, 2048
        jb      2b
        call    winhv_clear
        mov     rax, [rbx + VM_ID]
        mov     [INPUT], rax
        lea     rsi, [rel start_registers]
        mov     edi, INPUT + 16
        mov     ecx, START_REGISTERS * 4
        rep movsq
        mov     [INPUT + 16 + 16], r12          # RIP is the first
        mov     rax, [rbx + VM_BYTES_OF]
        mov     [INPUT + 16 + 32 + 16], rax     # RDI: how much memory
        mov     rax, [rbx + VM_PROCESSORS]
        mov     [INPUT + 16 + 64 + 16], rax     # RSI: how many processors
        mov     edx, START_REGISTERS
        call    winhv_set_registers
        test    eax, eax
        jnz     9f
        xor     edx, edx
        call    vm_suspend
        test    eax, eax
        jnz     9f
        mov     qword ptr [rbx + VM_STATE], ROOTVM_RUNS
9:      pop     r12
        pop     rbx
        ret

        .macro  REGISTER name, low, high=0
        .quad   HVREG_\name, 0, \low, \high
        .endm
        .macro  SEGMENT number, high
        .quad   HVREG_ES + \number, 0, 0, \high
        .endm
        .equ    FLAT_DATA, 0xC0930010FFFFFFFF   # attributes, selector, limit
        .align  8
start_registers:
        REGISTER RIP, 0
        .quad   HVREG_RAX + 7, 0, 0, 0          # RDI
        .quad   HVREG_RAX + 6, 0, 0, 0          # RSI
        REGISTER EFER, EFER_LME | EFER_LMA | EFER_NXE
        REGISTER CR4, CR4_PAE | CR4_OSFXSR | CR4_OSXMMEXCPT
        REGISTER CR3, C_TABLES
        REGISTER CR0, CR0_PE | CR0_PG | CR0_ET | CR0_NE | CR0_WP | CR0_MP
        SEGMENT 1, 0xA09B0008FFFFFFFF
        SEGMENT 0, FLAT_DATA
        SEGMENT 2, FLAT_DATA
        SEGMENT 3, FLAT_DATA
        SEGMENT 4, FLAT_DATA
        SEGMENT 5, FLAT_DATA
        SEGMENT 7, 0x008B001800000067
        REGISTER GDTR, 0x0017000000000000, C_GDT
        REGISTER RSP, C_STACK
        REGISTER RFLAGS, RFLAGS_ONE
        .equ    START_REGISTERS, (. - start_registers) / 32

# vm_pause - Entry: edi = slot.  Exit: eax = status.  Keeps rbx, rbp, r12-r15.
vm_pause:
        mov     edx, ROOTVM_RUNS
        mov     ecx, ROOTVM_PAUSED
        mov     r8d, 1
        jmp     vm_resume.change
# vm_resume - Entry: edi = slot.  Exit: eax = status.  Keeps rbx, rbp, r12-r15.
vm_resume:
        push    rbx
        call    vm_slot
        mov     rcx, rbx
        pop     rbx
        mov     eax, ROOTSTATUS_NO_SLOT
        jz      3f
        mov     edx, ROOTVM_PAUSED
        cmp     qword ptr [rcx + VM_STATE], ROOTVM_READY        # with the registers of a checkpoint
        jne     4f
        mov     edx, ROOTVM_READY
4:
        mov     ecx, ROOTVM_RUNS
        xor     r8d, r8d
.change:
        push    rbx
        push    rcx
        call    vm_in
        jz      2f
        mov     rdx, r8
        call    vm_suspend
        test    eax, eax
        jnz     2f
        mov     rcx, [rsp]
        mov     [rbx + VM_STATE], rcx
2:      pop     rcx
        pop     rbx
3:      ret

# vm_suspend - ExplicitSuspend of all VPs.  Entry: rbx = VM, rdx = 0 or 1.  Exit: eax = status.  Keeps rbx, rbp, r12-r15.
vm_suspend:
        push    r12
        push    r13
        xor     r12d, r12d
        mov     r13, rdx
1:      mov     rdi, [rbx + VM_ID]
        mov     ecx, r12d
        mov     esi, HVREG_EXPLICIT_SUSPEND
        mov     rdx, r13
        call    winhv_register
        test    eax, eax
        jnz     2f
        inc     r12d
        cmp     r12, [rbx + VM_PROCESSORS]
        jb      1b
2:      pop     r13
        pop     r12
        ret
