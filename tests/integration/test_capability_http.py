"""A capability from a file that stands for an HTTP request, against a real server."""

from __future__ import annotations

import json
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
      headers: {{X-Api-Key: "{{{{secrets.CRM_KEY}}}}"}}
      output: json
"""


class Vault:
    label = "the vault"

    async def get(self, name: str) -> str | None:
        return "marker-5f2b8c" if name == "CRM_KEY" else None


@pytest.mark.req("ORCH-12", "ORCH-13")
async def test_a_request_as_a_capability(tmp_path: Path) -> None:
    paths: list[str] = []
    keys: set[str] = set()

    def customers(request: Received) -> bytes:
        paths.append(request.path)
        keys.add(request.headers["x-api-key"])
        email = "ada@example.org" if "/1?" in request.path else "nobody"
        said = json.dumps({"email": email, "key": request.headers["x-api-key"]})
        return reply(200, said, Content_Type="application/json")

    async with serving(customers) as server:
        file = tmp_path / "crm.yaml"
        file.write_text(FILE.format(base=server.url("")))
        registry = CapabilityRegistry()
        registry.load(str(file))
        allowed = {"http_allow": ("127.0.0.1",), "http_allow_private": ("127.0.0.1",)}

        async def call(params: dict[str, Any], **settings: Any) -> Any:
            layer = AdapterLayer(registry, AelSettings(**settings), secrets=Vault())
            action = {"type": "tool_call", "name": "crm.customer", "params": params, "idempotency_key": "k"}
            return (await layer.execute(action)).output

        answer = await call({"id": 1}, **allowed)
        assert answer["email"] == "ada@example.org"
        assert keys == {"marker-5f2b8c"}
        assert "marker" not in str(answer)
        assert paths == ["/customers/1?fields=name"]
        with pytest.raises(ValidationFailed, match=r"outputs of `crm.customer`.*email: "):
            await call({"id": 2}, **allowed)
        with pytest.raises(ValidationFailed, match=r"params of `crm.customer`"):
            await call({"id": "1/../../admin"}, **allowed)
        with pytest.raises(CapabilityDenied):
            await call({"id": 1}, http_allow=())
        assert len(paths) == 2
