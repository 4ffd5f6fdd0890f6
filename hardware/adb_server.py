"""The computer's own adb server: is it there, and start it.

adbutils starts a server by itself when it finds none, without a word and always on port 5037. So every use of it asks
here first: a server that has gone is an error that the recovery ladder sees, and starting one is a step of it.
"""

from __future__ import annotations

import socket
import subprocess

import adbutils

_ANSWER_TIMEOUT_S = 5.0
_START_TIMEOUT_S = 20.0


def server_answers(host: str, port: int) -> None:
    """Return if something listens there.

    Raises:
        OSError: nothing does.
    """
    with socket.create_connection((host, port), _ANSWER_TIMEOUT_S):
        return


def start_server(port: int) -> None:
    """Start the adb server of this computer; nothing happens where one runs.

    The program is the `adb` of the path, or the one that adbutils brings.

    Raises:
        OSError: it does not start.
    """
    command = [adbutils.adb_path(), "-P", str(port), "start-server"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_START_TIMEOUT_S, check=False)
    except subprocess.TimeoutExpired as error:
        raise OSError(f"`{' '.join(command)}` does not end") from error
    if done.returncode != 0:
        said = (done.stderr or done.stdout).strip()
        raise OSError(f"`{' '.join(command)}`: {said or f'exit code {done.returncode}'}")
