"""Phones as SQL through DuckDB against libphonenumber itself: published examples, and numbers mutated as people mutilate them.

What ours may answer otherwise is named in `allowed` and in docs/normalisation.md; anything else is a failure.
"""

import csv
import random
import unicodedata
from collections import Counter
from pathlib import Path

import duckdb
import phonenumbers
import pytest
from phonenumbers import PhoneMetadata, PhoneNumberFormat, PhoneNumberType, ValidationResult

from tests.macros import sql

EXAMPLES = Path(__file__).resolve().parents[1] / "reference" / "phone_examples.csv"
SCRIPTS = ("٠١٢٣٤٥٦٧٨٩", "۰۱۲۳۴۵۶۷۸۹", "๐๑๒๓๔๕๖๗๘๙", "０１２３４５６７８９")
SEEDS = (1, 2)


def read(con: duckdb.DuckDBPyConnection, region: str, texts: list[str]) -> list[str | None]:
    """Texts as numbers of a region."""
    query = f"select {sql('normalize_phone', 'one', region)} from (select unnest($1::varchar[]) as one)"
    return [row[0] for row in con.execute(query, [texts]).fetchall()]


def oracle(text: str, region: str) -> str | None:
    """E.164 of what libphonenumber calls possible. A number without its area is possible only locally: it names nobody."""
    try:
        number = phonenumbers.parse(text, region)
    except phonenumbers.NumberParseException:
        return None
    if phonenumbers.is_possible_number_with_reason(number) != ValidationResult.IS_POSSIBLE:
        return None
    return str(phonenumbers.format_number(number, PhoneNumberFormat.E164))


def test_every_published_example_is_read_in_both_forms() -> None:
    """351 numbers of 245 regions, as dialled at home and as written abroad."""
    with EXAMPLES.open(encoding="utf-8", newline="") as handle:
        rows = list(csv.DictReader(handle))
    wrong = []
    with duckdb.connect() as con:
        for row in rows:
            found = read(con, row["region"], [row["national"], row["international"]])
            if found != [row["e164"]] * 2:
                wrong.append((row, found))

    assert len(rows) == 351
    assert wrong == []


def mutated(text: str, region: str, rng: random.Random) -> str:
    """Up to three things that happen to a number on its way into a CRM."""
    metadata = PhoneMetadata.metadata_for_region(region)
    assert metadata
    code = metadata.country_code
    for _ in range(rng.randint(0, 3)):
        at = rng.randrange(len(text) + 1)
        digits = str.maketrans("0123456789", rng.choice(SCRIPTS))
        text = rng.choice([
            text[:at] + rng.choice([" ", ".", "-", "(", ")", "/", "  "]) + text[at:],
            text.replace(" ", rng.choice(["", "-", ".", " "])),
            text.replace("+", rng.choice(["00", "+ ", "(+"])),
            rng.choice(["tel: ", "Tel.", " ", "(", "m ", "phone "]) + text,
            text + rng.choice([" ext 12", " x5", " #7", ";ext=123", " ", ".", ")", " доб. 3", " - 503#", ",,4"]),
            text[:at] + str(rng.randrange(10)) + text[at:],
            text[:at] + text[at + 1 :],
            text.translate(digits),
            (metadata.national_prefix or "0") + text,
            f"{code}{text}",
            text.replace(f"+{code} ", f"+{code} (0)"),
            "".join(char for char in text if char.isdigit() or char == "+"),
        ])  # fmt: skip
    return text


def allowed(text: str, region: str, wanted: str | None, found: str | None) -> str | None:
    """Why the two may differ."""
    metadata = PhoneMetadata.metadata_for_region(region)
    assert metadata
    code, prefix = str(metadata.country_code), metadata.national_prefix or "0"
    digits = "".join(str(unicodedata.digit(char)) for char in text if char.isdigit())
    if digits.startswith("00"):
        return "00 is read as the international prefix everywhere"
    if wanted and any(wanted.startswith(f"+{one}0") for one in phonenumbers.COUNTRY_CODE_TO_REGION_CODE):
        return "a national prefix does not count as a digit"
    if wanted and wanted.startswith(f"+{code}{prefix}"):
        return "a national prefix does not count as a digit"
    if digits.startswith((f"{code}0", f"{code}{prefix}")):
        return "a calling code without + before a national prefix that stands twice"
    if wanted and wanted.startswith("+375"):
        return "Belarus: 8 is a national prefix and begins numbers; after +375 it stays"
    if found is None:
        return "null where libphonenumber guesses"
    return None


@pytest.mark.parametrize("seed", SEEDS)
def test_mutated_numbers_are_read_as_libphonenumber_reads_them(seed: int) -> None:
    """245 regions: equal but for the named differences, and ours never gives another number than libphonenumber's beside them."""
    rng = random.Random(seed)
    reasons: Counter[str] = Counter()
    wrong, total, numbers = [], 0, 0
    with duckdb.connect() as con:
        for region in sorted(phonenumbers.SUPPORTED_REGIONS):
            texts = []
            for kind in (PhoneNumberType.MOBILE, PhoneNumberType.FIXED_LINE):
                example = phonenumbers.example_number_for_type(region, kind)
                for form in (
                    PhoneNumberFormat.NATIONAL,
                    PhoneNumberFormat.INTERNATIONAL,
                    PhoneNumberFormat.RFC3966,
                ):
                    if example:
                        spelled = phonenumbers.format_number(example, form)
                        texts += [mutated(spelled, region, rng) for _ in range(15)]
            for text, found in zip(texts, read(con, region, texts), strict=True):
                total, wanted = total + 1, oracle(text, region)
                numbers += wanted is not None
                if found == wanted:
                    continue
                why = allowed(text, region, wanted, found)
                reasons[why or "other"] += 1
                if why is None:
                    wrong.append((region, text, wanted, found))

    assert total > 20_000
    assert numbers > 0.7 * total
    assert sum(reasons.values()) < 0.02 * total, reasons
    assert reasons["null where libphonenumber guesses"] < 0.001 * total, reasons
    assert wrong == []
