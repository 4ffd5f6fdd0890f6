"""A rooted Pixel over adb: prepared and given back, and a queue of models run by the phone itself."""

from __future__ import annotations

import importlib.resources
import io
import logging
import shlex
import tarfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

from hardware.android.adb_link import AdbLink
from hardware.android.benchmark_tool import flag_line
from hardware.android.phone_settings import (
    FOLDER,
    apply_settings,
    hold_settings,
    left_behind,
    make_folder,
    restore_settings,
)
from hardware.clock import Clock, Deadline
from hardware.errors import AdbLost, CommandFailed, HardwareError, PhoneFault, ToolMissing
from hardware.phone import ClockLock, ClockReading, PhoneInfo, QueuedModel, QueueTiming, ToolFlags

log = logging.getLogger(__name__)

SKIN_ZONE = "sdm-therm"
_WINDOW = f"{FOLDER}/window"
_ARCHIVE = f"{FOLDER}/window.tar"
_RESULT = f"{FOLDER}/result.tar"
_BOOT_ID = "/proc/sys/kernel/random/boot_id"
_START_TIMEOUT_S = 10.0
_BOOT_TIMEOUT_S, _BOOT_POLL_S = 120.0, 0.5


class Pixel:
    """One phone that is connected and rooted.

    Args:
        simulated: what `info.simulated` says.

    Raises:
        NoRoot: commands cannot run as root.
        PhoneFault: it has no skin temperature sensor of the expected name.
    """

    def __init__(self, link: AdbLink, clock: Clock, simulated: bool = False) -> None:
        self._link = link
        self._clock = clock
        link.become_root()
        properties = link.run("getprop ro.product.model; getprop ro.build.fingerprint").stdout.splitlines()
        model, fingerprint = (*properties, "", "")[:2]
        self.info = PhoneInfo(link.serial, model, fingerprint, simulated)
        self._skin_path = self._find_zone(SKIN_ZONE)

    def _find_zone(self, name: str) -> str:
        folder = "/sys/class/thermal"
        listing = self._link.run(
            f"for z in $(ls {folder}); do if [ -f {folder}/$z/type ]; then echo $z $(cat {folder}/$z/type); fi; done"
        ).stdout
        for line in listing.splitlines():
            zone, _, kind = line.partition(" ")
            if kind.strip() == name:
                return f"{folder}/{zone}/temp"
        raise PhoneFault(
            self._link.name,
            "find the skin temperature",
            f"no thermal zone {name!r}",
            "Profiles exist for the Pixel 4 XL; other phones need their zone's name in hardware/android/pixel.py.",
        )

    def skin_c(self) -> float:
        """Temperature of the phone's skin sensor."""
        return int(self._link.run(f"cat {self._skin_path}").stdout) / 1000

    def tool_sha256(self, path: str) -> str:
        """Hash of the benchmark tool on the phone.

        Raises:
            ToolMissing: it is not there, or cannot be executed.
        """
        found = self._link.run(f"test -x {shlex.quote(path)} && sha256sum {shlex.quote(path)}", check=False)
        if found.exit_code != 0:
            raise ToolMissing(
                self._link.name,
                "find the benchmark tool",
                f"{path} is not an executable file",
                f"Push it: `adb push benchmark_model {path}` and `adb shell chmod 755 {path}`.",
            )
        return found.stdout.split()[0]

    def put_tool(self, content: bytes, path: str) -> None:
        """Put the benchmark tool on the phone, executable."""
        self._link.push(content, path, mode=0o755)
        self._link.run(f"chmod 755 {shlex.quote(path)}")

    def clocks_khz(self, policy: str) -> set[int]:
        """The clocks that a cpufreq policy offers; empty if there is no such policy."""
        path = f"/sys/devices/system/cpu/cpufreq/{shlex.quote(policy)}/scaling_available_frequencies"
        listed = self._link.run(f"cat {path}", check=False).stdout
        return {int(word) for word in listed.split() if word.isdigit()}

    def has_leftovers(self) -> bool:
        """Settings that a crash left changed are noted on the phone."""
        return left_behind(self._link)

    def give_back_leftovers(self) -> list[str]:
        """Restore what a crash left changed; names of the settings, empty if there was nothing."""
        return restore_settings(self._link) if left_behind(self._link) else []

    @contextmanager
    def prepared(self, lock: ClockLock) -> Iterator[Mapping[str, str]]:
        """Quiet the phone and lock its clock; everything is given back in reverse order.

        Yields:
            The settings as they were before.

        Raises:
            SettingRefused: a setting was not taken, or could not be given back.
        """
        self.give_back_leftovers()
        try:
            yield apply_settings(self._link, lock)
        except BaseException as error:
            self._give_back_beside(error)
            raise
        restore_settings(self._link)

    def hold(self, lock: ClockLock) -> list[str]:
        """Make again what a restart of the phone or a meddler has undone; names of the settings.

        Raises:
            AdbLost, NoRoot, SettingRefused: it could not be done.
        """
        wait_booted(self._link, self._clock)
        self._link.become_root()
        return hold_settings(self._link, lock)

    def boot_id(self) -> str:
        """What the kernel makes up anew at each start."""
        return self._link.run(f"cat {_BOOT_ID}").stdout.strip()

    def reconnect(self) -> None:
        """Have the computer's adb server connect anew to what it holds for broken."""
        self._link.reconnect()

    def restart_server(self) -> None:
        """End the computer's adb server and start it anew."""
        self._link.restart_server()

    def _give_back_beside(self, error: BaseException) -> None:
        """Restore while an error is on its way; a failure of that is noted on the error, not put in its place."""
        try:
            restore_settings(self._link)
        except HardwareError as failure:
            log.error("%s", failure)
            error.add_note(f"The phone's settings were not given back: {failure}. They will be at the next start.")

    def read_clock(self) -> ClockReading:
        """Both clocks at one moment: the quickest of several round trips."""
        readings = []
        for _ in range(8):
            before_s = self._clock.now_s()
            stamp = float(self._link.run("date +%s.%N").stdout)
            after_s = self._clock.now_s()
            readings.append(ClockReading(stamp, (before_s + after_s) / 2, (after_s - before_s) / 2))
        return min(readings, key=lambda r: r.half_round_trip_s)

    def stage(self, models: Sequence[QueuedModel], lock: ClockLock, flags: ToolFlags, timing: QueueTiming) -> None:
        """Put a queue on the phone and prove by hash that the files arrived whole.

        Raises:
            AdbLost, CommandFailed: it could not be put there.
            PhoneFault: a file on the phone differs from what was sent.
        """
        archive = _archive(models, _settings_text(lock, flags, timing, self._skin_path))
        self.stop_queue()
        self._link.run(f"rm -rf {_WINDOW} {_ARCHIVE} {_RESULT}")
        make_folder(self._link, _WINDOW)
        self._link.push(archive, _ARCHIVE)
        listing = self._link.run(
            f"cd {_WINDOW} && tar -xf {_ARCHIVE} && rm -f {_ARCHIVE} && sha256sum models/*.tflite"
        ).stdout
        found = {line.split()[0] for line in listing.splitlines() if line}
        missing = {model.sha256 for model in models} - found
        if missing:
            raise PhoneFault(
                self._link.name,
                "check the pushed models",
                f"{len(missing)} of {len(models)} files differ from what was sent",
                "Check the cable and the phone's storage: `adb shell df /data`.",
            )

    def start_queue(self) -> None:
        """Start the queue, detached.

        The shell lives on for a moment: adbd kills what has not yet left its session when the shell returns.

        Raises:
            CommandFailed: the runner did not start.
        """
        self._link.run(f"setsid nohup sh {_WINDOW}/phone_runner.sh {_WINDOW} < /dev/null > /dev/null 2>&1 & sleep 0.5")
        deadline = Deadline(self._clock, _START_TIMEOUT_S)
        while not (journal := self._link.run(f"cat {_WINDOW}/journal", check=False).stdout).startswith("started"):
            if deadline.passed:
                raise CommandFailed(
                    self._link.name, "start the queue", f"the journal says {journal!r}", "Run `lab doctor`."
                )
            self._clock.sleep(0.5)

    def stop_queue(self) -> None:
        """End a queue that is still running, with all its processes, and let the phone sleep again.

        The runner leads a session of its own, so its process number is that of its group.
        """
        self._link.run(
            f"if [ -f {_WINDOW}/pid ]; then kill -9 -$(cat {_WINDOW}/pid); rm -f {_WINDOW}/pid; fi; "
            "echo lab > /sys/power/wake_unlock",
            check=False,
        )

    def collect(self) -> bytes:
        """Bring back what the queue left, as a tar archive; `runner_journal.read_report` reads it.

        Raises:
            AdbLost, CommandFailed: it could not be brought back.
        """
        self._link.run(f"cd {_WINDOW} && tar -cf {_RESULT} journal out && chmod 644 {_RESULT}")
        return self._link.pull(_RESULT)

    def wait_gone(self, timeout_s: float) -> None:
        """Wait until the phone has left adb."""
        self._link.wait_gone(timeout_s)

    def wait_back(self, timeout_s: float) -> None:
        """Wait until the phone answers over adb."""
        self._link.wait_back(timeout_s)


def wait_booted(link: AdbLink, clock: Clock) -> None:
    """Wait until Android says that it has started.

    Raises:
        AdbLost: it does not say so in time.
    """
    deadline = Deadline(clock, _BOOT_TIMEOUT_S)
    while link.run("getprop sys.boot_completed").stdout.strip() != "1":
        if deadline.passed:
            raise AdbLost(
                link.name,
                "wait until it has booted",
                f"still booting after {_BOOT_TIMEOUT_S:g} s",
                "Look at the phone's screen; then run the same command again.",
            )
        clock.sleep(_BOOT_POLL_S)


def _settings_text(lock: ClockLock, flags: ToolFlags, timing: QueueTiming, skin_path: str) -> str:
    """The runner's `settings` file: shell assignments, every value quoted."""
    values = {
        "tool": flags.path,
        "mask": lock.mask,
        "flags": flag_line(flags),
        "limit_s": f"{flags.limit_s:g}",
        "gap_s": f"{timing.gap_s:g}",
        "settle_s": f"{timing.settle_s:g}",
        "chip_s": f"{timing.chip_s:g}",
        "pulse_s": f"{timing.pulse_s:g}",
        "skin": skin_path,
        "max_skin_mc": str(int(timing.max_skin_c * 1000)),
        "residency": f"/sys/devices/system/cpu/cpufreq/{lock.policy}/stats/time_in_state",
    }
    return "".join(f"{name}={shlex.quote(value)}\n" for name, value in values.items())


def _archive(models: Sequence[QueuedModel], settings: str) -> bytes:
    runner = importlib.resources.files("hardware.android").joinpath("phone_runner.sh").read_bytes()
    queue = "".join(f"{i} {model.sha256}.tflite\n" for i, model in enumerate(models))
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.USTAR_FORMAT) as packed:
        _add(packed, "phone_runner.sh", runner)
        _add(packed, "settings", settings.encode())
        _add(packed, "queue", queue.encode())
        for path, sha256 in {model.path: model.sha256 for model in models}.items():
            _add(packed, f"models/{sha256}.tflite", path.read_bytes())
    return buffer.getvalue()


def _add(packed: tarfile.TarFile, name: str, content: bytes) -> None:
    entry = tarfile.TarInfo(name)
    entry.size, entry.mode = len(content), 0o644
    packed.addfile(entry, io.BytesIO(content))
