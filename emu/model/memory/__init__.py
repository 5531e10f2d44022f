"""Memory: physical accesses, our TLB, EPT, page walks of every mode, accesses by linear address."""
