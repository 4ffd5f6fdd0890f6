"""The fake adb server as the real adbutils client sees it: the same answers as a real server and a real phone."""

from __future__ import annotations

import io
from collections.abc import Iterator

import adbutils
import numpy as np
import pytest
from adbutils import AdbError
from phone_rig import PhoneRig, phone_rig


@pytest.fixture
def rig() -> Iterator[PhoneRig]:
    with phone_rig() as rig:
        yield rig


@pytest.fixture
def client(rig: PhoneRig) -> adbutils.AdbClient:
    return adbutils.AdbClient("127.0.0.1", rig.port)


@pytest.fixture
def device(client: adbutils.AdbClient) -> adbutils.AdbDevice:
    return client.device()


def test_the_phone_is_listed(rig: PhoneRig, client: adbutils.AdbClient) -> None:
    assert [(info.serial, info.state) for info in client.list()] == [(rig.phone.serial, "device")]
    assert client.list(extended=True)[0].tags["model"] == "Pixel_4_XL"
    assert client.server_version() == 41


def test_what_the_server_knows_of_a_phone(rig: PhoneRig, device: adbutils.AdbDevice) -> None:
    assert device.get_state() == "device"
    assert device.get_serialno() == rig.phone.serial
    assert "shell_v2" in device.get_features()


def test_shell_v2_keeps_output_errors_and_exit_code_apart(device: adbutils.AdbDevice) -> None:
    answer = device.shell2("echo out; echo err >&2; exit 7", v2=True)
    assert (answer.stdout, answer.stderr, answer.returncode) == ("out\n", "err\n", 7)


def test_shell_v1_has_one_stream_and_its_exit_code_is_echoed(device: adbutils.AdbDevice) -> None:
    answer = device.shell2("echo out; echo err >&2; false")
    assert (answer.output, answer.returncode) == ("out\nerr\n", 1)
    assert device.shell("echo a; echo b") == "a\nb"


def test_an_exit_under_shell_v1_hides_the_exit_code(device: adbutils.AdbDevice) -> None:
    with pytest.raises(AdbError):
        device.shell2("exit 7")


def test_three_megabytes_go_and_come_back_whole(device: adbutils.AdbDevice) -> None:
    content = np.random.default_rng(1).bytes(3_000_000)
    path = "/data/local/tmp/big"
    assert device.sync.push(io.BytesIO(content), path, check=True) == len(content)
    assert device.sync.read_bytes(path) == content
    assert device.sync.stat(path).size == len(content)


def test_a_file_that_is_not_there_cannot_be_pulled(device: adbutils.AdbDevice) -> None:
    with pytest.raises(AdbError):
        device.sync.read_bytes("/data/local/tmp/nothing")
    assert device.sync.stat("/data/local/tmp/nothing").size == 0


def test_a_serial_that_is_not_there_is_refused_by_its_name(client: adbutils.AdbClient) -> None:
    with pytest.raises(AdbError, match="'OTHER' not found"):
        client.device(serial="OTHER").shell2("true", v2=True)
    with pytest.raises(AdbError, match="'OTHER' not found"):
        client.device(serial="OTHER").get_state()


def test_an_unauthorised_phone_is_listed_so_and_answers_nothing(rig: PhoneRig, client: adbutils.AdbClient) -> None:
    rig.phone.authorised = False
    assert client.list()[0].state == "unauthorized"
    with pytest.raises(AdbError, match="unauthorized"):
        client.device(serial=rig.phone.serial).shell2("true", v2=True)


@pytest.mark.parametrize("serial", ["known", None])
def test_leaving_and_coming_back_can_be_waited_for(
    rig: PhoneRig, client: adbutils.AdbClient, serial: str | None
) -> None:
    chosen = rig.phone.serial if serial else None
    rig.later(1.0, False)
    rig.later(3.0, True)
    client.wait_for(chosen, state="disconnect")
    assert not rig.phone.adb_online
    assert client.list() == []
    client.wait_for(chosen, state="device")
    assert rig.phone.adb_online
    assert client.list()[0].state == "device"


def test_a_shell_is_cut_off_when_usb_goes(rig: PhoneRig, device: adbutils.AdbDevice) -> None:
    device.get_features()
    rig.later(1.0, False)
    with pytest.raises((EOFError, AdbError)):
        device.shell2("echo begun; sleep 5; echo > /data/local/tmp/done", v2=True)
    assert not rig.phone.files.is_file("/data/local/tmp/done")


def test_under_shell_v1_a_cut_is_an_answer_that_is_too_short(rig: PhoneRig, device: adbutils.AdbDevice) -> None:
    rig.later(1.0, False)
    assert device.shell("echo begun; sleep 5; echo done") == "begun"


def test_a_phone_without_usb_cannot_be_reached_until_it_is_back(rig: PhoneRig, device: adbutils.AdbDevice) -> None:
    device.get_features()
    rig.later(0.0, False)
    rig.time.sleep(1.0)
    with pytest.raises(AdbError, match="not found"):
        device.shell2("true", v2=True)
    rig.later(0.0, True)
    rig.time.sleep(rig.phone.constants.timing.usb_back_max_s + 0.1)
    assert device.shell2("echo back", v2=True).stdout == "back\n"


def test_a_detached_job_lives_on_without_usb_and_a_foreground_one_does_not(
    rig: PhoneRig, device: adbutils.AdbDevice
) -> None:
    device.get_features()
    device.shell2("setsid nohup sh -c 'sleep 3; echo a > /data/local/tmp/job' > /dev/null 2>&1 & sleep 0.5", v2=True)
    rig.later(0.0, False)
    # Without USB and with its screen off it would fall asleep; the screen is on here.
    rig.time.sleep(5.0)
    rig.bench.world.catch_up()
    assert rig.phone.files.is_file("/data/local/tmp/job")


def test_root_restarts_adbd_and_the_phone_is_away_meanwhile(rig: PhoneRig, client: adbutils.AdbClient) -> None:
    device = client.device()
    assert device.shell2("id -u", v2=True).stdout == "2000\n"
    assert device.root() == "restarting adbd as root\n"
    assert client.list() == []
    client.wait_for(rig.phone.serial, state="device")
    assert device.shell2("id -u", v2=True).stdout == "0\n"
    assert "already running as root" in device.root()


def test_a_production_build_refuses_root(client: adbutils.AdbClient) -> None:
    with phone_rig(root="none") as locked:
        said = adbutils.AdbClient("127.0.0.1", locked.port).device().root()
    assert "cannot run as root" in said
