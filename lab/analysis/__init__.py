"""From samples to judged energies: clocks aligned, runs found, energies, gates, control charts. No device."""
