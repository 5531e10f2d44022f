"""hvlab: an x86-64 computer in software on which hypervisors run, are stepped, explained and tested."""
