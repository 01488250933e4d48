"""The look of the morning page: grey and quiet, a fill only where a person is needed, in light, dark and print."""

from __future__ import annotations

from collections.abc import Mapping

SVG_ICON = {"viewBox": "0 0 16 16", "width": "15", "height": "15", "aria-hidden": "true"}

# Each state and severity has a shape of its own, so that the page is read without colours.
ICONS: Mapping[str, str] = {
    "tripped": "M5 1h6l4 4v6l-4 4H5l-4-4V5z",
    "unknown": "M5 1h6l4 4v6l-4 4H5l-4-4V5zM6 2.5L2.5 6v4L6 13.5h4L13.5 10V6L10 2.5z",
    "awaiting_operator": "M8 1l7 14H1zM7.2 6v4h1.6V6zM7.2 11.5v1.6h1.6v-1.6z",
    "holding": "M3 2h4v12H3zM9 2h4v12H9z",
    "unseen": "M1 8c4-6 10-6 14 0c-4 6-10 6-14 0zM3 14L13 2l1 1L4 15z",
    "queued": "M8 1a7 7 0 1 0 .1 0zM8 2.5a5.5 5.5 0 1 1-.1 0zM7.3 4h1.4v4l3 2l-.8 1.2L7.3 9z",
    "completed": "M1 8l2-2l3.5 3.5L13 3l2 2l-8.5 8.5z",
    "stopped": "M2 2h12v12H2zM4 4v8h8V4z",
    "failed": "M8 1a7 7 0 1 0 .1 0zM4 5l1-1l3 3l3-3l1 1l-3 3l3 3l-1 1l-3-3l-3 3l-1-1l3-3z",
    "running": "M3 1l11 7L3 15z",
    "alarm": "M5 1h6l4 4v6l-4 4H5l-4-4V5z",
    "warning": "M8 1l7 14H1zM7.2 6v4h1.6V6zM7.2 11.5v1.6h1.6v-1.6z",
    "info": "M8 4a4 4 0 1 0 .1 0z",
}

STYLE = """
:root { --ground: #d6d6d6; --tile: #ebebeb; --ink: #1b1b1b; --quiet: #555; --line: #9a9a9a; --trace: #1d3f8f;
  --act: #a3001c; --on-act: #fff; --wait: #f5a800; --on-wait: #1b1b1b; --gone: #6d4bb0; --on-gone: #fff; }
@media (prefers-color-scheme: dark) {
  :root { --ground: #1c1c1c; --tile: #2b2b2b; --ink: #ededed; --quiet: #a8a8a8; --line: #6a6a6a; --trace: #a9c4ff;
    --act: #ff5f6d; --on-act: #000; --wait: #ffb733; --on-wait: #000; --gone: #a58bff; --on-gone: #000; } }
@media print {
  :root { --ground: #fff; --tile: #fff; --ink: #000; --quiet: #333; --line: #999; --trace: #000;
    --act: #fff; --on-act: #000; --wait: #fff; --on-wait: #000; --gone: #fff; --on-gone: #000; } }
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 1rem 1.2rem; max-width: 75rem; background: var(--ground); color: var(--ink);
  font: 15px/1.45 system-ui, "Segoe UI", "Noto Sans", "Noto Sans CJK SC", sans-serif; overflow-wrap: anywhere; }
h1 { font-size: 1.5rem; margin: 0 0 .3rem; line-height: 1.25; } h2 { font-size: 1.1rem; margin: 1.6rem 0 .5rem; }
h3 { font-size: 1rem; margin: 0; } p { margin: .25rem 0; } ul { margin: 0; padding: 0; list-style: none; }
.quiet { color: var(--quiet); font-size: .85rem; }
section > ul, table { background: var(--tile); border-radius: 4px; } li { padding: .3rem .7rem; }
article { background: var(--tile); border-radius: 4px; margin: 0 0 .6rem; padding: .5rem .7rem; break-inside: avoid; }
article.needs { border: 2px solid var(--ink); padding: 0 .7rem .5rem; }
article.needs > h3 { margin: 0 -.7rem .4rem; padding: .3rem .7rem; background: var(--wait); color: var(--on-wait); }
article.tripped > h3, article.unknown > h3 { background: var(--act); color: var(--on-act); }
article.unseen > h3 { background: var(--gone); color: var(--on-gone); }
.state { font-weight: normal; } .todo { font-weight: bold; }
.filled { background: var(--act); color: var(--on-act); border: 2px solid var(--ink); border-radius: 4px;
  padding: .4rem .7rem; font-weight: bold; }
figure { margin: 0; } figure svg { display: block; }
.pictures { display: flex; flex-wrap: wrap; gap: .3rem 1.2rem; margin-top: .3rem; }
svg { vertical-align: middle; max-width: 100%; }
.icon { fill: currentColor; fill-rule: evenodd; vertical-align: -2px; }
.line { fill: none; stroke: var(--trace); stroke-width: 1; stroke-linejoin: round; } .dot { fill: var(--trace); }
.axis { stroke: var(--line); stroke-width: .5; }
table { border-collapse: collapse; width: 100%; } tr { break-inside: avoid; }
th { text-align: left; overflow-wrap: normal; font-weight: normal; color: var(--quiet); font-size: .85rem; }
th, td { padding: .3rem .7rem; vertical-align: top; border-bottom: 1px solid var(--ground); }
td:first-child { white-space: nowrap; overflow-wrap: normal; } td:nth-child(2) { min-width: 9rem; }
footer { margin-top: 1.5rem; color: var(--quiet); font-size: .85rem; }
@media (min-width: 62rem) {
  article { display: grid; grid-template-columns: 1fr auto; column-gap: 1.2rem; } article > h3 { grid-column: 1 / -1; }
  article > p { grid-column: 1; }
  article > .pictures { grid-column: 2; grid-row: 2 / span 3; flex-direction: column; }
  td > div > svg { min-width: 10rem; } }
@media (min-width: 74rem) { article > .pictures { flex-direction: row; } }
@media (max-width: 44rem) {
  thead { display: none; } tr { display: block; padding: .3rem 0; border-bottom: 1px solid var(--line); }
  td { display: block; border: 0; padding: .1rem .7rem; }
  td:not(:empty)::before { content: attr(data-head) ": "; color: var(--quiet); font-size: .85rem; } }
@media print { body { max-width: none; padding: 0; font-size: 10pt; }
  article, section > ul, table { border: 1px solid var(--line); } }
"""
