"""What a finding about a survey says, and what to do about it."""

ADVICE = {
    "too_many": ("asks {questions} questions on one way; at most {most} are answered gladly", "leave some out"),
    "never_asked": ("no answers lead to it", "change its only_if, or leave it out"),
    "no_hours": (
        "nobody can be rung: no hours lie within outbound.window ({window})",
        "give hours within it",
    ),
    "hours_outside": (
        "some hours lie outside outbound.window ({window}): nobody is rung then",
        "give hours within it",
    ),
    "no_way_out": (
        "{language}: {prompt} does not say that 9 ends such calls for good",
        "name key 9 in its text in prompts/{language}.yaml",
    ),
    "no_person": (
        "{language}: {prompt} does not say that 0 reaches a person",
        "name key 0 in its text in prompts/{language}.yaml",
    ),
    "informal": ("{language}: says {found}", "say 您"),
    "advertising": ("{language}: “{found}” is advertising", "ask, and offer nothing"),
    "leading": ("{language}: “{found}” puts the answer into the customer's mouth", "ask so that any answer is welcome"),
    "double": ("{language}: “{found}” asks two things at once", "ask one, or make two questions of it"),
    "mixed_scale": (
        "{language}: its words are about {low} to {high}, the survey's scale is 1 to {scale}",
        "use one scale throughout, or change the survey's scale",
    ),
    "reversed_scale": (
        "{language}: its words call 1 the best; everywhere 1 is the worst and {scale} the best",
        "turn the words round",
    ),
    "scale_unsaid": (
        "{language}: does not say which key is good and which is bad",
        "say what 1 and {scale} mean, such as 1分最低，{scale}分最高",
    ),
    "strange_key": ("{language}: names key {keys}, which answers nothing", "name the keys the question has"),
    "key_unsaid": ("{language}: does not name key {keys}", "say what each key means"),
    "no_label": ("{language}: has no label", "write label in {language}"),
    "no_purpose": ("{language}: does not say why we call", "write purpose in {language}"),
    "no_words": ("{language}: has no words", "write ask in {language}"),
    "no_choice_label": ("{language}: key {keys} has no label", "write the choice in {language}"),
    "no_prompt": ("{language}: no text for {prompts}", "write it in prompts/{language}.yaml"),
    "no_sound": ("{language}: no sound for {prompts}", "run `ivr prompts build`"),
    "too_long": (
        "{language}: the call takes {seconds} s at the longest ({way}); at most {most} s",
        "leave a question out, shorten one, or allow comments fewer seconds",
    ),
    "minutes_short": (
        "{language}: told to take about {minutes} minutes, but its questions take {seconds} s at the longest ({way})",
        "say more minutes, or ask less",
    ),
    "long_question": ("{language}: its words take {seconds} s; at most {most} s", "shorten them"),
}
"""Rule → what is wrong and what to do, in English, with the finding's facts."""
