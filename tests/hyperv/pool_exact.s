# Expect: pass. Calls that take pages of a pool want as many as the TLFS's objects have here, say INSUFFICIENT_MEMORY with one fewer, and keep none then.
        .include "rootlib.s"

        .equ    INITIALIZED, 6                  # EPT, its last table, hypercall page, reference TSC page, I/O bitmaps
        .equ    VP_PAGES, 5                     # VP, VMCS, SIM, SIEF, assist page
        .equ    MAP_TABLES, 2                   # for the first page of a far GiB
        .equ    ONE_VP, INITIALIZED + VP_PAGES + MAP_TABLES
        .equ    PORT, 0x100
        .equ    CONNECTION, 0x200
        .equ    FAR, 0x5000000000 >> 12
# ONE_MORE - A page for the child's pool; r13 counts them.
        .macro  ONE_MORE
        mov     rdi, r15
        lea     esi, [r13 + (POOL >> 12) + ROOT_POOL]
        mov     edx, 1
        call    deposit
        EQ      eax, 0
        inc     r13d
        .endm
# HAS available, used - Of the child's pool.
        .macro  HAS available, used
        call    clear_input
        mov     [INPUT], r15
        OK      HVCALL_MEMORY_BALANCE
        EQ      qword ptr [OUTPUT], \available
        EQ      qword ptr [OUTPUT + 8], \used
        .endm
# TAKES call, pages, used - `call` of the list that `list` fills: refused with fewer pages, each time without taking one.
        .macro  TAKES list, call, pages, used
        xor     ebx, ebx
77:     HAS     rbx, \used
        call    \list
        STATUS  \call, HVSTATUS_INSUFFICIENT_MEMORY
        HAS     rbx, \used
        ONE_MORE
        inc     ebx
        cmp     ebx, \pages
        jb      77b
        call    \list
        OK      \call
        HAS     0, \used + \pages
        .endm
test:   ROOT_BEGINS
        OK      HVCALL_GET_PARTITION_ID
        mov     rax, [OUTPUT]
        mov     [rip + root], rax
        xor     r13d, r13d
        CREATE
        TAKES   list_plain, HVCALL_INITIALIZE_PARTITION, INITIALIZED, 0
        TAKES   list_plain, HVCALL_CREATE_VP, VP_PAGES, INITIALIZED
        TAKES   list_other, HVCALL_CREATE_VP, VP_PAGES, INITIALIZED + VP_PAGES
        mov     ebx, MAP_TABLES                 # a table that was made stays for the next try
1:      call    list_map
        STATUS  HVCALL_MAP_PAGES | put(HVINPUT_COUNT, 1), HVSTATUS_INSUFFICIENT_MEMORY
        ONE_MORE
        dec     ebx
        jnz     1b
        call    list_map
        OK      HVCALL_MAP_PAGES | put(HVINPUT_COUNT, 1)
        HAS     0, INITIALIZED + 2 * VP_PAGES + MAP_TABLES
        call    list_map                        # the next page there needs none
        inc     qword ptr [INPUT + 8]
        OK      HVCALL_MAP_PAGES | put(HVINPUT_COUNT, 1)
        HAS     0, INITIALIZED + 2 * VP_PAGES + MAP_TABLES
        TAKES   list_state, HVCALL_MAP_STATE_PAGE, 1, INITIALIZED + 2 * VP_PAGES + MAP_TABLES
        call    list_state                      # what ends gives its pages back
        OK      HVCALL_UNMAP_STATE_PAGE
        HAS     1, INITIALIZED + 2 * VP_PAGES + MAP_TABLES
        call    list_other
        mov     qword ptr [INPUT + 8], 1
        OK      HVCALL_DELETE_VP
        HAS     VP_PAGES + 1, ONE_VP
        call    list_port                       # ---- ports and connections ----
        OK      HVCALL_CREATE_PORT
        HAS     VP_PAGES + 1 - 2, ONE_VP + 2    # the port and its messages
        call    list_plain
        mov     dword ptr [INPUT + 8], PORT
        OK      HVCALL_DELETE_PORT
        HAS     VP_PAGES + 1, ONE_VP
        call    list_port
        mov     dword ptr [INPUT + 24], 2       # of events
        mov     dword ptr [INPUT + 40], 64 << 16
        OK      HVCALL_CREATE_PORT
        HAS     VP_PAGES, ONE_VP + 1
        call    list_plain
        mov     dword ptr [INPUT + 8], PORT
        OK      HVCALL_DELETE_PORT
        HAS     VP_PAGES + 1, ONE_VP
        call    list_port                       # one of the root, which the child connects to, twice
        mov     rax, [rip + root]
        mov     [INPUT], rax
        mov     [INPUT + 16], r15
        OK      HVCALL_CREATE_PORT
        mov     ebp, 2
2:      call    list_connect
        OK      HVCALL_CONNECT_PORT
        HAS     VP_PAGES, ONE_VP + 1
        call    list_connect
        inc     dword ptr [INPUT + 8]
        STATUS  HVCALL_CONNECT_PORT, HVSTATUS_INVALID_PORT_ID   # it has its connection
        call    list_plain
        mov     dword ptr [INPUT + 8], CONNECTION
        OK      HVCALL_DISCONNECT_PORT
        STATUS  HVCALL_DISCONNECT_PORT, HVSTATUS_INVALID_CONNECTION_ID
        HAS     VP_PAGES + 1, ONE_VP
        dec     ebp
        jnz     2b
        call    list_connect
        OK      HVCALL_CONNECT_PORT
        END_CHILD                               # with a connection
        PASS

list_plain:                                     # the partition, and zeros
        call    clear_input
        mov     [INPUT], r15
        ret
list_other:                                     # VP 1
        call    list_plain
        mov     dword ptr [INPUT + 8], 1
        ret
list_map:
        call    list_plain
        STORE   INPUT + 8, FAR
        mov     qword ptr [INPUT + 16], 3
        mov     qword ptr [INPUT + 24], CHILD >> 12
        ret
list_port:                                      # for messages from the root
        call    list_plain
        mov     dword ptr [INPUT + 8], PORT
        mov     rax, [rip + root]
        mov     [INPUT + 16], rax
        mov     dword ptr [INPUT + 24], 1
        mov     dword ptr [INPUT + 32], 2
        ret
list_connect:
        call    list_plain
        mov     dword ptr [INPUT + 8], CONNECTION
        mov     rax, [rip + root]
        mov     [INPUT + 16], rax
        mov     dword ptr [INPUT + 24], PORT
        mov     dword ptr [INPUT + 32], 1
        ret
list_state:
        call    list_plain
        mov     byte ptr [INPUT + 15], 1
        STORE   INPUT + 16, 0x30000
        ret
        .align  8
root:   .quad   0
        LIBRARY
