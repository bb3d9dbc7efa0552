/* An uploader refuses files that are too large, or whose extension is not one of its own, in the browser,
   says so beside its own list, and is taken away with that list once the others have come in. Then, and no
   sooner, the server is told which ones there were, by name and bytes: a message that has a page run again
   while other files of the same choice ask for their way in makes Streamlit forget to answer these. */

const KINDS = ["change", "drop"];

/* Where the element stands, with its data: for a while in two places, when the page is laid out anew. */
const mounted = new Map();
let refused = [];

function hear(event) {
  const data = [...mounted.values()].find(({ place }) => event.target.closest?.(place));
  if (!data) return;
  const { turn, most_bytes, endings } = data;
  const fits = ({ name, size }) =>
    size <= most_bytes && endings.some((ending) => name.toLowerCase().endsWith(`.${ending}`));
  const files = [...(event.dataTransfer?.files ?? event.target.files ?? [])];
  refused.push(...files.filter((file) => !fits(file)).map(({ name, size }) => ({ turn, name, size })));
}

export default function ({ data, parentElement, setTriggerValue }) {
  mounted.set(parentElement, data);
  for (const kind of KINDS) document.addEventListener(kind, hear, true);
  const gone = refused.filter(({ turn }) => turn < data.turn);
  refused = refused.filter(({ turn }) => turn >= data.turn);
  if (gone.length) setTriggerValue("refused", gone.map(({ name, size }) => [name, size]));
  return () => {
    mounted.delete(parentElement);
    if (mounted.size) return;
    for (const kind of KINDS) document.removeEventListener(kind, hear, true);
  };
}
