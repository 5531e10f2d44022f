"""VM exit round trips: guest -> exit -> handler in emulated code -> VM entry -> guest, with EPT.

The handlers of perf/kernel/exits.s: `plain` reads reason, RIP and length, writes RIP and resumes; `full` saves and
restores fifteen registers, calls a routine by reason and executes CPUID.  The ceiling beside them is two engines that
do nothing but stop and start each other (perf/ceiling.py), in another process.
"""
import measuring
from measuring import Worker, by_turns, running

QUESTION = "How many VM exits a second does a hypervisor answer?"
GOAL = 1_000_000
LOOPS = (
    ("cpuid", "CPUID, EPT and VPID", GOAL), ("cpuid-ept", "CPUID, EPT", GOAL), ("cpuid-vpid", "CPUID, VPID", None),
    ("cpuid-bare", "CPUID, neither", None), ("cpuid-full", "CPUID, EPT and VPID, full handler", None),
    ("cpuid-full-ept", "CPUID, EPT, full handler", None), ("vmcall", "VMCALL, EPT and VPID", GOAL),
    ("vmcall-full", "VMCALL, EPT and VPID, full handler", None), ("violation", "EPT violation, store skipped", GOAL),
    ("io", "OUT, EPT and VPID", GOAL), ("inject", "VMCALL, interrupt injected, IRET", GOAL),
)
QEMU_COUNT = 50_000


def measure():
    """Yield rows (name, value, unit, baseline, goal)."""
    with Worker("ceiling") as ceiling:
        for loop, name, goal in LOOPS:
            ours = running(loop)
            rate, bare = by_turns(ours.entries, lambda: ceiling(measuring.SECONDS))
            yield name, rate, "exits/s", bare, goal
    rate = measuring.qemu("svm", QEMU_COUNT)
    if rate:
        yield "CPUID, nested paging, QEMU TCG (SVM)", rate, "exits/s", None, None


if __name__ == "__main__":
    measuring.main(measure)
