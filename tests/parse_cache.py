"""One reading of the dbt project for many companies of one test run.

dbt reads the whole project again for every new company, some eight seconds of processor time each, because the path of the
warehouse is part of what it compares. Here a company without a reading of its own starts from that of the last one: dbt then
reads only the files that differ. Nothing of the product is changed: what is read is what dbt's own partial parsing reads.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from cli import dbt
from cli.config import Company
from tests.quick_dbt import savings, share_templates

READING = "partial_parse.msgpack"
# Proofs at full size run dbt as it is.
IS_SHORT = not os.environ.get("CDP_PROOF")
# A folder that the processes of one test run share: the last reading of any of them, and the templates that they compiled.
SHARED = "CDP_TEST_SHARED"
# The last reading of this process, and the project folder it was made in.
_last: tuple[bytes, str] | None = None


@contextmanager
def shared_reading() -> Iterator[None]:
    """While this holds, companies begin with the reading of the one before, of this process or of another."""
    with pytest.MonkeyPatch.context() as patch:
        original = dbt._parse

        def parse(company: Company) -> Any:
            global _last
            ignore_places(patch)
            if IS_SHORT:
                savings(patch)
                if templates := shared_file("templates"):
                    share_templates(templates)
            reading = company.dot / "target" / READING
            if not reading.exists() and (known := _last or _of_others()) is not None:
                reading.parent.mkdir(parents=True, exist_ok=True)
                reading.write_bytes(_moved(*known, str(_project(company))))
            outcome = original(company)
            if outcome is not None and outcome.success and reading.is_file():
                if _last is None:
                    _tell_others(reading.read_bytes(), str(_project(company)))
                _last = (reading.read_bytes(), str(_project(company)))
            return outcome

        patch.setattr(dbt, "_parse", parse)
        yield


def shared_file(name: str) -> Path | None:
    """A file of the folder that processes share."""
    folder = os.environ.get(SHARED)
    return Path(folder) / name if folder else None


def _of_others() -> tuple[bytes, str] | None:
    """The reading of another process, and its project folder."""
    file = shared_file("reading")
    if file is None or not file.is_file():
        return None
    project, reading = file.read_bytes().split(b"\n", 1)
    return reading, project.decode()


def _tell_others(reading: bytes, project: str) -> None:
    """Each writes a file of its own and puts it in place as a whole: whoever comes last stays."""
    file = shared_file("reading")
    if file is not None:
        fresh = file.with_name(f".reading.{os.getpid()}")
        fresh.write_bytes(project.encode() + b"\n" + reading)
        fresh.replace(file)


def move_reading(source: Path, target: Path) -> None:
    """Make the reading in a copied company folder its own."""
    reading = target / ".cdp" / "target" / READING
    if reading.is_file():
        before, now = (str(folder.resolve() / ".cdp" / "project") for folder in (source, target))
        reading.write_bytes(_moved(reading.read_bytes(), before, now))


def _project(company: Company) -> Path:
    return company.dot / "project"


def _moved(reading: bytes, before: str, now: str) -> bytes:
    """Whole strings that are the project's folder, in the encoding of msgpack."""
    return reading.replace(_text(before), _text(now))


def _text(value: str) -> bytes:
    encoded = value.encode()
    if len(encoded) < 32:
        return bytes([0xA0 | len(encoded)]) + encoded
    head = (
        b"\xd9" + bytes([len(encoded)]) if len(encoded) < 256 else b"\xda" + len(encoded).to_bytes(2, "big")
    )
    return head + encoded


def ignore_places(patch: pytest.MonkeyPatch) -> None:
    """Let dbt not compare where the warehouse lies: no model of ours asks while it is read."""
    from dbt.artifacts.resources import FileHash  # type: ignore[attr-defined]
    from dbt.parser.manifest import ManifestLoader

    original = getattr(
        ManifestLoader.build_manifest_state_check, "original", ManifestLoader.build_manifest_state_check
    )

    def check(loader: Any) -> Any:
        found = original(loader)
        found.profile_hash = FileHash.from_contents("the same for all")
        return found

    check.original = original  # type: ignore[attr-defined]
    patch.setattr(ManifestLoader, "build_manifest_state_check", check)
