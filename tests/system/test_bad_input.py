"""What a user can get wrong: a clear message that ends with what to do, the documented exit code, nothing lost."""

import os
import sqlite3
from collections.abc import Callable
from contextlib import closing

import pytest
from lab_command import Bench


def refused(done, code: int, *words: str) -> None:  # type: ignore[no-untyped-def]
    """The command ended with a message for a user, not with a traceback."""
    assert done.returncode == code, done.stderr
    assert "Traceback" not in done.stderr
    for word in words:
        assert word in done.stderr


def test_nothing_to_measure_is_a_usage_error(make_bench: Callable[..., Bench]) -> None:
    refused(make_bench().run("measure"), 2, "--n NUMBER", "your .tflite files")


def test_a_profile_that_does_not_exist_names_those_that_do(make_bench: Callable[..., Bench]) -> None:
    refused(make_bench().run("measure", "--n", "2", "--bench", "nope"), 2, "nope", "simulated", "lab init")


def test_every_problem_of_a_profile_is_named_at_once(make_bench: Callable[..., Bench]) -> None:
    bench = make_bench(more="nmodels = 3\n[supply]\nvoltage_v = 4.6\nceiling_v = 5.0")
    refused(bench.finish(bench.measure(2)), 2, "nmodels", "n_models", "ceiling_v")
    assert not bench.db.exists()


def test_a_voltage_above_the_ceiling_is_refused_before_anything_is_opened(make_bench: Callable[..., Bench]) -> None:
    bench = make_bench(more="[supply]\nvoltage_v = 4.39\nceiling_v = 4.30")
    refused(bench.finish(bench.measure(2)), 2, "voltage_v = 4.39", "ceiling_v = 4.3")


@pytest.mark.skipif(os.path.exists("/dev/bus/usb"), reason="this computer has a USB bus: a meter may be plugged in")
def test_no_meter_is_said_with_what_to_do(make_bench: Callable[..., Bench]) -> None:
    bench = make_bench()
    bench.profile.write_text('name = "real"\n')
    done = bench.finish(bench.measure(2))
    refused(done, 3, "meter")
    assert done.stderr.strip().splitlines()[-1].endswith(".")


def test_an_unrooted_phone_is_said_with_what_to_do(make_bench: Callable[..., Bench]) -> None:
    bench = make_bench()
    bench.profile.write_text(bench.profile.read_text().replace("[simulated]", '[simulated]\nroot = "none"'))
    refused(bench.finish(bench.measure(2)), 3, "root", "Magisk")


def test_a_phone_rooted_by_su_is_measured(make_bench: Callable[..., Bench]) -> None:
    bench = make_bench()
    bench.profile.write_text(bench.profile.read_text().replace("[simulated]", '[simulated]\nroot = "su"'))
    done = bench.finish(bench.measure(2))
    assert done.returncode == 0, done.stderr


def test_a_missing_tool_is_said_with_what_to_do(make_bench: Callable[..., Bench]) -> None:
    bench = make_bench(more='[tool]\npath = "/data/local/tmp/no_such_tool"')
    refused(bench.finish(bench.measure(2)), 3, "no_such_tool", "adb push")


def test_a_database_that_is_something_else_is_left_alone(make_bench: Callable[..., Bench]) -> None:
    bench = make_bench()
    bench.db.write_text("not a database, and precious")
    refused(bench.finish(bench.measure(2)), 5, str(bench.db))
    assert bench.db.read_text() == "not a database, and precious"


def test_a_database_of_a_newer_schema_is_left_alone(make_bench: Callable[..., Bench]) -> None:
    bench = make_bench()
    assert bench.finish(bench.measure(2)).returncode == 0
    with closing(sqlite3.connect(bench.db)) as connection, connection:
        connection.execute("update energy_lab_schema set version_num = '9999'")
    connection.close()
    before = bench.db.read_bytes()
    refused(bench.finish(bench.measure(2)), 5, "newer")
    assert bench.db.read_bytes() == before


def test_a_campaign_of_another_seed_is_not_continued_by_mistake(make_bench: Callable[..., Bench]) -> None:
    bench = make_bench()
    assert bench.finish(bench.measure(2, "--campaign", "mine")).returncode == 0
    refused(bench.finish(bench.measure(2, "--campaign", "mine", "--seed", "2")), 2, "mine", "seed")
