"""What a start measures with: the tool on the phone, the same devices as in earlier starts, and the record of them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from db.database import Database
from db.queries import equipment_of
from db.rows import CampaignRow, MeterSpec, PhoneSpec, SessionSpec
from hardware.bench import Bench
from lab.campaign.provenance import Provenance
from lab.errors import CampaignStopped, MixedConditions
from lab.profile.profile import BenchProfile
from lab.profile.sections import ToolSection


def tool_content(tool: ToolSection) -> bytes | None:
    """The benchmark tool that is to be put onto the phone; None where the profile names no file of it.

    Raises:
        CampaignStopped: the file cannot be read.
    """
    if tool.host_path is None:
        return None
    try:
        return Path(tool.host_path).read_bytes()
    except OSError as error:
        raise CampaignStopped(
            f"The benchmark tool {tool.host_path} cannot be read: {error.strerror}.",
            "Correct tool.host_path in the bench profile.",
        ) from error


def check_equipment(db: Database, campaign: CampaignRow, bench: Bench, tool_sha256: str | None) -> None:
    """Refuse another phone, meter or build of the tool than the campaign's first session had.

    Args:
        tool_sha256: of the tool that is on the phone, or would be put there; None: not known yet.

    Raises:
        MixedConditions: it is another.
    """
    before = equipment_of(db, campaign.campaign_id)
    if before is None:
        return
    phone, meter = bench.phone.info, bench.meter.info
    for what, then, now in (
        ("phone", before.phone_serial, phone.serial),
        ("phone's build", before.build_fingerprint, phone.build_fingerprint),
        ("meter", before.meter_serial, meter.serial),
        ("benchmark tool", before.tool_sha256, tool_sha256),
    ):
        if now is not None and then != now:
            raise MixedConditions(
                f"Campaign {campaign.name} was measured with {what} {then}; this is {now}.",
                "Measurements with different equipment are never mixed: give another name with --campaign.",
            )


def session_spec(
    bench: Bench,
    profile: BenchProfile,
    campaign: CampaignRow,
    provenance: Provenance,
    tool_sha256: str,
    before: Mapping[str, str],
) -> SessionSpec:
    """A start as the record keeps it.

    Args:
        tool_sha256: of the tool on the phone.
        before: the phone's settings before they were changed.
    """
    meter, phone = bench.meter.info, bench.phone.info
    return SessionSpec(
        campaign_id=campaign.campaign_id,
        meter=MeterSpec(kind=meter.kind, serial=meter.serial, firmware=str(meter.firmware)),
        phone=PhoneSpec(serial=phone.serial, model=phone.model, build_fingerprint=phone.build_fingerprint),
        simulated=bench.simulated,
        started_utc=bench.clock.utc(),
        host=provenance.host,
        pid=provenance.pid,
        profile_name=profile.name,
        profile_toml=profile.text,
        tool_sha256=tool_sha256,
        tool_banner="",
        versions=provenance.versions,
        calibration=meter.calibration,
        settings=dict(before),
        seed=campaign.seed,
        clock_freq_khz=profile.lock.freq_khz,
        core=profile.lock.core,
    )
