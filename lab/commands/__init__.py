"""The subcommands of `lab`, a file each, named after the command; what it does lives in the room of that idea."""
