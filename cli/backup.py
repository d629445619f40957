"""Backup: warehouse, loading state, configuration and a list of what was delivered -> one compressed, checksummed file.

Data flow: verified copy of the warehouse + .cdp/dlt + cdp.yml, models/  ->  backups/<company>-<run_id>.tar.zst (+ .sha256)

The caller holds the run lock, so all parts are of one moment. The first member, `manifest.json`, has size and SHA-256 of every
other one, rows per table, and path, size and SHA-256 of every delivered file (the files themselves stay where they are). Not in
it: published files (`cdp publish` writes them from the warehouse), what was sent, logs. It holds everybody's data: mode 0600.
"""

import hashlib
import io
import json
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb

from cli import compact, files, stores, verify, warehouse
from cli.config import Company
from cli.warehouse import quoted_text
from pipelines.failpoints import reach

FORMAT = 1
ENDING = ".tar.zst"
WAREHOUSE = "warehouse.duckdb"
MANIFEST = "manifest.json"
_CHUNK = 1 << 20


@dataclass(frozen=True)
class BackedUp:
    """A finished backup."""

    file: Path
    size: int
    tables: int
    removed: list[Path]


def back_up(company: Company, folder: Path, run_id: str, keep: int | None = None) -> BackedUp:
    """Write a backup into `folder`; with `keep`, older ones of this company beyond so many are deleted.

    Raises CdpError, no backup left, when the warehouse is damaged or the disk full.
    """
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    name = f"{company.root.name}-{run_id}{ENDING}"
    fresh, plain = folder / f".{name}.new", folder / f".{name}.warehouse"
    files.need(folder, round(company.warehouse.stat().st_size * 1.5), "the backup")
    try:
        compact.copy(company, plain)
        tables = _rows(plain)
        members = dict(_members(company, plain))
        manifest = {
            "format": FORMAT,
            "company": company.root.name,
            "run_id": run_id,
            "created_at": datetime.now(UTC).isoformat(timespec="seconds"),
            "duckdb": duckdb.__version__,
            "storage_version": warehouse.STORAGE_VERSION,
            "tables": tables,
            "members": [describe(path) | {"name": member} for member, path in members.items()],
            "delivered": [describe(path) | {"name": name_of(company, path)} for path in delivered(company)],
        }
        _write(fresh, manifest, members)
        reach("backup.written")
        target = folder / name
        _checksum(target, sha256(fresh))
        fresh.replace(target)
        files.sync_folder(folder)
    except (duckdb.Error, OSError) as error:
        raise warehouse.translate(error, fresh) from error
    finally:
        for left in (
            *folder.glob(f".{company.root.name}-*{ENDING}.new"),
            *folder.glob(f".{company.root.name}-*.warehouse*"),
        ):
            left.unlink(missing_ok=True)
    return BackedUp(target, target.stat().st_size, len(tables), _prune(folder, company.root.name, keep))


def backups(folder: Path, company: str) -> list[Path]:
    """Backups of a company, newest first."""
    return sorted(folder.glob(f"{company}-*{ENDING}"), reverse=True)


def delivered(company: Company) -> list[Path]:
    """Delivered files: drop folders and spool."""
    found = [members for store, members in stores.present(company) if store.kind == "delivered"]
    return sorted({path for members in found for path in members})


def name_of(company: Company, path: Path) -> str:
    """A file as the company names it."""
    return str(path.relative_to(company.root)) if path.is_relative_to(company.root) else str(path)


def describe(path: Path) -> dict[str, Any]:
    """Size and checksum of a file."""
    return {"size": path.stat().st_size, "sha256": sha256(path)}


def sha256(path: Path) -> str:
    """The checksum, read in pieces."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def sidecar(backup: Path) -> Path:
    """The file that `sha256sum --check` reads."""
    return backup.with_name(f"{backup.name}.sha256")


def _members(company: Company, plain: Path) -> Iterator[tuple[str, Path]]:
    """(name in the backup, file)."""
    yield WAREHOUSE, plain
    yield "company/cdp.yml", company.config_path
    if company.identity_model.is_file():
        yield f"company/{company.identity_model.relative_to(company.root)}", company.identity_model
    for folder, name in ((company.models, "company/models"), (company.dot / "dlt", "state/dlt")):
        for path in sorted(folder.rglob("*")):
            if path.is_file() and not path.is_symlink():
                yield f"{name}/{path.relative_to(folder)}", path
    if (company.dot / "alerts.json").is_file():
        yield "state/alerts.json", company.dot / "alerts.json"


def _rows(plain: Path) -> dict[str, int]:
    with duckdb.connect(":memory:") as con:
        con.execute(f"attach {quoted_text(str(plain))} as backed_up (read_only)")
        found = {name: one.rows for name, one in verify.scan(con, "backed_up").items()}
    return {f"{schema}.{table}": rows for (schema, table), rows in found.items()}


def _write(fresh: Path, manifest: dict[str, Any], members: dict[str, Path]) -> None:
    import pyarrow as pa

    with fresh.open("wb") as raw:
        fresh.chmod(0o600)
        with pa.CompressedOutputStream(pa.PythonFile(raw, "w"), "zstd") as packed:
            stream = io.BufferedWriter(packed, _CHUNK)
            with tarfile.open(fileobj=stream, mode="w|", format=tarfile.PAX_FORMAT) as tar:
                text = json.dumps(manifest, indent=1).encode()
                info = tarfile.TarInfo(MANIFEST)
                info.size = len(text)
                tar.addfile(info, io.BytesIO(text))
                for name, path in members.items():
                    tar.add(path, arcname=name, recursive=False)
            stream.flush()
    files.sync(fresh)


def _checksum(target: Path, value: str) -> None:
    fresh = sidecar(target).with_name(f".{target.name}.sha256.new")
    fresh.write_text(f"{value}  {target.name}\n", encoding="utf-8")
    fresh.chmod(0o600)
    files.sync(fresh)
    fresh.replace(sidecar(target))


def _prune(folder: Path, company: str, keep: int | None) -> list[Path]:
    removed = backups(folder, company)[keep:] if keep else []
    for old in removed:
        old.unlink()
        sidecar(old).unlink(missing_ok=True)
    return removed
