# records_synic.s - records inside virtual processors and partitions: overlays, messages, synthetic timers.
#
# Source  hv/README.md, "Messages and timers"

# ---- a page of ours laid over one of the guest's, see overlay.s ----
        .record OVERLAY
        .field  NEXT, 8                 # of the partition's list
        .field  FRAME, 8                # our page, or 0
        .field  AT, 8                   # guest-physical address it covers, plus 1; or 0
        .field  UNDER, 8                # EPT entry that it hides
        .field  RIGHTS, 8               # EPT bits of the page
        .field  BYTES, 0
        .endrecord

# ---- a message that waits for its slot, see messages.s ----
        .record NODE
        .field  NEXT, 8
        .field  BUSY, 4                 # 1: in a queue
        .field  TYPE, 4
        .field  LENGTH, 8               # bytes of payload
        .field  ORIGIN, 8
        .field  READER, 8               # VP, of a port's message
        .field  PAYLOAD, 0
        .endrecord
        .record TIMER                   # payload of HVMESSAGE_TIMER_EXPIRED
        .field  INDEX, 8
        .field  EXPIRED, 8
        .field  DELIVERED, 8
        .field  BYTES, 0
        .endrecord
        .record STIMER_OF               # a synthetic timer
        .field  CONFIG, 8
        .field  COUNT, 8
        .field  DUE, 8                  # reference time
        .field  DEADLINE, 8             # TSC, or NEVER
        .field  NODE, NODE_PAYLOAD + TIMER_BYTES
        .field  BYTES, 0
        .endrecord
        .record QUEUE
        .field  HEAD, 8
        .field  TAIL, 8
        .field  BYTES, 0
        .endrecord

# ---- states of a partition ----
        .equ    PSTATE_UNINITIALIZED, 1
        .equ    PSTATE_ACTIVE, 2
        .equ    PSTATE_FINALIZING, 4
        .equ    PSTATE_FINALIZED, 8

# ---- states of a VP ----
        .equ    VP_RUNNABLE, 0
        .equ    VP_HALTED, 1
        .equ    VP_ENDED, 2
        .equ    VP_SUSPENDED_STATE, 3           # in no ring, its VMCS clear
        .equ    VP_JOINING, 4                   # will be in the ring of its processor
        .equ    VP_PARKED, 5                    # waits for a start-up IPI
