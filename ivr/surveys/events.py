"""What the journal tells of survey calls. Whoever writes these events and whoever reads them agree here.

Every event of a survey call bears the call's id, `ivr.surveys.ids.attempt_call_id(contact, attempt)`.
"""

# The dialplan's own (CEL user events; dialplan/survey.j2), with `<contact>/<attempt>[/<more>]` in `extra`.
DIALLED = "SURVEY_DIALLED"
"""`…/<number>/<customer id>`: the customer's phone is being rung."""
ANSWERED = "SURVEY_ANSWERED"
"""It was answered, by whatever."""
NOT_ANSWERED = "SURVEY_RESULT"
"""`…/<DIALSTATUS>/<HANGUPCAUSE>`: it was not; `…/REFUSED/0`: it was not even rung."""
TALLIED = (DIALLED, ANSWERED, NOT_ANSWERED)

# The flow's (agi_scripts/callback_survey.py).
HEARD = "survey.heard"
"""`who`: human, machine, phone_menu, uncertain; `amd`, `cause` as Asterisk's AMD() gave them."""
CONFIRMED = "survey.confirmed"
"""The right person is on the line."""
ASKING = "survey.asking"
"""`question`: it is being asked; where a call that breaks off goes on."""
ANSWER = "survey.answer"
"""`question`, `value` as keyed; of a comment `recording` and `seconds`. The last one to a question counts;
a comment is a leg of its call (`ivr.store.surveys.comment_leg`), so that its words are heard like any other's."""
TAKEN_BACK = "survey.taken_back"
"""`question`: its answer does not count any more; it is given anew, or no longer asked for."""
ENDED = "survey.ended"
"""How the flow ended: `result` is one of completed, later, declined, do_not_call, wrong_person, machine, phone_menu,
no_human, person. A flow that never says so was broken off.

Of later: `agreed`, an ISO moment; or `recording` and `seconds` of the customer saying when, which is a leg of its call
like a comment's, named `ivr.hotline.survey_prompts.SAID_TIME`; or neither."""

# A supervisor's, the API's, or a rule's: of no call. In its place stands the contact's id, or the number itself.
CANCELLED = "contact.cancelled"
"""`by`: nobody is to be rung for it any more."""
GAVE_UP = "contact.gave_up"
"""`reason`: the dialler's rule says so."""
EXPIRED = "contact.expired"
TIME_SET = "contact.time_set"
"""`agreed`: the moment that the customer's words meant, or that somebody settled with them; `by`, "" for a rule."""
DO_NOT_CALL = "number.do_not_call"
"""`number`, `reason` (key, page, api, command), `by`. Whoever presses 9 says it in a call: then it bears that call."""
MAY_CALL = "number.may_call"
"""`number`, `by`: taken off the list again."""

# Of everybody's calls, by the emergency stop.
STOPPED = "outbound.stopped"
"""`by`: no customer is rung from now on, whatever for."""
GOES_ON = "outbound.goes_on"
"""`by`: customers are rung again."""
CAMPAIGN = "campaign.changed"
"""`survey`, `state`, `by`: the tables keep what is so, the journal who wanted it."""
