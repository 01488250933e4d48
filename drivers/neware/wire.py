"""The BTS API's requests and replies as values: bytes in, frozen values out, no input or output.

Every command is a row of ``COMMANDS`` (reference neware-ct4008, section 4). Replies are matched by content, because the
wire has no message number: command name, echoed addresses, test id and positions must be those asked for.
"""

from __future__ import annotations

import math
import re
import xml.etree.ElementTree as ET
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from drivers.errors import BadReply
from drivers.neware.framing import TERMINATOR

_DECLARATION = b'<?xml version="1.0" encoding="UTF-8" ?>'
# Section 8: barcodes are never type-converted and stay within this alphabet.
BARCODE = re.compile(r"[A-Za-z0-9_.-]{1,64}")


class Address(NamedTuple):
    """One channel: server ip as the client PC lists it, hardware generation, middle machine, unit, channel."""

    ip: str
    devtype: int
    devid: int
    subdevid: int
    chlid: int

    @property
    def channel(self) -> str:
        """Name the channel as technicians do: ``devid-subdevid-chlid``."""
        return f"{self.devid}-{self.subdevid}-{self.chlid}"

    @property
    def with_ip(self) -> dict[str, str]:
        """Return the attributes of commands that take an ip (section 3)."""
        return {"ip": self.ip} | self.without_ip

    @property
    def without_ip(self) -> dict[str, str]:
        """Return the attributes of inquiredf and the downloads, which take none."""
        numbers = {"devtype": self.devtype, "devid": self.devid, "subdevid": self.subdevid, "chlid": self.chlid}
        return {name: str(value) for name, value in numbers.items()}


@dataclass(frozen=True, slots=True)
class Command:
    """One command of the API: its name, the names its reply may bear, and whether it changes anything."""

    name: str
    replies: tuple[str, ...]
    writes: bool = False


def _table() -> dict[str, Command]:
    reads = ("connect", "getdevinfo", "getchlstatus", "inquire", "inquiredf", "downloadStepLayer")
    writes = ("start", "stop", "continue", "goto", "reset", "light", "clearflag", "broadcaststop")
    rows = [Command(name, (f"{name}_resp",)) for name in reads]
    rows += [Command(name, (f"{name}_resp",), writes=True) for name in writes]
    # Sections 4.5 and 4.7: the real BTS 8.0 misspells these two, its document does not.
    rows.append(Command("download", ("donwload_resp", "download_resp")))
    rows.append(Command("downloadlog", ("donwloadlog_resp", "downloadlog_resp")))
    return {row.name: row for row in rows}


COMMANDS = _table()


@dataclass(frozen=True, slots=True)
class Request:
    """A command with its bytes, ready to send."""

    command: Command
    data: bytes


def _request(name: str, *body: ET.Element) -> Request:
    root = ET.Element("bts", {"version": "1.0"})
    ET.SubElement(root, "cmd").text = name
    root.extend(body)
    return Request(COMMANDS[name], _DECLARATION + ET.tostring(root, encoding="utf-8") + TERMINATOR)


def _element(tag: str, attributes: dict[str, str] | None = None, text: str | None = None) -> ET.Element:
    element = ET.Element(tag, attributes or {})
    element.text = text
    return element


def _listed(elements: Sequence[ET.Element], count: int | None = None) -> ET.Element:
    listing = _element("list", {"count": str(len(elements) if count is None else count)})
    listing.extend(elements)
    return listing


def connect(username: str, password: str) -> Request:
    """Log in (section 2.4)."""
    fields = {"username": username, "password": password, "type": "bfgs"}
    return _request("connect", *(_element(tag, text=text) for tag, text in fields.items()))


def getdevinfo() -> Request:
    """Ask which channels exist (section 4.1)."""
    return _request("getdevinfo")


def getchlstatus(addresses: Sequence[Address]) -> Request:
    """Ask for the state of each channel (section 4.2)."""
    return _request("getchlstatus", _listed([_element("status", a.with_ip, "true") for a in addresses]))


def inquire(addresses: Sequence[Address], *, aux: bool = False) -> Request:
    """Ask for live values with barcodes, and with those of auxiliary inputs (section 4.3)."""
    extra = {"aux": "1" if aux else "0", "barcode": "1"}
    return _request("inquire", _listed([_element("inquire", a.with_ip | extra, "true") for a in addresses]))


def inquiredf(addresses: Sequence[Address], test_id: int = 0) -> Request:
    """Ask for test id and record count (section 4.4); test id 0 is the latest."""
    extra = {"testid": str(test_id)}
    return _request("inquiredf", _listed([_element("chl", a.without_ip | extra) for a in addresses]))


def download(address: Address, test_id: int, first: int, count: int) -> Request:
    """Ask for ``count`` (at most 1000) records from sequence number ``first`` (section 4.5)."""
    # Written as text, because it is asked once a channel and poll, and a whole number needs no escape.
    place = " ".join(f'{name}="{value}"' for name, value in address.without_ip.items())
    what = f'auxid="0" testid="{test_id:d}" startpos="{first:d}" count="{count:d}"'
    body = f'<bts version="1.0"><cmd>download</cmd><download {place} {what} /></bts>'
    return Request(COMMANDS["download"], _DECLARATION + body.encode("ascii") + TERMINATOR)


def download_step_layer(address: Address, test_id: int) -> Request:
    """Ask for one row per executed step (section 4.6)."""
    return _request("downloadStepLayer", _element("downloadStepLayer", address.without_ip | {"testid": str(test_id)}))


def downloadlog(address: Address, test_id: int) -> Request:
    """Ask for the tester's log of a test (section 4.7)."""
    return _request("downloadlog", _element("download", address.without_ip | {"testid": str(test_id)}))


@dataclass(frozen=True, slots=True)
class Backup:
    """How BTS keeps its own copy of the data (section 4.8): folder on the BTS PC, interval in minutes."""

    folder: str
    interval_min: int = 720


def start(address: Address, step_file: str, barcode: str, backup: Backup) -> Request:
    """Start the step file (a path as the BTS PC sees it) under a barcode (section 4.8).

    Raises ValueError for a barcode outside letters, digits, underscore, dot and dash.
    """
    if not BARCODE.fullmatch(barcode):
        raise ValueError(f"barcode {barcode!r} may hold only letters, digits, '_', '.', '-' (at most 64)")
    copy = {
        "backupdir": backup.folder,
        "remotedir": "",
        "filenametype": "0",
        "customfilename": "",
        "addtimewhenrepeat": "0",
        "createdirbydate": "0",
        "filetype": "0",
        "backupontime": "1",
        "backupontimeinterval": str(backup.interval_min),
        "backupfree": "1",
    }
    order = _element("start", address.with_ip | {"barcode": barcode}, step_file)
    return _request("start", _listed([order, _element("backup", copy)], count=1))


def stop(address: Address) -> Request:
    """Stop one channel (section 4.9)."""
    return _request("stop", _listed([_element("stop", address.with_ip, "true")]))


def resume(address: Address) -> Request:
    """Continue one channel; whether it works from anything but pause is UNSURE (section 4.9)."""
    return _request("continue", _listed([_element("continue", address.with_ip, "true")]))


def goto(address: Address, step: int) -> Request:
    """Jump to a step (section 4.9)."""
    return _request("goto", _listed([_element("goto", address.with_ip | {"step": str(step)}, "true")]))


def reset(address: Address, step_file: str) -> Request:
    """Replace the schedule of the running test; the one command without a list (section 4.12)."""
    return _request("reset", _element("reset", address.with_ip | {"DBC_CAN": "0"}, step_file))


def light(address: Address, on: bool) -> Request:
    """Switch a channel's lamp (section 4.9)."""
    return _request("light", _listed([_element("light", address.with_ip, "true" if on else "false")]))


def clearflag(address: Address) -> Request:
    """Clear an alarm flag (section 4.9)."""
    return _request("clearflag", _listed([_element("clearflag", address.with_ip, "true")]))


def broadcaststop(ip: str, devtype: int, devid: int) -> Request:
    """Stop every channel of a middle machine: an emergency action of a person (section 4.10)."""
    machine = {"ip": ip, "devtype": str(devtype), "devid": str(devid)}
    return _request("broadcaststop", _listed([_element("stop", machine, "true")]))


def parse(frame: bytes) -> tuple[str, ET.Element]:
    """Turn a frame into its command name and tree. Raises BadReply for anything that is not one.

    Documents with ``<!`` are refused before the parser sees them: without a document type nothing can be expanded.
    """
    try:
        text = frame.decode("utf-8")
        if "<!" in text:
            raise BadReply("BTS reply holds a document type or comment, which no reply has")
        root = ET.fromstring(text)  # noqa: S314 - no document type gets here, and the fast parser is needed
    except (UnicodeDecodeError, ET.ParseError) as err:
        raise BadReply(f"BTS reply is not well-formed XML: {err}") from err
    name = root.findtext("cmd")
    if root.tag != "bts" or not name:
        raise BadReply("BTS reply names no command")
    return name, root


def number(text: str | None) -> float:
    """Read a number; a placeholder for a missing value becomes NaN, never zero (faults A14)."""
    if text is None or text.strip("- ") == "":
        return math.nan
    try:
        if "_" in text or not text.isascii():
            # Python would read 1_0 as ten.
            raise ValueError(text)
        return float(text)
    except ValueError as err:
        raise BadReply(f"BTS sent {text[:80]!r} where a number belongs") from err


def outcome(root: ET.Element, tag: str) -> bool:
    """Read the outcome of a write to one channel: True for ``ok``. Matched by position, as section 4.8 advises."""
    found = next(root.iter(tag), None)
    if found is None or (found.text or "").strip() not in {"ok", "false"}:
        raise BadReply(f"BTS answered {tag} with neither ok nor false")
    return (found.text or "").strip() == "ok"
