"""Restore: a backup -> a verified warehouse, its loading state and, where there is none, the configuration.

Data flow: <backup>.tar.zst  ->  files beside their places, checksums compared, every block read  ->  swapped in

Nothing that is there is touched before everything in the backup has been read and found whole. The loading state goes first and
the warehouse last: a restore that was killed is done again.
"""

import hashlib
import io
import json
import shutil
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any

import duckdb

from cli import backup, files, verify, warehouse
from cli.config import Company, load_company
from cli.lock import run_lock
from cli.runs import RunLog, new_run_id
from pipelines.errors import CdpError, UsageError
from pipelines.failpoints import reach

_CHUNK = 1 << 20


@dataclass(frozen=True)
class Restored:
    """A finished restore, and what happened to the deliveries since the backup was made."""

    run_id: str
    created_at: str
    tables: int
    configuration: str
    arrived_since: list[str]
    gone_since: list[str]


def check(path: Path) -> dict[str, Any]:
    """Read a whole backup and compare every checksum; its manifest. Raises CdpError for a damaged one."""
    with _opened(path) as (manifest, members):
        for name, _, stream in members:
            _take(stream, None, _expected(manifest, name), path)
    return manifest


def restore(path: Path, config: Path, *, force: bool = False) -> Restored:
    """Put a backup in place of a company's warehouse.

    Raises UsageError (exit 2) when there is a warehouse and no `force`, CdpError when the backup is damaged, BusyError when a run
    is active; what is there is as it was then.
    """
    manifest = check(path)
    configuration = "kept" if config.is_file() else "restored"
    if configuration == "restored":
        _unpack_company(path, config)
    company = load_company(config)
    run_id = new_run_id()
    with run_lock(company, "restore", run_id):
        if company.warehouse.exists() and not force:
            raise UsageError(
                f"{company.warehouse} is there; a restore would replace it",
                hint="`cdp backup` it first, then add --force; or restore into an empty folder with --config",
            )
        try:
            _replace(path, company, manifest)
        except (duckdb.Error, OSError) as error:
            raise warehouse.translate(error, company.warehouse) from error
        with warehouse.connect(company) as con:
            # A backup is a run, and is in itself as one that has not ended.
            con.execute(
                "update ops.runs set status = 'succeeded', exit_code = 0, finished_at = started_at where run_id = ?",
                [manifest["run_id"]],
            )
        log = RunLog.begin(company, "restore", company.as_of(datetime.now(UTC)), run_id)
        log.finish(
            "succeeded", 0, {"backup_run_id": manifest["run_id"], "created_at": manifest["created_at"]}
        )
    then = {one["name"]: one["sha256"] for one in manifest["delivered"]}
    now = {backup.name_of(company, file): backup.sha256(file) for file in backup.delivered(company)}
    return Restored(
        run_id,
        manifest["created_at"],
        len(manifest["tables"]),
        configuration,
        [name for name in now if now[name] != then.get(name)],
        [name for name in then if name not in now],
    )


def _replace(path: Path, company: Company, manifest: dict[str, Any]) -> None:
    target = company.warehouse
    warehouse.make_folder(company)
    fresh, state = target.with_name(f".{target.name}.restore-new"), company.dot / "restore-new"
    files.need(target.parent, next(_sizes(manifest, backup.WAREHOUSE)), "the restore")
    shutil.rmtree(state, ignore_errors=True)
    try:
        with _opened(path) as (_, members):
            for name, mode, stream in members:
                place = fresh if name == backup.WAREHOUSE else _place(name, "state/", state)
                if place:
                    place.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
                    _take(stream, place, _expected(manifest, name), path)
                    place.chmod(mode & 0o700)
        _readable(fresh, manifest)
        fresh.chmod(0o600)
        files.sync(fresh)
        reach("restore.unpacked")
        shutil.rmtree(company.dot / "dlt", ignore_errors=True)
        for child in state.glob("*"):
            (company.dot / child.name).unlink(missing_ok=True) if child.is_file() else None
            child.replace(company.dot / child.name)
        reach("restore.state")
        files.swap(fresh, target)
    finally:
        fresh.unlink(missing_ok=True)
        shutil.rmtree(state, ignore_errors=True)


def _readable(fresh: Path, manifest: dict[str, Any]) -> None:
    with duckdb.connect(":memory:") as con:
        con.execute(f"attach {warehouse.quoted_text(str(fresh))} as restored (read_only)")
        rows = {f"{a}.{b}": one.rows for (a, b), one in verify.scan(con, "restored").items()}
    if rows != manifest["tables"]:
        raise CdpError(
            "the backup's warehouse does not hold what its manifest says", hint="take another backup"
        )


def _unpack_company(path: Path, config: Path) -> None:
    """Write cdp.yml and the company's models into a folder that has none."""
    with _opened(path) as (manifest, members):
        for name, _, stream in members:
            place = config if name == "company/cdp.yml" else _place(name, "company/", config.parent)
            if place and not place.exists():
                place.parent.mkdir(parents=True, exist_ok=True)
                _take(stream, place, _expected(manifest, name), path)


def _place(name: str, prefix: str, folder: Path) -> Path | None:
    """Where a member belongs; None when it is of another part. Names come from a file: none may leave its folder."""
    if not name.startswith(prefix):
        return None
    place = (folder / name.removeprefix(prefix)).resolve()
    return place if place.is_relative_to(folder.resolve()) else None


@contextmanager
def _opened(path: Path) -> Iterator[tuple[dict[str, Any], Iterator[tuple[str, int, IO[bytes]]]]]:
    """The manifest of a backup, and its members one after the other."""
    import pyarrow as pa

    if not path.is_file():
        raise UsageError(f"no backup at {path}", hint="`cdp backup` writes them into backups/")
    _compare_sidecar(path)
    try:
        with pa.input_stream(str(path), compression="zstd") as packed:
            stream = io.BufferedReader(packed, _CHUNK)
            with tarfile.open(fileobj=stream, mode="r|") as tar:
                first = tar.next()
                if first is None or first.name != backup.MANIFEST:
                    raise _damaged(path, "it has no manifest")
                manifest = json.loads(_stream(tar, first).read())
                if manifest["format"] != backup.FORMAT:
                    raise CdpError(f"{path.name} has format {manifest['format']}", hint="a newer cdp made it")
                yield manifest, _members(tar, path, manifest)
    except (tarfile.TarError, ValueError, KeyError, EOFError, pa.ArrowException) as error:
        raise _damaged(path, type(error).__name__) from error
    except OSError as error:
        # zstd's own errors come as OSError without a number
        raise (_damaged(path, "it cannot be unpacked") if error.errno is None else error) from error


def _members(
    tar: tarfile.TarFile, path: Path, manifest: dict[str, Any]
) -> Iterator[tuple[str, int, IO[bytes]]]:
    seen = set()
    while (info := tar.next()) is not None:
        seen.add(info.name)
        yield info.name, info.mode, _stream(tar, info)
    if missing := {one["name"] for one in manifest["members"]} - seen:
        raise _damaged(path, f"{len(missing)} files are missing in it")


def _stream(tar: tarfile.TarFile, info: tarfile.TarInfo) -> IO[bytes]:
    found = tar.extractfile(info)
    if found is None:
        raise tarfile.ReadError(f"{info.name} is no file")
    return found


def _take(stream: IO[bytes], place: Path | None, expected: str, path: Path) -> None:
    """Read a member to its end, into a file if there is one, and compare its checksum."""
    digest = hashlib.sha256()
    with place.open("wb") if place else io.BytesIO() as out:
        while piece := stream.read(_CHUNK):
            digest.update(piece)
            if place:
                out.write(piece)
    if digest.hexdigest() != expected:
        raise _damaged(path, "a file in it does not match its checksum")


def _expected(manifest: dict[str, Any], name: str) -> str:
    return next((str(one["sha256"]) for one in manifest["members"] if one["name"] == name), "not listed")


def _sizes(manifest: dict[str, Any], name: str) -> Iterator[int]:
    return (int(one["size"]) for one in manifest["members"] if one["name"] == name)


def _compare_sidecar(path: Path) -> None:
    noted = backup.sidecar(path)
    if noted.is_file() and noted.read_text(encoding="utf-8").split()[:1] != [backup.sha256(path)]:
        raise _damaged(path, f"it does not match {noted.name}")


def _damaged(path: Path, why: str) -> CdpError:
    return CdpError(
        f"the backup {path.name} is damaged: {why}; nothing was changed", hint="take another backup"
    )
