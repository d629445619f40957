"""Time zones of each country and calling code -> seed `country_zones`, for quiet hours: zone.tab of the package tzdata (public domain).

Of the zones of a country that show one time all year, one stands for all.
"""

from datetime import UTC, datetime
from importlib.resources import files
from zoneinfo import ZoneInfo

import phonenumbers

ZONE_HEADER = ("country_code", "calling_code", "zone")
# one moment a month tells zones apart that change their clocks on other days
MOMENTS = [datetime(2026, month, 15, tzinfo=UTC) for month in range(1, 13)]


def zones() -> list[dict[str, str]]:
    """Country, calling code and zone, sorted."""
    codes = {
        name: str(code)
        for code, names in phonenumbers.COUNTRY_CODE_TO_REGION_CODE.items()
        for name in names
        if name != "001"
    }
    listed = files("tzdata").joinpath("zoneinfo", "zone.tab").read_text(encoding="utf-8")
    found: dict[tuple[str, tuple[object, ...]], str] = {}
    for line in listed.splitlines():
        if not line.startswith("#"):
            country, _, zone = line.split("\t")[:3]
            shown = tuple(moment.astimezone(ZoneInfo(zone)).utcoffset() for moment in MOMENTS)
            found.setdefault((country, shown), zone)
    return [
        dict(zip(ZONE_HEADER, (country, codes.get(country, ""), zone), strict=True))
        for (country, _), zone in sorted(found.items(), key=lambda one: (one[0][0], one[1]))
    ]
