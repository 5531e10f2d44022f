"""Real-time clock with CMOS memory: time, alarm, update and periodic interrupts, NMI mask bit.

Time is calendar seconds at a cycle, so it needs no tick unless an interrupt is asked for.
Not modelled: daylight saving, the square-wave pin, other oscillators than 32,768 Hz.
Source: Motorola MC146818A data sheet
"""
from emu.bits import LOW_8, U64
from emu.jit import kernel
from emu.model.devices import calendar, clock
from emu.model.interrupts import irq
from emu.spec.platform import DEVICE, HZ, IRQ, PORT
from emu.spec.rtc import CMOS, RTCA, RTCB, RTCC
from emu.state import NEVER, rtc_at

HOUR, DAY = U64(3600), U64(86400)
UPDATE_CYCLES = U64(244_000)                              # cycles that UIP is set before an update
HALF_SECOND = U64(500_000_000)                            # first update after the divider starts
NMI_OFF, INDEX_MASK = U64(0x80), U64(0x7F)
AFTERNOON, ANY_TIME = U64(0x80), U64(0xC0)
VALID = U64(0x80)                                         # register D: battery good
DIVIDER_RESET = U64(0x60)
WEDNESDAY = U64(3)                                        # of the calendar's first day, Sunday = 0
INTERRUPT_ENABLES = RTCB.UIE | RTCB.AIE | RTCB.PIE        # the same positions as the flags of register C


@kernel
def _byte(r, index):
    return U64(r.ram[index])


@kernel
def _stopped(r):
    return (_byte(r, CMOS.B) & RTCB.SET != 0) or _byte(r, CMOS.A) & DIVIDER_RESET == DIVIDER_RESET


@kernel
def seconds(r):
    """Return calendar seconds since 1970 at r.now, modulo 2**64."""
    if r.held:
        return r.seconds
    return r.seconds + (r.now - r.since) // HZ.TSC if r.now >= r.since else r.seconds - 1


@kernel
def _since_first(r):
    """Return calendar seconds at r.now since the first day that the calendar knows: never negative."""
    return seconds(r) + calendar.EPOCH * DAY


@kernel
def _encode(r, value):
    if _byte(r, CMOS.B) & RTCB.DM:
        return value
    return value // 10 << 4 | value % 10


@kernel
def _decode(r, value):
    if _byte(r, CMOS.B) & RTCB.DM:
        return value
    return (value >> 4) * 10 + (value & 15)


@kernel
def _encode_hour(r, hour):
    if _byte(r, CMOS.B) & RTCB.H24:
        return _encode(r, hour)
    shown = hour % 12 if hour % 12 else 12
    return _encode(r, shown) | (AFTERNOON if hour >= 12 else 0)


@kernel
def _decode_hour(r, value):
    if _byte(r, CMOS.B) & RTCB.H24:
        return _decode(r, value)
    return _decode(r, value & ~AFTERNOON) % 12 + (12 if value & AFTERNOON else 0)


@kernel
def _show(r):
    """Write the time to the clock bytes of CMOS memory."""
    now = _since_first(r)
    of_day, day = now % DAY, now // DAY
    year, month, of_month = calendar.date(day - calendar.EPOCH)
    r.ram[CMOS.SECONDS] = _encode(r, of_day % 60)
    r.ram[CMOS.MINUTES] = _encode(r, of_day // 60 % 60)
    r.ram[CMOS.HOURS] = _encode_hour(r, of_day // HOUR)
    r.ram[CMOS.WEEKDAY] = _encode(r, (day + WEDNESDAY) % 7 + 1)
    r.ram[CMOS.DAY] = _encode(r, of_month)
    r.ram[CMOS.MONTH] = _encode(r, month)
    r.ram[CMOS.YEAR] = _encode(r, year % 100)
    r.ram[CMOS.CENTURY] = _encode(r, year // 100)


@kernel
def _take(r):
    """Set the time from the clock bytes of CMOS memory."""
    year = _decode(r, _byte(r, CMOS.CENTURY)) * 100 + _decode(r, _byte(r, CMOS.YEAR))
    month, day = _decode(r, _byte(r, CMOS.MONTH)), _decode(r, _byte(r, CMOS.DAY))
    of_day = _decode_hour(r, _byte(r, CMOS.HOURS)) * HOUR + _decode(r, _byte(r, CMOS.MINUTES)) * 60
    r.seconds = calendar.days(year, month, day) * DAY + of_day + _decode(r, _byte(r, CMOS.SECONDS))
    if r.now >= r.since:
        r.since = r.now - (r.now - r.since) % HZ.TSC      # the divider goes on
    else:
        r.seconds += 1                                    # it has just been started: see `seconds`


@kernel
def _until_alarm(r):
    """Return after how many updates (1 ..) the alarm bytes match next, at most a day; 0 when never."""
    now, ahead = _since_first(r) % DAY, 1
    while ahead <= DAY:
        at = (now + ahead) % DAY
        if not _match(r, CMOS.HOURS_ALARM, _encode_hour(r, at // HOUR)):
            ahead += HOUR - at % HOUR
        elif not _match(r, CMOS.MINUTES_ALARM, _encode(r, at // 60 % 60)):
            ahead += 60 - at % 60
        elif not _match(r, CMOS.SECONDS_ALARM, _encode(r, at % 60)):
            ahead += 1
        else:
            return ahead
    return 0


@kernel
def _match(r, index, value):
    alarm = _byte(r, index)
    return alarm >= ANY_TIME or alarm == value


@kernel
def _period(r):
    """Return the periodic rate in oscillator ticks, 0 when off; rates 1 and 2 equal 8 and 9."""
    rate = _byte(r, CMOS.A) & RTCA.RS
    if rate == 0 or _byte(r, CMOS.A) & DIVIDER_RESET == DIVIDER_RESET:
        return 0
    return 1 << (rate + 6 if rate < 3 else rate - 1)


@kernel
def _schedule(r):
    """Choose the next cycles at which a flag of register C must be raised for an interrupt."""
    control = _byte(r, CMOS.B)
    r.periodic_at = NEVER
    period = _period(r)
    if control & RTCB.PIE and period:
        r.periodic_at = clock.cycle_of((clock.ticks(r.now, HZ.RTC) // period + 1) * period, HZ.RTC)
    r.update_at = NEVER
    if r.held == 0:
        next_second = r.since if r.now < r.since else r.since + ((r.now - r.since) // HZ.TSC + 1) * HZ.TSC
        if control & RTCB.UIE:
            r.update_at = next_second
        elif control & RTCB.AIE:
            ahead = _until_alarm(r)
            if ahead:
                r.update_at = next_second + (ahead - 1) * HZ.TSC


@kernel
def _flags(r, before, now):
    """Raise the flags of register C for what happened after cycle `before` up to `now`."""
    period = _period(r)
    if period and clock.ticks(before, HZ.RTC) // period != clock.ticks(now, HZ.RTC) // period:
        r.cause |= RTCC.PF
    if r.held:
        return
    first = seconds(r)
    r.now = now
    passed = seconds(r) - first
    r.now = before
    if passed:
        r.cause |= RTCC.UF
        ahead = _until_alarm(r)
        if ahead and passed >= ahead:
            r.cause |= RTCC.AF


@kernel
def _update_line(m, r):
    asked = r.cause & _byte(r, CMOS.B) & INTERRUPT_ENABLES
    r.line = irq.change(m, IRQ.RTC, r.line, 1 if asked else 0)


@kernel
def advance(m, now):
    """Let the clock run until cycle `now`."""
    r = rtc_at(m.devices[DEVICE.RTC])[0]
    if now > r.now:
        _flags(r, r.now, now)
        r.now = now
        if now >= r.periodic_at or now >= r.update_at:
            _schedule(r)
            _update_line(m, r)


@kernel
def next_event(m):
    """Return the cycle at which the clock interrupts next."""
    r = rtc_at(m.devices[DEVICE.RTC])[0]
    if r.line:
        return NEVER                                      # nothing new can happen before register C is read
    return r.periodic_at if r.periodic_at < r.update_at else r.update_at


@kernel
def _in_progress(r):
    """Return RTCA.UIP when the next update is less than 244 us away."""
    if r.held:
        return 0
    left = r.since - r.now if r.now < r.since else HZ.TSC - (r.now - r.since) % HZ.TSC
    return RTCA.UIP if left <= UPDATE_CYCLES else 0


@kernel
def _read_data(m, r):
    index = r.index
    if index <= CMOS.YEAR or index == CMOS.CENTURY:
        if r.held == 0:
            _show(r)
    elif index == CMOS.A:
        return _byte(r, index) & ~RTCA.UIP | _in_progress(r)
    elif index == CMOS.C:
        value = r.cause | (RTCC.IRQF if r.line else 0)
        r.cause = 0
        _schedule(r)
        _update_line(m, r)
        return value
    elif index == CMOS.D:
        return VALID
    return _byte(r, index)


@kernel
def _write_control(r, index, value):
    """Write register A or B: stop or start the clock; a running one keeps its time when the format changes."""
    was, divider = _stopped(r), _byte(r, CMOS.A) & DIVIDER_RESET == DIVIDER_RESET
    if not was:
        _show(r)
    if index == CMOS.A:
        r.ram[CMOS.A] = value & ~RTCA.UIP
    else:
        r.ram[CMOS.B] = value & ~RTCB.UIE if value & RTCB.SET else value
    r.held = 1 if _stopped(r) else 0
    if divider and _byte(r, CMOS.A) & DIVIDER_RESET != DIVIDER_RESET:
        r.since = r.now + HALF_SECOND                     # the first update comes half a second later
    if was and r.held == 0:
        _take(r)


@kernel
def _write_data(m, r, value):
    index = r.index
    if index == CMOS.A or index == CMOS.B:
        _write_control(r, index, value)
    elif index <= CMOS.YEAR or index == CMOS.CENTURY:
        if r.held == 0:
            _show(r)
        r.ram[index] = value
        if r.held == 0 and (index & 1 == 0 or index >= CMOS.WEEKDAY):
            _take(r)
    elif index != CMOS.C and index != CMOS.D:
        r.ram[index] = value
    _schedule(r)
    _update_line(m, r)


@kernel
def read(m, now, port):
    """Return a byte from port 0x70 (write-only: all ones) or 0x71 at cycle `now`."""
    advance(m, now)
    return _read_data(m, rtc_at(m.devices[DEVICE.RTC])[0]) if port == PORT.RTC_DATA else LOW_8


@kernel
def write(m, now, port, value):
    """Write a byte to port 0x70 (index and NMI mask) or 0x71 at cycle `now`."""
    advance(m, now)
    r = rtc_at(m.devices[DEVICE.RTC])[0]
    if port == PORT.RTC_INDEX:
        r.index = value & INDEX_MASK
        r.nmi_masked = value & NMI_OFF
    else:
        _write_data(m, r, value)


@kernel
def reset(m):
    """Reset the chip: interrupts off; time and memory are kept by the battery."""
    advance(m, m.now)
    r = rtc_at(m.devices[DEVICE.RTC])[0]
    r.ram[CMOS.B] = _byte(r, CMOS.B) & ~(RTCB.UIE | RTCB.AIE | RTCB.PIE | RTCB.SQWE)
    r.cause = 0
    r.index = 0
    r.nmi_masked = 0
    _schedule(r)
    _update_line(m, r)
