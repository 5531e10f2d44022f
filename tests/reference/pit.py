"""An 8254 counter that is clocked tick by tick, as the data sheet's waveforms show; shares nothing with the model."""


class Counter:
    """One counter; the gate acts as in the data sheet's table of gate operations: in modes 1 and 5 its rising edge triggers."""

    def __init__(self, mode, bcd=False):
        self.mode, self.modulus = mode, 10000 if bcd else 65536
        self.bcd, self.gate = bcd, 1
        self.out = 0 if mode == 0 else 1
        self.element, self.loading, self.reload, self.trigger = None, None, None, False

    def write(self, count):
        """Write a whole count (already decoded, 0 = largest)."""
        self.loading = count or self.modulus
        if self.mode == 0:
            self.out = 0

    def set_gate(self, level):
        if self.mode in (2, 3):
            if not level:
                self.out = 1
            elif not self.gate:
                self.loading, self.element = self.loading or self.reload, None
        elif self.mode in (1, 5):
            self.trigger |= level > self.gate
        self.gate = level

    def _load(self):
        self.reload, self.loading = self.loading, None
        self.element = self.reload if self.mode != 3 else self.reload & ~1
        self.odd = self.reload & 1

    def clock(self):
        """One falling edge of CLK."""
        if self.mode in (1, 5):
            self._triggered()
            return
        if self.element is None or (self.loading and self.mode in (0, 4)):
            if self.loading:
                self._load()
                self.fired = False
            return
        if not self.gate:
            return
        getattr(self, f"_mode{self.mode}")()

    def _triggered(self):
        if self.trigger:
            self.reload, self.loading, self.trigger = self.loading or self.reload, None, False
            self.element, self.out, self.fired = self.reload, self.mode == 5, False
        elif self.element is not None:
            getattr(self, f"_mode{self.mode}")()

    def _down(self, step=1):
        self.element = (self.element - step) % self.modulus

    def _mode0(self):
        self._down()
        if self.element == 0:
            self.out = 1

    def _mode4(self):
        self._down()
        self.out = 0 if self.element == 0 and not self.fired else 1
        self.fired |= self.element == 0

    _mode1, _mode5 = _mode0, _mode4

    def _again(self):
        if self.loading:
            self.reload, self.loading = self.loading, None

    def _mode2(self):
        if self.element == 1:
            self._again()
            self.element, self.out = self.reload, 1
            return
        self._down()
        if self.element == 1:
            self.out = 0

    def _mode3(self):
        """Count by two; an odd count stays one tick longer in the high half."""
        last = 0 if self.out and self.odd else 2
        if self.element == last:
            self._again()
            self.out ^= 1
            self.element, self.odd = self.reload & ~1, self.reload & 1
        else:
            self._down(2)

    def read(self):
        value = (self.element or 0) % self.modulus
        return int(str(value), 16) if self.bcd else value
