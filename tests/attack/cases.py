"""All points of the attack: every field of every reply with every lie, every exchange with every fault of a link.

Each at the moments that matter, once and until it is mended. What the driver makes nothing of is tried in a step only.
"""

from __future__ import annotations

from collections.abc import Iterator

from tests.attack.lies import TEXT, Field, Lie, Place
from tests.attack.life import Case, Moment
from tests.attack.proxy import Attack, Spoil

_ROW = Place.ROW


def _fields(command: str, place: Place, read: str, unread: str = "") -> tuple[Field, ...]:
    return tuple(Field(command, place, name) for name in read.split()) + tuple(
        Field(command, place, name, read=False) for name in unread.split()
    )


# What the simulated BTS client sends, element by element (reference neware-ct4008, section 4).
FIELDS = (
    *_fields("connect", Place.WHOLE, TEXT),
    *_fields("getdevinfo", _ROW, "ip devtype devid subdevid Channelid", TEXT),
    *_fields("inquire", _ROW, "dev step_id workstatus barcode current voltage totaltime cycle_id"),
    *_fields("inquire", _ROW, "", "step_type capacity energy relativetime open_or_close log_code"),
    *_fields("inquire", Place.LIST, "", "count"),
    *_fields("inquiredf", _ROW, f"devtype devid subdevid chlid testid count {TEXT}"),
    *_fields("inquiredf", Place.LIST, "", "count"),
    *_fields("download", Place.ECHO, "devtype devid subdevid chlid testid startpos", "count auxid"),
    *_fields("download", Place.DATA, "seqid stepid cycleid steptype testtime atime volt curr cap eng"),
    *_fields("download", Place.LIST, "", "count"),
    *_fields("downloadStepLayer", Place.ECHO, "devtype devid subdevid chlid testid"),
    *_fields("downloadStepLayer", Place.DATA, "startseqid endseqid stepindex stepid cycleid steptime cap"),
    *_fields("downloadStepLayer", Place.DATA, "", "steptype endatime startvolt endvolt startcurr endcurr eng dcir"),
    *_fields("start", _ROW, TEXT, "ip devtype devid subdevid chlid"),
    *_fields("stop", _ROW, TEXT, "ip devtype devid subdevid chlid"),
)

# Words that a field may say beside the lies of all fields.
WORDS = {
    ("inquire", "workstatus"): ("working", "pause", "finish", "stop", "protect", "false"),
    ("inquiredf", TEXT): ("true", "false"),
    ("start", TEXT): ("ok", "false"),
    ("stop", TEXT): ("ok", "false"),
}

_DURING = (Moment.STEP, Moment.STOP, Moment.END, Moment.RESTART)
_ALWAYS = (Moment.BEFORE, Moment.START, *_DURING)
# Moments at which a command is asked for and its reply matters.
MOMENTS = {
    "connect": (Moment.OPENING, Moment.RESTART),
    "getdevinfo": (Moment.OPENING, Moment.RESTART),
    "inquire": _ALWAYS,
    "inquiredf": _ALWAYS,
    "download": _DURING,
    "downloadStepLayer": (Moment.END,),
    "start": (Moment.START,),
    "stop": (Moment.STOP,),
}
# From well within a time-out to beyond all of them: of a reply, of a stop, of a start that may still arrive.
_DELAYS_S = (4.0, 45.0, 700.0)


def cases() -> list[Case]:
    """Return every case, always in the same order."""
    return [*_lies(), *_pairs(), *_links()]


def _lies() -> Iterator[Case]:
    for field in FIELDS:
        words = WORDS.get((field.command, field.name), ())
        for lie in (*Lie, *words):
            moments = MOMENTS[field.command]
            for moment in moments if field.read else moments[:1] if len(moments) < len(_DURING) else (Moment.STEP,):
                # Said once, at a look that is asked again, and until it is mended.
                often: tuple[int | None, ...] = (1, None) if field.read and moment in _TWICE else (None,)
                for times in often:
                    attack = Attack(Spoil.FIELD, field.command, times, lies=((field, lie),))
                    yield Case(f"{field.command} {field.title}", f"{_name(lie)}", moment, attack)


_TWICE = frozenset({Moment.STEP, Moment.START})


def _name(lie: Lie | str) -> str:
    return lie.value if isinstance(lie, Lie) else f"says {lie!r}"


_STATUS, _COMPLETE = Field("inquire", _ROW, "workstatus"), Field("inquiredf", _ROW, TEXT)
_BARCODE, _TEST = Field("inquire", _ROW, "barcode"), Field("inquiredf", _ROW, "testid")
_COUNT = Field("inquiredf", _ROW, "count")
_Told = tuple[tuple[Field, Lie | str], ...]
_IDENTITY_LIES: tuple[tuple[str, _Told], ...] = (
    ("another test", ((_BARCODE, "theirs"), (_TEST, "99"))),
    ("another channel's test", ((_BARCODE, Lie.OTHER), (_TEST, Lie.OTHER), (_COUNT, Lie.OTHER))),
    ("finished, with fewer records", ((_STATUS, "finish"), (_COMPLETE, "true"), (_COUNT, "7"))),
    ("finished, frozen", ((_STATUS, "finish"), (_COMPLETE, "true"), (_COUNT, Lie.FROZEN))),
)


def _pairs() -> Iterator[Case]:
    """Give lies of two replies that bear each other out: over, says one, and complete, says the other."""
    for word in ("working", "pause", "finish", "stop", "protect", "false", "dreaming"):
        for moment in (*_ALWAYS,):
            for times in (1, 2, 4, None):
                lies: _Told = ((_STATUS, word), (_COMPLETE, "true"))
                yield Case(
                    "status and completeness",
                    f"{word!r} and complete",
                    moment,
                    Attack(Spoil.FIELD, "inquire", times, lies=lies),
                )
    for moment in _ALWAYS:
        for times in (1, 2, 4, None):
            for what, lies in _IDENTITY_LIES:
                yield Case("identity and count", what, moment, Attack(Spoil.FIELD, "inquire", times, lies=lies))


def _links() -> Iterator[Case]:
    for command, moments in MOMENTS.items():
        for moment in moments:
            for times in (1, None):
                for attack in _link_attacks(command, times):
                    more = f" by {attack.seconds:g} s" if attack.seconds else ""
                    more = f" at {attack.share:.0%}" if attack.spoil in _CUTS else more
                    yield Case(f"{command} link", f"{attack.spoil.value}{more}", moment, attack)


_CUTS = frozenset({Spoil.CUT, Spoil.CUT_SILENT, Spoil.GARBLED})


def _link_attacks(command: str, times: int | None) -> Iterator[Attack]:
    for spoil in Spoil:
        if spoil is Spoil.FIELD:
            continue
        if spoil in {Spoil.LATE, Spoil.REQUEST_LATE}:
            for seconds in _DELAYS_S:
                yield Attack(spoil, command, times, seconds=seconds)
        elif spoil in _CUTS:
            for share in (0.2, 0.6, 0.97):
                yield Attack(spoil, command, times, share=share)
        else:
            yield Attack(spoil, command, times)
