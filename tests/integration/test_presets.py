"""Every preset reads its fixture: all rows accounted for, a second load takes nothing, columns mean what they should.

One company has one source per preset, so that one load and one build serve all. `expected.yml` beside a preset's fixture says
what must come out: counts per table, and some staged values written down by hand from the fixture's rows.
"""

import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml

from cli import presets
from tests.companies import TestCompany

FIXTURES = Path(__file__).resolve().parents[1] / "fixtures" / "presets"
NAMES = sorted(path.name for path in FIXTURES.iterdir() if path.is_dir())
EXPECTED: dict[str, dict[str, Any]] = {
    name: yaml.safe_load((FIXTURES / name / "expected.yml").read_text(encoding="utf-8")) for name in NAMES
}
TABLES = [(name, table) for name in NAMES for table in EXPECTED[name]["tables"]]


@pytest.fixture(scope="module")
def company(tmp_path_factory: pytest.TempPathFactory) -> TestCompany:
    """All fixtures loaded twice and built once."""
    root = tmp_path_factory.mktemp("presets")
    sources = []
    for name in NAMES:
        shutil.copytree(FIXTURES / name, root / "data" / name, ignore=shutil.ignore_patterns("expected.yml"))
        more = EXPECTED[name].get("source", {})
        sources.append({"name": name, "preset": name, "path": f"data/{name}", **more})
    questions = {key: one for name in NAMES for key, one in EXPECTED[name].get("questions", {}).items()}
    settings = {"cx": {"questions": questions}, "quality": {"max_quarantine": 1.0}}
    made = TestCompany(root, sources, settings)
    made.load_and_build()
    return made


@pytest.mark.parametrize(("name", "table"), TABLES)
def test_rows_are_all_accounted_for(company: TestCompany, name: str, table: str) -> None:
    """Received is what the files hold, counted by hand; every row has one status."""
    wanted = EXPECTED[name]["tables"][table]
    counts = company.rows(
        "select sum(received), sum(loaded), sum(duplicates), sum(quarantined) from ops.load_counts"
        f" where source = '{name}' and table_name = '{table}'"
    )
    names = ("received", "loaded", "duplicates", "quarantined")
    found = dict(zip(names, (int(value) for value in counts[0]), strict=True))

    assert found == {"duplicates": 0, "quarantined": 0, **wanted["counts"]}
    assert found["received"] == found["loaded"] + found["duplicates"] + found["quarantined"]


@pytest.mark.parametrize(("name", "table"), TABLES)
def test_columns_mean_what_they_should(company: TestCompany, name: str, table: str) -> None:
    """Some rows, with the values a reader of the fixture would write down."""
    for sample in EXPECTED[name]["tables"][table]["rows"]:
        key, wanted = sample["key"], sample["values"]
        columns = ", ".join(f'"{column}"::varchar' for column in wanted)
        found = company.rows(f"select {columns} from staging.stg_{name}__{table} where record_key = '{key}'")
        assert [dict(zip(wanted, row, strict=True)) for row in found] == [
            {column: None if value is None else str(value) for column, value in wanted.items()}
        ]


def test_a_second_load_takes_nothing(company: TestCompany) -> None:
    """Nothing new in any folder: nothing received."""
    again = company.load()

    assert [one.source for one in again] == NAMES
    assert [one.source for one in again if one.files or one.received or one.error] == []


def test_every_preset_has_its_fixture_or_says_it_has_none() -> None:
    """`verified` is a promise: a fixture of the vendor's own rows lies here."""
    for name in presets.names():
        one = presets.preset(name)
        assert one.status != "verified" or name in NAMES, name
