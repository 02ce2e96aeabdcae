"""An experiment as a page: question, what the run showed, and why."""

from __future__ import annotations

from nnscratch.lab.base import Experiment, Outcome
from nnscratch.pages.html import escaped, page, plot, table


def experiment_page(experiment: Experiment, outcome: Outcome, prediction: int | None, told: str) -> str:
    """Return the page, whole; ``told`` says what was run, on which images."""
    parts = [
        _card("The question", _question(experiment, outcome, prediction)),
        _card("What happened", _happened(experiment, outcome, prediction)),
        _card("Why", _why(experiment)),
        f'<p class="soft">{escaped(told)}</p>',
    ]
    return page(experiment.title, "\n".join(parts))


def _card(title: str, body: str) -> str:
    return f'<section class="card"><h2>{escaped(title)}</h2>\n{body}\n</section>'


def _question(experiment: Experiment, outcome: Outcome, prediction: int | None) -> str:
    items = []
    for place, choice in enumerate(experiment.choices, 1):
        marks = [word for word, number in (("predicted", prediction), ("this run", outcome.answer)) if number == place]
        mark = f" <strong>({', '.join(marks)})</strong>" if marks else ""
        items.append(f"<li>{escaped(choice)}{mark}</li>")
    return f"<p>{escaped(experiment.question)}</p>\n<ol>{''.join(items)}</ol>"


def _happened(experiment: Experiment, outcome: Outcome, prediction: int | None) -> str:
    return "\n".join(
        [
            f"<p><strong>{escaped(experiment.told(outcome, prediction))}</strong></p>",
            f"<p>{escaped(outcome.verdict)}</p>",
            f'<div class="wide"><div style="min-width: 40rem">{plot(outcome.plot, outcome.alt)}</div></div>',
            table(list(outcome.table.header), [list(row) for row in outcome.table.rows]),
        ]
    )


def _why(experiment: Experiment) -> str:
    paragraphs = [f"<p>{escaped(text)}</p>" for text in experiment.explanation]
    where = "".join(
        f"<li><code>{escaped(name)}</code> in <code>{escaped(file)}</code></li>" for file, name in experiment.where
    )
    return "\n".join(
        [
            *paragraphs,
            f'<pre class="formula">{escaped(experiment.formula)}</pre>',
            f"<p>In the code:</p>\n<ul>{where}</ul>",
        ]
    )
