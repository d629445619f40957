"""A kill between dlt's rename of a normalised package and the delete of what it came from."""

import shutil
from pathlib import Path

import dlt
import pytest

from tests.companies import CONTACTS, TestCompany


def test_a_package_that_stands_in_both_places_is_loaded_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The extracted copy comes back after normalising, as if it had never been deleted."""
    made = TestCompany(tmp_path, [{"name": "crm", "connector": "files", "tables": [CONTACTS]}])
    made.csv("data/contacts1.csv", "id,email,phone,first,last", "1,a@x.io,,A,B")
    made.load()
    made.csv("data/contacts2.csv", "id,email,phone,first,last", "2,b@x.io,,B,B")
    home = tmp_path / ".cdp" / "dlt" / "cdp_crm"
    kept = tmp_path / "kept"

    class Killed(BaseException):
        pass

    def normalize_and_die(pipeline: dlt.Pipeline) -> None:
        shutil.copytree(home / "normalize" / "extracted", kept)
        original(pipeline)
        shutil.copytree(kept, home / "normalize" / "extracted", dirs_exist_ok=True)
        raise Killed

    original = dlt.Pipeline.normalize
    monkeypatch.setattr(dlt.Pipeline, "normalize", normalize_and_die)
    with pytest.raises(Killed):
        made.load()
    monkeypatch.setattr(dlt.Pipeline, "normalize", original)
    assert list((home / "load" / "normalized").iterdir())
    assert list((home / "normalize" / "extracted").iterdir())

    (healed,) = made.load()
    assert healed.error is None
    assert healed.drained
    assert made.rows("select count(*) from raw_crm.contacts") == [(2,)]
    assert made.load()[0].received == {}
