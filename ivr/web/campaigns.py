"""Campaigns: what is being rung and how far it is, live; the contacts of one; the calendar; start, pause, stop."""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from fastapi import APIRouter, Depends, Form, Request
from fastapi.responses import RedirectResponse
from starlette.exceptions import HTTPException
from starlette.responses import Response

from ivr.accounts.users import Role
from ivr.errors import IvrError
from ivr.hotline.survey_lint import SurveyFinding
from ivr.speech.prompts import PromptStore
from ivr.speech.survey_check import check_surveys
from ivr.surveys import campaigns
from ivr.surveys.calendar import coming_days
from ivr.surveys.campaigns import NoSuchSurvey, NothingToRing, Overview, read_stop
from ivr.surveys.contacts import list_contacts, reasons, served
from ivr.surveys.funnel import STAGES
from ivr.surveys.standing import Standing, Surroundings, Today, standing
from ivr.web.auth import Quality, Supervisor, check_form, safe_next, signed_in
from ivr.web.campaign_counts import Counts, count, lately
from ivr.web.contact_filter import STATES, read_contact_filter
from ivr.web.context import Web, csrf_token, fragment, web_of
from ivr.web.desk import in_page_language
from ivr.web.feed import Glance, stream
from ivr.web.outbound import journal_of, known_survey, names_of, outbound_page

log = logging.getLogger("ivr.web")

router = APIRouter(prefix="/campaigns")

REGIONS = ("campaigns",)
_PER_PAGE = 50


@dataclass(frozen=True)
class CampaignNow:
    """A campaign as its card shows it."""

    told: Overview
    standing: Standing
    today: Today


@router.get("")
def campaigns_page(request: Request, user: Quality) -> Response:
    return outbound_page(request, "campaigns.html", regions=_draw(request, web_of(request).feed.look()) or {})


@router.get("/stream")
async def campaigns_stream(request: Request, user: Quality) -> Response:
    def draw(glance: Glance) -> Mapping[str, str] | None:
        return _draw(request, glance, lately)

    return stream(web_of(request).feed, csrf_token(request), draw)


@router.get("/calendar")
def calendar_page(request: Request, user: Quality) -> Response:
    web = web_of(request)
    hotline = web.hotline()
    surveys = list(hotline.surveys) if hotline else []
    asked = request.query_params.get("survey")
    chosen = asked if asked in surveys else next(iter(surveys), None)
    local = web.now().astimezone(web.zone())
    days = coming_days(hotline, hotline.surveys[chosen], local.date()) if hotline and chosen else []
    return outbound_page(
        request,
        "windows.html",
        surveys=surveys,
        chosen=chosen,
        days=days,
        minute=local.hour * 60 + local.minute,
        outbound=hotline.outbound if hotline else None,
        survey=hotline.surveys[chosen] if hotline and chosen else None,
        holidays=hotline is not None and hotline.calendar.holidays != "none",
    )


@router.post("/stop", dependencies=[Depends(check_form)])
def stop(request: Request, user: Supervisor, back: str = Form("/campaigns")) -> Response:
    """The emergency stop: nobody is rung from now on, whatever for."""
    web = web_of(request)
    try:
        campaigns.stop_outbound(web.settings.paths, journal_of(web), by=user.login)
    except OSError as error:
        if read_stop(web.settings.paths) is None:
            raise
        log.error("the stop is in force, and the journal does not tell of it: %s", error.strerror)
    web.trace(user.login, "outbound.stop")
    return _back(back, "stopped")


@router.post("/resume", dependencies=[Depends(check_form)])
def resume(request: Request, user: Supervisor, back: str = Form("/campaigns"), sure: str = Form("")) -> Response:
    """End the emergency stop; whoever asks has confirmed it."""
    if sure != "yes":
        raise HTTPException(400)
    web = web_of(request)
    campaigns.resume_outbound(web.settings.paths, journal_of(web), by=user.login)
    web.trace(user.login, "outbound.resume")
    return _back(back, "resumed")


@router.get("/{survey}")
def contacts_page(request: Request, survey: str, user: Quality) -> Response:
    web = web_of(request)
    wanted = read_contact_filter(request.query_params.multi_items())
    chosen = wanted.chosen(survey, web.zone(), web.now())
    with web.store.read() as session:
        known = known_survey(web, session, survey)
        found = list_contacts(session, chosen, wanted.page, _PER_PAGE)
        if not found.items and wanted.page > 1:
            wanted = wanted.on_page(found.pages)
            found = list_contacts(session, chosen, found.pages, _PER_PAGE)
        people, kinds = served(session, survey)
        waiting = reasons(session, survey)
    web.trace(user.login, "contact.search" if wanted.text else "contacts")
    return outbound_page(
        request,
        "campaign.html",
        survey=survey,
        known=known,
        campaign=_now(request, survey) if known else None,
        found=found,
        wanted=wanted,
        states=STATES,
        reasons=waiting,
        people=people,
        kinds=kinds,
        stages=STAGES,
        findings=_findings(request, survey) if known and user.may("supervisor") else [],
    )


@router.post("/{survey}/start", dependencies=[Depends(check_form)])
def start(request: Request, survey: str, user: Supervisor, back: str = Form("/campaigns")) -> Response:
    return _change(request, survey, user.login, back, "start")


@router.post("/{survey}/pause", dependencies=[Depends(check_form)])
def pause(request: Request, survey: str, user: Supervisor, back: str = Form("/campaigns")) -> Response:
    """Ring nobody more for it; calls that are up go on."""
    return _change(request, survey, user.login, back, "pause")


# ---- parts -----------------------------------------------------------------------------------------------


def _change(request: Request, survey: str, login: str, back: str, act: str) -> Response:
    web = web_of(request)
    hotline = web.hotline()
    if hotline is None:
        raise HTTPException(404)
    try:
        if act == "start":
            campaigns.start(web.store, journal_of(web), hotline, survey, by=login)
        else:
            campaigns.pause(web.store, journal_of(web), hotline, survey, by=login)
    except NoSuchSurvey as error:
        raise HTTPException(404) from error
    except NothingToRing:
        return _back(back, "no_trunk")
    web.trace(login, f"campaign.{act}")
    return _back(back, "campaign_started" if act == "start" else "campaign_paused")


def _findings(request: Request, survey: str) -> list[SurveyFinding]:
    """Where the survey is not what the standards ask for."""
    web = web_of(request)
    hotline = web.hotline()
    try:
        found = check_surveys(PromptStore(web.settings.paths, hotline)) if hotline else []
    except IvrError as error:
        log.warning("the surveys cannot be checked: %s", error.message)
        return []
    return [finding for finding in found if finding.survey == survey]


def _back(page: str, said: str) -> Response:
    """To the page the button was on, which says what became of it."""
    return RedirectResponse(f"{safe_next(page).partition('?')[0]}?said={said}", 303)


def _draw(request: Request, glance: Glance, counted: Callable[[Web], Counts] = count) -> Mapping[str, str] | None:
    """The page's regions; None once the user is signed out or has another role."""
    user = signed_in(request)
    if user is None or user.must_change or user.role < Role.QA:
        return None
    request.state.user = in_page_language(request, user)
    values = {
        "campaigns": _all_now(web_of(request), glance, counted(web_of(request))),
        "stages": STAGES,
        "names": names_of(request),
    }
    return {region: fragment(request, f"_campaigns_{region}.html", **values) for region in REGIONS}


def _now(request: Request, survey: str) -> CampaignNow | None:
    web = web_of(request)
    found = _all_now(web, web.feed.look(), count(web))
    return next((each for each in found if each.told.survey == survey), None)


def _all_now(web: Web, glance: Glance, counts: Counts) -> list[CampaignNow]:
    hotline = web.hotline()
    waiting = None if glance.stale else len(glance.board.waiting)
    here = Surroundings(web.now(), read_stop(web.settings.paths) is not None, waiting)
    return [
        CampaignNow(
            each,
            standing(hotline, each.survey, each.state, counts.turns.get(each.survey, 0), here),
            counts.today.get(each.survey, Today()),
        )
        for each in counts.told
        if hotline is not None and each.survey in hotline.surveys
    ]
