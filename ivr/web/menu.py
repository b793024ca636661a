"""The menu as callers meet it: drawn as a tree, and held against the standards."""

from fastapi import APIRouter, Request
from starlette.responses import Response

from ivr.errors import IvrError
from ivr.hotline.drawing import BOX_HEIGHT, BOX_WIDTH, draw
from ivr.hotline.lint import Finding
from ivr.hotline.tree import tree
from ivr.speech.menu_check import check_menus
from ivr.speech.prompts import PromptStore
from ivr.web.auth import Supervisor
from ivr.web.context import language_of, page, web_of
from ivr.web.names import Names

router = APIRouter()


@router.get("/menu")
def menu_page(request: Request, user: Supervisor) -> Response:
    web = web_of(request)
    hotline = web.hotline()
    findings: list[Finding] = []
    problem = None
    if hotline is not None:
        try:
            findings = check_menus(PromptStore(web.settings.paths, hotline))
        except IvrError as error:
            problem = str(error)
    return page(
        request,
        "menu.html",
        number=hotline.hotline.number if hotline else "",
        drawing=draw(tree(hotline), language_of(request)) if hotline else None,
        box=(BOX_WIDTH, BOX_HEIGHT),
        findings=findings,
        problem=problem,
        names=Names(hotline, language_of(request)),
    )
