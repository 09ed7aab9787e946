"""Documents of dialogs, collabs, extensions, cores and networks for tests: plain ones, and ones with everything."""

from __future__ import annotations

from typing import Any

from sample_graph import META, uuid4

NOW = "2026-01-01T00:00:00.000Z"
GOVERNANCE = {"lifecyclePhase": "design", "locked": False, "lastConfirmRef": {"id": uuid4(), "module": "confirm"}}


def event() -> dict[str, Any]:
    return {
        "event_id": uuid4(), "event_type": "message.sent", "source": "test", "timestamp": NOW, "data": {"n": [1, 2.5]}
    }


def message(content: str = "hello", **fields: Any) -> dict[str, Any]:
    return {"role": "user", "content": content, "timestamp": NOW} | fields


def dialog_document(context_id: str, *messages: dict[str, Any], **fields: Any) -> dict[str, Any]:
    base = {
        "meta": META, "dialog_id": uuid4(), "context_id": context_id, "status": "active", "messages": list(messages)
    }
    return base | fields


def participant(participant_id: str = "a", role_id: str | None = None, **fields: Any) -> dict[str, Any]:
    return {"participant_id": participant_id, "kind": "agent"} | ({"role_id": role_id} if role_id else {}) | fields


def collab_document(context_id: str, *participants: dict[str, Any], **fields: Any) -> dict[str, Any]:
    base = {
        "meta": META, "collab_id": uuid4(), "context_id": context_id, "title": "t", "purpose": "p",
        "mode": "round_robin", "status": "draft", "participants": list(participants or [participant()]),
        "created_at": NOW,
    }  # fmt: skip
    return base | fields


def extension_document(context_id: str, **fields: Any) -> dict[str, Any]:
    base = {
        "meta": META, "extension_id": uuid4(), "context_id": context_id, "name": "n", "extension_type": "policy",
        "version": "1.0.0", "status": "registered",
    }  # fmt: skip
    return base | fields


def core_document(**fields: Any) -> dict[str, Any]:
    base = {
        "meta": META, "core_id": uuid4(), "protocol_version": "1.0.0", "status": "draft",
        "modules": [{"module_id": "plan", "version": "1.0.0", "status": "enabled"}],
    }  # fmt: skip
    return base | fields


def network_node(role_id: str | None = None, **fields: Any) -> dict[str, Any]:
    base = {"node_id": uuid4(), "kind": "agent", "status": "active"}
    return base | ({"role_id": role_id} if role_id else {}) | fields


def network_document(context_id: str, *nodes: dict[str, Any], **fields: Any) -> dict[str, Any]:
    base = {
        "meta": META, "network_id": uuid4(), "context_id": context_id, "name": "n", "topology_type": "mesh",
        "status": "draft",
    }  # fmt: skip
    return base | ({"nodes": list(nodes)} if nodes else {}) | fields


def rich_documents(context_id: str, role_id: str) -> list[tuple[str, dict[str, Any]]]:
    """One document of each of these modules with every field that its schema knows."""
    span = {"trace_id": uuid4(), "span_id": uuid4(), "attributes": {"a": None}}
    more: dict[str, Any] = {"governance": GOVERNANCE, "trace": span, "events": [event()]}
    return [
        (
            "dialog",
            dialog_document(
                context_id, *[message(f"m{i} ünï\U0001f642\n", event=event()) for i in range(3)],
                message("", role="agent"),
                thread_id=uuid4(), started_at="2026-01-01T00:00:00Z", ended_at="2026-01-01T01:00:00+01:00", **more,
            ),
        ),
        (
            "collab",
            collab_document(
                context_id, participant("a", role_id, display_name="A"), participant("b", display_name=""),
                participant("a", kind="human"), updated_at=NOW, **more,
            ),
        ),
        ("extension", extension_document(context_id, version="1.2.3-rc.1+b.7", config={"a": [None, {}]}, **more)),
        (
            "core",
            core_document(
                modules=[
                    {"module_id": "core", "version": "x", "status": "experimental", "required": False},
                    {"module_id": "core", "version": "y", "status": "disabled", "description": ""},
                ],
                **more,
            ),
        ),
        (
            "network",
            network_document(
                context_id, network_node(role_id, name="a"), network_node(status="retired", kind="queue"),
                description="", **more,
            ),
        ),
    ]  # fmt: skip
