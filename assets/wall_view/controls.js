/* The controls around the wall: modes and zoom above it, filters and labels below. Mixed into the
   wall, so that each file holds one concern. */

function iconButton(parent, icon, title, onClick) {
  const button = htmlElement("button", { type: "button", title, "aria-label": title }, "", parent);
  const drawing = svgElement("svg", { viewBox: "0 0 24 24", "aria-hidden": "true" }, button);
  svgElement("path", { d: ICONS[icon] }, drawing);
  button.addEventListener("click", onClick);
  return button;
}

const Controls = {
  buildBar() {
    this.bar.replaceChildren();
    this.bar.setAttribute("aria-label", this.words.tools);
    this.frame.setAttribute("aria-label", this.words.wall);
    const modes = htmlElement("div", { class: "group" }, "", this.bar);
    this.modeButtons = {};
    for (const mode of ["select", "point", "box"]) {
      this.modeButtons[mode] = iconButton(modes, mode, this.words[mode], () => this.setMode(mode));
    }
    const many = htmlElement("div", { class: "group" }, "", this.bar);
    this.severalButton = iconButton(many, "several", this.words.several, () => {
      this.several = !this.several;
      this.setMode("select");
    });
    this.hint = htmlElement("span", { class: "hint" }, "", this.bar);
    const zoom = htmlElement("div", { class: "group" }, "", this.bar);
    iconButton(zoom, "out", this.words.zoomOut, () => this.view.zoomAt(1 / 1.5));
    iconButton(zoom, "all", this.words.zoomAll, () => this.view.fitAll());
    iconButton(zoom, "in", this.words.zoomIn, () => this.view.zoomAt(1.5));
    this.setMode(this.mode);
  },

  setMode(mode) {
    this.mode = mode;
    this.frame.dataset.mode = mode;
    for (const [name, button] of Object.entries(this.modeButtons)) {
      button.setAttribute("aria-pressed", name === mode);
    }
    this.severalButton.setAttribute("aria-pressed", this.several);
    this.hint.textContent = { point: this.words.pointHint, box: this.words.boxHint }[mode]
      ?? (this.several ? this.words.severalHint : this.words.selectHint);
  },

  /* Colours by name (a gym's own name may have many shades), with how many holds each has. */
  countColours() {
    const counted = new Map();
    for (const hold of this.holds.values()) {
      const colour = this.data.colours[hold.colour];
      const row = counted.get(colour.name) ?? { colour, hold, count: 0 };
      row.count += 1;
      counted.set(colour.name, row);
    }
    return [...counted.values()].sort((a, b) => b.count - a.count);
  },

  buildFilters() {
    const key = JSON.stringify([this.words, this.labels, [...this.filter.colours], this.filter.problem,
      this.filter.unsure, this.data.problems, this.data.colours,
      this.data.holds.map((hold) => [hold.colour, hold.sure, hold.problem])]);
    if (key === this.filtersKey) return; // the focus stays where it is
    const focused = this.root.getRootNode().activeElement?.dataset?.control;
    this.filtersKey = key;
    this.filters.replaceChildren();
    const chips = htmlElement("div", { class: "chips", role: "group", "aria-label": this.words.colours }, "", this.filters);
    for (const { colour, hold, count } of this.countColours()) {
      const chip = this.chip(chips, `colour-${colour.name}`, `${this.colourWord(hold)} ${count}`,
        this.filter.colours.has(colour.name), () => {
          if (!this.filter.colours.delete(colour.name)) this.filter.colours.add(colour.name);
        });
      chip.prepend(patternSwatch(colour, this.labels === "patterns"));
    }
    const unsure = [...this.holds.values()].filter((hold) => !hold.sure).length;
    if (unsure || this.filter.unsure) {
      this.chip(chips, "unsure", `? ${this.words.unsure} ${unsure}`, this.filter.unsure, () => {
        this.filter.unsure = !this.filter.unsure;
      });
    }
    const menus = htmlElement("div", { class: "menus" }, "", this.filters);
    if (this.isFiltering()) {
      const shown = [...this.holds.values()].filter((hold) => !this.isDimmed(hold)).length;
      htmlElement("span", { class: "shown", role: "status" }, fill(this.words.shown, { shown, all: this.holds.size }), menus);
    }
    const problems = this.data.problems.map((problem) => [String(problem.id),
      `${this.problemWords(problem.id)} · ${this.colourName(problem.colour)}`]);
    this.menu(menus, "problem", this.words.showProblem, [["", this.words.allProblems], ...problems],
      this.filter.problem, (value) => this.changeFilter(() => { this.filter.problem = value; }));
    const kinds = ["problems", "colours", "patterns", "none"].map((kind) => [kind, this.words[`labels_${kind}`]]);
    this.menu(menus, "labels", this.words.labels, kinds, this.labels, (value) => {
      this.labels = remembered.labels = value;
      drawLabels(this);
      this.buildFilters();
      this.settle();
    });
    if (focused) this.filters.querySelector(`[data-control="${CSS.escape(focused)}"]`)?.focus();
  },

  colourName(index) {
    const { name } = this.data.colours[index];
    return this.data.colourWords[name] ?? name;
  },

  chip(parent, control, text, pressed, change) {
    const chip = htmlElement("button", { type: "button", class: "chip", "aria-pressed": pressed }, "", parent);
    chip.dataset.control = control;
    htmlElement("span", {}, text, chip);
    chip.addEventListener("click", () => this.changeFilter(change));
    return chip;
  },

  menu(parent, control, title, rows, chosen, change) {
    const menu = htmlElement("select", { "aria-label": title, title }, "", parent);
    menu.dataset.control = control;
    for (const [value, text] of rows) htmlElement("option", { value }, text, menu);
    menu.value = chosen;
    menu.addEventListener("change", () => change(menu.value));
  },

  changeFilter(change) {
    change();
    this.buildFilters();
    this.settle();
    this.tellFilter();
  },

  isFiltering() {
    return this.filter.unsure || this.filter.problem !== "" || this.filter.colours.size > 0;
  },

  isDimmed(hold) {
    const { colours, problem, unsure } = this.filter;
    return (colours.size > 0 && !colours.has(this.data.colours[hold.colour].name))
      || (problem !== "" && String(hold.problem) !== problem)
      || (unsure && hold.sure);
  },

  /* A filter for what is gone would hide everything. */
  pruneFilter() {
    const names = new Set([...this.holds.values()].map((hold) => this.data.colours[hold.colour].name));
    for (const name of this.filter.colours) if (!names.has(name)) this.filter.colours.delete(name);
    if (this.filter.problem !== "" && !this.titles.has(Number(this.filter.problem))) this.filter.problem = "";
    if (this.filter.unsure && [...this.holds.values()].every((hold) => hold.sure)) this.filter.unsure = false;
  },
};

Object.assign(Wall.prototype, Controls);
