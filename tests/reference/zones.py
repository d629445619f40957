"""Time zones of each country and calling code -> seed `country_timezones`, for quiet hours: zone.tab of the package tzdata (public domain).

Of the zones of a country that show one time all year, the first is marked distinct and stands for all.
"""

from datetime import UTC, datetime
from importlib.resources import files
from zoneinfo import ZoneInfo

import phonenumbers

ZONE_HEADER = ("country_code", "calling_code", "timezone", "is_distinct")
# one moment a month tells zones apart that change their clocks on other days
MOMENTS = [datetime(2026, month, 15, tzinfo=UTC) for month in range(1, 13)]


def zones() -> list[dict[str, str]]:
    """Every zone of each country with the country's calling code, sorted."""
    codes = {
        name: str(code)
        for code, names in phonenumbers.COUNTRY_CODE_TO_REGION_CODE.items()
        for name in names
        if name != "001"
    }
    listed = files("tzdata").joinpath("zoneinfo", "zone.tab").read_text(encoding="utf-8")
    seen: set[tuple[str, tuple[object, ...]]] = set()
    found: list[tuple[str, str, str, str]] = []
    for line in listed.splitlines():
        if not line.startswith("#"):
            country, _, zone = line.split("\t")[:3]
            shown = (country, tuple(moment.astimezone(ZoneInfo(zone)).utcoffset() for moment in MOMENTS))
            found.append((country, codes.get(country, ""), zone, "false" if shown in seen else "true"))
            seen.add(shown)
    return [
        dict(zip(ZONE_HEADER, one, strict=True)) for one in sorted(found, key=lambda one: (one[0], one[2]))
    ]
