# assert_lasting.s - what a parent asserts and what lasts: level-triggered interrupts, whose EOI is reported to it, and the external
# one (ExtINT) of VP 0.
#
# Vectors come from any processor: locked instructions only.
# The VP's own processor takes them out of its request mailbox (vps/mailbox.s).
# Source  TLFS, "HvCallAssertVirtualInterrupt", "HvCallClearVirtualInterrupt", "HV_X64_APIC_EOI_MESSAGE"

        .equ    EXTERNAL_VECTOR, 0xFF           # VP_EXTERNAL: its vector, while one of the two holds
        .equ    EXTERNAL_WAITS, 0x100
        .equ    EXTERNAL_TAKEN, 0x200           # acknowledged, not cleared

# level_assert - A level-triggered vector, or none: those that wait are withdrawn.
# Entry, Exit, Changes: as a request of assert_edge.
level_assert:
        shr     rdi, 32
        mov     rsi, r14
        mov     eax, REQUEST_WITHDRAW
        cmp     edi, VECTOR_NONE
        je      1f
        lock bts dword ptr [rsi + VP_REQUESTED_LEVEL], edi
        mov     eax, REQUEST_VECTORS
        jmp     request
1:      lock and qword ptr [rsi + VP_REQUESTED_LEVEL], 0
        lock and qword ptr [rsi + VP_REQUESTED_LEVEL + 8], 0
        lock and qword ptr [rsi + VP_REQUESTED_LEVEL + 16], 0
        lock and qword ptr [rsi + VP_REQUESTED_LEVEL + 24], 0
        jmp     request

# level_withdraw - Level-triggered requests in the IRR.  Entry: rbx = VP, on its processor.  Exit: nothing.  Keeps rax.
level_withdraw:
        push    rax
        mov     ecx, 7 * 16
1:      mov     eax, [rbx + rcx + VP_APIC + APIC_TMR*16]
        not     eax
        and     [rbx + rcx + VP_APIC + APIC_IRR*16], eax
        sub     ecx, 16
        jns     1b
        WORK    WORK_EVENT
        pop     rax
        ret

# level_eoi - A level-triggered vector has ended: reported to a parent, to the I/O APIC of a partition of the table otherwise.
# Entry: edi = vector, rbx = VP, rbp = partition.  Exit: nothing.  Changes rax, rcx, rdx, rdi, rsi.
level_eoi:
        test    dword ptr [rbp + PART_FLAGS], CREATED
        jz      ioapic_eoi
        lock bts dword ptr [rbx + VP_EOI_DUE], edi
        mov     eax, 1
        lea     rdi, [rbx + VP_EOI_NODE]
        xchg    eax, [rdi + NODE_BUSY]
        test    eax, eax
        jnz     1f                              # whoever copies the node finds it
        mov     dword ptr [rdi + NODE_TYPE], HVMESSAGE_APIC_EOI
        mov     qword ptr [rdi + NODE_LENGTH], 8
        mov     rax, [rbp + PART_ID]
        mov     [rdi + NODE_ORIGIN], rax
        mov     eax, [rbx + VP_INDEX]
        mov     [rdi + NODE_PAYLOAD], eax
        call    intercept_parent
        jz      1f
        xor     edx, edx
        jmp     message_queue
1:      ret

# eoi_fill - The lowest vector that ended, before its message is copied.  Entry: r15 = node, in its VP's page.
# Exit: nothing.  Changes rax, rcx, rdx.
eoi_fill:
        mov     rdx, r15
        and     rdx, -PAGE
        xor     ecx, ecx
1:      bsf     eax, dword ptr [rdx + rcx*4 + VP_EOI_DUE]
        jnz     2f
        inc     ecx
        cmp     ecx, 8
        jb      1b
        ret
2:      lock btr dword ptr [rdx + rcx*4 + VP_EOI_DUE], eax
        shl     ecx, 5
        add     eax, ecx
        mov     [r15 + NODE_PAYLOAD + 4], eax
        ret
# eoi_freed - It was copied: are there more?  Entry: r15 = node, rbx = reader.  Exit: nothing.  Changes rax, rcx, rdx, rdi, rsi.
eoi_freed:
        call    eoi_left
        jnz     1f
        mov     dword ptr [r15 + NODE_BUSY], 0
        call    eoi_left                        # one that ended just now found the node busy
        jz      eoi_left.done
        mov     eax, 1
        xchg    eax, [r15 + NODE_BUSY]
        test    eax, eax
        jnz     eoi_left.done
1:      mov     rdi, r15
        mov     rsi, rbx
        xor     edx, edx
        jmp     message_queue
# eoi_left - Entry: r15 = node.  Exit: zero flag set when no vector is left.  Changes rax, rdx.
eoi_left:
        mov     rdx, r15
        and     rdx, -PAGE
        mov     rax, [rdx + VP_EOI_DUE]
        or      rax, [rdx + VP_EOI_DUE + 8]
        or      rax, [rdx + VP_EOI_DUE + 16]
        or      rax, [rdx + VP_EOI_DUE + 24]
.done:  ret

# eoi_forget - Take the message back.  Entry: r11 = VP, suspended.  Exit: nothing.  Changes rax, rcx, rdx, rdi, rsi.
eoi_forget:
        lea     rdi, [r11 + VP_EOI_DUE]
        mov     ecx, 4
        xor     eax, eax
        rep stosq
        lea     rdi, [r11 + VP_EOI_NODE]
        jmp     node_forget

# external_assert - Entry: edi = vector or none, rdx = destination, r10 = partition, rbx = VP this processor is about.
# Exit: eax = status.  Changes rdx, rsi.
external_assert:
        mov     eax, HVSTATUS_INVALID_VP_INDEX
        mov     rsi, [r10 + PART_VP]
        test    rdx, rdx
        jnz     2f
        call    external_vp
        jnz     2f
        xor     edx, edx                        # withdrawn
        cmp     edi, VECTOR_NONE
        je      1f
        lea     edx, [rdi + EXTERNAL_WAITS]
1:      mov     eax, [rsi + VP_EXTERNAL]
        test    eax, EXTERNAL_TAKEN
        jnz     3f
        lock cmpxchg [rsi + VP_EXTERNAL], edx
        jne     1b
        mov     eax, REQUEST_VECTORS
        call    request
        xor     eax, eax
2:      ret
3:      mov     eax, HVSTATUS_ACKNOWLEDGED
        ret
# external_vp - Entry: rsi = partition's first VP.  Exit: rsi = VP 0, zero flag clear when there is none.  Changes nothing else.
external_vp:
1:      test    rsi, rsi
        jz      .none
        cmp     dword ptr [rsi + VP_INDEX], 0
        je      3f
        mov     rsi, [rsi + VP_SIBLING]
        jmp     1b
.none:  test    rsp, rsp
3:      ret

# call_clear - HvCallClearVirtualInterrupt: the external interrupt was acknowledged, another one may come.
# Entry, Exit, Keeps: as a handler of calls.
call_clear:
        call    map_target
        jc      external_vp.none                # eax = status
        mov     rsi, [r10 + PART_VP]
        mov     eax, HVSTATUS_NOT_ACKNOWLEDGED
        call    external_vp
        jnz     1f
        lock btr dword ptr [rsi + VP_EXTERNAL], 9
        .assert EXTERNAL_TAKEN == 1 << 9
        jnc     1f
        xor     eax, eax
1:      ret

# external_accept - Take what waits.  Exit: edi = vector, carry set when it was withdrawn meanwhile.  Entry: rbx = VP.
# Changes rax, rdx.
external_accept:
        mov     eax, [rbx + VP_EXTERNAL]
        test    eax, EXTERNAL_WAITS
        stc
        jz      1f
        movzx   edi, al
        lea     edx, [rdi + EXTERNAL_TAKEN]
        lock cmpxchg [rbx + VP_EXTERNAL], edx
        jne     external_accept
        clc
1:      ret

# external_return - Its delivery was cut off and something else goes first: it waits again.  Entry: edi = vector, rbx = VP.
# Exit: nothing.  Changes rax, rdx.
external_return:
        lea     eax, [rdi + EXTERNAL_TAKEN]
        lea     edx, [rdi + EXTERNAL_WAITS]
        lock cmpxchg [rbx + VP_EXTERNAL], edx
        ret
