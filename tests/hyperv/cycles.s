# Expect: pass. A thousand partitions are created, run and deleted; not a page is lost.
        .include "rootlib.s"

        .equ    TIMES, 1000
test:   ROOT_BEGINS
        mov     dword ptr [rip + left], TIMES
1:      NEW_CHILD guest, guest_end
        SET     HVREG_EXPLICIT_SUSPEND, 0
        WAIT_MESSAGE HVMESSAGE_UNMAPPED_GPA
        test    byte ptr [rip + left], 1
        jz      2f                              # every other one ends with its message unread
        DONE_MESSAGE
2:      END_CHILD
        mov     dword ptr [SLOT0], 0
        dec     dword ptr [rip + left]
        jnz     1b
        call    clear_input
        mov     qword ptr [INPUT], SELF_ID
        OK      HVCALL_MEMORY_BALANCE
        EQ      qword ptr [OUTPUT], ROOT_POOL
        EQ      qword ptr [OUTPUT + 8], 0
        call    clear_input
        mov     qword ptr [INPUT], SELF_ID
        OK      HVCALL_NEXT_CHILD
        EQ      qword ptr [OUTPUT], 0
        mov     edi, POOL + ROOT_POOL * 0x1000  # every page of the pool and of the child is ours, with all rights
        mov     ecx, (CHILD - POOL - ROOT_POOL * 0x1000) / 8 + CHILD_PAGES * 512
        mov     rax, 0x5555
        rep stosq
        PASS
left:   .quad   0

guest:  mov     ebx, 0x30000000
        mov     eax, [rbx]
        jmp     guest
guest_end:
        LIBRARY
