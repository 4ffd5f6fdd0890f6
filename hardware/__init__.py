"""What touches a device: power meters, phones, the benchmark tool, and their simulated twins.

Drivers turn wire formats into values and back; `hardware/bench.py` alone chooses between real and simulated.
"""
