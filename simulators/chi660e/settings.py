"""The settings of the simulated program and its instrument: those of a real cfg, points marked UNSURE, and faults.

A TOML file, named by the environment variable CHI660E_SIM_CFG; every key is optional.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields, is_dataclass
from typing import Any


def _key(default: Any, text: str) -> Any:  # noqa: ANN401 -- like dataclasses.field, it stands for any type
    """Return a setting with its sentence for ``--help``."""
    return field(default=default, metadata={"text": text})


@dataclass(frozen=True, slots=True)
class Timing:
    """[timing] seconds of the bench's clock [14.6]."""

    start_up_s: float = _key(3.07, "from the start of the program until it asks for the instrument")
    link_check_s: float = _key(0.5, "before each run")
    run_gap_s: float = _key(0.3, "after each run: transfer, saving, switching")
    point_s: float = _key(0.3, "per impedance point, on top of its cycles")
    settling_cycles: float = _key(0.0, "periods of the sine per impedance point before its cycles are counted")


@dataclass(frozen=True, slots=True)
class TextFormat:
    """[text] File -> Text File Format [9.1]; no macro command changes it."""

    figures: int = _key(4, "significant figures, 4 to 10")
    separator: str = _key(", ", "between columns: ', ', a tab, a space")
    memo: bool = _key(True, "write date, technique, file, header, note")
    parameters: bool = _key(True, "write the parameters")
    results: bool = _key(True, "write the results of voltammetry")
    numeric: bool = _key(True, "write the data")
    every: int = _key(1, "write every n-th point")
    three_columns: bool = _key(False, "impedance as frequency and two parts only")
    chinese: bool = _key(False, "technique names of Chinese builds")
    encoding: str = _key("", "of text files; by default ascii, or gbk with Chinese names (unsure)")
    line_end: str = _key("\r\n", "of text files")


@dataclass(frozen=True, slots=True)
class Faults:
    """[faults] the simulated faults; none by default [14.9]."""

    link_failed: bool = _key(False, "the instrument does not answer: a pop-up, nothing is measured")
    hang: str = _key("", "'start': hangs before anything, 'run': in the middle of the first run, 'end': after saving")
    crash: str = _key("", "'start' or 'run': the process dies there")
    comm_loss: bool = _key(False, "the link breaks half way through a run: the program hangs, the cell stays driven")
    half_file: bool = _key(False, "text files end in the middle of a row")
    stale_file: bool = _key(False, "no file is written, so that an older one stays")
    wrong_technique: bool = _key(False, "text files name another technique")
    wrong_header: bool = _key(False, "text files carry the header of another job")
    slow_file_s: float = _key(0.0, "text files grow in ten pieces over so many seconds")
    disk_full: bool = _key(False, "a text file of no bytes, then a pop-up")


@dataclass(frozen=True, slots=True)
class Settings:
    """The program and its instrument."""

    version: str = _key("new", "'new' or 'old': which commands and ranges the program knows [5, 6]")
    bad_prefix: str = _key("hang", "'hang' in a runtime error's box, or 'crash', when the macro's length is absurd")
    absurd_bytes: int = _key(1_000_000, "a macro longer than this is absurd")
    short_prefix: str = _key("cut", "'cut' the macro at the length its prefix says, or 'ignore' the prefix")
    prefix_form: str = _key("any", "the form of macro that is read: 'any', 'length' or 'hardpotato' (unsure)")
    line_ends: str = _key("any", "the line ends of macros that are read: 'any', 'crlf' or 'lf' (unsure)")
    knows_hold_times: bool = _key(True, "CP knows heht and leht; false: the macro is refused, as by the older program")
    needs_final_newline: bool = _key(True, "a forcequit without a line end after it does not close the program")
    keeps_spaces: bool = _key(True, "spaces inside folders, headers and notes are kept (unsure)")
    foreign_parameters: str = _key("accept", "'accept' or 'refuse' a parameter that the technique does not have")
    cathodic_positive: bool = _key(True, "recorded currents: reduction is positive, as in the vendor's screenshot")
    istep_anodic_positive: bool = _key(True, "a positive ISTEP current oxidises (unsure)")
    cp_negative_first_cathodic: bool = _key(True, "CP: pn=n begins with the cathodic current")
    amplitude_is: str = _key("peak", "an amplitude of impedance is its 'peak' or 'rms' value (unsure)")
    limit_hold: str = _key("voltage", "CP, heht and leht: hold the 'voltage', or go on with the 'current' (unsure)")
    prioe_times_limit: bool = _key(True, "CP under prioe: tc and ta still end a segment (unsure)")
    cp_limit: str = _key("flip", "CP: a limit that is reached flips the polarity; 'ignore': time alone does (unsure)")
    istep_limit: str = _key("stop", "ISTEP: a limit that is reached stops the experiment; 'ignore' (unsure)")
    ocpt_limit: str = _key("popup", "'popup' or 'ignore' when an OCPT reaches eh or el")
    ft_limit: str = _key("popup", "'popup' or 'clamp' when fh is above 1e5 Hz in FT mode")
    ft_line: str = _key("", "line that marks FT mode in the text file, none by default (unsure)")
    top_hz: float = _key(1e6, "the highest frequency that is really measured, whatever the header says")
    sweep_begins_at_init: bool = _key(
        True, "CV and LSV: rows from Init E to one interval before the end, as in real files; false: one interval later"
    )
    clips: bool = _key(True, "currents beyond 10 x sens are clipped there (unsure)")
    most_points: int = _key(262_144, "data length: beyond it CP and i-t double their interval")
    serial_number: str = _key("SIM660E", "in the .bin file")
    cell: str = _key("rc", "own cell, without a bench: 'rc', or a cell model's name or file")
    cells: tuple[str, ...] = _key((), "own cells on a multiplexer: `mch:1` is the first")
    seed: int = _key(1, "of own cells")
    series_ohm: float = _key(3.0, "'rc': in series")
    parallel_ohm: float = _key(45.0, "'rc': beside the capacitor")
    parallel_f: float = _key(2e-6, "'rc': capacitor")
    rest_v: float = _key(0.0, "'rc': voltage at rest")
    speed: float = _key(1.0, "without a bench: simulated seconds per real second")
    timing: Timing = field(default_factory=Timing)
    text: TextFormat = field(default_factory=TextFormat)
    faults: Faults = field(default_factory=Faults)


_CHOICES: dict[str, tuple[str, ...]] = {
    "version": ("new", "old"),
    "bad_prefix": ("hang", "crash"),
    "short_prefix": ("cut", "ignore"),
    "foreign_parameters": ("accept", "refuse"),
    "prefix_form": ("any", "length", "hardpotato"),
    "line_ends": ("any", "crlf", "lf"),
    "amplitude_is": ("peak", "rms"),
    "cp_limit": ("flip", "ignore"),
    "istep_limit": ("stop", "ignore"),
    "limit_hold": ("voltage", "current"),
    "ocpt_limit": ("popup", "ignore"),
    "ft_limit": ("popup", "clamp"),
    "hang": ("", "start", "run", "end"),
    "crash": ("", "start", "run"),
}


def read_settings(path: str | None) -> Settings:
    """Read a cfg; None gives the settings of a fresh installation. A ValueError names the key."""
    if not path:
        return Settings()
    import tomllib

    from simulators.small_files import read_small

    try:
        table = tomllib.loads(read_small(path).decode("utf-8"))
    except (OSError, ValueError, RecursionError) as err:
        raise ValueError(f"cfg {path}: {err}") from err
    settings: Settings = _build(Settings, table, path)
    return settings


def documented() -> Iterator[str]:
    """Return a line for every setting, for ``--help``."""
    yield from _documented(Settings())
    for section in (Timing(), TextFormat(), Faults()):
        yield ""
        yield f"{section.__doc__}"
        yield from _documented(section)


def _documented(section: Any) -> Iterator[str]:  # noqa: ANN401 -- any dataclass of settings
    for each in fields(section):
        if text := each.metadata.get("text"):
            yield f"  {each.name} = {_toml(getattr(section, each.name))}  # {text}"


def _toml(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return '"' + value.replace("\r", "\\r").replace("\n", "\\n") + '"'
    return "[]" if value == () else str(value)


def _build(cls: Any, table: Mapping[str, Any], where: str) -> Any:  # noqa: ANN401 -- any dataclass of settings
    """Build a dataclass of settings from a table, checking names, types and choices."""
    known = {each.name: getattr(cls(), each.name) for each in fields(cls)}
    values: dict[str, Any] = {}
    for key, value in table.items():
        if key not in known:
            raise ValueError(f"cfg {where}: no such key {key!r}; there are {', '.join(known)}")
        default = known[key]
        if is_dataclass(default):
            values[key] = _build(type(default), value, f"{where} [{key}]")
        elif isinstance(default, tuple) and isinstance(value, list):
            values[key] = tuple(str(each) for each in value)
        elif isinstance(default, float) and isinstance(value, int) and not isinstance(value, bool):
            values[key] = float(value)
        elif type(value) is not type(default) or value not in _CHOICES.get(key, (value,)):
            raise ValueError(f"cfg {where}: {key} is {value!r}, expected {_CHOICES.get(key) or type(default).__name__}")
        else:
            values[key] = value
    return cls(**values)
