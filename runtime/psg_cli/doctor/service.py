"""The API: whether it answers where it is looked for, and whether it is of this release."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version

from psg_cli.doctor.findings import Finding, fail, ok, warn
from psg_cli.settings import CliSettings
from psg_client import ClientError
from psg_client.transport import Transport

_HEALTH = "query DoctorHealth { health { status version problems } }"
_SILENT = ("api_unavailable", "api_timeout")
TIMEOUT_S = 10.0


async def check_api(settings: CliSettings) -> tuple[Finding, bool]:
    """Ask the API for its health; also whether anybody answers at its address."""
    token = settings.api_token.get_secret_value() if settings.api_token else None
    address = _address(settings)
    try:
        async with Transport(settings.api_url, token=token, timeout_s=TIMEOUT_S, retry_for_s=0) as transport:
            health = (await transport.execute(_HEALTH, "DoctorHealth", {}))["health"]
    except ClientError as error:
        return _unasked(error, address)
    mine = _release()
    if health["status"] != "ok":
        told = ", ".join(health["problems"]) or "it does not say why"
        return fail("api", f"the API at {address} is {health['status']}: {told}", "`psg health` tells more"), True
    if health["version"] != mine:
        told = f"the API at {address} is of release {health['version']}, this program of {mine}"
        return warn("api", told, "use the same release on both sides (docs/upgrade.md)"), True
    return ok("api", f"the API at {address} answers, release {mine}"), True


def _unasked(error: ClientError, address: str) -> tuple[Finding, bool]:
    if error.code in _SILENT:
        status = error.details.get("status")
        if status is None:
            return warn("api", f"nothing answers at {address}", "`psg up` or `psg serve` starts it"), False
        advice = "look at what is told of the database, and at the logs of the API"
        return fail("api", f"{address} answers with HTTP {status}: it cannot serve us now", advice), True
    if error.code == "unauthenticated":
        advice = "set PSG_API_TOKEN to a token of it"
        return fail("api", f"{address} answers, but not to us: {error.code}", advice), True
    advice = "PSG_API_URL looks like http://127.0.0.1:8765/graphql"
    return fail("api", f"{address} cannot be used: {error.code}", advice), error.code != "invalid_url"


def _release() -> str:
    try:
        return version("psg-platform")
    except PackageNotFoundError:
        return "unknown"


def _address(settings: CliSettings) -> str:
    """The address without what may be secret in it."""
    scheme, _, rest = settings.api_url.partition("://")
    host, slash, path = rest.partition("/")
    return f"{scheme}://{host.rpartition('@')[2]}{slash}{path.partition('?')[0]}"
