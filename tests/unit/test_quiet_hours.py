"""Quiet hours in SQL against Python's own zones, over a year of moments in zones with and without summer time."""

import random
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import duckdb
import pytest

from tests.macros import sql

ZONES = (
    "Asia/Ho_Chi_Minh",
    "America/New_York",
    "Australia/Lord_Howe",
    "Asia/Kathmandu",
    "Pacific/Apia",
    "UTC",
)
HOURS = (("21:00", "08:00"), ("22:30", "06:30"), ("12:00", "14:00"), ("09:00", "09:00"), ("00:00", "07:00"))


def seconds(text: str) -> int:
    """Seconds of the day."""
    hour, minute = text.split(":")
    return int(hour) * 3600 + int(minute) * 60


def expected(moment: datetime, zone: str, begin: str, end: str) -> tuple[bool, datetime]:
    """Is it quiet, and when is it not any more, by the calendar of the zone."""
    local = moment.replace(tzinfo=UTC).astimezone(ZoneInfo(zone))
    start, stop = time.fromisoformat(begin), time.fromisoformat(end)
    now = local.time()
    over_midnight = start > stop
    quiet = (now >= start or now < stop) if over_midnight else start <= now < stop
    if not quiet:
        return False, moment
    day = local.date() + timedelta(days=1 if over_midnight and now >= start else 0)
    ends = datetime.combine(day, stop, tzinfo=ZoneInfo(zone)).astimezone(UTC)
    return True, ends.replace(tzinfo=None)


def test_quiet_hours_are_those_of_the_zone() -> None:
    """Random moments, and those at, one second before and one second after each end of the quiet hours."""
    dice = random.Random(20260630)
    rows = []
    for zone in ZONES:
        for begin, end in HOURS:
            edges = [
                datetime.combine(datetime(2026, 3, day), time.fromisoformat(at), tzinfo=ZoneInfo(zone))
                .astimezone(UTC)
                .replace(tzinfo=None)
                + timedelta(seconds=shift)
                for day in (7, 20)
                for at in (begin, end)
                for shift in (-1, 0, 1)
            ]
            drawn = [datetime(2026, 1, 1) + timedelta(seconds=dice.randrange(365 * 86400)) for _ in range(40)]
            rows += [(moment, zone, begin, end) for moment in [*edges, *drawn]]
    told = ("moment", "zone", "begins", "ends")
    with duckdb.connect() as con:
        con.execute("set timezone = 'America/Sao_Paulo'")
        con.execute("create table told (moment timestamp, zone varchar, begins integer, ends integer)")
        con.executemany(
            "insert into told values (?, ?, ?, ?)", [(m, z, seconds(b), seconds(e)) for m, z, b, e in rows]
        )
        found = con.execute(
            f"select {sql('is_quiet', *told)}, {sql('after_quiet', *told)} from told"
        ).fetchall()

    assert found == [expected(*row) for row in rows]
    assert {quiet for quiet, _ in found} == {True, False}


@pytest.mark.parametrize(
    ("said", "begins", "ends"),
    [
        ("21:00-08:00", 75600, 28800),
        (" 22 - 6:30 ", 79200, 23400),
        ("9:05 to 10", 32700, 36000),
        ("2100-0800", 75600, 28800),
        ("24:00-08:00", None, None),
        ("at night", None, None),
        ("", None, None),
        (None, None, None),
    ],
)
def test_stated_hours_are_read_or_left(said: str | None, begins: int | None, ends: int | None) -> None:
    """What is no stretch of the day says nothing."""
    with duckdb.connect() as con:
        found = con.execute(
            f"select {sql('quiet_second', 'said', 'from')}, {sql('quiet_second', 'said', 'to')}"
            " from (select cast(? as varchar) as said)",
            [said],
        ).fetchone()

    assert found == (begins, ends)
