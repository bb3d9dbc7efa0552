/* The view: where the photo lies in its frame, and the gestures that move it. */

const MAX_ZOOM = 12;
const DRAG_PX = 6; // a finger is never quite still
const SETTLE_MS = 90;
const STRIP = 2; // a frame that is so many times as large as the picture in it is mostly empty
const FIRST_ZOOM = 3;
const LOOK_PX = 64; // so large, a hold's colour can be judged
const LOOK_ZOOM = 8; // nearer, nothing around it would be left in sight
const LOOK_SHARE = 0.6; // of the frame, at most

class View {
  /* Units are tenths of a pixel of the picture; the frame is measured in CSS pixels. */
  constructor(frame, stage, onMoved, onSettled) {
    this.frame = frame;
    this.stage = stage;
    this.onMoved = onMoved;
    this.onSettled = onSettled;
    this.zoom = 1;
    this.x = 0;
    this.y = 0;
    this.size = { width: 1, height: 1 };
    this.fresh = true;
    this.settling = 0;
    this.drawing = 0;
  }

  setPicture(width, height) {
    this.size = { width, height };
    this.frame.style.setProperty("--aspect", `${width} / ${height}`);
    this.fresh = true;
    this.relayout();
  }

  /* A panorama would be a thin strip: it begins zoomed in, at its beginning. */
  begin() {
    this.fresh = false;
    const { clientWidth, clientHeight } = this.frame;
    const filling = Math.max(clientWidth / this.size.width, clientHeight / this.size.height) / this.fit;
    this.zoom = filling > STRIP ? Math.min(filling, FIRST_ZOOM) : 1;
    this.x = 0;
    this.y = 0;
    this.frame.classList.toggle("zoomed", this.zoom > 1);
  }

  relayout() {
    const { clientWidth, clientHeight } = this.frame;
    if (!clientWidth || !clientHeight) return;
    this.fit = Math.min(clientWidth / this.size.width, clientHeight / this.size.height);
    this.stage.style.width = `${this.size.width * this.fit}px`;
    this.stage.style.height = `${this.size.height * this.fit}px`;
    if (this.fresh) this.begin();
    this.apply();
  }

  /* Units per CSS pixel at the present zoom. */
  unit() {
    return 1 / ((this.fit || 1) * this.zoom);
  }

  apply() {
    this.x = View.within(this.x, this.frame.clientWidth, this.size.width * this.fit * this.zoom);
    this.y = View.within(this.y, this.frame.clientHeight, this.size.height * this.fit * this.zoom);
    if (!this.drawing) {
      this.drawing = requestAnimationFrame(() => {
        this.drawing = 0;
        this.stage.style.transform = `translate(${this.x}px, ${this.y}px) scale(${this.zoom})`;
        this.onMoved();
      });
    }
    clearTimeout(this.settling);
    this.settling = setTimeout(this.onSettled, SETTLE_MS);
  }

  static within(start, room, length) {
    if (length <= room) return (room - length) / 2;
    return Math.min(0, Math.max(room - length, start));
  }

  /* Zoom so that what lies under (x, y), in pixels of the frame, stays there. */
  zoomAt(factor, x = this.frame.clientWidth / 2, y = this.frame.clientHeight / 2) {
    const next = Math.min(MAX_ZOOM, Math.max(1, this.zoom * factor));
    this.x = x - ((x - this.x) * next) / this.zoom;
    this.y = y - ((y - this.y) * next) / this.zoom;
    this.zoom = next;
    this.frame.classList.toggle("zoomed", next > 1);
    this.apply();
  }

  fitAll() {
    this.zoomAt(0);
  }

  panBy(dx, dy) {
    this.x += dx;
    this.y += dy;
    this.apply();
  }

  local(event) {
    const rim = this.frame.getBoundingClientRect();
    return [event.clientX - rim.left - this.frame.clientLeft,
      event.clientY - rim.top - this.frame.clientTop];
  }

  /* A place in the frame as units of the picture. */
  toUnits([x, y]) {
    const unit = this.unit();
    return [(x - this.x) * unit, (y - this.y) * unit];
  }

  toFrame([x, y]) {
    const unit = this.unit();
    return [x / unit + this.x, y / unit + this.y];
  }

  /* Look at a box (units) as one does to judge it: near enough, but with what surrounds it. */
  lookAt([x, y, width, height]) {
    const size = Math.max(width, height) / this.unit();
    const room = Math.min(this.frame.clientWidth, this.frame.clientHeight);
    const nearer = Math.min(LOOK_PX / size, LOOK_ZOOM / this.zoom);
    const factor = nearer > 1 ? nearer : Math.min(1, (LOOK_SHARE * room) / size);
    if (!Number.isFinite(factor) || factor === 1) {
      this.reveal([x, y, width, height]);
      return;
    }
    this.zoomAt(factor);
    const [across, down] = this.toFrame([x + width / 2, y + height / 2]);
    this.panBy(this.frame.clientWidth / 2 - across, this.frame.clientHeight / 2 - down);
  }

  /* Bring a box (units) into sight, moving no more than needed. */
  reveal([x, y, width, height]) {
    const margin = 24;
    const [left, top] = this.toFrame([x, y]);
    const [right, bottom] = this.toFrame([x + width, y + height]);
    const { clientWidth, clientHeight } = this.frame;
    const shift = (low, high, room) =>
      low < margin ? margin - low : Math.min(0, room - margin - high);
    this.panBy(shift(left, right, clientWidth), shift(top, bottom, clientHeight));
  }
}

/* Mouse, finger and pen through one door. `on` is told of tap(event, hit), hover(event), and of a box
   that was drawn: boxing(from, to) while it grows and box(from, to) at its end, in units. What was
   hit is asked when the finger comes down: an event forgets its path once it has been handled. */
function listenToPointers(view, on) {
  const { frame } = view;
  const pointers = new Map();
  let start = null;
  let spread = 0;

  const middle = () => {
    const all = [...pointers.values()];
    return [0, 1].map((axis) => all.reduce((sum, at) => sum + at[axis], 0) / all.length);
  };
  const distance = () => {
    const [a, b] = [...pointers.values()];
    return Math.hypot(a[0] - b[0], a[1] - b[1]);
  };

  frame.addEventListener("pointerdown", (event) => {
    if (event.button !== 0) return;
    pointers.set(event.pointerId, view.local(event));
    if (pointers.size === 1) {
      const at = view.local(event);
      start = { at, last: at, event, hit: on.hit(event), moved: false, boxing: on.draws() };
    } else if (pointers.size === 2) {
      if (start?.boxing) on.boxing(null);
      start = { ...start, moved: true, boxing: false, last: middle() };
      spread = distance();
    }
    frame.focus({ preventScroll: true });
  });

  frame.addEventListener("pointermove", (event) => {
    if (!pointers.has(event.pointerId)) {
      on.hover(event);
      return;
    }
    pointers.set(event.pointerId, view.local(event));
    if (!start) return;
    const at = middle();
    if (!start.moved && Math.hypot(at[0] - start.at[0], at[1] - start.at[1]) > DRAG_PX) {
      start.moved = true;
      frame.setPointerCapture(event.pointerId);
    }
    if (!start.moved) return;
    if (start.boxing) {
      on.boxing(view.toUnits(start.at), view.toUnits(at));
      return;
    }
    frame.classList.add("dragging");
    if (pointers.size === 2 && spread > 0) {
      view.zoomAt(distance() / spread, ...at);
      spread = distance();
    }
    view.panBy(at[0] - start.last[0], at[1] - start.last[1]);
    start.last = at;
  });

  const release = (event, cancelled) => {
    if (!pointers.delete(event.pointerId) || !start) return;
    if (pointers.size === 1) {
      start.last = middle();
      return;
    }
    if (pointers.size) return;
    frame.classList.remove("dragging");
    if (start.boxing && start.moved) {
      on.boxing(null);
      if (!cancelled) on.box(view.toUnits(start.at), view.toUnits(view.local(event)));
    } else if (!start.moved && !cancelled) {
      on.tap(start.event, start.hit);
    }
    start = null;
  };
  frame.addEventListener("pointerup", (event) => release(event, false));
  frame.addEventListener("pointercancel", (event) => release(event, true));
  frame.addEventListener("pointerleave", () => on.leave());

  /* The page scrolls under the wheel until the wall has been touched: nobody gets stuck in it. */
  frame.addEventListener("wheel", (event) => {
    const own = event.ctrlKey || event.metaKey || frame.matches(":focus");
    if (!own) return;
    if (event.deltaY > 0 && view.zoom <= 1 && !event.ctrlKey) return;
    event.preventDefault();
    const lines = event.deltaMode === 1 ? 16 : 1;
    view.zoomAt(Math.exp(-event.deltaY * lines * (event.ctrlKey ? 0.01 : 0.002)), ...view.local(event));
  }, { passive: false });
}
