"""The files of steps that came with a recipe, read as they are needed."""

from __future__ import annotations

from collections.abc import Mapping

from protocols.errors import RecipeError, RecipeProblem
from protocols.yaml_document import Node, read_document

INCLUDES_MAX = 8
"""How deep files may include one another."""

_KEYS = ("name", "title", "description", "parameters", "steps")


class IncludedFiles:
    """Texts of files by their names, and the trees of those that were read."""

    def __init__(self, texts: Mapping[str, str]) -> None:
        self._texts = texts
        self._read: dict[str, Node | None] = {}

    def objection(self, name: str, chain: tuple[str, ...]) -> tuple[str, str] | None:
        """Say what was seen and what was expected where a file cannot be included by those of ``chain``."""
        if name in chain:
            return f"{' > '.join((*chain, name))}: a file that includes itself", "no circle"
        if len(chain) >= INCLUDES_MAX:
            return f"files that include one another {len(chain) + 1} deep", f"at most {INCLUDES_MAX}"
        if name not in self._texts:
            wanted = "a file in the folder of the recipe; by REST its text in recipe_included"
            return f"{name}, which did not come with the recipe", wanted
        return None

    def root(self, name: str, problems: list[RecipeProblem]) -> Node | None:
        """Give the tree of a file; None, with its problems once, where it cannot be used."""
        if name not in self._read:
            self._read[name] = self._tree(name, problems)
        return self._read[name]

    def _tree(self, name: str, problems: list[RecipeProblem]) -> Node | None:
        try:
            root = read_document(self._texts[name], name)
        except RecipeError as err:
            problems += err.problems
            return None
        keys = root.value if isinstance(root.value, dict) else {}
        steps = keys.get("steps")
        found = [
            RecipeProblem(name, node.line, key, f"the key '{key}' of an included file", f"only {', '.join(_KEYS)}")
            for key, node in keys.items()
            if key not in _KEYS
        ]
        if steps is None or not isinstance(steps.value, list) or not steps.value:
            found.append(RecipeProblem(name, root.line, "steps", "no list of steps", "steps: and a list of them"))
        problems += found
        return None if found else root
