"""The pages are true: commands, links, names, steps."""
