# vid.s - VID: memory and state of the virtual machines; here a machine is made.
#
# Inside: rbx = VM.  Routines keep rbx, rbp, r12-r15; exit eax = ROOTSTATUS or HV_STATUS.
# Source  firmware/root/README.md, "Commands"; TLFS, "Partition States"

# vm_slot - Entry: edi = slot.  Exit: rbx = VM, zero flag set when there is no such slot.  Changes rax.
vm_slot:
        cmp     edi, ROOTS_SLOTS
        jae     1f
        mov     eax, edi
        shl     eax, shift(VM_BYTES)
        lea     rbx, [rel vms]
        add     rbx, rax
        test    rbx, rbx
        ret
1:      xor     eax, eax
        ret

# vm_number - Entry: rbx = VM.  Exit: eax = its slot.  Changes nothing else.
vm_number:
        lea     rax, [rel vms]
        sub     rax, rbx
        neg     rax
        shr     eax, shift(VM_BYTES)
        ret

# memory_find - Room for a machine: whole 2 MiB, one after the other.  Entry: rdi = bytes.  Exit: rax = address, or 0.
# Changes rcx, rdx, rsi, r8.
memory_find:
        mov     eax, ROOTS_MEMORY
1:      lea     rcx, [rax + rdi]
        cmp     rcx, [rel memory_end]
        ja      4f
        lea     rsi, [rel vms]
        mov     edx, ROOTS_SLOTS
2:      cmp     qword ptr [rsi + VM_STATE], ROOTVM_NONE
        je      3f
        mov     r8, [rsi + VM_BASE]
        cmp     rcx, r8
        jbe     3f
        add     r8, [rsi + VM_BYTES_OF]
        cmp     rax, r8
        jae     3f
        mov     rax, r8                         # begin again after it
        jmp     1b
3:      add     rsi, VM_BYTES
        dec     edx
        jnz     2b
        ret
4:      xor     eax, eax
        ret

# vm_create - Entry: edi = slot, rsi = bytes, r9 = processors.  Exit: eax = status, rdx = where its memory lies.
# Keeps rbx, rbp, r12-r15.
vm_create:
        push    rbx
        push    r12
        mov     r12, rsi
        call    vm_slot
        mov     eax, ROOTSTATUS_NO_SLOT
        jz      vm_created
        cmp     qword ptr [rbx + VM_STATE], ROOTVM_NONE
        jne     vm_created
        mov     eax, ROOTSTATUS_NO_MEMORY
        test    r12, r12
        jz      vm_created
        lea     rcx, [r9 - 1]
        cmp     rcx, VMMOST_PROCESSORS
        jae     vm_created
        test    r12d, PAGE_2M - 1
        jnz     vm_created
        mov     rdi, r12
        call    memory_find
        mov     rdx, rax
        test    rax, rax
        mov     eax, ROOTSTATUS_NO_MEMORY
        jz      vm_created
        mov     rdi, rbx
        mov     ecx, VM_BYTES / 8
        xor     eax, eax
        rep stosq
        mov     [rbx + VM_BASE], rdx
        mov     [rbx + VM_BYTES_OF], r12
        mov     [rbx + VM_PROCESSORS], r9
        mov     qword ptr [rbx + VM_ASSERTED], -1
        rdtsc
        mov     [rbx + VM_STARTED], eax
        mov     [rbx + VM_STARTED + 4], edx
        call    vm_number                       # its serial input begins again
        shl     eax, 12
        mov     dword ptr [rax + ROOTS_INPUTS], 0
        call    vm_build
        test    eax, eax
        jnz     1f
        mov     qword ptr [rbx + VM_STATE], ROOTVM_READY
        mov     rdx, [rbx + VM_BASE]
        jmp     vm_created
1:      push    rax                             # half of it may be there
        call    vm_take_down
        pop     rax
vm_created:
        pop     r12
        pop     rbx
        ret

# vm_build - Partition, pool, VP, memory, intercepts.  Entry: rbx = VM.  Exit: eax = status.  Keeps rbx, rbp, r12-r15.
vm_build:
        push    r12
        call    winhv_clear
        call    winhv_create_partition
        test    eax, eax
        jnz     9f
        mov     rdi, [OUTPUT]
        mov     [rbx + VM_ID], rdi
        call    vm_number
        shl     eax, 8                          # a MiB a slot
        lea     esi, [rax + (ROOTS_POOLS >> 12)]
        mov     edx, ROOTS_POOL_PAGES
        call    winhv_deposit
        test    eax, eax
        jnz     9f
        call    winhv_clear
        mov     rax, [rbx + VM_ID]
        mov     [INPUT], rax
        mov     dword ptr [INPUT + 8], 0x10000
        mov     rax, CHILD_PRIVILEGES
        mov     [INPUT + 16], rax
        call    winhv_set_property
        test    eax, eax
        jnz     9f
        call    winhv_initialize_partition
        test    eax, eax
        jnz     9f
        call    vm_vps
        test    eax, eax
        jnz     9f
        call    vm_map
        test    eax, eax
        jnz     9f
        call    winhv_clear                     # every port is ours
        mov     rax, [rbx + VM_ID]
        mov     [INPUT], rax
        mov     dword ptr [INPUT + 8], 3
        mov     dword ptr [INPUT + 12], 0x11
        mov     dword ptr [INPUT + 16], 0xFFFF0000
        call    winhv_install_intercept
9:      pop     r12
        ret
        .equ    CHILD_1, PRIVILEGE_VP_RUN_TIME | PRIVILEGE_REFERENCE_COUNTER | PRIVILEGE_SYNIC | PRIVILEGE_TIMERS | PRIVILEGE_APIC
        .equ    CHILD_2, CHILD_1 | PRIVILEGE_HYPERCALL | PRIVILEGE_VP_INDEX | PRIVILEGE_RESET | PRIVILEGE_REFERENCE_TSC
        .equ    CHILD_PRIVILEGES, CHILD_2 | PRIVILEGE_GUEST_IDLE | PRIVILEGE_FREQUENCIES | PRIVILEGE_VP_REGISTERS

# vm_vps - Make its VPs.  Entry: rbx = VM.  Exit: eax = status.  Keeps rbx, rbp, r13-r15.
vm_vps: xor     r12d, r12d
1:      call    winhv_clear
        mov     rax, [rbx + VM_ID]
        mov     [INPUT], rax
        mov     [INPUT + 8], r12d
        call    winhv_create_vp
        test    eax, eax
        jnz     2f
        inc     r12d
        cmp     r12, [rbx + VM_PROCESSORS]
        jb      1b
2:      ret

# vm_map - Its memory from guest-physical 0 on, 2 MiB a call.  Entry: rbx = VM.  Exit: eax = status.  Keeps rbx, rbp, r13-r15.
vm_map: xor     r12d, r12d
1:      call    winhv_clear
        mov     rax, [rbx + VM_ID]
        mov     [INPUT], rax
        mov     rax, r12
        shr     rax, 12
        mov     [INPUT + 8], rax
        mov     eax, 0x80000000 | 15            # large, read, write, execute
        mov     [INPUT + 16], eax
        mov     rax, [rbx + VM_BASE]
        add     rax, r12
        shr     rax, 12
        mov     [INPUT + 24], rax
        mov     edx, 1
        call    winhv_map_pages
        test    eax, eax
        jnz     2f
        add     r12, PAGE_2M
        cmp     r12, [rbx + VM_BYTES_OF]
        jb      1b
2:      ret
