"""Every page in both languages: nothing breaks, and in Korean no English text of ours is left."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import pytest
from babel.messages.pofile import read_po
from streamlit.proto.WidgetStates_pb2 import WidgetStates
from streamlit.runtime.scriptrunner import get_script_run_ctx
from streamlit.testing.v1 import AppTest
from streamlit.testing.v1.element_tree import ElementTree

from core import analysis
from core.sentences import Template
from pages import words
from tests.core.fakes import fake_models, found
from tests.core.make import make_colour
from tests.pages.driving import troubles
from tests.pages.memory_app import new_debugger
from tests.pages.texts import texts_of

PATIENCE_S = 90
SECTIONS = 5
VIEWS = 8

pytestmark = pytest.mark.usefixtures("clean_environment")


@pytest.fixture(autouse=True)
def fresh(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """Fake models that find two columns of five unsure holds, and a debugger that is new."""
    holds = [found((x, 20 + 40 * i, x + 30, 45 + 40 * i)) for x in (50, 90) for i in range(5)]
    colour = make_colour("green", sure=False, confidence=0.55, alternatives=(("mint", 0.4),))
    warning = "YOLO_WEIGHTS=x.pt does not exist. Correct the path."
    models = fake_models(holds, colour, warnings=(warning,))
    monkeypatch.setattr(analysis, "load_models", lambda *_: models)
    monkeypatch.setenv("CLIMBMATE_CACHE_DIR", str(tmp_path))
    with new_debugger(monkeypatch):
        yield


@pytest.fixture(autouse=True)
def outside(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """The language where no page runs: AppTest asks there what an option looked like."""
    spoken = {"code": "en"}
    inside = words.language

    def language() -> str:
        return inside() if get_script_run_ctx(suppress_warning=True) else spoken["code"]

    monkeypatch.setattr(words, "language", language)
    return spoken


def open_app(repository: Path, code: str) -> AppTest:
    app = AppTest.from_file(str(repository / "streamlit_app.py"), default_timeout=PATIENCE_S)
    app.query_params["lang"] = code
    return checked(app.run())


def checked(app: AppTest) -> AppTest:
    assert not app.exception, app.exception
    return app


def review(app: AppTest) -> Iterator[AppTest]:
    """The review page: fresh, with the demo wall, a hold and holds selected, every section, after
    an edit, and with one and with two photos that cannot be read."""
    yield app
    yield checked(app.button(key="demo").click().run())
    for holds in ((1,), (1, 2)):
        app.session_state["desk"].choose(holds)
        yield checked(app.run())
    app.selectbox(key="pick_colour").set_value("red")
    yield checked(app.run())
    sections = [tab.label for tab in app.tabs]
    assert len(sections) == SECTIONS
    for section in sections:
        app.session_state["section"] = section
        yield checked(app.run())
    for count in (1, 2):
        data = b"\xff\xd8\xff nothing %d" % count
        app.file_uploader[0].set_value([("broken.jpg", data, "image/jpeg")])
        checked(app.run())
        assert len(troubles(app)) == count
        yield app


def compare(app: AppTest) -> Iterator[AppTest]:
    """The page of two photos: fresh, and with the demo walls in every view."""
    yield checked(app.switch_page("pages/compare.py").run())
    (demo,) = [b for b in app.button if b.label in ("Demo walls", "예시 벽 두 장")]
    yield checked(demo.click().run())
    for view in ("wipe", "beside"):
        app.session_state["compare_view"] = view
        yield checked(app.run())


def models(app: AppTest) -> Iterator[AppTest]:
    """The models, with speed measured."""
    yield checked(app.switch_page("pages/models.py").run())
    (measure,) = [b for b in app.button if b.label in ("Measure now", "지금 측정")]
    yield checked(measure.click().run())


def memory(app: AppTest) -> Iterator[AppTest]:
    """The debugger's panel, and every view of its page."""
    checked(app.button(key="demo").click().run())
    yield checked(app.button(key="debug_memory_collect").click().run())
    yield checked(app.switch_page("pages/memory.py").run())
    (chooser,) = [group for group in app.button_group if group.key == "memory_view"]
    views = list(chooser.options)
    assert len(views) == VIEWS
    for view in views:
        (chooser,) = [group for group in app.button_group if group.key == "memory_view"]
        chooser.set_value(view)
        yield checked(app.run())


Visit = Callable[[AppTest], Iterator[AppTest]]
VISITS: dict[str, Visit] = {
    "review": review,
    "compare": compare,
    "models": models,
    "memory": memory,
}


def open_for(
    name: str, code: str, repository: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[AppTest]:
    if name == "memory":
        monkeypatch.setenv("DEBUG_MEMORY", "true")
    return VISITS[name](open_app(repository, code))


@cache
def english() -> tuple[frozenset[str], tuple[re.Pattern[str], ...]]:
    """Texts of the catalogue that are other ones in Korean, and patterns of those with places."""
    path = words.FOLDER / "ko" / "LC_MESSAGES" / "climbmate.po"
    with path.open("rb") as file:
        catalog = read_po(file, locale="ko", domain="climbmate")
    plain, patterns = set(), []
    for message in catalog:
        ids = (message.id,) if isinstance(message.id, str) else message.id
        for text in filter(None, ids):
            if text in (message.string, *message.string):
                continue
            plain.add(text)
            template = Template(text) if re.search("[A-Za-z]{3}", text) else None
            if template and sum(map(len, template.literals())) > 8 and template.places():
                patterns.append(template.pattern())
    return frozenset(plain), tuple(patterns)


def left_in_english(app: AppTest) -> set[str]:
    plain, patterns = english()
    pieces = {
        piece.strip(" *·")
        for text in texts_of(app)
        for piece in (text, *re.split(r"\s*\n\s*|\*\*|\[|\]| · ", text))
    }
    return {
        piece
        for piece in pieces
        if piece in plain or any(pattern.fullmatch(piece) for pattern in patterns)
    }


@pytest.mark.parametrize("name", VISITS)
def test_no_english_is_left_in_korean(
    name: str, repository: Path, monkeypatch: pytest.MonkeyPatch, outside: dict[str, str]
) -> None:
    outside["code"] = "ko"
    for step, app in enumerate(open_for(name, "ko", repository, monkeypatch)):
        assert not left_in_english(app), step
        assert sum(bool(re.search("[가-힣]", text)) for text in texts_of(app)) > 5, step


@pytest.mark.parametrize("name", VISITS)
def test_no_korean_comes_up_in_english(
    name: str, repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for step, app in enumerate(open_for(name, "en", repository, monkeypatch)):
        korean = {text for text in texts_of(app) if re.search("[가-힣]", text)}
        assert korean <= {"한국어"}, step


def test_the_check_itself_finds_english(repository: Path) -> None:
    app = open_app(repository, "en")

    assert {"Demo wall", "Photos of walls", "Use the camera"} <= left_in_english(app)


def test_the_switch_changes_the_language_of_what_is_open(
    repository: Path, outside: dict[str, str]
) -> None:
    app = open_app(repository, "en")
    checked(app.button(key="demo").click().run())
    app.session_state["desk"].choose((3,))
    checked(app.run())
    checked(app.selectbox(key="pick_colour").set_value("red").run())
    edited = app.session_state["desk"].queue.shown.review

    (switch,) = [group for group in app.button_group if group.key == "language"]
    assert switch.value == "en" and list(switch.options) == ["English", "한국어"]
    switch.set_value("ko")
    checked(app.run())
    outside["code"] = "ko"

    assert not left_in_english(app)
    assert app.session_state["desk"].chosen == (3,)  # the wall is not analysed again
    assert app.session_state["desk"].queue.shown.review is edited
    assert edited.hold(3).colour.name == "red" and edited.undo_what == "recolour"
    assert app.query_params["lang"] in ("ko", ["ko"])

    checked(app.switch_page("pages/models.py").run())
    assert app.title[0].value == "모델"


@pytest.mark.parametrize("key, wish", [("pick_colour", "red"), ("pick_problem", -1)])
def test_a_choice_on_its_way_while_the_language_changes_is_kept(
    key: str, wish: object, repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    states = ElementTree.get_widget_states

    def sidebar_first(tree: ElementTree) -> WidgetStates:
        return WidgetStates(widgets=reversed(states(tree).widgets))

    monkeypatch.setattr(ElementTree, "get_widget_states", sidebar_first)
    app = open_app(repository, "en")
    checked(app.button(key="demo").click().run())
    app.session_state["desk"].choose((3,))
    checked(app.run())
    before = app.session_state["desk"].queue.shown.review

    app.selectbox(key=key).set_value(wish)
    (switch,) = [group for group in app.button_group if group.key == "language"]
    switch.set_value("ko")
    checked(app.run())  # one run hears of both

    edited = app.session_state["desk"].queue.shown.review
    assert edited is not before and edited.undo_what
    assert not left_in_english(app)


@pytest.mark.parametrize("name", VISITS)
def test_the_language_can_change_at_any_moment(
    name: str, repository: Path, monkeypatch: pytest.MonkeyPatch, outside: dict[str, str]
) -> None:
    for step, app in enumerate(open_for(name, "en", repository, monkeypatch)):
        for code in ("ko", "en"):
            app.session_state["language"] = code
            checked(app.run())
            outside["code"] = code
            assert code == "en" or not left_in_english(app), step
