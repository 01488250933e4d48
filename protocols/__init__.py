"""Battery test protocols: recipes, cells, and the programs they resolve to.

>>> program = resolve(load_recipe("lfp-200mA-g"), load_cell("coated-lfp"))
>>> problems(program, ChannelEnvelope(0.025, 5.0, (CurrentRange(0.0, 0.001),)))
[]
"""

from protocols.cell import Cell, CellKind
from protocols.channel_envelope import ChannelEnvelope, CurrentRange, problems
from protocols.current_sign import Direction
from protocols.errors import InputError, RecipeError, RecipeProblem, ResolveError, UnknownName
from protocols.execution_order import Place, flow, place
from protocols.forecast import Forecast, expected_duration_s, forecast, planned_duration_s
from protocols.loading import (
    cell_text,
    load_cell,
    load_recipe,
    parse_cell,
    parse_recipe,
    recipe_text,
    shipped_cells,
    shipped_recipes,
)
from protocols.program import (
    CcCv,
    Ceiling,
    CellFacts,
    ConstantCurrent,
    ConstantPower,
    ConstantResistance,
    ConstantVoltage,
    CyclingSegment,
    Guards,
    Limits,
    Loop,
    PoweredStep,
    Program,
    Purpose,
    Record,
    Rest,
    ShortPolicy,
    Step,
    Until,
    VoltageBand,
)
from protocols.quantities import Dimension, Quantity, QuantityError, parse_quantity
from protocols.recipe import Recipe
from protocols.remaining_steps import cycles_done, original_place, remaining
from protocols.resolve import resolve
from protocols.schema import cell_schema, recipe_schema

__all__ = [
    "CcCv",
    "Ceiling",
    "Cell",
    "CellFacts",
    "CellKind",
    "ChannelEnvelope",
    "ConstantCurrent",
    "ConstantPower",
    "ConstantResistance",
    "ConstantVoltage",
    "CurrentRange",
    "CyclingSegment",
    "Dimension",
    "Direction",
    "Forecast",
    "Guards",
    "InputError",
    "Limits",
    "Loop",
    "Place",
    "PoweredStep",
    "Program",
    "Purpose",
    "Quantity",
    "QuantityError",
    "Recipe",
    "RecipeError",
    "RecipeProblem",
    "Record",
    "ResolveError",
    "Rest",
    "ShortPolicy",
    "Step",
    "UnknownName",
    "Until",
    "VoltageBand",
    "cell_schema",
    "cell_text",
    "cycles_done",
    "expected_duration_s",
    "flow",
    "forecast",
    "load_cell",
    "load_recipe",
    "original_place",
    "parse_cell",
    "parse_quantity",
    "parse_recipe",
    "place",
    "planned_duration_s",
    "problems",
    "recipe_schema",
    "recipe_text",
    "remaining",
    "resolve",
    "shipped_cells",
    "shipped_recipes",
]
