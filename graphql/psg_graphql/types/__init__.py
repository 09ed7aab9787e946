"""What things look like in the API: one file per part of the graph, plain attributes filled from one row."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from psg_graphql.types.collab import collab_from, participant_from
from psg_graphql.types.confirm import confirm_from, decision_from
from psg_graphql.types.context import context_from
from psg_graphql.types.core import core_from
from psg_graphql.types.dialog import dialog_from, message_from
from psg_graphql.types.extension import extension_from
from psg_graphql.types.network import network_from, network_node_from
from psg_graphql.types.node import Node
from psg_graphql.types.plan import plan_from
from psg_graphql.types.project import project_from
from psg_graphql.types.resource import resource_from
from psg_graphql.types.role import role_from
from psg_graphql.types.step import step_from
from psg_graphql.types.trace import segment_from, trace_from

MAKERS: Mapping[str, Callable[[Mapping[str, Any]], Node]] = {
    "Project": project_from,
    "Context": context_from,
    "Plan": plan_from,
    "Step": step_from,
    "Trace": trace_from,
    "TraceSegment": segment_from,
    "Confirm": confirm_from,
    "Decision": decision_from,
    "Role": role_from,
    "Dialog": dialog_from,
    "Message": message_from,
    "Collab": collab_from,
    "Participant": participant_from,
    "Extension": extension_from,
    "Core": core_from,
    "Network": network_from,
    "NetworkNode": network_node_from,
    "Resource": resource_from,
}
