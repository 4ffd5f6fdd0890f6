"""The simulated phone: sysfs, properties, settings, power states, and the processes that run on it."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

from hardware.sim.constants import Cluster, SimulationConstants
from hardware.sim.phone.phone_files import PhoneFiles
from hardware.sim.phone.shell import InputSource, Shell, Steps, Streams
from hardware.sim.world import World

CPUFREQ = "/sys/devices/system/cpu/cpufreq"
THERMAL_ZONES = ("cpu-1-3-usr", "sdm-therm", "battery")
TOOL_PATH = "/data/local/tmp/benchmark_model"


class CpuCluster:
    """One clock domain with its cpufreq nodes."""

    def __init__(self, name: str, cluster: Cluster, phone: SimPhone) -> None:
        self.name = name
        self.freqs_khz = cluster.freqs_khz
        self.cores = cluster.cores
        self.governor = "schedutil"
        self.min_khz, self.max_khz = cluster.freqs_khz[0], cluster.freqs_khz[-1]
        self.busy = False
        self.secret_khz: int | None = None
        self._phone = phone
        self._residency_s = dict.fromkeys(cluster.freqs_khz, 0.0)
        self._since_s = 0.0

    @property
    def freq_khz(self) -> int:
        """The clock that the cores really run at."""
        return self.said_khz if self.secret_khz is None else self._nearest(self.secret_khz)

    @property
    def said_khz(self) -> int:
        """The clock that sysfs shows; the truth unless `secret_khz` is set."""
        wants_khz = self.min_khz if self.governor == "powersave" else self.max_khz
        if self.governor == "schedutil" and not self.busy:
            wants_khz = self.min_khz
        cap_khz = self._phone.throttle_cap_khz if self.name == "policy7" else self.max_khz
        return max(f for f in self.freqs_khz if f <= max(self.freqs_khz[0], min(wants_khz, cap_khz)))

    def account(self) -> None:
        """Book the time since the last change; to be called before every change of the clock."""
        now_s = self._phone.world.now_s
        self._residency_s[self.said_khz] += now_s - self._since_s
        self._since_s = now_s

    def residency(self) -> str:
        """time_in_state: a line a clock, in kHz and units of 10 ms."""
        self.account()
        return "".join(f"{f} {int(s * 100)}\n" for f, s in self._residency_s.items())

    def set_governor(self, value: str) -> None:
        """What writing to `scaling_governor` does."""
        if value in ("performance", "powersave", "schedutil"):
            self.account()
            self.governor = value

    def set_min(self, value: str) -> None:
        """What writing to `scaling_min_freq` (kHz) does."""
        self.account()
        self.min_khz = min(self._nearest(int(value)), self.max_khz)

    def set_max(self, value: str) -> None:
        """What writing to `scaling_max_freq` (kHz) does."""
        self.account()
        self.max_khz = max(self._nearest(int(value)), self.min_khz)

    def _nearest(self, freq_khz: int) -> int:
        return min(self.freqs_khz, key=lambda f: abs(f - freq_khz))

    def install(self, files: PhoneFiles) -> None:
        """Put the cpufreq nodes in place."""
        folder = f"{CPUFREQ}/{self.name}"
        files.node(f"{folder}/scaling_governor", lambda: self.governor + "\n", self.set_governor)
        files.node(f"{folder}/scaling_min_freq", lambda: f"{self.min_khz}\n", self.set_min)
        files.node(f"{folder}/scaling_max_freq", lambda: f"{self.max_khz}\n", self.set_max)
        files.node(f"{folder}/scaling_cur_freq", lambda: f"{self.said_khz}\n")
        available = " ".join(map(str, self.freqs_khz)) + "\n"
        files.node(f"{folder}/scaling_available_frequencies", lambda: available)
        files.node(f"{folder}/scaling_available_governors", lambda: "performance powersave schedutil\n")
        files.node(f"{folder}/stats/time_in_state", self.residency)


class SimPhone:
    """One phone.

    Args:
        world: the world it is in.
        root: "adbd" (adb root works), "su" or "none".
        kernel_table: how kernels pad, a table of the constants.
        tool_dialect: whose output the benchmark tool prints: "tf1", "tf23", "tf" or "litert".

    Attributes:
        adb_stuck: adb lists the phone as offline until the server is told to reconnect.
        tool_troubles: what goes wrong in the next runs of the tool, one each: see `benchmark_stand_in`.
        killers: hashes of models that take the phone down.
        models_run: hashes of models that were begun.
    """

    def __init__(
        self,
        world: World,
        serial: str = "98SIM4XL01",
        root: str = "adbd",
        kernel_table: str = "ruy8",
        tool_dialect: str = "litert",
    ) -> None:
        self.world = world
        self.kernel_table = kernel_table
        self.tool_dialect = tool_dialect
        self.serial = serial
        self.root = root
        self.adb_is_root = False
        self.authorised = True
        self.adb_online = False
        self.adb_stuck = False
        self.tool_troubles: list[str] = []
        self.killers: set[str] = set()
        self.models_run: set[str] = set()
        self.powered = False
        self.screen_on = True
        self.wake_locks: set[str] = set()
        self.on_adb_change: Callable[[], None] = lambda: None
        self.logcat: list[str] = []
        self.settings = {"global airplane_mode_on": "0"}
        self.services = {"vendor.thermal-engine": "running", "vendor.power-hal-1-2": "running"}
        self.files = PhoneFiles()
        self.clusters = {n: CpuCluster(n, c, self) for n, c in self.constants.clusters.items()}
        self._generation = 0
        self._asleep: list[Callable[[], None]] = []
        self._jobs: list[Steps] = []
        self._drift = self.constants.timing.clock_drift_ppm * 1e-6
        self._offset_s = world.rng.uniform(-2.0, 2.0)
        self._install()

    @property
    def constants(self) -> SimulationConstants:
        """The physics of the world that the phone is in."""
        return self.world.constants

    def _install(self) -> None:
        files = self.files
        for cluster in self.clusters.values():
            cluster.install(files)
        readings = {"cpu-1-3-usr": lambda: self.world.soc_c, "sdm-therm": lambda: self.world.skin_c}
        for number, zone in enumerate(THERMAL_ZONES):
            folder = f"/sys/class/thermal/thermal_zone{number}"
            reading = readings.get(zone, lambda: self.world.skin_c - 2.0)
            files.node(f"{folder}/type", lambda z=zone: z + "\n")  # type: ignore[misc]
            files.node(f"{folder}/temp", lambda r=reading: f"{int(r() * 1000)}\n")  # type: ignore[misc]
        files.node("/sys/class/power_supply/usb/online", lambda: f"{int(self.world.usb_connected)}\n")
        files.node("/sys/power/wake_lock", lambda: " ".join(sorted(self.wake_locks)) + "\n", self._lock)
        files.node("/sys/power/wake_unlock", lambda: "\n", self._unlock)
        files.node("/proc/uptime", lambda: f"{self.world.now_s:.2f} 0.00\n")
        files.node("/proc/sys/kernel/random/boot_id", lambda: f"{self._generation:08x}-simulated\n")
        files.write(TOOL_PATH, b"\x7fELF simulated benchmark_model", mode=0o755)

    def _lock(self, name: str) -> None:
        self.wake_locks.add(name)
        self.settle_power()

    def _unlock(self, name: str) -> None:
        self.wake_locks.discard(name)
        self.settle_power()

    @property
    def utc_s(self) -> float:
        """The phone's wall clock: seconds since 1970."""
        return self.world.time.epoch_utc.timestamp() + self._offset_s + self.world.now_s * (1.0 + self._drift)

    @property
    def throttle_cap_khz(self) -> int:
        """The cap that thermal-engine holds over cpu7 now."""
        caps = [2**31]
        if self.services.get("vendor.thermal-engine") == "running":
            caps += [step.cpu7_khz for step in self.constants.throttle if self.world.skin_c >= step.skin_c]
        return min(caps)

    @property
    def asleep(self) -> bool:
        """Suspended: no USB, screen off, nobody holds a wake lock."""
        return self.powered and not (self.world.usb_connected or self.screen_on or self.wake_locks)

    def settle_power(self) -> None:
        """Draw what the present state draws; wake what a new state wakes."""
        power = self.constants.power
        if not self.powered:
            base_w = power.off_w
        elif self.asleep:
            base_w = power.suspended_w
        else:
            base_w = power.idle_w + power.screen_w * self.screen_on
            base_w += power.radios_w * (self.settings["global airplane_mode_on"] != "1")
        self.world.set_load("phone", base_w)
        if not self.asleep:
            waiting, self._asleep = self._asleep, []
            for step in waiting:
                self.world.at(self.world.now_s, step)

    # -- power and USB, as the meter drives them

    def supply(self, output_v: float) -> None:
        """The meter's output has changed."""
        self.world.output_v = output_v
        if output_v > 3.3 and not self.powered:
            self.powered = True
            self.world.at(self.world.now_s + self.constants.timing.boot_s, self._booted(self._generation))
        elif output_v < 3.0 and self.powered:
            self._die()
        self.settle_power()

    def _die(self) -> None:
        self.powered = False
        self._generation += 1
        self.stop_jobs()
        self.world.clear_loads()
        self._asleep.clear()
        self._forget_volatile()
        self.set_adb(False)

    def reboot(self) -> None:
        """Android starts anew; what was written to storage stays."""
        if self.powered:
            self._die()
            self.powered = True
            self.world.at(self.world.now_s + self.constants.timing.boot_s, self._booted(self._generation))
            self.settle_power()

    def step_clock(self, by_s: float) -> None:
        """The wall clock is set."""
        self._offset_s += by_s

    def disturb(self, mean_gap_s: float, for_s: float) -> None:
        """Something in the background wakes up very often for a while."""
        self.run(self._disturbance(mean_gap_s, self.world.now_s + for_s))

    def _disturbance(self, mean_gap_s: float, until_s: float) -> Steps:
        noise, rng = self.constants.noise, self.world.rng
        while self.world.now_s < until_s:
            yield float(rng.exponential(mean_gap_s))
            self.world.set_load("disturbance", noise.wakeup_w)
            yield noise.wakeup_s * float(rng.uniform(0.5, 1.5))
            self.world.set_load("disturbance", 0.0)
        return 0

    def _forget_volatile(self) -> None:
        self.wake_locks.clear()
        self.screen_on, self.adb_is_root = True, False
        self.services = dict.fromkeys(self.services, "running")
        for cluster in self.clusters.values():
            cluster.account()
            cluster.governor, cluster.busy = "schedutil", False
            cluster.min_khz, cluster.max_khz = cluster.freqs_khz[0], cluster.freqs_khz[-1]

    def _booted(self, generation: int) -> Callable[[], None]:
        def action() -> None:
            if self.powered and self._generation == generation:
                self.start_wakeups()
                self.set_adb(self.world.usb_connected)

        return action

    def connect_usb(self, connected: bool) -> None:
        """The meter has passed or cut USB."""
        if connected == self.world.usb_connected:
            return
        self.world.usb_connected = connected
        self.settle_power()
        timing = self.constants.timing
        delay_s = timing.usb_gone_s
        if connected:
            delay_s = float(self.world.rng.uniform(timing.usb_back_min_s, timing.usb_back_max_s))

        def notice() -> None:
            if self.powered and self.world.usb_connected == connected:
                self.set_adb(connected)

        self.world.at(self.world.now_s + delay_s, notice)

    def set_adb(self, online: bool) -> None:
        """The phone is on adb, or has left it."""
        if online != self.adb_online:
            self.adb_online = online
            self.on_adb_change()

    def restart_adbd(self) -> None:
        """adbd starts anew, as after `adb root`."""
        self.set_adb(False)
        self.world.at(self.world.now_s + 0.5, lambda: self.set_adb(self.powered and self.world.usb_connected))

    def start_wakeups(self) -> None:
        """Something in the background wakes up now and then."""
        noise = self.constants.noise
        if noise.wakeups_per_hour > 0:
            self.run(self._wakeups(3600.0 / noise.wakeups_per_hour))

    def _wakeups(self, mean_gap_s: float) -> Steps:
        noise, rng = self.constants.noise, self.world.rng
        while True:
            yield float(rng.exponential(mean_gap_s))
            self.world.set_load("wakeup", noise.wakeup_w)
            yield noise.wakeup_s * float(rng.uniform(0.5, 1.5))
            self.world.set_load("wakeup", 0.0)

    # -- processes

    def run_job(self, process: Steps) -> None:
        """Let a shell's background job run until it ends or is killed."""
        self._jobs.append(process)
        self.run(process)

    def stop_jobs(self) -> None:
        """Kill every background job."""
        for job in self._jobs:
            job.close()
        self._jobs.clear()

    def run(self, process: Iterator[float]) -> None:
        """Let a process run in the background until it ends or the phone loses its power."""
        generation = self._generation

        def step() -> None:
            if generation != self._generation:
                return
            if self.asleep:
                self._asleep.append(step)
                return
            duration_s = next(process, None)
            if duration_s is not None:
                self.world.at(self.world.now_s + duration_s, step)

        self.world.at(self.world.now_s, step)

    def shell(self, text: str, stdout: Callable[[bytes], None], stderr: Callable[[bytes], None]) -> Steps:
        """A shell process for a command line that came over adb."""
        from hardware.sim.phone.phone_commands import COMMANDS

        shell = Shell(self.files, COMMANDS, self.run_job, self)
        return shell.run(text, Streams(InputSource(), stdout, stderr))

    def cluster_of(self, mask: int) -> CpuCluster:
        """The clock domain that a task with this affinity runs in: that of its highest core."""
        core = max(0, int(math.log2(mask)) if mask else 0)
        return next(c for c in self.clusters.values() if core in c.cores)

    def log(self, tag: str, text: str) -> None:
        """A line in logcat, as `-v epoch -v usec` prints it."""
        self.logcat.append(f"{self.utc_s:20.6f}  4242  4242 I {tag:<8}: {text}\n")
