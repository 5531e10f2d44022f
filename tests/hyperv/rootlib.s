# rootlib.s - what programs of the root partition stand on: a child made by hypercalls, its registers, its messages.
#
# Memory   POOL: pages to deposit; CHILD: what is mapped into the child from guest-physical 0 on
# Source   TLFS, "Partition States" (the order of calls)

        .include "../partitions/hvlib.s"

        .equ    SIM_PAGE, FREE + 0x3000
        .equ    SIEF_PAGE, FREE + 0x4000
        .equ    POOL, 0x800000
        .equ    CHILD_POOL, 32                  # and for those of a child
        .equ    CHILD, 0xA00000
        .equ    CHILD_PAGES, 64
        .ifndef ROOT_POOL
        .equ    ROOT_POOL, 16                   # pages for the root's own objects
        .endif
        .equ    CHILD_CODE, 0x10000             # where the child begins
        .equ    CHILD_STACK, 0x9000
        .equ    CHILD_TABLES, 0x1000            # PML4, PDPT, PD: 2 MiB pages, the first 1 GiB
        .equ    SELF_ID, -1
        .equ    SLOT0, SIM_PAGE

# STATUS value, status - A call with INPUT and OUTPUT must end so.  OK value - with success.
        .macro  STATUS value, status
        CALL_HV \value
        EQ      ax, \status
        .endm
        .macro  OK value
        STATUS  \value, HVSTATUS_SUCCESS
        .endm
# ROOT_BEGINS - Identity, hypercall page, SynIC, and pages in the root's own pool.
        .macro  ROOT_BEGINS
        ENLIGHTEN
        WRMSR   HVMSR_SIMP, SIM_PAGE | HVPAGE_ENABLE
        WRMSR   HVMSR_SIEFP, SIEF_PAGE | HVPAGE_ENABLE
        WRMSR   HVMSR_SCONTROL, SCONTROL_ENABLE
        APIC_WRITE APIC_SVR, SVR_ENABLE | 0xFF
        mov     rdi, SELF_ID
        mov     esi, POOL >> 12
        mov     edx, ROOT_POOL
        call    deposit
        EQ      eax, 0
        .endm
# CREATE - A partition, its ID in r15 and in `child`.
        .macro  CREATE
        call    clear_input
        OK      HVCALL_CREATE_PARTITION
        mov     r15, [OUTPUT]
        mov     [rip + child], r15
        .endm
# WAIT_MESSAGE type - Until the root's slot of SINT 0 is filled.  DONE_MESSAGE - Free the slot.
        .macro  WAIT_MESSAGE type
        call    wait_message
        mov     eax, \type
        EQ      [SLOT0], eax
        .endm
        .macro  DONE_MESSAGE
        mov     dword ptr [SLOT0], 0
        WRMSR   HVMSR_EOM, 0
        .endm
# GET name - A register of the child's VP 0: rax, rdx.  SET name, value.
        .macro  GET name
        mov     esi, \name
        call    get_register
        .endm
        .macro  SET name, value
        mov     rdx, \value
        mov     esi, \name
        call    set_register
        EQ      ax, 0
        .endm
# RESUME - The answer to an intercept is complete.
        .macro  RESUME
        SET     HVREG_INTERCEPT_SUSPEND, 0
        .endm
# RUN_LONG label - The child of r15, initialized: memory, VP 0 with the code from label to label_end in 64-bit mode, as far as port 0x10.
        .macro  RUN_LONG label
        mov     rdi, r15
        call    map_child
        EQ      eax, 0
        call    clear_input
        mov     [INPUT], r15
        OK      HVCALL_CREATE_VP
        lea     rsi, [rip + \label]
        mov     ecx, \label\()_end - \label
        call    load_child
        call    long_child
        WATCH_PORT 0x10
        SET     HVREG_EXPLICIT_SUSPEND, 0
        WAIT_MESSAGE HVMESSAGE_IO_INTERCEPT
        DONE_MESSAGE
        .endm
# ADVANCE - Past the instruction that the message names.
        .macro  ADVANCE
        mov     rdx, [SLOT0 + SLOTS_DATA + 24]
        movzx   eax, byte ptr [SLOT0 + SLOTS_DATA + 4]
        and     eax, 15
        add     rdx, rax
        mov     esi, HVREG_RIP
        call    set_register
        EQ      ax, 0
        .endm
# EMPTY_CHILD page, pages, privileges - A partition with a pool, CHILD's pages mapped, and VP 0.
        .macro  EMPTY_CHILD page, pages, privileges=0
        CREATE
        mov     rdi, r15
        mov     esi, \page
        mov     edx, \pages
        call    deposit
        EQ      eax, 0
        call    clear_input
        mov     [INPUT], r15
        .if     \privileges
        mov     dword ptr [INPUT + 8], 0x10000
        STORE   INPUT + 16, \privileges
        OK      HVCALL_SET_PROPERTY
        .endif
        OK      HVCALL_INITIALIZE_PARTITION
        mov     rdi, r15
        call    map_child
        EQ      eax, 0
        call    clear_input
        mov     [INPUT], r15
        OK      HVCALL_CREATE_VP
        .endm
# NEW_CHILD code, end, privileges - Everything up to a VP that is ready to run 64-bit code.
        .macro  NEW_CHILD code, end, privileges=0
        EMPTY_CHILD (POOL >> 12) + ROOT_POOL, CHILD_POOL, \privileges
        lea     rsi, [rip + \code]
        mov     ecx, \end - \code
        call    load_child
        call    long_child
        .endm
# START_VP index - Another VP of the child, in 64-bit code at CHILD_CODE with its index in RSP's place: a stack of its own.
        .macro  MORE_VP index, stack
        call    clear_input
        mov     rax, [rip + child]
        mov     [INPUT], rax
        mov     dword ptr [INPUT + 8], \index
        OK      HVCALL_CREATE_VP
        mov     esi, \index
        mov     edx, \stack
        call    start_vp
        EQ      eax, 0
        .endm
# WATCH_PORT port - The root sees what the child does with a port.
        .macro  WATCH_PORT port
        call    clear_input
        mov     [INPUT], r15
        mov     dword ptr [INPUT + 8], 3
        STORE   INPUT + 16, \port
        OK      HVCALL_INSTALL_INTERCEPT
        .endm
# CHILD_CALLS page - A child says who it is and turns its hypercall page on.
        .macro  CHILD_CALLS page
        mov     ecx, HVMSR_GUEST_OS_ID
        mov     eax, 1
        mov     edx, eax
        wrmsr
        mov     ecx, HVMSR_HYPERCALL
        mov     eax, \page | HVPAGE_ENABLE
        xor     edx, edx
        wrmsr
        .endm
# What a child's code from label `guest` on needs for interrupts of its own, in its memory.
# CHILD_GATE idt, vector, handler - A gate.  Changes rax, rdi.  CHILD_LOADS - IDTR and GDTR.  CHILD_DESCRIPTORS idt - Their data.
        .macro  CHILD_GATE idt, vector, handler
        lea     rax, [rip + \handler]
        mov     edi, \idt + \vector * 16
        mov     [rdi], ax
        mov     dword ptr [rdi + 2], 8
        mov     byte ptr [rdi + 4], 0
        mov     byte ptr [rdi + 5], 0x8E
        shr     rax, 16
        mov     [rdi + 6], ax
        mov     qword ptr [rdi + 8], 0
        .endm
        .macro  CHILD_LOADS
        lidt    [rip + guest_idt]
        lgdt    [rip + guest_gdt]
        .endm
        .macro  CHILD_DESCRIPTORS idt
guest_gdt:
        .word   23
        .quad   CHILD_CODE + guest_descriptors - guest
guest_descriptors:
        .quad   0, 0x00AF9B000000FFFF, 0x00CF93000000FFFF
guest_idt:
        .word   256 * 16 - 1
        .quad   \idt
        .endm
# END_CHILD - Finalize, take the pages back, delete; those of NEW_CHILD are the root's again, and cleared.
        .macro  END_CHILD
        call    end_child
        EQ      eax, 0
        call    pages_back
        EQ      rax, 0
        .endm

        .macro  LIBRARY
clear_input:
        push    rdi
        mov     edi, INPUT
        mov     ecx, 512
        xor     eax, eax
        rep stosq
        pop     rdi
        ret

# deposit - Entry: rdi = partition ID, esi = first page, edx = pages.  Exit: eax = status of the last call.
deposit:
        mov     [INPUT], rdi
        mov     r12d, edx
        xor     ecx, ecx
1:      mov     [INPUT + 8 + rcx*8], rsi
        inc     rsi
        inc     ecx
        cmp     ecx, r12d
        jb      1b
        mov     rcx, r12
        shl     rcx, shift(HVINPUT_COUNT)
        or      rcx, HVCALL_DEPOSIT_MEMORY
call_lists:
        mov     edx, INPUT
        mov     r8d, OUTPUT
        mov     eax, CALL_PAGE
        call    rax
        and     eax, 0xFFFF
        ret

# map_child - CHILD_PAGES of CHILD at 0, all rights.  Entry: rdi = partition ID.
map_child:
        mov     [INPUT], rdi
        mov     qword ptr [INPUT + 8], 0
        mov     qword ptr [INPUT + 16], 15
        mov     esi, CHILD >> 12
        xor     ecx, ecx
1:      mov     [INPUT + 24 + rcx*8], rsi
        inc     rsi
        inc     ecx
        cmp     ecx, CHILD_PAGES
        jb      1b
        mov     rcx, HVCALL_MAP_PAGES | put(HVINPUT_COUNT, CHILD_PAGES)
        jmp     call_lists

# load_child - Entry: rsi = code, ecx = bytes.  Tables of the child, too.
load_child:
        mov     edi, CHILD + CHILD_CODE
        rep movsb
        mov     dword ptr [CHILD + CHILD_TABLES], CHILD_TABLES + 0x1000 | 3
        mov     dword ptr [CHILD + CHILD_TABLES + 0x1000], CHILD_TABLES + 0x2000 | 3
        mov     dword ptr [CHILD + CHILD_TABLES + 0x1018], CHILD_TABLES + 0x3000 | 3     # the fourth GiB: APIC
        xor     ecx, ecx
        mov     eax, PDE_P | PDE_RW | PDE_2M_PS
1:      mov     [CHILD + CHILD_TABLES + 0x2000 + rcx*8], rax
        lea     rdx, [rax + 0x60000000]
        add     rdx, 0x60000000
        mov     [CHILD + CHILD_TABLES + 0x3000 + rcx*8], rdx
        add     rax, 0x200000
        inc     ecx
        cmp     ecx, 512
        jb      1b
        ret

# long_child - Registers for 64-bit code at CHILD_CODE.
long_child:
        call    clear_input
        mov     [INPUT], r15
        lea     rsi, [rip + long_registers]
        mov     edi, INPUT + 16
        mov     ecx, LONG_REGISTERS * 4
        rep movsq
        mov     rcx, HVCALL_SET_REGISTERS | put(HVINPUT_COUNT, LONG_REGISTERS)
        jmp     call_lists

        .macro  LONGROW name, low, high=0
        .quad   \name, 0, \low, \high
        .endm
        .align  8
long_registers:
        LONGROW HVREG_EFER, EFER_LME | EFER_LMA | EFER_NXE
        LONGROW HVREG_CR4, CR4_PAE | CR4_OSFXSR
        LONGROW HVREG_CR3, CHILD_TABLES
        LONGROW HVREG_CR0, CR0_PE | CR0_PG | CR0_ET | CR0_NE | CR0_WP
        LONGROW HVREG_ES + 1, 0, 0xA09B0008FFFFFFFF
        LONGROW HVREG_ES, 0, 0xC0930010FFFFFFFF
        LONGROW HVREG_ES + 2, 0, 0xC0930010FFFFFFFF
        LONGROW HVREG_ES + 3, 0, 0xC0930010FFFFFFFF
        LONGROW HVREG_ES + 7, 0, 0x008B001800000067
        LONGROW HVREG_RSP, CHILD_STACK
        LONGROW HVREG_RIP, CHILD_CODE
        LONGROW HVREG_RFLAGS, RFLAGS_ONE
        .equ    LONG_REGISTERS, (. - long_registers) / 32

# start_vp - HvCallStartVirtualProcessor with the registers of long_registers.  Entry: esi = index, edx = stack.  Exit: eax = status.
start_vp:
        call    clear_input
        mov     rax, [rip + child]
        mov     [INPUT], rax
        mov     [INPUT + 8], esi
        mov     qword ptr [INPUT + 16], CHILD_CODE
        mov     [INPUT + 24], rdx
        mov     qword ptr [INPUT + 32], RFLAGS_ONE
        mov     rax, 0xA09B0008FFFFFFFF
        mov     [INPUT + 48], rax               # CS, then DS, ES, FS, GS, SS
        mov     rax, 0xC0930010FFFFFFFF
        mov     [INPUT + 64], rax
        mov     [INPUT + 80], rax
        mov     [INPUT + 96], rax
        mov     [INPUT + 112], rax
        mov     [INPUT + 128], rax
        mov     rax, 0x008B001800000067         # TR; LDTR is not present
        mov     [INPUT + 144], rax
        mov     qword ptr [INPUT + 200], EFER_LME | EFER_LMA | EFER_NXE
        mov     eax, CR0_PE | CR0_PG | CR0_ET | CR0_NE | CR0_WP
        mov     [INPUT + 208], rax
        mov     qword ptr [INPUT + 216], CHILD_TABLES
        mov     qword ptr [INPUT + 224], CR4_PAE | CR4_OSFXSR
        mov     rax, PAT_RESET
        mov     [INPUT + 232], rax
        mov     ecx, HVCALL_START_VP
        jmp     call_lists

# get_register, set_register - Of the child's VP 0.  Entry: esi = name, rdx = value.  Exit: rdx:rax; or eax = status.
get_register:
        call    clear_input
        mov     rax, [rip + child]
        mov     [INPUT], rax
        mov     [INPUT + 16], esi
        mov     rcx, HVCALL_GET_REGISTERS | put(HVINPUT_COUNT, 1)
        call    call_lists
        mov     [rip + status], eax
        mov     rax, [OUTPUT]
        mov     rdx, [OUTPUT + 8]
        ret
set_register:
        call    clear_input
        mov     rax, [rip + child]
        mov     [INPUT], rax
        mov     [INPUT + 16], esi
        mov     [INPUT + 32], rdx
        mov     rcx, HVCALL_SET_REGISTERS | put(HVINPUT_COUNT, 1)
        jmp     call_lists

# wait_message - Gives its time away while it waits; fails after a long time.
wait_message:
        mov     r14d, 20000
1:      cmp     dword ptr [SLOT0], 0
        jne     2f
        CALL_FAST HVCALL_SPIN_WAIT, 1
        dec     r14d
        jnz     1b
        FAIL    0x7FFF
2:      ret

# end_child - Exit: eax = 0, or the status that should not be.
end_child:
        call    clear_input
        mov     rax, [rip + child]
        mov     [INPUT], rax
        mov     ecx, HVCALL_FINALIZE_PARTITION
        call    call_lists
        test    eax, eax
        jnz     take_back.done
take_back:                                      # the same of a partition that is finalized
        call    clear_input
        mov     rax, [rip + child]
        mov     [INPUT], rax
2:      mov     rcx, HVCALL_WITHDRAW_MEMORY | put(HVINPUT_COUNT, 16)
        call    call_lists
        test    eax, eax
        jz      2b
        cmp     eax, HVSTATUS_NO_RESOURCES
        jne     .done
        mov     ecx, HVCALL_DELETE_PARTITION
        call    call_lists
.done:  ret
# pages_back - The pages that NEW_CHILD deposits.  Exit: rax = 0 when all are; one that is still deposited is #GP.
pages_back:
        mov     esi, POOL + ROOT_POOL * 0x1000
        mov     ecx, CHILD_POOL * 512
        xor     eax, eax
1:      or      rax, [rsi]
        add     rsi, 8
        dec     ecx
        jnz     1b
        ret
        .align  8
child:  .quad   0
status: .quad   0
        .endm
