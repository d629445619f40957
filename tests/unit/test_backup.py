"""A backup is whole, says when it is not, and comes back into the same or an empty folder."""

import json
import os
import random
import subprocess
from pathlib import Path

import duckdb
import pytest

from cli import backup, restore, runs, stores, verify, warehouse
from cli.config import Company, load_company
from pipelines.errors import CdpError, UsageError
from tests.dying import dying_at
from tests.ops_company import CANARY, fill, make_company


@pytest.fixture
def company(tmp_path: Path) -> Company:
    """A company with marts, a delivery, loading state and a model of its own."""
    found = make_company(tmp_path / "acme")
    fill(found, customers=2000)
    for name in ("data/crm/c1.csv", ".cdp/dlt/cdp_crm/state.json", "models/audiences/a.sql"):
        path = found.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{name} {CANARY}")
    return found


def customers(company: Company) -> int:
    """How many there are."""
    with warehouse.connect(company, read_only=True) as con:
        row = con.execute("select count(*) from marts.customer_360").fetchone()
    assert row is not None
    return int(row[0])


def test_a_backup_comes_back_into_an_empty_folder(company: Company, tmp_path: Path) -> None:
    """The laptop is gone: configuration, models, loading state and warehouse are all in the file."""
    before = stores.snapshot(company.root)
    done = backup.back_up(company, company.root / "backups", "r1")
    unlisted = stores.unlisted(company, before, stores.snapshot(company.root))
    checked = subprocess.run(
        ["sha256sum", "--check", f"{done.file.name}.sha256"], cwd=done.file.parent, capture_output=True
    )
    again = tmp_path / "new" / "cdp.yml"
    told = restore.restore(done.file, again)
    back = load_company(again)

    assert unlisted == []
    assert checked.returncode == 0
    assert done.file.stat().st_mode & 0o777 == 0o600
    assert done.file.stat().st_size < company.warehouse.stat().st_size / 2
    assert told.configuration == "restored"
    assert (told.arrived_since, told.gone_since) == ([], ["data/crm/c1.csv"])
    assert customers(back) == 2000
    for name in (".cdp/dlt/cdp_crm/state.json", "models/audiences/a.sql", "cdp.yml"):
        assert (back.root / name).read_text() == (company.root / name).read_text()
    assert back.warehouse.stat().st_mode & 0o777 == 0o600


def test_nothing_is_overwritten_unless_asked_for(company: Company) -> None:
    """And with force everything is as it was, what was delivered since is named."""
    done = backup.back_up(company, company.root / "backups", "r1")
    fill(company, customers=3)
    (company.dot / "dlt" / "cdp_crm" / "pending.json").write_text("later")
    (company.root / "data/crm/c2.csv").write_text("later")
    with pytest.raises(UsageError, match="a restore would replace it"):
        restore.restore(done.file, company.config_path)
    untouched = customers(company)
    told = restore.restore(done.file, company.config_path, force=True)

    assert untouched == 3
    assert customers(company) == 2000
    assert told.arrived_since == ["data/crm/c2.csv"]
    assert not (company.dot / "dlt" / "cdp_crm" / "pending.json").exists()
    with warehouse.connect(company) as con:
        assert con.execute("select command, status from ops.runs").fetchall() == [("restore", "succeeded")]


@pytest.mark.parametrize("point", ["restore.unpacked", "restore.state"])
def test_a_restore_that_failed_is_done_again(
    company: Company, monkeypatch: pytest.MonkeyPatch, point: str
) -> None:
    """Cut short, the warehouse that was there still opens."""
    done = backup.back_up(company, company.root / "backups", "r1")
    fill(company, customers=3)
    with dying_at(monkeypatch, point):
        restore.restore(done.file, company.config_path, force=True)
    between = customers(company)
    restore.restore(done.file, company.config_path, force=True)

    assert between == 3
    assert customers(company) == 2000
    assert [path.name for path in company.warehouse.parent.iterdir()] == ["cdp.duckdb"]


def test_every_flipped_byte_of_a_backup_is_found(company: Company) -> None:
    """With and without the file of the checksum beside it; what is there stays."""
    done = backup.back_up(company, company.root / "backups", "r1")
    good = done.file.read_bytes()
    rng = random.Random(7)
    for number in range(20):
        if number == 10:
            backup.sidecar(done.file).unlink()
        broken = bytearray(good)
        broken[rng.randrange(len(good))] ^= 1 << rng.randrange(8)
        done.file.write_bytes(broken)
        with pytest.raises(CdpError, match="damaged"):
            restore.restore(done.file, company.config_path, force=True)
    done.file.write_bytes(good[: len(good) // 2])
    with pytest.raises(CdpError, match="damaged"):
        restore.check(done.file)

    assert customers(company) == 2000


def test_every_flipped_byte_of_a_used_block_is_found(company: Company) -> None:
    """DuckDB compares a checksum only when it reads the block; verify reads all that are in use."""
    from cli import compact

    compact.compact(company, "r1")
    assert verify.damage(company.warehouse) == []
    with duckdb.connect(":memory:") as con:
        con.execute(f"attach '{company.warehouse}' as w (read_only)")
        row = con.execute(
            "select free_blocks from pragma_database_size() where database_name = 'w'"
        ).fetchone()
    good = company.warehouse.read_bytes()
    rng = random.Random(11)
    missed = []
    for _ in range(100 if os.environ.get("CDP_PROOF") else 25):
        at = rng.randrange(3 * 4096, len(good))
        broken = bytearray(good)
        broken[at] ^= 1 << rng.randrange(8)
        company.warehouse.write_bytes(broken)
        if not verify.damage(company.warehouse):
            missed.append((at - 3 * 4096) // 262144)
    company.warehouse.write_bytes(good)

    assert row is not None
    assert len(set(missed)) <= row[0]


def test_old_backups_go_and_only_ours(company: Company) -> None:
    """A disk full of backups stops the run they are for."""
    folder = company.root / "backups"
    folder.mkdir()
    (folder / "other-r0.tar.zst").write_text("of another company")
    for run_id in ("r1", "r2", "r3"):
        done = backup.back_up(company, folder, run_id, keep=2)

    assert [path.name for path in done.removed] == ["acme-r1.tar.zst"]
    names = sorted(path.name for path in folder.iterdir())
    assert names == [
        "acme-r2.tar.zst", "acme-r2.tar.zst.sha256", "acme-r3.tar.zst", "acme-r3.tar.zst.sha256", "other-r0.tar.zst",
    ]  # fmt: skip


def test_names_in_a_backup_cannot_leave_the_folder(tmp_path: Path) -> None:
    """A backup is a file that somebody may have written."""
    assert restore._place("state/../../x", "state/", tmp_path) is None
    assert restore._place("state//etc/x", "state/", tmp_path) is None
    assert restore._place("state/dlt/x", "state/", tmp_path) == tmp_path / "dlt" / "x"


def test_a_damaged_warehouse_is_not_backed_up(company: Company) -> None:
    """The last good backup must not be pushed out by a bad one."""
    content = bytearray(company.warehouse.read_bytes())
    for at in range(3 * 4096 + 262144, len(content), 50_000):
        content[at] ^= 255
    company.warehouse.write_bytes(content)
    with pytest.raises(CdpError):
        backup.back_up(company, company.root / "backups", "r1")

    assert list((company.root / "backups").iterdir()) == []


def test_manifest_counts_what_is_there(company: Company) -> None:
    """It can be read without this program: `tar --zstd -xOf FILE manifest.json`."""
    with warehouse.connect(company) as con:
        runs.ensure(con)
    done = backup.back_up(company, company.root / "backups", "r1")
    manifest = restore.check(done.file)

    assert manifest["tables"]["marts.customer_360"] == 2000
    assert [one["name"] for one in manifest["delivered"]] == ["data/crm/c1.csv"]
    assert json.dumps(manifest)
