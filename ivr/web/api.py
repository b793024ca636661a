"""The same JSON as `ivr calls --json` and `ivr call ID --json`, for programs with a session."""

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse
from starlette.responses import Response

from ivr.calls.record import get_call, list_calls
from ivr.web.auth import Agent, own_only, require_own
from ivr.web.context import web_of
from ivr.web.filters import read_filter

router = APIRouter(prefix="/api")


@router.get("/calls")
def calls(request: Request, user: Agent) -> Response:
    """A page of the list, newest first; the number of calls on all pages is in X-Total-Count.

    A filter that is not understood is an error here: a program would take the whole list for its answer.
    """
    web = web_of(request)
    wanted = read_filter(request.query_params.multi_items())
    if wanted.bad:
        return JSONResponse({"error": "not understood", "fields": list(wanted.bad)}, 400)
    with web.store.read() as session:
        found = list_calls(session, **(wanted.arguments(web.zone()) | own_only(user)))
    web.trace(user.login, "api.list")
    headers = {"X-Total-Count": str(found.total)}
    return JSONResponse([call.to_json() for call in found.items], headers=headers)


@router.get("/calls/{call_id}")
def call(request: Request, call_id: str, user: Agent) -> Response:
    web = web_of(request)
    with web.store.read() as session:
        found = get_call(session, call_id)
    require_own(user, found)
    web.trace(user.login, "api", found.id)
    return JSONResponse(found.to_json())
