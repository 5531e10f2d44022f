"""Exits that the hypervisor of `hv/` answers for a partition: its hot path, and the ways through its dispatcher.

The partition alone on one processor, with EPT and VPID.  The baseline is the same machine answering CPUID by the
smallest handler (perf/exits.py): what is left is the hypervisor's own instructions.
"""
import measuring
from measuring import by_turns, partitions, running

QUESTION = "How many exits and hypercalls a second does hv/ answer?"
GUESTS = (
    ("cpuid_row", "CPUID, prepared leaf"), ("cpuid_leaf", "CPUID, other leaf"),
    ("reference_count", "RDMSR, reference count"), ("hypercall", "HvCallFlushVirtualAddressSpace"),
    ("port", "IN, self-test port"), ("task_priority", "EPT violation, store to the APIC's TPR"),
)


def measure():
    """Yield rows (name, value, unit, baseline, goal)."""
    bare = running("cpuid")
    for label, name in GUESTS:
        rate, baseline = by_turns(partitions(label).entries, bare.entries)
        yield name, rate, "exits/s", baseline, None


if __name__ == "__main__":
    measuring.main(measure)
