/* Corrections kept in this browser (localStorage), so that a reload, a lost connection or a restarted
   server loses none. localStorage and not IndexedDB: it is written at once, also while the page goes
   away, each key whole, and all tabs see the same.

   A key is PREFIX, the photo's SHA-256, "/" and a line of work, which is one session's own: no tab
   writes to another's. Within a line the last write wins. A value is the moment in milliseconds, the
   photo's name and the packed review, with a space between them. Nothing leaves for another server. */

const PREFIX = "climbmate.corrections/1/";
const MOST = 24; // entries, the newest
const MOST_CHARACTERS = 3_000_000; // in all: browsers give a site some five million
const MOST_OF_ONE = 1_000_000; // more is not read by the server
const WRITE_MS = 250; // a quick series of edits is written once

const given = new Map(); // key -> the text that the server gave last
const waiting = new Map(); // key -> the value to write
const told = new Set(); // what the server knows already
const forgotten = new Set();
let timer = 0;
let trouble = ""; // why nothing is kept: "denied" or "full"
let toldTrouble = "";
let ended = ""; // the session that found this page showing a photo of another one, which had ended

function openStorage() {
  try {
    return window.localStorage;
  } catch {
    return null; // closed to this page: private browsing, or blocked
  }
}

/* The newest first. What another version or a stranger wrote is the server's to refuse. */
function entries(storage) {
  const found = [];
  for (let index = 0; index < storage.length; index += 1) {
    const key = storage.key(index);
    if (!key?.startsWith(PREFIX)) continue;
    const value = storage.getItem(key) ?? "";
    const [photo, line = ""] = key.slice(PREFIX.length).split("/");
    const [moment, name = "", text = ""] = value.split(" ");
    const stamp = Number.isSafeInteger(Number(moment)) ? Number(moment) : 0;
    found.push({ key, value, photo, line, stamp, name: decoded(name), text });
  }
  return found.sort((a, b) => b.stamp - a.stamp);
}

function encoded(name) {
  try {
    return encodeURIComponent(name);
  } catch {
    return ""; // half a letter in a file's name
  }
}

function decoded(name) {
  try {
    return decodeURIComponent(name);
  } catch {
    return "";
  }
}

/* Write one entry, within the bounds; the oldest others give way, those of the same photo last: they
   may be on offer just now. False where there is no room. */
function put(storage, key, value) {
  const photo = key.slice(PREFIX.length).split("/")[0];
  const others = entries(storage).filter((entry) => entry.key !== key)
    .sort((a, b) => (b.photo === photo) - (a.photo === photo));
  let room = MOST_CHARACTERS - value.length;
  const kept = others.filter((entry, index) => {
    room -= entry.value.length;
    if (index < MOST - 1 && room >= 0) return true;
    storage.removeItem(entry.key);
    return false;
  });
  const sacrificed = [];
  for (;;) {
    if (written(storage, key, value)) return true;
    const oldest = kept.pop();
    if (!oldest) break;
    storage.removeItem(oldest.key);
    sacrificed.push(oldest);
  }
  // Something else fills the storage: nothing was won, so nothing is lost.
  for (const entry of sacrificed) written(storage, entry.key, entry.value);
  return false;
}

function written(storage, key, value) {
  try {
    storage.setItem(key, value);
    return true;
  } catch {
    return false;
  }
}

/* Write all that waits. */
function flush() {
  clearTimeout(timer);
  if (!waiting.size) return;
  const storage = openStorage();
  trouble = storage ? "" : "denied";
  for (const [key, value] of waiting) {
    if (storage && put(storage, key, value)) continue;
    trouble ||= "full";
    given.delete(key); // tried again with the next run of the page
  }
  waiting.clear();
}

function keep(storage, data) {
  const key = `${PREFIX}${data.photo}/${data.line}`;
  if ((given.get(key) ?? "") === data.text) return;
  given.set(key, data.text);
  if (data.text) {
    waiting.set(key, `${Date.now()} ${encoded(data.name)} ${data.text}`);
  } else {
    waiting.delete(key);
    storage.removeItem(key);
  }
}

/* What was restored or discarded goes, unless another tab has written to it since. It comes back where
   what takes its place cannot be written. */
function removeGone(storage, data) {
  const going = entries(storage).filter((entry) => entry.photo === data.photo
    && data.gone.some(([line, stamp]) => entry.line === line && entry.stamp === stamp));
  if (!going.length) return;
  for (const entry of going) storage.removeItem(entry.key);
  const replaced = waiting.size > 0; // else an older trouble says nothing of this
  flush();
  if (!replaced || !trouble) return;
  for (const entry of going) put(storage, entry.key, entry.value);
}

function forget(storage, token) {
  if (!token || forgotten.has(token)) return;
  forgotten.add(token);
  waiting.clear();
  for (const entry of entries(storage)) storage.removeItem(entry.key);
}

/* This reader's own clock: 2026-11-21T10:32. */
function localTime(stamp) {
  const date = new Date(stamp);
  if (stamp <= 0 || !(date.getFullYear() <= 9999)) return ""; // nobody wrote then
  const two = (number) => String(number).padStart(2, "0");
  const day = `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
  return `${day}T${two(date.getHours())}:${two(date.getMinutes())}`;
}

function report(storage, data) {
  const all = storage ? entries(storage) : [];
  const other = data.photo ? all.find(({ photo, line }) => photo === data.photo && line !== data.line) : null;
  const names = data.photo ? [] : [...new Map(all.map(({ photo, name }) => [photo, name])).values()];
  return {
    kept: other ? {
      photo: other.photo,
      line: other.line,
      stamp: other.stamp,
      text: other.text.length > MOST_OF_ONE ? "" : other.text,
      at: localTime(other.stamp),
      today: localTime(Date.now()).slice(0, 10),
    } : null,
    names: names.slice(0, MOST),
    trouble,
    ended: ended === data.session,
  };
}

/* Tell the server what it does not know yet; nothing to tell is not told. */
function tell(storage, data, setTriggerValue) {
  const now = report(storage, data);
  const { kept, names } = now;
  const mark = JSON.stringify([data.session, data.photo, kept?.line, kept?.stamp, names, now.ended]);
  const news = (kept || names.length || now.ended) && !told.has(mark);
  // Another session, after the server began anew, knows of no trouble.
  const known = toldTrouble.startsWith(data.session) ? toldTrouble : `${data.session} `;
  if (!news && known === `${data.session} ${trouble}`) return;
  told.add(mark);
  toldTrouble = `${data.session} ${trouble}`;
  setTriggerValue("report", now);
}

/* A page that was not loaded anew comes to another session where the server was restarted, or where
   the page was out of touch for so long that its session expired. */
function notice(before, data) {
  if (data.photo) ended = "";
  else if (before?.photo && before.session !== data.session) ended = data.session;
}

let latest = null;
let before = null; // what the last run of the page said

function write() {
  flush();
  if (latest) tell(openStorage(), latest.data, latest.setTriggerValue);
}

window.addEventListener("pagehide", flush);
document.addEventListener("visibilitychange", () => { if (document.hidden) flush(); });

export default function ({ data, setTriggerValue }) {
  latest = { data, setTriggerValue };
  notice(before, data);
  before = data;
  const storage = openStorage();
  if (!storage) trouble = "denied";
  else {
    forget(storage, data.forget);
    if (data.photo) {
      keep(storage, data);
      removeGone(storage, data);
    }
  }
  clearTimeout(timer);
  timer = setTimeout(write, WRITE_MS);
  return () => {
    flush();
    latest = null;
  };
}
