"""The catalogues are complete and up to date, and what core says is told in Korean."""

from __future__ import annotations

import gettext
import io
import re
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from string import Formatter
from types import SimpleNamespace
from typing import Any

import pytest
import streamlit as st
from babel.messages.catalog import Catalog, Message
from babel.messages.pofile import read_po

from core.analysis import limit_holds
from core.choices import Choices
from core.errors import ClimbMateError
from core.memory.black_box import LastRun
from core.photo import open_photo
from core.review_edits import DeleteHolds, MergeProblems, Recolour
from core.sentences import Phrasebook, Template
from core.settings import DEFAULT_PALETTE, Settings, load_settings
from core.weights import resolve_or_embedded
from pages import words
from scripts import collect_words
from tests.core.bad_photos import BAD_PHOTOS
from tests.core.fakes import found
from tests.core.test_review import wall

HANGUL = re.compile(r"[가-힣]")
PO = words.FOLDER / "ko" / "LC_MESSAGES" / "climbmate.po"
NAME_OF_A_VARIABLE = re.compile(r"[A-Z]{2,}_[A-Z_]+|palette|yolo_conf|max_\w+")

SAME_IN_KOREAN = {
    "{size} MiB",
    "kB",
    "ms",
    " ({megapixels} MP)",
    "session_state",
    "st.cache_data",
    "st.cache_resource",
    "a GIF",
    "YOLO_WEIGHTS={source} {problem}.",
    "CLIP_MODEL={value} {problem}.",
    "CLIP_PRETRAINED={value} {problem}.",
    "CLIP_MODEL={model} with CLIP_PRETRAINED={pretrained}",
    "YOLO_WEIGHTS={yolo_weights}",
    "{kind} {number}, {colour}, {confidence} %, {problem}",
}
"""Units, names of the program and rows of places, in which there is nothing to translate."""


@pytest.fixture(scope="module")
def korean() -> Catalog:
    with PO.open("rb") as file:
        return read_po(file, locale="ko", domain="climbmate")


def written(code: str) -> Path:
    return words.FOLDER / code / "LC_MESSAGES" / "climbmate.po"


def messages(catalog: Catalog) -> list[Message]:
    return [message for message in catalog if message.id]


def forms(texts: Any) -> list[str]:
    return [texts] if isinstance(texts, str) else list(texts)


@pytest.fixture
def speak(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Sets the language without a session."""
    return lambda code: monkeypatch.setattr(words, "language", lambda: code)


def test_the_catalogues_are_up_to_date(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Where this fails, run ``python scripts/collect_words.py`` and translate what is new."""
    monkeypatch.setattr("sys.argv", ["collect_words.py", "--check"])

    code = collect_words.main()

    assert (code, capsys.readouterr().out) == (0, "")


def test_what_is_out_of_date_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["collect_words.py"])
    monkeypatch.setattr(collect_words, "LOCALES", tmp_path)
    monkeypatch.setattr(collect_words, "ROOT", tmp_path)
    path = tmp_path / "ko" / "LC_MESSAGES" / "climbmate.po"
    files = {path: PO.read_bytes().replace('"홀드"'.encode(), b'""', 1)}
    monkeypatch.setattr(collect_words, "built", lambda: files)

    assert collect_words.main() == 1
    told = capsys.readouterr().out
    assert "written: ko/LC_MESSAGES/climbmate.po" in told and "not translated: ko: 'Holds'" in told

    monkeypatch.setattr("sys.argv", ["collect_words.py", "--check"])
    files[path] = PO.read_bytes()
    assert collect_words.main() == 1
    assert "differs: ko/LC_MESSAGES/climbmate.po" in capsys.readouterr().out
    assert path.read_bytes() != files[path]  # nothing was changed


def test_every_text_is_translated(korean: Catalog) -> None:
    for message in messages(korean):
        assert all(form.strip() for form in forms(message.string)), message.id
        assert not message.fuzzy, message.id
        if forms(message.id)[0] not in SAME_IN_KOREAN:
            assert all(HANGUL.search(form) for form in forms(message.string)), message.id


def test_places_are_kept(korean: Catalog) -> None:
    for message in messages(korean):
        wanted = places(forms(message.id)[-1])
        for form in forms(message.string):
            if collect_words.FOR_SETTERS in message.auto_comments:
                assert places(form) <= wanted, message.id  # a variable's name may be left out
            else:
                assert places(form) == wanted, message.id


def places(text: str) -> Counter[tuple[str | None, str | None]]:
    return Counter((name, spec) for _, name, spec, _ in Formatter().parse(text) if name is not None)


def test_translations_keep_the_edges_and_the_markup(korean: Catalog) -> None:
    for message in messages(korean):
        original, translated = forms(message.id)[0], forms(message.string)[0]
        assert original[0].isspace() == translated[0].isspace(), message.id
        assert original.count("**") == translated.count("**"), message.id
        assert original.count("`") == translated.count("`"), message.id
        assert original.endswith(".") <= translated.endswith((".", ")")), message.id


def test_sentences_are_polite(korean: Catalog) -> None:
    """하십시오체 or 하세요체 at every full stop, never 해라체 (다 without 니)."""
    for message in messages(korean):
        for form in forms(message.string):
            for sentence in re.findall(r"(\w+)[.]", form):
                assert not re.search(r"(?<!니)다$", sentence), (message.id, sentence)


def test_korean_has_one_plural_form(korean: Catalog) -> None:
    assert korean.num_plurals == 1
    assert korean.plural_expr == "0"
    for message in messages(korean):
        if isinstance(message.id, tuple):
            assert len(message.string) == 1


@pytest.mark.parametrize("code", list(words.LANGUAGES))
def test_the_binary_catalogue_says_what_the_written_one_says(code: str) -> None:
    read = gettext.translation("climbmate", words.FOLDER, languages=[code])
    for message in messages(collect_words.read_catalog(written(code), code)):
        if isinstance(message.id, tuple):
            for count in (0, 1, 2, 5):
                assert read.ngettext(*message.id, count) == message.string[0]
        elif message.context:
            assert read.pgettext(message.context, message.id) == message.string
        else:
            assert read.gettext(message.id) == message.string


def test_a_text_that_is_no_literal_is_refused(tmp_path: Path) -> None:
    page = tmp_path / "page.py"
    page.write_text("_(f'{count} holds')", encoding="utf-8")

    with pytest.raises(collect_words.NotLiteralError, match=r"page\.py:1"):
        list(collect_words.page_messages(page))


def test_texts_inside_f_strings_are_collected_too(tmp_path: Path) -> None:
    page = tmp_path / "page.py"
    page.write_text("f\"**{_('Holds')}**\" + ngettext('{n} a', '{n} b', n)", encoding="utf-8")

    assert list(collect_words.page_messages(page)) == ["Holds", ("{n} a", "{n} b")]


def test_renewing_keeps_translations_and_drops_what_is_gone() -> None:
    before = collect_words.new_catalog("ko")
    before.add("Holds", "홀드")
    before.add("Gone", "없음")
    collected = collect_words.new_catalog()
    collected.add("Holds")
    collected.add("New")

    after = collect_words.renewed(collected, before, "ko")

    assert {m.id: m.string for m in messages(after)} == {"Holds": "홀드", "New": ""}
    text = collect_words.po_text(after)
    again = read_po(io.BytesIO(text.encode()), locale="ko", domain="climbmate")
    assert collect_words.po_text(collect_words.renewed(collected, again, "ko")) == text


def phrasebook_rows() -> list[Template]:
    sources = collect_words.Sources()
    return list(sources.templates.values())


def test_every_sentence_of_core_is_told_with_its_values(
    korean: Catalog, speak: Callable[[str], None]
) -> None:
    """Formatted as core does it, and told: the Korean template with the same values in it."""
    speak("ko")
    rows = phrasebook_rows()
    assert len(rows) > 200
    for row in rows:
        values = {name: f"<{number}>" for number, name in enumerate(row.places())}
        entry = korean.get(row.text, context="core")
        assert entry is not None, row.text
        expected = entry.string.format(**values)
        assert words.told(row.text.format(**values)) == expected, row.text


def told_in_korean(text: str) -> str:
    korean = words.told(text)
    assert HANGUL.search(korean), text
    left = re.sub(r"\S*[A-Z_]{3}\S*|<.*?>", "", korean)
    assert not re.search(r"\b(the|is|was|photo|hold|of|expected|be)\b", left), korean
    return korean


@pytest.mark.parametrize("row", [r for r in BAD_PHOTOS if "bomb" not in r.id], ids=lambda r: r.id)
def test_a_broken_photo_is_told_in_korean(row: Any, speak: Callable[[str], None]) -> None:
    speak("ko")
    with pytest.raises(ClimbMateError) as caught:
        open_photo(row.make(), name="북쪽_벽.jpg", settings=Settings())

    assert "북쪽_벽.jpg" in told_in_korean(caught.value.message)
    told_in_korean(caught.value.hint)


@pytest.mark.parametrize(
    ("edit", "expected"),
    [
        (DeleteHolds((77,)), "이 벽에는 홀드 77번이 없습니다."),
        (MergeProblems((1,)), "합치려면 문제가 두 개 이상 필요합니다."),
        (Recolour((1,), "x" * 60), "색 이름이 60자입니다. 최대 40자까지 쓸 수 있습니다."),
    ],
)
def test_a_refused_edit_is_told_in_korean(
    edit: Any, expected: str, speak: Callable[[str], None]
) -> None:
    speak("ko")
    with pytest.raises(ClimbMateError) as caught:
        wall().apply(edit)

    assert words.told(caught.value.message) == expected
    told_in_korean(caught.value.hint)


def test_a_bad_setting_is_told_in_korean(
    clean_environment: pytest.MonkeyPatch, speak: Callable[[str], None]
) -> None:
    speak("ko")
    clean_environment.setenv("YOLO_CONF", "7")
    clean_environment.setenv("PALETTE", "red")
    with pytest.raises(ClimbMateError) as caught:
        load_settings()

    told = told_in_korean(caught.value.message)
    assert "YOLO_CONF의 값이 '7'입니다." in told and "PALETTE의 값이 'red'입니다." in told
    assert "이하여야 합니다." in told and "두 개 이상 필요합니다." in told
    assert told_in_korean(caught.value.hint).endswith("다시 시작하세요.")


def test_warnings_are_told_in_korean(
    tmp_path: Path, clean_environment: pytest.MonkeyPatch, speak: Callable[[str], None]
) -> None:
    """An error, its hint and what follows from it come as one text."""
    del clean_environment
    speak("ko")
    settings = Settings(yolo_weights=str(tmp_path / "gone.pt"), clip_pretrained="openai")
    _, _, warnings = resolve_or_embedded(settings)
    _, more = limit_holds([found((0, 0, 9 + i, 9)) for i in range(5)], 2)

    first, second, third = map(told_in_korean, (*warnings, *more))
    assert first == (
        f"YOLO_WEIGHTS={tmp_path / 'gone.pt'}: 파일이 없습니다. 경로를 고치거나, 변수를 지워 "
        "내장 모델을 사용하세요. 내장 검출 모델을 계속 사용합니다."
    )
    assert second.endswith("내장 색 모델을 계속 사용합니다.")
    assert third == "작은 홀드 3개를 제외했습니다. 모델 페이지의 최대 홀드 수는 2개입니다."


def test_the_end_of_an_earlier_run_is_told_in_korean(speak: Callable[[str], None]) -> None:
    speak("ko")
    run = LastRun(
        "crashed", 7, 1.0, 2.0, 500.4, 957.0, "analysing", "a b.jpg", 12.2, "detect", "KeyError: 1"
    )

    assert words.told(run.sentence()) == (
        "오류로 종료(KeyError: 1), 957 MiB 중 500 MiB 사용, 하던 작업: analysing a b.jpg "
        "(12.2 MP), detect 단계"
    )


@pytest.mark.parametrize(("code", "page"), [("en", "Models page"), ("ko", "모델 페이지")])
def test_a_setter_reads_of_a_page_where_a_developer_reads_of_a_variable(
    clean_environment: pytest.MonkeyPatch, speak: Callable[[str], None], code: str, page: str
) -> None:
    """What the service says of a photo: ``str(error)`` and a document's warnings name variables."""
    del clean_environment
    speak(code)
    _, (left_out,) = limit_holds([found((0, 0, 9 + i, 9)) for i in range(5)], 2)
    assert "MAX_HOLDS" in left_out
    assert page in words.told(left_out) and "2" in words.told(left_out)

    refused = []
    photo = (Path(__file__).parents[2] / "assets" / "demo_wall.jpg").read_bytes()
    for limit in ({"max_photo_pixels": 1000}, {"max_photo_mb": 0.01}):
        with pytest.raises(ClimbMateError) as caught:
            open_photo(photo, name="wall.jpg", settings=load_settings(**limit))
        refused.append(caught.value)
    assert "MAX_PHOTO_PIXELS" in refused[0].hint and "MAX_PHOTO_MB" in refused[1].hint
    with pytest.raises(ClimbMateError) as caught:
        Choices(palette="red").applied_to(load_settings())

    for hint in (refused[0].hint, refused[1].hint, caught.value.hint):
        assert NAME_OF_A_VARIABLE.search(hint)
        assert not NAME_OF_A_VARIABLE.search(words.told(hint)), words.told(hint)


@pytest.mark.parametrize("code", list(words.LANGUAGES))
def test_only_what_a_server_is_started_with_is_told_by_its_variable(
    speak: Callable[[str], None], code: str
) -> None:
    speak(code)
    sources = collect_words.Sources()
    for text in sources.templates:
        place = sources.places[text]
        if not place.startswith(collect_words.STARTING):
            values = dict.fromkeys(sources.templates[text].places(), "7")
            assert not re.search(r"[A-Z]{2,}_[A-Z]+", words.told(text.format(**values))), place


def test_a_sentence_with_a_variable_needs_another_wording_and_one_about_starting_does_not() -> None:
    assert collect_words.for_setters("Try again, or raise MAX_PHOTO_MB.", "core/photo_limits.py")
    assert collect_words.for_setters("Correct palette, or leave it out.", "core/settings.py")
    assert not collect_words.for_setters("YOLO_WEIGHTS={v} is a folder.", "core/weights.py")
    assert not collect_words.for_setters("Try again.", "core/photo_limits.py")


def test_a_wording_for_setters_that_names_a_variable_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(collect_words, "LOCALES", tmp_path)
    catalog = collect_words.new_catalog("ko")
    for number, text in enumerate(("", "MAX_HOLDS를 높이세요.", "모델 페이지에서 높이세요.")):
        catalog.add(f"Text {number}.", text, auto_comments=[collect_words.FOR_SETTERS])
    path = tmp_path / "ko" / "LC_MESSAGES" / "climbmate.po"
    path.parent.mkdir(parents=True)
    path.write_text(collect_words.po_text(catalog), encoding="utf-8")

    assert collect_words.untranslated("ko") == ["ko: 'Text 0.'", "ko: 'Text 1.'"]


def test_in_english_nothing_else_is_changed(speak: Callable[[str], None]) -> None:
    speak("en")

    assert (
        words.told("The photo a.jpg is empty (0 bytes).") == "The photo a.jpg is empty (0 bytes)."
    )
    assert words.told("Holds") == "Holds"
    assert words._("Holds") == "Holds"


def test_told_knows_the_texts_of_pages_too(speak: Callable[[str], None]) -> None:
    speak("ko")

    assert words.told("Collect garbage") == words._("Collect garbage") == "가비지 수집"
    assert words.told("nobody knows this") == "nobody knows this"
    assert words.told("") == ""


def test_every_palette_word_is_translated_and_a_gyms_own_is_not(
    speak: Callable[[str], None],
) -> None:
    from pages.colour_words import colour_word

    speak("ko")
    told = [colour_word(name) for name in DEFAULT_PALETTE]
    assert all(HANGUL.search(word) for word in told) and len(set(told)) == len(told)
    assert colour_word("neon") == "neon"


@pytest.mark.parametrize(
    ("chosen", "address", "browser", "expected"),
    [
        (None, None, None, "en"),
        (None, None, "ko-KR", "ko"),
        (None, None, "ko", "ko"),
        (None, None, "de-DE", "en"),
        (None, "ko", "en-GB", "ko"),
        (None, "KO_kr", None, "ko"),
        (None, "xx", "ko-KR", "ko"),
        (None, "en", "ko-KR", "en"),
        ("en", "ko", "ko-KR", "en"),
        ("ko", None, "en-US", "ko"),
    ],
)
def test_the_language_is_chosen_else_the_addresss_else_the_browsers(
    chosen: str | None,
    address: str | None,
    browser: str | None,
    expected: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(st, "session_state", {"language": chosen} if chosen else {})
    monkeypatch.setattr(st, "query_params", {"lang": address} if address else {})
    monkeypatch.setattr(st, "context", SimpleNamespace(locale=browser))

    assert words.language() == expected


def test_one_phrasebook_serves_a_language() -> None:
    assert isinstance(words._phrasebook("ko"), Phrasebook)
    assert words._phrasebook("ko") is words._phrasebook("ko")
