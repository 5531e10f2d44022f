"""Local APIC priorities with sets of vectors, and timer counting by steps; shares nothing with the model."""


class Priorities:
    """IRR, ISR and TPR as the manual describes them."""

    def __init__(self):
        self.irr, self.isr, self.tpr = set(), set(), 0

    def ppr(self):
        service = max(self.isr) // 16 if self.isr else 0
        return self.tpr if self.tpr // 16 >= service else service * 16

    def apr(self):
        request = max(self.irr) // 16 if self.irr else 0
        service = max(self.isr) // 16 if self.isr else 0
        if self.tpr // 16 >= request and self.tpr // 16 > service:
            return self.tpr
        return max(self.tpr // 16, request, service) * 16

    def pending(self):
        if self.irr and max(self.irr) // 16 > self.ppr() // 16:
            return max(self.irr)
        return None

    def take(self):
        vector = max(self.irr)
        self.irr.remove(vector)
        self.isr.add(vector)

    def eoi(self):
        if self.isr:
            self.isr.remove(max(self.isr))


def expiries(initial, divisor, periodic, until):
    """Return the cycles, from the start of the count, at which the timer fires up to `until`."""
    fired, count, cycle = [], initial, 0
    while count and cycle + divisor <= until:
        cycle += divisor
        count -= 1
        if count == 0:
            fired.append(cycle)
            count = initial if periodic else 0
    return fired
