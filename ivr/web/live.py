"""The supervisor's live page: who waits, what agents do, the sums of the day; and listening to a call."""

from collections.abc import Mapping
from typing import get_args

from fastapi import APIRouter, Depends, Form, Request
from starlette.exceptions import HTTPException
from starlette.responses import Response

from ivr.accounts.users import Role
from ivr.calls.outcome import OFFERED
from ivr.desk.overview import may_supervise, overview
from ivr.reports.sums import report
from ivr.telephony.control import SuperviseMode
from ivr.web.answers import answer, carry_out, said
from ivr.web.auth import Supervisor, check_form, signed_in
from ivr.web.context import csrf_token, fragment, language_of, page, web_of
from ivr.web.desk import in_page_language, midnight, reason_labels
from ivr.web.feed import Glance, stream
from ivr.web.names import Names

router = APIRouter(prefix="/live")

REGIONS = ("alerts", "tiles", "waiting", "agents", "sums")
MODES: tuple[SuperviseMode, ...] = get_args(SuperviseMode)


@router.get("")
def live_page(request: Request, user: Supervisor) -> Response:
    web = web_of(request)
    web.trace(user.login, "live")
    return page(request, "live.html", regions=_draw(request, web.feed.look()) or {}, said=said(request))


@router.get("/stream")
async def live_stream(request: Request, user: Supervisor) -> Response:
    return stream(web_of(request).feed, csrf_token(request), lambda glance: _draw(request, glance))


def _draw(request: Request, glance: Glance) -> Mapping[str, str] | None:
    """The page's regions; None once the user is signed out or has another role."""
    user = signed_in(request)
    if user is None or user.must_change or user.role < Role.SUPERVISOR:
        return None
    request.state.user = in_page_language(request, user)
    web = web_of(request)
    hotline, language = web.hotline(), language_of(request)
    if hotline is None:
        return dict.fromkeys(REGIONS, "")
    with web.store.read() as session:
        sums = report(session, hotline.standards.service_level, since=midnight(web))
    values: dict[str, object] = {
        "glance": glance,
        "view": overview(glance.board, hotline, user.work_number),
        "sums": sums,
        "outcomes": OFFERED,
        "standards": hotline.standards,
        "names": Names(hotline, language),
        "reason_label": reason_labels(hotline, language),
        "known_phone": user.work_number in hotline.agents,
        "modes": MODES,
    }
    return {region: fragment(request, f"_live_{region}.html", **values) for region in REGIONS}


@router.post("/supervise", dependencies=[Depends(check_form)])
def supervise(request: Request, user: Supervisor, agent: str = Form(""), mode: str = Form("")) -> Response:
    """Ring the supervisor's own phone and put it to an agent's call: own team only, and never without a trace."""
    web, hotline = web_of(request), web_of(request).hotline()
    wanted = next((known for known in MODES if known == mode), None)
    if wanted is None or hotline is None:
        raise HTTPException(404)
    own = user.work_number
    if own is None or not may_supervise(hotline, own, agent):
        return answer(request, "live", "not_own_team", ok=False)
    web.trace(user.login, f"supervise.{wanted}", web.feed.look().board.agent(agent).call)
    return carry_out(request, "live", lambda control: control.supervise(own, agent, wanted), "ringing_you")
