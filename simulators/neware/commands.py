"""The BTS client's commands as a table: the effect of each request on the tester, and its reply.

Sans-io: a request in, the reply's text out, None for silence. Numbers in brackets are sections of the CT-4008
reference.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path, PureWindowsPath
from xml.etree.ElementTree import Element

from simulators.neware.memory import StoredTest
from simulators.neware.replies import (
    PcClock,
    element,
    listed,
    live_row,
    log_row,
    record_rows,
    reply,
    rounded,
    step_row,
)
from simulators.neware.requests import Request
from simulators.neware.schedule import TICKS_PER_S, Schedule, ScheduleError
from simulators.neware.schedule_as_taken import as_taken
from simulators.neware.step_machine import Status
from simulators.neware.stepfile import read_schedule
from simulators.neware.tester import Channel, Tester
from simulators.small_files import read_small

_ADDRESS = ("ip", "devtype", "devid", "subdevid", "chlid")
_MAX_RECORDS = 1000
_MAX_LOG_ROWS = 5000
_MAX_STEP_FILE_BYTES = 4_000_000

WRITES = frozenset(
    {"start", "stop", "continue", "goto", "reset", "light", "clearflag", "resetalarm", "broadcaststop",
     "chl_ctrl", "parallel", "setpause", "cancelpause"}
)  # fmt: skip
"""Commands that change something."""


class Commands:
    """Answers requests against one tester."""

    def __init__(self, tester: Tester) -> None:
        """Serve this tester."""
        self._tester = tester
        self._quirks = tester.quirks
        self._clock = PcClock(tester.epoch_unix_s, tester.quirks.utc_offset_s, tester.quirks.clock_drift)
        self._table: dict[str, Callable[[Request], str]] = {
            "connect": self._connect,
            "getdevinfo": self._devices,
            "getchlstatus": self._statuses,
            "inquire": self._inquire,
            "inquiredf": self._data_files,
            "download": self._download,
            "downloadStepLayer": self._step_layer,
            "downloadlog": self._log,
            "start": self._each("start", self._start),
            "stop": self._each("stop", lambda name, _: self._tester.stop(name)),
            "continue": self._each("continue", lambda name, _: self._tester.resume(name)),
            "goto": self._each("goto", self._goto),
            "light": self._each("light", self._light),
            "clearflag": self._each("clearflag", self._clear_flag),
            "resetalarm": self._each("resetalarm", self._clear_flag),
            "reset": self._reset,
            "broadcaststop": self._stop_all,
            # Only on other hardware, or never seen live [4.9, 4.11, 4.13]: refused channel by channel.
            **{name: self._each(name, lambda *_: False) for name in ("chl_ctrl", "parallel", "setpause")},
            "cancelpause": self._each("cancelpause", lambda *_: False),
            "getpause": lambda _: reply("getpause_resp", listed([])),
            "getparallel": lambda _: reply("getparallel_resp", listed([])),
        }

    def answer(self, request: Request) -> str | None:
        """Return the reply up to ``</bts>``, None to an unknown command or one without what it needs."""
        handler = self._table.get(request.command)
        if handler is None:
            return None
        try:
            text = handler(request)
        except _NonsenseError:
            return None
        for old, new in self._quirks.renamed.items():
            text = text.replace(f" {old}=", f" {new}=")
        return text

    # Reading ---------------------------------------------------------------------------------------------------

    def _connect(self, request: Request) -> str:
        given = (request.fields.get("username"), request.fields.get("password"))
        result = "ok" if given == (self._quirks.username, self._quirks.password) else "fail"
        return reply("connect_resp", [f"  <result>{result}</result>"])

    def _devices(self, _: Request) -> str:
        lines = ['  <serverip count="1">', '    <server ip="127.0.0.1" port="3306" />', "  </serverip>"]
        if self._quirks.client_version is not None:
            lines.insert(0, f"  {element('client', {'version': self._quirks.client_version})}")
        self._tester.advance()
        rows = []
        for name, channel in self._tester.channels.items():
            unit = channel.unit
            place = {"ip": "127.0.0.1", "devtype": str(unit.devtype), "devid": str(unit.devid)}
            place |= {"subdevid": str(unit.subdevid), "Channelid": name.rpartition("-")[2]}
            rows.append("    " + element("channel", place, "false" if channel.busy else "true"))
        # The closing tag of ``middle`` starts in column 0 [appendix B].
        return reply("getdevinfo_resp", [*lines, f'  <middle count="{len(rows)}">', *rows, "</middle>"])

    def _statuses(self, request: Request) -> str:
        rows = []
        for asked in request.named("status"):
            channel = self._find(asked)
            place = _place(asked) | {"reservepause": "1"}
            if self._quirks.wrong_subdevid:
                place["subdevid"] = "1"
            rows.append(element("status", place, "false" if channel is None else channel.machine.status.value))
        return reply("getchlstatus_resp", listed(rows))

    def _inquire(self, request: Request) -> str:
        rows = []
        for asked in request.named("inquire"):
            channel = self._find(asked)
            parts = [asked.get(key, "") for key in _ADDRESS[1:]]
            device = "-".join([*parts, "0"])
            if channel is None:
                rows.append(element("inquire", {"dev": device, "workstatus": "false"}))
                continue
            status = channel.machine.status
            live = channel.live(self._tester.now_tick(), self._quirks.live_cache_s)
            latest = channel.test(0)
            barcode = None if asked.get("barcode") != "1" else latest.barcode if latest else ""
            code = self._quirks.log_codes.working if status is Status.WORKING else 0
            if status is Status.PROTECT:
                code = self._quirks.log_codes.protect
            shown = live_row(device, live, status.value, barcode, code, idle=not channel.busy)
            inputs = self._inputs(asked, channel.name)
            if self._quirks.aux_has_own_row and inputs:
                rows.append(element("inquire", shown))
                shown = {"dev": "-".join([*parts, "1"]), "workstatus": status.value}
            rows.append(element("inquire", shown | inputs))
        return reply("inquire_resp", listed(rows, 1 if self._quirks.inquire_counts_one and rows else None))

    def _inputs(self, asked: Element, name: str) -> dict[str, str]:
        """Return what an auxiliary input at a channel's cell shows, where it is asked for."""
        quirks = self._quirks
        if asked.get("aux") != "1" or not quirks.aux_temperature:
            return {}
        return {quirks.aux_temperature: rounded(self._tester.temperature_of(name) * quirks.aux_units_per_k)}

    def _data_files(self, request: Request) -> str:
        rows = []
        for asked in request.named("chl"):
            channel, test = self._find_test(asked)
            place = _place(asked) | {
                "testid": str(test.test_id) if test else "0",
                "count": str(min(test.told_count, self._shown(test)) if self._quirks.record_lag_s else test.told_count)
                if test
                else "0",
            }
            complete = channel is not None and (test is None or test.complete)
            rows.append(element("chl", place, "true" if complete else "false"))
        return reply("inquiredf_resp", listed(rows))

    def _download(self, request: Request) -> str:
        asked = _only(request.named("download"))
        _, test = self._find_test(asked)
        first, count = _number(asked.get("startpos")), min(_number(asked.get("count")), _MAX_RECORDS)
        echo = _place(asked) | {
            "testid": str(test.test_id) if test else "0",
            "startpos": asked.get("startpos", "0"),
            "count": asked.get("count", "0"),
            "auxid": asked.get("auxid", "0"),
        }
        count = min(count, self._shown(test) - max(first, 1) + 1) if test else 0
        rows = record_rows(test, max(first, 1), count, self._clock) if test and count > 0 else []
        return reply(self._spelled("download"), [f"  {element('download', echo)}", *listed(rows)])

    def _shown(self, test: StoredTest) -> int:
        """Return how many records of a test are old enough to be shown."""
        lag_ticks = round(self._quirks.record_lag_s * TICKS_PER_S)
        return len(test) if not lag_ticks else test.made_by(self._tester.now_tick() - lag_ticks)

    def _step_layer(self, request: Request) -> str:
        asked = _only(request.named("downloadStepLayer"))
        _, test = self._find_test(asked)
        echo = element("downloadStepLayer", _place(asked) | {"testid": str(test.test_id) if test else "0"})
        steps = test.steps if test else []
        rows = [step_row(index, row, self._clock) for index, row in enumerate(steps, 1)]
        return reply("downloadStepLayer_resp", [f"  {echo}", *listed(rows)])

    def _log(self, request: Request) -> str:
        asked = _only(request.named("download"))
        _, test = self._find_test(asked)
        echo = _place(asked) | {
            "testid": str(test.test_id) if test else "0",
            "log_lever": asked.get("log_lever", "0"),
        }
        rows = [log_row(row, self._clock) for row in (test.log[-_MAX_LOG_ROWS:] if test else [])]
        return reply(self._spelled("downloadlog"), [f"  {element('download', echo)}", *listed(rows)])

    def _spelled(self, command: str) -> str:
        """Return the reply's name of a download, misspelled as BTS 8.0 does [4.5]."""
        return (command.replace("download", "donwload") if self._quirks.misspelled_download else command) + "_resp"

    # Writing ---------------------------------------------------------------------------------------------------

    def _each(self, tag: str, act: Callable[[str, Element], bool]) -> Callable[[Request], str]:
        """Make a handler that acts on every channel asked for and answers ok or false, in order."""

        def handle(request: Request) -> str:
            rows = []
            for asked in request.named(tag):
                done = self._find(asked) is not None and act(_name(asked), asked)
                rows.append(element(tag, _place(asked), "ok" if done else "false"))
            return reply(f"{tag}_resp", listed(rows))

        return handle

    def _start(self, name: str, asked: Element) -> bool:
        schedule = self._load(name, asked)
        if schedule is None and self._quirks.missing_file != "refused":
            return not self._local_path((asked.text or "").strip()).exists()
        return schedule is not None and self._tester.start(name, schedule, asked.get("barcode", "")) is not None

    def _goto(self, name: str, asked: Element) -> bool:
        return self._tester.goto(name, _number(asked.get("step")))

    def _light(self, name: str, asked: Element) -> bool:
        self._tester.channel(name).lit = (asked.text or "").strip() != "false"
        return True

    def _clear_flag(self, name: str, _: Element) -> bool:
        channel = self._tester.channel(name)
        flagged, channel.flagged = channel.flagged, False
        return flagged

    def _reset(self, request: Request) -> str:
        asked = _only(request.named("reset"))
        done = False
        if self._find(asked) is not None:
            schedule = self._load(_name(asked), asked)
            done = schedule is not None and self._tester.replace_schedule(_name(asked), schedule)
        return reply("reset_resp", [f"  {element('reset', _place(asked), 'ok' if done else 'false')}"])

    def _stop_all(self, request: Request) -> str:
        rows = []
        for asked in request.named("stop"):
            names = [n for n, c in self._tester.channels.items() if str(c.unit.devid) == asked.get("devid")]
            for name in names:
                self._tester.stop(name)
            place = {key: asked.get(key, "") for key in _ADDRESS[:3] if key in asked.attrib}
            rows.append(element("stop", place, "ok" if names else "false"))
        return reply("broadcaststop_resp", listed(rows))

    def _load(self, name: str, asked: Element) -> Schedule | None:
        """Open the step file at the path in the element, as this PC sees it; None when it cannot be run."""
        path = self._local_path((asked.text or "").strip())
        try:
            data = read_small(path, _MAX_STEP_FILE_BYTES)
            return as_taken(read_schedule(data, self._tester.channel(name).unit.ratings, self._quirks), self._quirks)
        except (OSError, ValueError, ScheduleError):
            return None

    def _local_path(self, text: str) -> Path:
        """Map a path of the BTS PC to a local one; other paths are taken as they are."""
        given = PureWindowsPath(text)
        for folder, local in self._quirks.path_map.items():
            if given.is_relative_to(PureWindowsPath(folder)) and ".." not in given.parts:
                return Path(local, *given.relative_to(PureWindowsPath(folder)).parts)
        return Path(text)

    # Addresses -------------------------------------------------------------------------------------------------

    def _find(self, asked: Element) -> Channel | None:
        """Return the channel that an element addresses, advanced to now."""
        name = _name(asked)
        if name not in self._tester.channels:
            return None
        channel = self._tester.channel(name)
        return channel if asked.get("devtype") in (None, str(channel.unit.devtype)) else None

    def _find_test(self, asked: Element) -> tuple[Channel | None, StoredTest | None]:
        """Return channel and test of an element; test 0 is the latest."""
        channel = self._find(asked)
        return channel, None if channel is None else channel.test(_number(asked.get("testid")))


class _NonsenseError(Exception):
    """The request lacks what its command needs."""


def _only(elements: list[Element]) -> Element:
    if not elements:
        raise _NonsenseError
    return elements[0]


def _number(text: str | None) -> int:
    """Read a whole number of a request; missing is 0."""
    try:
        return int(text or "0")
    except ValueError as err:
        raise _NonsenseError from err


def _name(asked: Element) -> str:
    return f"{asked.get('devid')}-{asked.get('subdevid')}-{asked.get('chlid')}"


def _place(asked: Element) -> dict[str, str]:
    """Return the address of the request unchanged."""
    return {key: asked.attrib[key] for key in _ADDRESS if key in asked.attrib}
