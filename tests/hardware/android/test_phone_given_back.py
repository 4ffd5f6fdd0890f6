"""No sequence of preparing, meddling, restarting and dying leaves the phone other than it was."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from phone_rig import PhoneRig, phone_rig

from hardware.android.phone_settings import apply_settings
from hardware.android.pixel import Pixel
from hardware.errors import HardwareError
from hardware.phone import PIXEL_4_XL_LOCKS


class GivenBack(RuleBasedStateMachine):
    """One phone, as campaigns use it one after the other; some die without a word."""

    rig: PhoneRig

    @initialize()
    def begin(self) -> None:
        self.opened = phone_rig()
        self.rig = self.opened.__enter__()
        self.pixel: Pixel = self.rig.pixel()
        self.before = self.rig.lock_state()
        self.held: AbstractContextManager[Any] | None = None
        self.lock = PIXEL_4_XL_LOCKS["paper"]
        self.changed = False

    @precondition(lambda self: self.held is None)
    @rule(lock=st.sampled_from(sorted(PIXEL_4_XL_LOCKS)))
    def prepare(self, lock: str) -> None:
        self.lock = PIXEL_4_XL_LOCKS[lock]
        held = self.pixel.prepared(self.lock)
        held.__enter__()
        self.held, self.changed = held, True

    @precondition(lambda self: self.held is not None)
    @rule(by_error=st.booleans())
    def end(self, by_error: bool) -> None:
        assert self.held is not None
        error = RuntimeError("a window failed") if by_error else None
        if error is None:
            self.held.__exit__(None, None, None)
        else:
            assert not self.held.__exit__(RuntimeError, error, None)
        self.held, self.changed = None, False

    @precondition(lambda self: self.held is None)
    @rule(lock=st.sampled_from(sorted(PIXEL_4_XL_LOCKS)))
    def prepare_and_die(self, lock: str) -> None:
        """The program is killed inside the block: nothing is given back, the note stays on the phone."""
        self.pixel.give_back_leftovers()
        apply_settings(self.rig.link(), PIXEL_4_XL_LOCKS[lock])
        self.changed = True

    @precondition(lambda self: self.held is None)
    @rule()
    def start_again(self) -> None:
        self.pixel = self.rig.pixel()
        self.pixel.give_back_leftovers()
        self.changed = False

    @precondition(lambda self: self.held is not None)
    @rule(what=st.sampled_from(["screen", "service", "governor", "airplane"]))
    def meddle(self, what: str) -> None:
        """Something on the phone undoes a setting while it is measured."""
        phone = self.rig.phone
        with self.rig.bench.world.lock:
            if what == "screen":
                phone.screen_on = True
            elif what == "service":
                phone.services["vendor.thermal-engine"] = "running"
            elif what == "governor":
                phone.clusters["policy7"].set_governor("schedutil")
            else:
                phone.settings["global airplane_mode_on"] = "0"

    @rule()
    def restart_the_phone(self) -> None:
        self.rig.phone.reboot()
        self.rig.time.sleep(60.0)
        self.rig.bench.world.catch_up()

    @precondition(lambda self: self.held is not None)
    @rule()
    def hold(self) -> None:
        self.pixel.hold(self.lock)
        cluster = self.rig.phone.clusters[self.lock.policy]
        assert (cluster.min_khz, cluster.max_khz) == (self.lock.freq_khz, self.lock.freq_khz)
        assert not self.rig.phone.screen_on
        assert self.rig.phone.services["vendor.thermal-engine"] == "stopped"

    @invariant()
    def a_phone_that_is_not_in_use_is_as_it_was(self) -> None:
        if hasattr(self, "rig") and not self.changed:
            assert self.rig.lock_state() == self.before
            assert self.rig.phone.wake_locks == set()

    def teardown(self) -> None:
        if not hasattr(self, "rig"):
            return
        try:
            if self.held is not None:
                self.held.__exit__(None, None, None)
            self.rig.pixel().give_back_leftovers()
            assert self.rig.lock_state() == self.before
        except HardwareError as error:
            raise AssertionError(f"the phone could not be given back: {error}") from error
        finally:
            self.opened.__exit__(None, None, None)


def test_no_sequence_leaves_the_phone_changed() -> None:
    steps = settings(max_examples=12, stateful_step_count=15, deadline=None, suppress_health_check=list(HealthCheck))
    run_state_machine_as_test(GivenBack, settings=steps)  # type: ignore[no-untyped-call]
