"""8254 interval timer: three counters, modes 0 to 5, latches, read-back, BCD; port 0x61.

Counting is computed from the tick at which a count was loaded.  A count written is loaded at the next
tick; in modes 2 and 3 a new one waits for the end of the period or half period.  Gates of counters 0
and 1 are tied high.
Source: Intel 8254 data sheet
"""
from emu.bits import LOW_8, U64, get, put
from emu.jit import kernel
from emu.model.devices import clock
from emu.model.interrupts import irq
from emu.spec.pit import PITACCESS, PITBACK, PITCONTROL, PITMODE, PITSELECT, PITSTATUS, PORT61
from emu.spec.platform import DEVICE, HZ, IRQ, PORT
from emu.state import NEVER, pit_at

BINARY_COUNTS, DECIMAL_COUNTS = U64(0x10000), U64(10000)
WRITABLE_61 = PORT61.GATE | PORT61.SPEAKER | PORT61.NMI
REFRESH_SHIFT = U64(4)                                    # the refresh bit toggles each 16 ticks, about 15 us
BIAS = U64(1 << 20)                                      # ticks at cycle 0, so that a start may lie before it


@kernel
def _modulus(p, k):
    return DECIMAL_COUNTS if p.bcd[k] else BINARY_COUNTS


@kernel
def _to_bcd(value):
    result, shift = 0, 0
    while value:
        result |= value % 10 << shift
        value //= 10
        shift += 4
    return result


@kernel
def _from_bcd(value):
    result, scale = 0, 1
    while value:
        result += (value & 15) * scale
        value >>= 4
        scale *= 10
    return result


@kernel
def _periodic(mode):
    return mode == PITMODE.RATE or mode == PITMODE.SQUARE


@kernel
def _triggered(mode):
    return mode == PITMODE.ONE_SHOT or mode == PITMODE.HARD_STROBE


@kernel
def _high_ticks(p, k):
    """Return how long output is high in a period of mode 2 or 3."""
    if p.mode[k] == PITMODE.RATE:
        return p.count[k] - 1
    return p.count[k] + 1 >> 1


@kernel
def _elapsed(p, k, tick):
    """Return ticks counted since the load; 0 before it."""
    if p.frozen[k] != NEVER:
        return p.frozen[k]
    if _triggered(p.mode[k]) and p.armed[k] == 0:
        return 0
    return tick - p.start[k] if tick > p.start[k] else 0


@kernel
def _sync(p, k, tick):
    """Put a waiting count in force once its tick has come."""
    if p.next[k] != 0 and p.frozen[k] == NEVER and tick >= p.swap[k]:
        middle = p.mode[k] == PITMODE.SQUARE and (p.swap[k] - p.start[k]) % p.count[k] != 0
        p.count[k] = p.next[k]
        p.next[k] = 0
        p.start[k] = p.swap[k] - (_high_ticks(p, k) if middle else 0)


@kernel
def output(p, k, tick):
    """Return the output (0, 1) of counter `k` at a tick."""
    mode = p.mode[k]
    if p.loaded[k] == 0 or (p.low[k] and mode == PITMODE.TERMINAL):
        return 0 if mode == PITMODE.TERMINAL else 1
    elapsed = _elapsed(p, k, tick)
    if mode == PITMODE.TERMINAL:
        return 1 if elapsed >= p.count[k] else 0
    if mode == PITMODE.ONE_SHOT:
        if tick < p.start[k]:
            return 0 if p.low[k] else 1                   # triggered again while low: stays low
        return 1 if p.armed[k] == 0 or elapsed >= p.count[k] else 0
    if _periodic(mode):
        if p.gate[k] == 0 or tick < p.start[k]:
            return 1
        return 1 if elapsed % p.count[k] < _high_ticks(p, k) else 0
    if mode == PITMODE.HARD_STROBE and p.armed[k] == 0:
        return 1
    return 0 if elapsed == p.count[k] and tick >= p.start[k] else 1


@kernel
def counter(p, k, tick):
    """Return the counting element of counter `k` at a tick, as software reads it."""
    mode, count = p.mode[k], p.count[k]
    if p.loaded[k] == 0:
        return 0
    elapsed = _elapsed(p, k, tick)
    if mode == PITMODE.RATE:
        value = count - elapsed % count
    elif mode == PITMODE.SQUARE:
        phase = elapsed % count
        high = _high_ticks(p, k)
        value = (count & ~1) - 2 * (phase if phase < high else phase - high)
    else:
        value = count + _modulus(p, k) - elapsed % _modulus(p, k)
    value %= _modulus(p, k)
    return _to_bcd(value) if p.bcd[k] else value


@kernel
def _next_change(p, k, tick):
    """Return the first tick after `tick` at which the output of counter `k` may change."""
    if _triggered(p.mode[k]) and p.armed[k] == 0:
        return NEVER
    if p.loaded[k] == 0 or p.frozen[k] != NEVER or (p.low[k] and p.mode[k] == PITMODE.TERMINAL):
        return NEVER
    mode, start, count = p.mode[k], p.start[k], p.count[k]
    if tick < start:
        return start if mode == PITMODE.ONE_SHOT else _after_start(p, k)
    elapsed = tick - start
    if _periodic(mode):
        period = start + elapsed // count * count
        high = period + _high_ticks(p, k)
        return high if tick < high else period + count
    if elapsed < count:
        return start + count
    return start + count + 1 if elapsed == count and mode >= PITMODE.SOFT_STROBE else NEVER


@kernel
def _after_start(p, k):
    """Return the first change of the output after the load."""
    return p.start[k] + (_high_ticks(p, k) if _periodic(p.mode[k]) else p.count[k])


@kernel
def _follow(m, p):
    """Drive interrupt line 0 with output 0 and note when that changes next."""
    level = output(p, 0, p.now)
    irq.set_line(m, IRQ.PIT, level)
    change = _next_change(p, 0, p.now)
    p.event = NEVER if change == NEVER else clock.cycle_of(change - BIAS, HZ.PIT)


@kernel
def _step(m, p, tick):
    """Let output 0 make every change up to `tick`, in order; long silences take one step per change."""
    _sync(p, 0, p.now)
    change = _next_change(p, 0, p.now)
    while change <= tick:
        p.now = change
        _sync(p, 0, change)
        irq.set_line(m, IRQ.PIT, output(p, 0, change))
        change = _next_change(p, 0, change)


@kernel
def advance(m, now):
    """Let the counters run until cycle `now`."""
    p = pit_at(m.devices[DEVICE.PIT])[0]
    tick = clock.ticks(now, HZ.PIT) + BIAS
    if tick > p.now:
        if now >= p.event:
            _step(m, p, tick)
        p.now = tick
    for k in range(3):
        _sync(p, U64(k), p.now)
    if now >= p.event:
        _follow(m, p)


@kernel
def next_event(m):
    """Return the cycle at which output 0 changes next."""
    return pit_at(m.devices[DEVICE.PIT])[0].event


@kernel
def _load(p, k, value):
    """Load a count that software wrote (0 stands for the largest)."""
    count = _from_bcd(value) if p.bcd[k] else value
    if count == 0:
        count = _modulus(p, k)
    mode = p.mode[k]
    if _triggered(mode):
        _load_armed(p, k, count)
        return
    if p.loaded[k] != 0 and _periodic(mode) and p.frozen[k] == NEVER and p.now >= p.start[k]:
        elapsed = p.now - p.start[k]
        high = _high_ticks(p, k)
        period = p.start[k] + elapsed // p.count[k] * p.count[k]
        half = mode == PITMODE.SQUARE and elapsed % p.count[k] < high
        p.swap[k] = period + (high if half else p.count[k])
        p.next[k] = count
        return
    p.count[k] = count
    p.next[k] = 0
    p.low[k] = 0
    p.loaded[k] = 1
    p.start[k] = p.now + 1
    p.frozen[k] = NEVER if p.gate[k] else 0


@kernel
def _load_armed(p, k, count):
    """Keep a count for the next trigger in modes 1 and 5."""
    p.swap[k] = NEVER
    p.next[k] = count
    if p.armed[k] == 0:
        p.count[k] = count
        p.next[k] = 0
        p.start[k] = p.now + 1
    p.loaded[k] = 1


@kernel
def _set_gate(p, k, level):
    """Drive the gate of counter `k`: level holds or resumes, a rising edge triggers or reloads."""
    if p.gate[k] == level:
        return
    mode = p.mode[k]
    rising = level != 0
    if mode == PITMODE.TERMINAL or mode == PITMODE.SOFT_STROBE:
        if rising:
            p.start[k] = p.now - p.frozen[k]
            p.frozen[k] = NEVER
        else:
            p.frozen[k] = _elapsed(p, k, p.now)
    elif _periodic(mode):
        if not rising:
            p.frozen[k] = _elapsed(p, k, p.now)
        else:
            _reload(p, k)
    elif rising and p.loaded[k]:
        p.low[k] = 1 - output(p, k, p.now) if mode == PITMODE.ONE_SHOT else 0
        p.armed[k] = 1
        _reload(p, k)
    p.gate[k] = level


@kernel
def _reload(p, k):
    if p.next[k] != 0:
        p.count[k] = p.next[k]
        p.next[k] = 0
    p.frozen[k] = NEVER
    p.start[k] = p.now + 1


@kernel
def _latch_count(p, k):
    if p.latched[k] == 0:
        p.latch[k] = counter(p, k, p.now)
        p.latched[k] = 1


@kernel
def _latch_status(p, k):
    if p.status_latched[k] == 0:
        waiting = p.loaded[k] == 0 or p.next[k] != 0 or (p.now < p.start[k] and p.frozen[k] == NEVER)
        status = (PITSTATUS.OUT if output(p, k, p.now) else 0) | (PITSTATUS.NULL if waiting else 0)
        status = put(put(status, PITSTATUS.ACCESS, U64(p.access[k])), PITSTATUS.MODE, U64(p.mode[k]))
        p.status[k] = put(status, PITSTATUS.BCD, U64(p.bcd[k]))
        p.status_latched[k] = 1


@kernel
def _read_back(p, value):
    for k in range(3):
        if get(value, PITBACK.COUNTERS) >> U64(k) & 1:
            if not value & PITBACK.NO_COUNT:
                _latch_count(p, U64(k))
            if not value & PITBACK.NO_STATUS:
                _latch_status(p, U64(k))


@kernel
def _control(p, value):
    """Write the control word: program a counter, latch it, or read back several."""
    k = get(value, PITCONTROL.SELECT)
    if k == PITSELECT.READ_BACK:
        _read_back(p, value)
        return
    access = get(value, PITCONTROL.ACCESS)
    if access == PITACCESS.LATCH:
        _latch_count(p, k)
        return
    mode = get(value, PITCONTROL.MODE)
    p.mode[k] = mode & 3 if mode > 5 else mode             # modes 6 and 7 are 2 and 3
    p.access[k] = access
    p.bcd[k] = get(value, PITCONTROL.BCD)
    p.loaded[k] = 0
    p.next[k] = 0
    p.armed[k] = 0
    p.low[k] = 0
    p.frozen[k] = NEVER
    p.write_high[k] = 0
    p.read_high[k] = 0
    p.latched[k] = 0
    p.status_latched[k] = 0


@kernel
def _write_count(p, k, value):
    """Write a byte of a count; in mode 0 the first of two stops counting and lowers the output."""
    access = p.access[k]
    if access == PITACCESS.LOW:
        _load(p, k, value)
    elif access == PITACCESS.HIGH:
        _load(p, k, value << 8)
    elif p.write_high[k]:
        low = p.write_high[k] & LOW_8
        p.write_high[k] = 0
        _load(p, k, low | value << 8)
    else:
        p.write_high[k] = value | 0x100
        if p.mode[k] == PITMODE.TERMINAL:
            p.frozen[k] = _elapsed(p, k, p.now)
            p.low[k] = 1


@kernel
def _read_count(p, k):
    """Return the next byte of status, latched count or running count."""
    if p.status_latched[k]:
        p.status_latched[k] = 0
        return p.status[k]
    value = p.latch[k] if p.latched[k] else counter(p, k, p.now)
    access = p.access[k]
    high = access == PITACCESS.HIGH or (access == PITACCESS.BOTH and p.read_high[k] != 0)
    if access == PITACCESS.BOTH:
        p.read_high[k] ^= 1
    if access != PITACCESS.BOTH or high:
        p.latched[k] = 0
    return value >> 8 if high else value & LOW_8


@kernel
def write(m, now, port, value):
    """Write a byte to ports 0x40-0x43 or 0x61 at cycle `now`."""
    advance(m, now)
    p = pit_at(m.devices[DEVICE.PIT])[0]
    if port == PORT.SPEAKER:
        p.speaker = value & WRITABLE_61
        _set_gate(p, PITSELECT.COUNTER_2, value & PORT61.GATE)
    elif port == PORT.PIT_CONTROL:
        _control(p, value)
    else:
        _write_count(p, port - PORT.PIT0, value)
    _follow(m, p)


@kernel
def read(m, now, port):
    """Return a byte from ports 0x40-0x43 or 0x61 at cycle `now`; the control word cannot be read."""
    advance(m, now)
    p = pit_at(m.devices[DEVICE.PIT])[0]
    if port == PORT.PIT_CONTROL:
        return LOW_8
    if port != PORT.SPEAKER:
        return _read_count(p, port - PORT.PIT0)
    value = p.speaker | (PORT61.REFRESH if p.now >> REFRESH_SHIFT & 1 else 0)
    return value | (PORT61.OUT if output(p, PITSELECT.COUNTER_2, p.now) else 0)


@kernel
def reset(m):
    """Bring the counters to a defined state: not programmed, outputs high; the chip's own is undefined."""
    p = pit_at(m.devices[DEVICE.PIT])[0]
    for k in range(3):
        word = put(put(U64(0), PITCONTROL.ACCESS, PITACCESS.BOTH), PITCONTROL.MODE, PITMODE.RATE)
        _control(p, put(word, PITCONTROL.SELECT, U64(k)))
        p.gate[k] = 1 if U64(k) != PITSELECT.COUNTER_2 else 0
        p.count[k] = BINARY_COUNTS
        p.start[k] = 0
    p.speaker = 0
    p.event = NEVER
    p.now = irq.later(p.now, BIAS)
    _follow(m, p)
