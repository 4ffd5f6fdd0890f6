"""What a client does over adb comes out the same on the fake server and on a real one."""

from __future__ import annotations

import importlib.util
import os
import sys
from pathlib import Path
from types import ModuleType

import adbutils
import pytest
from adb_suite import STEPS

BENCHMARK = Path(__file__).resolve().parents[4] / "benchmarks" / "conformance.py"
_WHY = "there is no adb program on this computer, nor does adbutils bring one for it"


def conformance() -> ModuleType:
    spec = importlib.util.spec_from_file_location("conformance", BENCHMARK)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["conformance"] = module
    spec.loader.exec_module(module)
    return module


def has_adb() -> bool:
    try:
        return os.access(adbutils.adb_path(), os.X_OK)
    except RuntimeError:
        return False


@pytest.mark.skipif(not has_adb(), reason=_WHY)
@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_the_fake_server_says_what_a_real_one_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ADBUTILS_ADB_PATH")
    for name in ("HOME", "ADB_LOCAL_TRANSPORT_MAX_PORT", "ANDROID_ADB_SERVER_PORT"):
        monkeypatch.setenv(name, os.environ.get(name, "5037"))
    suite = conformance()
    fake, real = suite.against_fake(), suite.against_real_server()
    assert fake.keys() == real.keys() == STEPS.keys()
    unexplained = {
        step: (fake[step], real[step])
        for step in STEPS
        if fake[step] != real[step] and (step, suite.SERVER) not in suite.EXPLAINED
    }
    assert unexplained == {}
