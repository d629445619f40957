"""Syncs of a company: exposures in `models/syncs/*.yml` -> `SyncSpec`, checked with cdp.yml before anything runs."""

import re
from collections.abc import Collection
from dataclasses import fields
from pathlib import Path
from typing import Any

from cli import yaml_lines
from cli.config import Company, secret
from pipelines.errors import UsageError
from pipelines.exports.specs import DestinationSpec, Guards, PurposeSpec, SyncSpec, check
from pipelines.exports.writeback import WritesBack

REF = re.compile(r"ref\(\s*['\"]([A-Za-z0-9_]+)['\"]\s*\)")
KEYS = {
    "destination", "key", "mode", "purpose", "contact_point", "columns", "guards", "fill_empty", "audience",
    "writes_back",
}  # fmt: skip

# options by which a vendor knows whose requests are whose, as they stand in cdp.yml
ACCOUNT = ("url", "base_url", "instance_url", "token", "access_token", "client_id", "api_key")


def sync_specs(company: Company) -> list[SyncSpec]:
    """Every sync that the company declares.

    Raises UsageError with file:line for an exposure that is not a whole sync.
    """
    specs = []
    for path in sorted((company.models / "syncs").glob("*.yml")):
        data, lines = yaml_lines.load(path.read_text(encoding="utf-8"), path.name)
        for index, exposure in enumerate((data or {}).get("exposures") or []):
            line = yaml_lines.line_of(lines, ("exposures", index))
            meta = (exposure.get("config") or {}).get("meta") or exposure.get("meta") or {}
            if "sync" in meta:
                specs.append(_spec(exposure, meta["sync"], f"{path.name}:{line}", path))
    return specs


def _spec(exposure: dict[str, Any], sync: dict[str, Any], where: str, path: Path) -> SyncSpec:
    refs = [match[1] for text in exposure.get("depends_on") or [] if (match := REF.search(str(text)))]
    models = [name for name in refs if name.startswith("sync_")]
    if len(models) != 1 or not (path.parent / f"{models[0]}.sql").is_file():
        raise UsageError(
            f"{where}: exposure `{exposure.get('name')}` must depend on exactly one model sync_*.sql beside it",
            hint="write depends_on: [ref('sync_<destination>_<thing>')]",
        )
    unknown, missing = set(sync) - KEYS, {"destination", "key", "purpose"} - set(sync)
    if unknown or missing:
        told = [f"unknown: {', '.join(sorted(unknown))}"] * bool(unknown)
        told += [f"missing: {', '.join(sorted(missing))}"] * bool(missing)
        raise UsageError(
            f"{where}: sync `{exposure.get('name')}`: {'; '.join(told)}",
            hint=f"a sync has: {', '.join(sorted(KEYS))}",
        )
    columns = sync.get("columns")
    return SyncSpec(
        name=str(exposure["name"]),
        relation=f"activation.{models[0]}",
        key=str(sync["key"]),
        mode=sync.get("mode", "mirror"),
        purpose=str(sync["purpose"]),
        contact_point=sync.get("contact_point"),
        destination=str(sync["destination"]),
        columns=tuple(columns) if columns else None,
        guards=_guards(sync.get("guards") or {}, f"{where}: sync `{exposure.get('name')}`"),
        fill_empty=tuple(sync.get("fill_empty") or ()),
        audience=sync.get("audience"),
        writes_back=_writes_back(sync.get("writes_back"), f"{where}: sync `{exposure.get('name')}`"),
    )


def _guards(limits: dict[str, Any], where: str) -> Guards:
    known = {one.name: one.type for one in fields(Guards)}
    for name, value in limits.items():
        if name not in known:
            raise UsageError(
                f"{where}: guard `{name}` is unknown", hint=f"guards: {', '.join(sorted(known))}"
            )
        number = isinstance(value, int | float) and not isinstance(value, bool) and value >= 0
        if not (isinstance(value, bool) if name == "allow_empty" else number):
            raise UsageError(
                f"{where}: guard `{name}` is {value!r}",
                hint="percentages and rows are numbers from 0 on, allow_empty is true or false",
            )
    return Guards(**limits)


def _writes_back(told: Any, where: str) -> WritesBack | None:
    if told is None:
        return None
    fields = told.get("fields") if isinstance(told, dict) else None
    if set(told) != {"record", "fields"} or not isinstance(fields, dict) or not fields:
        raise UsageError(
            f"{where}: writes_back is not whole",
            hint="write writes_back: {record: <column with source.table:key>, fields: {email: <column>}}",
        )
    return WritesBack(str(told["record"]), {str(name): str(column) for name, column in fields.items()})


def purpose_specs(company: Company) -> dict[str, PurposeSpec]:
    """The purposes of cdp.yml."""
    return {
        name: PurposeSpec(name, one.basis, one.channel, one.expires_after_days)
        for name, one in company.file.purposes.items()
    }


def destination_specs(
    company: Company, *, with_secrets: bool, only: Collection[str] | None = None
) -> dict[str, DestinationSpec]:
    """The destinations (`only` those); relative paths become absolute, `${NAME}` is filled only when asked for."""
    specs, accounts = {}, _accounts(company)
    for name, one in company.destinations.items():
        if only is not None and name not in only:
            continue
        declared = one.model_extra or {}
        options = dict(declared)
        if with_secrets:
            options = {key: _filled(value, f"destinations.{name}.{key}") for key, value in declared.items()}
        # one small file an account: its rate holds over all destinations, syncs and processes
        options["pace"] = str(company.dot / "pace" / accounts[name])
        if isinstance(options.get("path"), str):
            options["path"] = str(company.root / options["path"])
        specs[name] = DestinationSpec(name, one.kind(company.root), options, declared)
    return specs


def _accounts(company: Company) -> dict[str, str]:
    """Each destination with the first one of its account: vendors count requests by credentials, not by what we call them."""
    first: dict[tuple[str, ...], str] = {}
    accounts = {}
    for name, one in company.destinations.items():
        declared = one.model_extra or {}
        account = (one.type, *(str(declared.get(option)) for option in ACCOUNT))
        accounts[name] = first.setdefault(account, name)
    return accounts


def _filled(value: Any, where: str) -> Any:
    """An option with the secrets of the environment, wherever in it they stand."""
    if isinstance(value, dict):
        return {key: _filled(one, f"{where}.{key}") for key, one in value.items()}
    if isinstance(value, list):
        return [_filled(one, where) for one in value]
    return secret(value, where) if isinstance(value, str) else value


def check_syncs(company: Company) -> list[SyncSpec]:
    """All syncs, after every cross-check.

    Raises UsageError for unknown purposes, destinations, modes, or options.
    """
    specs = sync_specs(company)
    check(specs, purpose_specs(company), destination_specs(company, with_secrets=False))
    return specs
