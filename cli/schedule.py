"""Units for the schedulers people have: a crontab line, a systemd service with its timer, an Airflow DAG.

Each calls `cdp run` with absolute paths and leaves judging to its exit code: 4 (partial) is a warning to look at, 5 (another run
is active) is no failure of this one. None of them needs `flock`: `cdp run` has a lock of its own, that dies with its process.
"""

import shlex
import sys
from pathlib import Path

from cli.config import Company

DEFAULT_AT = "05:30"


def cron(company: Company, hour: int, minute: int) -> str:
    """A crontab with one line. Cron has no environment and sends what is written to the owner's mailbox."""
    log = company.dot / "logs" / "cron.log"
    line = (
        f"cd {_quoted(company.root)} && umask 077 && mkdir -p {_quoted(log.parent)} && "
        f"{{ [ ! -r cdp.env ] || {{ set -a; . ./cdp.env; set +a; }}; }} && "
        f"{_command(company)} >> {_quoted(log)} 2>&1"
    )
    return (
        f"# {company.root.name}: load, build, validate, publish, export, every day at {hour:02d}:{minute:02d}.\n"
        "# Install: crontab -l | { cat; cdp schedule cron --config ...; } | crontab -\n"
        "# Secrets as NAME=value lines in cdp.env beside cdp.yml (chmod 600). What happened: cdp status, and the log below.\n"
        "# Exit codes: 4 partial, 5 another run was active; alerts in cdp.yml tell of both ends of a failure.\n"
        "SHELL=/bin/sh\n"
        # Cron reads a % as a line break.
        f"{minute} {hour} * * * " + line.replace("%", r"\%") + "\n"
    )


def systemd(company: Company, hour: int, minute: int) -> dict[str, str]:
    """A service and its timer: file name -> text."""
    name, root, command = unit_name(company), _specifiers(str(company.root)), _specifiers(_command(company))
    service = f"""\
# /etc/systemd/system/{name}.service, or ~/.config/systemd/user/; then: systemctl enable --now {name}.timer
[Unit]
Description=cdp run of {company.root.name}
Documentation=man:systemd.service(5)

[Service]
Type=oneshot
WorkingDirectory={root}
# Secrets as NAME=value lines, chmod 600; the dash: there may be none
EnvironmentFile=-{root}/cdp.env
ExecStart={command}
# 5: another run was active, which is no failure. 4 (partial) is one: look at it
SuccessExitStatus=5
# A run that is stopped keeps what it finished; the next one takes it up
KillSignal=SIGTERM
TimeoutStopSec=60
UMask=0077
Nice=10
NoNewPrivileges=true
PrivateTmp=true
"""
    timer = f"""\
# /etc/systemd/system/{name}.timer
[Unit]
Description=Every day: cdp run of {company.root.name}

[Timer]
OnCalendar=*-*-* {hour:02d}:{minute:02d}:00
# A run that was due while the machine was off is made up for
Persistent=true

[Install]
WantedBy=timers.target
"""
    return {f"{name}.service": service, f"{name}.timer": timer}


def airflow(company: Company, hour: int, minute: int) -> str:
    """A DAG with one task: `cdp run` is one process with one lock, and safe to repeat."""
    name = unit_name(company).replace("-", "_")
    return f'''\
"""cdp run of {company.root.name}, every day at {hour:02d}:{minute:02d}. Save as dags/{name}.py."""

import pendulum
from airflow import DAG
from airflow.providers.standard.operators.bash import BashOperator  # Airflow 2: airflow.operators.bash

with DAG(
    dag_id="{name}",
    schedule="{minute} {hour} * * *",
    start_date=pendulum.datetime(2026, 1, 1, tz="{company.file.reporting.timezone}"),
    catchup=False,
    max_active_runs=1,
) as dag:
    BashOperator(
        task_id="cdp_run",
        bash_command={f"cd {_quoted(company.root)} && {_command(company)}"!r},
        # another run was active (5): this one has nothing to do. Partial (4) and blocked (3) fail the task
        skip_on_exit_code=5,
        retries=2,
        retry_delay=pendulum.duration(minutes=10),
        # secrets come from the worker's environment, or from `env=` with Airflow's own secrets
        append_env=True,
    )
'''


def unit_name(company: Company) -> str:
    """`cdp-<folder>`, safe as a file name."""
    return "cdp-" + "".join(
        c if c.isascii() and (c.isalnum() or c in "-_") else "-" for c in company.root.name
    )


def _command(company: Company) -> str:
    """Absolute, because no scheduler has our PATH."""
    program = Path(sys.executable).with_name("cdp")
    start = [str(program)] if program.exists() else [sys.executable, "-m", "cli.main"]
    return shlex.join([*start, "run", "--config", str(company.config_path)])


def _specifiers(text: str) -> str:
    # systemd reads %h and the like
    return text.replace("%", "%%")


def _quoted(path: Path) -> str:
    return shlex.quote(str(path))
