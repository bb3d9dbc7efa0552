"""Every text of the clickable wall, which its JavaScript gets from here."""

from __future__ import annotations

from pages.words import _


def wall_words() -> dict[str, str]:
    """Every text in the wall, in the reader's language; names in braces are filled in there."""
    return {
        "wall": _("The wall with its holds"),
        "tools": _("Tools for the wall"),
        "select": _("Select holds"),
        "point": _("Add a hold by clicking on it"),
        "box": _("Add a hold by drawing a box around it"),
        "several": _("Select several holds"),
        "selectHint": _("Click a hold; with Shift, add it to the selection"),
        "severalHint": _("Every click adds a hold, or takes it away again"),
        "pointHint": _("Click a hold that was missed"),
        "boxHint": _("Draw a box around a hold that was missed"),
        "zoomIn": _("Zoom in"),
        "zoomOut": _("Zoom out"),
        "zoomAll": _("Show the whole wall"),
        "holdKind": _("Hold"),
        "volumeKind": _("Volume"),
        "holdNumber": _("Hold {number}"),
        "volumeNumber": _("Volume {number}"),
        "hold": _("{kind} {number}, {colour}, {confidence} %, {problem}"),
        "unsureHold": _("{kind} {number}, {colour}, {confidence} %, unsure, {problem}"),
        "problem": _("Problem {number}"),
        "noProblem": _("No problem"),
        "unsure": _("unsure"),
        "colours": _("Show only these colours"),
        "showProblem": _("Show only this problem"),
        "allProblems": _("All problems"),
        "shown": _("{shown} of {all}"),
        "labels": _("Labels on the holds"),
        "labels_problems": _("Problem numbers"),
        "labels_colours": _("Colour names"),
        "labels_patterns": _("Patterns"),
        "labels_none": _("No labels"),
    }
