"""A small writer of the vendor's text files for tests, in every layout that its settings allow (reference 9.1, 9.2)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

TITLES = {
    "ocpt": ("Open Circuit Potential - Time", ("Time/sec", "Potential/V")),
    "cv": ("Cyclic Voltammetry", ("Potential/V", "Current/A")),
    "i-t": ("Amperometric i-t Curve", ("Time/sec", "Current/A")),
    "ca": ("Chronoamperometry", ("Time/sec", "Current/A")),
    "cp": ("Chronopotentiometry", ("Time/sec", "Potential/V")),
    "istep": ("Multi-Current Steps", ("Time/sec", "Potential/V")),
    "imp": ("A.C. Impedance", ("Freq/Hz", "Z'/ohm", 'Z"/ohm', "Z/ohm", "Phase/deg")),
}


@dataclass(frozen=True)
class Layout:
    """How a file is written; ``figures`` None writes plain numbers."""

    separator: str = ", "
    figures: int | None = 4
    line_end: str = "\r\n"
    encoding: str = "ascii"
    memo: bool = True
    parameters: bool = True
    results: bool = False

    def number(self, value: float) -> str:
        """Write a number; an exponent is not padded."""
        if self.figures is None:
            return repr(value)
        mantissa, exponent = f"{value:.{self.figures - 1}e}".split("e")
        return f"{mantissa}e{exponent[0]}{int(exponent[1:])}"


@dataclass(frozen=True)
class Text:
    """What a file says."""

    tech: str
    rows: Sequence[Sequence[float]]
    parameters: Sequence[str] = ()
    job: str = "j1"
    note: str = ""
    source: str = "Experiment"
    model: str = "CHI660E"
    title: str = ""
    file: str = "File: c:\\jobs\\j1.bin"
    heads: Sequence[str] = ()
    layout: Layout = field(default_factory=Layout)

    def bytes(self) -> bytes:
        """Give the file."""
        layout = self.layout
        title, heads = TITLES[self.tech]
        lines = []
        if layout.memo:
            lines += ["Mar. 4, 2025   10:21:37", self.title or title, self.file, f"Data Source:  {self.source}"]
            lines += [f"Instrument Model:  {self.model}", f"Header: {self.job}", f"Note: {self.note}", ""]
        if layout.parameters:
            lines += [*self.parameters, ""]
        if layout.results:
            lines += ["Results:", "Channel 1:", "Segment 1:", "Ep = 0.231V", "ip = -4.120e-5A", ""]
        lines += [layout.separator.join(self.heads or heads), ""]
        lines += [layout.separator.join(map(layout.number, row)) for row in self.rows]
        text = "\n".join(lines) + "\n"
        return text.replace("\n", layout.line_end).encode(layout.encoding)

    def laid_out(self, layout: Layout) -> Text:
        """Give the same in another layout."""
        return replace(self, layout=layout)
