"""``psg modules`` and ``psg resources``: what runs in the platform's processes, and what they share."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Annotated

import typer

from psg_cli.api import open_client
from psg_cli.commands.plans import ApiOption
from psg_cli.failures import UsageError, execute
from psg_cli.output import JsonFlag, plain, print_json, stdout, table
from psg_cli.settings import load_settings
from psg_client import Client
from psg_client.generated import AllocationStrategy, ModuleSummary, PoolSummary, ResourceShares

resources = typer.Typer(
    name="resources", invoke_without_command=True, help="Resource pools that all processes share, and who holds them."
)
_STRATEGIES: dict[str, AllocationStrategy] = {"fair": "fair", "priority": "priority", "performance": "performance"}
PAGE = 100
_STYLES = {"running": "green", "unavailable": "red", "starting": "yellow"}


def modules(
    kind: Annotated[str | None, typer.Option("--type", help="Only modules of this type, such as context.")] = None,
    long: Annotated[bool, typer.Option("--long", "-l", help="With capabilities, dependencies and ids.")] = False,
    api_url: ApiOption = None,
    as_json: JsonFlag = False,
) -> None:
    """List the modules that run in the platform's processes, with their health.

    Examples: psg modules      psg modules --type context --long
    """

    async def command() -> None:
        async with open_client(load_settings(api_url=api_url)) as client:
            found = await client.modules(type=kind)
        if as_json:
            print_json([asdict(module) for module in found])
        elif found:
            _show_modules(found, long)
        else:
            which = "no modules run" if kind is None else f"no module {plain(kind)} runs"
            stdout().print(f"{which}; `psg up` and `psg orchestrate` run them, `psg modules` lists all")

    execute(command, as_json=as_json)


def _show_modules(found: list[ModuleSummary], long: bool) -> None:
    rows = table("module", "version", "status", "operations", "failed", "average", "process")
    for module in found:
        style, average = _STYLES.get(module.status), module.average_ms
        status = f"[{style}]{module.status}[/]" if style else module.status
        rows.add_row(
            plain(module.type), plain(module.version), status, str(module.operations), str(module.failures),
            "" if average is None else f"{average:.1f} ms", plain(module.process),
        )  # fmt: skip
    stdout().print(rows)
    for module in found:
        if module.reason:
            stdout().print(plain(f"{module.type} in {module.process}: {module.reason}"))
        if long:
            stdout().print(plain(f"{module.type} {module.id}: {', '.join(module.capabilities)}"))
            stdout().print(plain(f"  needs {', '.join(module.dependencies) or 'nothing'}; {module.configuration}"))


@resources.callback()
def list_resources(context: typer.Context, api_url: ApiOption = None, as_json: JsonFlag = False) -> None:
    """List resource pools with what is held of them.

    Example: psg resources
    """
    if context.invoked_subcommand is not None:
        return

    async def command() -> None:
        async with open_client(load_settings(api_url=api_url)) as client:
            pools = await _all_pools(client)
        if as_json:
            print_json([asdict(pool) for pool in pools])
        else:
            _show_pools(pools)

    execute(command, as_json=as_json)


async def _all_pools(client: Client) -> list[PoolSummary]:
    found: list[PoolSummary] = []
    while page := await client.resource_pools(first=PAGE, after=found[-1].name if found else ""):
        found += page
        if len(page) < PAGE:
            break
    return found


@resources.command("show")
def show_pool(
    name: Annotated[str, typer.Argument(help="Name of a pool.")], api_url: ApiOption = None, as_json: JsonFlag = False
) -> None:
    """Show one pool: who holds it and who waits for it.

    Example: psg resources show gpu
    """

    async def command() -> None:
        async with open_client(load_settings(api_url=api_url)) as client:
            found = await client.resource_shares(name=name)
        if not found:
            raise UsageError(f"there is no resource pool {name!r}; `psg resources` lists them")
        if as_json:
            print_json(asdict(found[0]))
        else:
            _show_shares(found[0])

    execute(command, as_json=as_json)


@resources.command("define")
def define_pool(
    name: Annotated[str, typer.Argument(help="Name of the pool, such as gpu.")],
    capacity: Annotated[float, typer.Argument(help="How much of it there is.")],
    utilization: Annotated[
        float | None, typer.Option("--max-utilization", help="Which part may be held; 0.8 is 80 %.")
    ] = None,
    strategy: Annotated[str | None, typer.Option("--strategy", help="fair, priority or performance.")] = None,
    api_url: ApiOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Define a resource pool, or change it, for all processes.

    Example: psg resources define gpu 8 --max-utilization 0.75 --strategy priority
    """

    async def command() -> None:
        chosen = None if strategy is None else _STRATEGIES.get(strategy)
        if strategy is not None and chosen is None:
            raise UsageError(f"--strategy is one of {', '.join(_STRATEGIES)}, not {strategy!r}.")
        async with open_client(load_settings(api_url=api_url)) as client:
            done = await client.define_resource_pool(
                name=name, capacity=capacity, max_utilization=utilization, strategy=chosen
            )
        pool = done.pool
        if as_json:
            print_json(asdict(pool))
        else:
            _show_pools([pool])

    execute(command, as_json=as_json)


def _show_pools(pools: Sequence[PoolSummary | ResourceShares]) -> None:
    if not pools:
        stdout().print("no resource pools; they are there when somebody first asks for them, or defines them")
        return
    rows = table("pool", "used", "limit", "capacity", "held by", "waiting", "strategy")
    for pool in pools:
        waiting = f"{pool.waiting} for {pool.wanted:g}" if pool.waiting else ""
        rows.add_row(
            plain(pool.name), f"{pool.used:g}", f"{pool.limit:g}", f"{pool.capacity:g}", str(pool.allocations),
            waiting, pool.strategy,
        )  # fmt: skip
    stdout().print(rows)


def _show_shares(pool: ResourceShares) -> None:
    _show_pools([pool])
    rows = table("allocation", "amount", "state", "holder", "priority", "since", "lease until")
    for share in pool.shares:
        rows.add_row(
            share.allocation_id, f"{share.amount:g}", share.state, plain(share.holder), str(share.priority),
            str(share.granted_at or share.asked_at), str(share.lease_until),
        )  # fmt: skip
    if pool.shares:
        stdout().print(rows)
