"""The page as a visitor has it: opened, drawn on, looked at."""

import base64
import io

import numpy as np

from tests.tools.photos import DIGITS

SCREENS = {
    "phone": {
        "viewport": {"width": 360, "height": 740},
        "has_touch": True,
        "is_mobile": True,
        "device_scale_factor": 3,
    },
    "desk": {"viewport": {"width": 1280, "height": 800}},
}
CONTEXT = "import(document.querySelector('script[type=module]').src.replace('main.js', 'context.js'))"


def opened(browser, server, *, reduced_motion="reduce", **options):
    """A page of which no console error, no failure and no outside request may come; by default it draws nothing."""
    context = browser.new_context(reduced_motion=reduced_motion, **options)
    page, wrong = context.new_page(), []
    page.on("console", lambda message: wrong.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: wrong.append(str(error)))

    def watch(request):
        if request.url.startswith("http") and not request.url.startswith(server.url):
            wrong.append(f"outside request: {request.url}")

    page.on("request", watch)
    page.goto(server.url, wait_until="networkidle")
    page.wait_for_selector(".column")
    yield page
    context.close()
    assert [text for text in wrong if "Failed to load resource" not in text] == []


def draw(page, digit, scale=2.5, left=170, top=120):
    """Draw a digit with pointer events, as a mouse or a finger does. Return its strokes in canvas pixels."""
    strokes = [stroke * scale + np.array([left, top]) for stroke in DIGITS[digit]]
    drag(page, strokes)
    return strokes


def drag(page, strokes):
    """Draw strokes [(n, 2), ...] in canvas pixels, and wait for the answer."""
    page.evaluate("scrollTo(0, 0); document.getElementById('said').textContent = ''")
    box = page.locator("#pad").bounding_box()
    factor = box["width"] / 500
    for stroke in strokes:
        points = [(box["x"] + x * factor, box["y"] + y * factor) for x, y in stroke]
        page.mouse.move(*points[0])
        page.mouse.down()
        for point in points[1:]:
            page.mouse.move(*point)
        page.mouse.up()
    settled(page)


def forty_two(page):
    """Draw a 4, and a 2 beside it."""
    draw(page, 4, scale=1.6, left=60, top=150)
    draw(page, 2, scale=1.6, left=280, top=150)
    until(page, "document.getElementById('big').textContent === '42'")


def until(page, condition):
    """Wait for a condition; the page's own policy forbids what Playwright's wait_for_function does."""
    for _ in range(3_000):
        if page.evaluate(condition):
            return
        page.wait_for_timeout(20)
    raise AssertionError(f"waited in vain for {condition}")


def settled(page):
    """Wait until the answer has been told to who cannot see it: nothing has moved for a while."""
    until(page, "document.getElementById('said').textContent === document.getElementById('words').textContent")


def words(page):
    """The sentence."""
    return page.locator("#words").text_content()


def big(page):
    """The digit, or the number."""
    return page.locator("#big").text_content()


def current(page, what):
    """What the parts of the page are told, as JavaScript of ``context.current``."""
    return page.evaluate(f"{CONTEXT}.then(({{ context }}) => {what})")


def ink(page):
    """The canvas's own pixels (H, W), 0..255, dark ink on white."""
    script = """() => { const c = document.getElementById('pad');
      const d = c.getContext('2d').getImageData(0, 0, c.width, c.height).data;
      let reds = '';
      for (let k = 0; k < d.length; k += 4) reds += String.fromCharCode(d[k]);
      return [c.width, btoa(reds)]; }"""
    side, coded = page.evaluate(script)
    return np.frombuffer(base64.b64decode(coded), np.uint8).reshape(side, side).astype(int)


def inked(page):
    """How many pixels of the pad are dark."""
    return int((ink(page) < 128).sum())


PICTURE = """async ([width, height, paper, ink, kind]) => {
  const canvas = new OffscreenCanvas(width, height), context = canvas.getContext('2d');
  context.fillStyle = paper; context.fillRect(0, 0, width, height);
  context.strokeStyle = ink; context.lineWidth = 10;
  const side = Math.min(width, height);
  const seven = (x, y) => {
    context.beginPath(); context.moveTo(x + .25 * side, y + .2 * side); context.lineTo(x + .7 * side, y + .2 * side);
    context.lineTo(x + .4 * side, y + .8 * side); context.stroke();
  };
  if (kind === 'sevens') { seven(0, 0); seven(width - side, height - side); }
  if (kind === 'seven') seven((width - side) / 2, (height - side) / 2);
  if (kind === 'noise') {
    const image = context.getImageData(0, 0, width, height);
    for (let k = 0; k < image.data.length; k += 65536) crypto.getRandomValues(image.data.subarray(k, k + 65536));
    image.data.forEach((_, k) => { if (k % 4 === 3) image.data[k] = 255; });
    context.putImageData(image, 0, 0);
  }
  const transfer = new DataTransfer();
  transfer.items.add(new File([await canvas.convertToBlob()], 'picture.png', {type: 'image/png'}));
  const event = new DragEvent('drop', {bubbles: true, cancelable: true, dataTransfer: transfer});
  document.body.dispatchEvent(event);
}"""


def drop(page, width, height, paper="#fff", ink="#000", kind="blank"):
    """Drop a picture onto the page."""
    page.evaluate("document.getElementById('said').textContent = ''")
    page.evaluate(PICTURE, [width, height, paper, ink, kind])


def give(page, *picture, **kind):
    """Drop a picture onto the page, wait, and return the answer to it."""
    with page.expect_response("**/api/predict") as response:
        drop(page, *picture, **kind)
    settled(page)
    return response.value


def sent(request):
    """The picture of a question, (H, W) grey."""
    from PIL import Image

    coded = request.post_data_json["image"].partition(",")[2]
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(coded))).convert("L")).astype(float)
