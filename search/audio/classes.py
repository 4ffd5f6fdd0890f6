"""The nine classes of Speckhard et al. (2023), and which AudioSet labels make each of them.

The paper names the classes; which labels of the ontology (Gemmeke et al., 2017) it put into each is not
printed label by label, so this mapping is ours, by the ontology's own names.
"""

from __future__ import annotations

from dataclasses import dataclass

NEGATIVE = "negative"


@dataclass(frozen=True)
class SoundClass:
    """A class and its labels.

    Attributes:
        labels: display names of the ontology.
        with_children: whether everything below these labels counts too.
    """

    name: str
    labels: tuple[str, ...]
    with_children: bool = True


EVENTS = (
    SoundClass(
        "alarm",
        ("Alarm", "Alarm clock", "Smoke detector, smoke alarm", "Fire alarm", "Car alarm", "Buzzer"),
        # Below "Alarm" stand telephones and sirens, which are classes of their own.
        with_children=False,
    ),
    SoundClass("baby_crying", ("Baby cry, infant cry",)),
    SoundClass("dog_barking", ("Bark",)),
    SoundClass("door_knocking", ("Knock",)),
    SoundClass("doorbell", ("Doorbell",)),
    SoundClass("phone_ringing", ("Telephone",)),
    SoundClass("siren", ("Siren", "Civil defense siren")),
    SoundClass("water_running", ("Water tap, faucet", "Sink (filling or washing)", "Bathtub (filling or washing)")),
)

CLASS_NAMES = (*(event.name for event in EVENTS), NEGATIVE)
"""In the order of the network's outputs."""

NEGATIVE_INDEX = len(EVENTS)
"""What is none of the events."""
