"""The link to a phone: everything that can go wrong on it is an error that says what to do next."""

from __future__ import annotations

import shlex
import socket
from collections.abc import Callable, Iterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from phone_rig import PhoneRig, phone_rig

from hardware.android.adb_link import AdbLink, phone_states
from hardware.errors import (
    AdbLost,
    CommandFailed,
    HardwareError,
    NoRoot,
    PhoneNotFound,
    PhoneUnauthorised,
    SeveralPhones,
    StableError,
    TransientError,
)

FILE = "/data/local/tmp/file"
NASTY = [
    "x; rm -rf /data",
    "$(rm -rf /data)",
    "`rm -rf /data`",
    "a\" b' c",
    "two  spaces",
    "-n",
    "new\nline; rm -rf /data",
    "* ? [a]",
    "back\\slash",
    "\u00fcml\u00e4ut \u2603",
    "&& rm -rf /data || true > /data/local/tmp/keep",
]


@pytest.fixture
def rig() -> Iterator[PhoneRig]:
    with phone_rig() as rig:
        yield rig


@pytest.fixture
def link(rig: PhoneRig) -> AdbLink:
    return rig.link()


def unplug(rig: PhoneRig) -> None:
    rig.later(0.0, False)
    rig.time.sleep(1.0)
    rig.bench.world.catch_up()


def test_a_command_gives_its_output_and_its_exit_code(link: AdbLink) -> None:
    result = link.run("echo a; echo b >&2; exit 3", check=False)
    assert (result.stdout, result.stderr, result.exit_code) == ("a\n", "b\n", 3)


def test_a_command_that_fails_says_how_and_can_be_tried_again(link: AdbLink) -> None:
    with pytest.raises(CommandFailed, match="exit code 1: cat: /nothing: No such file") as raised:
        link.run("cat /nothing")
    assert isinstance(raised.value, TransientError)
    assert "lab doctor" in raised.value.hint


def test_without_an_adb_server_the_hint_says_how_to_start_one() -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with pytest.raises(PhoneNotFound) as raised:
        phone_states("127.0.0.1", port)
    assert "adb start-server" in raised.value.hint


def test_a_server_that_ends_later_is_a_lost_link(rig: PhoneRig, link: AdbLink) -> None:
    link.run("true")
    rig.bench.close()
    with pytest.raises(AdbLost) as raised:
        link.run("true")
    assert raised.value.hint


def test_a_phone_that_is_not_there_is_named_beside_those_that_are(rig: PhoneRig) -> None:
    with pytest.raises(PhoneNotFound, match=f"find OTHER: connected: {rig.phone.serial}") as raised:
        rig.link("OTHER")
    assert "cable" in raised.value.hint


def test_no_phone_at_all_is_said(rig: PhoneRig) -> None:
    unplug(rig)
    with pytest.raises(PhoneNotFound, match="connected: none"):
        rig.link()


def test_several_phones_ask_for_a_name(rig: PhoneRig, monkeypatch: pytest.MonkeyPatch) -> None:
    server = rig.bench.adb_server
    listing = server._listing
    monkeypatch.setattr(server, "_listing", lambda long: listing(long) + "OTHER\tdevice\n")
    with pytest.raises(SeveralPhones, match=f"{rig.phone.serial}, OTHER") as raised:
        rig.link()
    assert f'serial = "{rig.phone.serial}"' in raised.value.hint
    assert rig.link(rig.phone.serial).run("echo here").stdout == "here\n"


def test_an_unauthorised_phone_asks_for_its_dialog(rig: PhoneRig) -> None:
    rig.phone.authorised = False
    with pytest.raises(PhoneUnauthorised) as raised:
        rig.link()
    assert isinstance(raised.value, StableError)
    assert "accept this computer's key" in raised.value.hint


@pytest.mark.parametrize(
    "action",
    [
        lambda link: link.run("true"),
        lambda link: link.run("true", check=False),
        lambda link: link.push(b"x", FILE),
        lambda link: link.pull(FILE),
        lambda link: link.wait_back(2.0),
    ],
    ids=["run", "run unchecked", "push", "pull", "wait back"],
)
def test_a_phone_that_has_gone_is_a_lost_link_whatever_is_asked(
    rig: PhoneRig, link: AdbLink, action: Callable[[AdbLink], object]
) -> None:
    link.run("true")
    unplug(rig)
    with pytest.raises(AdbLost) as raised:
        action(link)
    assert isinstance(raised.value, TransientError)
    assert "cable" in raised.value.hint


@pytest.mark.parametrize(
    "action",
    [lambda link: link.run("sleep 5; echo x"), lambda link: link.push(bytes(60_000_000), FILE)],
    ids=["run", "push"],
)
def test_usb_that_goes_in_the_middle_is_a_lost_link_and_no_short_answer(
    rig: PhoneRig, link: AdbLink, action: Callable[[AdbLink], object]
) -> None:
    link.run("true")
    rig.later(1.0, False)
    with pytest.raises(AdbLost):
        action(link)
    assert rig.phone.files.get(FILE) is None


def test_usb_that_goes_in_the_middle_of_a_pull_is_a_lost_link(rig: PhoneRig, link: AdbLink) -> None:
    rig.phone.files.write(FILE, bytes(60_000_000))
    rig.later(1.0, False)
    with pytest.raises(AdbLost):
        link.pull(FILE)


def test_leaving_and_coming_back_are_waited_for(rig: PhoneRig, link: AdbLink) -> None:
    rig.later(1.0, False)
    link.wait_gone(5.0)
    assert link.state() == ""
    rig.later(1.0, True)
    link.wait_back(20.0)
    assert link.state() == "device"
    assert link.run("echo back").stdout == "back\n"


def test_a_phone_that_stays_although_usb_was_cut_points_at_the_cable(link: AdbLink) -> None:
    with pytest.raises(AdbLost, match="still connected after 3 s") as raised:
        link.wait_gone(3.0)
    assert "in the meter's USB port" in raised.value.hint
    link.wait_gone(0.5, required=False)


@pytest.mark.parametrize("n_bytes", [0, 1, 65536, 3_000_001])
def test_a_file_arrives_whole_and_comes_back(rig: PhoneRig, link: AdbLink, n_bytes: int) -> None:
    content = bytes(range(256)) * (n_bytes // 256 + 1)
    link.push(content[:n_bytes], FILE, mode=0o755)
    assert link.pull(FILE) == content[:n_bytes]
    file = rig.phone.files.get(FILE)
    assert file is not None
    assert file.mode == 0o755
    assert file.written_s == pytest.approx(link.clock.utc().timestamp(), abs=10)


def test_a_full_phone_refuses_a_file_and_keeps_the_old_one(rig: PhoneRig, link: AdbLink) -> None:
    link.push(b"old", FILE)
    rig.phone.files.capacity_bytes = rig.phone.files.used_bytes + 1000
    with pytest.raises(CommandFailed, match=r"push .*\(100000 bytes\).*No space left on device") as raised:
        link.push(bytes(100_000), FILE)
    assert "df /data" in raised.value.hint
    assert link.pull(FILE) == b"old"


def test_a_folder_that_is_missing_is_said(link: AdbLink) -> None:
    with pytest.raises(CommandFailed, match="No such file or directory"):
        link.push(b"x", "/data/local/tmp/none/file")


def test_a_file_that_is_missing_cannot_be_pulled(link: AdbLink) -> None:
    with pytest.raises(CommandFailed, match=r"pull /nothing: .*No such file"):
        link.pull("/nothing")
    assert link.run("echo alive").stdout == "alive\n"


def test_root_by_adbd(rig: PhoneRig, link: AdbLink) -> None:
    link.become_root()
    assert link.run("id -u").stdout == "0\n"
    link.become_root()
    assert rig.phone.adb_is_root


@pytest.mark.parametrize("text", NASTY)
def test_root_by_su_leaves_the_command_as_it_is(text: str) -> None:
    with phone_rig(root="su") as rig:
        link = rig.link()
        link.become_root()
        assert link.run("id -u").stdout == "0\n"
        if text != "-n":
            assert link.run(f"echo {shlex.quote(text)}; exit 4", check=False).stdout == text + "\n"
        assert link.run("exit 4", check=False).exit_code == 4


def test_without_any_root_the_hint_says_how_to_get_it() -> None:
    with phone_rig(root="none") as rig, pytest.raises(NoRoot, match="production builds") as raised:
        rig.link().become_root()
    assert "Magisk" in raised.value.hint


@pytest.mark.parametrize("name", NASTY)
def test_a_name_of_a_file_is_only_a_name(rig: PhoneRig, name: str) -> None:
    pixel = rig.pixel()
    keep = "/data/local/tmp/keep"
    rig.phone.files.write(keep, b"kept")
    path = f"/data/local/tmp/{name}"
    rig.phone.files.make_folder(path.rpartition("/")[0])
    pixel.put_tool(b"\x7fELF tool", path)
    assert len(pixel.tool_sha256(path)) == 64
    assert pixel.clocks_khz(name) == set()
    assert rig.phone.files.read(keep) == b"kept"
    file = rig.phone.files.get(path)
    assert file is not None
    assert (bytes(file.content), file.mode) == (b"\x7fELF tool", 0o755)


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=st.text(st.characters(exclude_characters="\0\r", exclude_categories=["Cs"]), min_size=1, max_size=30))
def test_any_quoted_text_reaches_the_phone_unchanged(link: AdbLink, text: str) -> None:
    assert link.run(f"echo x{shlex.quote(text)}").stdout == f"x{text}\n"


def test_every_error_has_a_hint_that_says_what_to_do(rig: PhoneRig, link: AdbLink) -> None:
    seen = set[type[HardwareError]]()
    for action in (
        lambda: rig.link("OTHER"),
        lambda: link.run("false"),
        lambda: link.pull("/nothing"),
        lambda: link.wait_gone(0.2),
    ):
        with pytest.raises(HardwareError) as raised:
            action()
        error = raised.value
        assert error.device.startswith("phone")
        assert error.operation
        assert error.evidence
        assert error.hint.endswith((".", "?"))
        seen.add(type(error))
    assert seen == {PhoneNotFound, CommandFailed, AdbLost}
