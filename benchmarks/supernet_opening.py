"""Does opening kinds of block one after another help a supernet? Paired over seeds, on SYNTHETIC sounds.

    python benchmarks/supernet_opening.py                      1D space, 200 clips, 40 passes, 3 seeds
    python benchmarks/supernet_opening.py --budget quick --passes 12 --space audio2d

Trains a supernet with all kinds open from the beginning and one whose kinds are opened over the first 60 %, with the
same seed, and prints the mean loss and accuracy (validation split, shared weights) of ten random networks of each.
"""

from __future__ import annotations

import argparse
import sys

import numpy as np

from search.networks.spaces import space_named
from search.studies.accuracy_source import DataRequest, load_data
from search.studies.budget import budget_named
from search.supernet.recipe import SupernetRecipe
from search.supernet.sampling import random_architecture
from search.supernet.shared_accuracy import SharedAccuracy
from search.supernet.training import SupernetTraining, begun

N_ASKED = 10


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--budget", default="smoke")
    parser.add_argument("--passes", type=int, default=40)
    parser.add_argument("--space", default="audio1d")
    parser.add_argument("--seeds", type=int, default=3)
    args = parser.parse_args()
    data = load_data(DataRequest(), budget_named(args.budget).clips, lambda text: None)
    space = space_named(args.space)
    asked = [random_architecture(space, np.random.default_rng(1000 + i)) for i in range(N_ASKED)]
    print(f"SYNTHETIC, {args.space}, {len(data.train)} clips, {args.passes} passes; chance "
          f"{data.validation.commonest_share:.1%}")  # fmt: skip
    print("seed  opened over  loss   accuracy")
    for seed in range(1, args.seeds + 1):
        for opening in (0.0, 0.6):
            recipe = SupernetRecipe(n_epochs=args.passes, opening=opening)
            training = SupernetTraining(begun(space.name, data, args.budget, recipe, seed), data)
            while not training.description.is_finished:
                training.run_pass()
            shared = SharedAccuracy(training.network, data)
            scores = [shared.score(each) for each in asked]
            loss, accuracy = (float(np.mean([getattr(one, name) for one in scores])) for name in ("loss", "accuracy"))
            print(f"{seed:4d}  {opening:11.0%}  {loss:.3f}  {accuracy:8.1%}")
            sys.stdout.flush()


if __name__ == "__main__":
    main()
