"""The coupled world: order of events, the power timeline, heat, and what flows at the terminals."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hardware.sim.constants import SimulationConstants, pixel4xl
from hardware.sim.virtual_time import VirtualTime
from hardware.sim.world import World


def _noiseless() -> SimulationConstants:
    constants = pixel4xl()
    noise = constants.noise.model_copy(update={"sample_sd": 0.0, "slow_sd": 0.0, "session_gain_sd": 0.0})
    return constants.model_copy(update={"noise": noise})


def _world(constants: SimulationConstants | None = None, seed: tuple[int, int] = (1, 0)) -> World:
    return World(VirtualTime(), constants or _noiseless(), seed)


@given(moments_s=st.lists(st.integers(0, 20), max_size=20))
def test_events_happen_in_order_of_time_and_equal_ones_in_order_of_asking(moments_s: list[int]) -> None:
    world = _world()
    seen: list[tuple[int, int]] = []
    for number, moment_s in enumerate(moments_s):
        world.at(moment_s, lambda entry=(moment_s, number): seen.append(entry))  # type: ignore[misc]
    world.advance_to(20.0)
    assert seen == sorted(seen)
    assert len(seen) == len(moments_s)


def test_an_event_sees_the_world_at_its_own_moment() -> None:
    world = _world()
    seen_s: list[float] = []
    world.at(1.5, lambda: seen_s.append(world.now_s))
    world.advance_to(1.0)
    assert seen_s == []
    world.advance_to(4.0)
    assert seen_s == [1.5]
    assert world.now_s == 4.0


def test_an_event_in_the_past_happens_now() -> None:
    world = _world()
    world.advance_to(3.0)
    seen_s: list[float] = []
    world.at(1.0, lambda: seen_s.append(world.now_s))
    world.advance_to(3.0)
    assert seen_s == [3.0]


def test_a_process_goes_on_after_each_duration_that_it_yields() -> None:
    world = _world()
    seen_s: list[float] = []

    def process() -> object:
        for duration_s in (1.0, 2.5):
            seen_s.append(world.now_s)
            yield duration_s
        seen_s.append(world.now_s)

    world.run(process())  # type: ignore[arg-type]
    world.advance_to(10.0)
    assert seen_s == [0.0, 1.0, 3.5]


def test_power_is_the_sum_of_the_loads_at_each_moment() -> None:
    world = _world()
    world.set_load("idle", 0.6)
    world.at(1.0, lambda: world.set_load("run", 1.4))
    world.at(2.0, lambda: world.set_load("run", 0.0))
    world.at(3.0, world.clear_loads)
    world.advance_to(4.0)
    powers_w = world.powers_at(np.array([0.0, 0.999, 1.0, 1.999, 2.0, 2.999, 3.0, 4.0]))
    np.testing.assert_allclose(powers_w, [0.6, 0.6, 2.0, 2.0, 0.6, 0.6, 0.0, 0.0], rtol=1e-6)


def test_what_was_read_is_forgotten_but_the_present_power_is_not() -> None:
    world = _world()
    for second in range(100):
        world.at(float(second), lambda w=second: world.set_load("run", 1.0 + w))  # type: ignore[misc]
    world.advance_to(99.5)
    assert world.powers_at(np.array([99.2]))[0] == pytest.approx(100.0)
    assert world.powers_at(np.array([99.4]))[0] == pytest.approx(100.0)
    assert len(world._starts_s) == 1


def test_noise_has_the_mean_of_the_load_and_the_spread_of_the_constants() -> None:
    constants = pixel4xl()
    world = _world(constants)
    world.set_load("run", 2.0)
    world.advance_to(100.0)
    relative = world.powers_at(np.arange(200_000) / 5000.0).astype(np.float64) / 2.0
    spread = math.hypot(constants.noise.sample_sd, constants.noise.slow_sd)
    assert relative.mean() == pytest.approx(1.0, abs=5e-4)
    assert relative.std() == pytest.approx(spread, rel=0.02)


def test_the_same_seed_gives_the_same_samples_and_another_session_others() -> None:
    samples = []
    for seed in ((1, 0), (1, 0), (1, 1)):
        world = _world(pixel4xl(), seed)
        world.set_load("run", 2.0)
        world.advance_to(1.0)
        samples.append(world.powers_at(np.arange(100) / 100.0))
    np.testing.assert_array_equal(samples[0], samples[1])
    assert not np.array_equal(samples[0], samples[2])


@given(power_w=st.floats(0.0, 5.0), step_s=st.floats(0.5, 400.0))
def test_the_skin_warms_exponentially_whatever_the_steps(power_w: float, step_s: float) -> None:
    world = _world()
    thermal = world.constants.thermal
    began_c = world.skin_c
    world.set_load("run", power_w)
    moment_s = 0.0
    while moment_s < 1000.0:
        moment_s = min(1000.0, moment_s + step_s)
        world.advance_to(moment_s)
    settled_c = thermal.ambient_c + thermal.skin_c_per_w * power_w
    expected_c = settled_c + (began_c - settled_c) * math.exp(-1000.0 / thermal.skin_tau_s)
    assert world.skin_c == pytest.approx(expected_c, abs=1e-6)


def test_the_processor_is_warmer_than_the_skin_and_leaks_more_when_warm() -> None:
    world = _world()
    world.set_load("run", 2.0)
    thermal = world.constants.thermal
    assert world.soc_c - world.skin_c == pytest.approx(thermal.soc_c_per_w * 2.0)
    cold = world.leakage_factor(2.0)
    world.advance_to(600.0)
    assert world.leakage_factor(2.0) - cold == pytest.approx(
        thermal.leakage_per_c * (world.skin_c - thermal.ambient_c - 4.0)
    )


def test_nothing_flows_while_the_output_is_off() -> None:
    current_a, supply_v = _world().terminals(np.array([1.0, 2.0], np.float32))
    assert current_a.tolist() == supply_v.tolist() == [0.0, 0.0]


def test_current_times_voltage_at_the_terminals_is_the_power_drawn() -> None:
    world = _world()
    world.output_v, world.usb_connected = 4.2, False
    powers_w = np.array([0.02, 1.0, 3.0], np.float32)
    current_a, supply_v = world.terminals(powers_w)
    np.testing.assert_allclose(current_a * supply_v, powers_w, rtol=1e-6)
    np.testing.assert_allclose(supply_v, 4.2 - 0.040 * powers_w / 4.2, rtol=1e-6)


def test_while_usb_is_connected_the_battery_terminals_give_only_their_share() -> None:
    world = _world()
    world.output_v, world.usb_connected = 4.2, True
    current_a, supply_v = world.terminals(np.array([2.0], np.float32))
    share = 1.0 - world.constants.power.usb_share
    np.testing.assert_allclose(current_a * supply_v, 2.0 * share, rtol=1e-6)
    assert world.usb_v > 4.5
    world.usb_connected = False
    assert world.usb_v < 0.1
