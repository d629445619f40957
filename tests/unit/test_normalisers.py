"""Normalisers as SQL through DuckDB: published cases, and that normalising twice is normalising once."""

import csv
from pathlib import Path
from typing import Any

import duckdb
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.macros import sql
from tests.reference.__main__ import files

ROOT = Path(__file__).resolve().parents[2]
# validator.js cases that we judge otherwise (docs/normalisation.md): it keeps repeated dots of Gmail, which Gmail ignores as it does
# single ones; quoted local parts are no address to us.
EMAIL_EXCEPTIONS = {
    "some.name.midd..leNa...me...+extension@GoogleMail.com": "somenamemiddlename@gmail.com",
    "matthew..example@gmail.com": "matthewexample@gmail.com",
    '"foo@bar"@baz.com': None,
}
# Pieces that rules are about, so that random texts meet them.
PIECES = [
    "Mr.", "Dr ", "Jr", "Sr.", "ii", " md", "คุณ", "นาย", "นางสาว", "先生", "女士", "さん", "آقای ", "خانم ", "Ông ", "bà ", "Anh ", "Nguyễn ", "Lê ", "Đ.", "王",
    "ي", "ك", "‌", "​", "’", "'", "-", ",", ", ", ".", "(", ")", "#", " ", "  ", "ß", "İ", "é", "Ａ", "１", "　", "Street", "st", "Apt", "Q.", "1", "TP",
    "strasse", "str", "Đường ", "no ", "thi xa ", "@", "gmail.com", "googlemail.com", "yahoo.com", "ya.ru", "+t", "-t", "<", ">", "mailto:", '"', "+84", "0084", "09",
    "12345678", "+1", "€", "$", "vnd", "%", "x5", "ext. 3", "㍿", "ﬁ", "a", "B", "x.io", "。", "o",
]  # fmt: skip
TEXTS = st.lists(st.one_of(st.sampled_from(PIECES), st.text(max_size=4)), max_size=7).map("".join)


@pytest.fixture(scope="module")
def con() -> Any:
    """One database for all expressions, with the seeds that macros look up."""
    with duckdb.connect() as opened:
        for name in ("country_names", "given_name_roots"):
            path = ROOT / "seeds" / f"{name}.csv"
            opened.execute(
                f"create table {name} as from read_csv('{path}', header = true, all_varchar = true)"
            )
        yield opened


def through(con: duckdb.DuckDBPyConnection, expression: str, values: list[str | None]) -> list[str | None]:
    """Each value as the expression over `one` makes it, in the order given: a look-up in a seed is a join, which keeps none."""
    query = f"""
        select {expression}
        from (select unnest($1::varchar[]) as one, unnest(range(len($1::varchar[]))) as place)
        order by place
    """
    return [row[0] for row in con.execute(query, [values]).fetchall()]


def test_mailboxes_are_those_of_validator_js_but_for_three_named_cases(
    con: duckdb.DuckDBPyConnection,
) -> None:
    """37 published cases through both macros."""
    with (ROOT / "tests" / "reference" / "email_normalisation_cases.csv").open(
        encoding="utf-8", newline=""
    ) as handle:
        cases = [(row["input"], row["expected"] or None) for row in csv.DictReader(handle)]
    literal = through(con, sql("normalize_email", "one"), [text for text, _ in cases])
    found = through(con, sql("canonical_email", "one"), literal)
    wrong = {text: got for (text, wanted), got in zip(cases, found, strict=True) if got != wanted}

    assert len(cases) == 37
    assert wrong == EMAIL_EXCEPTIONS


IDEMPOTENT: dict[str, tuple[str, tuple[Any, ...]]] = {
    "email": ("normalize_email", ()),
    "mailbox": ("canonical_email", ()),
    "phone at home": ("normalize_phone", ("VN",)),
    "phone in Argentina": ("normalize_phone", ("AR",)),
    "phone nowhere": ("normalize_phone", ()),
    "name": ("normal_name", ()),
    "postal code": ("normal_postal_code", ()),
    "country": ("country_code", ()),
    "currency": ("normalize_currency", ("'CAD'",)),
    "given name root": ("given_name_root", ()),
    "folded": ("folded", ()),
}


@pytest.mark.parametrize("kind", IDEMPOTENT)
@settings(max_examples=60, deadline=None)
@given(values=st.lists(TEXTS, min_size=1, max_size=25))
@example(values=["ἀ\U00018cd6", "ἀ១", "é១"])
def test_normalising_twice_is_normalising_once(
    con: duckdb.DuckDBPyConnection, kind: str, values: list[str]
) -> None:
    """Else two loads of one value, one of them through another system of ours, would not meet."""
    macro, arguments = IDEMPOTENT[kind]
    expression = sql(macro, "one", *arguments)
    if kind == "mailbox":
        values = [value or "" for value in through(con, sql("normalize_email", "one"), list(values))]
    once = through(con, expression, list(values))

    assert through(con, expression, once) == once


@settings(max_examples=60, deadline=None)
@given(values=st.lists(TEXTS, min_size=1, max_size=25))
@example(values=["ἀ\U00018cd6", "ἀ១", "é១"])
def test_an_address_twice_is_an_address_once(con: duckdb.DuckDBPyConnection, values: list[str]) -> None:
    """The same for addresses, whose macro takes a list of columns."""
    expression = sql("normal_address", ["one"])
    once = through(con, expression, list(values))

    assert through(con, expression, once) == once


@settings(max_examples=60, deadline=None)
@given(
    cents=st.integers(-(10**12), 10**12),
    style=st.sampled_from([(",", "."), (".", ","), (" ", "."), ("'", "."), ("", ".")]),
)
def test_an_amount_written_in_any_style_is_read_back(
    con: duckdb.DuckDBPyConnection, cents: int, style: tuple[str, str]
) -> None:
    """Two decimals leave one reading, whatever groups and decimal signs are used, declared or not."""
    groups, decimal = style
    whole, rest = divmod(abs(cents), 100)
    text = f"{'-' if cents < 0 else ''}{whole:,}".replace(",", groups) + f"{decimal}{rest:02}"
    wanted = f"{'-' if cents < 0 else ''}{whole}.{rest:02}"
    for declared in ("", decimal):
        assert through(
            con, f"cast({sql('parse_money', 'one', declared)} as varchar)", [text, f"€ {text}"]
        ) == [wanted, wanted]


def test_the_generated_files_are_those_of_their_packages_and_seeds() -> None:
    """`python -m tests.reference` would change nothing: nobody edited what is generated, no seed is newer than the macros."""
    stale = [name for name, text in files().items() if (ROOT / name).read_text(encoding="utf-8") != text]

    assert stale == []


KEYS = {
    "phone_regions": ("region", "calling_code"), "country_names": ("lookup_key",), "currencies": ("code",), "nicknames": ("name", "formal_name"),
    "given_name_roots": ("name",), "family_names": ("name",), "email_providers": ("domain",), "address_words": ("word",),
    "name_titles": ("title", "position"),
}  # fmt: skip


@pytest.mark.parametrize("seed", KEYS)
def test_the_keys_of_seeds_are_unique(seed: str) -> None:
    """A name that stood twice would make two rows of one, or a rule that depends on order."""
    with (ROOT / "seeds" / f"{seed}.csv").open(encoding="utf-8", newline="") as handle:
        keys = [tuple(row[column] for column in KEYS[seed]) for row in csv.DictReader(handle)]

    assert len(set(keys)) == len(keys)
    assert all(all(key) for key in keys)
