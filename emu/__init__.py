"""hvlab: an x86-64 computer in software on which hypervisors run, are stepped, explained and tested."""
import time

COARSE = 5                                                 # CLOCK_REALTIME_COARSE: the clock that dates files
BEGAN = time.clock_gettime_ns(COARSE)                      # no module of ours was read before (emu.kernel_cache)
