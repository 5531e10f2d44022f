# winhv.s - WinHv: a stub for each hypercall.  Lists lie in INPUT and OUTPUT.
#
# The hypervisor continues a long call by itself: a stub returns when it is over.
# Source  TLFS, "Hypercall Interface", "Hypercall Reference"

        .macro  WINHV name, code
winhv_\name:
        mov     ecx, HVCALL_\code
        jmp     winhv_call
        .endm
        .macro  WINHVREP name, code
winhv_\name:
        mov     ecx, HVCALL_\code
        jmp     winhv_repeat
        .endm
# winhv_NAME - Entry: the input list is filled; of a repeat call edx = elements.  Exit: eax = HV_STATUS; of a repeat call
# edx = elements done.  Changes rax, rcx, rdx, r8.
        WINHV   create_partition, CREATE_PARTITION
        WINHV   initialize_partition, INITIALIZE_PARTITION
        WINHV   finalize_partition, FINALIZE_PARTITION
        WINHV   delete_partition, DELETE_PARTITION
        WINHV   get_property, GET_PROPERTY
        WINHV   set_property, SET_PROPERTY
        WINHV   get_partition_id, GET_PARTITION_ID
        WINHV   next_child, NEXT_CHILD
        WINHVREP deposit_memory, DEPOSIT_MEMORY
        WINHVREP withdraw_memory, WITHDRAW_MEMORY
        WINHV   memory_balance, MEMORY_BALANCE
        WINHVREP map_pages, MAP_PAGES
        WINHVREP unmap_pages, UNMAP_PAGES
        WINHVREP map_sparse, MAP_SPARSE
        WINHV   install_intercept, INSTALL_INTERCEPT
        WINHV   create_vp, CREATE_VP
        WINHV   delete_vp, DELETE_VP
        WINHVREP get_registers, GET_REGISTERS
        WINHVREP set_registers, SET_REGISTERS
        WINHV   translate, TRANSLATE
        WINHV   read_gpa, READ_GPA
        WINHV   write_gpa, WRITE_GPA
        WINHV   create_port, CREATE_PORT
        WINHV   delete_port, DELETE_PORT
        WINHV   connect_port, CONNECT_PORT
        WINHV   disconnect_port, DISCONNECT_PORT
        WINHV   get_port, GET_PORT
        WINHV   post_message, POST_MESSAGE
        WINHV   signal_event, SIGNAL_EVENT
        WINHV   assert_interrupt, ASSERT_INTERRUPT
        WINHV   clear_interrupt, CLEAR_INTERRUPT
        WINHV   start_vp, START_VP
        WINHVREP vp_index_of_apic, VP_INDEX_OF_APIC

winhv_repeat:                                   # ecx = code, edx = elements
        shl     rdx, shift(HVINPUT_COUNT)
        or      rcx, rdx
# winhv_call - Entry: rcx = input value.  Exit: eax = HV_STATUS, edx = elements done.  Changes rax, r8.
winhv_call:
        mov     edx, INPUT
        mov     r8d, OUTPUT
        mov     eax, CALL_PAGE
        call    rax
        mov     rdx, rax
        shr     rdx, shift(HVRESULT_DONE)
        and     edx, get(HVRESULT_DONE, HVRESULT_DONE)
        movzx   eax, ax
        ret

# winhv_clear - An empty input list.  Entry: nothing.  Exit: nothing.  Keeps every register.
winhv_clear:
        push    rdi
        push    rcx
        push    rax
        mov     edi, INPUT
        mov     ecx, PAGE / 8
        xor     eax, eax
        rep stosq
        pop     rax
        pop     rcx
        pop     rdi
        ret

# winhv_deposit - Pages one after the other.  Entry: rdi = partition ID, esi = first page, edx = pages.  Exit: eax = status.
# Changes rcx, rdx, rsi, r8-r10.
winhv_deposit:
        mov     [INPUT], rdi
        mov     r9d, edx
1:      mov     r10d, r9d
        cmp     r10d, 256
        jbe     2f
        mov     r10d, 256
2:      xor     ecx, ecx
3:      mov     [INPUT + 8 + rcx*8], rsi
        inc     rsi
        inc     ecx
        cmp     ecx, r10d
        jb      3b
        mov     edx, r10d
        call    winhv_deposit_memory
        test    eax, eax
        jnz     4f
        sub     r9d, r10d
        jnz     1b
4:      ret

# winhv_register - Set one register of a VP.  Entry: rdi = partition ID, ecx = VP, esi = name, rdx = value.  Exit: eax = status.
# Changes rcx, rdx, r8.
winhv_register:
        call    winhv_clear
        mov     [INPUT], rdi
        mov     [INPUT + 8], ecx
        mov     [INPUT + 16], esi
        mov     [INPUT + 32], rdx
        mov     edx, 1
        jmp     winhv_set_registers
