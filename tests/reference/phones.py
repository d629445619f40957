"""libphonenumber's metadata (Apache-2.0, package `phonenumbers`) -> seed `phone_regions` -> what the macro knows of a region.

libphonenumber asks its patterns in a chain of conditions. Each chain is said here as one pattern with ordered alternatives,
so that SQL needs no branches: the first alternative that fits decides, as in RE2 and Java alike.
"""

import re
from collections.abc import Iterator
from typing import Any

import phonenumbers
from phonenumbers import PhoneMetadata

# Carrier prefixes are dialled at home only; after a country code they are no reason to cut digits off.
HOME_ONLY = {"CR", "FO", "LU", "GA", "RW"}
HEADER = (
    "region", "calling_code", "is_main", "international_prefix", "national_prefix", "national_prefix_for_parsing",
    "possible_lengths", "pattern", "rewrites",
)  # fmt: skip


def regions() -> list[dict[str, str]]:
    """One row per region and per calling code without a region (001)."""
    rows = []
    for code, names in sorted(phonenumbers.COUNTRY_CODE_TO_REGION_CODE.items()):
        for place, name in enumerate(names):
            metadata = PhoneMetadata.metadata_for_region_or_calling_code(code, name)
            rows.append(_row(metadata, name, place == 0))
    return sorted(rows, key=lambda row: (row["region"], row["calling_code"]))


def _row(metadata: Any, name: str, is_main: bool) -> dict[str, str]:
    prefix, rewrites = _prefix(metadata)
    lengths = [length for length in metadata.general_desc.possible_length if length > 0]
    values = (
        name, str(metadata.country_code), str(is_main).lower(), _plain(metadata.international_prefix or ""),
        metadata.national_prefix or "", _plain(prefix), "|".join(map(str, lengths)),
        _plain(metadata.general_desc.national_number_pattern or ""),
        " ".join(f"{_plain(pattern)}=>{to}" for pattern, to in rewrites),
    )  # fmt: skip
    return dict(zip(HEADER, values, strict=True))


def _plain(pattern: str) -> str:
    """Without backslashes, which SQL dialects read differently, and without white space."""
    return re.sub(r"\s+", "", pattern).replace(r"\d", "[0-9]")


def _prefix(metadata: Any) -> tuple[str, list[tuple[str, str]]]:
    """What is cut off a national number, and what is rewritten before (`national_prefix_transform_rule`)."""
    prefix = re.sub(r"\s+", "", metadata.national_prefix_for_parsing or "")
    rule = metadata.national_prefix_transform_rule
    if not rule:
        return re.sub(r"\((?!\?)", "(?:", prefix), []
    if metadata.id == "AR":  # a mobile is dialled `0 area 15 number` at home and `9 area number` from abroad
        area = prefix.removeprefix("0?(?:(").rpartition(")15)?")[0]
        return "0", [(r"0?(11)15(\d{8})", r"9\1\2"), (f"0?({area})15(\\d{{6,7}})", r"9\1\2")]
    if metadata.id == "BR":
        carriers = re.search(r"\((1\[245\].*?)\)\(", prefix)
        assert carriers
        return "0|90", [(f"(?:0|90)(?:{carriers[1]})(\\d{{10,11}})", r"\1")]
    if metadata.id == "GA":
        return "", [(prefix, rule)]
    found = re.fullmatch(r"(\(.*?\))\$(?:\|(.*))?", prefix)
    assert found, f"{metadata.id}: a transform rule of a new shape: {prefix}"
    return found[2] or "", [(found[1], rule)]


def spans(lengths: list[int]) -> str:
    """`[0-9]{7,10}` for the lengths 7, 8, 9 and 10; alternatives where there are gaps."""
    runs: list[list[int]] = []
    for length in sorted(lengths):
        if runs and runs[-1][1] == length - 1:
            runs[-1][1] = length
        else:
            runs.append([length, length])
    return "|".join(f"[0-9]{{{a}}}" if a == b else f"[0-9]{{{a},{b}}}" for a, b in runs)


def metadata(rows: list[dict[str, str]]) -> dict[str, Any]:
    """What `normalize_phone` asks: per region, and of all calling codes."""
    named = [row for row in rows if row["region"] != "001"]
    return {"regions": {row["region"]: _region(row) for row in named}, **_world(rows)}


def _region(row: dict[str, str]) -> dict[str, Any]:
    code, prefix, pattern = row["calling_code"], row["national_prefix_for_parsing"], row["pattern"]
    lengths = [int(length) for length in row["possible_lengths"].split("|")]
    possible = spans(lengths)
    over = spans([length for length in lengths if len(code) + length > max(lengths)])
    # 1 after the prefix a full number; 2 a full number; 3, 4 the same after the calling code without `+`; 5 too long, but
    # not without the calling code; 6, 7 of a possible length at least
    parts = [(prefix, pattern), ("", pattern), (code, prefix, pattern), (code, pattern), (code, over)]
    parts += [(prefix, possible), ("", possible)]
    kept = [part for part in parts if part[-1] and (prefix or prefix not in part or part[0] == "")]
    if not prefix:
        kept = [("", pattern), (code, pattern), (code, over), ("", possible)]
        kept = [part for part in kept if part[-1]]
    alternatives = ["".join(f"(?:{one})" for one in part[:-1] if one) + f"({part[-1]})" for part in kept]
    return {
        "idd": row["international_prefix"],
        "zeros": _zeros(row, possible),
        "rewrites": [
            {"from": f"^(?:{code})?{one.partition('=>')[0]}$", "to": f"+{code}{one.partition('=>')[2]}"}
            for one in row["rewrites"].split()
        ],
        "national": f"^(?:{'|'.join(alternatives)})$",
        "to": f"+{code}" + "".join(f"\\{n}" for n in range(1, len(alternatives) + 1)),
    }


def _zeros(row: dict[str, str], possible: str) -> str:
    """`00` where it is not the region's own prefix: it is what the ITU recommends, so people write it everywhere."""
    code, international = row["calling_code"], row["international_prefix"]
    dialled = re.compile(international or "-")
    if dialled.fullmatch("00"):
        return ""
    taken = any(dialled.match(f"00{n:02}") for n in range(100)) or "00" in row["pattern"]
    # where 00 begins something else too, only the region's own code is taken for one
    return f"^00({code}(?:{possible}))$" if taken else "^00([1-9][0-9]+)$"


def _world(rows: list[dict[str, str]]) -> dict[str, Any]:
    main = [row for row in rows if row["is_main"] == "true"]
    cuts = list(_cuts(main))
    return {
        "cuts": [_joined(cuts[:4]), _joined(cuts[4:])],
        "rewrites": [
            {"from": f"^[+]{row['calling_code']}{one.partition('=>')[0]}$", "to": f"+{row['calling_code']}{one.partition('=>')[2]}"}
            for row in main for one in row["rewrites"].split()
        ] + [{"from": f"^[+](?:{'|'.join(_without_zero(main))})0.*$", "to": ""}],
        "possible": "^[+](?:" + "|".join(_by_lengths(main)) + ")$",
    }  # fmt: skip


def _joined(cuts: list[str]) -> dict[str, str]:
    """Up to four alternatives in one pattern: a replacement can name nine groups."""
    return {"from": f"^(?:{'|'.join(cuts)})$", "to": "".join(f"\\{n}" for n in range(1, 2 * len(cuts) + 1))}


def _cuts(main: list[dict[str, str]]) -> Iterator[str]:
    """National prefixes written after the country code (`+44 (0)20`): two groups each, around what is cut."""
    by_prefix: dict[str, list[str]] = {}
    for row in main:
        prefix = row["national_prefix"]
        if prefix and row["region"] not in HOME_ONLY:
            by_prefix.setdefault(prefix, []).append(row["calling_code"])
    by_prefix["8"] = sorted(
        {*by_prefix["8"], "370"} - {"375"}
    )  # Lithuania until 2024; Belarus has numbers in 8
    by_prefix["0"].append("375")
    for prefix, codes in sorted(by_prefix.items()):
        # a number that itself begins with the prefix is none, but for 8 (Russia) and 00 (services of some countries)
        rest = {"0": "[1-9][0-9]{3,14}", "8": "[0-9]{8,14}"}.get(prefix, "[0-9]{5,14}")
        if prefix == "8":
            yield f"([+](?:{'|'.join(c for c in codes if c != '7')}))8({rest})"
            yield "([+]7)8([0-9]{10})"
            yield "([+]250)0([27-9][0-9]{8})"  # Rwanda has numbers in 06
        else:
            yield f"([+](?:{'|'.join(codes)})){prefix}({rest})"


def _without_zero(main: list[dict[str, str]]) -> list[str]:
    """Calling codes after which no number begins with 0: a zero left there is a prefix of a number too short."""
    starts = re.compile(r"(?:^|\||\(\?:)(?:0|\[0)")
    return [
        row["calling_code"]
        for row in main
        if row["national_prefix"] == "0" and not starts.search(row["pattern"])
    ]


def _by_lengths(main: list[dict[str, str]]) -> Iterator[str]:
    grouped: dict[str, list[str]] = {}
    for row in main:
        grouped.setdefault(row["possible_lengths"], []).append(row["calling_code"])
    for lengths, codes in sorted(grouped.items()):
        yield f"(?:{'|'.join(codes)})(?:{spans([int(one) for one in lengths.split('|')])})"
