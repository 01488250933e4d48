"""The descriptor that makes a package an RO-Crate: version 1.1, which Zenodo, ELNs and all libraries for crates read.

Written by hand: it is one JSON document, and ``rocrate`` 0.16 would write today's date and its own newest version into
it, leave times and hashes out, and be one more dependency (docs/decisions/0048).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from orchestrator.packaging.manifest import NAME as MANIFEST

NAME = "ro-crate-metadata.json"
_VERSION = "https://w3id.org/ro/crate/1.1"
# Not all of these are in the context of 1.1.
_CONTEXT = [f"{_VERSION}/context", {"sha256": "https://schema.org/sha256"}]
_TYPES = {
    ".parquet": "application/vnd.apache.parquet",
    ".json": "application/json",
    ".jsonld": "application/ld+json",
    ".yaml": "application/yaml",
    ".txt": "text/plain",
    ".svg": "image/svg+xml",
    ".png": "image/png",
}
_ABOUT = {
    "README.txt": "What each file is, for people",
    "battinfo.jsonld": "Cell, test and deviations in the terms of BattINFO",
    "summary.json": "What was computed of the records",
    "program.json": "The program as it was ordered",
    "executed.json": "The programs as they were loaded into the instruments",
    "recipe.yaml": "The recipe of the order, byte for byte",
    "cell.yaml": "The cell's file of the order, byte for byte",
    "cell.json": "The cell",
    "instruments.json": "Instruments, their settings, and what was checked before the start",
    "events.json": "What happened, in order",
    "deviations.json": "When the data deviate from the plan, in the categories of BattINFO",
    "notes.json": "What people wrote about the run",
    "tables/sample.parquet": "Every record of the instruments",
    "tables/step.parquet": "Every executed step",
    "tables/cycle.parquet": "The numbers of each cycle",
    "tables/spectrum.parquet": "Every point of every impedance spectrum",
}


def crate(facts: Mapping[str, Any], folder: Path, names: Sequence[str]) -> tuple[str, str]:
    """Return the name and the text of the descriptor of the files in a folder; dates in it are those of the run."""
    graph = [_descriptor(), _root(facts, names), _license(), *_files(facts, folder, names), _manifest()]
    if facts["ordered_by"]:
        graph.append({"@id": "#person", "@type": "Person", "name": facts["ordered_by"]})
    text = json.dumps({"@context": _CONTEXT, "@graph": graph}, indent=1, ensure_ascii=False, allow_nan=False)
    return NAME, text + "\n"


def _descriptor() -> dict[str, Any]:
    return {
        "@id": NAME,
        "@type": "CreativeWork",
        "conformsTo": {"@id": _VERSION},
        "about": {"@id": "./"},
    }


def _root(facts: Mapping[str, Any], names: Sequence[str]) -> dict[str, Any]:
    simulated = " No cell was real: the run is simulated." if facts["simulated"] else ""
    cell = facts["label"] or facts["cell"]
    root: dict[str, Any] = {
        "@id": "./",
        "@type": "Dataset",
        "identifier": facts["run_id"],
        "name": f"Run {facts['run_id']}: {facts['recipe']} of {cell}",
        "description": f"A test of the cell {cell} by the recipe {facts['recipe']}, {facts['state']} "
        f"{facts['reason']}".rstrip()
        + f".{simulated}",
        "datePublished": facts["state_since_utc"],
        "temporalCoverage": f"{facts['ordered_utc']}/{facts['state_since_utc']}",
        "license": {"@id": "#license"},
        "hasPart": [{"@id": name} for name in (*names, MANIFEST)],
    }
    if facts["ordered_by"]:
        root["author"] = {"@id": "#person"}
    return root


def _license() -> dict[str, Any]:
    return {
        "@id": "#license",
        "@type": "CreativeWork",
        "name": "No licence stated",
        "description": "Whoever publishes this package says under which licence; until then all rights are reserved.",
    }


def _files(facts: Mapping[str, Any], folder: Path, names: Sequence[str]) -> Iterator[dict[str, Any]]:
    for name in names:
        told = {
            "@id": name,
            "@type": "File",
            "name": _ABOUT.get(name, name),
            "encodingFormat": _TYPES[Path(name).suffix],
            "contentSize": str((folder / name).stat().st_size),
            "sha256": _sha256(folder / name),
        }
        if name.startswith("tables/"):
            told["dateModified"] = facts["state_since_utc"]
        yield told


def _manifest() -> dict[str, Any]:
    return {
        "@id": MANIFEST,
        "@type": "File",
        "name": "Size and hash of every file, chained",
        "encodingFormat": "application/json",
    }


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
