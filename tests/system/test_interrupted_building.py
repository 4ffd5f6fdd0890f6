"""Ctrl-C while model files are written: a terminal sends it to every process, and all of them end soon."""

import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from lab_command import LAB, environment

_SOON_S = 60


def wait_for(what: Callable[[], bool]) -> None:
    """Returns when it is so; fails when it is not in time."""
    end_s = time.monotonic() + _SOON_S
    while not what():
        assert time.monotonic() < end_s
        time.sleep(0.02)  # noqa: TID251


def is_empty(group: int) -> bool:
    """Whether a group of processes has ended, the workers among them."""
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return True
    return False


@pytest.mark.parametrize(
    ("arguments", "files"),
    [
        (["measure", "--n", "200"], "lab.db.files/models/*.tflite"),
        (["build", "--n", "5000", "--out", "files"], "files/*.tflite"),
    ],
)
def test_ctrl_c_while_models_are_built_ends_every_process(tmp_path: Path, arguments: list[str], files: str) -> None:
    with subprocess.Popen(
        [LAB, *arguments],
        cwd=tmp_path,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        env=environment(),
        start_new_session=True,
    ) as process:
        try:
            wait_for(lambda: any(tmp_path.glob(files)))
            os.killpg(process.pid, signal.SIGINT)
            said = process.communicate(timeout=_SOON_S)[1].decode()
            wait_for(lambda: is_empty(process.pid))
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
    assert process.returncode == 130, said
    assert "Traceback" not in said


def test_what_was_interrupted_while_building_goes_on_with_every_model_pending(tmp_path: Path) -> None:
    command = [LAB, "measure", "--n", "100"]
    with subprocess.Popen(
        command, cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environment()
    ) as process:
        wait_for(lambda: any(tmp_path.glob("lab.db.files/models/*.tflite")))
        process.send_signal(signal.SIGINT)
        assert process.wait(_SOON_S) == 130
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, env=environment(), timeout=240)
    assert done.returncode == 0, done.stderr
    assert "100 of 100 architectures done" in done.stdout
