"""Phone numbers to E.164 by seed and SQL, against libphonenumber's formats as the oracle."""

from pathlib import Path

import phonenumbers
from phonenumbers import PhoneNumberFormat, PhoneNumberType

from tests.companies import TestCompany

REGIONS = ("VN", "TH", "CN", "IR", "GB", "BR", "US", "DE", "IT", "FR", "IN", "JP", "AU", "ES")
STAGING = ("+stg_contacts",)


def variants(region: str) -> list[tuple[str, str]]:
    """Ways people type libphonenumber's example numbers of a region, with its own E.164 of that number."""
    found = []
    for kind in (PhoneNumberType.MOBILE, PhoneNumberType.FIXED_LINE):
        example = phonenumbers.example_number_for_type(region, kind)
        assert example is not None
        national = phonenumbers.format_number(example, PhoneNumberFormat.NATIONAL)
        international = phonenumbers.format_number(example, PhoneNumberFormat.INTERNATIONAL)
        for text in (
            national, national.replace(" ", "").replace("-", ""), international, international.replace("+", "00"),
            f" {international} ", international.replace(" ", "-"), f"{national} ext. 12",
        ):  # fmt: skip
            found.append((text, phonenumbers.format_number(example, PhoneNumberFormat.E164)))
    return found


def test_numbers_are_spelled_as_libphonenumber_spells_them(tmp_path: Path) -> None:
    """14 regions, seven spellings each; the seed must agree with the library it was taken from."""
    company = TestCompany(tmp_path / "c", [{"name": "x", "connector": "files", "tables": []}], select=STAGING)
    tables = []
    expected: dict[str, tuple[str, str]] = {}
    for region in REGIONS:
        name = f"t_{region.lower()}"
        columns = {"phone": "phone"}
        tables.append(
            {"name": name, "entity": "contact", "path": f"data/{name}.csv", "key": ["id"], "region": region, "columns": columns}
        )  # fmt: skip
        cases = variants(region)
        company.csv(f"data/{name}.csv", "id,phone", *(f'{n},"{text}"' for n, (text, _) in enumerate(cases)))
        expected |= {f"x.{name}:{n}": (text, wanted) for n, (text, wanted) in enumerate(cases)}
    company.sources = [{"name": "x", "connector": "files", "tables": tables}]
    company.configure()
    company.load()
    company.build_only()
    found = dict(company.rows("select record_id, phone from staging.stg_contacts"))
    wrong = {key: (*case, found[key]) for key, case in expected.items() if found[key] != case[1]}

    assert len(found) == len(expected) > 180
    assert wrong == {}


def test_text_that_is_no_number_links_nobody(tmp_path: Path) -> None:
    """Null, not a digit string: too short, too long, words. What was delivered stays known, of each column that was mapped."""
    table = {
        "name": "t", "entity": "contact", "path": "data/t.csv", "key": ["id"], "region": "VN",
        "columns": {"phone": ["phone", "mobile"], "email": "mail"},
    }  # fmt: skip
    company = TestCompany(
        tmp_path / "c",
        [{"name": "x", "connector": "files", "tables": [table]}],
        select=(*STAGING, "+stg_unread_identifiers"),
    )
    rows = ["n/a", "12", "call me", "0912 345 678 901 234 5", "-", "+", "۰۹۱۲۳۴۵۶۷۸"]
    lines = [f"{n},{text},," for n, text in enumerate(rows)]
    lines += ["7,none,0912345679,a@x.io", "8,0912345679, none ,no", "9,0912345679,0912345679, "]
    company.csv("data/t.csv", "id,phone,mobile,mail", *lines)
    company.load()
    company.build_only()

    found = [row[0] for row in company.rows("select phone from staging.stg_contacts order by record_id")]
    assert found == [None] * 6 + ["+84912345678"] + ["+84912345679"] * 3
    unread = company.rows(
        "select record_id, identifier_type, delivered_value, is_profile from staging.stg_unread_identifiers order by all"
    )
    expected = [(f"x.t:{n}", "phone", text, True) for n, text in enumerate(rows[:6])]
    expected += [
        ("x.t:7", "phone", "none", True),
        ("x.t:8", "email", "no", True),
        ("x.t:8", "phone", "none", True),
    ]
    assert unread == expected
