# property.s - properties of partitions, as a table: code, where it is, its range, when it may be set.
#
# Source  TLFS, "HvCallGetPartitionProperty", "HvCallSetPartitionProperty", "HV_PARTITION_PROPERTY_CODE"

        .record PROPERTY
        .field  CODE, 4
        .field  STATES, 4                       # in which it may be set; 0: read-only
        .field  READ, 8                         # routine: the contract at properties
        .field  ARGUMENT, 8                     # offset, or constant
        .field  LEAST, 8                        # or AS_MASK
        .field  MOST, 8                         # or the bits that may be set
        .endrecord

# property_find - Entry: edi = code.  Exit: rdx = row, zero flag set when there is none.  Changes rcx.
property_find:
        lea     rdx, [rel properties]
1:      mov     ecx, [rdx + PROPERTY_CODE]
        test    ecx, ecx
        jz      2f
        cmp     ecx, edi
        je      3f
        add     rdx, PROPERTY_SIZE
        jmp     1b
3:      test    ecx, ecx
2:      ret

# call_get_property - HvCallGetPartitionProperty.  Entry, Exit, Keeps: as a handler of calls.
call_get_property:
        mov     r8, rdi
        mov     rdi, [rsi]
        call    target_child_or_root
        jc      1f
        mov     edi, [rsi + 8]
        call    property_find
        mov     eax, HVSTATUS_UNKNOWN_PROPERTY
        jz      1f
        STATES  PSTATE_ACTIVE | PSTATE_UNINITIALIZED
        jz      1f
        mov     rcx, rdx
        mov     rdx, [rcx + PROPERTY_ARGUMENT]
        call    qword ptr [rcx + PROPERTY_READ]
        mov     [r8], rax
        xor     eax, eax
1:      ret

# call_set_property - HvCallSetPartitionProperty.  Entry, Exit, Keeps: as a handler of calls.
call_set_property:
        mov     rdi, [rsi]
        call    target_child_or_root
        jc      1f
        mov     edi, [rsi + 8]
        call    property_find
        mov     eax, HVSTATUS_UNKNOWN_PROPERTY
        jz      1f
        mov     eax, HVSTATUS_PROPERTY_VALUE_OUT_OF_RANGE
        mov     ecx, [rdx + PROPERTY_STATES]
        test    ecx, ecx
        jz      1f
        test    [r10 + PART_STATE], ecx
        mov     eax, HVSTATUS_INVALID_PARTITION_STATE
        jz      1f
        mov     eax, HVSTATUS_PROPERTY_VALUE_OUT_OF_RANGE
        mov     rdi, [rsi + 16]
        cmp     qword ptr [rdx + PROPERTY_LEAST], AS_MASK
        jne     2f
        mov     rcx, [rdx + PROPERTY_MOST]
        not     rcx
        test    rdi, rcx
        jnz     1f
        cmp     dword ptr [rdx + PROPERTY_CODE], 0x10001
        jne     3f
        call    features_fit
        jnz     1f
        jmp     3f
2:      cmp     rdi, [rdx + PROPERTY_LEAST]
        jb      1f
        cmp     rdi, [rdx + PROPERTY_MOST]
        ja      1f
        cmp     dword ptr [rdx + PROPERTY_CODE], 0x20001
        jne     4f
        cmp     rdi, [r10 + PART_CPU_CAP]       # the reserve within the cap
        ja      1f
4:      cmp     dword ptr [rdx + PROPERTY_CODE], 0x20002
        jne     3f
        cmp     rdi, [r10 + PART_CPU_RESERVE]
        jb      1f
3:      cmp     dword ptr [rdx + PROPERTY_CODE], 0x30005
        jne     6f
        imul    rdi, rdi, TICKS_PER_REFERENCE   # began so long ago
        mov     rcx, rdx
        call    tsc_now
        mov     rdx, rcx
        sub     rax, rdi
        mov     rdi, rax
6:      mov     rcx, [rdx + PROPERTY_ARGUMENT]
        mov     [r10 + rcx], rdi
        cmp     dword ptr [rdx + PROPERTY_CODE], 0x20001
        jne     5f
        mov     dword ptr [rel reserves], 1
5:      cmp     qword ptr [rdx + PROPERTY_LEAST], AS_MASK
        jne     7f
        call    features_apply
7:      xor     eax, eax
1:      ret

# property_word - A word of the partition.  Entry, Exit, Changes: as a reader of properties.
property_word:
        mov     rax, [r10 + rdx]
        ret
# property_constant - The argument itself.  Entry, Exit, Changes: as a reader of properties.
property_constant:
        mov     rax, rdx
        ret
# property_time - Reference time.  Entry, Exit, Changes: as a reader of properties.
property_time:
        push    rbp
        mov     rbp, r10
        call    reference_time
        pop     rbp
        ret

        .macro  PROPERTYROW code, states, read, argument, least, most
        .long   \code, \states
        .quad   \read, \argument, \least, \most
        .endm
        .equ    AS_MASK, -1
        .balign 8
# properties - A reader: Entry: r10 = partition, rdx = the row's argument.  Exit: rax = value.  Changes rdx.
properties:
        PROPERTYROW 0x10000, PSTATE_UNINITIALIZED, property_word, PART_PRIVILEGES, AS_MASK, PRIVILEGES_GIVEN
        PROPERTYROW 0x10001, PSTATE_UNINITIALIZED, property_word, PART_FEATURES, AS_MASK, SYNTHETIC_ALL
        PROPERTYROW 0x20001, PSTATE_ACTIVE, property_word, PART_CPU_RESERVE, 0, CPU_WHOLE
        PROPERTYROW 0x20002, PSTATE_ACTIVE, property_word, PART_CPU_CAP, 0, CPU_WHOLE
        PROPERTYROW 0x20003, PSTATE_ACTIVE, property_word, PART_CPU_WEIGHT, 1, 10000
        PROPERTYROW 0x30004, 0, property_constant, HZ_TSC, 0, 0         # APIC frequency
        PROPERTYROW 0x30005, PSTATE_ACTIVE, property_time, PART_STARTED, 0, NEVER / 1024  # reference time
        PROPERTYROW 0x60000, 0, property_constant, 1, 0, 0              # vendor: Intel
        PROPERTYROW 0x60003, 0, property_constant, 8, 0, 0              # CLFLUSH, units of 8 bytes
        PROPERTYROW 0x60009, 0, property_constant, HZ_TSC, 0, 0         # clock
        PROPERTYROW 0x6000A, PSTATE_ACTIVE, property_word, PART_CPU_FEATURES, AS_MASK, CPU_FEATURES_0
        PROPERTYROW 0x6000B, PSTATE_ACTIVE, property_word, PART_CPU_FEATURES + 8, AS_MASK, CPU_FEATURES_1
        PROPERTYROW 0x70000, 0, property_word, PART_OS_ID, 0, 0
        .long   0

# What a new partition has, and what a parent may give it.
        .equ    DEFAULT_1, PRIVILEGE_VP_RUN_TIME | PRIVILEGE_REFERENCE_COUNTER | PRIVILEGE_SYNIC | PRIVILEGE_TIMERS
        .equ    DEFAULT_2, DEFAULT_1 | PRIVILEGE_APIC | PRIVILEGE_HYPERCALL | PRIVILEGE_VP_INDEX | PRIVILEGE_RESET
        .equ    PRIVILEGES_DEFAULT, DEFAULT_2 | PRIVILEGE_GUEST_IDLE
        .equ    PRIVILEGES_ROOT_1, PRIVILEGES_CHILD | PRIVILEGE_CREATE_PARTITIONS | PRIVILEGE_PARTITION_ID | PRIVILEGE_MEMORY_POOL
        .equ    PRIVILEGES_GIVEN, PRIVILEGES_ROOT_1 | PRIVILEGE_CREATE_PORT | PRIVILEGE_CONNECT_PORT | PRIVILEGE_START_VP
        .equ    PRIVILEGES_ROOT, PRIVILEGES_GIVEN | PRIVILEGE_MANAGEMENT
