"""How long AudioSet's loader takes for many clips, what memory it needs, and how fast a second start is.

python benchmarks/audioset_loader.py --clips 100000 --folder /tmp/audioset

SYNTHETIC: 10 s clips of 16 kHz in FLAC, of 200 sounds; each file has other bytes by a block of its own beside the
sound, so that each is hashed, decoded and kept by itself. The lists hold --listed segments, of which --clips have a
file. Every phase runs in a process of its own; memory is the most that was resident at once, in all of its threads.
Matrix products have one thread each (OPENBLAS_NUM_THREADS=1): on a machine that others use too, more only wait.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import resource
import shutil
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

from search.audio.audioset import load_audioset
from search.audio.classes import EVENTS

RESULTS = Path(__file__).parent / "results" / "audioset_loader.csv"
N_SOUNDS = 200
N_TEST = 2_000
BATCH = 64
N_BATCHES = 500
ONE_THREAD = {"OPENBLAS_NUM_THREADS": "1"}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clips", type=int, default=2_000, help="that have a file, a tenth of them for evaluation")
    parser.add_argument("--listed", type=int, default=0, help="segments of all lists [default: as many as clips]")
    parser.add_argument("--folder", type=Path, required=True, help="made, and removed at the end")
    parser.add_argument("--phase", choices=["first", "second", "train"], help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.phase:
        print(json.dumps(measured(arguments.phase, arguments.folder)))
        return
    n_listed = max(arguments.listed, arguments.clips)
    began_s = time.perf_counter()
    n_bytes = make(arguments.folder / "audioset", arguments.clips, n_listed)
    print(f"{arguments.clips:,} clips, {n_bytes / 1e9:.1f} GB, made in {(time.perf_counter() - began_s) / 60:.1f} min")
    row: dict[str, object] = {"n_clips": arguments.clips, "n_listed": n_listed, "audio_gb": round(n_bytes / 1e9, 2)}
    for phase in ("first", "second", "train"):
        command = [sys.executable, __file__, "--phase", phase, "--folder", str(arguments.folder)]
        done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, env=os.environ | ONE_THREAD)
        found = json.loads(done.stdout.splitlines()[-1])
        row |= {f"{phase}_{key}": value for key, value in found.items()}
        print(f"{phase}: {', '.join(f'{key} {value}' for key, value in found.items())}", flush=True)
    row["cache_gb"] = round(sum(path.stat().st_size for path in (arguments.folder / "cache").iterdir()) / 1e9, 2)
    shutil.rmtree(arguments.folder)
    before = list(csv.DictReader(RESULTS.open())) if RESULTS.exists() else []
    rows = [old for old in before if (old["n_clips"], old["n_listed"]) != (str(arguments.clips), str(n_listed))]
    with RESULTS.open("w", newline="") as stream:
        writer = csv.DictWriter(stream, list(row), lineterminator="\n")
        writer.writeheader()
        writer.writerows([*rows, row])
    print(f"cache {row['cache_gb']} GB; in {RESULTS}")


def measured(phase: str, folder: Path) -> dict[str, float]:
    """One phase in this process."""
    began_s, cpu_s = time.perf_counter(), time.process_time()
    data, inventory = load_audioset(folder / "audioset", folder / "cache")
    found: dict[str, float] = {"s": round(time.perf_counter() - began_s, 1), "n_read": inventory.n_read}
    if phase == "first":
        found["clips_per_s"] = round(inventory.n_read / found["s"], 1)
        found["cpu_ms_per_clip"] = round((time.process_time() - cpu_s) / max(1, inventory.n_read) * 1e3, 2)
    if phase == "train":
        rng = np.random.default_rng(0)
        cpu_s = time.process_time()
        for _ in range(N_BATCHES):
            data.train.spectrograms[rng.integers(0, len(data.train), BATCH)]
        found["cpu_ms_per_batch"] = round((time.process_time() - cpu_s) / N_BATCHES * 1e3, 2)
    found["peak_mb"] = round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
    return found


def make(folder: Path, n_clips: int, n_listed: int) -> int:
    """A folder as AudioSet's; gives the bytes of its sounds."""
    import soundfile

    folder.mkdir(parents=True)
    nodes = [{"id": label_of(name), "name": name, "child_ids": []} for event in EVENTS for name in event.labels]
    nodes.append({"id": "/m/speech", "name": "Speech", "child_ids": []})
    (folder / "ontology.json").write_text(json.dumps(nodes))
    rng, sounds = np.random.default_rng(0), []
    scratch = folder / "sound.flac"
    for _ in range(N_SOUNDS):
        time_s = np.arange(160_000) / 16_000
        sound = 0.3 * np.sin(2 * np.pi * rng.uniform(200, 3_000) * time_s) * (np.sin(2 * np.pi * time_s) > 0.5)
        soundfile.write(scratch, sound + 0.0003 * rng.standard_normal(160_000), 16_000)
        sounds.append(scratch.read_bytes())
    scratch.unlink()
    n_test = min(N_TEST, n_clips // 10)
    n_bytes = 0
    with (
        (folder / "eval_segments.csv").open("w") as test,
        (folder / "unbalanced_train_segments.csv").open("w") as train,
    ):
        for number in range(n_listed):
            labels = "/m/speech" if number % 2 else label_of(EVENTS[number // 2 % len(EVENTS)].labels[0])
            video = f"-v{number:07d}_b"
            (test if number < n_test else train).write(f'{video}, 30.000, 40.000, "{labels},/m/speech"\n')
            if number < n_clips:
                path = folder / "audio" / f"{number % 100:02d}" / f"{video}_30.flac"
                path.parent.mkdir(parents=True, exist_ok=True)
                content = with_block(sounds[number % N_SOUNDS], number)
                path.write_bytes(content)
                n_bytes += len(content)
    return n_bytes


def label_of(name: str) -> str:
    return f"/m/{''.join(c for c in name.lower() if c.isalpha())}"


def with_block(flac: bytes, number: int) -> bytes:
    """The same sound in other bytes: an application block behind the stream's head (RFC 9639, section 8)."""
    head = 4 + 4 + 34
    last, block = flac[4] & 0x80, number.to_bytes(8, "big")
    stream_info = bytes([flac[4] & 0x7F]) + flac[5:head]
    application = bytes([last | 2]) + (4 + len(block)).to_bytes(3, "big") + b"test" + block
    return flac[:4] + stream_info + application + flac[head:]


if __name__ == "__main__":
    os.nice(10)
    main()
