"""A capability from a file that stands for an HTTP request, against a real server."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from scripted_server import Received, reply, serving

from psg.errors import CapabilityDenied, ValidationFailed
from psg_runtime.ael import AdapterLayer, AelSettings, CapabilityRegistry

pytestmark = pytest.mark.anyio

FILE = """
capabilities:
  - name: crm.customer
    type: service
    version: 1.0.0
    input_schema:
      type: object
      properties: {{id: {{type: integer}}, fields: {{type: string, default: name}}}}
      required: [id]
    output_schema: {{type: object, properties: {{email: {{type: string, format: email}}}}, required: [email]}}
    http:
      url: "{base}/customers/{{{{params.id}}}}"
      query: {{fields: "{{{{params.fields}}}}"}}
      output: json
"""


@pytest.mark.req("ORCH-12", "ORCH-13")
async def test_a_request_as_a_capability(tmp_path: Path) -> None:
    paths: list[str] = []

    def customers(request: Received) -> bytes:
        paths.append(request.path)
        email = "ada@example.org" if "/1?" in request.path else "nobody"
        return reply(200, f'{{"email": "{email}"}}', Content_Type="application/json")

    async with serving(customers) as server:
        file = tmp_path / "crm.yaml"
        file.write_text(FILE.format(base=server.url("")))
        registry = CapabilityRegistry()
        registry.load(str(file))
        allowed = {"http_allow": ("127.0.0.1",), "http_allow_private": ("127.0.0.1",)}

        async def call(params: dict[str, Any], **settings: Any) -> Any:
            layer = AdapterLayer(registry, AelSettings(**settings))
            action = {"type": "tool_call", "name": "crm.customer", "params": params, "idempotency_key": "k"}
            return (await layer.execute(action)).output

        assert await call({"id": 1}, **allowed) == {"email": "ada@example.org"}
        assert paths == ["/customers/1?fields=name"]
        with pytest.raises(ValidationFailed, match=r"outputs of `crm.customer`.*email: "):
            await call({"id": 2}, **allowed)
        with pytest.raises(ValidationFailed, match=r"params of `crm.customer`"):
            await call({"id": "1/../../admin"}, **allowed)
        with pytest.raises(CapabilityDenied):
            await call({"id": 1}, http_allow=())
        assert len(paths) == 2
