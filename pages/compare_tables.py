"""A comparison in numbers and tables: the counts, how well the photos fit, problems and holds."""

from __future__ import annotations

from typing import Any

import pandas as pd
import streamlit as st

from pages.colour_words import colour_word
from pages.words import _, ngettext


def fate_words() -> dict[str, str]:
    """What is said of a hold or a problem, by the word in the document."""
    return {
        "came": _("came"),
        "went": _("went"),
        "moved": _("moved"),
        "stayed": _("stayed"),
        "unseen": _("outside the other photo"),
        "new": _("new"),
        "gone": _("gone"),
        "changed": _("changed"),
        "kept": _("kept"),
    }


def show_numbers(document: dict[str, Any]) -> None:
    """The counts a setter looks for first, and how well the photos fit."""
    holds, words = document["counts"]["holds"], fate_words()
    with st.container(horizontal=True):
        for fate in ("came", "went", "moved", "stayed"):
            st.metric(words[fate].capitalize(), holds[fate], border=True, width=168)
    fit = document["alignment"]
    text = _(
        "The photos were laid onto each other by {inliers} details, which lie {error} pixels off "
        "in the middle; the first photo shows {overlap} % of the second."
    )
    st.caption(
        text.format(
            inliers=fit["inliers"],
            error=round(fit["error_px"], 1),
            overlap=round(100 * fit["overlap"]),
        )
    )
    if fit["panels"] > 1:
        text = _("The wall folds: its {count} panels were each laid by themselves.")
        st.caption(text.format(count=fit["panels"]))
    if holds["unseen"]:
        text = ngettext(
            "{count} hold lies where only one photo shows the wall; it is left out.",
            "{count} holds lie where only one photo shows the wall; they are left out.",
            holds["unseen"],
        )
        st.caption(text.format(count=holds["unseen"]))


def show_tables(document: dict[str, Any]) -> None:
    """One row per problem and per hold that is not as it was."""
    _problems(document["problems"])
    _holds([row for row in document["holds"] if row["change"] not in ("stayed", "unseen")])


def _problems(rows: list[dict[str, Any]]) -> None:
    words, before, after = fate_words(), _("Before"), _("After")
    st.subheader(_("Problems"))
    problems = [
        {
            _("Change"): words[row["change"]],
            _("Colour"): colour_word(row["colour"]),
            before: row["before"],
            after: row["after"],
            _("Kept"): round(100 * row["share"]),
            _("Came"): row["came"],
            _("Went"): row["went"],
            _("Moved"): row["moved"],
        }
        for row in rows
    ]
    if problems:
        share = st.column_config.NumberColumn(_("Kept"), format="%d %%")
        st.dataframe(
            pd.DataFrame(problems).astype({before: "Int64", after: "Int64"}),
            hide_index=True,
            placeholder="-",
            column_config={_("Kept"): share},
            alt=_("What became of the problems"),
        )
    else:
        st.caption(_("Neither photo shows a problem."))


def _holds(rows: list[dict[str, Any]]) -> None:
    words, before, after = fate_words(), _("Before"), _("After")
    st.subheader(_("Holds"))
    holds = [
        {
            _("Change"): words[row["change"]],
            _("Kind"): _("volume") if row["kind"] == "volume" else _("hold"),
            _("Colour"): colour_word(row["colour"]),
            before: row["before"],
            after: row["after"],
        }
        for row in rows
    ]
    if holds:
        table = pd.DataFrame(holds).astype({before: "Int64", after: "Int64"})
        st.dataframe(
            table, hide_index=True, height=360, placeholder="-", alt=_("The holds that changed")
        )
    else:
        st.caption(_("Every hold that both photos can show is where it was."))
