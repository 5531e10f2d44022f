"""Dates of the Gregorian calendar in unsigned arithmetic: days since 1970-01-01 (before it modulo 2**64) and back.

Valid from the year 0 to beyond 9999.
Source: the proleptic Gregorian rule; March-based years, so that the leap day ends a year.
"""
from emu.bits import U64
from emu.jit import kernel

MONTH_A, MONTH_C = U64(153), U64(2)                       # days before March-based month m: (153 m + 2) / 5
ERA_DAYS, ERA_YEARS = U64(146097), U64(400)
YEAR_DAYS, FOUR_YEARS, CENTURY = U64(365), U64(1460), U64(36524)
EPOCH = U64(719468) + ERA_DAYS                            # days from an era before 0000-03-01, that is -400-03-01, to 1970-01-01
LAST_OF_ERA = U64(146096)


@kernel
def days(year, month, day):
    """Return days since 1970-01-01 of a date (month 1..12; day may overflow the month)."""
    if month > 2:
        month -= 3
    else:
        month += 9
        year -= 1
    year += ERA_YEARS
    era, of_era = year // ERA_YEARS, year % ERA_YEARS
    of_year = (MONTH_A * month + MONTH_C) // 5 + day - 1
    return era * ERA_DAYS + of_era * YEAR_DAYS + of_era // 4 - of_era // 100 + of_year - EPOCH


@kernel
def date(day):
    """Return (year, month, day of month) of a number of days since 1970-01-01."""
    day += EPOCH
    era, of_era = day // ERA_DAYS, day % ERA_DAYS
    year = (of_era - of_era // FOUR_YEARS + of_era // CENTURY - of_era // LAST_OF_ERA) // YEAR_DAYS
    of_year = of_era - (year * YEAR_DAYS + year // 4 - year // 100)
    month = (5 * of_year + 2) // MONTH_A
    of_month = of_year - (MONTH_A * month + MONTH_C) // 5 + 1
    year += era * ERA_YEARS - ERA_YEARS
    if month < 10:
        return year, month + 3, of_month
    return year + 1, month - 9, of_month
