"""Writes an expanded recipe as a file of plain steps, each with a comment that says where it is written."""

from __future__ import annotations

from collections.abc import Iterator

from protocols.yaml_document import Node, as_scalar

_WIDTH = 118


def plain_text(root: Node) -> str:
    """Give the text of a recipe's tree; read again it is the same recipe."""
    lines: list[str] = []
    for key, node in root.value.items() if isinstance(root.value, dict) else ():
        if key == "steps" and isinstance(node.value, list):
            lines += ["steps:", *_steps(node.value, "")]
        elif isinstance(node.value, dict) and len(f"{key}: {_flow(node)}") > _WIDTH:
            lines += [f"{key}:", *(f"  {inner}: {_flow(one)}" for inner, one in node.value.items())]
        else:
            lines.append(f"{key}: {_flow(node)}")
    return "".join(f"{line}\n" for line in lines)


def _steps(steps: list[Node], indent: str) -> Iterator[str]:
    told = ""
    for step in steps:
        where = _where(step)
        if where and where != told:
            yield f"{indent}# {where}"
        told = where
        inside = step.value.get("steps") if isinstance(step.value, dict) else None
        line = f"{indent}- {_flow(step)}"
        if isinstance(step.value, dict) and (inside is not None or len(line) > _WIDTH):
            yield from _block(step.value, indent)
        else:
            yield line


def _block(step: dict[str, Node], indent: str) -> Iterator[str]:
    lead = f"{indent}- "
    for key, node in step.items():
        if key == "steps" and isinstance(node.value, list):
            yield f"{lead}steps:"
            yield from _steps(node.value, f"{indent}  ")
        else:
            yield f"{lead}{key}: {_flow(node)}"
        lead = f"{indent}  "


def _where(step: Node) -> str:
    """Say where a step that stands for nothing else is written; the steps of one block are said once."""
    if step.place is None:
        return ""
    place = step.place.replace(", its step ", "\0").partition("\0")[0]
    place = f"{place})" if "(" in place else place
    return f"{step.file}:{step.line}, {place}" if step.file else f"line {step.line}, {place}"


def _flow(node: Node) -> str:
    if isinstance(node.value, dict):
        return f"{{{', '.join(f'{key}: {_flow(one)}' for key, one in node.value.items())}}}"
    if isinstance(node.value, list):
        return f"[{', '.join(map(_flow, node.value))}]"
    return as_scalar(node.value)
