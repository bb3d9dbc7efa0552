/* Drawing: the outlines, their fill patterns and labels as SVG. Knows nothing of clicks and zoom. */

const SVG = "http://www.w3.org/2000/svg";

function svgElement(name, attributes = {}, parent = null) {
  const element = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  if (parent) parent.appendChild(element);
  return element;
}

function htmlElement(name, attributes = {}, text = "", parent = null) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  element.textContent = text;
  if (parent) parent.appendChild(element);
  return element;
}

/* The marks of one tile, 12 by 12, per pattern number. Told apart by direction and form, not by
   shade. Lines run past the tile's rim so that neighbours join. */
const PATTERN_MARKS = [
  "M-3,3 3,-3M-3,15 15,-3M9,15 15,9", // rising lines
  "M-3,9 3,15M-3,-3 15,15M9,-3 15,3", // falling lines
  "M0,6H12", // level lines
  "M6,0V12", // upright lines
  "M0,6H12M6,0V12", // grid
  "M-3,3 3,-3M-3,15 15,-3M9,15 15,9M-3,9 3,15M-3,-3 15,15M9,-3 15,3", // lattice
  "M4,6a2,2 0 1 0 4,0a2,2 0 1 0 -4,0", // dots
  "M2,6a4,4 0 1 0 8,0a4,4 0 1 0 -8,0", // rings
  "M0,4 3,8 6,4 9,8 12,4", // waves
  "M3,9 6,3 9,9z", // triangles
  "M3,3H9V9H3z", // squares
  "M3,3 9,9M9,3 3,9", // crosses
  "M0,3H6M6,9H12", // steps
];

/* One fill per colour that is in use: the tile keeps its size on the screen (see --unit). */
function drawPatterns(definitions, colours) {
  definitions.replaceChildren();
  colours.forEach((colour, index) => {
    const pattern = svgElement("pattern", {
      id: `pattern-${index}`, width: 12, height: 12, patternUnits: "userSpaceOnUse",
    }, definitions);
    svgElement("rect", { width: 12, height: 12, fill: colour.line, "fill-opacity": 0.35 }, pattern);
    const marks = PATTERN_MARKS[colour.pattern % PATTERN_MARKS.length];
    svgElement("path", { d: marks, fill: "none", stroke: colour.halo, "stroke-width": 3.4 }, pattern);
    svgElement("path", { d: marks, fill: "none", stroke: colour.line, "stroke-width": 1.7 }, pattern);
  });
}

function patternSwatch(colour, showPattern) {
  const swatch = svgElement("svg", { viewBox: "0 0 16 16", class: "swatch", "aria-hidden": "true" });
  svgElement("rect", {
    x: 1, y: 1, width: 14, height: 14, rx: 4, fill: colour.line, stroke: colour.halo,
  }, swatch);
  if (showPattern) {
    const marks = PATTERN_MARKS[colour.pattern % PATTERN_MARKS.length];
    svgElement("path", {
      d: marks, transform: "translate(2 2)", fill: "none", stroke: colour.halo, "stroke-width": 1.5,
    }, swatch);
  }
  return swatch;
}

/* The node of one hold is kept over updates; only what differs is touched. */
function drawHold(node, hold, colour) {
  if (!node) {
    const group = svgElement("g", { id: `hold-${hold.id}`, role: "option", class: "hold" });
    group.dataset.hold = hold.id;
    node = {
      group,
      area: svgElement("path", { class: "area" }, group),
      halo: svgElement("path", { class: "halo" }, group),
      line: svgElement("path", { class: "line" }, group),
      label: null,
      path: "",
    };
  }
  if (node.path !== hold.path) {
    for (const part of [node.area, node.halo, node.line]) part.setAttribute("d", hold.path);
    node.path = hold.path;
  }
  node.group.classList.toggle("volume", hold.volume);
  node.group.style.setProperty("--line", colour.line);
  node.group.style.setProperty("--halo", colour.halo);
  node.group.style.setProperty("--pattern", `url(#pattern-${hold.colour})`);
  return node;
}

/* What stands on a hold, by the kind of labels that was chosen. */
function labelText(wall, hold) {
  const mark = hold.sure ? "" : "?";
  if (wall.labels === "colours") return wall.colourWord(hold) + mark;
  if (wall.labels === "problems" && hold.problem !== null) {
    return `${hold.problem}${mark}`;
  }
  return mark;
}

function drawLabels(wall) {
  wall.labelLayer.replaceChildren();
  wall.svg.classList.toggle("patterned", wall.labels === "patterns");
  for (const hold of wall.holds.values()) {
    const node = wall.nodes.get(hold.id);
    node.label = null;
    const text = labelText(wall, hold);
    if (!text) continue;
    const [x, y, width, height] = hold.box;
    const label = svgElement("text", { x: x + width / 2, y: y + height / 2 }, wall.labelLayer);
    label.textContent = text;
    const colour = wall.data.colours[hold.colour];
    label.style.setProperty("--line", colour.line);
    label.style.setProperty("--halo", colour.halo);
    node.label = label;
  }
}

/* A label that would hide its hold and its neighbours waits until the wall is zoomed in. */
function placeLabels(wall) {
  const unit = wall.view.unit();
  for (const hold of wall.holds.values()) {
    const { label } = wall.nodes.get(hold.id);
    if (!label) continue;
    const [, , width, height] = hold.box;
    const needed = 7 * label.textContent.length;
    const room = Math.max(width, height) / unit >= 13 && width / unit >= 0.72 * needed;
    label.classList.toggle("waiting", !room && !wall.selection.has(hold.id));
    label.classList.toggle("faded", wall.isDimmed(hold));
  }
}
