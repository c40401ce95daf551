"""The page in a real Chromium. Recorded streams stand for the model in all tests but the last, which asks a real server."""

import io
import json
import re

import pytest
from page_server import CHROMIUM, FLAGS, STREAMS, page_server
from PIL import Image
from serving import served, skin_picture

sync = pytest.importorskip("playwright.sync_api", reason="needs playwright: pip install playwright")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium: apt install chromium")
expect = sync.expect

WATCH = "addEventListener('securitypolicyviolation', (event) => console.error('CSP ' + event.violatedDirective))"
ANSWER = {name: STREAMS[name][-1]["answer"] for name in ("melanoma", "nevus", "poor")}


@pytest.fixture(scope="module")
def chromium():
    with sync.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def server():
    with page_server() as pair:
        yield pair


@pytest.fixture
def site(server):
    """(address, replay) without anything of the test before."""
    address, replay = server
    replay.reset()
    return address, replay


@pytest.fixture
def visit(chromium):
    """visit(address, **context) -> a fresh page; no script error and no breach of the policy is forgiven."""
    contexts, wrong = [], []

    def visit(address, width=1280, wait="is ready", **options):
        context = chromium.new_context(viewport={"width": width, "height": 800}, **options)
        contexts.append(context)
        context.set_default_timeout(15_000)
        page = context.new_page()
        page.add_init_script(WATCH)
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on("console", lambda line: "CSP" in line.text and wrong.append(line.text))
        page.wrong = wrong
        page.goto(address)
        expect(page.locator("#state")).to_contain_text(wait)
        return page

    yield visit
    for context in contexts:
        context.close()
    assert wrong == []


def picture(number=0):
    return {"name": f"spot{number}.jpg", "mimeType": "image/jpeg", "buffer": skin_picture(seed=number)}


def send(page, replay, stream, pictures=1):
    replay.replies.append(STREAMS.get(stream, stream) if isinstance(stream, str) else stream)
    page.set_input_files("#files", [picture(number) for number in range(pictures)])
    page.click("#go")


def answered(page, replay, stream="melanoma", pictures=1):
    send(page, replay, stream, pictures)
    page.wait_for_selector(".result")
    return page


def record(page, selector):
    """Keep every text that an element gets, in `told`."""
    page.evaluate(
        """(selector) => {
          window.told = [];
          const place = document.querySelector(selector);
          new MutationObserver(() => told.push(place.textContent)).observe(place, { childList: true });
        }""",
        selector,
    )


def test_a_case_gives_its_answer(site, visit, tmp_path):
    address, replay = site
    page = visit(address)
    with page.expect_file_chooser() as chooser:
        page.click("#drop")
    chooser.value.set_files([picture()])
    page.select_option("#modality", "dermoscopic")
    page.fill("#age", "54")
    page.select_option("#sex", "female")
    page.fill("#site", "upper back")
    page.click(".segments label:has-text('VI')")
    expect(page.locator("#type-text")).to_have_text("VI: never burns.")
    page.fill("#history", "Growing for two months.")
    replay.replies.append(STREAMS["melanoma"])
    page.click("#go")
    expect(page.locator(".result")).to_have_text("melanoma")
    told = {"modality": "dermoscopic", "age": "54", "sex": "female", "site": "upper back", "skin_type": "6"}
    told |= {"history": "Growing for two months."}
    assert replay.asked == [{**told, "stream": "true", "image": [skin_picture()]}]

    banner = page.locator("#answer > *").first
    assert banner.get_attribute("role") == "alert" and "Urgent" in banner.inner_text()
    page.mouse.wheel(0, 900)  # urgent advice and the notice stay in sight
    expect(banner).to_be_in_viewport()
    expect(page.locator(".notice")).to_be_in_viewport()
    expect(page.locator(".confidence")).to_contain_text("50 %, not calibrated")
    rows = page.locator(".bars li")
    for row, wanted in zip(rows.all(), ANSWER["melanoma"]["differential"], strict=True):
        assert {wanted["name"], wanted["malignancy"]} <= set(row.inner_text().split("\n"))
        assert row.locator("use").get_attribute("href") == f"#i-{wanted['malignancy']}"
        share = row.evaluate("e => e.querySelector('.bar span').offsetWidth / e.querySelector('.bar').offsetWidth")
        assert share == pytest.approx(wanted["probability"], abs=0.01)
    assert rows.last.locator(".number").inner_text() == "< 1 %"

    with page.expect_download() as saved:
        page.click("text=Download JSON")
    saved.value.save_as(tmp_path / "case.json")
    content = json.loads((tmp_path / "case.json").read_text())
    assert content["answer"] == ANSWER["melanoma"] and content["sent"]["history"] == told["history"]

    page.click("text=New case")
    for field in ("#age", "#sex", "#site", "#history"):
        assert page.input_value(field) == ""
    assert page.locator("#pictures li, .result").count() == 0
    expect(page.locator("#files")).to_be_focused()


@pytest.mark.parametrize("name", ["melanoma", "nevus"])
def test_findings_and_text_light_each_other_up(site, visit, name):
    address, replay = site
    page = answered(visit(address), replay, name, 2)
    answer = ANSWER[name]
    assert page.locator("#answer section:not(.talk) > .rationale").inner_text() == answer["rationale"]
    for number, finding in enumerate(answer["findings"]):
        chip = page.locator(f"#finding-{number}")
        if not finding["said"]:
            expect(chip).to_be_disabled()
            expect(chip).to_contain_text("only listed")
            continue
        # Offsets count characters as Python does; the nevus's text holds one that JavaScript counts twice.
        start, end = finding["said"][0]
        mark = page.locator(f".said[data-findings='{number}']")
        assert mark.inner_text() == answer["rationale"][start:end]
        mark.hover()
        assert page.locator(".chip.lit").all_inner_texts() == [finding["name"]]
        chip.click()
        expect(mark).to_be_focused()
        assert page.locator(".said.lit").count() == 1
        mark.click()
        expect(chip).to_be_focused()


def test_paste_and_drop(site, visit):
    address, replay = site
    page = visit(address, permissions=["clipboard-read", "clipboard-write"])
    page.evaluate("""async () => {
      const canvas = Object.assign(document.createElement("canvas"), { width: 40, height: 30 });
      canvas.getContext("2d").fillRect(0, 0, 9, 9);
      const blob = await new Promise((done) => canvas.toBlob(done));
      await navigator.clipboard.write([new ClipboardItem({ "image/png": blob })]);
    }""")
    page.keyboard.press("Control+V")
    expect(page.locator("#pictures li")).to_have_count(1)
    page.evaluate("""() => {
      const dataTransfer = new DataTransfer();
      dataTransfer.items.add(new File(["x"], "dropped.webp", { type: "image/webp" }));
      const drop = new DragEvent("drop", { dataTransfer, bubbles: true, cancelable: true });
      document.querySelector("header").dispatchEvent(drop);
    }""")
    expect(page.locator("#pictures img").nth(1)).to_have_attribute("alt", "Picture 2: dropped.webp")
    replay.replies.append(STREAMS["melanoma"])
    page.click("#go")
    page.wait_for_selector(".result")
    pasted, dropped = replay.asked[0]["image"]
    assert Image.open(io.BytesIO(pasted)).size == (40, 30) and dropped == b"x"


def test_the_camera(site, visit):
    address, replay = site
    page = visit(address)
    page.click("#camera")
    page.click("#camera-close")
    assert page.locator("#pictures li").count() == 0
    page.click("#camera")
    expect(page.locator("#shoot")).to_be_enabled()
    page.evaluate("window.track = document.querySelector('#video').srcObject.getVideoTracks()[0]")
    page.click("#shoot")
    expect(page.locator("#pictures li")).to_have_count(1)
    assert page.evaluate("track.readyState") == "ended"  # the camera is off again
    replay.replies.append(STREAMS["melanoma"])
    page.click("#go")
    page.wait_for_selector(".result")
    assert Image.open(io.BytesIO(replay.asked[0]["image"][0])).format == "JPEG"


def test_several_pictures_are_moved_and_removed(site, visit):
    address, replay = site
    page = visit(address)
    text = {"name": "notes.txt", "mimeType": "text/plain", "buffer": b"no picture"}
    page.set_input_files("#files", [text, *(picture(number) for number in range(5))])
    expect(page.locator("#pictures li")).to_have_count(4)
    expect(page.locator("#pictures-note")).to_contain_text("notes.txt is not a JPEG")
    expect(page.locator("#pictures-note")).to_contain_text("spot4.jpg was left out")
    page.get_by_label("Move picture 4 earlier").click()
    page.get_by_label("Remove picture 1").click()
    expect(page.get_by_label("Remove picture 1")).to_be_focused()
    replay.replies.append(STREAMS["nevus"])
    page.click("#go")
    expect(page.locator("#answer .advice")).to_contain_text("Picture 2: The picture is a little blurred")
    assert replay.asked[0]["image"] == [skin_picture(seed=number) for number in (1, 3, 2)]
    page.get_by_label("Remove picture 1").click()  # an answer never stands beside other pictures than its own
    assert page.locator(".result").count() == 0


def test_a_bad_picture_gives_advice(site, visit):
    address, replay = site
    page = answered(visit(address), replay, "poor")
    expect(page.locator(".abstained")).to_contain_text("Take the picture again: closer, sharper, in even light")
    expect(page.locator(".abstained")).to_contain_text("does not mean that the skin change is harmless")
    assert page.locator("#answer .advice .refuse").all_inner_texts() == [
        one["message"] for one in ANSWER["poor"]["image_quality"][0]
    ]
    assert page.locator(".bars, .confidence, .tag").count() == 0


def test_readings_that_do_not_agree_give_no_answer(site, visit):
    address, replay = site
    page = answered(visit(address), replay, "split")
    expect(page.locator(".abstained")).to_contain_text("at most 40% stand behind one diagnosis")
    assert [head for head in page.locator("#answer h3").all_inner_texts() if "without an answer" not in head] == []
    assert page.locator(".headline, #question").count() == 0  # nothing to ask where the server kept no case


def test_the_reasoning_is_seen_before_the_end(site, visit):
    address, replay = site
    page = visit(address)
    page.clock.set_fixed_time("2026-11-22T10:00:00")  # four seconds never pass: one piece is spoken, and no second
    record(page, "#spoken")
    events = STREAMS["nevus"]
    restart = next(number for number, event in enumerate(events) if event["type"] == "restart")
    replay.hold = restart
    send(page, replay, "nevus", 2)
    expect(page.locator("#live")).to_have_text("A spot that I cannot name, cannot name, cannot name")
    expect(page.locator("#early-quality")).to_contain_text("Picture 2: The picture is a little blurred")
    replay.hold = restart + 10
    expect(page.locator("#live")).to_have_text(re.compile("^A round, even brown spot"))
    expect(page.locator("#stage")).to_have_text("The model reasons.")
    assert page.locator(".result").count() == 0
    replay.hold = len(events) - 1
    expect(page.locator("#stage")).to_contain_text("The answer is being written")
    assert "{" not in page.inner_text("#live") and "<" not in page.inner_text("#live")
    replay.go.set()
    expect(page.locator(".result")).to_be_focused()
    expect(page.locator("#working")).to_be_hidden()
    begun, dropped, sentences, ready = page.evaluate("told")
    assert begun == "Reading the picture" and ready == "The answer is ready: melanocytic nevus."
    assert dropped == "The text so far is dropped: the answer could not be read; it is asked for once more."
    assert sentences.endswith(".") and ANSWER["nevus"]["rationale"].startswith(sentences)


def test_cancel(site, visit):
    address, replay = site
    page = visit(address)
    replay.hold = 9
    for number, cancel in enumerate((lambda: page.click("#cancel"), lambda: page.keyboard.press("Escape")), start=1):
        send(page, replay, "melanoma")
        expect(page.locator("#live")).to_contain_text("The lesion is large")
        replay.gone.clear()
        cancel()
        assert replay.gone.wait(10)  # the server sees it
        expect(page.locator("#go")).to_be_focused()
        expect(page.locator("#spoken")).to_have_text("Cancelled.")
        assert page.locator("#working:visible, #problem:visible, .result").count() == 0
        assert page.locator("#pictures li").count() == number


TROUBLE = {
    "busy": ((429, "rate_limited", "60 requests a minute", {"Retry-After": "2"}), "The server is busy"),
    "large": ((413, "body_too_large", "more than 10 bytes"), "The pictures are too large"),
    "not ready": ((503, "not_ready", "the model loads"), "The service is not ready"),
    "damaged": ('data: {"type":"token","text":"a"}\n\ndata: {oops\n\n', "The reply was damaged"),
    "odd": ("data: null\n\ndata: [DONE]\n\n", "The reply was damaged"),
    "shapeless": ('data: {"type":"answer","answer":{"triage":1}}\n\ndata: [DONE]\n\n', "The reply was damaged"),
    "no end": (f"data: {json.dumps(STREAMS['poor'][-1])}\n\n", "The connection ended too early"),
    "half": ('data: {"type":"token","text":"It is ben"}\n\n', "The connection ended too early"),
    "told": (
        'data: {"type":"error","error":{"code":"engine_timeout","message":"60 s"}}\n\n',
        "The model took too long",
    ),
}


def test_trouble_is_said_in_plain_words_and_can_be_tried_again(site, visit):
    address, replay = site
    page = visit(address)
    page.set_input_files("#files", [picture()])
    for kind, (reply, title) in TROUBLE.items():
        replay.replies += [reply, STREAMS["melanoma"]]
        page.click("#go")
        box = page.locator("#problem")
        expect(box).to_be_visible()
        expect(box.locator("h2")).to_have_text(title)
        assert page.locator(".result, #working:visible").count() == 0, kind
        again = box.get_by_role("button", name="Try again")
        if kind == "busy":
            expect(box).to_contain_text("Try again in 2 seconds")
            expect(again).to_be_disabled()
        again.click()  # waits until the time is over
        expect(page.locator(".result")).to_be_focused()
        expect(box).to_be_hidden()
    page.route("**/v1/diagnose", lambda route: route.abort())
    page.click("#go")
    expect(page.locator("#problem h2")).to_have_text("The server cannot be reached")


def test_the_key_is_asked_for_and_stored_nowhere(site, visit):
    address, replay = site
    page = visit(address)
    expect(page.locator("#keybox")).to_be_hidden()
    replay.key, replay.models = "secret", ["grpo", "adapter"]
    send(page, replay, "melanoma")
    expect(page.locator("#key")).to_be_focused()
    expect(page.locator("#problem")).to_contain_text("This server asks for an API key")
    page.keyboard.type("secret")
    page.keyboard.press("Enter")
    expect(page.locator(".result")).to_have_text("melanoma")
    page.select_option("#model", "adapter")  # offered once the key is known
    answered(page, replay, "nevus")
    assert replay.asked[-1]["model"] == "adapter"
    assert page.evaluate("localStorage.length + sessionStorage.length + document.cookie.length") == 0


def test_nothing_that_a_model_writes_becomes_markup(site, visit):
    address, replay = site
    page = answered(visit(address), replay, "hostile")
    attack = STREAMS["hostile"][-1]["answer"]["diagnosis"]
    assert (
        page.inner_text(".result") == attack and page.locator("#answer img:not(.report-pictures img)").count() == 0
    )  # but for the report's own
    assert page.title() == "Skin-R1" and page.locator("#answer script").count() == 0


def test_questions_after_an_answer(site, visit):
    address, replay = site
    page = answered(visit(address), replay)
    replay.replies.append(STREAMS["follow_up"])
    replay.hold = len(STREAMS["follow_up"]) - 1
    page.fill("#question", "It now spreads quickly. What speaks against a nevus?")
    page.keyboard.press("Control+Enter")
    answer = STREAMS["follow_up"][-1]["answer"]["answer"]
    expect(page.locator(".live")).to_have_text(answer)  # while it is written, without the reasoning before it
    replay.go.set()
    expect(page.locator(".thread li")).to_contain_text(answer)
    assert replay.asked[1] == {
        "case": ANSWER["melanoma"]["case"],
        "question": "It now spreads quickly. What speaks against a nevus?",
        "stream": "true",
        "image": [],
    }
    banner = page.locator("#answer .triage")
    expect(banner).to_have_count(1)
    expect(banner).to_contain_text("Emergency")
    assert page.input_value("#question") == "" and page.inner_text(".result").lower() == "melanoma"
    page.route("**/v1/diagnose", lambda route: route.fulfill(status=404, json={"error": {"code": "case_not_found"}}))
    page.fill("#question", "And now?")
    page.click(".ask button")
    expect(page.locator(".talk .problem")).to_contain_text("The server no longer holds this case")


def test_the_printed_report(site, visit):
    from pypdf import PdfReader

    address, replay = site
    page = visit(address, color_scheme="dark")
    page.fill("#history", "Bled once.")
    answered(page, replay, "melanoma", 2)
    page.fill("#question", "Why?")
    replay.replies.append(STREAMS["follow_up"])
    page.click(".ask button")
    page.wait_for_selector(".thread li")
    report = PdfReader(io.BytesIO(page.pdf(format="A4")))
    text = " ".join(" ".join(sheet.extract_text() for sheet in report.pages).split())
    wanted = ["Skin-R1 report", "Research use only", "Bled once.", "Melanoma", "Emergency", "blue-whitish veil"]
    wanted += ["50 %, not calibrated", "Why?", ANSWER["melanoma"]["id"], ANSWER["melanoma"]["versions"]["prompt"]]
    assert [words for words in wanted if words not in text] == []
    unwanted = ("Diagnose", "Print report", "New case", "Ask", "Choose pictures", "Cancel")
    assert [words for words in unwanted if words in text] == []
    assert sum(len(sheet.images) for sheet in report.pages) == 2
    page.emulate_media(media="print")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert page.locator("button:not(.chip):visible, input:visible, textarea:visible").count() == 0


def test_keyboard_only(site, visit):
    address, replay = site
    page = visit(address)
    focused = "document.activeElement.id || document.activeElement.className || document.activeElement.tagName"
    ringed = """() => {
      const { activeElement: here } = document;
      const ringed = (element) => element && getComputedStyle(element).outlineStyle === "solid";
      return [here, here.nextElementSibling, here.parentElement].some(ringed);
    }"""

    def tab():
        page.keyboard.press("Tab")
        assert page.evaluate(ringed), f"no ring: {page.evaluate(focused)}"
        return page.evaluate(focused)

    assert tab() == "skip" and page.locator(".skip").bounding_box()["x"] == 0
    assert tab() == "files"
    page.set_input_files("#files", [picture()])  # the system's own dialog is not the page's
    assert [tab(), tab(), tab(), tab()] == ["camera", "remove", "modality", "age"]
    page.keyboard.type("30")
    assert [tab(), tab()] == ["sex", "site"]
    tab()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    assert page.locator("[name=skin_type]:checked").input_value() == "2"
    assert [tab(), tab()] == ["history", "go"]
    replay.replies.append(STREAMS["melanoma"])
    page.keyboard.press("Enter")
    expect(page.locator(".result")).to_be_focused()
    assert [tab() for _ in range(5)] == [f"finding-{number}" for number in range(5)]
    page.keyboard.press("Enter")
    expect(page.locator(".said[data-findings='4']")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("#finding-4")).to_be_focused()
    left = [tab() for _ in range(11)]  # the five sentences, three buttons, the question, its button, the versions
    assert left[:5] == ["said lit"] * 5 and left[8] == "question"
    assert replay.asked[0]["age"] == "30" and replay.asked[0]["skin_type"] == "2"


@pytest.mark.parametrize(("width", "scheme"), [(360, "dark"), (1280, "light")])
def test_widths_schemes_and_axe(site, visit, width, scheme):
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="needs axe-playwright-python").Axe()
    address, replay = site
    page = visit(address, width, color_scheme=scheme, reduced_motion="reduce")

    def check():
        assert page.evaluate("document.documentElement.scrollWidth") == width
        found = axe.run(page, options={"resultTypes": ["violations"]}).response["violations"]
        serious = [
            (one["id"], [node["html"][:120] for node in one["nodes"]])
            for one in found
            if one["impact"] in ("serious", "critical")
        ]
        assert serious == []

    red, green, blue = map(
        int, re.findall(r"\d+", page.evaluate("getComputedStyle(document.body).backgroundColor"))[:3]
    )
    assert (red + green + blue < 120) == (scheme == "dark")
    check()
    replay.hold = 12
    send(page, replay, "melanoma", 4)
    expect(page.locator("#live")).to_contain_text("irregular border")
    assert page.evaluate("getComputedStyle(document.querySelector('.sweep'), '::before').animationName") == "none"
    check()
    replay.go.set()
    page.wait_for_selector(".result")
    page.fill("#question", "Why? " + "W" * 200)  # a word without a break
    replay.replies.append(STREAMS["follow_up"])
    page.click(".ask button")
    page.wait_for_selector(".thread li")
    page.click("summary")
    page.locator("#finding-3").focus()
    check()
    answered(page, replay, "poor", 0)
    check()
    send(page, replay, TROUBLE["busy"][0], 0)
    expect(page.locator("#problem")).to_be_visible()
    check()


def test_the_policy_is_in_force_and_a_breach_would_be_seen(site, visit):
    page = visit(site[0])
    page.evaluate(
        "document.body.append(Object.assign(document.createElement('script'), { textContent: 'window.ran = 1' }))"
    )
    page.evaluate("document.body.setAttribute('style', 'color: red')")
    page.evaluate("new Image().src = 'http://198.51.100.1/x.png'")
    page.wait_for_timeout(100)
    assert page.evaluate("window.ran") is None
    assert {line.split()[1] for line in page.wrong if line.startswith("CSP")} == {
        "script-src-elem",
        "style-src-attr",
        "img-src",
    }
    page.wrong.clear()


def test_through_a_real_server(tiny, tmp_path, visit):
    """The embedded model with random weights: its text is streamed, cannot be read, and so there is no answer."""
    with served(tmp_path, "--model", tiny, "--audit", "none", "--max_new_tokens", 48) as (client, _):
        page = visit(str(client.base_url))
        page.set_input_files(
            "#files", [{"name": "spot.jpg", "mimeType": "image/jpeg", "buffer": skin_picture(size=(640, 480))}]
        )
        page.fill("#age", "54")
        page.fill("#history", "fever and blisters")
        record(page, "#stage")
        page.click("#go")
        expect(page.locator(".result")).to_have_text("No answer", timeout=90_000)
        expect(page.locator(".triage")).to_contain_text("Emergency")
        page.click("summary")
        expect(page.locator(".versions")).to_contain_text("ontology")
        stages = " ".join(page.evaluate("told"))
        assert "were checked" in stages and "The model reasons" in stages and "The text so far is dropped" in stages
        assert page.locator("#question").count() == 0  # nothing to ask about without an answer
