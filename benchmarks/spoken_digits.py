"""Lays out two data sets of spoken digits for `search run --sounds`: split at random, and by speaker; judges networks.

python benchmarks/spoken_digits.py lay-out fsdd.zip OUT
python benchmarks/spoken_digits.py judge NETWORK.tflite OUT/random --recording '(.+)'

The second prints the accuracy of an exported network on the clips of the test split, as training takes it and as the
classify.py beside the network gives it on the files, and ends with 1 where a single clip has another class.

fsdd.zip holds recordings/DIGIT_SPEAKER_INDEX.wav of the Free Spoken Digit Dataset (CC BY-SA 4.0,
github.com/Jakobovski/free-spoken-digit-dataset): ten digits, six speakers, fifty times each.

OUT/random/DIGIT/ is split by recording, each file its own, so every speaker is on all sides:
    search run --sounds OUT/random --recording '(.+)'
OUT/speaker/SPLIT/DIGIT/ has four speakers that learn, a fifth that validates and a sixth that is the test:
    search run --sounds OUT/speaker --recording '_([a-z]+)_'
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np

from search.audio.recordings import RecordingRule
from search.audio.sound_folder import load_sounds
from search.training.int8_accuracy import int8_classes

NAMES = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
SPLIT_OF_SPEAKER = dict.fromkeys(("george", "jackson", "lucas", "nicolas"), "train") | {
    "theo": "validation",
    "yweweler": "test",
}


def lay_out(archive_path: Path, out: Path) -> None:
    n = 0
    with zipfile.ZipFile(archive_path) as archive:
        for member in archive.infolist():
            found = re.fullmatch(r".*?(\d)_([a-z]+)_(\d+)\.wav", member.filename)
            if found is None:
                continue
            digit, speaker = NAMES[int(found[1])], found[2]
            content, name = archive.read(member), Path(member.filename).name
            for folder in ("random", f"speaker/{SPLIT_OF_SPEAKER[speaker]}"):
                path = out / folder / digit / name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(content)
            n += 1
    print(f"{n:,} recordings in {out / 'random'} and {out / 'speaker'}")


def judge(network: Path, folder: Path, recording: str | None) -> int:
    data, inventory = load_sounds(folder, RecordingRule(recording))
    classes = int8_classes(network.read_bytes(), data.test.spectrograms[:])
    files = [str(path) for path in inventory.files["test"]]
    typed = [sys.executable, str(network.with_name("classify.py")), str(network), *files, "--json"]
    done = subprocess.run(typed, capture_output=True, text=True, check=True)
    found = np.array([data.class_names.index(each["class"]) for each in json.loads(done.stdout)])
    n_same = int(np.sum(classes == found))
    print(data.name)
    print(f"int8 accuracy, test split: {np.mean(classes == data.test.labels):.2%}")
    print(f"classify.py on its files:  {np.mean(found == data.test.labels):.2%}")
    print(f"clips with the same class: {n_same} of {len(classes)}")
    return 0 if n_same == len(classes) else 1


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    laying = commands.add_parser("lay-out")
    laying.add_argument("zip", type=Path)
    laying.add_argument("out", type=Path)
    judging = commands.add_parser("judge")
    judging.add_argument("network", type=Path)
    judging.add_argument("folder", type=Path)
    judging.add_argument("--recording")
    arguments = parser.parse_args()
    if arguments.command == "judge":
        return judge(arguments.network, arguments.folder, arguments.recording)
    lay_out(arguments.zip, arguments.out)
    return 0


if __name__ == "__main__":
    sys.exit(main())
