"""Secrets in actions: given at the last moment, taken out of outputs, errors and progress."""

from __future__ import annotations

import base64
from typing import Any

import anyio
import pytest

from psg.errors import ActionFailed, ActionTimeout, PsgError, ValidationFailed
from psg_runtime.ael import ActionResult, AdapterLayer, AelSettings, CapabilityRegistry, Parked
from psg_runtime.expressions import step_template
from psg_runtime.secrets import MARKER, SecretMissing, SecretRefused

pytestmark = [pytest.mark.anyio, pytest.mark.req("EXEC-24")]
SECRET = "correct-horse/battery"


class Vault:
    label = "the vault"

    def __init__(self, **values: str) -> None:
        self.values = {"TOKEN": SECRET, "PIN": "1357", **values}
        self.asked: list[str] = []

    async def get(self, name: str) -> str | None:
        self.asked.append(name)
        return self.values.get(name)


def layer(vault: Any = None, on_progress: Any = None, **tools: Any) -> AdapterLayer:
    registry = CapabilityRegistry()
    for name, function in tools.items():
        registry.register(name=name, type="tool", call=function)
    return AdapterLayer(registry, AelSettings(), on_progress=on_progress, secrets=vault or Vault())


async def run(ael: AdapterLayer, name: str, params: dict[str, Any], kind: str = "tool_call", step: str = "tool") -> Any:
    resolved = step_template(step, params).resolve({"steps": {}, "params": {}})
    result = await ael.execute({"type": kind, "name": name, "params": resolved, "idempotency_key": "k"})
    return result.output if isinstance(result, ActionResult) else result


async def test_a_tool_gets_the_value_and_its_output_does_not_have_it() -> None:
    seen: list[str] = []

    def login(header: str, deep: dict[str, list[str]]) -> dict[str, Any]:
        seen.extend([header, *deep["a"]])
        return {"said": f"I got {header}", SECRET: 1, "coded": base64.b64encode(header.encode()).decode()}

    vault = Vault()
    output = await run(layer(vault, login=login), "login", {"header": "Bearer {{secrets.TOKEN}}", "deep": {"a": ["x"]}})
    assert seen == [f"Bearer {SECRET}", "x"] and vault.asked == ["TOKEN"]
    assert output["said"] == f"I got Bearer {MARKER}" and MARKER in output
    assert SECRET not in str(output) and base64.b64encode(SECRET.encode()).decode()[:12] not in str(output)


async def test_errors_of_any_kind_hold_no_secret() -> None:
    def plain(t: str) -> None:
        raise KeyError(t)

    def ours(t: str) -> None:
        raise ActionFailed(f"refused {t}", request={"headers": [t]}) from ValueError(t)

    async def grouped(t: str) -> None:
        async def child() -> None:
            raise RuntimeError(t)

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(child)

    def told(t: str) -> ActionResult:
        return ActionResult(False, error={"code": "x", "message": t})

    ael = layer(plain=plain, ours=ours, grouped=grouped, told=told)
    for name in ("plain", "ours", "grouped"):
        with pytest.raises(PsgError) as caught:
            await run(ael, name, {"t": "{{secrets.TOKEN}}"})
        error = caught.value
        shown = f"{error} {error.args} {error.details} {error.to_dict()} {error.__cause__!r} {error.__context__!r}"
        assert SECRET not in shown and error.__cause__ is None
    result = await ael.execute(
        {"type": "tool_call", "name": "told", "params": step_template("tool", {"t": "{{secrets.TOKEN}}"}).resolve({})}
    )
    assert isinstance(result, ActionResult) and result.error == {"code": "x", "message": MARKER}


async def test_a_rejected_parameter_is_not_shown() -> None:
    def count(n: int) -> int:
        return n

    with pytest.raises(ValidationFailed) as caught:
        await run(layer(count=count), "count", {"n": "{{secrets.TOKEN}}"})
    assert SECRET not in str(caught.value.to_dict())


async def test_progress_and_the_action_beside_it_hold_no_secret() -> None:
    told: list[Any] = []

    def work(t: str, ctx: Any) -> None:
        ctx.report(f"using {t}", pin=t)

    ael = layer(on_progress=lambda action, progress: told.append((action, progress)), work=work)
    await run(ael, "work", {"t": "{{secrets.PIN}} {{secrets.TOKEN}}"})
    assert told and SECRET not in str(told) and "1357" not in str(told)
    assert told[0][1]["message"] == f"using {MARKER} {MARKER}"


async def test_a_later_action_that_repeats_a_secret_is_masked_too() -> None:
    kept: list[str] = []

    def keep(t: str) -> None:
        kept.append(t)

    ael = layer(keep=keep, repeat=lambda: kept[-1])
    await run(ael, "keep", {"t": "{{secrets.TOKEN}}"})
    assert await run(ael, "repeat", {}) == MARKER
    await run(ael, "keep", {"t": "{{secrets.PIN}}"})
    assert await run(ael, "repeat", {}) == "1357", "four digits are masked in their own attempt only"


async def test_what_a_parked_step_asks_is_masked() -> None:
    ael = layer(ask=lambda t: Parked(confirm={"reason": f"use {t}?"}))
    parked = await run(ael, "ask", {"t": "{{secrets.TOKEN}}"})
    assert parked.confirm == {"reason": f"use {MARKER}?"}


async def test_items_of_a_loop_get_secrets_and_give_none_back() -> None:
    def call(item: str, t: str) -> str:
        if item == "bad":
            raise ValueError(t)
        return f"{item} {t}"

    ael = layer(call=call)
    do = {"name": "call", "params": {"item": "{{item}}", "t": "{{secrets.TOKEN}}"}}
    params = {"items": ["a", "b"], "do": do}
    assert await run(ael, "foreach", params, "custom_action", "foreach") == [f"a {MARKER}", f"b {MARKER}"]
    with pytest.raises(PsgError) as caught:
        await run(ael, "foreach", {**params, "items": ["bad"]}, "custom_action", "foreach")
    assert SECRET not in str(caught.value.to_dict()) and MARKER in str(caught.value)


async def test_text_from_data_is_never_a_reference() -> None:
    vault = Vault()
    ael = layer(vault, echo=lambda t: t)
    output = await ael.execute({"type": "tool_call", "name": "echo", "params": {"t": "{{secrets.TOKEN}}"}})
    assert isinstance(output, ActionResult) and output.output == "{{secrets.TOKEN}}" and vault.asked == []


@pytest.mark.parametrize(
    ("kind", "name", "params"),
    [
        ("custom_action", "wait", {"duration_ms": "{{secrets.PIN}}"}),
        ("custom_action", "conditional", {"a": "{{secrets.TOKEN}}"}),
        ("custom_action", "confirm", {"reason": "{{secrets.TOKEN}}"}),
        ("custom_action", "foreach", {"items": ["{{secrets.TOKEN}}"], "do": {"name": "x"}}),
        ("llm_call", None, {"prompt": "{{secrets.TOKEN}}"}),
        ("file_operation", "file.write", {"path": "x", "content": "{{secrets.TOKEN}}"}),
        ("tool_call", "process.run", {"argv": ["echo", "{{secrets.TOKEN}}"]}),
    ],
)
async def test_where_it_would_be_kept_or_shown_a_secret_is_refused(
    kind: str, name: Any, params: dict[str, Any]
) -> None:
    vault = Vault()
    with pytest.raises(SecretRefused, match="cannot stand in") as caught:
        await run(layer(vault), name, params, kind)
    assert vault.asked == [] and not caught.value.retryable


async def test_programs_get_secrets_in_their_environment_and_input(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = AelSettings(allow_process=("sh",), process_env=("PATH", "TOKEN"))
    ael = AdapterLayer(CapabilityRegistry(), settings, secrets=Vault())
    params = {
        "argv": ["sh", "-c", 'read line; echo "$line"; test "$TOKEN" = "$line" && echo "$TOKEN" >&2'],
        "env": {"TOKEN": "{{secrets.TOKEN}}"}, "stdin": "{{secrets.TOKEN}}\n",
    }  # fmt: skip
    output = await run(ael, "process.run", params)
    assert (output["stdout"], output["stderr"]) == (f"{MARKER}\n", f"{MARKER}\n")


async def test_a_missing_secret_fails_the_step_before_the_tool_is_called() -> None:
    called: list[str] = []

    def call(t: str) -> None:
        called.append(t)

    with pytest.raises(SecretMissing, match=r"`NOWHERE`.*the vault"):
        await run(layer(call=call), "call", {"t": "{{secrets.NOWHERE}}"})
    assert called == []


async def test_a_provider_that_hangs_ends_with_the_timeout_of_the_action() -> None:
    class Slow:
        label = "slow"

        async def get(self, name: str) -> str | None:
            await anyio.sleep_forever()
            return None

    ael = AdapterLayer(CapabilityRegistry(), AelSettings(max_execution_time=0.05), secrets=Slow())
    ael.registry.register(name="t", type="tool", call=lambda t: t)
    with pytest.raises(ActionTimeout):
        await run(ael, "t", {"t": "{{secrets.TOKEN}}"})


async def test_a_secret_that_belongs_to_a_host_is_for_requests_only() -> None:
    vault = Vault()
    ael = AdapterLayer(CapabilityRegistry(), AelSettings(secrets_hosts=("TOKEN=api.example",)), secrets=vault)
    ael.registry.register(name="t", type="tool", call=lambda t: t)
    with pytest.raises(SecretRefused, match="PSG_SECRETS_HOSTS"):
        await run(ael, "t", {"t": "{{secrets.TOKEN}}"})
    assert vault.asked == [] and await run(ael, "t", {"t": "x {{secrets.PIN}}"}) == f"x {MARKER}"
