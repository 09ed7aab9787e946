"""GraphQL over HTTP, WebSocket (graphql-transport-ws) and server-sent events; no batches, no GET queries."""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import anyio
import orjson
from cross_web import AsyncHTTPRequestAdapter, HTTPException
from graphql import GraphQLError
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send
from starlette.websockets import WebSocket
from strawberry.asgi import ASGIWebSocketAdapter, GraphQL
from strawberry.exceptions import ConnectionRejectionError
from strawberry.http import GraphQLHTTPResponse, GraphQLRequestData
from strawberry.http.streaming import SSETransport
from strawberry.subscriptions import GRAPHQL_SSE_PROTOCOL, GRAPHQL_TRANSPORT_WS_PROTOCOL
from strawberry.types import ExecutionResult
from strawberry.types.execution import PreExecutionError
from strawberry.types.graphql import OperationType
from strawberry.types.unset import UNSET

from psg.accounts import Accounts
from psg.errors import PsgError
from psg.graph import Graph
from psg.read.events import EventLog
from psg.read.nodes import Reader
from psg_graphql.console_files import ConsoleFiles
from psg_graphql.identity.identify import Identity, identity_failure, identity_refusal
from psg_graphql.live import LiveLog
from psg_graphql.middleware import refusal_response
from psg_graphql.negotiation import JSON, RESPONSE_JSON, STREAM, answer_media, is_json_body
from psg_graphql.operation_kind import subscribes
from psg_graphql.policy import Actor
from psg_graphql.request_context import RequestContext
from psg_graphql.schema import make_schema
from psg_graphql.settings import ApiSettings
from psg_graphql.sockets import TOO_BUSY, TOO_LATE, TransportSocket
from psg_graphql.trusted_documents import DocumentUnknown, TrustedDocuments


class ResumableEvents(SSETransport):
    """Server-sent events whose ids are cursors: a browser that reconnects sends the last one by itself."""

    def __init__(self, heartbeat_s: float = 15.0) -> None:
        super().__init__()
        self.heartbeat_interval = heartbeat_s

    def allowed_operation_types(self, allowed: Any) -> Any:
        """Stream subscriptions only: other operations have deadlines and numbers, which a stream has not."""
        return {OperationType.SUBSCRIPTION}

    def encode_next(self, response: GraphQLHTTPResponse, encode_json: Any) -> str:
        """Put the cursor of the item, where the operation asks for it, before the event."""
        text = super().encode_next(response, encode_json)
        data = response.get("data") or {}
        cursor = next((v.get("cursor") for v in data.values() if isinstance(v, dict)), None)
        return f"id: {cursor}\r\n{text}" if isinstance(cursor, str) else text


class TextFrames(ASGIWebSocketAdapter):
    """Sends text frames: bytes would become binary ones, which clients of graphql-transport-ws do not expect."""

    async def send_json(self, message: Any) -> None:
        """Send one message as JSON text."""
        await self.ws.send_text(orjson.dumps(message).decode())


class GraphQLView(GraphQL):
    """The endpoint: knows who asks, how long and how often they may."""

    websocket_adapter_class = TextFrames
    graphql_transport_ws_handler_class = TransportSocket
    stream_transport_classes_by_protocol = {GRAPHQL_SSE_PROTOCOL: ResumableEvents}  # noqa: RUF012

    def __init__(self, graph: Graph, live: LiveLog, settings: ApiSettings, registry: Any = None) -> None:
        self.documents = TrustedDocuments.of(settings)
        self.longest_query = settings.max_query_text
        self.largest_query_body = settings.max_query_body_bytes
        self.most_sockets = settings.max_sockets_per_actor
        self.sockets: Counter[str] = Counter()
        super().__init__(
            make_schema(settings, documents=self.documents),
            graphql_ide="graphiql" if settings.ide else None,
            allow_queries_via_get=False,
            subscription_protocols=[GRAPHQL_TRANSPORT_WS_PROTOCOL, GRAPHQL_SSE_PROTOCOL],
            connection_init_wait_timeout=timedelta(seconds=settings.connection_init_timeout_s),
            max_subscriptions_per_connection=settings.max_subscriptions_per_connection,
            allowed_origins=settings.allowed_origins,
        )
        self._graph = graph
        self._live = live
        self._settings = settings
        self._registry = registry
        self._reader = Reader(graph.db)
        self._log = EventLog(graph.db)
        self._busy: Counter[str] = Counter()
        self._console = ConsoleFiles(settings)
        self.identity = Identity(Accounts(graph.db), settings)

    async def get_context(self, request: Request | WebSocket, response: Any) -> Any:
        """Make the context of a request; a WebSocket tells who asks in its first message."""
        principal = request.scope.get(_PRINCIPAL) or Actor(self._settings.default_actor, authenticated=False)
        return RequestContext(
            graph=self._graph, reader=self._reader, log=self._log, live=self._live, settings=self._settings,
            actor=principal, registry=self._registry, request=request, response=response,
            last_event_id=request.headers.get("last-event-id"), body_bytes=request.scope.get("psg.body_bytes", 0),
            accounts=self.identity.accounts, refresh=self.identity.refresh,
        )  # fmt: skip

    async def on_ws_connect(self, context: Any) -> Any:
        """Take token and actor from the connection's first message, as browsers cannot set headers."""
        given = context.connection_params or {}
        authorization = given.get("authorization") or given.get("Authorization")
        headers = context.request.headers
        if authorization is None:
            authorization = headers.get("authorization")
        actor = given.get("actor") if isinstance(given.get("actor"), str) else headers.get("x-psg-actor")
        try:
            context.actor = await self.identity.identify(authorization, actor)
        except PsgError as error:
            told = identity_failure(error)
            raise ConnectionRejectionError({"code": told.code, "message": told.message}) from error
        return UNSET

    def parse_json(self, data: str | bytes) -> Any:
        """Parse JSON that a request can be: an object (or a list, which is told to be a batch)."""
        value = super().parse_json(data)
        if not isinstance(value, dict | list):
            raise HTTPException(400, "The body has to be a JSON object with `query` and `variables`")
        return value

    async def parse_http_body(
        self, request: AsyncHTTPRequestAdapter
    ) -> GraphQLRequestData | list[GraphQLRequestData]:
        """Parse the request; finds the text of a ``documentId``, refuses batches and overlong query texts."""
        data = await super().parse_http_body(request)
        if isinstance(data, list):
            raise HTTPException(400, "Batches are not supported; send one operation per request")
        if data.query is None:
            data = replace(data, query=await self._text_of_document(request, data))
        if not isinstance(data.operation_name, str | None):
            raise HTTPException(400, "`operationName` has to be a string")
        if data.query is not None and len(data.query) > self._settings.max_query_text:
            raise HTTPException(413, f"The query text is longer than {self._settings.max_query_text} characters")
        return data

    async def _text_of_document(self, request: AsyncHTTPRequestAdapter, data: GraphQLRequestData) -> str | None:
        """The text that a request without one names, by the hash that trusted documents have."""
        if request.method == "GET":
            given: Any = request.query_params.get("documentId")
        else:
            given = self.decode_json(await request.get_body()).get("documentId")  # type: ignore[attr-defined]
        if given is not None:
            return self.documents.text(given)
        if data.extensions and "persistedQuery" in data.extensions:
            raise HTTPException(400, "PersistedQueryNotSupported")
        return None

    async def execute_single(
        self,
        request: Request,
        request_adapter: AsyncHTTPRequestAdapter,
        sub_response: Response,
        context: Any,
        root_value: None,
        request_data: GraphQLRequestData,
    ) -> ExecutionResult:
        """Execute within a deadline, and with a bounded number at once per actor."""
        streams = answer_media(request.headers.get("accept")) == STREAM
        if not streams and subscribes(request_data.query, request_data.operation_name):
            told = "Subscriptions are streams: accept text/event-stream, or use graphql-transport-ws"
            return _failed("stream_needed", told, retryable=False, category="validation_error")
        with self.counted(context.actor.who) as counted:
            if not counted:
                return _failed(*TOO_BUSY, retryable=True)
            try:
                with anyio.fail_after(self.deadline(request_data.query)):
                    return await super().execute_single(
                        request, request_adapter, sub_response, context, root_value, request_data
                    )
            except TimeoutError:
                return _failed(*TOO_LATE, retryable=True)

    @contextlib.contextmanager
    def counted(self, who: str) -> Iterator[bool]:
        """Count what an actor has under way; ``False`` when that is as much as it may."""
        free = self._busy[who] < self._settings.max_requests_per_actor
        self._busy[who] += free
        try:
            yield free
        finally:
            self._busy[who] -= free
            if not self._busy[who]:
                del self._busy[who]

    def deadline(self, text: str | None) -> float:
        """Seconds an operation may take; where the text may hold a mutation, those of a mutation."""
        mutates = "mutation" in (text or "")
        return self._settings.mutation_deadline_s if mutates else self._settings.query_deadline_s

    def encode_json(self, data: object) -> bytes:
        """Encode a response."""
        return orjson.dumps(data)

    def decode_json(self, data: str | bytes) -> object:
        """Decode a request."""
        return orjson.loads(data)

    async def process_result(self, request: Request, result: ExecutionResult) -> GraphQLHTTPResponse:
        """Note how the response has to be sent: by media type and by what went wrong before execution."""
        status = _STATUS.get(_code(result), 200)
        if status == 200 and request.state.media == RESPONSE_JSON and isinstance(result, PreExecutionError):
            status = 400
        request.state.graphql_status = status
        return await super().process_result(request, result)

    async def render_graphql_ide(self, request: Request) -> Response:
        """Serve the query page, from here, without any other address."""
        return await self._console.query_page(request)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request; one that is no GraphQL request is told so as JSON too."""
        try:
            if scope["type"] != "http":
                await super().__call__(scope, receive, send)
                return
            request = Request(scope, receive)
            response = await self.run(request)
        except HTTPException as error:
            code = _CODES.get(error.status_code, "request_invalid")
            response = refusal_response(error.status_code, code, error.reason)
        except DocumentUnknown as error:
            response = refusal_response(400, error.code, error.message)
        if response.status_code >= 400 and answer_media(request.headers.get("accept")) == RESPONSE_JSON:
            response.headers["content-type"] = _MODERN
        await response(scope, receive, send)

    async def run(self, request: Any, *arguments: Any, **named: Any) -> Any:
        """Answer a request with the media type and status that it noted; without a token it is not even read."""
        page = isinstance(request, Request) and self.should_render_graphql_ide(self.request_adapter_class(request))
        if isinstance(request, Request) and not page:
            try:
                headers = request.headers
                who = await self.identity.identify(headers.get("authorization"), headers.get("x-psg-actor"))
            except PsgError as error:
                return identity_refusal(error)
            request.scope[_PRINCIPAL] = who
            if (refused := _refused(request)) is not None:
                return refused
        response = await super().run(request, *arguments, **named)
        if isinstance(request, Request) and hasattr(request.state, "graphql_status"):
            response.status_code = request.state.graphql_status
            if request.state.media == RESPONSE_JSON:
                response.headers["content-type"] = _MODERN
        return response


def _refused(request: Request) -> Response | None:
    """The refusal of a method or a media type, or none; notes what media type the answer has to have."""
    media = answer_media(request.headers.get("accept"))
    if request.method not in ("GET", "POST") or (request.method == "GET" and media != STREAM):
        told = "Send operations by POST; GET is for subscriptions that accept text/event-stream"
        response = refusal_response(405, "method_not_allowed", told)
        response.headers["Allow"] = "POST"
        return response
    if media is None:
        return refusal_response(406, "not_acceptable", f"The answer can be {RESPONSE_JSON} or {JSON}")
    if request.method == "POST" and not is_json_body(request.headers.get("content-type")):
        return refusal_response(415, "unsupported_media_type", f"The body has to be {JSON} in UTF-8")
    request.state.media = media
    return None


_PRINCIPAL = "psg.principal"
_MODERN = f"{RESPONSE_JSON}; charset=utf-8"
_CODES = {404: "not_found", 405: "method_not_allowed", 413: "request_too_large"}
_STATUS = {"too_busy": 429, "deadline_exceeded": 503, "unauthenticated": 401, "stream_needed": 406}


def _code(result: ExecutionResult) -> str:
    for error in result.errors or ():
        return str((error.extensions or {}).get("code", ""))
    return ""


def _failed(code: str, message: str, *, retryable: bool, category: str = "resource_error") -> ExecutionResult:
    extensions = {"code": code, "category": category, "retryable": retryable}
    return ExecutionResult(data=None, errors=[GraphQLError(message, extensions=extensions)])
