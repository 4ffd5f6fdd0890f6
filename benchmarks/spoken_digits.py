"""Lays out two data sets of spoken digits for `search run --sounds`: split at random, and by speaker.

python benchmarks/spoken_digits.py fsdd.zip OUT

fsdd.zip holds recordings/DIGIT_SPEAKER_INDEX.wav of the Free Spoken Digit Dataset (CC BY-SA 4.0,
github.com/Jakobovski/free-spoken-digit-dataset): ten digits, six speakers, fifty times each.

OUT/random/DIGIT/ is split by recording, each file its own, so every speaker is on all sides:
    search run --sounds OUT/random --recording '(.+)'
OUT/speaker/SPLIT/DIGIT/ has four speakers that learn, a fifth that validates and a sixth that is the test:
    search run --sounds OUT/speaker --recording '_([a-z]+)_'
"""

from __future__ import annotations

import argparse
import re
import zipfile
from pathlib import Path

NAMES = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
SPLIT_OF_SPEAKER = dict.fromkeys(("george", "jackson", "lucas", "nicolas"), "train") | {
    "theo": "validation",
    "yweweler": "test",
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("zip", type=Path)
    parser.add_argument("out", type=Path)
    arguments = parser.parse_args()
    n = 0
    with zipfile.ZipFile(arguments.zip) as archive:
        for member in archive.infolist():
            found = re.fullmatch(r".*?(\d)_([a-z]+)_(\d+)\.wav", member.filename)
            if found is None:
                continue
            digit, speaker = NAMES[int(found[1])], found[2]
            content, name = archive.read(member), Path(member.filename).name
            for folder in ("random", f"speaker/{SPLIT_OF_SPEAKER[speaker]}"):
                path = arguments.out / folder / digit / name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(content)
            n += 1
    print(f"{n:,} recordings in {arguments.out / 'random'} and {arguments.out / 'speaker'}")


if __name__ == "__main__":
    main()
