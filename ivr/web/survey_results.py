"""A survey's results: who answered what, with how sure the figures are (S26)."""

from fastapi import APIRouter, Request
from starlette.responses import Response

from ivr.surveys.contacts import list_comments, served
from ivr.surveys.figures import FEW, Recommending, satisfied_answers
from ivr.surveys.funnel import STAGES
from ivr.surveys.results import GROUPINGS, count_answers, count_contacts, results, weeks_until
from ivr.web.auth import Quality
from ivr.web.contact_filter import read_contact_filter
from ivr.web.context import web_of
from ivr.web.media import sound_of
from ivr.web.outbound import known_survey, outbound_page

router = APIRouter(prefix="/surveys")

_COMMENTS = 20
_FIELDS = ("by", "kind", "from", "to")


@router.get("/{survey}/results")
def results_page(request: Request, survey: str, user: Quality) -> Response:
    web, now = web_of(request), web_of(request).now()
    zone = web.zone()
    asked = [(name, value) for name, value in request.query_params.multi_items() if name in (*_FIELDS, "page")]
    wanted = read_contact_filter(asked)
    chosen = wanted.chosen(survey, zone, now)
    weeks = weeks_until(min(wanted.until or now.astimezone(zone).date(), now.astimezone(zone).date()))
    with web.store.read() as session:
        known = known_survey(web, session, survey)
        given = count_answers(session, chosen, weeks, zone)
        contacts = count_contacts(session, chosen, weeks, zone, now)
        comments = list_comments(session, chosen, wanted.page, _COMMENTS)
        people, kinds = served(session, survey)
    web.trace(user.login, "survey.results")
    scale = known.scale if known else 0
    return outbound_page(
        request,
        "results.html",
        survey=survey,
        found=results(known, given, contacts, weeks),
        wanted=wanted,
        comments=comments,
        sounds=[sound_of(web.settings.paths, each.answer.recording or "")[0] for each in comments.items],
        people=people,
        kinds=kinds,
        stages=STAGES,
        groupings=GROUPINGS,
        few=FEW,
        satisfied_with=satisfied_answers(scale) if scale else [],
        recommending=Recommending(scale) if scale else None,
    )
