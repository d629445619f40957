"""What the generated set was made from, so that plain dbt can tell that it is stale.

`cdp env` prints `CDP_INPUTS` (which files, and where the company's audiences and prepared tables lie) and
`CDP_INPUTS_HASH`; macro `refuse_stale_set` computes the hash anew at the start of each dbt run. A change of cdp.yml makes the
printed variables stale too, so the remedy is `cdp env` again, whoever has generated in the meantime.
"""

import hashlib
import json
import re
from pathlib import Path

from cli import presets
from cli.config import Company

CLI = Path(__file__).resolve().parent


def variables(company: Company) -> dict[str, str]:
    """The two variables. Paths are written as DuckDB's globs, in which brackets and stars of a real name are escaped."""
    files = _files(company)
    globs = [f"{_escaped(company.models)}/{pattern}" for pattern in ("audiences/*.sql", "**/prep_*.sql")]
    listed = {"config": str(company.config_path), "files": [_escaped(path) for path in files], "globs": globs}
    return {"CDP_INPUTS": json.dumps(listed), "CDP_INPUTS_HASH": _hash(company, files)}


def _files(company: Company) -> list[Path]:
    used = {source.preset for source in company.file.sources if source.preset}
    used |= {"segment" for source in company.file.sources if source.connector == "segment"}
    shipped = [CLI / "entities.yml", CLI.parent / "seeds" / "phone_regions.csv"]
    beside = sorted((company.models / "audiences").glob("*.yml"))
    return [
        company.config_path,
        *beside,
        *shipped,
        *(presets.FOLDER / f"{name}.yml" for name in sorted(used)),
    ]


def _hash(company: Company, files: list[Path]) -> str:
    # md5 is what the macro can compute too; it guards against forgetting, not against an attacker.
    parts = [hashlib.md5(path.read_bytes(), usedforsecurity=False).hexdigest() for path in files]
    parts += [path.name for path in (company.models / "audiences").glob("*.sql")]
    parts += [path.name for path in company.models.rglob("prep_*.sql")]
    return hashlib.md5(",".join(sorted(parts)).encode(), usedforsecurity=False).hexdigest()


def _escaped(path: Path) -> str:
    return re.sub(r"[\[*?]", lambda match: f"[{match[0]}]", str(path))
