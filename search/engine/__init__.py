"""The search engine: what the paper adds to Optuna, as Optuna samplers and rules for stopping.

A study holds one categorical parameter per block (`encoding`) and, on every trial, what is known before training
and what became of it (`record`). A sampler (`algorithms` lists them) proposes; `trials` takes one proposal through
known costs, evaluations and a rule for stopping (`stopping`) to its end. Everything a sampler or rule knows
follows from the stored trials and a seed, so any process can go on where another was killed.

Knows neither networks nor training: an `Objective` brings accuracies, energies and sizes.
"""
