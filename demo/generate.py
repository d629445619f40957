"""Generate the simulated company: `python -m demo.generate --people 5000 --seed 7`.

seed  ->  people  ->  journey  ->  one writer per source  ->  data/, spool/, truth/

The same seed gives the same bytes. Nothing in these files is about a real person.
"""

import argparse
import shutil
import sys
from collections.abc import Sequence
from datetime import date
from pathlib import Path

from demo.crm_files import write_crm
from demo.effects import Effects, write_effects
from demo.helpdesk import write_helpdesk
from demo.journey import make_journey
from demo.marketing import write_marketing
from demo.output import Output
from demo.people import make_people
from demo.shop_files import write_shop
from demo.shops import make_shop
from demo.survey import write_survey
from demo.web import make_visits
from demo.web_files import write_web
from demo.world import BLOCK, DELIVERIES, IDENTIFIERS, World
from pipelines.errors import UsageError

HERE = Path(__file__).parent
FEWEST = 200


def generate(
    out: Path,
    people: int = 5000,
    seed: int = 7,
    until: date = DELIVERIES[-1],
    without: frozenset[str] = frozenset(),
) -> Output:
    """Write the simulated company into `out` and return what was written."""
    check(people, until)
    effects = Effects()
    output = Output(out, until)
    for block, start in enumerate(range(0, people, BLOCK)):
        size = min(BLOCK, people - start)
        write_block(World(seed, block, start, size, effects, without), output)
    output.finish()
    write_effects(effects, out / "truth/effects.yml")
    copy_company(out)
    return output


def check(people: int, until: date) -> None:
    """Refuse what could not hold every planted feature."""
    if people < FEWEST:
        raise UsageError(
            f"--people {people}: fewer than {FEWEST} people cannot hold every planted mistake",
            hint=f"use --people {FEWEST} or more",
        )
    if until < DELIVERIES[0]:
        raise UsageError(
            f"--days-until {until}: the first delivery is on {DELIVERIES[0]}",
            hint=f"deliveries are on {', '.join(str(day) for day in DELIVERIES)}",
        )


def write_block(world: World, out: Output) -> None:
    """Simulate one block of people and write all its files."""
    people = make_people(world)
    journey = make_journey(world, people)
    shops = (make_shop(world, people, journey.orders, 0), make_shop(world, people, journey.orders, 1))
    write_crm(world, people, out)
    for shop in shops:
        write_shop(world, people, shop, out)
    write_web(world, people, journey, shops, make_visits(world, people, journey, shops), out)
    write_survey(world, people, journey, shops, out)
    write_helpdesk(world, people, journey, shops, out)
    write_marketing(world, people, out)


def copy_company(out: Path) -> None:
    """Make a folder elsewhere a company of its own: configuration, model file of probable links, audiences and syncs."""
    if out.resolve() == HERE.resolve():
        return
    for name in ("cdp.yml", "identity_model.json"):
        if not (out / name).exists():
            shutil.copyfile(HERE / name, out / name)
    if not (out / "models").exists():
        shutil.copytree(HERE / "models", out / "models")


def parser() -> argparse.ArgumentParser:
    """Return the command line."""
    result = argparse.ArgumentParser(
        prog="python -m demo.generate",
        description="Generate the simulated company. Exit codes: 0 written, 2 wrong arguments.",
    )
    result.add_argument("--people", type=int, default=5000, help="how many people (default 5000)")
    result.add_argument("--seed", type=int, default=7, help="same seed, same bytes (default 7)")
    result.add_argument("--out", type=Path, default=HERE, help="company folder (default: demo)")
    result.add_argument(
        "--days-until",
        type=date.fromisoformat,
        default=DELIVERIES[-1],
        metavar="DATE",
        help=f"only deliveries up to this day; they are on {', '.join(str(day) for day in DELIVERIES)}",
    )
    result.add_argument(
        "--without-identifier",
        choices=IDENTIFIERS,
        action="append",
        default=[],
        help="leave an identifier out of every source; may be repeated",
    )
    return result


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line."""
    given = parser().parse_args(arguments)
    try:
        output = generate(
            given.out, given.people, given.seed, given.days_until, frozenset(given.without_identifier)
        )
    except UsageError as error:
        print(f"error: {error}\n\nhint: {error.hint}", file=sys.stderr)
        return error.exit_code
    print(
        f"simulated company: {given.people} people, {len(output.written)} files in {given.out.name}",
        file=sys.stderr,
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
