"""What is asked of the hypervisor, and what the TLFS has it answer: by the root, by a child that has every privilege, by one with none.

A call's row: name, words of the input list, then the status for each caller; one status stands for the root, the others follow from the
rule of the call: a parent's call by someone else is ACCESS_DENIED, a call without its privilege, too.
Source: Hypervisor Top Level Functional Specification 6.0b and its current online text, each call's "Return Values"
"""
from dataclasses import dataclass

from emu.spec.tlfs import HVCALL, HVINPUT, HVREG, PRIVILEGE

NAMED = 0xFEED0000 << 32
ACTIVE, NEW, GONE = NAMED, NAMED | 1, NAMED | 2           # partitions of the root: with VP 0, not initialized, deleted
SELF, STRANGER = (1 << 64) - 1, 0x7777                    # STRANGER: there never was one
VP_SELF = 0xFFFF_FFFE
COUNT, START = 1 << 32, 1 << 48
FAST, VARIABLE = int(HVINPUT.FAST), 1 << 17
ROOT, CHILD, NONE = "root", "child", "none"
# Every privilege that a parent may give.
GIVEN = sum(int(value) for name, value in PRIVILEGE._asdict().items() if name not in ("STATS", "MANAGEMENT"))
POOR = int(PRIVILEGE.HYPERCALL)
OK, DENIED, ID, STATE = "SUCCESS", "ACCESS_DENIED", "INVALID_PARTITION_ID", "INVALID_PARTITION_STATE"
PARAMETER, INPUT, VP, LIST = "INVALID_PARAMETER", "INVALID_HYPERCALL_INPUT", "INVALID_VP_INDEX", "INVALID_ALIGNMENT"


@dataclass(frozen=True)
class Ask:
    """A question: kind 0 call, 1 RDMSR, 2 WRMSR, 3 CPUID; expected: {caller: status or "#GP" or value}."""

    what: str
    kind: int
    value: int
    words: tuple
    expected: dict
    at: int = 0


def pair(low, high):
    """Return two 32-bit words as one of 64."""
    return low | high << 32


def call(name, words, root, child=DENIED, none=DENIED, *, count=0, more=0, at=0, callers=(ROOT, CHILD, NONE)):
    """Return a call's row; count: elements of a repeat call, more: further bits of the input value."""
    expected = {who: status for who, status in ((ROOT, root), (CHILD, child), (NONE, none)) if who in callers}
    what = f"{name} {' '.join(map(hex, words))}" + (f" x{count}" if count else "") + (f" {more:#x}" if more else "")
    return Ask(what, 0, int(getattr(HVCALL, name)) | count * COUNT | more, tuple(words), expected, at)


def anyone(name, words, status, **more):
    """Return a row of a call that everyone may make."""
    return call(name, words, status, status, status, **more)


# ---- calls about a child: header, its first word the partition -------------------------------------------------
# name, the other words of a good list, elements
ABOUT = (
    ("INITIALIZE_PARTITION", (), 0), ("FINALIZE_PARTITION", (), 0), ("DELETE_PARTITION", (), 0), ("GET_PROPERTY", (0x10000,), 0),
    ("SET_PROPERTY", (0x20003, 100), 0), ("DEPOSIT_MEMORY", (0xFFFF_FFFF,), 1), ("WITHDRAW_MEMORY", (0,), 1), ("MEMORY_BALANCE", (0,), 0),
    ("MAP_PAGES", (0x1000, 15, 0xA00), 1), ("UNMAP_PAGES", (0x1000, 0), 1), ("MAP_SPARSE", (15, 0x1000, 0xA00), 1),
    ("INSTALL_INTERCEPT", (pair(3, 0), 0x80), 0), ("CREATE_VP", (7, 0, 0, 0), 0), ("DELETE_VP", (0,), 0),
    ("GET_REGISTERS", (0, int(HVREG.RIP)), 1), ("SET_REGISTERS", (0, int(HVREG.RAX), 0, 5, 0), 1), ("TRANSLATE", (0, 1, 0), 0),
    ("READ_GPA", (pair(0, 8), 0x1000, 6), 0), ("WRITE_GPA", (pair(0, 8), 0x8000, 6, 0, 0), 0), ("ASSERT_INTERRUPT", (0, 0, 0x41), 0),
    ("CLEAR_INTERRUPT", (), 0), ("VP_INDEX_OF_APIC", (0, 0), 1), ("START_VP", (0,) * 29, 0),
    ("MAP_STATE_PAGE", (0, 0), 0), ("UNMAP_STATE_PAGE", (0,), 0),
)
ANY_STATE = {"GET_PROPERTY": OK, "MEMORY_BALANCE": OK, "WITHDRAW_MEMORY": "NO_RESOURCES", "DEPOSIT_MEMORY": "OPERATION_DENIED",
             "INITIALIZE_PARTITION": "INSUFFICIENT_MEMORY", "SET_PROPERTY": STATE, "DELETE_PARTITION": None}      # of one not initialized
FOR_ITSELF = {"GET_REGISTERS", "SET_REGISTERS"}            # gated by whom they are about
RETURNS = {"GET_PROPERTY", "WITHDRAW_MEMORY", "MEMORY_BALANCE", "GET_REGISTERS", "VP_INDEX_OF_APIC", "TRANSLATE", "READ_GPA", "WRITE_GPA",
           "MAP_STATE_PAGE", "GET_PORT"}                  # something in an output list
PORTS = ("DELETE_PORT", (5,)), ("GET_PORT", (5, 0)), ("DISCONNECT_PORT", (5,))


def about():
    """Yield, for each call about a partition: one that is gone, one that never was, one in another state, somebody else's."""
    for name, words, count in ABOUT:
        for id_ in (GONE, STRANGER):
            yield call(name, (id_, *words), ID, ID, ID if name in FOR_ITSELF else DENIED, count=count)
        state = ANY_STATE.get(name, STATE)
        if state:
            yield call(name, (NEW, *words), state, DENIED, count=count)
    for name, words in PORTS:
        for id_ in (GONE, STRANGER):
            yield call(name, (id_, *words), ID, ID, ID)
        yield call(name, (NEW, *words), STATE, DENIED, DENIED)
        yield call(name, (SELF, *words), "INVALID_CONNECTION_ID" if name == "DISCONNECT_PORT" else "INVALID_PORT_ID",
                   "INVALID_CONNECTION_ID" if name == "DISCONNECT_PORT" else "INVALID_PORT_ID", DENIED)


def outputs():
    """Yield calls whose output list is not aligned: a call that returns nothing does not check it."""
    ports = (("CREATE_PORT", (0,) * 6), ("CREATE_PORT_1", (0,) * 5), ("CONNECT_PORT", (0,) * 8), ("CONNECT_PORT_1", (0,) * 4), *PORTS)
    for name, words, count in (*ABOUT, *((name, words, 0) for name, words in ports)):
        if name in RETURNS:
            yield anyone(name, (STRANGER, *words), LIST, count=count, at=4 << 32)
        else:
            alone = name in FOR_ITSELF or "PORT" in name
            yield call(name, (STRANGER, *words), ID, ID, ID if alone else DENIED, count=count, at=4 << 32)
    yield anyone("SPIN_WAIT", (5,), OK, at=4 << 32)


def on_itself():
    """Yield what a partition may not do to itself, and what it may."""
    for name, words, count in ABOUT:
        if name in ("GET_REGISTERS", "SET_REGISTERS", "START_VP", "VP_INDEX_OF_APIC", "GET_PROPERTY", "SET_PROPERTY", "DEPOSIT_MEMORY",
                    "WITHDRAW_MEMORY", "MEMORY_BALANCE"):
            continue
        yield call(name, (SELF, *words), DENIED, count=count)
    yield call("GET_PROPERTY", (SELF, 0x10000), OK)
    yield call("SET_PROPERTY", (SELF, 0x10000, 0), STATE)
    valid, preferred = 1 << 31, 1                         # HV_PROXIMITY_DOMAIN_INFO: there is domain 0
    for flags in (0, preferred, valid, valid | preferred):
        yield call("MEMORY_BALANCE", (SELF, pair(0, flags)), OK)
    yield call("MEMORY_BALANCE", (SELF, pair(1, 0)), OK)
    yield call("MEMORY_BALANCE", (SELF, pair(1, valid)), PARAMETER)
    yield call("MEMORY_BALANCE", (SELF, pair(0, 2)), PARAMETER)
    yield call("DEPOSIT_MEMORY", (SELF, 0xFFFF_FFFF), "OPERATION_DENIED", count=1)
    yield call("GET_REGISTERS", (SELF, VP_SELF, int(HVREG.RIP)), OK, OK, count=1)
    yield call("GET_REGISTERS", (SELF, 9, int(HVREG.RIP)), VP, VP, count=1)
    yield call("GET_REGISTERS", (SELF, pair(VP_SELF, 1), int(HVREG.RIP)), PARAMETER, PARAMETER, count=1)
    yield call("GET_REGISTERS", (SELF, VP_SELF, 0x12345), "UNKNOWN_REGISTER_NAME", "UNKNOWN_REGISTER_NAME", count=1)
    yield call("SET_REGISTERS", (SELF, VP_SELF, int(HVREG.CR2), 0, 5, 0), OK, OK, count=1)
    yield call("SET_REGISTERS", (SELF, VP_SELF, int(HVREG.RIP), 0, 5, 0), PARAMETER, PARAMETER, count=1)
    yield call("SET_REGISTERS", (SELF, VP_SELF, int(HVREG.KERNEL_GS_BASE), 0, 1 << 63, 0), "INVALID_REGISTER_VALUE",
               "INVALID_REGISTER_VALUE", count=1)
    yield call("VP_INDEX_OF_APIC", (SELF, 0, 0), OK, OK, count=1)
    yield call("VP_INDEX_OF_APIC", (SELF, 0, 9), PARAMETER, PARAMETER, count=1)
    yield call("START_VP", (SELF, 0) + (0,) * 28, "INVALID_VP_STATE", "INVALID_VP_STATE")
    yield call("START_VP", (SELF, 3) + (0,) * 28, VP, VP)
    yield call("GET_PARTITION_ID", (), OK, OK)
    yield call("NEXT_CHILD", (SELF, 0), OK, OK)
    yield call("NEXT_CHILD", (SELF, STRANGER), ID, ID)
    yield call("NEXT_CHILD", (STRANGER, 0), ID, ID)


def failures():
    """Yield each documented failure of the calls about a child, by its parent; anybody else is refused first."""
    active = [
        ("INITIALIZE_PARTITION", (), STATE, 0), ("DELETE_PARTITION", (), STATE, 0), ("GET_PROPERTY", (0x12345,), "UNKNOWN_PROPERTY", 0),
        ("SET_PROPERTY", (0x12345, 0), "UNKNOWN_PROPERTY", 0), ("SET_PROPERTY", (0x20003, 0), "PROPERTY_VALUE_OUT_OF_RANGE", 0),
        ("SET_PROPERTY", (0x20003, 10001), "PROPERTY_VALUE_OUT_OF_RANGE", 0),
        ("SET_PROPERTY", (0x60000, 1), "PROPERTY_VALUE_OUT_OF_RANGE", 0),
        ("SET_PROPERTY", (0x10000, 0), STATE, 0), ("SET_PROPERTY", (0x10001, 0), STATE, 0), ("GET_PROPERTY", (0x10001,), OK, 0),
        ("SET_PROPERTY", (0x6000A, 1 << 5), "PROPERTY_VALUE_OUT_OF_RANGE", 0), ("GET_PROPERTY", (0x6000A,), OK, 0),
        ("SET_PROPERTY", (0x20003, 200), OK, 0), ("GET_PROPERTY", (0x20003,), OK, 0),
        ("DEPOSIT_MEMORY", (0xFFFF_FFFF,), "OPERATION_DENIED", 1), ("DEPOSIT_MEMORY", (0x800,), "OPERATION_DENIED", 1),
        ("WITHDRAW_MEMORY", (pair(5, 0x8000_0000),), PARAMETER, 1), ("MEMORY_BALANCE", (pair(0, 4),), PARAMETER, 0),
        ("MEMORY_BALANCE", (0,), OK, 0),
        ("MAP_PAGES", (0x1000, 2, 0xA00), PARAMETER, 1), ("MAP_PAGES", (0x1000, 12, 0xA00), PARAMETER, 1),
        ("MAP_PAGES", (0x1000, 15 | 1 << 9, 0xA00), PARAMETER, 1), ("MAP_PAGES", (1 << 50, 15, 0xA00), PARAMETER, 1),
        ("MAP_PAGES", (0x1000, 15, 1 << 50), PARAMETER, 1), ("MAP_PAGES", (0x1000, 15, 0x800), "OPERATION_DENIED", 1),
        ("MAP_PAGES", (0x1001, 15 | 1 << 31, 0xA00), PARAMETER, 1), ("MAP_PAGES", (0x300, 15, 0xA00), OK, 1),
        ("MAP_SPARSE", (1 << 9, 0x1000, 0xA00), PARAMETER, 1), ("MAP_SPARSE", (15, 0x301, 0xA01), OK, 1),
        ("UNMAP_PAGES", (0x300, 0x20), PARAMETER, 1), ("UNMAP_PAGES", (1 << 50, 0), PARAMETER, 1), ("UNMAP_PAGES", (0x300, 0), OK, 2),
        ("INSTALL_INTERCEPT", (pair(1, 0), 0x80), PARAMETER, 0), ("INSTALL_INTERCEPT", (pair(3, 99), 0x80), PARAMETER, 0),
        ("INSTALL_INTERCEPT", (pair(3, 0), 1 << 16), PARAMETER, 0), ("INSTALL_INTERCEPT", (pair(4, 3), 40), PARAMETER, 0),
        ("INSTALL_INTERCEPT", (pair(3, 2), 0x40), PARAMETER, 0), ("INSTALL_INTERCEPT", (pair(3, 0x11), 0x00800081), PARAMETER, 0),
        ("INSTALL_INTERCEPT", (pair(3, 0), 0x80), OK, 0), ("INSTALL_INTERCEPT", (pair(0, 0), 0x80), OK, 0),
        ("CREATE_VP", (0, 0, 0, 0), VP, 0), ("CREATE_VP", (64, 0, 0, 0), VP, 0), ("CREATE_VP", (5, 0, 0, 1), PARAMETER, 0),
        ("CREATE_VP", (5, 0, pair(9, 0x8000_0000), 0), PARAMETER, 0), ("CREATE_VP", (5, 0, 0, 0), OK, 0), ("DELETE_VP", (5,), OK, 0),
        ("DELETE_VP", (5,), VP, 0), ("DELETE_VP", (63,), VP, 0),
        ("GET_REGISTERS", (9, int(HVREG.RIP)), VP, 1), ("GET_REGISTERS", (VP_SELF, int(HVREG.RIP)), VP, 1),
        ("GET_REGISTERS", (pair(0, 2), int(HVREG.RIP)), PARAMETER, 1), ("GET_REGISTERS", (0, 0x99999), "UNKNOWN_REGISTER_NAME", 1),
        ("SET_REGISTERS", (0, 0x99999, 0, 0, 0), "UNKNOWN_REGISTER_NAME", 1), ("SET_REGISTERS", (9, int(HVREG.RAX), 0, 0, 0), VP, 1),
        ("SET_REGISTERS", (0, int(HVREG.VP_INDEX), 0, 0, 0), PARAMETER, 1),
        ("SET_REGISTERS", (0, int(HVREG.CR0), 0, 1 << 40, 0), "INVALID_REGISTER_VALUE", 1),
        ("SET_REGISTERS", (0, int(HVREG.CR4), 0, 1 << 40, 0), "INVALID_REGISTER_VALUE", 1),
        ("SET_REGISTERS", (0, int(HVREG.EFER), 0, 1 << 40, 0), "INVALID_REGISTER_VALUE", 1),
        ("SET_REGISTERS", (0, int(HVREG.RFLAGS), 0, 1 << 40, 0), "INVALID_REGISTER_VALUE", 1),
        ("SET_REGISTERS", (0, int(HVREG.EXPLICIT_SUSPEND), 0, 2, 0), PARAMETER, 1),
        ("SET_REGISTERS", (0, int(HVREG.INTERCEPT_SUSPEND), 0, 1, 0), PARAMETER, 1),
        ("SET_REGISTERS", (0, int(HVREG.R15), 0, 0x1234, 0), OK, 1),
        ("TRANSLATE", (9, 1, 0), VP, 0), ("TRANSLATE", (0, 0, 0), PARAMETER, 0), ("TRANSLATE", (0, 1 | 1 << 20, 0), PARAMETER, 0),
        ("TRANSLATE", (0, 1, 1), OK, 0),
        ("READ_GPA", (pair(9, 8), 0x1000, 6), VP, 0), ("READ_GPA", (pair(0, 0), 0x1000, 6), PARAMETER, 0),
        ("READ_GPA", (pair(0, 17), 0x1000, 6), PARAMETER, 0), ("READ_GPA", (pair(0, 8), 0x1FFC, 6), PARAMETER, 0),
        ("READ_GPA", (pair(0, 8), 1 << 50, 6), PARAMETER, 0), ("READ_GPA", (pair(0, 8), 0x1000, 2), PARAMETER, 0),
        ("READ_GPA", (pair(0, 8), 0x1000, 6), OK, 0), ("READ_GPA", (pair(0, 8), 0x7000_0000, 6), OK, 0),
        ("WRITE_GPA", (pair(9, 8), 0x8000, 6, 0, 0), VP, 0), ("WRITE_GPA", (pair(0, 17), 0x8000, 6, 0, 0), PARAMETER, 0),
        ("WRITE_GPA", (pair(0, 8), 0x8000, 9, 0, 0), PARAMETER, 0), ("WRITE_GPA", (pair(0, 8), 0x8000, 6, 7, 0), OK, 0),
        ("ASSERT_INTERRUPT", (pair(3, 0), 0, 0), PARAMETER, 0), ("ASSERT_INTERRUPT", (pair(0, 4), 0, 0x41), PARAMETER, 0),
        ("ASSERT_INTERRUPT", (0, 0, 0x100), PARAMETER, 0), ("ASSERT_INTERRUPT", (0, 9, 0x41), VP, 0),
        ("ASSERT_INTERRUPT", (0, 0, pair(0x41, 1)), PARAMETER, 0), ("ASSERT_INTERRUPT", (0, 0, 0x41), OK, 0),
        ("CLEAR_INTERRUPT", (), "NOT_ACKNOWLEDGED", 0), ("VP_INDEX_OF_APIC", (0, 0), OK, 1), ("VP_INDEX_OF_APIC", (1, 0), PARAMETER, 1),
        ("VP_INDEX_OF_APIC", (0, 77), PARAMETER, 1),
        ("START_VP", (9,) + (0,) * 28, VP, 0), ("START_VP", (pair(0, 1),) + (0,) * 28, PARAMETER, 0),
        ("START_VP", (0,) * 29, "INVALID_VP_STATE", 0),
        ("UNMAP_STATE_PAGE", (0,), PARAMETER, 0), ("MAP_STATE_PAGE", (9, 0), VP, 0), ("MAP_STATE_PAGE", (pair(0, 3), 0), PARAMETER, 0),
        ("MAP_STATE_PAGE", (pair(0, 1 << 25), 0), PARAMETER, 0), ("MAP_STATE_PAGE", (pair(0, 1 << 24), 1 << 50), PARAMETER, 0),
        ("MAP_STATE_PAGE", (0, 0), OK, 0), ("MAP_STATE_PAGE", (0, 0), "OBJECT_IN_USE", 0), ("UNMAP_STATE_PAGE", (0,), OK, 0),
    ]
    for name, words, status, count in active:
        yield call(name, (ACTIVE, *words), status, count=count, callers=(ROOT, NONE))


def channels():
    """Yield ports, connections, messages and events."""
    def port(owner, id_=7, sender=SELF, kind=1, sint=2, vp=0, rest=0):
        return (owner, id_, sender, kind, pair(sint, vp), rest, 0)
    good = {"sender": SELF}
    yield call("CREATE_PORT", port(GONE), ID, ID, ID)
    for change, status in (({"sender": GONE}, ID), ({"sender": ACTIVE}, ID), ({"sender": NEW}, STATE),
                           ({"id_": 1 << 24}, "INVALID_PORT_ID"),
                           ({"vp": 9}, VP), ({"sint": 0}, PARAMETER), ({"sint": 16}, PARAMETER), ({"kind": 9}, PARAMETER),
                           ({"kind": 2, "rest": pair(2040 | 9 << 16, 0)}, PARAMETER), ({"kind": 2, "rest": 0}, PARAMETER),
                           ({"rest": 5}, PARAMETER), ({}, OK), ({}, "INVALID_PORT_ID")):
        yield call("CREATE_PORT", port(ACTIVE, **good | change), status, callers=(ROOT, NONE))
    yield call("CREATE_PORT", port(NEW), STATE, DENIED)
    yield call("GET_PORT", (ACTIVE, 7, 0), OK, callers=(ROOT, NONE))
    yield call("GET_PORT", (ACTIVE, 7, 9), "UNKNOWN_PROPERTY", callers=(ROOT, NONE))

    def connection(owner, id_=8, vtl=0, port_owner=ACTIVE, port_id=7, kind=1):
        return (owner, pair(id_, vtl), port_owner, port_id, kind, 0, 0, 0, 0)
    for change, status in (({"port_owner": GONE}, ID), ({"id_": 1 << 24}, "INVALID_CONNECTION_ID"), ({"port_id": 99}, "INVALID_PORT_ID"),
                           ({"vtl": 1}, PARAMETER), ({"kind": 2}, PARAMETER), ({}, OK), ({}, "INVALID_CONNECTION_ID"),
                           ({"id_": 9}, "INVALID_PORT_ID")):
        yield call("CONNECT_PORT", connection(SELF, **change), status, callers=(ROOT, NONE))
    yield call("CONNECT_PORT", connection(GONE), ID, ID, ID)
    yield call("POST_MESSAGE", (8, pair(1, 241)), PARAMETER, callers=(ROOT, NONE))
    yield call("POST_MESSAGE", (8, pair(0, 8)), PARAMETER, callers=(ROOT, NONE))
    yield call("POST_MESSAGE", (8, pair(1 << 31, 8)), PARAMETER, callers=(ROOT, NONE))
    yield call("POST_MESSAGE", (8, pair(1, 8), 5), "INVALID_SYNIC_STATE", callers=(ROOT, NONE))      # the VP never ran: its SynIC is off
    yield call("SIGNAL_EVENT", (8,), "INVALID_PORT_ID", callers=(ROOT, NONE))
    yield call("POST_MESSAGE", (77, pair(1, 8), 5), "INVALID_CONNECTION_ID", "INVALID_CONNECTION_ID")
    yield call("SIGNAL_EVENT", (77,), "INVALID_CONNECTION_ID", "INVALID_CONNECTION_ID")
    yield call("DISCONNECT_PORT", (SELF, 8), OK, callers=(ROOT, NONE))
    yield call("DELETE_PORT", (ACTIVE, 7), OK, callers=(ROOT, NONE))


def for_all():
    """Yield the calls that need no privilege."""
    yield anyone("FLUSH_SPACE", (0, 3, 0), OK)
    yield anyone("FLUSH_SPACE", (0, 2, 1), OK)
    yield anyone("FLUSH_SPACE", (0, 0x103, 0), PARAMETER)
    yield anyone("FLUSH_SPACE", (1 << 60, 1, 1), PARAMETER)
    yield anyone("FLUSH_SPACE", (0, 2, 0), PARAMETER)
    yield anyone("FLUSH_LIST", (0, 3, 0, 0x1000), OK, count=1)
    yield anyone("FLUSH_LIST", (0, 7, 0, 0x1000), PARAMETER, count=1)
    yield anyone("SPIN_WAIT", (5,), OK)
    yield anyone("CLUSTER_IPI", (0x0F, 1), PARAMETER)
    yield anyone("CLUSTER_IPI", (0x100, 1), PARAMETER)
    yield anyone("CLUSTER_IPI", (pair(0x41, 1), 1), PARAMETER)
    yield anyone("CLUSTER_IPI", (0x41, 0), OK)
    yield anyone("FLUSH_SPACE_EX", (0, 2, 1, 0), OK)
    yield anyone("FLUSH_SPACE_EX", (0, 2, 2, 0), PARAMETER)
    yield anyone("FLUSH_SPACE_EX", (0, 2, 0, 1, 1), OK, more=VARIABLE)
    yield anyone("FLUSH_LIST_EX", (0, 2, 1, 0, 0x1000), OK, count=1)
    yield anyone("CLUSTER_IPI_EX", (0x41, 0, 1, 0), OK, more=VARIABLE)
    yield anyone("CLUSTER_IPI_EX", (0x0F, 0, 1, 1), PARAMETER, more=VARIABLE)
    yield call("CREATE_PARTITION", (1 << 60,), PARAMETER, PARAMETER)
    yield call("CREATE_PARTITION", (0, pair(99, 0x8000_0000)), PARAMETER, PARAMETER)
    yield call("CREATE_PARTITION", (0,), OK, "PARTITION_TOO_DEEP")


def wrong_input():
    """Yield what is wrong with the input value or the list, for every call; it is found before any privilege is checked."""
    repeats = {name for name, _, count in ABOUT if count} | {"FLUSH_LIST", "FLUSH_LIST_EX"}
    for name in HVCALL._fields:
        count = 1 if name in repeats else 0
        yield anyone(name, (), INPUT, count=1 - count)
        yield anyone(name, (), INPUT, count=count, more=1 << 27)
        yield anyone(name, (), INPUT, count=count, more=1 << 63)
        if count:
            yield anyone(name, (), INPUT, count=1, more=START)
        if name != "GET_PARTITION_ID":
            yield anyone(name, (0,) * 4, LIST, count=count, at=4)
    for code in (0, 0x10, 0x3F, 0x1234, 0xFFFF):
        yield Ask(f"call {code:#x}", 0, code, (), {who: "INVALID_HYPERCALL_CODE" for who in (ROOT, CHILD, NONE)})
