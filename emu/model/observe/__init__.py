"""Who looks on: breakpoints and watchpoints, trace events, and the line that MONITOR arms."""
