"""One 8259 with edge-triggered lines, as lists of lines in priority order; shares nothing with the model."""


class Chip:
    """Requests, services and masks as sets of lines 0-7; `order` runs from the most to the least urgent."""

    def __init__(self):
        self.requests, self.services, self.masked, self.order = set(), set(), set(), list(range(8))

    def candidate(self):
        for line in self.order:
            if line in self.services:
                return None
            if line in self.requests - self.masked:
                return line
        return None

    def acknowledge(self):
        """Return the line that answers; 7 when none does."""
        line = self.candidate()
        if line is None:
            return 7
        self.requests.discard(line)
        self.services.add(line)
        return line

    def end(self, line=None, rotate=False):
        """End of interrupt: of `line`, or of the most urgent service."""
        if line is None:
            line = next((each for each in self.order if each in self.services), None)
        if line is None:
            return
        self.services.discard(line)
        if rotate:
            self.lowest(line)

    def lowest(self, line):
        self.order = [(line + 1 + k) % 8 for k in range(8)]
