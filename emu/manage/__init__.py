"""User mode of the root partition: virtual machines to create, start and stop, and the processes that hold their devices."""
