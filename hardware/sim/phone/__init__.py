"""The simulated phone: its files, shell, commands, benchmark tool, and the fake adb server in front of it."""
