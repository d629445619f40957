"""Each thing doctor looks at: found when it is wrong, silent when it is well, always with a way out."""

from pathlib import Path

import pytest

from cli import doctor, lock, warehouse
from cli.config import Company
from cli.doctor_operations import Finding
from tests.ops_company import CONFIG, fill, make_company


def problems(company: Company) -> dict[str, Finding]:
    """Findings that are not ok, by what they are about; what lies outside has tests of its own."""
    found = [finding for finding in doctor.findings(company, offline=True) if finding.level != "ok"]
    assert all(finding.fix for finding in found)
    return {finding.what: finding for finding in found}


def test_a_healthy_company_has_nothing_to_mend(tmp_path: Path) -> None:
    """Noise teaches people to skip the page."""
    company = make_company(tmp_path)
    fill(company)

    assert problems(company) == {}
    assert {finding.what for finding in doctor.findings(company)} >= {"configuration", "warehouse", "disk"}


def test_a_missing_secret_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Found before the run, not at its last step."""
    company = make_company(
        tmp_path, CONFIG.replace("calls: {", 'hook: {type: http, url: "${HOOK_URL}"}\n  calls: {')
    )
    fill(company)
    monkeypatch.delenv("HOOK_URL", raising=False)
    missing = problems(company)
    monkeypatch.setenv("HOOK_URL", "http://localhost:1")

    assert "HOOK_URL" in missing["secrets"].why
    assert missing["secrets"].fix == "export HOOK_URL=..."
    assert problems(company) == {}


def test_what_dead_processes_left_is_found(tmp_path: Path) -> None:
    """Pending packages, temporary files and logs are what a killed run leaves."""
    company = make_company(tmp_path)
    fill(company)
    (company.dot / "dlt" / "cdp_crm" / "load" / "normalized" / "1.5").mkdir(parents=True)
    (company.published.parent / ".marts.duckdb.tmp-r1").write_bytes(b"x")
    warehouse.wal_of(company.published).write_bytes(b"x")
    found = problems(company)

    assert set(found) == {"pending load", "left over", "published file"}
    assert found["published file"].level == "error"


def test_files_others_can_read_are_found(tmp_path: Path) -> None:
    """The private warehouse holds every delivered row."""
    company = make_company(tmp_path)
    fill(company)
    company.warehouse.chmod(0o644)

    assert problems(company)["permissions"].fix == f"chmod 600 {company.warehouse}"


def test_a_damaged_warehouse_is_an_error(tmp_path: Path) -> None:
    """Doctor must survive what it looks for."""
    company = make_company(tmp_path)
    company.warehouse.parent.mkdir()
    company.warehouse.write_bytes(b"x" * 10000)
    company.warehouse.chmod(0o600)

    assert problems(company)["warehouse"].level == "error"


def test_a_file_of_another_format_is_found(tmp_path: Path) -> None:
    """A warehouse made by a bare `duckdb.connect` of a newer version locks older tools out."""
    import duckdb

    company = make_company(tmp_path)
    company.warehouse.parent.mkdir()
    with duckdb.connect(":memory:") as con:
        con.execute(f"attach '{company.warehouse}' as w (storage_version 'v1.2.0')")
    company.warehouse.chmod(0o600)

    assert "v1.2.0" in problems(company)["warehouse format"].why


def test_an_active_run_is_reported_and_left_alone(tmp_path: Path) -> None:
    """Doctor is what people type while a run hangs."""
    company = make_company(tmp_path)
    fill(company)
    with lock.run_lock(company, "run", "r1"):
        found = problems(company)

    assert set(found) == {"a run is active"}


def test_more_memory_than_the_machine_has_is_found(tmp_path: Path) -> None:
    """DuckDB would be killed by the system instead of spilling."""
    company = make_company(tmp_path, CONFIG + "warehouse: {memory_limit: 900000GB}\n")
    fill(company)

    assert "900000GB" in problems(company)["memory"].why


def test_what_operations_add_is_found(tmp_path: Path) -> None:
    """A group nobody made, a source that is late, a channel that did not get its message, a rewrite that died."""
    config = CONFIG.replace("connector: files", "connector: files\n    freshness: 1h")
    config += "publish: [{name: a, mask: pii, group: no_such_group_here}]\nalerts: [{name: chat, type: slack, url: 'http://x'}]\n"
    company = make_company(tmp_path, config)
    fill(company)
    with warehouse.connect(company) as con:
        con.execute(
            "insert into ops.alerts values ('r', now()::timestamp, 'chat', 'run: ok -> failed', false, 'ConnectError')"
        )
    (company.warehouse.parent / ".cdp.duckdb.compact-r1").write_bytes(b"x")
    found = problems(company)

    assert set(found) == {"published file", "freshness", "alerts", "left over"}
    assert found["published file"].fix == "groupadd no_such_group_here"
    assert "ConnectError" in found["alerts"].why


def test_a_published_file_of_a_newer_format_is_found(tmp_path: Path) -> None:
    """BI drivers are years behind."""
    import duckdb

    company = make_company(tmp_path)
    fill(company)
    with duckdb.connect(":memory:") as con:
        con.execute(f"attach '{company.published}' as p (storage_version 'v1.4.0')")
        con.execute("create table p.x as select 1")

    assert "v1.4.0" in problems(company)["published file"].why
    assert problems(company)["published file"].fix == "cdp publish"
