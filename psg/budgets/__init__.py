"""What may be spent and what was: reserved before the call, debited in the commit of the result, never leaked."""

from psg.budgets.amounts import DIMENSIONS, Amounts, limits_of, shown, usage_of
from psg.budgets.errors import BudgetExhausted
from psg.budgets.limits import BudgetScope, set_budget
from psg.budgets.reserve import Reservation, reserve
from psg.budgets.settle import Spend
from psg.budgets.spending import Spending, spending

__all__ = [
    "DIMENSIONS",
    "Amounts",
    "BudgetExhausted",
    "BudgetScope",
    "Reservation",
    "Spend",
    "Spending",
    "limits_of",
    "reserve",
    "set_budget",
    "shown",
    "spending",
    "usage_of",
]
