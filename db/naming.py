"""What a user names in a record: found, or refused with what there is and which of it is meant most likely."""

from __future__ import annotations

import difflib
from collections.abc import Sequence

from sqlalchemy import select

from db.database import Database
from db.errors import CampaignUnknown
from db.schema import CampaignTable


def check_campaign(db: Database, name: str) -> None:
    """Returns when there is a campaign of this name.

    Raises:
        CampaignUnknown: there is none; names those that there are.
    """
    with db.read() as tx:
        names = list(tx.scalars(select(CampaignTable.name).order_by(CampaignTable.name)))
    if name not in names:
        raise CampaignUnknown(f"{db.shown} has no campaign {name}", there_is(name, names, "start with `lab measure`"))


def there_is(name: str, names: Sequence[str], start: str) -> str:
    """A hint for a name that is not among some: the nearest of them first.

    Args:
        start: what to do when there are none.
    """
    if not names:
        return f"it has none yet: {start}"
    near = difflib.get_close_matches(name, names, n=1)
    return f"{f'did you mean {near[0]}? ' if near else ''}it has: {', '.join(names)}"
