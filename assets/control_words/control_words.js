/* Streamlit's controls speak English alone ("Upload", "21MB per file"); here what they say is replaced
   by the words of the reader's language, as it comes into the page, and given back when the element
   goes.

   The server sends rules: for texts a selector of the place, the English with {gaps}, and the words;
   for attributes the same without a place. Only text nodes and attributes are touched, so that what
   Streamlit draws stays its own: it writes its next text over ours. */

const ATTRIBUTES = ["aria-label", "placeholder", "title"];
const LATIN = /[A-Za-z]{2}/; // nothing else can be English

const translatedTexts = new Map(); // text node -> [English, ours]
const translatedAttributes = new Map(); // element -> {attribute: [English, ours]}
let textRules = [];
let attributeRules = [];

function patternOf(text) {
  const parts = text.split(/\{(\w+)\}/);
  const source = parts.map((part, index) => (index % 2
    ? `(?<${part}>.+)`
    : part.replace(/[.*+?^${}()|[\]\\]/g, "\\$&")));
  return new RegExp(`^(\\s*)${source.join("")}(\\s*)$`, "s");
}

/* The words for an English text, by the first rule that fits and that may be used; else null. */
function wordsFor(text, rules, mayUse) {
  if (!text || !LATIN.test(text)) return null;
  for (const rule of rules) {
    const found = rule.pattern.exec(text);
    if (!found || !mayUse(rule)) continue;
    const told = rule.words.replace(/\{(\w+)\}/g, (gap, name) => found.groups[name] ?? gap);
    return found[1] + told + found.at(-1);
  }
  return null;
}

function translateText(node) {
  const told = wordsFor(node.data, textRules, ({ where }) => node.parentElement?.closest(where));
  if (told === null) return;
  translatedTexts.set(node, [node.data, told]);
  node.data = told;
}

function translateAttribute(element, name) {
  const text = element.getAttribute(name);
  const told = wordsFor(text, attributeRules, () => true);
  if (told === null) return;
  const known = translatedAttributes.get(element) ?? {};
  translatedAttributes.set(element, { ...known, [name]: [text, told] });
  element.setAttribute(name, told);
}

/* All below a node that came into the page, and the node itself. */
function translate(root) {
  if (root.nodeType === Node.TEXT_NODE) {
    translateText(root);
    return;
  }
  if (root.nodeType !== Node.ELEMENT_NODE) return;
  const texts = document.createTreeWalker(root, NodeFilter.SHOW_TEXT);
  while (texts.nextNode()) translateText(texts.currentNode);
  const named = `[${ATTRIBUTES.join("], [")}]`;
  for (const element of [root, ...root.querySelectorAll(named)]) {
    for (const name of ATTRIBUTES) translateAttribute(element, name);
  }
}

function giveBack() {
  for (const [node, [english, ours]] of translatedTexts) {
    if (node.data === ours) node.data = english;
  }
  for (const [element, names] of translatedAttributes) {
    for (const [name, [english, ours]] of Object.entries(names)) {
      if (element.getAttribute(name) === ours) element.setAttribute(name, english);
    }
  }
  translatedTexts.clear();
  translatedAttributes.clear();
}

/* What has left the page is not held on to. */
function forgetGone() {
  for (const known of [translatedTexts, translatedAttributes]) {
    for (const node of known.keys()) if (!node.isConnected) known.delete(node);
  }
}

const watcher = new MutationObserver((changes) => {
  for (const { type, target, attributeName, addedNodes } of changes) {
    if (type === "attributes") translateAttribute(target, attributeName);
    else if (type === "characterData") translateText(target);
    else addedNodes.forEach(translate);
  }
  forgetGone();
});

export default function ({ data }) {
  giveBack();
  textRules = data.texts.map(([where, text, words]) => ({ where, pattern: patternOf(text), words }));
  attributeRules = data.labels.map(([text, words]) => ({ pattern: patternOf(text), words }));
  translate(document.body);
  watcher.observe(document.body, {
    attributes: true, attributeFilter: ATTRIBUTES, characterData: true, childList: true, subtree: true,
  });
  return () => {
    watcher.disconnect();
    giveBack();
  };
}
