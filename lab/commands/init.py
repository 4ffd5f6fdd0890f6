"""`lab init`: writes the profile of the bench that is plugged in."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from search.commands.terminal import next_steps


class LockName(StrEnum):
    """Core and clock to measure at."""

    COOL = "cool"
    PAPER = "paper"
    GOLD = "gold"


def init(
    force: Annotated[bool, typer.Option("--force", help="Replace a profile that is there.")] = False,
    lock: Annotated[LockName, typer.Option("--lock", help="Core and clock to measure at.")] = LockName.COOL,
    meter_serial: Annotated[
        str | None, typer.Option("--meter-serial", help="Which meter: serial number, or serial port of an LVPM.")
    ] = None,
    phone_serial: Annotated[str | None, typer.Option("--phone-serial", help="Which phone.")] = None,
) -> None:
    """Looks for a meter and a phone and writes the bench profile that `lab measure` then uses.

    Exit codes: 0 written; 2 several were found, or a profile is there already; 3 no meter was found.
    """
    from hardware.discovery import real_discovery
    from lab.profile.profile import profiles_folder
    from lab.profile.setup import SetupRequest, set_up_bench

    request = SetupRequest(lock.value, meter_serial, phone_serial, force)
    written = set_up_bench(profiles_folder(), request, real_discovery())
    for note in written.notes:
        typer.echo(note, err=True)
    typer.echo(f"{written.meter.shown}, phone {written.phone or 'not named'}, lock {lock.value}", err=True)
    next_steps("lab doctor   # tries everything", "lab measure --n 20", beside_data=True)
    typer.echo(str(written.path))
