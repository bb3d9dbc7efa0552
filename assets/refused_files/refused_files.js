/* An uploader refuses files that are too large, or whose extension is not one of its own, in the browser,
   says so beside its own list, and is taken away with that list once the others have come in. Then, and no
   sooner, the server is told which ones there were, by name and bytes: a message that has a page run again
   while other files of the same choice ask for their way in makes Streamlit forget to answer these. Of a
   file that was removed from the uploader's list before, it is told nothing. */

const LISTENERS = { change: hear, drop: hear, click: hearRemoved };

/* Where the element stands, with its data: for a while in two places, when the page is laid out anew. */
const mounted = new Map();
let refused = [];

const dataAt = (target) => [...mounted.values()].find(({ place }) => target.closest?.(place));

function hear(event) {
  const data = dataAt(event.target);
  if (!data) return;
  const { turn, most_bytes, endings } = data;
  const fits = ({ name, size }) =>
    size <= most_bytes && endings.some((ending) => name.toLowerCase().endsWith(`.${ending}`));
  const files = [...(event.dataTransfer?.files ?? event.target.files ?? [])];
  refused.push(...files.filter((file) => !fits(file)).map(({ name, size }) => ({ turn, name, size })));
}

function hearRemoved({ target }) {
  const data = dataAt(target);
  const chip = data && target.closest('[data-testid="stFileChipDeleteBtn"]')?.closest('[data-testid="stFileChip"]');
  const removed = chip?.querySelector('[data-testid="stFileChipName"]')?.title;
  const index = refused.findIndex(({ turn, name }) => turn === data?.turn && name === removed);
  if (index >= 0) refused.splice(index, 1);
}

export default function ({ data, parentElement, setTriggerValue }) {
  mounted.set(parentElement, data);
  for (const [kind, listener] of Object.entries(LISTENERS)) document.addEventListener(kind, listener, true);
  const gone = refused.filter(({ turn }) => turn < data.turn);
  refused = refused.filter(({ turn }) => turn >= data.turn);
  if (gone.length) setTriggerValue("refused", gone.map(({ name, size }) => [name, size]));
  return () => {
    mounted.delete(parentElement);
    if (mounted.size) return;
    for (const [kind, listener] of Object.entries(LISTENERS)) document.removeEventListener(kind, listener, true);
  };
}
