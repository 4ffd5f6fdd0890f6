"""The simulated Monsoons: an HVPM on a fake USB backend, an LVPM behind a pty."""
