"""Software that is not ours: where it comes from, and its runs on the machine."""
