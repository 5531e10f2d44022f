"""User mode of the root partition: virtual machines that people create, start and stop, and the processes that hold their devices."""
