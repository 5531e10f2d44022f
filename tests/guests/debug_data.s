# Expect: pass. Data breakpoints to the byte: across pages, by string, locked and vector instructions, and after MOV SS.
        .include "lib.s"
        .include "breaklib.s"

        .equ    PAGE, (0x300000)

test:   ON      VECTOR_DB, seen
        mov     eax, PAGE                       # 4 bytes read or written at the start of a page, 1 byte written at its end
        mov     dr0, rax
        mov     eax, PAGE + 0xFFF
        mov     dr1, rax
        mov     eax, DR7_ONE | DR7_L0 | DR7_G1 | put(DR7_RW0, 3) | put(DR7_LEN0, 3) | put(DR7_RW1, 1) | put(DR7_LEN1, 0)
        mov     dr7, rax
        mov     ebx, PAGE
        mov     rax, [rbx - 8]                  # up to the watched bytes, not into them
        mov     [rbx - 8], rax
        mov     eax, [rbx + 4]
        NOT_MET
        mov     eax, [rbx - 3]                  # over the page end into the first of them
        MET     DR6_B0
        mov     [rbx - 1], ax
        MET     DR6_B0
        mov     [rbx + 3], al
        MET     DR6_B0
        mov     rax, [rbx + 0xFFC]              # a read does not match, over the page end neither
        NOT_MET
        mov     [rbx + 0xFFC], eax
        MET     DR6_B1
        movups  [rbx + 0xFF1], xmm0             # the first 15 bytes are on the page
        MET     DR6_B1
        movups  xmm0, [rbx - 15]
        MET     DR6_B0
        movups  xmm0, [rbx - 16]
        NOT_MET
        lock    inc byte ptr [rbx + 2]
        MET     DR6_B0
        push    qword ptr [rbx - 4]
        pop     rax
        MET     DR6_B0
        lea     rsi, [rbx - 2]                  # a repeated string instruction: trapped after the iteration that met it
        lea     rdi, [rip + area]
        mov     ecx, 4
        rep     movsb
        EQ      dword ptr [rip + hits], 2
        mov     dword ptr [rip + hits], 0
        lea     rsi, [rbx]                      # both in one instruction
        lea     rdi, [rbx + 0xFFF]
        movsb
        MET     DR6_B0 | DR6_B1

        mov     eax, ss                         # held back until the instruction after MOV SS is done
        mov     [rbx], eax
        MET     DR6_B0
.load:  mov     ss, [rbx]
        inc     ecx
.after:  EQ     dword ptr [rip + hits], 1
        lea     rax, [rip + .after]
        EQ      [rip + place], rax
        MET     DR6_B0
        PASS
        .align  16
area:   .fill   16
