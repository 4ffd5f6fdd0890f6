"""Recorded bench sessions: everything that crosses the wire is kept in a file, and the drivers run on it again.

The format is docs/reference/recording.md. `Recorder` stands between drivers and devices, `Player` in place of them.
"""
