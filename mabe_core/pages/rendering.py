"""Puts a page together: templates, plots, style, script, and a policy that forbids the network."""

from __future__ import annotations

import base64
import functools
import hashlib
import json
from importlib.resources import files
from typing import Any

import jinja2
from markupsafe import Markup

from mabe_core.pages import classes, colours, content, provenance, text
from mabe_core.pages.content import Content
from mabe_core.pages.ethograms import Ethogram
from mabe_core.pages.plots import plots_of
from mabe_core.pages.svg import CONFIG
from mabe_core.reports.visible import seen

# by this a file is known to be such a page, and may be written over
MARK = '<meta name="generator" content="mabe report">'
# ethograms that are printed: more than these nobody leafs through
PRINTED = 12


def page(shown: Content) -> str:
    """Return the page as HTML, everything in it."""
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("mabe_core.pages"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_seen,
    )
    environment.tests["behaviour"] = classes.is_behaviour
    environment.filters.update(score=text.score, clock=text.clock, count=text.count)
    scripts = _scripts() if shown.ethograms else ()
    hashes = " ".join(f"'sha256-{_sha256(script)}'" for script in scripts)
    # Vega compiles its expressions, hence unsafe-eval; only scripts with these hashes are run at all
    policy = (
        "default-src 'none'; base-uri 'none'; form-action 'none'; img-src data:; style-src 'unsafe-inline'; "
        f"script-src {hashes} 'unsafe-eval'"
        if scripts
        else "default-src 'none'; style-src 'unsafe-inline'"
    )
    return environment.get_template("page.html.j2").render(
        mark=Markup(MARK),
        policy=Markup(policy),
        style=Markup(_style()),
        scripts=[Markup(script) for script in scripts],
        c=shown,
        colours=colours.class_colours(shown.class_names),
        colours_repeat=colours.repeated(shown.class_names),
        setting_colours=[colours.variable(number) for number in range(len(shown.settings))],
        plots=plots_of(shown),
        curves=dict(content.curves(shown.members)),
        titles=[_title(each, shown) for each in shown.ethograms],
        ethogram_data=text.all_seen(_ethogram_data(shown)),
        ethogram_spec=_ethogram_spec(),
        printed=_printed(shown),
        facts=provenance.facts_in_common(shown.members),
        components=provenance.components(shown.members),
        data_files=provenance.data_files(shown.members),
        changes=provenance.changes(shown.members),
        report=provenance.data_report(shown.members),
    )


def _ethogram_data(shown: Content) -> dict[str, Any]:
    names = shown.class_names
    colour = colours.class_colours(names)
    places = {name: place for place, name in enumerate(names)}
    scores = {member.id: member.scores for member in shown.members}
    found = []
    for each in shown.ethograms:
        of_member = scores[each.member]
        assert of_member is not None, "it was drawn from these scores"
        found.append(
            {
                "title": _title(each, shown),
                "told": _told(each),
                "classes": [places[name] for name in of_member.classes],
                "fps": each.fps,
                "start": each.start,
                "stop": each.stop,
                "exclusive": each.exclusive,
                "share": round(each.share, 4),
                "packed": each.packed,
            }
        )
    inks = {name: value.replace("--c", "--k").replace("--none", "--ink") for name, value in colour.items()}
    return {
        "classes": [{"name": name, "colour": colour[name], "ink": inks[name]} for name in names],
        "ethograms": found,
    }


def _title(each: Ethogram, shown: Content) -> str:
    who = f" ({' → '.join(each.individuals)})" if each.individuals else ""
    of = f", {each.member}" if shown.study else ""
    alike = [
        other
        for other in shown.ethograms
        if other.recording == each.recording and other.member == each.member
    ]
    when = f", {each.start / each.fps:.0f} to {each.stop / each.fps:.0f} s" if len(alike) > 1 else ""
    return f"{each.recording}{who}{when}, {each.part}{of}"


def _told(each: Ethogram) -> str:
    scores = "".join(f", {name} {text.score(value)}" for name, value in list(each.scores.items())[:3])
    return f"{each.wrong:,} of {each.labelled:,} labelled frames are wrong ({each.share:.1%}){scores}"


def _printed(shown: Content) -> list[int]:
    """Return the ethograms that go onto paper: those with the most wrong frames, in the page's order."""
    places = range(len(shown.ethograms))
    return sorted(sorted(places, key=lambda place: -shown.ethograms[place].wrong)[:PRINTED])


def _ethogram_spec() -> dict[str, Any]:
    spec: dict[str, Any] = json.loads(_template("ethogram.vega.json"))
    return {**spec, "config": CONFIG}


@functools.cache
def _scripts() -> tuple[str, ...]:
    """Return what every page with ethograms runs; Vega takes seconds to be put together."""
    import vl_convert

    bundle = vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed;")
    return f"(() => {{{bundle}\n}})();".replace("</script", r"<\/script"), _template("ethogram.js")


def _style() -> str:
    style = _template("page.css")
    for place, dark in (("@LIGHT@", False), ("@DARK@", True)):
        style = style.replace(place, colours.declarations(dark=dark))
    return style


def _template(name: str) -> str:
    return (files("mabe_core.pages") / "templates" / name).read_text(encoding="utf-8")


def _sha256(script: str) -> str:
    return base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()


def _seen(value: Any) -> Any:
    return seen(value, lines=True) if isinstance(value, str) and not isinstance(value, Markup) else value
