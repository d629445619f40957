"""The model file: the same data give the same bytes, no data give a crash, and no file lists who is in the data."""

import json
import math
import random
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.corruption import COLUMNS
from cli.fuzzy import Model, ModelError, describe_difference, score, thresholds, train, with_labels
from tests.fuzzy_records import AS_OF, company, simulated, table, trained


def test_the_same_records_give_the_same_file(tmp_path: Path) -> None:
    """In any order, on any number of threads: a file under review must not change by itself."""
    rows = [dict(zip(COLUMNS, row, strict=True)) for row in simulated()[0]]
    random.Random(5).shuffle(rows)
    con = table(rows)
    con.execute("set threads = 1")

    assert train(con, "records", as_of=AS_OF).to_text() == trained().to_text()


def test_a_file_is_read_as_it_was_written(tmp_path: Path) -> None:
    path = tmp_path / "identity.json"
    trained().save(path)

    assert Model.load(path).to_text() == trained().to_text()
    assert not list(tmp_path.glob("*.part"))


def test_a_file_of_another_version_is_refused_with_what_to_do(tmp_path: Path) -> None:
    path = tmp_path / "identity.json"
    held = json.loads(trained().to_text())
    held["comparisons"][0]["grades"][0]["label"] = "equal"
    path.write_text(json.dumps(held))

    with pytest.raises(ModelError, match="`given` is not as this version defines it") as error:
        Model.load(path)
    assert "cdp identity train" in (error.value.hint or "")


@pytest.mark.parametrize(("column", "value"), [("m", 0), ("u", 1.5)])
def test_an_edited_file_cannot_hold_impossible_shares(tmp_path: Path, column: str, value: float) -> None:
    path = tmp_path / "identity.json"
    held = json.loads(trained().to_text())
    held["comparisons"][0]["grades"][0][column] = value
    path.write_text(json.dumps(held))

    with pytest.raises(ModelError, match="must be above 0"):
        Model.load(path)


def test_every_weight_is_finite_and_every_grade_sums_up() -> None:
    for comparison in trained().comparisons:
        assert all(math.isfinite(grade.weight) for grade in comparison.grades)
        assert sum(grade.m for grade in comparison.grades) == pytest.approx(1)
        assert sum(grade.u for grade in comparison.grades) == pytest.approx(1)


def test_only_values_of_several_people_are_listed() -> None:
    """A rare name in the file would say who is a customer."""
    con, truth = company()
    con.execute("create table truth (record_id varchar, person varchar)")
    con.executemany("insert into truth values (?, ?)", list(truth.items()))
    families = next(terms for terms in trained().terms if terms.column == "family")

    listed = con.execute(
        """select lower(last_name), count(distinct person) from records inner join truth using (record_id)
        where list_contains(?, lower(last_name)) group by all""",
        [list(families.values)],
    ).fetchall()
    assert listed
    assert min(people for _, people in listed) >= 4  # counted by other columns, which have errors too
    assert all(terms.hashed for terms in trained().terms if terms.column in ("email", "phone", "full_name"))
    assert not any("@" in value for terms in trained().terms for value in terms.values)


def test_data_that_cannot_carry_fuzzy_links_are_refused_with_a_reason() -> None:
    few = [{"record_id": str(i), "first_name": f"a{i}", "last_name": "b"} for i in range(20)]
    alone = [{"record_id": str(i), "email": f"a{i % 150}@x.example"} for i in range(200)]
    empty = [{"record_id": str(i), "first_name": None, "city": "x"} for i in range(200)]
    vague = [
        {"record_id": str(i), "last_name": "ab"[i % 2] * 4, "city": "xyz"[i % 3] * 4} for i in range(300)
    ]

    assert "20 records are too few" in (train(table(few), "records", as_of=AS_OF).refused_because or "")
    assert "only `email`" in (train(table(alone), "records", as_of=AS_OF).refused_because or "")
    assert "no name" in (train(table(empty), "records", as_of=AS_OF).refused_because or "")
    assert "too few telling columns" in (train(table(vague), "records", as_of=AS_OF).refused_because or "")


def _people(n: int, seed: int) -> list[dict[str, str]]:
    rng = random.Random(seed)

    def word() -> str:
        return "".join(rng.choice("bdfgklmnprst") + rng.choice("aeiou") for _ in range(3))

    givens, families = [word() for _ in range(60)], [word() for _ in range(200)]
    return [
        {
            "record_id": f"{i:05d}",
            "first_name": rng.choice(givens),
            "last_name": rng.choice(families),
            "birth_date": f"{rng.randrange(1940, 2005)}-{rng.randrange(1, 13):02d}-{rng.randrange(1, 29):02d}",
        }
        for i in range(n)
    ]


def test_a_prior_without_any_exact_pair() -> None:
    """Peers take the logarithm of 0 here: every copy has an error, so no exact rule finds a pair."""
    rows = _people(400, 1)
    for i in range(60):
        copy = dict(rows[i], record_id=f"copy{i:02d}")
        if i % 2:
            copy["last_name"] = copy["last_name"][:-1] + "x"
        else:
            copy["birth_date"] = copy["birth_date"][:8] + f"{(int(copy['birth_date'][8:]) % 28) + 1:02d}"
        rows.append(copy)
    model = train(table(rows), "records", as_of=AS_OF)

    assert model.refused_because is None
    assert 45 <= model.expected_matches <= 75
    assert thresholds(model, 0.97, 0.8)[0] < math.inf


def test_records_without_duplicates_train_and_merge_nothing() -> None:
    """The prior goes down to less than a pair, and says so; weights stay the usual ones."""
    model = train(table(_people(500, 2)), "records", as_of=AS_OF)

    assert model.refused_because is None
    assert model.expected_matches < 5
    assert 0 < model.match_share < 1e-4
    assert "mostly usual values" in model.notes[0]
    assert all(c.reason for c in model.comparisons)


def test_labels_decide_when_they_are_there() -> None:
    """Twice as many wrong as right pairs below 6 bits: the threshold must rise above it."""
    pairs = [(8.0 + i % 5, True) for i in range(400)] + [(4.0, i % 3 == 0) for i in range(300)]
    model = with_labels(trained(), pairs)
    merge, review = thresholds(model, 0.97, 0.8)

    assert 6 < merge <= 8
    assert review <= merge
    assert model.calibrated_by == "labels"


def test_targets_that_nothing_reaches_merge_nothing() -> None:
    model = with_labels(trained(), [(5.0, False)] * 50)

    assert thresholds(model, 0.97, 0.8) == (math.inf, math.inf)


def test_the_difference_of_two_files_is_said_in_words() -> None:
    model = trained()
    first = model.comparisons[0]
    grades = (replace(first.grades[0], m=first.grades[0].m / 4), *first.grades[1:])
    changed = replace(
        model, comparisons=(replace(first, grades=grades), *model.comparisons[1:-1]), rules=model.rules[1:]
    )

    lines = describe_difference(model, changed)
    assert describe_difference(model, model) == []
    assert any(line.startswith("`given`, both names same:") for line in lines)
    assert f"`{model.comparisons[-1].name}` is no longer compared" in lines
    assert f"pairs are no longer looked for by {' + '.join(model.rules[0])}" in lines


def test_splink_is_not_imported_before_it_is_needed() -> None:
    """It costs a second at every start of `cdp`."""
    code = "import sys, cli.fuzzy; sys.exit('splink' in sys.modules)"

    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_thresholds_are_set_on_pairs_in_doubt() -> None:
    """Pairs with a common address or telephone are joined anyway; their certainty must not cover for the others."""
    con, _ = company()
    model = trained()
    score(con, "records", model, into="pairs", keep_from=0.001)
    merge, _ = thresholds(model, 0.97, 0.8)
    step = next(step for step in model.calibration if step.weight == merge)
    row = con.execute(
        """
        select
            count(*) filter (where lower(a.email) is distinct from lower(b.email) or a.email is null),
            count(*)
        from pairs
        inner join records as a on record_a = a.record_id
        inner join records as b on record_b = b.record_id
        where match_weight >= ? and (right(a.phone, 9) is distinct from right(b.phone, 9) or a.phone is null)
        """,
        [merge],
    ).fetchone()

    assert row is not None
    assert step.pairs == row[0] < row[1]
