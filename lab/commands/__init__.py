"""The commands of `lab`, one file each; `lab.cli` registers them."""
