/* The clickable wall: selection, filters, keyboard, and what is told to the server.
   Everything but an edit happens here, without asking the server. */

const TELL_MS = 150;
const FREE_SHARE = 0.54; // of a phone's screen, above the selection's part of the page
const FULL_PEN_PX = 26; // a hold so large on the screen is outlined at full width
const FINEST_PEN = 0.45;
const HEADER_PX = 100; // and what the page's own header takes of it
const walls = new WeakMap();
const remembered = { labels: "problems" }; // outlives a visit to another page

const ICONS = {
  select: "M5 3l13 8-6 1.5L9 19z",
  point: "M12 3v6M12 15v6M3 12h6M15 12h6M12 11v2M11 12h2",
  box: "M4 9V4h5M15 4h5v5M20 15v5h-5M9 20H4v-5",
  several: "M4 13l4 4 8-9M12 16l1 1 8-9",
  in: "M12 5v14M5 12h14",
  out: "M5 12h14",
  all: "M4 9V4h5M20 9V4h-5M4 15v5h5M20 15v5h-5M9 9h6v6H9z",
};

class Wall {
  constructor(root) {
    this.root = root;
    this.bar = root.querySelector(".bar");
    this.frame = root.querySelector(".frame");
    this.svg = root.querySelector(".holds");
    this.outlines = root.querySelector(".outlines");
    this.labelLayer = root.querySelector(".labels");
    this.tip = root.querySelector(".tip");
    this.spoken = root.querySelector(".spoken");
    this.rubber = root.querySelector(".rubber");
    this.photo = root.querySelector(".photo");
    this.filters = root.querySelector(".filters");
    this.nodes = new Map();
    this.holds = new Map();
    this.selection = new Set();
    this.active = null;
    this.serial = null;
    this.filterSerial = null;
    this.mode = "select";
    this.several = false;
    this.filter = filterOf();
    this.labels = remembered.labels;
    this.view = new View(this.frame, root.querySelector(".stage"),
      () => this.placeTip(), () => this.settle());
    this.observer = new ResizeObserver(() => this.view.relayout());
    this.observer.observe(this.frame);
    listenToPointers(this.view, {
      draws: () => this.mode === "box",
      hit: (event) => this.holdAt(event),
      tap: (event, hold) => this.tapped(event, hold),
      hover: (event) => this.hovered(event),
      leave: () => this.showTip(null),
      boxing: (from, to) => this.showRubber(from, to),
      box: (from, to) => this.told("box", boxOf(from, to)),
    });
    this.frame.addEventListener("keydown", (event) => this.key(event));
    this.frame.addEventListener("blur", () => this.showTip(null));
    // The server lets the file go for a moment when two runs of the page overlap: ask again.
    this.retries = 0;
    this.photo.addEventListener("error", () => {
      this.retries += 1;
      const { src } = this.photo;
      if (this.retries <= 5) setTimeout(() => { this.photo.src = src; }, 300 * this.retries);
    });
    this.photo.addEventListener("load", () => { this.retries = 0; });
  }

  /* New data from the server. */
  update(data, tell) {
    const spoken = JSON.stringify([data.words, data.mode]) !== JSON.stringify([this.data?.words, this.data?.mode]);
    const repainted = JSON.stringify(data.colours) !== JSON.stringify(this.data?.colours);
    this.data = data;
    this.tell = tell;
    this.words = data.words;
    if (this.photo.getAttribute("src") !== data.photo.url) this.photo.src = data.photo.url;
    const { key, width, height } = data.photo;
    if (this.photoKey !== `${key} ${width} ${height}`) {
      this.photoKey = `${key} ${width} ${height}`;
      this.newPhoto(data.photo);
    }
    this.holds = new Map(data.holds.map((hold) => [hold.id, hold]));
    this.titles = new Map(data.problems.map((problem) => [problem.id, problem.title]));
    if (repainted) drawPatterns(this.root.querySelector(".patterns"), data.colours);
    this.drawHolds();
    if (data.serial !== this.serial) {
      this.serial = data.serial;
      this.selection = new Set(data.selection);
      this.active = data.selection.at(-1) ?? null;
      if (!this.selection.size) this.showTip(null);
      const shown = this.holds.get(this.active);
      if (shown && data.reveal === "wall") this.view.reveal(shown.box);
      if (shown && data.reveal === "page") {
        this.view.lookAt(shown.box);
        clearTimeout(this.lifting);
        this.lifting = setTimeout(() => this.liftIntoSight(this.active), SETTLE_MS);
      }
    }
    if (data.filterSerial !== this.filterSerial) {
      this.filterSerial = data.filterSerial;
      this.filter = filterOf(data.filter);
    }
    for (const id of this.selection) if (!this.holds.has(id)) this.selection.delete(id);
    if (!this.holds.has(this.active)) this.active = null;
    this.pruneFilter();
    if (spoken) this.buildBar();
    this.buildFilters();
    drawLabels(this);
    this.settle();
    this.showTip(this.holds.get(this.tipped) ?? null); // it may say something else now
  }

  newPhoto(photo) {
    this.svg.setAttribute("viewBox", `0 0 ${photo.width} ${photo.height}`);
    this.view.setPicture(photo.width, photo.height);
  }

  drawHolds() {
    for (const [id, node] of this.nodes) {
      if (!this.holds.has(id)) {
        node.group.remove();
        this.nodes.delete(id);
      }
    }
    for (const hold of this.holds.values()) {
      const node = drawHold(this.nodes.get(hold.id), hold, this.data.colours[hold.colour]);
      node.group.setAttribute("aria-label", this.describe(hold));
      this.nodes.set(hold.id, node);
      this.outlines.appendChild(node.group); // also puts them in order
    }
  }

  /* After a change of zoom, selection or filter: all that depends on it. */
  settle() {
    const size = this.view.unit();
    this.svg.style.setProperty("--unit", size);
    this.svg.style.setProperty("--pen", size * this.penShare());
    for (const pattern of this.svg.querySelectorAll("pattern")) {
      pattern.setAttribute("patternTransform", `scale(${size})`);
    }
    const filtering = this.isFiltering();
    this.svg.classList.toggle("filtering", filtering);
    for (const hold of this.holds.values()) {
      const { group } = this.nodes.get(hold.id);
      const chosen = this.selection.has(hold.id);
      if (group.classList.contains("selected") !== chosen || !group.hasAttribute("aria-selected")) {
        group.setAttribute("aria-selected", chosen);
      }
      group.classList.toggle("selected", chosen);
      group.classList.toggle("dimmed", this.isDimmed(hold));
      group.classList.toggle("active", hold.id === this.active);
    }
    if (this.active !== null) this.frame.setAttribute("aria-activedescendant", `hold-${this.active}`);
    else this.frame.removeAttribute("aria-activedescendant");
    placeLabels(this);
  }

  /* Outlines of small holds are drawn finer, or nothing would be left to see of the holds. */
  penShare() {
    const sizes = [...this.holds.values()].map(({ box }) => Math.sqrt(box[2] * box[3])).sort((a, b) => a - b);
    const median_px = (sizes[sizes.length >> 1] ?? 0) / this.view.unit();
    return Math.min(1, Math.max(FINEST_PEN, median_px / FULL_PEN_PX));
  }

  /* Words. */
  colourWord(hold) {
    const { name } = this.data.colours[hold.colour];
    return this.data.colourWords[name] ?? name;
  }

  problemWords(id) {
    if (id === null) return this.words.noProblem;
    const title = this.titles.get(id);
    return fill(this.words.problem, { number: id }) + (title ? ` ${title}` : "");
  }

  describe(hold) {
    return fill(hold.sure ? this.words.hold : this.words.unsureHold, {
      number: hold.id,
      kind: hold.volume ? this.words.volumeKind : this.words.holdKind,
      colour: this.colourWord(hold),
      confidence: hold.confidence,
      problem: this.problemWords(hold.problem),
    });
  }

  /* Selection. */
  choose(id, add) {
    if (id === null) {
      if (!add) this.selection.clear();
    } else if (add) {
      if (!this.selection.delete(id)) this.selection.add(id);
    } else {
      this.selection = new Set([id]);
    }
    this.active = id;
    if (!this.selection.size) this.showTip(null);
    this.settle();
    this.tellSelection();
  }

  /* Once: what was sent is selected no more, and a key that is held down asks for nothing else. */
  remove() {
    if (!this.selection.size) return;
    this.told("remove", [...this.selection]);
    this.selection.clear();
    this.active = null;
    this.showTip(null);
    this.settle();
  }

  tellSelection() {
    clearTimeout(this.telling);
    this.telling = setTimeout(() => this.tell("selection", [...this.selection]), TELL_MS);
  }

  tellFilter() {
    const { colours, problem, unsure } = this.filter;
    const value = { colours: [...colours], problem: problem === "" ? null : Number(problem), unsure };
    clearTimeout(this.tellingFilter);
    this.tellingFilter = setTimeout(() => this.tell("filter", value), TELL_MS);
  }

  told(event, value) {
    clearTimeout(this.telling); // what follows decides the selection
    this.tell(event, value);
  }

  holdAt(event) {
    const group = event.composedPath().find((part) => part.dataset?.hold);
    if (group) return this.holds.get(Number(group.dataset.hold)) ?? null;
    return event.pointerType === "mouse" ? null : this.nearest(event);
  }

  /* A finger is wider than a small hold. */
  nearest(event) {
    const reach = 14 * this.view.unit();
    const [x, y] = this.view.toUnits(this.view.local(event));
    let best = null;
    let least = reach;
    for (const hold of this.holds.values()) {
      const [left, top, width, height] = hold.box;
      const away = Math.hypot(
        Math.max(left - x, 0, x - left - width), Math.max(top - y, 0, y - top - height));
      if (away < least) [best, least] = [hold, away];
    }
    return best;
  }

  tapped(event, hold) {
    if (this.mode === "point") {
      const [x, y] = this.view.toUnits(this.view.local(event));
      const { width, height } = this.data.photo;
      if (x >= 0 && y >= 0 && x <= width && y <= height) this.told("point", [x, y]);
      return;
    }
    this.choose(hold?.id ?? null, this.several || event.shiftKey || event.ctrlKey || event.metaKey);
    this.showTip(hold);
    if (hold) this.liftIntoSight(hold.id);
  }

  /* On a phone the page shows the selection over the lower part of the screen: what lies below it,
     or was scrolled away, comes into sight. */
  liftIntoSight(id) {
    const node = this.nodes.get(id);
    if (!node || !matchMedia("(max-width: 640px)").matches) return;
    const { top, bottom } = node.group.getBoundingClientRect();
    const below = bottom - FREE_SHARE * window.innerHeight;
    const above = top - HEADER_PX;
    if (below <= 0 && above >= 0) return;
    let part = this.root;
    while (part && !/auto|scroll/.test(getComputedStyle(part).overflowY)) {
      part = part.parentElement ?? part.getRootNode().host;
    }
    (part ?? window).scrollBy({ top: below > 0 ? below : above, behavior: "smooth" });
  }

  hovered(event) {
    if (event.pointerType !== "mouse" || this.mode === "box") return;
    this.showTip(this.holdAt(event));
  }

  showTip(hold) {
    this.tip.hidden = !hold;
    this.tipped = hold?.id ?? null;
    if (!hold) return;
    const title = htmlElement("strong", {}, this.problemWords(hold.problem));
    const colour = `${this.colourWord(hold)} ${hold.confidence} %`;
    const kind = fill(hold.volume ? this.words.volumeNumber : this.words.holdNumber, { number: hold.id });
    const lines = [title, htmlElement("span", {}, hold.sure ? colour : `${colour} · ${this.words.unsure}`),
      htmlElement("small", {}, kind)];
    this.tip.replaceChildren(patternSwatch(this.data.colours[hold.colour], this.labels === "patterns"), ...lines);
    this.placeTip();
  }

  /* Beside its hold, wherever the view has moved that; with a hold that is out of sight it goes. */
  placeTip() {
    const hold = this.holds.get(this.tipped);
    if (!hold) return;
    const [x, y, width, height] = hold.box;
    const [left, top] = this.view.toFrame([x, y]);
    const [right, bottom] = this.view.toFrame([x + width, y + height]);
    const { clientWidth, clientHeight } = this.frame;
    if (right < 0 || left > clientWidth || bottom < 0 || top > clientHeight) {
      this.showTip(null);
      return;
    }
    const half = this.tip.offsetWidth / 2;
    const above = top - this.tip.offsetHeight - 8;
    const across = Math.min(Math.max((left + right) / 2, half + 4), clientWidth - half - 4);
    const down = above >= 4 ? above : Math.min(bottom + 8, clientHeight - this.tip.offsetHeight - 4);
    this.tip.style.transform = `translate(${across - half}px, ${down}px)`;
  }

  showRubber(from, to) {
    this.rubber.setAttribute("visibility", from ? "visible" : "hidden");
    if (!from) return;
    const [x, y, width, height] = boxOf(from, to);
    for (const [key, value] of Object.entries({ x, y, width, height })) this.rubber.setAttribute(key, value);
  }

  /* Keyboard. */
  key(event) {
    const by = { "+": 1.4, "=": 1.4, "-": 1 / 1.4, _: 1 / 1.4 }[event.key];
    const way = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
    if (event.altKey || ((event.ctrlKey || event.metaKey) && event.key !== "a")) return;
    if (by) this.view.zoomAt(by);
    else if (event.key === "0") this.view.fitAll();
    else if (way && event.shiftKey) this.view.panBy(-60 * way[0], -60 * way[1]);
    else if (way) this.walk(this.towards(way));
    else if (event.key === "n") this.walk(this.beside(1));
    else if (event.key === "p") this.walk(this.beside(-1));
    else if (event.key === "Home") this.walk(this.inOrder()[0]);
    else if (event.key === "End") this.walk(this.inOrder().at(-1));
    else if (event.key === "Enter" || event.key === " ") {
      if (this.active !== null) this.choose(this.active, this.several || event.shiftKey || event.key === " ");
    } else if (event.key === "a" && (event.ctrlKey || event.metaKey)) {
      this.selection = new Set(this.inOrder().map((hold) => hold.id));
      this.settle();
      this.tellSelection();
    } else if (event.key === "Escape") this.choose(null, false);
    else if (event.key === "Delete" || event.key === "Backspace") {
      if (!event.repeat) this.remove();
    } else return;
    event.preventDefault();
    event.stopPropagation();
  }

  inOrder() {
    return [...this.holds.values()].filter((hold) => !this.isDimmed(hold)).sort((a, b) => a.id - b.id);
  }

  beside(step) {
    const all = this.inOrder();
    const at = all.findIndex((hold) => hold.id === this.active);
    return all[at < 0 ? (step > 0 ? 0 : all.length - 1) : (at + step + all.length) % all.length];
  }

  /* The nearest hold in a direction: what lies aside counts double. */
  towards([dx, dy]) {
    const from = this.holds.get(this.active);
    if (!from) return this.inOrder()[0];
    const middle = ([x, y, width, height]) => [x + width / 2, y + height / 2];
    const [x, y] = middle(from.box);
    let best = from;
    let least = Infinity;
    for (const hold of this.inOrder()) {
      const [hx, hy] = middle(hold.box);
      const along = (hx - x) * dx + (hy - y) * dy;
      const aside = Math.abs((hx - x) * dy) + Math.abs((hy - y) * dx);
      const cost = along + 2 * aside;
      if (hold.id !== from.id && along > 0 && cost < least) [best, least] = [hold, cost];
    }
    return best;
  }

  walk(hold) {
    if (!hold) return;
    this.active = hold.id;
    this.view.reveal(hold.box);
    this.settle();
    this.showTip(hold);
    this.spoken.textContent = this.describe(hold);
  }

  stop() {
    this.observer.disconnect();
    clearTimeout(this.telling);
    clearTimeout(this.tellingFilter);
    clearTimeout(this.lifting);
    clearTimeout(this.view.settling);
  }
}

function fill(template, values) {
  return template.replace(/\{(\w+)\}/g, (whole, name) => values[name] ?? whole);
}

function boxOf([x1, y1], [x2, y2]) {
  return [Math.min(x1, x2), Math.min(y1, y2), Math.abs(x1 - x2), Math.abs(y1 - y2)];
}

function filterOf({ colours = [], problem = null, unsure = false } = {}) {
  return { colours: new Set(colours), problem: problem === null ? "" : String(problem), unsure };
}

export default function ({ data, parentElement, setTriggerValue }) {
  const root = parentElement.querySelector(".wall");
  let wall = walls.get(root);
  if (!wall) {
    wall = new Wall(root);
    walls.set(root, wall);
  }
  wall.update(data, setTriggerValue);
  return () => {
    wall.stop();
    walls.delete(root);
  };
}
