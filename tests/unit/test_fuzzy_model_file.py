"""A model file of another version: a run refuses it before it begins, and training replaces it."""

import re
import shutil
from pathlib import Path

import pytest

from cli import fuzzy_model
from cli.config import Company, load_company
from cli.fuzzy import Model, ModelError, thresholds
from tests.fuzzy_records import trained

ROOT = Path(__file__).resolve().parents[2]


def _company(folder: Path, enabled: bool) -> Company:
    text = (ROOT / "demo" / "cdp.yml").read_text(encoding="utf-8")
    wanted = re.sub(r"fuzzy: {enabled: \w+", f"fuzzy: {{enabled: {str(enabled).lower()}", text)
    (folder / "cdp.yml").write_text(wanted, encoding="utf-8")
    shutil.copytree(ROOT / "demo" / "models", folder / "models", dirs_exist_ok=True)
    return load_company(folder / "cdp.yml")


@pytest.mark.parametrize("held", ["{}", "no json"])
def test_a_file_of_another_version_stops_a_run_that_wants_it(tmp_path: Path, held: str) -> None:
    company = _company(tmp_path, enabled=True)
    assert company.file.identity.fuzzy.enabled
    fuzzy_model.check(company)  # no file yet: the run will make one
    company.identity_model.write_text(held)
    with pytest.raises(ModelError, match=r"identity_model\.json") as refused:
        fuzzy_model.check(company)

    assert refused.value.exit_code == 2
    fuzzy_model.check(_company(tmp_path, enabled=False))


def test_the_simulated_company_ships_a_model_of_this_version() -> None:
    """Trained on all of it; a new version of the file needs `cdp identity train --config demo/cdp.yml` and a look."""
    company = load_company(ROOT / "demo" / "cdp.yml")
    model = Model.load(company.identity_model)

    assert model.refused_because is None
    assert model.records > 10_000
    merge_from, review_from = thresholds(
        model, company.file.identity.fuzzy.merge_at, company.file.identity.fuzzy.review_at
    )
    assert review_from <= merge_from < 40


def test_training_says_that_it_replaces_what_cannot_be_used(tmp_path: Path) -> None:
    company = _company(tmp_path, enabled=True)
    assert fuzzy_model._difference(company, trained()) == ["there was no model file"]
    company.identity_model.write_text("{}")
    assert fuzzy_model._difference(company, trained())[0].startswith("the file there was cannot be used: ")
    fuzzy_model._save(trained(), company.identity_model)
    assert fuzzy_model._difference(company, trained()) == ["both files decide alike"]
