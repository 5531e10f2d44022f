"""Numbers and names of the manuals explained, without a machine."""
