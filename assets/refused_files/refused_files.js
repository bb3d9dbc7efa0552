/* An uploader refuses files that are too large in the browser, says so beside its own list, and is taken
   away with that list once the others have come in. Here the server is told which ones there were: by
   turn, name and bytes. */

let latest = null;

function hear(event) {
  if (!latest || !event.target.closest?.(latest.data.place)) return;
  const files = event.dataTransfer?.files ?? event.target.files ?? [];
  const large = [...files].filter((file) => file.size > latest.data.most_bytes);
  if (!large.length) return;
  const { turn } = latest.data;
  latest.setTriggerValue("refused", { turn, files: large.map(({ name, size }) => [name, size]) });
}

export default function ({ data, setTriggerValue }) {
  latest = { data, setTriggerValue };
  for (const kind of ["change", "drop"]) document.addEventListener(kind, hear, true);
  return () => {
    latest = null;
    for (const kind of ["change", "drop"]) document.removeEventListener(kind, hear, true);
  };
}
